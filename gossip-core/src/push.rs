//! `Pusher`: fresh elements along an overlay, as a machine of its own.
//!
//! It hears of inserts, messages, batches, reconciliations and lost peers, and says when to send a batch, when to begin a
//! round, and that a peer is lost. Elements go up at once, or rather so that they come just before the parent sends its
//! own; and down once an interval, from the root, and from others as soon as they come from the parent. So an element
//! waits an interval at the most, wherever it comes from, and every edge carries a message each way in an interval, with
//! the other way's acknowledgement.

mod attach;
mod batches;
mod link;
mod origins;
mod overlay;
#[cfg(feature = "model")]
mod push_model;
mod schedule;
#[cfg(test)]
mod tests;
mod turns;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use crate::agenda::{Deadline, Deadlines};
use crate::known::Known;
use crate::message::LogId;
use crate::pacing::Pacing;
use crate::time::Time;
use crate::wire::Place;

use attach::Search;
use link::{Arrival, Standing};
use origins::Origins;
pub use overlay::Overlay;
#[cfg(feature = "model")]
pub(crate) use push_model::PushModel;
use schedule::Schedule;

/// Links to peers, and what they share. Every peer has a slot for a link, most of a large cluster's empty: links are there
/// for those whom the overlay names and those who pushed.
#[derive(Clone, Debug)]
pub(crate) struct Pusher<P> {
    links: BTreeMap<P, Option<Box<Link>>>,
    common: Common<P>,
}

/// What all links share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Common<P> {
    overlay: Overlay<P>,
    /// Names our log, as long as we remember it.
    log: LogId,
    origins: Origins<P>,
    /// Whom we are attached to.
    parent: Option<P>,
    /// To whom we pass on what comes from elsewhere.
    children: BTreeSet<P>,
    schedule: Schedule,
    search: Search<P>,
    /// Those who should carry and do not answer.
    lost: BTreeSet<P>,
    /// When something is to be done about a link.
    deadlines: Deadlines<P>,
    /// What is to be done about links now.
    tasks: VecDeque<(P, Task)>,
}

/// Push state of one peer: how far it was sent our log, what is in flight, and when to act next. What was pushed is read
/// from the log again if it has to be sent again, so a link takes the same memory whatever its peer is yet to get.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    standing: Standing,
    /// Up to where the peer was sent our log.
    sent: Place,
    /// How many elements of our log after what was sent came from the peer.
    own: usize,
    /// How many messages with elements are not acknowledged, and of one of them: where it ends, and how many there are up
    /// to it.
    unacked: u32,
    mark: Option<(Place, u32)>,
    /// When the first of them went out, or the last time that it was sent again.
    in_flight_since: Option<Time>,
    /// How often in a row no acknowledgement came.
    timeouts: u32,
    /// Whether something was lost, or is older than the link: it is to go in a few messages, or by a round.
    catching_up: bool,
    /// The end of the last message with elements, and when it was sent.
    measured: Option<(Place, Time)>,
    /// Decaying minimum and maximum round-trip time. Each sample pulls the bound that it does not extend an eighth of the
    /// way to itself.
    round_trips: Option<(Duration, Duration)>,
    /// Whether it is to be sent a message, and whether that is in its time.
    due: bool,
    timed: bool,
    /// Whether to ask for what is missing, or for a sign of life; and when that was last asked.
    asks: bool,
    asked_at: Option<Time>,
    /// Since when elements of the peer's are not acknowledged, and how many messages brought them.
    ack_due_since: Option<Time>,
    unanswered: u32,
    /// What came since the last poll, which tells the time; and whether the peer's silence counts from then on.
    arrival: Option<Arrival>,
    listens: bool,
    last_heard_at: Option<Time>,
    /// When elements of the peer's came last.
    last_elements_at: Option<Time>,
    /// When it will have been silent for too long, and how long that was.
    idle_at: Option<Time>,
    silence_limit: Duration,
    /// Whether it does not answer. Nothing is pushed to it then.
    lost: bool,
    /// When something is to be done about it.
    deadline: Deadline,
}

/// What is to be done about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// Its deadline has come.
    TimeOut,
    /// Its turn has come: for going down in time, or not.
    TakeTurn { timed: bool },
    /// It is to be asked for a sign of life, as one that may be our parent.
    Ask,
    /// It is our parent no longer.
    Detach,
    /// It is our parent from now on.
    Attach,
}

/// What a pusher wants to be done about a peer.
#[must_use = "what is not done is never done"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// It has something to send.
    pub(crate) send: bool,
    /// A round is to begin.
    pub(crate) round: bool,
    /// It does not answer.
    pub(crate) lost: bool,
    /// It is to be told the time.
    pub(crate) time: bool,
    /// A round trip took so long.
    pub(crate) sample: Option<Duration>,
}

/// A link's slot and what all links share, borrowed together.
#[derive(Debug)]
pub(crate) struct Hand<'a, P> {
    peer: &'a P,
    slot: &'a mut Option<Box<Link>>,
    common: &'a mut Common<P>,
}

/// One link, and all that it may touch and know.
#[derive(Debug)]
pub(crate) struct LinkTurn<'a, P> {
    peer: &'a P,
    slot: &'a mut Option<Box<Link>>,
    common: &'a mut Common<P>,
    known: &'a mut Known,
    about: About<'a>,
}

