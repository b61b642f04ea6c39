//! `Kind`: what the machine asks of a set, whichever kind it is.

mod forgets;
mod grows;
#[cfg(feature = "model")]
mod kind_model;

use alloc::vec::Vec;
use core::ops::Range;

use crate::config::Room;
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Dot, Element, Fingerprint, ReplicaId};
use crate::error::Reject;
use crate::event::Event;
use crate::message::Remarks;
use crate::set::{Causal, Claim};
use crate::set::{Excerpt, Held, Lacks, Merged, Stretch};
use crate::sketch::{Cell, IdWidth, Name, Prefix, Tables};
use crate::wire::{Bound, Dots, Elements, Ids, Place};

#[cfg(feature = "model")]
pub(crate) use kind_model::KindModel;

/// A kind of set that an [`Engine`](crate::Engine) can be over: one that [only grows](crate::Set), or one that
/// [forgets](crate::Forgetting). Sealed.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Engine, Kind, Map, ReplicaId};
///
/// /// Peers that are not known to hold what this replica holds.
/// fn behind<P: Clone + Ord, S: Kind>(engine: &Engine<P, S>) -> usize {
///     let proof = |peer: &&P| engine.peer_stats(*peer).and_then(|stats| stats.last_proof);
///     engine.peers().filter(|peer| proof(peer) != Some(engine.digest())).count()
/// }
///
/// let id = ReplicaId::from_random(*b"8 random");
/// let mut map = Map::<&str, String, u64>::new(Config::default(), id, 1);
/// map.add_peer("n2");
/// assert_eq!((behind(&map), behind(&AntiEntropy::<&str, u64>::new(Config::default(), 1))), (1, 0));
/// ```
#[expect(private_bounds, reason = "sealed: how sets are compared is the engine's own")]
pub trait Kind: Content<Element: Element> + Compared {}

/// What goes in and out of a replica of a [`Kind`].
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Content, Message, Output, Set, Time};
///
/// /// What waits for a transport, of a replica of either kind.
/// struct Outbox<P, S: Content>(Vec<(P, Message<S::Element>)>);
///
/// let mut outbox = Outbox::<&str, Set<u64>>(vec![]);
/// let mut machine = AntiEntropy::new(Config::default(), 1);
/// machine.add_peer("n2");
/// machine.sync_now(&"n2");
/// while let Output::Send { to, message } = machine.poll(Time::ZERO) {
///     outbox.0.push((to, message));
/// }
/// assert_eq!(outbox.0.len(), 1);
/// ```
pub trait Content {
    /// What its messages hold.
    type Element;
    /// What it reports to the embedder.
    type Event<P>;
}

/// All that the machine, its rounds and its pushes ask of what they compare.
///
/// [`Set`](crate::set::Set) only grows, [`Forgetting`](crate::forgetting::Forgetting) forgets. There is one protocol and
/// one machine, over this. What one kind alone can do has an answer here for the others: nothing.
pub(crate) trait Compared: Content<Element: Element> {
    /// What its sketch knows an element by.
    type Name: Name;
    /// Width of names.
    const WIDTH: IdWidth;
    /// Whether it forgets: its messages end with remarks, and its counts are no places.
    const FORGETS: bool = false;

    /// What a replica of this kind reports of an event; `None` for one that it does not report.
    fn report<P>(event: Event<P, Self::Element>) -> Option<Self::Event<P>>;
    /// What the set itself has to report.
    fn news<P>(&mut self) -> Option<Self::Event<P>> {
        None
    }

    /// How many elements are held.
    fn len(&self) -> usize;
    /// End of the log.
    fn end(&self) -> Place;
    fn digest(&self) -> Digest;
    fn state(&self) -> State;
    fn tag(&self) -> ClusterTag;
    /// Whether some elements share an id.
    fn shares_ids(&self) -> bool;
    /// Whether some elements share a fingerprint: digests only count these.
    fn shares_fingerprints(&self) -> bool;
    /// The state that decides a machine's future.
    #[cfg(feature = "model")]
    fn model(&self) -> KindModel<Self::Element>;

    /// The sketch, if there is one.
    fn tables(&self) -> Option<&Tables<Self::Name>>;
    /// Brings the sketch up to date, before it is sent or read.
    fn settle(&mut self);
    /// Has an up-to-date sketch of at least so many cells at hand. Returns whether it had to be built, of all elements.
    fn lengthen(&mut self, cells: usize) -> bool;
    /// Gives up a sketch that is longer than the one it keeps.
    fn shorten(&mut self);

    /// Merges the elements of a message. If one of them is refused, none is merged.
    fn merge(&mut self, elements: &Elements, remarks: &Remarks) -> Result<Merged<Self::Element>, Reject>;
    /// Inserts the numbers with these names, and returns those that were not held.
    fn insert_numbers(&mut self, names: &[u64]) -> Vec<Self::Element>;

