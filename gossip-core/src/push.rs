//! `Pusher`: a second machine, which pushes fresh elements along an overlay.
//!
//! It hears of inserts, messages, batches, reconciliations and lost peers, and says when to send a batch, when to begin
//! a round, and that a peer is lost. Elements go up so that they arrive just before the parent sends its own batch.
//! They go down once an interval from the root, and from other replicas as soon as a batch comes from the parent. So an
//! element waits one interval at most, wherever it comes from, and every edge carries one message each way in an
//! interval, with the acknowledgement of the other way.

mod arrival;
mod attach;
mod batches;
mod flight;
mod fresh;
mod link;
mod origins;
mod overlay;
#[cfg(feature = "model")]
mod push_model;
mod schedule;
mod search;
mod share;
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
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::Place;

use arrival::Arrival;
use flight::{Flight, MEASURED};
use fresh::Fresh;
use origins::Origins;
pub use overlay::Overlay;
use overlay::Standing;
#[cfg(feature = "model")]
pub(crate) use push_model::PushModel;
use schedule::Schedule;
use search::Search;

/// Links to peers, and what they share. Every peer has a slot for a link. In a large cluster most are empty: a link is
/// made for a peer that the overlay names or that has pushed.
#[derive(Clone, Debug)]
pub(crate) struct Pusher<P> {
    // Slots, so that a turn looks its peer up once and can make the link in place.
    links: BTreeMap<P, Option<Box<Link>>>,
    common: Common<P>,
}

/// What all links share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Common<P> {
    overlay: Overlay<P>,
    /// Id of our log in this life, and the source of others for peers that take it for another log.
    log: LogId,
    log_ids: Rng,
    origins: Origins<P>,
    /// What goes down to children.
    fresh: Fresh,
    /// The peer that we are attached to.
    parent: Option<P>,
    /// The peers that get all elements from elsewhere: children and, in a graph, neighbours.
    children: BTreeSet<P>,
    schedule: Schedule,
    search: Search<P>,
    /// Children and neighbours that do not answer.
    lost: BTreeSet<P>,
    /// Deadlines of links.
    deadlines: Deadlines<P>,
    /// Tasks for links that are due now.
    tasks: VecDeque<(P, Task)>,
}

/// Push state of one peer: how far it was sent our log, what is in flight, and when to act next. Lost elements are read
/// from the log again, so a link takes the same memory whatever its peer is yet to get.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    standing: Standing,
    /// Id of our log for this peer. It lasts until we forget the log, or the peer claims what cannot be of it. Each link
    /// has its own, so that a peer that contradicts us unsettles no other link.
    log: LogId,
    /// The peer was sent our log up to here.
    sent: Place,
    /// How many elements of our log behind `sent` came from the peer.
    own: usize,
    /// What follows this place is known to take more than so many bytes, and is not measured again.
    exceeds: Option<(Place, usize)>,
    /// The messages with elements in flight.
    flight: Flight,
    /// When the first of them went out, or when part of them was last acknowledged.
    in_flight_since: Option<Time>,
    /// Whether the peer has kept a full window waiting: its own is larger, and it waits for more messages than go out.
    /// What fills the window then asks for a push.
    is_kept_waiting: bool,
    /// How many waits for an acknowledgement in a row have ended without one.
    timeouts: u32,
    /// Whether elements were lost, or are older than the link. They go in a few messages, or by a round.
    catching_up: bool,
    /// The ends of the last messages with elements, and when they were sent, latest first.
    measured: [Option<(Place, Time)>; MEASURED],
    /// Decaying minimum and maximum round-trip time. Each sample pulls the bound that it does not extend an eighth of
    /// the way to itself.
    round_trips: Option<(Duration, Duration)>,
    /// Whether a message to the peer is due.
    due: bool,
    /// Whether that message goes in its turn, by which the receiver tells the time of the next one.
    timed: bool,
    /// Whether the next message asks for a push: for missing elements, or for a sign of life.
    asks: bool,
    /// Whether the last message of what is pending asks too, so that it is acknowledged at once.
    flushes: bool,
    /// When a message last asked.
    asked_at: Option<Time>,
    /// When the first element came that we have not acknowledged.
    ack_due_since: Option<Time>,
    /// How many messages with such elements have come.
    unanswered: u32,
    /// What came since the last poll, until the next one gives it a time.
    arrival: Option<Arrival>,
    /// Whether the timers that begin rounds start at the next poll.
    listens: bool,
    last_heard_at: Option<Time>,
    /// When elements of the peer's came last.
    last_elements_at: Option<Time>,
    /// When digests are to be compared, whatever flows.
    audit_at: Option<Time>,
    /// End of the idle timer: then the peer has been silent for `silence_limit`, and a round is worth while.
    idle_at: Option<Time>,
    silence_limit: Duration,
    /// Whether the peer does not answer. Nothing is pushed to it then.
    lost: bool,
    /// The first of its times.
    deadline: Deadline,
}

