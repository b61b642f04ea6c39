//! Replicas of two versions of an element type: what the earlier one cannot decode passes through it, and nothing else is
//! held up.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use crate::findings::Spelt;
use gossip_core::sim::{Checks, Fault, Limits, Machine, Memory, Network, Simulation, Step, forge};
use gossip_core::{
    AntiEntropy, Config, Digest, Economy, Element, Event, Ledger, NotKept, Output, Overlay, Reject, Time, TypeTag,
};
use proptest::prelude::*;

/// A kind below `KINDS`, and a text: a later version has more kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<const KINDS: u8>(u8, String);

type Old = Entry<2>;
type New = Entry<3>;

impl<const KINDS: u8> Element for Entry<KINDS> {
    const TYPE: TypeTag = TypeTag::new("upgrades.entry");

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let kind = u8::decode(input).filter(|kind| *kind < KINDS)?;
        String::decode(input).map(|text| Self(kind, text))
    }
}

/// The element in another version; `None` if that has no such kind.
fn converted<const FROM: u8, const TO: u8>(entry: &Entry<FROM>) -> Option<Entry<TO>> {
    Element::decode(&mut &forge::encoding(entry)[..])
}

/// A machine with what its events have told, each time.
struct Replica<E> {
    machine: AntiEntropy<usize, E>,
    learned: Vec<E>,
    undecoded: Vec<Box<[u8]>>,
    decoded: Vec<E>,
}

impl<E: Element> Replica<E> {
    fn new(name: usize, config: &Config) -> Self {
        let mut machine = AntiEntropy::new(config.clone(), name as u64);
        machine.add_peer(1 - name);
        Self { machine, learned: vec![], undecoded: vec![], decoded: vec![] }
    }

    /// What it sends until it waits.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut sent = vec![];
        loop {
            match self.machine.poll(Time::ZERO) {
                Output::Send { message, .. } => sent.push(message.encode()),
                Output::Event(Event::Learned { element, .. }) => self.learned.push(element),
                Output::Event(Event::Undecoded { encoded, .. }) => self.undecoded.push(encoded),
                Output::Event(Event::Decoded { element }) => self.decoded.push(element),
                Output::Event(_) => {}
                Output::Wait(_) => return sent,
            }
        }
    }

    fn total(&self) -> Ledger {
        self.machine.stats().total
    }
}

/// A round that the first begins; all messages of it.
fn round<A: Element, B: Element>(first: &mut Replica<A>, second: &mut Replica<B>) -> Vec<Vec<u8>> {
    first.machine.sync_now(&1);
    let mut all = vec![];
    loop {
        let asked = first.drain();
        asked.iter().for_each(|bytes| assert_eq!(second.machine.receive_bytes(&0, bytes), Ok(())));
        let answered = second.drain();
        answered.iter().for_each(|bytes| assert_eq!(first.machine.receive_bytes(&1, bytes), Ok(())));
        if asked.is_empty() && answered.is_empty() {
            return all;
        }
        all.extend(asked.into_iter().chain(answered));
    }
}

fn entries(kinds: u8) -> impl Strategy<Value = BTreeSet<New>> {
    prop::collection::btree_set((0..kinds, "[a-z]{0,6}").prop_map(|(kind, text)| Entry(kind, text)), 0..60)
}

