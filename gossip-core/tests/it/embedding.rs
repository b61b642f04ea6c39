//! What an embedder leans on beside the laws.

use core::time::Duration;

use gossip_core::{AntiEntropy, Config, Event, Message, Output, Overlay, Place, Time, TooLarge};

#[test]
fn the_machine_may_live_anywhere() {
    fn anywhere<T: Clone + Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    anywhere::<AntiEntropy<String, String>>();
    anywhere::<Message<String>>();
    anywhere::<Output<String, String>>();
}

#[test]
fn calls_say_what_they_did() {
    let mut config = Config::default();
    config.max_element_bytes = 2;
    let mut machine = AntiEntropy::<usize, u16>::new(config.clone(), 1);
    assert_eq!((machine.config(), machine.is_empty(), machine.contains(&7)), (&config, true, false));
    assert_eq!((machine.extend([7, 8, 7, 9]), machine.extend([9, 10])), (Ok(3), Ok(1)));
    assert_eq!((machine.insert(10), machine.insert(11)), (Ok(false), Ok(true)));
    assert_eq!((machine.len(), machine.is_empty()), (5, false));
    assert_eq!([7, 11, 12].map(|element| machine.contains(&element)), [true, true, false]);

    let mut narrow = AntiEntropy::<usize, String>::new(config, 1);
    let refused = Err(TooLarge { len: 3, limit: 2 });
    assert_eq!(narrow.extend(["a", "ab", "c"].map(String::from)), refused);
    assert!(narrow.iter().eq(["a"]), "those before it are inserted, and those after it are not");
}

#[test]
fn whoever_is_removed_takes_nothing_of_others_along() {
    let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    assert_eq!([1, 2, 1].map(|peer| machine.add_peer(peer)), [true, true, false]);
    machine.sync_now(&1);
    machine.sync_now(&2);
    assert_eq!([1, 1].map(|peer| machine.remove_peer(&peer)), [true, false]);
    assert!(machine.peers().eq([&2]) && machine.peer_stats(&1).is_none());
    assert!(matches!(machine.poll(Time::ZERO), Output::Send { to: 2, .. }));
    assert!(matches!(machine.poll(Time::ZERO), Output::Wait(Some(_))));
    // Neither for an answer of it, nor for its turn.
    machine.remove_peer(&2);
    assert_eq!(machine.poll(Time::ZERO), Output::Wait(None));
}

#[test]
fn at_the_end_of_time_nothing_is_due() {
    let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    machine.add_peer(1);
    for _ in 0..2 {
        assert_eq!(machine.poll(Time::MAX), Output::Wait(None));
    }
}

#[test]
fn a_driven_machine_hands_over_all_there_is_and_says_how_long_to_wait() {
    let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    let elapsed = Duration::from_millis(1_500);
    let quiet = |_: &mut _, _, _| panic!("nothing to send");
    assert_eq!(machine.drive(elapsed, quiet, |_, event| panic!("{event:?}")), Duration::MAX);
    for peer in [1, 2] {
        machine.add_peer(peer);
        machine.sync_now(&peer);
    }
    let mut asked = vec![];
    // The transport to the other peer is full by the first message.
    let full = |machine: &mut AntiEntropy<_, _>, to, _| {
        asked.push(to);
        machine.set_writable(&(3 - to), false);
    };
    let wait = machine.drive(elapsed, full, |_, event| panic!("{event:?}"));
    assert_eq!(asked, [1]);
    assert_eq!(machine.poll(Time::ZERO), Output::Wait(Some(Time::from_millis(1_500) + wait)));
}

#[test]
fn a_proof_tells_whether_anything_has_changed_since_the_last_one() {
    let mut machines = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(Config::default(), seed));
    machines.iter_mut().zip([1, 0]).for_each(|(machine, peer)| _ = machine.add_peer(peer));
    let mut proofs = |change: Option<(usize, u64)>| {
        change.into_iter().for_each(|(at, element)| _ = machines[at].insert(element).unwrap());
        machines[0].sync_now(&1);
        let mut again = [None; 2];
        for at in [0, 1].repeat(4) {
            let mut sent = vec![];
            let mut note = |event| {
                if let Event::InSync { again: is_again, .. } = event {
                    again[at] = Some(is_again)
                }
            };
            machines[at].drive(Duration::ZERO, |_, to, message| sent.push((to, message)), |_, event| note(event));
            sent.into_iter().for_each(|(to, message)| machines[to].receive(&at, message).unwrap());
        }
        again
    };
    assert_eq!([proofs(None), proofs(None)], [[Some(false); 2], [Some(true); 2]]);
    assert_eq!([proofs(Some((0, 7))), proofs(None)], [[Some(false); 2], [Some(true); 2]]);
    assert_eq!([proofs(Some((1, 8))), proofs(Some((1, 8)))], [[Some(false); 2], [Some(true); 2]]);
}

#[cfg(feature = "serde")]
#[test]
fn messages_are_text_in_readable_formats_and_bytes_in_others() {
    let mut machine = AntiEntropy::<usize, String>::new(Config::default(), 1);
    machine.insert("a".into()).unwrap();
    machine.add_peer(2);
    machine.sync_now(&2);
    let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("nothing to send") };
    let bytes = message.encode();

    let text = serde_json::to_string(&message).unwrap();
    assert_eq!(text.len(), 2 + (bytes.len() * 8).div_ceil(6), "one string in base64");
    assert_eq!(serde_json::from_str::<Message<String>>(&text).unwrap(), message);
    for wrong in ["17", "\"!\"", "\"AAAA\"", "null"] {
        assert!(serde_json::from_str::<Message<String>>(wrong).is_err(), "{wrong}");
    }

    let binary = postcard::to_allocvec(&message).unwrap();
    assert_eq!(binary.len(), 1 + bytes.len(), "a length and the bytes");
    assert_eq!(postcard::from_bytes::<Message<String>>(&binary).unwrap(), message);
}

