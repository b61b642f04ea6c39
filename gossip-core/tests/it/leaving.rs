//! What a replica hands over before it leaves.

use core::time::Duration;
use std::collections::VecDeque;

use gossip_core::{AntiEntropy, Config, Engine, Kind, Map, MessageBudget, Overlay, ReplicaId};

const SECOND: Duration = Duration::from_secs(1);

/// Pushes once in ten seconds, which is later than any of these tests ends, and begins no round by itself.
fn config() -> Config {
    let mut config = Config::default();
    config.batch_every = Some(10 * SECOND);
    config.round_every = 1_000 * SECOND;
    config
}

fn sets(config: &Config, count: usize) -> Vec<AntiEntropy<usize, u64>> {
    meet((0..count).map(|me| AntiEntropy::new(config.clone(), me as u64 + 1)).collect())
}

/// Adds each machine as a peer to all others, with the first as the hub if they push.
fn meet<S: Kind>(mut machines: Vec<Engine<usize, S>>) -> Vec<Engine<usize, S>> {
    let count = machines.len();
    for (me, machine) in machines.iter_mut().enumerate() {
        (0..count).filter(|&peer| peer != me).for_each(|peer| _ = machine.add_peer(peer));
        machine.set_overlay(Overlay::star(&me, 0..count));
    }
    machines
}

/// Carries messages, in no time, until nobody has any, but for those to `deaf`. Returns how many were sent by each.
fn carry<S: Kind>(machines: &mut [Engine<usize, S>], elapsed: Duration, deaf: Option<usize>) -> Vec<usize> {
    let mut sent = vec![0; machines.len()];
    loop {
        let mut wire = VecDeque::new();
        for (from, machine) in machines.iter_mut().enumerate() {
            machine.drive(elapsed, |_, to, message| wire.push_back((from, to, message)), |_, _| {});
        }
        if wire.is_empty() {
            return sent;
        }
        for (from, to, message) in wire {
            sent[from] += 1;
            if deaf != Some(to) {
                machines[to].receive(&from, message).expect("they are peers");
            }
        }
    }
}

fn lagging<S: Kind>(machines: &[Engine<usize, S>]) -> Vec<Vec<usize>> {
    machines.iter().map(|machine| machine.lagging().copied().collect()).collect()
}

#[test]
fn what_waits_for_its_turn_goes_out_at_once_and_is_acknowledged_at_once() {
    let mut machines = sets(&config(), 3);
    machines[1].insert(1).unwrap();
    carry(&mut machines, SECOND, None);
    // The hub has sent its batch, and the next one goes ten seconds later.
    machines[0].insert(2).unwrap();
    carry(&mut machines, SECOND, None);
    assert!(machines[1..].iter().all(|spoke| !spoke.contains(&2)));
    assert_eq!(lagging(&machines)[0], [1, 2]);

    machines[0].flush();
    assert_eq!(carry(&mut machines, SECOND, None), [2, 1, 1], "a batch to each, and an acknowledgement of each");
    assert!(machines.iter().all(|machine| machine.len() == 2));
    assert_eq!(lagging(&machines).concat(), [0; 0]);
    machines.iter_mut().for_each(Engine::flush);
    assert_eq!(carry(&mut machines, SECOND, None), [0; 3], "nothing is left to hand over");
}

