//! Hostile bytes get an error and change nothing.

use crate::common::Network;
use gossip_core::{AntiEntropy, Config, DecodeError, Economy, Element, Foreign, Key, Message, Output, Reject, Time};

/// What `run` gives, and the most bytes it had allocated at once.
fn allocating<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let mut given = None;
    let counted = allocation_counter::measure(|| given = Some(run()));
    (given.expect("it has run"), counted.bytes_max as usize)
}

/// One message of every kind, of some sets.
fn messages<E: Element>(sets: [Vec<E>; 2]) -> Vec<Vec<u8>> {
    let mut found = vec![];
    // Tiny sets are repaired at once, larger ones by a sketch, for which more is asked or not, and by pages.
    let sizes = [1, 12, 16, 20, 24, 28, 32, 36, 40].map(|copies| (copies, Economy::Balanced));
    for (copies, economy) in sizes.into_iter().chain([(40, Economy::FewestBytes), (40, Economy::Pages)]) {
        let mut config = Config::default();
        config.economy = economy;
        let mut net = Network::<E>::new([config.clone(), config], 1);
        for (machine, set) in net.machines.iter_mut().zip(&sets) {
            machine.extend(set.iter().take(set.len() * copies / 40).cloned()).unwrap();
        }
        net.machines[0].sync_now(&1);
        while {
            net.drain_all();
            !net.wire.is_empty()
        } {
            for datagram in std::mem::take(&mut net.wire) {
                found.push(datagram.bytes.clone());
                net.deliver(&datagram);
            }
        }
    }
    let mut config = Config::default();
    config.batch_every = Some(core::time::Duration::from_secs(1));
    let mut machine = AntiEntropy::<usize, E>::new(config, 1);
    machine.add_peer(1);
    machine.set_overlay(gossip_core::Overlay::star(&0, [0, 1]));
    machine.extend(sets[0].iter().take(20).cloned()).unwrap();
    let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("nothing to push") };
    found.push(message.encode());
    // A request for cells, which not all sets take, and a page that lists ids: both with the beginning of another page.
    let page = found.iter().find(|bytes| bytes[0] == 0x26).expect("there are pages").clone();
    found.push([&[0x23], &page[1..9], &[7; 8], &[0, 5]].concat());
    found.push([&[0x2c], &page[1..9], &[65, 0, 17], &[1, 0x47, 1, 0, 0, 0]].concat());
    let mut kinds: Vec<_> = found.iter().map(|bytes| bytes[0]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    // All kinds, two more of probes and two more of pages.
    assert_eq!(kinds, (0x21..=0x2c).collect::<Vec<u8>>());
    found
}

/// Every prefix of every message is refused, and takes no more memory at once than `times` its own length.
fn refuse_prefixes<E: Element>(sets: [Vec<E>; 2], times: usize) {
    let messages = messages(sets);
    let mut machine = AntiEntropy::<usize, E>::new(Config::default(), 1);
    machine.add_peer(1);
    for bytes in &messages {
        let (whole, most) = allocating(|| Message::<E>::decode(bytes));
        assert_eq!(whole.map(|message| message.encode()).as_ref(), Ok(bytes));
        // What a sketch begins with takes 200 bytes, whatever its form.
        assert!(most <= bytes.len() + 200, "{most} bytes for {}", bytes.len());
        for len in 0..bytes.len() {
            let (refused, most) = allocating(|| Message::<E>::decode(&bytes[..len]));
            assert!(refused.is_err(), "{len} of {} bytes decode", bytes.len());
            // Wishes in an answer take 48 more.
            assert!(most <= len * times + 48 * times.min(1), "{most} bytes for {len}");
            assert!(machine.receive_bytes(&1, &bytes[..len]).is_err());
        }
    }
    assert!(machine.is_empty());
    assert_eq!(machine.stats().total.learned, 0);
    assert_eq!(machine.stats().total.rejected, messages.iter().map(|bytes| bytes.len() as u64).sum());
}