/// A round between a replica of each version, and the same between two of the later one.
fn old_and_new_converge(common: &BTreeSet<New>, own: [&BTreeSet<New>; 2], economy: Economy, old_asks: bool) {
    let mut config = Config::default();
    config.economy = economy;
    // The one that asks is the first.
    let [of_old, of_new] = if old_asks { [0, 1] } else { [1, 0] };
    let (mut old, mut new) = (Replica::<Old>::new(of_old, &config), Replica::<New>::new(of_new, &config));
    let mut both = [0, 1].map(|name| Replica::<New>::new(name, &config));
    for entry in common.iter().chain(own[0]) {
        // Those of later kinds as peers have passed them on.
        old.machine.restore(&forge::encoding(entry)).unwrap();
        both[of_old].machine.insert(entry.clone()).unwrap();
    }
    for entry in common.iter().chain(own[1]) {
        new.machine.insert(entry.clone()).unwrap();
        both[of_new].machine.insert(entry.clone()).unwrap();
    }
    let mixed = if old_asks { round(&mut old, &mut new) } else { round(&mut new, &mut old) };
    let [first, second] = &mut both;
    assert!(mixed == round(first, second), "who decodes what shows on the wire");

    let union: BTreeSet<New> = common.iter().chain(own[0]).chain(own[1]).cloned().collect();
    assert_eq!(old.machine.digest(), new.machine.digest());
    assert!(new.machine.iter().cloned().collect::<BTreeSet<_>>() == union);
    let (known, unknown): (BTreeSet<_>, BTreeSet<_>) = union.iter().partition(|entry| entry.0 < 2);
    assert!(old.machine.iter().filter_map(converted).collect::<BTreeSet<New>>().iter().eq(known));
    let encodings: BTreeSet<Vec<u8>> = unknown.iter().map(|entry| forge::encoding(*entry)).collect();
    assert!(old.machine.undecoded().map(<[u8]>::to_vec).collect::<BTreeSet<_>>() == encodings);

    // One event for each, and not one more in the next round.
    let came: Vec<&New> = own[1].iter().filter(|entry| !common.contains(entry) && !own[0].contains(entry)).collect();
    let of_later_kinds = came.iter().filter(|entry| entry.0 == 2).count();
    let again = if old_asks { round(&mut old, &mut new) } else { round(&mut new, &mut old) };
    assert_eq!(again.len(), 2, "a probe and its proof");
    assert_eq!((old.undecoded.len(), old.learned.len()), (of_later_kinds, came.len() - of_later_kinds));
    let total = old.total();
    assert_eq!((total.learned, total.undecoded, total.dropped), (came.len() as u64, of_later_kinds as u64, 0));
    assert!(new.undecoded.is_empty());

    // The upgrade: what was saved is put back.
    let mut upgraded = Replica::<New>::new(0, &config);
    upgraded.machine.extend(old.machine.iter().filter_map(converted)).unwrap();
    let end = upgraded.machine.end();
    old.machine.undecoded().for_each(|bytes| assert_eq!(upgraded.machine.restore(bytes), Ok(true)));
    assert!(upgraded.machine.since(end).cloned().collect::<BTreeSet<_>>().iter().eq(unknown));
    assert_eq!(upgraded.machine.digest(), new.machine.digest());
}

proptest! {
    #[test]
    fn what_an_earlier_version_cannot_decode_costs_what_it_costs_a_later_one(
        common in entries(3), old in entries(2), new in entries(3), economy in 0_usize..3, old_asks in any::<bool>(),
    ) {
        let economy = [Economy::Balanced, Economy::FewestBytes, Economy::Pages][economy];
        old_and_new_converge(&common, [&old, &new], economy, old_asks);
    }
}

/// One element of a later version among a hundred others once kept all of them back, and had them sent for ever.
#[test]
fn one_element_of_a_later_version_holds_up_no_other() {
    let entry = |number: u32| Entry(1, format!("entry {number}"));
    let common: BTreeSet<New> = (0..1_000).map(entry).collect();
    let mut new: BTreeSet<New> = (1_000..1_100).map(entry).collect();
    new.insert(Entry(2, "of a later version".into()));
    old_and_new_converge(&common, [&BTreeSet::new(), &new], Economy::Balanced, true);
}

/// A replica of either version.
#[derive(Clone)]
enum Either {
    Old(AntiEntropy<usize, Old>),
    New(AntiEntropy<usize, New>),
}

/// Does the same with the machine of either version.
macro_rules! either {
    ($either:expr, $machine:ident => $do:expr) => {
        match $either {
            Either::Old($machine) => $do,
            Either::New($machine) => $do,
        }
    };
}

impl Machine for Either {
    type Element = New;
    type Digest = Digest;

    fn insert(&mut self, element: New) -> bool {
        match self {
            Self::Old(_) => self.restore(&forge::encoding(&element)),
            Self::New(machine) => machine.insert(element).is_ok(),
        }
    }

