//! The machine as its embedder sees it, and what tests of its parts look at.

mod budgets;
mod rounds;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::num::NonZeroU16;
use core::time::Duration;

use super::*;
use crate::anti_entropy::AntiEntropy;
use crate::config::MessageBudget;
use crate::element::Element;
use crate::event::Event;
use crate::message::tests::{answer, request};
use crate::message::{Answer, Body, Nonce, Request};
use crate::peer::Peer;
use crate::push::Pusher;
use crate::set::Set;

/// What tests of the machine's parts look at.
impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    pub(crate) const fn set(&mut self) -> &mut Set<E> {
        &mut self.set
    }

    pub(crate) fn peer(&self, id: &P) -> &Peer {
        &self.peers[id]
    }

    pub(crate) fn pusher(&mut self) -> &mut Pusher<P> {
        self.pusher.as_mut().expect("it pushes")
    }

    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    pub(crate) const fn set_now(&mut self, now: Time) {
        self.now = now;
    }

    pub(crate) const fn set_batches(&mut self, every: Duration) {
        self.config.batch_every = Some(every);
    }
}

pub(crate) const PEER: u8 = 1;

/// A replica of so many numbers, which sends messages of up to 1 200 bytes, this many for one request.
pub(crate) fn replica(count: u64, window: u16) -> AntiEntropy<u8, u64> {
    let mut config = Config { max_element_bytes: 8, max_message: MessageBudget::new(1_200), ..Config::default() };
    config.window = NonZeroU16::new(window).expect("some messages");
    let mut machine = AntiEntropy::new(config, 1);
    machine.extend(0..count).expect("they are small");
    machine.add_peer(PEER);
    machine
}

#[test]
fn a_machine_tells_what_it_holds_and_whom_it_knows() {
    let mut machine = replica(0, 3);
    assert!(machine.is_empty() && !machine.contains(&2));
    assert_eq!(machine.extend([2, 3, 2]), Ok(2));
    assert!(!machine.is_empty() && machine.contains(&2) && !machine.contains(&4));
    assert_eq!((machine.len(), machine.stats().state_bytes, machine.config().window.get()), (2, 16, 3));
    let mut held: Vec<u64> = machine.iter().copied().collect();
    held.sort_unstable();
    assert_eq!(held, [2, 3]);

    assert_eq!([machine.add_peer(PEER), machine.add_peer(9)], [false, true]);
    assert!(machine.peers().eq([&PEER, &9]));
    assert!(machine.peer_stats(&9).is_some_and(|stats| stats.reachable) && machine.peer_stats(&8).is_none());
    machine.sync_now(&9);
    machine.sync_now(&PEER);
    assert_eq!([machine.remove_peer(&8), machine.remove_peer(&9), machine.remove_peer(&9)], [false, true, false]);
    assert!(machine.peers().eq([&PEER]));
    let Output::Send { to, .. } = machine.poll(Time::ZERO) else { panic!("a round with the other was wanted") };
    assert_eq!(to, PEER);
    let Output::Wait(Some(_)) = machine.poll(Time::ZERO) else { panic!("one message begins it") };
}

#[test]
fn rounds_begin_about_an_interval_apart_with_whoever_is_idle() {
    let mut machine = replica(0, 1);
    (2..9).for_each(|peer| assert!(machine.add_peer(peer)));
    let (mut now, mut begun, mut asked) = (Time::ZERO, Vec::new(), Vec::new());
    while begun.len() < 60 {
        match machine.poll(now) {
            Output::Send { to, message } => {
                let Body::Request { nonce, request: Request::Probe { digest }, .. } = message.body else {
                    panic!("{message:?}")
                };
                begun.push(now);
                asked.push(to);
                let proof = answer(nonce.bits(), Answer::Proof { state: digest.tag() });
                machine.receive(&to, Message::new(proof)).expect("it answers");
            }
            Output::Event(_) => {}
            Output::Wait(until) => now = until.expect("there are peers"),
        }
    }
    assert!(begun[0] > Time::ZERO && begun[0] <= Time::from_millis(1_000), "the first within an interval");
    let apart: Vec<_> = begun.windows(2).map(|pair| pair[1].saturating_since(pair[0]).as_millis()).collect();
    assert!(apart.iter().all(|apart| (750..=1_250).contains(apart)), "{apart:?}");
    assert!(apart.iter().any(|&apart| apart < 800) && apart.iter().any(|&apart| apart > 1_200), "{apart:?}");
    assert!((1..9).all(|peer| asked.contains(&peer)), "by chance with each: {asked:?}");
    assert_eq!((machine.stats().total.rounds, machine.stats().total.proofs), (60, 60));
}

