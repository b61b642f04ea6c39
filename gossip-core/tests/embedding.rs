//! What an embedder leans on beside the laws.

use gossip_core::{AntiEntropy, Message, Output};

#[test]
fn the_machine_may_live_anywhere() {
    fn anywhere<T: Clone + Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    anywhere::<AntiEntropy<String, String>>();
    anywhere::<Message<String>>();
    anywhere::<Output<String, String>>();
}

#[cfg(feature = "serde")]
#[test]
fn messages_are_text_in_readable_formats_and_bytes_in_others() {
    use gossip_core::{Config, Time};

    let mut machine = AntiEntropy::<u8, String>::new(Config::default(), 1);
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