/// What a pusher is told with every call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The time of the last poll, or of this one.
    pub(crate) now: Time,
    /// Where our log ends.
    pub(crate) end: Place,
    /// How many messages may be under way.
    pub(crate) window: u32,
    /// How long to wait for the peer, and for one that is not known.
    pub(crate) pacing: &'a Pacing,
    pub(crate) answer_within: Duration,
    /// Whether a round with the peer is under way.
    pub(crate) in_round: bool,
}

impl<P: Clone + Ord> Pusher<P> {
    /// A pusher of batches `every` so often, whose own log has this id.
    pub(crate) fn new(every: Duration, overlay: Overlay<P>, log: LogId) -> Self {
        let common = Common {
            overlay,
            log,
            origins: Origins::new(),
            parent: None,
            children: BTreeSet::new(),
            schedule: Schedule::new(every),
            search: Search::default(),
            lost: BTreeSet::new(),
            deadlines: Deadlines::new(),
            tasks: VecDeque::new(),
        };
        Self { links: BTreeMap::new(), common }
    }

    /// Takes a peer in, whom nothing is pushed to yet.
    pub(crate) fn add(&mut self, peer: P) {
        self.links.insert(peer, None);
    }

    /// Forgets a peer, and all that was to be done about it.
    pub(crate) fn remove(&mut self, peer: &P) {
        let Some(mut link) = self.links.remove(peer).flatten() else { return };
        self.common.deadlines.set(peer, &mut link.deadline, None);
        self.common.lost.remove(peer);
        self.common.children.remove(peer);
        self.common.search.heard.remove(peer);
        self.common.tasks.retain(|(other, _)| other != peer);
        if self.common.parent.as_ref() == Some(peer) {
            self.common.parent = None;
            self.common.schedule.detach();
            self.common.search.stop();
        }
    }

    /// A peer's link, to act on.
    pub(crate) fn hand<'a>(&'a mut self, peer: &'a P) -> Option<Hand<'a, P>> {
        Some(Hand { peer, slot: self.links.get_mut(peer)?, common: &mut self.common })
    }

    /// Goes by another overlay from now on. Links stay; who stands where is to be [settled](LinkTurn::settle) for each.
    pub(crate) fn set_overlay(&mut self, overlay: Overlay<P>) {
        for link in self.links.values_mut().flatten() {
            (link.standing, link.lost) = (Standing::Detached, false);
        }
        self.common.overlay = overlay;
        self.common.children.clear();
        self.common.lost.clear();
        self.common.parent = None;
        self.common.schedule.detach();
        self.common.search.pause();
    }

    /// The log ends here at `now`: what has come since the last time waits to go out.
    pub(crate) fn stamp(&mut self, end: Place, now: Time) {
        self.common.stamp(end, now);
    }

    /// What is to be done now, and about whom.
    pub(crate) fn next_task(&mut self, now: Time) -> Option<(P, Task)> {
        let common = &mut self.common;
        loop {
            if let Some(task) = common.tasks.pop_front() {
                return Some(task);
            }
            if let Some(peer) = common.deadlines.due(now) {
                return Some((peer.clone(), Task::TimeOut));
            }
            if common.up_at().is_some_and(|at| at.is_due(now)) {
                common.schedule.go_up(now);
                let parent = common.parent.clone();
                common.tasks.extend(parent.map(|parent| (parent, Task::TakeTurn { timed: false })));
            } else if let Some((_, timed)) = common.down_at().filter(|(at, _)| at.is_due(now)) {
                common.schedule.go_down(now, timed);
                common.tasks.extend(common.children.iter().map(|child| (child.clone(), Task::TakeTurn { timed })));
            } else if common.search.at().map_or(common.is_orphan(), |at| at.is_due(now)) {
                common.seek(now);
            } else {
                return None;
            }
        }
    }

    /// When there is something to do next.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let common = &self.common;
        let down = common.down_at().map(|(at, _)| at);
        let times = [common.deadlines.first(), common.up_at(), down, common.search.at()];
        times.into_iter().flatten().min()
    }

    /// Whether a parent is wanted, and there is none.
    pub(crate) fn is_orphan(&self) -> bool {
        self.common.is_orphan()
    }

    /// Those who should be pushed to and do not answer.
    pub(crate) const fn lost(&self) -> &BTreeSet<P> {
        &self.common.lost
    }

    /// Whether some peers are left to rounds alone.
    pub(crate) fn leaves_to_rounds(&self) -> bool {
        !self.common.lost.is_empty() || self.is_orphan()
    }
}

impl<P: Clone + Ord> Common<P> {
    /// Whether a parent is wanted, and there is none.
    fn is_orphan(&self) -> bool {
        self.parent.is_none() && !self.overlay.upstream().is_empty()
    }
}

impl<P: Clone + Ord> Hand<'_, P> {
    /// The link, with what is known of the peer.
    pub(crate) const fn turn<'a>(&'a mut self, known: &'a mut Known, about: About<'a>) -> LinkTurn<'a, P> {
        LinkTurn { peer: self.peer, slot: self.slot, common: self.common, known, about }
    }

    /// The log ends here, and what it has got since the last time was inserted here.
    pub(crate) fn note_inserts(&mut self, end: Place) {
        self.common.origins.note(end, None);
    }

    /// The log ends here, and what it has got since the last time came from the peer, where it had waited so long.
    pub(crate) fn note_arrivals(&mut self, end: Place, age: Duration) {
        self.common.origins.note(end, Some((self.peer, age)));
    }

    /// Whether there is a message to send.
    pub(crate) fn is_due(&self) -> bool {
        self.slot.as_ref().is_some_and(|link| link.due)
    }
}
