//! One machine under test, with what must hold whenever it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Digest, Event, Message, MessageBudget, MessageKind, Output, Reject, Time};

use super::choice::Choice;
use super::forge::Overheard;

/// What a message needs beside its largest element.
const MESSAGE_OVERHEAD: usize = 96;

pub(crate) struct Subject<E> {
    pub(crate) name: usize,
    pub(crate) machine: AntiEntropy<usize, E>,
    /// What it holds, as its inputs and events tell.
    held: BTreeSet<E>,
    /// The encodings of what it holds and cannot decode, as its events tell.
    undecoded: BTreeSet<Box<[u8]>>,
    /// Every digest it has had.
    digests: BTreeSet<Digest>,
    proof: Option<Digest>,
    deadline: Option<Time>,
    /// The latest time it was polled at.
    now: Time,
    tag: [u8; 4],
    nonce: [u8; 4],
    /// What it calls its log in what it pushes.
    log: [u8; 4],
}

impl<E: Choice> Subject<E> {
    pub(crate) fn new(name: usize, seed: u64, config: Config) -> Self {
        let mut machine = AntiEntropy::new(config, seed);
        let tag = tag_of(&mut machine.clone());
        // Nothing is known of a machine that was not polled.
        assert_eq!(machine.poll(Time::ZERO), Output::Wait(None));
        Self {
            name,
            machine,
            held: BTreeSet::new(),
            undecoded: BTreeSet::new(),
            digests: [Digest::EMPTY].into(),
            proof: None,
            deadline: None,
            now: Time::ZERO,
            tag,
            nonce: [0; 4],
            log: [0; 4],
        }
    }

    /// Inserts an element; whether it is held now, or too large.
    pub(crate) fn insert(&mut self, element: E) -> bool {
        let before = self.machine.digest();
        let limit = self.element_limit();
        let len = encoded_len(&element);
        match self.machine.insert(element.clone()) {
            Ok(new) => {
                assert!(len <= limit);
                assert_eq!(new, self.machine.digest() != before);
                assert!(self.machine.contains(&element));
                // What it has learned but not yet told counts as told.
                self.held.insert(element);
                self.digests.insert(self.machine.digest());
                true
            }
            Err(refused) => {
                assert_eq!((refused.len, refused.limit), (len, limit));
                assert_eq!(self.machine.digest(), before);
                false
            }
        }
    }

    /// Takes in what a replica of the cluster sent, as it was sent. It is refused only if its sender is a stranger.
    pub(crate) fn accept(&mut self, from: &usize, bytes: &[u8]) {
        let known = self.machine.peers().any(|peer| peer == from);
        let taken = self.machine.receive_bytes(from, bytes);
        assert_eq!(taken, if known { Ok(()) } else { Err(Reject::UnknownPeer) });
        self.digests.insert(self.machine.digest());
    }

    /// Takes in bytes. If they are refused the machine must go on as if they had not come.
    pub(crate) fn receive(&mut self, from: &usize, bytes: &[u8], now: Time) {
        let before = self.machine.clone();
        match self.machine.receive_bytes(from, bytes) {
            Ok(()) => {
                assert!(before.peers().any(|peer| peer == from));
                assert!(before.len() <= self.machine.len());
                let learned = self.machine.stats().total.learned - before.stats().total.learned;
                assert_eq!((self.machine.len() - before.len()) as u64, learned);
                self.digests.insert(self.machine.digest());
            }
            Err(reject) => {
                assert_eq!(reject == Reject::UnknownPeer, before.peers().all(|peer| peer != from), "{reject}");
                assert_eq!(self.machine.digest(), before.digest());
                assert_eq!(outputs(self.machine.clone(), now), outputs(before, now), "{reject}");
            }
        }
    }

    /// Polls until there is nothing more to do; gives what is to be sent.
    pub(crate) fn drain(&mut self, now: Time) -> Vec<(usize, Vec<u8>)> {
        self.now = self.now.max(now);
        let mut answers = BTreeMap::new();
        let mut sent = Vec::new();
        loop {
            match self.machine.poll(now) {
                Output::Event(event) => self.take_note(event),
                Output::Send { to, message } => {
                    let answers = answers.entry(to).or_insert(0_u16);
                    let is_part = matches!(message.kind(), MessageKind::Give | MessageKind::Cells);
                    *answers = answers.saturating_add(u16::from(is_part));
                    assert!(*answers <= self.machine.config().window.get(), "a request earned more than a window");
                    let bytes = self.fits(&message);
                    assert!(self.machine.peers().any(|peer| *peer == to));
                    self.remember_head(message.kind(), &bytes);
                    sent.push((to, bytes));
                }
                Output::Wait(until) => {
                    self.deadline = until;
                    self.waits_truthfully(until);
                    return sent;
                }
            }
        }
    }

    fn take_note(&mut self, event: Event<usize, E>) {
        match event {
            Event::Learned { element, .. } => {
                assert!(self.machine.contains(&element));
                assert!(encoded_len(&element) <= self.element_limit(), "{element:?} is too large for the cluster");
                self.held.insert(element);
            }
            Event::Undecoded { encoded, .. } => {
                assert!(self.machine.undecoded().any(|other| other == &*encoded));
                assert!(encoded.len() <= self.element_limit(), "{encoded:?} is too large for the cluster");
                assert!(self.undecoded.insert(encoded), "it has told of it before");
            }
            Event::InSync { digest, .. } => {
                assert!(self.digests.contains(&digest), "a proof of what it never held");
                self.proof = Some(digest);
            }
            _ => {}
        }
    }