#[test]
fn an_overdue_round_begins_with_the_first_peer_that_is_free() {
    let mut machine = replica(0, 1);
    (2..5).for_each(|peer| assert!(machine.add_peer(peer)));
    assert!(matches!(machine.poll(Time::ZERO), Output::Wait(Some(_))));
    let due = machine.chance.at.expect("a round comes by chance");
    (1..5).for_each(|peer| machine.sync_now(&peer));
    // Whom it asks now, and who is free first then.
    let mut nonces = [Nonce::from_bits(0); 6];
    let mut asks = |machine: &mut AntiEntropy<u8, u64>, now| {
        let mut asked = Vec::new();
        loop {
            match machine.poll(now) {
                Output::Send { to, message } => {
                    if let Body::Request { nonce, .. } = message.body {
                        nonces[usize::from(to)] = nonce;
                        asked.push(to);
                    }
                }
                Output::Event(_) => {}
                Output::Wait(_) => return (asked, machine.agenda.first_free, nonces),
            }
        }
    };
    let nobody = Some((Time::MAX, None));
    let (asked, free, nonces) = asks(&mut machine, due);
    assert_eq!((asked, free), ([1, 2, 3, 4].into(), nobody), "all are busy");
    let proof = answer(nonces[3].bits(), Answer::Proof { state: machine.digest().tag() });
    machine.receive(&3, Message::new(proof)).expect("it answers");
    let (asked, free, _) = asks(&mut machine, due);
    assert_eq!((asked, free), ([3].into(), None));

    machine.chance.at = Some(due);
    assert_eq!(asks(&mut machine, due).1, nobody);
    machine.add_peer(5);
    let (asked, free, _) = asks(&mut machine, due);
    assert_eq!((asked, free), ([5].into(), None));

    // One that asks for cells ends our round with it, and is left alone for an interval.
    machine.chance.at = Some(due);
    assert_eq!(asks(&mut machine, due).1, nobody);
    let cells = request(machine.set.tag(), 7, Request::WantCells { state: 7, from: 0, count: 1 });
    machine.receive(&2, Message::new(cells)).expect("it asks");
    let later = due + Duration::from_secs(1);
    let (asked, free, _) = asks(&mut machine, due);
    assert_eq!((asked, free), ([].into(), Some((later, Some(2)))));
    let (mut asked, free, _) = asks(&mut machine, later);
    asked.sort_unstable();
    assert_eq!((asked, free), ([1, 2, 3, 4, 5].into(), None), "the others are asked again");
}

#[test]
fn a_root_sleeps_until_a_stranger_ends_its_backoff() {
    let mut config = Config { round_every: Duration::from_secs(300), ..Config::default() };
    config.batch_every = Some(Duration::from_millis(500));
    let mut machines: [AntiEntropy<u8, u64>; 2] = [0, 1].map(|me| {
        let mut machine = AntiEntropy::new(config.clone(), me.into());
        (0..4).filter(|peer| *peer != me).for_each(|peer| assert!(machine.add_peer(peer)));
        machine.set_overlay(Overlay::star(&me, [0, 1]));
        machine
    });
    // The root and its child answer each other at once; the two strangers that the root audits for a day never do.
    let (mut now, mut woken, mut for_nothing) = (Time::ZERO, false, 0);
    while now < Time::from_millis(24 * 3_600_000) {
        let (mut next, mut sent, mut awake) = ([Time::MAX; 2], 0, VecDeque::from([0, 1]));
        while let Some(me) = awake.pop_front() {
            match machines[me].poll(now) {
                Output::Send { to, message } => {
                    if let Some(other) = machines.get_mut(usize::from(to)) {
                        other.receive(&(me as u8), message).expect("they understand each other");
                        awake.push_back(to.into());
                    }
                    awake.push_back(me);
                    sent += usize::from(me == 0);
                }
                Output::Event(_) => awake.push_front(me),
                Output::Wait(until) => next[me] = until.unwrap_or(Time::MAX),
            }
        }
        for_nothing += u64::from(woken && sent == 0);
        woken = next[0] <= next[1];
        now = next.into_iter().min().expect("there are two");
    }
    let audits: u64 =
        [2, 3].map(|peer| machines[0].peer_stats(&peer).expect("it is a peer").ledger.rounds).iter().sum();
    // A round wakes it once more to be given up, and a backoff may end while its peer is busy.
    assert!(
        (70..80).contains(&audits) && for_nothing <= 2 * audits,
        "{audits} audits, {for_nothing} wakes for nothing"
    );
}

#[test]
fn who_does_not_answer_is_asked_again_and_then_less_often() {
    let mut machine = replica(0, 1);
    let (mut now, mut sent, mut unreachable) = (Time::ZERO, Vec::new(), None);
    while sent.len() < 24 {
        match machine.poll(now) {
            Output::Send { .. } => sent.push(now),
            Output::Event(Event::Unreachable { peer: PEER }) => unreachable = unreachable.or(Some(sent.len())),
            Output::Event(_) => panic!("nobody says anything"),
            Output::Wait(until) => now = until.expect("there is a peer"),
        }
    }
    assert_eq!(unreachable, Some(6), "after two rounds, each begun three times");
    assert!(!machine.peer_stats(&PEER).expect("it is known").reachable);
    let total = &machine.stats().total;
    assert_eq!((total.proofs, total.resent), (0, 16));
    let rounds: Vec<Time> = sent.chunks(3).map(|round| round[0]).collect();
    let apart: Vec<_> = rounds.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
    // Eight intervals, give or take a quarter, after what one waits for three answers.
    assert!(apart.iter().all(|apart| (6..=17).contains(&apart.as_secs())), "{apart:?}");
}

#[test]
fn first_rounds_are_spread_over_an_interval() {
    let first = |seed| {
        let config = Config { round_every: Duration::from_millis(1), ..Config::default() };
        let mut machine = AntiEntropy::<u8, u64>::new(config, seed);
        machine.add_peer(PEER);
        let Output::Wait(Some(at)) = machine.poll(Time::ZERO) else { panic!("not at once") };
        at.as_micros()
    };
    let firsts: Vec<u64> = (0..5_000).map(first).collect();
    assert_eq!((firsts.iter().min(), firsts.iter().max()), (Some(&1), Some(&1_000)));
}