    fn restore(&mut self, encoded: &[u8]) -> bool {
        either!(self, machine => machine.restore(encoded).is_ok())
    }

    fn receive(&mut self, from: usize, message: &[u8]) -> bool {
        either!(self, machine => machine.receive_bytes(&from, message).is_ok())
    }

    fn poll(&mut self, now: Time) -> Step<New, Digest> {
        let machine = match self {
            Self::New(machine) => return Machine::poll(machine, now),
            Self::Old(machine) => machine,
        };
        match Machine::poll(machine, now) {
            Step::Learned { element, from } => {
                Step::Learned { element: converted(&element).expect("later versions have it"), from }
            }
            Step::Undecoded { encoded, from } => Step::Undecoded { encoded, from },
            Step::Changed { key, from } => Step::Changed { key, from },
            Step::Send { to, kind, role, message } => Step::Send { to, kind, role, message },
            Step::InSync { peer, digest } => Step::InSync { peer, digest },
            Step::Note(note) => Step::Note(note),
            Step::Wait(until) => Step::Wait(until),
        }
    }

    fn contains(&self, element: &New) -> bool {
        let encoding = forge::encoding(element);
        match self {
            Self::New(machine) => machine.contains(element),
            Self::Old(machine) => match converted(element) {
                Some(element) => machine.contains(&element),
                None => machine.undecoded().any(|bytes| bytes == encoding),
            },
        }
    }

    fn count(&self) -> usize {
        either!(self, machine => machine.len())
    }

    fn digest(&self) -> Digest {
        either!(self, machine => machine.digest())
    }

    fn limits(&self) -> Limits {
        either!(self, machine => machine.limits())
    }
}

/// Three replicas that write throughout, upgraded one after the other. All laws are checked: each element is told once in
/// a life, decoded or not, and digests are equal where sets are.
fn upgrade_one_by_one(pushes: bool) {
    let upgraded: Rc<[Cell<bool>; 3]> = Rc::default();
    let is_new = Rc::clone(&upgraded);
    let make = move |id: usize, seed| {
        let mut config = Config::default();
        config.batch_every = pushes.then_some(Duration::from_millis(200));
        let peers = || 0..3;
        let mut either = if is_new[id].get() {
            Either::New(AntiEntropy::new(config, seed))
        } else {
            Either::Old(AntiEntropy::new(config, seed))
        };
        either!(&mut either, machine => {
            peers().filter(|&peer| peer != id).for_each(|peer| assert!(machine.add_peer(peer)));
            machine.set_overlay(Overlay::star(&id, peers()));
        });
        either
    };
    let checks = Checks { staleness: Some(Duration::from_secs(30)), ..Checks::default() };
    let mut simulation = Simulation::new(7, Network::default(), 3, make).with_checks(checks);
    let mut number = 0;
    for phase in 0..4_usize {
        let start = simulation.now();
        if let Some(id) = phase.checked_sub(1) {
            upgraded[id].set(true);
            simulation.fault(start, Fault::Crash(id, Memory::Kept), Duration::from_millis(500));
        }
        for at in 0..100 {
            let replica = number % 3;
            // Only who can decode them writes elements of the later kind.
            let kind = if upgraded[replica].get() && number % 2 == 0 { 2 } else { 1 };
            let entry = Entry(kind, format!("{number}"));
            simulation.insert(start + Duration::from_millis(1_000 + 50 * at), replica, entry);
            number += 1;
        }
        simulation.run_until(start + Duration::from_secs(10)).unwrap_or_else(|violation| panic!("{violation}"));
        if !pushes {
            simulation.settle(Duration::from_secs(60)).unwrap_or_else(|violation| panic!("{violation}"));
        }
        assert!(simulation.is_uniform(), "phase {phase}");
        for id in 0..3 {
            let machine = simulation.machine(id).expect("there are three");
            let undecoded = either!(machine, machine => machine.undecoded().count());
            let is_old = matches!(machine, Either::Old(_));
            assert_eq!((machine.count(), is_old), (number, !upgraded[id].get()));
            // A later version decodes what it held undecoded before; an earlier one meets some from the first upgrade on.
            assert_eq!(undecoded > 0, is_old && phase > 0);
        }
    }
}