#[test]
fn what_takes_many_windows_is_acknowledged_to_its_end() {
    let mut config = config();
    config.max_message = MessageBudget::MIN;
    let mut machines = sets(&config, 2);
    machines[1].insert(1).unwrap();
    carry(&mut machines, SECOND, None);
    machines[0].extend((2..5_000).map(|number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).unwrap();
    machines[0].flush();
    let sent = carry(&mut machines, SECOND, None);
    assert_eq!((lagging(&machines)[0].len(), machines[1].len()), (0, 4_999), "{sent:?}");
}

#[test]
fn what_is_lost_goes_out_again() {
    let mut machines = sets(&config(), 2);
    machines[1].insert(1).unwrap();
    carry(&mut machines, SECOND, None);
    machines[0].insert(2).unwrap();
    let mut flush = |deaf| {
        machines[0].flush();
        carry(&mut machines, SECOND, deaf);
        (machines[1].contains(&2), lagging(&machines)[0].len())
    };
    assert_eq!(flush(Some(1)), (false, 1));
    assert_eq!(flush(None), (true, 1), "the peer asks for what was lost");
    assert_eq!(flush(None), (true, 0));
}

#[test]
fn a_leaf_hands_over_to_its_parent_alone_and_a_hub_not_to_whom_it_has_it_from() {
    let mut machines = sets(&config(), 3);
    for round in 0..2 {
        machines[2].insert(round).unwrap();
        machines[2].flush();
        assert_eq!(lagging(&machines)[2], [0]);
        carry(&mut machines, SECOND, None);
    }
    assert_eq!(lagging(&machines), [vec![1], vec![], vec![]]);
    assert!(machines[0].len() == 2 && machines[1].len() < 2);
}

#[test]
fn without_pushes_a_round_with_each_that_lags_hands_it_over() {
    let mut config = config();
    config.batch_every = None;
    let mut machines = sets(&config, 3);
    machines[0].extend(0..50).unwrap();
    machines[0].sync_now(&1);
    carry(&mut machines, Duration::ZERO, None);
    assert_eq!(lagging(&machines)[0], [2]);
    machines[0].flush();
    carry(&mut machines, Duration::ZERO, None);
    assert_eq!((lagging(&machines)[0].len(), machines[2].len()), (0, 50));
    machines[0].flush();
    assert_eq!(carry(&mut machines, Duration::ZERO, None), [0; 3]);
}

#[test]
fn whom_the_overlay_leaves_out_hands_over_by_rounds() {
    let mut machines = sets(&config(), 2);
    machines[0].insert(1).unwrap();
    machines[0].flush();
    carry(&mut machines, SECOND, None);
    machines[0].set_overlay(Overlay::star(&0, [0]));
    machines[0].insert(2).unwrap();
    assert_eq!(lagging(&machines)[0], [1]);
    machines[0].flush();
    carry(&mut machines, SECOND, None);
    assert_eq!((lagging(&machines)[0].len(), machines[1].contains(&2)), (0, true));
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let mut config = config();
    config.batch_every = None;
    let mut machines = sets(&config, 2);
    machines[0].insert(7).unwrap();
    let mut elapsed = Duration::ZERO;
    let mut rounds = 0;
    while !machines[0].lagging().eq(&[] as &[usize]) {
        machines[0].flush();
        elapsed += 60 * SECOND;
        carry(&mut machines, elapsed, Some(1));
        rounds += 1;
        assert!(rounds < 20, "it is lost after two rounds of three tries");
    }
    assert!(!machines[0].peer_stats(&1).unwrap().reachable);
}

#[test]
fn a_map_hands_over_what_it_has_inserted_and_what_it_has_removed() {
    let map = |me: u64| Map::<usize, String, u64>::new(config(), ReplicaId::from_random((me + 1).to_le_bytes()), me);
    let mut machines = meet((0..3).map(map).collect());
    machines[0].insert("tea".into(), 1).unwrap();
    machines[0].insert("milk".into(), 2).unwrap();
    machines[0].flush();
    carry(&mut machines, SECOND, None);
    machines[0].remove("tea");
    machines[0].insert("oats".into(), 3).unwrap();
    assert_eq!(lagging(&machines)[0], [1, 2]);
    machines[0].flush();
    carry(&mut machines, SECOND, None);
    assert_eq!(lagging(&machines)[0], [0; 0]);
    for map in &machines {
        assert!(map.iter().eq([(&"milk".into(), &2), (&"oats".into(), &3)]));
    }
}
