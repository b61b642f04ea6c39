//! Bugs, put round the machine, that the search must find.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use gossip_core::sim::forge;
use gossip_core::{AntiEntropy, Content, Engine, Event, Message, MessageKind, Output, Time};

use crate::push::{Push, WIDTH};
use crate::replica::Datagram;
use crate::value::{Plain, Value};

/// What stands round a machine, and may have a bug where the machine has none. What it leaves alone goes as it comes.
pub(crate) trait Malady<E: Value>: Clone + Default + Hash + PartialEq + Send + Sync + 'static {
    /// A life begins.
    fn begin(&mut self, _machine: &mut Engine<usize, E::Kind>) {}

    /// The machine's next output.
    fn poll(
        &mut self,
        machine: &mut Engine<usize, E::Kind>,
        now: Time,
    ) -> Output<usize, <E::Kind as Content>::Element, <E::Kind as Content>::Event<usize>> {
        machine.poll(now)
    }

    /// The bytes of a message that goes out, if it does.
    fn dispatch(&mut self, _to: usize, message: &Message<<E::Kind as Content>::Element>) -> Option<Vec<u8>> {
        Some(message.encode())
    }

    /// What it answers to a message on its own, if the machine is not to see it.
    fn intercept(&mut self, _machine: &Engine<usize, E::Kind>, _datagram: &mut Datagram) -> Option<Datagram> {
        None
    }

    /// What it believes to have come after a message.
    fn imagine(&self, _machine: &Engine<usize, E::Kind>, _datagram: &Datagram) -> Option<Vec<u8>> {
        None
    }

    /// A peer is removed.
    fn remove(&mut self, _peer: usize) {}

    /// A deadline has come.
    fn wake(&mut self, _machine: &mut Engine<usize, E::Kind>) {}
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    // Those that follow are of pushes.
    /// It acknowledges all up to the end of the last push, be there a gap before that or not.
    AcknowledgesWhatNeverCame,
    /// It takes the elements of a push that is not the first for one that it holds, and counts them as received.
    CountsWhatItDrops,
    /// It pushes nothing twice.
    NeverSendsAgain,
    /// It takes a peer's log for the first that it knew of that peer, and tells the peer so.
    KeepsPlacesOverACrash,
    /// It waits for an acknowledgement, however long that takes.
    WaitsForAnAcknowledgement,
    /// It takes an answer or a repair of a peer's former life to say that the peer, as it is, holds all.
    TrustsAFormerLife,
    /// What came from a peer never goes back there, even if the peer was removed and added again.
    RemembersWhoSent,
}

/// A bug and what it remembers.
#[derive(Clone)]
pub(crate) struct Tampering<E> {
    bug: Bug,
    /// That of the first request.
    nonce: Option<[u8; 4]>,
    /// Whether a request, or a push with elements, is unanswered.
    asked: Option<MessageKind>,
    /// The machine as its round began.
    began: Option<Box<AntiEntropy<usize, E>>>,
    peers: BTreeMap<usize, Peer<E>>,
}

/// What is remembered of a peer that pushes.
#[derive(Clone, Hash, PartialEq, Eq)]
struct Peer<E> {
    /// Its log as it was named first, and last.
    logs: Option<[u32; 2]>,
    /// The life that named it last, and its push.
    life: u8,
    last: Option<Vec<u8>>,
    /// Our log.
    ours: u32,
    /// Up to where ours was pushed.
    sent: u64,
    /// What came from it, and how much of that before it was removed.
    came: Vec<E>,
    removed: usize,
}

impl<E> Default for Peer<E> {
    fn default() -> Self {
        Self { logs: None, life: 0, last: None, ours: 0, sent: 0, came: Vec::new(), removed: 0 }
    }
}

impl<E> From<Bug> for Tampering<E> {
    fn from(bug: Bug) -> Self {
        Self { bug, nonce: None, asked: None, began: None, peers: BTreeMap::new() }
    }
}

impl<E> Default for Tampering<E> {
    fn default() -> Self {
        Bug::None.into()
    }
}