    /// A message is within the budget and is read back.
    fn fits(&self, message: &Message<E>) -> Vec<u8> {
        let largest = self.element_limit() + MESSAGE_OVERHEAD;
        assert!(message.encoded_len() <= self.machine.config().max_message.bytes().max(largest), "{message:?}");
        let bytes = message.encode();
        assert_eq!(bytes.len(), message.encoded_len());
        assert_eq!(Message::decode(&bytes).as_ref(), Ok(message));
        bytes
    }

    fn element_limit(&self) -> usize {
        (self.machine.config().max_element_bytes as usize).min(MessageBudget::MAX.bytes() - MESSAGE_OVERHEAD)
    }

    /// Nothing is due before the deadline, and something is at it.
    fn waits_truthfully(&mut self, until: Option<Time>) {
        assert_eq!(self.machine.poll(Time::ZERO), Output::Wait(until), "an extra call did something");
        let mut clone = self.machine.clone();
        let Some(until) = until else {
            let later = self.now + Duration::from_secs(1 << 32);
            assert_eq!(clone.poll(later), Output::Wait(None));
            return;
        };
        assert!(until > self.now);
        let halfway = self.now + until.saturating_since(self.now) / 2;
        assert_eq!(clone.poll(halfway), Output::Wait(Some(until)), "something was due before the deadline");
        match clone.poll(until) {
            Output::Wait(Some(later)) => assert!(later > until),
            // One that pushes has woken to find that there is nothing to push.
            Output::Wait(None) => assert!(until == Time::MAX || self.machine.config().batch_every.is_some()),
            Output::Event(_) | Output::Send { .. } => {}
        }
    }

    /// A clock at its last instant ends in silence, not in a loop.
    pub(crate) fn outlives_the_end_of_time(&self) {
        let last = outputs(self.machine.clone(), Time::MAX).pop();
        assert_eq!(last, Some(Output::Wait(None)));
    }

    /// It holds what it was given and has told of, and nothing else; its digest is that of these elements.
    pub(crate) fn counts_everything_it_holds(&self) {
        let (mut held, mut undecoded) = (self.held.clone(), self.undecoded.clone());
        for output in outputs(self.machine.clone(), self.now) {
            match output {
                Output::Event(Event::Learned { element, .. }) => _ = held.insert(element),
                Output::Event(Event::Undecoded { encoded, .. }) => _ = undecoded.insert(encoded),
                _ => {}
            }
        }
        let elements = self.elements();
        assert_eq!(elements, held);
        assert_eq!(self.machine.undecoded().map(Box::from).collect::<BTreeSet<_>>(), undecoded);
        assert_eq!(elements.len() + undecoded.len(), self.machine.len());
        let mut again = AntiEntropy::<usize, E>::new(self.machine.config().clone(), 0);
        again.extend(held).expect("it holds nothing too large");
        undecoded.iter().for_each(|encoded| assert_eq!(again.restore(encoded), Ok(true)));
        assert_eq!(again.digest(), self.machine.digest());
        assert!(again.iter().eq(self.machine.iter()), "the order of insertion shows");
    }

    pub(crate) fn elements(&self) -> BTreeSet<E> {
        self.machine.iter().cloned().collect()
    }

    /// What a forger needs to know to have its messages taken for answers to this machine's last request.
    pub(crate) fn overheard(&self, other: &Self) -> Overheard {
        let digests = [self.machine.digest(), other.machine.digest()];
        Overheard { tag: self.tag, nonce: self.nonce, logs: [self.log, other.log], digests }
    }

    fn remember_head(&mut self, kind: MessageKind, bytes: &[u8]) {
        let Some(name) = bytes.get(5..).and_then(|rest| rest.first_chunk()) else { return };
        match kind {
            MessageKind::Probe | MessageKind::WantCells | MessageKind::Repair | MessageKind::Page => self.nonce = *name,
            MessageKind::Push => self.log = *name,
            _ => {}
        }
    }

    pub(crate) fn forget_proofs(&mut self) {
        self.proof = None;
    }

    pub(crate) fn proof(&self) -> Option<Digest> {
        self.proof
    }

    /// The latest time it was polled at.
    pub(crate) fn polled(&self) -> Time {
        self.now
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

/// The cluster's tag, from a probe.
fn tag_of<E: Choice>(machine: &mut AntiEntropy<usize, E>) -> [u8; 4] {
    machine.add_peer(0);
    machine.sync_now(&0);
    let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("no probe") };
    *message.encode()[1..].first_chunk().expect("a probe has a tag")
}

fn outputs<E: Choice>(mut machine: AntiEntropy<usize, E>, now: Time) -> Vec<Output<usize, E>> {
    let mut outputs = Vec::new();
    loop {
        outputs.push(machine.poll(now));
        if matches!(outputs.last(), Some(Output::Wait(_))) {
            return outputs;
        }
    }
}

fn encoded_len<E: Choice>(element: &E) -> usize {
    let mut bytes = Vec::new();
    element.encode(&mut bytes);
    bytes.len()
}
