//! Two shops change a price without having seen each other: both prices stay, until somebody who sees both decides.
//! `cargo run -p examples --bin concurrent`

use std::time::Duration;

use gossip_core::{Config, Map, MapEvent, ReplicaId};

type Shop = Map<&'static str, String, u64>;

fn main() {
    // Of the operating system in a service: 8 random bytes, new ones for each life.
    let [mut north, mut south] = [1_u64, 2].map(|number| {
        let id = ReplicaId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        Shop::new(Config::default(), id, number)
    });
    north.add_peer("south");
    south.add_peer("north");
    north.insert("tea".into(), 250).expect("it is short");
    sync(&mut north, &mut south);

    println!("While the line is cut, both change the price of tea.");
    north.insert("tea".into(), 260).expect("it is short");
    south.insert("tea".into(), 240).expect("it is short");
    sync(&mut north, &mut south);
    for (name, shop) in [("north", &north), ("south", &south)] {
        let all: Vec<_> = shop.get_all("tea").collect();
        println!("{name}: tea is {:?}, of {all:?}", shop.get("tea"));
    }

    println!("Somebody looks, and takes the lower price.");
    let lowest = south.get_all("tea").min().copied().expect("there are two");
    south.insert("tea".into(), lowest).expect("it is short");
    sync(&mut north, &mut south);
    println!("north: tea is {:?}", north.get_all("tea").collect::<Vec<_>>());

    println!("While the line is cut again, north sells no more tea, and south has a new price.");
    north.remove("tea");
    south.insert("tea".into(), 245).expect("it is short");
    sync(&mut north, &mut south);
    // The removal was of the prices that north had seen, and it had not seen this one.
    println!("north: tea is {:?}", north.get("tea"));
}

/// Carries messages until nobody has any.
fn sync(north: &mut Shop, south: &mut Shop) {
    north.sync_now("south");
    while carry(north, south, "north") | carry(south, north, "south") {}
}

fn carry(from: &mut Shop, to: &mut Shop, name: &'static str) -> bool {
    let mut carried = false;
    from.drive(
        Duration::ZERO,
        |_, _, message| {
            to.receive_bytes(&name, &message.encode()).expect("it is of a peer");
            carried = true;
        },
        |_, event| {
            if let MapEvent::Changed { key, .. } = event {
                println!("  {name} hears of {key}");
            }
        },
    );
    carried
}
