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
        let each = |bytes: usize| (bytes as u64).saturating_sub(400).div_ceil(changes);
        let [ours, theirs] = measure(count, update, changes);
        let [our, their] = measure(count, remove, changes);
        println!(
            "| {changes} | {ours:?} | {} | {theirs:?} {} | {our:?} | {} | {their:?} {}",
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

/// A replica misses a million updates and 10^5 removals of 10^5 keys, and returns.
#[test]
#[ignore = "it takes minutes"]
fn returns() {
    let (mut replicas, keys) = (replicas(), 100_000);
    (0..keys).for_each(|index| _ = replicas[0].insert(key(index), value(index)).expect("it is short"));
    println!("first meeting: {:?}", round(&mut replicas, 1));
    let kept = replicas[1].len();
    for index in 0..1_000_000 {
        _ = replicas[0].insert(key(index % keys), value(index + 7)).expect("it is short");
    }
    (0..keys).for_each(|index| assert_eq!(replicas[0].remove(&key(index)), 1));
    (0..keys / 2).for_each(|index| _ = replicas[0].insert(key(index), value(index)).expect("it is short"));
    println!("{kept} keys, and after the return: {:?}", round(&mut replicas, 1));
    assert_eq!(replicas[1].len(), 50_000);
    (0..keys).for_each(|index| _ = replicas[0].remove(&key(index)));
    println!("with nothing left: {:?}", round(&mut replicas, 1));
    assert!(replicas[1].is_empty());
}

/// Time and memory of operations on one replica.
#[test]
#[ignore = "it takes minutes"]
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn operations() {
    use std::time::Instant;
    let count = 1_000_000;
    let mut map = None;
    let memory = allocation_counter::measure(|| {
        let mut filled = Replica::new(Config::default(), ReplicaId::from_random([9; 8]), 1);
        let start = Instant::now();
        (0..count).for_each(|index| _ = filled.insert(key(index), value(index)).expect("it is short"));
        println!("insert: {} ns", start.elapsed().as_nanos() / u128::from(count));
        map = Some(filled);
    });
    println!("bytes an entry: {}", memory.bytes_current / count as i64);
    let mut map = map.expect("it was made");
    let mut time = |name: &str, act: &mut dyn FnMut(&mut Replica, u64)| {
        let start = Instant::now();
        (0..count).for_each(|index| act(&mut map, key(index)));
        println!("{name}: {} ns", start.elapsed().as_nanos() / u128::from(count));
    };
    time("get", &mut |map, key| assert!(map.get(&key).is_some()));
    time("update", &mut |map, key| assert_eq!(map.insert(key, value(key)), Ok(1)));
    time("remove", &mut |map, key| assert_eq!(map.remove(&key), 1));
}

/// Ten million updates of 10^4 keys: what memory they take beside the first 10^5.
#[test]
#[ignore = "it takes minutes"]
fn memory() {
    let mut map = Replica::new(Config::default(), ReplicaId::from_random([9; 8]), 1);
    let mut held = 0;
    for thousand in 0..10_000_u64 {
        let memory = allocation_counter::measure(|| {
            for index in 0..1_000 {
                let update = thousand * 1_000 + index;
                _ = map.insert(key(update % 10_000), value(update)).expect("it is short");
            }
        });
        held += memory.bytes_current;
        if [9, 99, 999, 4_999, 9_999].contains(&thousand) {
            println!("after {} updates: {held} bytes", (thousand + 1) * 1_000);
        }
    }
}
