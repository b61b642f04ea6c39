//! What three processes get done: a measurement, not a test.

use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::wait_for;

/// How long writes go on.
const FOR: Duration = Duration::from_secs(5);

/// Processor time of a process so far, and its memory in KiB.
fn cost(pid: u32) -> (Duration, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: u64 = [11, 12].iter().map(|&field| fields[field].parse::<u64>().expect("a number")).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    (Duration::from_millis(10 * ticks), line.trim().trim_end_matches(" kB").parse().expect("a number"))
}

fn costs(cluster: &Cluster) -> Vec<(Duration, u64)> {
    cluster.processes.iter().flatten().map(|process| cost(process.id())).collect()
}

/// Writes at all three by so many clients each. Returns how many were acknowledged in a second.
fn writes(cluster: &Cluster, clients: usize) -> u64 {
    let count: u64 = thread::scope(|scope| {
        let write = |node: usize, client: usize| {
            let mut connection = cluster.client(node).expect("it listens");
            move || {
                let (began, mut count) = (Instant::now(), 0);
                while began.elapsed() < FOR {
                    let element = format!("\"{clients} {node} {client} {count} {}\"", "x".repeat(80));
                    assert_eq!(
                        connection.request("POST", "/v1/elements", &element).map(|(status, _)| status),
                        Some(201)
                    );
                    count += 1;
                }
                count
            }
        };
        let writers: Vec<_> = (0..3)
            .flat_map(|node| (0..clients).map(move |client| (node, client)))
            .map(|(node, client)| scope.spawn(write(node, client)))
            .collect();
        writers.into_iter().map(|writer| writer.join().expect("it writes")).sum()
    });
    count / FOR.as_secs()
}

/// How long values take to another process, in microseconds, sorted.
fn latencies(cluster: &Cluster) -> Vec<u128> {
    let mut events = cluster.watch(2);
    let mut writer = cluster.client(0).expect("it listens");
    let mut took: Vec<u128> = (0..200)
        .map(|number| {
            let began = Instant::now();
            writer.request("POST", "/v1/elements", &format!("\"latency {number}\"")).expect("it answers");
            while !events.next_line().contains(&format!("latency {number}\"")) {}
            let took = began.elapsed();
            thread::sleep(Duration::from_micros(7_919 * (number % 10)));
            took.as_micros()
        })
        .collect();
    took.sort_unstable();
    took
}

#[test]
#[ignore = "a measurement: cargo test --release -p gossip-node --features http --test service throughput -- --ignored --nocapture"]
fn throughput() {
    for is_secured in [false, true] {
        let mut cluster = Cluster::new(3, is_secured);
        cluster.start_all();
        (0..3).for_each(|node| wait_for("ready", || cluster.get(node, "/readyz?peers=2").0 == 200));
        let idle = costs(&cluster);
        thread::sleep(FOR);
        let after = costs(&cluster);
        println!("secured: {is_secured}");
        for ((before, memory), (after, _)) in idle.iter().zip(&after) {
            println!("  idle: {:?} of {FOR:?}, {memory} KiB", *after - *before);
        }
        let took = latencies(&cluster);
        println!(
            "  to another: {} µs in the median, {} µs for 99 %",
            took[took.len() / 2],
            took[took.len() * 99 / 100]
        );
        for clients in [1, 16, 64] {
            let before = costs(&cluster);
            let writes = writes(&cluster, clients);
            let after = costs(&cluster);
            let busy: Vec<_> =
                before.iter().zip(&after).map(|((before, _), (after, memory))| (*after - *before, memory)).collect();
            println!("  {clients} clients each: {writes} writes a second, {busy:?} of {FOR:?}");
        }
        let began = Instant::now();
        wait_for("in step", || {
            let counts: Vec<usize> = (0..3).map(|node| cluster.elements(node).len()).collect();
            counts.iter().all(|count| *count == counts[0])
        });
        println!("  in step after {:?}", began.elapsed());
        cluster.stop_all();
    }
}