/// A task that is due for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// Its deadline has come.
    TimeOut,
    /// Fresh elements go up or down the link. `timed` if they go down in their turn.
    TakeTurn { timed: bool },
    /// The peer is asked for a sign of life: it may become our parent.
    Ask,
    /// The peer is our parent no longer.
    Detach,
    /// The peer is our parent from now on.
    Attach,
}

/// What a pusher wishes from the machine, for one peer.
#[must_use = "what is not done is never done"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// A batch is due to the peer.
    pub(crate) send: bool,
    /// A round is to begin with the peer.
    pub(crate) round: bool,
    /// The peer does not answer.
    pub(crate) lost: bool,
    /// The link needs the time of the next poll.
    pub(crate) time: bool,
    /// A measured round trip, which rounds wait by as well.
    pub(crate) sample: Option<Duration>,
}

/// A link's slot and what all links share, borrowed together.
#[derive(Debug)]
pub(crate) struct Hand<'a, P> {
    peer: &'a P,
    slot: &'a mut Option<Box<Link>>,
    common: &'a mut Common<P>,
}

/// One link with all that it may touch and know.
#[derive(Debug)]
pub(crate) struct LinkTurn<'a, P> {
    peer: &'a P,
    slot: &'a mut Option<Box<Link>>,
    common: &'a mut Common<P>,
    known: &'a mut Known,
    about: About<'a>,
}

/// What a link is told with every call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The time of this poll or, while a message is received, of the last one.
    pub(crate) now: Time,
    /// Where our log ends.
    pub(crate) end: Place,
    /// The most messages in flight.
    pub(crate) window: u32,
    /// Round trips of the peer, which waits follow.
    pub(crate) pacing: &'a Pacing,
    /// The wait for a peer whose round trips are not known yet.
    pub(crate) answer_within: Duration,
    /// How often to compare digests, whatever flows.
    pub(crate) audit_every: Duration,
    /// Whether a round with the peer is under way.
    pub(crate) in_round: bool,
    /// Whether the peer's transport takes no messages.
    pub(crate) is_full: bool,
}