/// Polls all machines until none has anything to say; messages come at once. Returns who reached what where.
fn run(machines: &mut [AntiEntropy<usize, u64>], now: Time) -> Vec<(usize, usize, Place)> {
    let mut reached = vec![];
    loop {
        let mut quiet = true;
        for at in 0..machines.len() {
            loop {
                match machines[at].poll(now) {
                    Output::Send { to, message } => drop(machines[to].receive(&at, message)),
                    Output::Event(Event::Reached { peer, place }) => reached.push((at, peer, place)),
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                }
                quiet = false;
            }
        }
        if quiet {
            return reached;
        }
    }
}

fn lags(machine: &AntiEntropy<usize, u64>) -> Vec<usize> {
    machine.peers().map(|peer| machine.peer_stats(peer).expect("it is one").lag).collect()
}

/// Whether pushes, or rounds alone, bring them.
#[test]
fn whoever_wrote_is_told_once_its_peers_hold_it() {
    for batch_every in [Some(Duration::from_millis(100)), None] {
        let mut config = Config::default();
        config.batch_every = batch_every;
        let mut machines: Vec<_> = (0..3).map(|seed| AntiEntropy::<usize, u64>::new(config.clone(), seed)).collect();
        for (at, machine) in machines.iter_mut().enumerate() {
            (0..3).filter(|&peer| peer != at).for_each(|peer| assert!(machine.add_peer(peer)));
            machine.set_overlay(Overlay::star(&at, 0..3));
        }
        let mut reached = vec![];
        let mut places = vec![];
        for step in 0..600_u64 {
            // Under writes no digest is ever equal for long.
            machines[0].insert(step).expect("it is small");
            if step == 100 {
                let place = machines[0].end();
                assert!([1, 2].into_iter().all(|peer| machines[0].watch(&peer, place)));
                assert!(!machines[0].watch(&7, place));
                places = vec![(0, 1, place), (0, 2, place)];
            }
            reached.extend(run(&mut machines, Time::from_millis(20 * step)));
        }
        reached.sort();
        assert_eq!(reached, places, "{batch_every:?}");
        // Two seconds of writes, which acknowledgements may wait for; or two rounds of about a second.
        assert!(lags(&machines[0]).iter().all(|lag| *lag <= 250), "{:?}", lags(&machines[0]));
        let (quiet, end) = (Time::from_millis(60_000), machines[0].end());
        run(&mut machines, quiet);
        (1..=2).for_each(|peer| machines[0].sync_now(&peer));
        run(&mut machines, quiet);
        assert_eq!(lags(&machines[0]), [0, 0]);
        assert_eq!(machines[0].peer_stats(&1).expect("it is one").reached, end);
        // What is so already is told at once.
        assert!(machines[0].watch(&1, end));
        assert_eq!(run(&mut machines, quiet), [(0, 1, end)]);
        if batch_every.is_some() {
            continue;
        }
        // A peer that begins anew has nothing. Where nobody names logs, its first probe says so.
        let mut anew = AntiEntropy::new(config, 9);
        (0..3).filter(|&peer| peer != 1).for_each(|peer| assert!(anew.add_peer(peer)));
        anew.set_overlay(Overlay::star(&1, 0..3));
        anew.sync_now(&0);
        machines[1] = anew;
        while let Output::Send { to, message } = machines[1].poll(quiet) {
            if to == 0 {
                machines[0].receive(&1, message).expect("it is well-formed");
            }
        }
        assert_eq!(machines[0].peer_stats(&1).expect("it is one").reached, Place::START);
    }
}

/// A runtime may say what is so already, as often as it likes.
#[test]
fn an_overlay_that_is_set_again_puts_nothing_off() {
    let mut config = Config::default();
    config.batch_every = Some(Duration::from_millis(370));
    let begin = |at: usize, seed| {
        let mut machine = AntiEntropy::<usize, u64>::new(config.clone(), seed);
        machine.add_peer(1 - at);
        machine.set_overlay(Overlay::star(&at, 0..2));
        machine
    };
    let mut machines = [begin(0, 1), begin(1, 2)];
    machines[1].extend(0..100).expect("they are small");
    let mut missing = None;
    for at in (0..60_000).step_by(10) {
        if at == 30_000 {
            assert_eq!(machines[0].len(), 100);
            machines[0] = begin(0, 3);
        }
        if at % 400 == 0 {
            (0..2).for_each(|me| machines[me].set_overlay(Overlay::star(&me, 0..2)));
        }
        for me in [0, 1, 0, 1] {
            loop {
                match machines[me].poll(Time::from_millis(at)) {
                    Output::Send { to, message } => drop(machines[to].receive(&me, message)),
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                }
            }
        }
        if at >= 30_000 && machines[0].len() < 100 {
            missing = Some(at - 30_000);
        }
    }
    assert!(missing.is_some_and(|last| last < 3_000), "the hub lacked something for {missing:?} ms");
}