    /// What a set of this digest lacks of ours, if the digest tells.
    fn lacks(&self, theirs: Digest) -> Option<Lacks>;
    /// The name of the number that a set of this digest has and ours lacks, if that is all that the two differ by.
    fn lacked(&self, theirs: Digest) -> Option<u64>;
    /// Fills a run with what another set lacks, as much as fits the room. Returns it with the dots that are gone beside it,
    /// and what is left to give.
    fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Dots, Option<Lacks>);

    /// End of the log when the digest had this tag; `None` if that is too long ago, or never was.
    fn place_of(&self, tag: u64) -> Option<Place>;
    /// Cells of the sketch as they were when the log ended at `place`; `None` if there are not as many.
    fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>>;
    /// Subtracts the set, as it was when the log ended at `place`, from a peer's first cells.
    fn subtract(&self, cells: &[Cell], place: Place) -> Option<Prefix>;
    /// Names of what has changed since the log ended at `place`.
    fn names_since(&self, place: Place) -> impl Iterator<Item = Self::Name>;
    /// Names of what was inserted since then, but for elements of these fingerprints; all ascend.
    fn names_since_but(&self, place: Place, held: &[Fingerprint]) -> Vec<u64>;
    /// The claim of a set with this digest, if the digest tells it: it lacks some of ours or, of a map, is as ours was.
    fn known_claim(&self, theirs: Digest) -> Option<Claim>;
    /// The claim that these names differ, if our set with that difference has the peer's digest.
    fn confirm(&self, names: &[Self::Name], width: IdWidth, theirs: Digest) -> Option<Claim>;

    /// Fills a run with the elements of an interval, but for those `held`.
    fn page(&self, from: Bound, to: Bound, held: Held<'_>, room: Room) -> (Elements, Bound);
    /// As [`page`](Self::page) up to `reach`, but complete up to the next element before `end`.
    fn page_to(&self, from: Bound, reach: Bound, end: Bound, room: Room) -> (Elements, Bound);
    /// The first 32 bits of the ids from a bound to `reach`, as many as fit so many bytes.
    fn listed(&self, from: Bound, reach: Bound, end: Bound, room: usize) -> (Ids, Bound);
    /// Those of such ids that no element has, of the first `most`.
    fn unknown(&self, ids: &[u64], most: usize) -> Vec<u64>;
    /// Names of the elements of such ids, ascending.
    fn names_of(&self, ids: &[u64]) -> Vec<u64>;
    /// Names of the elements, but for those that a peer holds, which has listed all its elements.
    fn names_except(&self, held: &[Fingerprint]) -> Vec<u64>;
    /// Of the fingerprints of all elements that a peer holds in an interval: those that no further element has there.
    fn told_apart(&self, held: Vec<Fingerprint>, from: Bound, to: Bound) -> Vec<Fingerprint>;
    /// Fills a run with the elements of these names, which have `width` bits less than ids. Returns it with the number of
    /// names that it completes.
    fn named(&self, names: &[u64], width: u32, room: Room) -> (Elements, usize);

    /// Goes on with an excerpt, by these parts of the log, until its encodings take more than `most` bytes.
    fn look_on(&self, excerpt: &mut Excerpt, parts: impl Iterator<Item = Range<usize>>, most: usize);
    /// Fills a run with the elements of these parts of the log.
    fn batch(
        &self,
        from: Place,
        parts: impl Iterator<Item = Range<usize>> + Clone,
        room: Room,
        shared: &Excerpt,
    ) -> Stretch;
    /// Whether the elements of these parts of the log take at most `budget` bytes, and how many it took to know.
    fn fits(&self, parts: impl Iterator<Item = Range<usize>>, budget: usize) -> (bool, usize);

    /// Takes over what is gone at a peer, by a claim. Returns the elements that went.
    fn take_over(&mut self, _causal: &Causal) -> Vec<Self::Element> {
        Vec::new()
    }
    /// Raises marks to those of a state that was read, once each dot that was wished for is seen.
    fn adopt(&mut self, _causal: &Causal) {}
    /// Raises marks to those that came with a question for a verdict, if the digest with them has the asker's tag. Returns
    /// how many names it hashed to know.
    fn adopt_if(&mut self, _marks: &[Dot], _tag: u64) -> usize {
        0
    }
    /// Raises marks to those that a walk was told, if what is live here is what is live there.
    fn adopt_told(&mut self, _marks: &[Dot], _gone: &[Dot], _theirs: Digest) {}
    /// Our marks of these replicas that are above those of a peer.
    fn marks_above(&self, _theirs: &[(ReplicaId, u32)]) -> Vec<Dot> {
        Vec::new()
    }
    /// Our marks, as many as fit so many bytes.
    fn marks(&self, _room: usize) -> Dots {
        Dots::default()
    }
    /// Drops what is live here in an interval, is not among what a peer holds there, and was seen by the peer, whose marks
    /// these are. Returns the elements that went, and how many it looked at.
    fn drop_seen(&mut self, _: Bound, _: Bound, _held: &[Fingerprint], _marks: &[Dot]) -> (Vec<Self::Element>, usize) {
        (Vec::new(), 0)
    }
    /// The marks of a peer that has told all, with 0 for each replica of ours that it has none of.
    fn beside(&self, _told: &[Dot]) -> Vec<(ReplicaId, u32)> {
        Vec::new()
    }
    /// From where on the log can be pushed: of what went before, another peer is told by a round.
    fn known_from(&self) -> Place {
        Place::START
    }
    /// Dots that went of late and that these wishes may have been for.
    fn went(&self, _wishes: &[u64]) -> Vec<Dot> {
        Vec::new()
    }
    /// The marks, if asked for, and the gone dots beyond them in an interval, as many as fit so many bytes.
    fn context_between(&self, _from: Bound, to: Bound, _with_marks: bool, _room: usize) -> (Dots, Dots, Bound) {
        (Dots::default(), Dots::default(), to)
    }
}