impl<P: Clone + Ord> Pusher<P> {
    /// A pusher with an interval of `every` between batches. `log` is the id of our own log.
    pub(crate) fn new(every: Duration, overlay: Overlay<P>, log: LogId) -> Self {
        let common = Common {
            overlay,
            log,
            log_ids: Rng::new(log.bits().into()),
            origins: Origins::new(),
            fresh: Fresh::default(),
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

    /// Adds a peer, to which nothing is pushed yet.
    pub(crate) fn add(&mut self, peer: P) {
        self.links.insert(peer, None);
    }

    /// Forgets a peer and all tasks for it, and that elements of our log up to `end` came from it: whoever is added under
    /// this id may be another replica, or the same with nothing in memory.
    pub(crate) fn remove(&mut self, peer: &P, end: Place) {
        self.common.origins.came_from(peer).disown(end);
        let Some(mut link) = self.links.remove(peer).flatten() else { return };
        self.common.deadlines.set(peer, &mut link.deadline, None);
        self.common.lost.remove(peer);
        self.common.children.remove(peer);
        self.common.search.heard.remove(peer);
        self.common.tasks.retain(|(other, _)| other != peer);
        if self.common.parent.as_ref() == Some(peer) {
            // Without a parent and without a time to look for one, the next poll seeks at once.
            self.common.parent = None;
            self.common.schedule.detach();
            self.common.search.stop();
        }
    }

    /// A peer's link, to act on.
    pub(crate) fn hand<'a>(&'a mut self, peer: &'a P) -> Option<Hand<'a, P>> {
        Some(Hand { peer, slot: self.links.get_mut(peer)?, common: &mut self.common })
    }

    /// Whether somebody brings what comes from elsewhere.
    pub(crate) const fn has_parent(&self) -> bool {
        self.common.parent.is_some()
    }

    /// Whether this overlay is in force.
    pub(crate) fn has_overlay(&self, overlay: &Overlay<P>) -> bool {
        self.common.overlay == *overlay
    }

    /// How many peers the overlay joins us with.
    pub(crate) fn joined(&self) -> usize {
        self.common.children.len() + usize::from(self.common.parent.is_some())
    }

    /// The peers that the overlay joins us with: our parent, and our children or neighbours.
    pub(crate) const fn neighbourhood(&self) -> (Option<&P>, &BTreeSet<P>) {
        (self.common.parent.as_ref(), &self.common.children)
    }

    /// Takes another overlay. Links keep what is known of logs; their standing is to be [settled](LinkTurn::settle)
    /// anew.
    pub(crate) fn set_overlay(&mut self, overlay: Overlay<P>) {
        // A peer that was lost in the old overlay may well answer in the new one: it is tried again.
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

    /// Stamps all elements of the log up to `end` that have no time yet: they wait to go out since `now`.
    pub(crate) fn stamp(&mut self, end: Place, now: Time) {
        self.common.stamp(end, now);
    }

    /// The next task and its peer, if one is due.
    pub(crate) fn next_task(&mut self, now: Time) -> Option<(P, Task)> {
        let common = &mut self.common;
        loop {
            // Timeouts before turns: what is lost goes out again with what is fresh.
            if let Some(task) = common.tasks.pop_front() {
                return Some(task);
            }
            if let Some(peer) = common.deadlines.due(now) {
                return Some((peer.clone(), Task::TimeOut));
            }
            if common.up_at().is_some_and(|at| at.is_due(now)) {
                // Marked as gone before the links act: a link that has nothing to send must not keep the turn due.
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

    /// Notes that nothing is due before the next deadline.
    pub(crate) fn on_wait(&mut self) {
        // While something waits for its turn down, a message may have been due to one child, and others get the same soon.
        if self.common.down_at().is_none() {
            self.common.fresh = Fresh::default();
        }
    }

    /// The first time at which a task is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let common = &self.common;
        let down = common.down_at().map(|(at, _)| at);
        let times = [common.deadlines.first(), common.up_at(), down, common.search.at()];
        times.into_iter().flatten().min()
    }

    /// Whether nobody brings what comes from elsewhere: the overlay names a parent and there is none, or it joins us with
    /// nobody, as where a list of members or a topology leaves us out.
    pub(crate) fn is_orphan(&self) -> bool {
        self.common.is_orphan() || self.joined() == 0
    }

    /// Children and neighbours that do not answer.
    pub(crate) const fn lost(&self) -> &BTreeSet<P> {
        &self.common.lost
    }

    /// Whether fresh elements go to the peer.
    pub(crate) fn carries_to(&self, peer: &P) -> bool {
        self.links.get(peer).and_then(Option::as_ref).is_some_and(|link| link.carries())
    }

    /// How many elements of our log from a place on came from the peer.
    pub(crate) fn came_from(&self, peer: &P, place: Place) -> usize {
        self.common.origins.count(peer, place)
    }

    /// Whether rounds by chance have to reach some peers.
    pub(crate) fn leaves_to_rounds(&self) -> bool {
        !self.common.lost.is_empty() || self.is_orphan()
    }
}

impl<P: Clone + Ord> Common<P> {
    /// Whether the overlay names a parent and there is none.
    fn is_orphan(&self) -> bool {
        self.parent.is_none() && !self.overlay.upstream().is_empty()
    }
}

impl<P: Clone + Ord> Hand<'_, P> {
    /// The link with what is known of the peer.
    pub(crate) const fn turn<'a>(&'a mut self, known: &'a mut Known, about: About<'a>) -> LinkTurn<'a, P> {
        LinkTurn { peer: self.peer, slot: self.slot, common: self.common, known, about }
    }

    /// Notes that the log, up to `end`, got its newest elements by inserts of our own.
    pub(crate) fn note_inserts(&mut self, end: Place) {
        self.common.origins.note_inserts(end);
    }

    /// Notes that the log, up to `end`, got its newest elements from the peer, and that they had waited elsewhere for
    /// `age`.
    pub(crate) fn note_arrivals(&mut self, end: Place, age: Duration) {
        self.common.origins.came_from(self.peer).note(end, age);
    }

    /// Whether a message to the peer is due.
    pub(crate) fn is_due(&self) -> bool {
        self.slot.as_ref().is_some_and(|link| link.due)
    }
}
