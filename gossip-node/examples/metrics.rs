//! The ledger in Prometheus: two replicas in one process, exported and scraped. Given an address, it stays there to be
//! scraped by others: `cargo run -p gossip-node --features metrics --example metrics -- 127.0.0.1:9464`.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use gossip_core::{AntiEntropy, Config, Output, Time};
use gossip_node::metrics::{describe, publish};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let exporter = export(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    describe();

    let [left, right] = reconciled()?;
    publish(&left, "left");
    publish(&right, "right");

    let response = scrape(exporter)?;
    let mut samples: Vec<_> =
        response.lines().filter(|line| line.starts_with("gossip_") && !line.ends_with(" 0")).collect();
    samples.sort_unstable();
    println!("{}", samples.join("\n"));
    if address.is_some() {
        eprintln!("http://{exporter}/metrics");
        loop {
            thread::park();
        }
    }
    Ok(())
}

/// Two replicas that differ in 10 of some 10 000 elements, after a round that `left` began.
pub(crate) fn reconciled() -> Result<[AntiEntropy<&'static str, u64>; 2], Box<dyn Error>> {
    let names = ["left", "right"];
    let mut machines = [AntiEntropy::new(Config::default(), 1), AntiEntropy::new(Config::default(), 2)];
    machines[0].extend(0..10_000)?;
    machines[1].extend(5..10_005)?;
    machines[0].add_peer("right");
    machines[1].add_peer("left");
    machines[0].sync_now(&"right");
    while machines[0].stats().total.rounds == 0 {
        for (sender, receiver) in [(0, 1), (1, 0)] {
            while let output @ (Output::Send { .. } | Output::Event(_)) = machines[sender].poll(Time::ZERO) {
                if let Output::Send { message, .. } = output {
                    machines[receiver].receive(&names[sender], message)?;
                }
            }
        }
    }
    Ok(machines)
}

/// What a Prometheus server would read.
pub(crate) fn scrape(exporter: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(exporter)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {exporter}\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// Installs the exporter as what takes all metrics, and shows them at an address; port 0 is one that nobody listens at.
pub(crate) fn export(address: &str) -> Result<SocketAddr, Box<dyn Error>> {
    let recorder = PrometheusBuilder::new().install_recorder()?;
    let listener = TcpListener::bind(address)?;
    let exporter = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = answer(&stream, &recorder) {
                eprintln!("a scrape failed: {error}");
            }
        }
    });
    Ok(exporter)
}

/// Answers one request, whatever it asks for.
fn answer(mut stream: &TcpStream, recorder: &PrometheusHandle) -> io::Result<()> {
    // All of it is read first: a connection that is closed with bytes unread is reset, and the answer lost with it.
    for line in BufReader::new(stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let metrics = recorder.render();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{metrics}", metrics.len())
}