impl<E: Plain> Malady<E> for Tampering<E> {
    fn poll(&mut self, machine: &mut AntiEntropy<usize, E>, now: Time) -> Output<usize, E> {
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
            (&Output::Event(Event::InSync { peer, again, .. }), Bug::ProvesTheNewest) => {
                Output::Event(Event::InSync { peer, digest: machine.digest(), again })
            }
            (Output::Event(Event::InSync { .. }), Bug::TellsNoProof) => self.poll(machine, now),
            (Output::Event(Event::Learned { element, from }), Bug::RemembersWhoSent) => {
                self.peers.entry(*from).or_default().came.push(element.clone());
                output
            }
            (Output::Wait(_), Bug::WaitsForEver | Bug::WaitsForAnAcknowledgement) if self.asked.is_some() => {
                Output::Wait(None)
            }
            _ => output,
        }
    }

    fn dispatch(&mut self, to: usize, message: &Message<E>) -> Option<Vec<u8>> {
        let bytes = message.encode();
        match message.kind() {
            MessageKind::Push => self.push(to, bytes),
            kind @ (MessageKind::Probe | MessageKind::WantCells | MessageKind::Repair) => {
                Some(self.request(kind, bytes))
            }
            _ => Some(bytes),
        }
    }

    fn intercept(&mut self, machine: &AntiEntropy<usize, E>, datagram: &mut Datagram) -> Option<Datagram> {
        let asked = self.asked.take();
        if datagram.kind == MessageKind::Push && self.bug >= Bug::AcknowledgesWhatNeverCame {
            self.take_push(machine, datagram);
        }
        let crosses = datagram.kind == MessageKind::Probe && asked == Some(MessageKind::Probe);
        if self.bug != Bug::ProvesWhatCrosses || !crosses {
            return None;
        }
        // A probe ends with what a proof names: the upper half of the sum.
        let probe = &datagram.bytes;
        let tag = forge::tag(probe).expect("a probe has a tag");
        let nonce = forge::nonce(probe).expect("a probe has a nonce");
        let bytes = forge::message(MessageKind::Proof, tag, nonce, &[&probe[probe.len() - 8..]]);
        let (from, to) = (datagram.to, datagram.from);
        Some(Datagram { from, to, kind: MessageKind::Proof, bytes: bytes.into(), life: 0 })
    }

    fn imagine(&self, machine: &AntiEntropy<usize, E>, datagram: &Datagram) -> Option<Vec<u8>> {
        if self.bug != Bug::TrustsAFormerLife || datagram.kind == MessageKind::Push {
            return None;
        }
        let peer = self.peers.get(&datagram.from).filter(|peer| datagram.life < peer.life)?;
        let push = Push::decode(peer.last.as_ref()?);
        Some(push.acknowledging(peer.ours, machine.len() as u64).encode())
    }

    fn remove(&mut self, peer: usize) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.removed = peer.came.len();
        }
    }

    fn wake(&mut self, machine: &mut AntiEntropy<usize, E>) {
        if let Some(began) = self.began.take() {
            *machine = *began;
        }
    }
}

impl<E: Plain> Tampering<E> {
    fn request(&mut self, kind: MessageKind, mut bytes: Vec<u8>) -> Vec<u8> {
        match self.bug {
            Bug::WaitsForEver | Bug::ProvesWhatCrosses => self.asked = Some(kind),
            Bug::RepeatsNonce => {
                const NONCE: std::ops::Range<usize> = 5..9;
                let first = *self.nonce.get_or_insert(forge::nonce(&bytes).expect("a request has a nonce"));
                bytes[NONCE].copy_from_slice(&first);
            }
            _ => {}
        }
        bytes
    }

    fn push(&mut self, to: usize, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if self.bug < Bug::AcknowledgesWhatNeverCame {
            return Some(bytes);
        }
        let mut push = Push::decode(&bytes);
        let peer = self.peers.entry(to).or_default();
        let [from, end] = push.part();
        match self.bug {
            Bug::AcknowledgesWhatNeverCame => {
                let last = peer.last.as_deref().map(Push::decode).filter(|last| last.log == push.of);
                push.ack = last.map_or(push.ack, |last| push.ack.max(last.part()[1]));
            }
            Bug::NeverSendsAgain if from < peer.sent => return None,
            Bug::NeverSendsAgain => peer.sent = end,
            // It names the log that the peer has now, of which it knows nothing.
            Bug::KeepsPlacesOverACrash => push.of = peer.logs.map_or(push.of, |[_, last]| last),
            Bug::WaitsForAnAcknowledgement if !push.elements.is_empty() => self.asked = Some(MessageKind::Push),
            Bug::TrustsAFormerLife => peer.ours = push.log,
            Bug::RemembersWhoSent => {
                let theirs: Vec<[u8; WIDTH]> = peer.came[..peer.removed].iter().map(encoded).collect();
                push.elements.retain(|element| !theirs.contains(element));
            }
            _ => {}
        }
        Some(push.encode())
    }

    fn take_push(&mut self, machine: &AntiEntropy<usize, E>, datagram: &mut Datagram) {
        let mut push = Push::decode(&datagram.bytes);
        let peer = self.peers.entry(datagram.from).or_default();
        match self.bug {
            Bug::AcknowledgesWhatNeverCame => peer.last = Some(datagram.bytes.to_vec()),
            Bug::CountsWhatItDrops if push.part()[0] > 0 => {
                let held = machine.iter().next().map(encoded);
                push.elements.iter_mut().zip(held).for_each(|(element, held)| *element = held);
            }
            Bug::KeepsPlacesOverACrash => {
                let first = peer.logs.map_or(push.log, |[first, _]| first);
                peer.logs = Some([first, push.log]);
                push.log = first;
            }
            Bug::TrustsAFormerLife if datagram.life >= peer.life => {
                (peer.life, peer.last) = (datagram.life, Some(datagram.bytes.to_vec()));
            }
            _ => {}
        }
        datagram.bytes = push.encode().into();
    }

    fn decides(&self) -> impl Hash + Eq + use<'_, E> {
        (self.bug, self.nonce, self.asked, self.began.as_ref().map(|began| began.model()), &self.peers)
    }
}

fn encoded<E: Plain>(element: &E) -> [u8; WIDTH] {
    let mut bytes = Vec::new();
    element.encode(&mut bytes);
    bytes.try_into().expect("of that width")
}

impl<E: Plain> Hash for Tampering<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decides().hash(state);
    }
}

impl<E: Plain> PartialEq for Tampering<E> {
    fn eq(&self, other: &Self) -> bool {
        self.decides() == other.decides()
    }
}