#[test]
fn hostile_bytes_allocate_nothing_beyond_their_size_and_change_nothing() {
    // What is whole is copied: wishes, which numbers need none of.
    refuse_prefixes::<u64>([(0..200).collect(), (15..215).collect()], 0);
    refuse_prefixes::<[u8; 32]>([(0..150).map(|i| [i; 32]).collect(), (20..170).map(|i| [i; 32]).collect()], 1);
    let texts = |range: std::ops::Range<u32>| range.map(|i| format!("text {i}").repeat(8)).collect::<Vec<_>>();
    refuse_prefixes::<String>([texts(0..60), texts(20..80)], 1);

    // 2^60 elements, in each form.
    let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    machine.add_peer(1);
    machine.insert(7).unwrap();
    for form in [0, 63, 0x80, 0x81, 0x83, 0x8b] {
        let (mut claim, end) = (vec![0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0], vec![form]);
        claim.extend([0x80; 8]);
        claim.extend([0x10]);
        claim.extend(end);
        let (refused, most) = allocating(|| Message::<u64>::decode(&claim));
        assert_eq!((refused, most), (Err(DecodeError::Element { index: 0, at: 21 }), 0));
        assert!(machine.receive_bytes(&1, &claim).is_err());
    }
    let claim = [0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0x80];
    let (refused, most) = allocating(|| Message::<u64>::decode(&claim));
    assert!(refused.is_err());
    assert_eq!(most, 0);
    // What it would do next is what one does that never saw any of this.
    let mut untouched = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    untouched.add_peer(1);
    untouched.insert(7).unwrap();
    assert!(machine.receive_bytes(&1, &claim).is_err());
    assert_eq!((machine.digest(), machine.stats().state_bytes), (untouched.digest(), 8));
    for now in [0, 500, 1_500, 5_000, 60_000].map(Time::from_millis) {
        for _ in 0..3 {
            assert_eq!(machine.poll(now), untouched.poll(now));
        }
    }

    let long = vec![0; (1 << 20) + 1];
    assert_eq!(Message::<u64>::decode(&long), Err(DecodeError::TooLong(long.len())));
    assert_eq!(Message::<u64>::decode(&[0x3f]), Err(DecodeError::Version(3)));
    assert_eq!(Message::<u64>::decode(&[0x2f]), Err(DecodeError::UnknownKind(15)));
    assert_eq!(DecodeError::UnknownKind(15).to_string(), "message kind 15 is unknown");
    let trailing = [&messages::<u64>([(0..200).collect(), (15..215).collect()])[0][..], &[0]].concat();
    let at = trailing.len() - 1;
    assert_eq!(Message::<u64>::decode(&trailing), Err(DecodeError::Trailing { at, extra: 1 }));

    strangers_and_foreigners_are_refused();
}

fn strangers_and_foreigners_are_refused() {
    let probe = probe::<u64>(&secret());
    let mut receiver = AntiEntropy::<usize, u64>::new(Config::default(), 2);
    assert_eq!(receiver.receive_bytes(&1, &probe), Err(Reject::UnknownPeer));
    assert_eq!(receiver.receive_bytes(&1, &[]), Err(Reject::UnknownPeer));
    assert_eq!(receiver.stats().from_strangers, 2);
    receiver.add_peer(1);
    assert_eq!(receiver.receive_bytes(&1, &probe), Err(Reject::Foreign(Foreign::Key)));
    assert_eq!((receiver.stats().total.rejected, receiver.len()), (1, 0));
    let Output::Wait(Some(_)) = receiver.poll(Time::ZERO) else { panic!("a foreign probe earns nothing") };
}

fn secret() -> Config {
    let mut config = Config::default();
    config.key = Key::secret([1; 16]);
    config
}

/// What a replica sends first.
fn probe<E: Element>(config: &Config) -> Vec<u8> {
    let mut machine = AntiEntropy::<usize, E>::new(config.clone(), 1);
    machine.add_peer(2);
    machine.sync_now(&2);
    let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("nothing to send") };
    message.encode()
}

#[test]
fn what_makes_a_message_foreign_is_told() {
    let limited = |mut config: Config| {
        config.max_element_bytes = 7;
        config
    };
    let mut receiver = AntiEntropy::<usize, u64>::new(Config::default(), 2);
    receiver.add_peer(1);
    let mut of = |probe: &[u8]| match receiver.receive_bytes(&1, probe) {
        Ok(()) => None,
        Err(Reject::Foreign(foreign)) => Some(foreign),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(of(&probe::<u64>(&Config::default())), None);
    assert_eq!(of(&probe::<u64>(&secret())), Some(Foreign::Key));
    assert_eq!(of(&probe::<u32>(&Config::default())), Some(Foreign::Type));
    assert_eq!(of(&probe::<u64>(&limited(Config::default()))), Some(Foreign::Limit));
    assert_eq!(of(&probe::<u32>(&limited(Config::default()))), Some(Foreign::Several));
    assert_eq!(of(&probe::<u32>(&limited(secret()))), Some(Foreign::Several));
    let told = Reject::Foreign(Foreign::Limit).to_string();
    assert_eq!(told, "the message is of another cluster: its element limit differs");
}
