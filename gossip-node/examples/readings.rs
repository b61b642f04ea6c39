//! Two processes that share readings over TCP, from nothing: `cargo new`, four times `cargo add`, and this.
//!
//! `cargo run -p gossip-node --features net --example readings -- n1 127.0.0.1:7001 127.0.0.1:7002`, and in another terminal
//! `… -- n2 127.0.0.1:7002 127.0.0.1:7001`: a name, the own address, and that of the other.

use gossip_core::{AntiEntropy, Serde, Tagged, TypeTag};
use gossip_node::net::{PeerId, Peers, Replica};

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Reading {
    sensor: String,
    celsius: f64,
}

impl Tagged for Reading {
    const TYPE: TypeTag = TypeTag::new("weather.reading.1");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let replica = Replica::<AntiEntropy<PeerId, Serde<Reading>>>::builder(&args[1])
        .listen(&args[2])
        .insecure()
        .peers(Peers::fixed([args[3].clone()]))
        .spawn()
        .await?;
    let mut changes = replica.subscribe();
    replica.insert(Serde(Reading { sensor: args[1].clone(), celsius: 21.5 })).await?;
    loop {
        println!("{:?}", changes.next().await?.element.0);
    }
}
