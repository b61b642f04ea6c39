//! What updates and removals cost: bytes and round trips of one round, since the last proof.

use gossip_core::{Config, Map, MapOutput, ReplicaId, Time};

type Replica = Map<usize, u64, [u8; 32]>;

/// A key that is spread as random ones are.
fn key(index: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn value(of: u64) -> [u8; 32] {
    let mut value = [0; 32];
    value[..8].copy_from_slice(&key(of ^ 0x5555).to_le_bytes());
    value
}

fn replicas() -> [Replica; 2] {
    let mut replicas = [0, 1].map(|index: u8| {
        let id = ReplicaId::from_random([index ^ 0x5a; 8]);
        Replica::new(Config::default(), id, index.into())
    });
    replicas[0].add_peer(1);
    replicas[1].add_peer(0);
    replicas
}

/// A round that `asker` begins: its bytes, and how many messages one side waits for.
fn round(replicas: &mut [Replica; 2], asker: usize) -> (usize, usize) {
    replicas[asker].sync_now(&(1 - asker));
    let (mut bytes, mut legs) = (0, 0);
    loop {
        let mut sent = false;
        for side in [asker, 1 - asker] {
            let mut first = true;
            loop {
                match replicas[side].poll(Time::ZERO) {
                    MapOutput::Send { to, message } => {
                        let encoded = message.encode();
                        assert_eq!(encoded.len(), message.encoded_len());
                        if std::env::var("SHOW").is_ok() {
                            eprintln!("{side} {message:?}");
                        }
                        bytes += encoded.len();
                        legs += usize::from(first);
                        (first, sent) = (false, true);
                        replicas[to].receive_bytes(&side, &encoded).expect("it is sound");
                    }
                    MapOutput::Event(_) => {}
                    MapOutput::Wait(_) => break,
                }
            }
        }
        if !sent {
            break;
        }
    }
    assert_eq!(replicas[0].digest(), replicas[1].digest(), "convergence");
    (bytes, legs)
}

/// Bytes and legs of a round after these changes at one side, whoever asks.
fn measure(count: u64, mut change: impl FnMut(&mut Replica, u64), changes: u64) -> [(usize, usize); 2] {
    [0, 1].map(|asker| {
        let mut replicas = replicas();
        (0..count).for_each(|index| _ = replicas[0].insert(key(index), value(index)).expect("it is short"));
        round(&mut replicas, 1);
        (0..changes).for_each(|index| change(&mut replicas[0], index * (count / changes)));
        round(&mut replicas, asker)
    })
}

fn table(count: u64, most: u64) {
    println!(
        "| changes | updates: bytes, legs | a change | asked by the other | removals | a change | asked by the other |"
    );
    let mut changes = 1;
    while changes <= most {
        let update = |map: &mut Replica, index| _ = map.insert(key(index), value(index + 1)).expect("it is short");
        let remove = |map: &mut Replica, index| assert_eq!(map.remove(&key(index)), 1);
        let each = |bytes: usize| (bytes as u64).saturating_sub(400) as f64 / changes as f64;
        let [ours, theirs] = measure(count, update, changes);
        let [our, their] = measure(count, remove, changes);
        println!(
            "| {changes} | {ours:?} | {:.1} | {theirs:?} {:.1} | {our:?} | {:.1} | {their:?} {:.1}",
            each(ours.0),
            each(theirs.0),
            each(our.0),
            each(their.0)
        );
        changes *= 10;
    }
}

#[test]
#[ignore = "it takes minutes"]
fn costs() {
    table(100_000, 10_000);
}
