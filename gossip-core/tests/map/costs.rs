//! What updates and removals cost: bytes and round trips of one round, since the last proof.

use gossip_core::{Config, Map, MapOutput, MessageBudget, ReplicaId, Time};

type Replica = Map<usize, u64, [u8; 32]>;

const KEYS: u64 = 2_000;

/// A key that is spread as random ones are.
fn key(index: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn value(of: u64) -> [u8; 32] {
    let mut value = [0; 32];
    value[..8].copy_from_slice(&key(of ^ 0x5555).to_le_bytes());
    value
}

/// Two replicas that have a proof of these keys.
fn replicas() -> [Replica; 2] {
    let mut replicas = [0, 1].map(|index: u8| {
        let id = ReplicaId::from_random([index ^ 0x5a; 8]);
        Replica::new(Config::default(), id, index.into())
    });
    replicas[0].add_peer(1);
    replicas[1].add_peer(0);
    (0..KEYS).for_each(|index| assert_eq!(replicas[0].insert(key(index), value(index)), Ok(0)));
    round(&mut replicas, 1);
    replicas
}

/// A round that `asker` begins: its bytes, and how often one side waited for the other.
fn round(replicas: &mut [Replica; 2], asker: usize) -> (usize, usize) {
    replicas[asker].sync_now(&(1 - asker));
    let (mut bytes, mut legs, mut side) = (0, 0, asker);
    loop {
        let mut sent = false;
        loop {
            match replicas[side].poll(Time::ZERO) {
                MapOutput::Send { to, message } => {
                    let encoded = message.encode();
                    bytes += encoded.len();
                    sent = true;
                    replicas[to].receive_bytes(&side, &encoded).expect("it is sound");
                }
                MapOutput::Event(_) => {}
                MapOutput::Wait(_) => break,
            }
        }
        if !sent {
            break;
        }
        legs += 1;
        side = 1 - side;
    }
    assert_eq!(replicas[0].digest(), replicas[1].digest(), "convergence");
    (bytes, legs)
}

/// Bytes and legs of a round after `changes` at one side, which that side begins, and which the other does.
fn costs(changes: u64, change: impl Fn(&mut Replica, u64)) -> [(usize, usize); 2] {
    [0, 1].map(|asker| {
        let mut replicas = replicas();
        // Not in the order of their inserts, of which fewer bytes would tell.
        (0..changes).for_each(|index| change(&mut replicas[0], index * 757 % KEYS));
        let cost = round(&mut replicas, asker);
        assert!(replicas[0].iter().eq(replicas[1].iter()), "both hold the same");
        cost
    })
}

/// Bytes and legs after so many [`CHANGES`], begun by who wrote, and by the other.
const UPDATES: [[(usize, usize); 2]; 4] =
    [[(442, 4), (215, 3)], [(1_121, 4), (636, 3)], [(8_208, 4), (4_769, 3)], [(76_437, 4), (78_408, 5)]];
const REMOVALS: [[(usize, usize); 2]; 4] =
    [[(376, 4), (160, 3)], [(478, 4), (176, 3)], [(2_106, 4), (259, 3)], [(1_255, 4), (1_160, 3)]];

const CHANGES: [u64; 4] = [1, 10, 100, 1_000];

/// At most key, value and 45 bytes an update, 400 beside, and three round trips. Up to 512 updates their writer tells from its
/// log what a peer lacks that had a proof.
#[test]
fn an_update_costs_its_entry() {
    let update = |map: &mut Replica, index| assert_eq!(map.insert(key(index), value(index + 1)), Ok(1));
    let found = CHANGES.map(|changes| costs(changes, update));
    assert_eq!(found, UPDATES);
    for (changes, (bytes, legs)) in CHANGES.into_iter().zip(found).flat_map(|(u, found)| found.map(|cost| (u, cost))) {
        assert!(bytes as u64 <= (8 + 32 + 45) * changes + 400 && legs <= 6, "{changes}: {bytes} bytes, {legs} legs");
    }
}

/// At most 20 bytes a removal, 400 beside, and three round trips.
#[test]
fn a_removal_costs_less_than_a_name() {
    let remove = |map: &mut Replica, index| assert_eq!(map.remove(&key(index)), 1);
    let found = CHANGES.map(|changes| costs(changes, remove));
    assert_eq!(found, REMOVALS);
    for (changes, (bytes, legs)) in CHANGES.into_iter().zip(found).flat_map(|(u, found)| found.map(|cost| (u, cost))) {
        assert!(bytes as u64 <= 20 * changes + 400 && legs <= 6, "{changes}: {bytes} bytes, {legs} legs");
    }
}

/// A replica that missed the removal of all it holds sends none of it: a page that lists nothing, with the marks, tells.
#[test]
fn who_comes_back_to_an_emptied_map_pays_for_what_is_left() {
    let found = [0, 1].map(|asker| {
        let mut replicas = replicas();
        (0..KEYS).for_each(|index| assert_eq!(replicas[0].insert(key(index), value(index + 1)), Ok(1)));
        (0..KEYS).for_each(|index| assert_eq!(replicas[0].remove(&key(index)), 1));
        let found = round(&mut replicas, asker);
        assert!(replicas[1].is_empty());
        found
    });
    assert_eq!(found, [(255, 6), (350, 7)]);
}

/// Marks of forty writers each, and messages with room for ten: one side alone asks, and both end with all of them.
#[test]
fn marks_that_fit_no_message_are_read_too() {
    let mut config = Config::default();
    config.max_message = MessageBudget::new(256);
    let replica = |index: u8, peer| {
        let mut replica = Replica::new(config.clone(), ReplicaId::from_random([index; 8]), index.into());
        replica.add_peer(peer);
        replica
    };
    for asker in [0, 1] {
        let mut replicas = [replica(1, 1), replica(2, 0)];
        for writer in 10..90 {
            let reader = usize::from(writer % 2);
            let mut pair = [replica(writer, 1), replica(writer, 0)];
            core::mem::swap(&mut pair[reader], &mut replicas[reader]);
            assert_eq!(pair[1 - reader].insert(writer.into(), value(0)), Ok(0));
            round(&mut pair, reader);
            assert_eq!(pair[reader].remove(&writer.into()), 1);
            core::mem::swap(&mut pair[reader], &mut replicas[reader]);
        }
        round(&mut replicas, asker);
    }
}