#[test]
fn a_cluster_is_upgraded_one_by_one() {
    upgrade_one_by_one(false);
}

#[test]
fn a_cluster_that_pushes_is_upgraded_one_by_one() {
    upgrade_one_by_one(true);
}

thread_local! {
    /// How many kinds can be decoded by now.
    static KNOWN: Cell<u8> = const { Cell::new(1) };
}

/// An entry whose kinds are made known as the program runs, and whose text is read whatever its case, and written in lower
/// case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Loaded(Entry<{ u8::MAX }>);

impl Element for Loaded {
    const TYPE: TypeTag = TypeTag::new("upgrades.loaded");

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let Entry(kind, text) = Entry::decode(input).filter(|entry: &Entry<{ u8::MAX }>| entry.0 < KNOWN.get())?;
        Some(Self(Entry(kind, text.to_lowercase())))
    }
}

#[test]
fn what_can_be_decoded_by_now_is_told_and_no_digest_changes() {
    let entry = |kind: u8, text: &str| Loaded(Entry(kind, text.into()));
    let config = Config::default();
    let [mut early, mut late] = [0, 1].map(|name| Replica::<Loaded>::new(name, &config));
    let all = [entry(0, "a"), entry(1, "b"), entry(2, "c"), entry(1, "d")];
    KNOWN.set(3);
    late.machine.extend(all.clone()).unwrap();
    KNOWN.set(1);
    round(&mut early, &mut late);
    let (digest, end) = (early.machine.digest(), early.machine.end());
    assert_eq!((early.learned.len(), early.undecoded.len(), early.decoded.len()), (1, 3, 0));
    // Who has them as values holds them already, whatever can be decoded here.
    assert!(all.iter().all(|entry| early.machine.contains(entry)));
    assert_eq!(early.machine.insert(entry(1, "b")), Ok(false));

    early.machine.refresh();
    early.drain();
    assert!(early.decoded.is_empty(), "nothing has changed");
    KNOWN.set(2);
    // Before the refresh a copy is no second element, though it could be decoded.
    let copies = message(&early.machine, &[entry(1, "b"), entry(1, "d")].map(|entry| forge::encoding(&entry)));
    assert_eq!(early.machine.receive_bytes(&1, &copies), Ok(()));
    assert_eq!((early.machine.digest(), early.total().redundant), (digest, 2));
    early.machine.refresh();
    early.drain();
    early.decoded.sort();
    assert_eq!(early.decoded, [entry(1, "b"), entry(1, "d")]);
    assert_eq!((early.machine.digest(), early.machine.end()), (digest, end));
    assert_eq!(early.machine.undecoded().collect::<Vec<_>>(), [forge::encoding(&all[2])]);
    assert!(
        early.machine.iter().cloned().collect::<BTreeSet<_>>()
            == all.iter().filter(|entry| entry.0.0 < 2).cloned().collect()
    );
    assert_eq!(round(&mut early, &mut late).len(), 2, "a probe and its proof");
}

/// A repair with these encodings, from a peer of this machine.
fn message<E: Element>(machine: &AntiEntropy<usize, E>, encodings: &[Vec<u8>]) -> Vec<u8> {
    let peer = machine.peers().next().expect("it has one");
    let forger = forge::Forger::of(machine, peer);
    forger.message(gossip_core::MessageKind::Repair, 1, &[&[0], &[0], &forge::encoded(encodings)])
}

