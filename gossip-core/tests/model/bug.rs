//! Bugs, put round the machine, that the search must find.

use std::hash::{Hash, Hasher};

use gossip_core::{AntiEntropy, Event, Message, MessageKind, Output, Time};

use crate::replica::{Datagram, Value};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Bug {
    #[default]
    None,
    /// Every request has the nonce of its first.
    RepeatsNonce,
    /// It waits for an answer, however long that takes.
    WaitsForEver,
    /// It tells a proof of what it holds now, be it the digest that was proven or not.
    ProvesTheNewest,
    /// It keeps proofs to itself.
    TellsNoProof,
    /// It believes that probes cross between equals alone.
    ProvesWhatCrosses,
    /// A wait that ends for nothing takes it back to where the round began.
    RollsBack,
}

/// A bug and what it remembers.
#[derive(Clone)]
pub(crate) struct Malady<E> {
    bug: Bug,
    /// That of the first request.
    nonce: Option<[u8; 4]>,
    /// Whether a request is unanswered.
    asked: Option<MessageKind>,
    /// The machine as its round began.
    began: Option<Box<AntiEntropy<usize, E>>>,
}

impl<E: Value> Malady<E> {
    pub(crate) const fn new(bug: Bug) -> Self {
        Self { bug, nonce: None, asked: None, began: None }
    }

    /// The machine's next output.
    pub(crate) fn poll(&mut self, machine: &mut AntiEntropy<usize, E>, now: Time) -> Output<usize, E> {
        let before = (self.bug == Bug::RollsBack).then(|| machine.clone());
        let output = machine.poll(now);
        match (&output, self.bug) {
            (Output::Send { message, .. }, Bug::RollsBack) if message.kind() == MessageKind::Probe => {
                self.began = before.map(Box::new);
                output
            }
            (Output::Event(Event::InSync { .. }), Bug::RollsBack) => {
                self.began = None;
                output
            }
            (&Output::Event(Event::InSync { peer, .. }), Bug::ProvesTheNewest) => {
                Output::Event(Event::InSync { peer, digest: machine.digest() })
            }
            (Output::Event(Event::InSync { .. }), Bug::TellsNoProof) => self.poll(machine, now),
            (Output::Wait(_), Bug::WaitsForEver) if self.asked.is_some() => Output::Wait(None),
            _ => output,
        }
    }

    /// The bytes of a message that goes out.
    pub(crate) fn dispatch(&mut self, message: &Message<E>) -> Vec<u8> {
        let mut bytes = message.encode();
        let kind = message.kind();
        if !matches!(kind, MessageKind::Probe | MessageKind::WantCells | MessageKind::Repair) {
            return bytes;
        }
        match self.bug {
            Bug::WaitsForEver | Bug::ProvesWhatCrosses => self.asked = Some(kind),
            Bug::RepeatsNonce => {
                const NONCE: std::ops::Range<usize> = 5..9;
                let first = *self.nonce.get_or_insert(bytes[NONCE].try_into().expect("four bytes"));
                bytes[NONCE].copy_from_slice(&first);
            }
            Bug::None | Bug::ProvesTheNewest | Bug::TellsNoProof | Bug::RollsBack => {}
        }
        bytes
    }

    /// What it answers to a message on its own, if the machine is not to see it.
    pub(crate) fn intercept(&mut self, datagram: &Datagram) -> Option<Datagram> {
        let asked = self.asked.take();
        let crosses = datagram.kind == MessageKind::Probe && asked == Some(MessageKind::Probe);
        if self.bug != Bug::ProvesWhatCrosses || !crosses {
            return None;
        }
        // The first byte of a proof, the nonce, and the upper half of the sum, with which a probe ends.
        let probe = &datagram.bytes;
        let bytes = [&[0x12], &probe[5..9], &probe[probe.len() - 8..]].concat();
        Some(Datagram { from: datagram.to, to: datagram.from, kind: MessageKind::Proof, bytes: bytes.into() })
    }

    /// A deadline has come.
    pub(crate) fn wake(&mut self, machine: &mut AntiEntropy<usize, E>) {
        if let Some(began) = self.began.take() {
            *machine = *began;
        }
    }

    fn decides(&self) -> impl Hash + Eq + use<E> {
        (self.bug, self.nonce, self.asked, self.began.as_ref().map(|began| began.model()))
    }
}

impl<E: Value> Hash for Malady<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decides().hash(state);
    }
}

impl<E: Value> PartialEq for Malady<E> {
    fn eq(&self, other: &Self) -> bool {
        self.decides() == other.decides()
    }
}
