//! What an embedder leans on beside the laws.

use gossip_core::{AntiEntropy, Config, Message, Output, Time, TooLarge};

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

    let mut narrow = AntiEntropy::<usize, Vec<u8>>::new(config, 1);
    let refused = Err(TooLarge { len: 3, limit: 2 });
    assert_eq!(narrow.extend([vec![1], vec![1, 2], vec![3]]), refused);
    assert!(narrow.iter().eq([&vec![1]]), "those before it are inserted, and those after it are not");
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