#[test]
fn undecoded_elements_are_kept_as_far_as_there_is_room() {
    let mut config = Config::default();
    // For three of 10 bytes, each with 64 more.
    config.max_undecoded_bytes = 3 * 74 + 73;
    let mut replica = Replica::<Old>::new(0, &config);
    let unknown = |number: u8| forge::encoding::<New>(&Entry(2, format!("number {number}")));
    assert_eq!(unknown(1).len(), 10);
    let known = |number: u8| Entry(1, format!("number {number}"));
    let both = |number: u8| [unknown(number), forge::encoding(&known(number))];
    let all: Vec<Vec<u8>> = (0..5).flat_map(both).collect();
    let message = message(&replica.machine, &all);
    for repeats in 0..3 {
        assert_eq!(replica.machine.receive_bytes(&1, &message), Ok(()));
        replica.drain();
        let total = replica.total();
        assert_eq!((total.learned, total.redundant), (8, 8 * repeats), "all that are known, and three others");
        assert_eq!((total.undecoded, total.dropped), (3, 2 * (repeats + 1)));
    }
    assert!(replica.machine.undecoded().eq((0..3).map(unknown)));
    assert!(replica.learned.iter().cloned().eq((0..5).map(known)));
    assert_eq!(replica.undecoded.len(), 3);
    assert_eq!(replica.machine.len(), 8);
    // Nor is there more room for the embedder's own.
    assert_eq!(replica.machine.restore(&unknown(1)), Ok(false));
    assert_eq!(replica.machine.restore(&unknown(4)), Err(NotKept::Undecoded));
    assert!(matches!(replica.machine.restore(&[7; 1_025]), Err(NotKept::TooLarge(_))));

    config.max_undecoded_bytes = 0;
    let mut none = Replica::<Old>::new(0, &config);
    assert_eq!(none.machine.receive_bytes(&1, &message), Ok(()));
    assert_eq!((none.total().learned, none.total().dropped), (5, 5));
}

#[test]
fn a_round_ends_whose_answer_brings_what_there_is_no_room_for() {
    let mut config = Config::default();
    config.max_undecoded_bytes = 0;
    let (mut old, mut new) = (Replica::<Old>::new(0, &config), Replica::<New>::new(1, &Config::default()));
    let common = (0..1_000).map(|number| Entry(0, number.to_string()));
    old.machine.extend(common).unwrap();
    new.machine.extend((0..1_000).map(|number| Entry(0, number.to_string()))).unwrap();
    round(&mut old, &mut new);
    new.machine.insert(Entry(2, "of a later version".into())).unwrap();
    // The probe tells the other what is lacking, twice; after that the round gives up.
    let kinds: Vec<u8> = round(&mut old, &mut new).iter().map(|bytes| bytes[0] & 15).collect();
    assert_eq!(kinds, [1, 7, 1, 7]);
    assert_eq!((old.total().dropped, old.total().rounds, old.total().proofs), (2, 2, 1));
    assert!(old.machine.peer_stats(&1).is_some_and(|stats| stats.reachable));
    // One more that can be decoded comes all the same.
    new.machine.insert(Entry(1, "of both".into())).unwrap();
    round(&mut old, &mut new);
    assert!(old.machine.contains(&Entry(1, "of both".into())));
}

#[test]
fn an_encoding_is_an_element_only_if_it_is_all_of_it_and_its_one_form() {
    let config = Config::default();
    let [mut one, mut other] = [0, 1].map(|name| Replica::<Loaded>::new(name, &config));
    let encodings: [&[u8]; 4] = [b"\0\x01a", b"\0\x01A", b"\0\x01ab", b"\0\x02a"];
    let message = message(&one.machine, &encodings.map(<[u8]>::to_vec));
    assert_eq!(one.machine.receive_bytes(&1, &message), Ok(()));
    assert!(one.machine.iter().eq([&Loaded(Entry(0, "a".into()))]));
    assert!(one.machine.undecoded().eq(encodings.into_iter().skip(1)));
    round(&mut one, &mut other);
    assert_eq!(one.machine.digest(), other.machine.digest());
    assert_eq!((other.learned.len(), other.undecoded.len()), (1, 3));
}

#[test]
fn what_should_be_a_number_and_is_none_is_refused() {
    let mut replica = Replica::<Spelt>::new(0, &Config::default());
    let message = message(&replica.machine, &[b"\x017".to_vec(), b"\x01x".to_vec()]);
    let refused = replica.machine.receive_bytes(&1, &message);
    assert_eq!(refused, Err(Reject::Malformed(gossip_core::DecodeError::Number(1))));
    assert_eq!(replica.machine.restore(b"\x01x"), Err(NotKept::Undecoded));
    assert_eq!((replica.machine.restore(b"\x017"), replica.machine.len()), (Ok(true), 1));
}
