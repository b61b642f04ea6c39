//! `Agenda`: the peers with something to send, and the next deadline.

mod walks;

use alloc::collections::{BTreeSet, VecDeque};

use crate::time::Time;

pub(crate) use walks::{Pass, Walks};

/// Peers that need a turn, now or at a time.
#[derive(Clone, Debug)]
pub(crate) struct Agenda<P> {
    /// Peers with something to send.
    pub(crate) ready: Queue<P>,
    /// Peers with arrivals since the last poll, or with an idle timer that starts at the next one. `receive` has no
    /// clock, so all that needs a time waits here.
    pub(crate) untimed: Queue<P>,
    /// Ends of the waits for answers to our rounds.
    pub(crate) answers: Deadlines<P>,
    /// Ends of the rests of peers whose budget is overdrawn.
    pub(crate) rests: Deadlines<P>,
    /// Our walks, few of which are under way at once.
    pub(crate) walks: Walks<P>,
    /// Until when a sketch is kept that is longer than usual.
    pub(crate) long_sketch: Option<Time>,
    /// While a round by chance is overdue: when the first peer is free for it, and which, once all have been looked at.
    /// With 10 000 peers a look at all takes 50 to 130 µs, which each poll would take.
    pub(crate) first_free: Option<(Time, Option<P>)>,
}

impl<P: Clone + Ord> Agenda<P> {
    pub(crate) const fn new() -> Self {
        Self {
            ready: Queue::new(),
            untimed: Queue::new(),
            answers: Deadlines::new(),
            rests: Deadlines::new(),
            walks: Walks::new(),
            long_sketch: None,
            first_free: None,
        }
    }

    /// Takes a removed peer out of both queues, its deadlines out of both sets, and its walk out of the others.
    pub(crate) fn remove(&mut self, peer: &P, [answer_by, rests_until]: [&mut Deadline; 2], pass: &mut Pass) {
        self.walks.leave(peer, pass);
        self.touch(peer).ready.remove(peer);
        self.untimed.remove(peer);
        self.answers.set(peer, answer_by, None);
        self.rests.set(peer, rests_until, None);
    }

    /// The agenda for a peer that is about to change: if it is the first to be free, another may be then.
    pub(crate) fn touch(&mut self, peer: &P) -> &mut Self {
        self.first_free.take_if(|(_, first)| first.as_ref() == Some(peer));
        self
    }

    /// Notes that a peer is free for a round by chance from then on.
    pub(crate) fn note_free(&mut self, peer: &P, from: Time) {
        if let Some(first) = self.first_free.as_mut().filter(|(at, _)| from < *at) {
            *first = (from, Some(peer.clone()));
        }
    }

    /// The first deadline.
    pub(crate) fn deadline(&self) -> Option<Time> {
        // The queues have no part in it: `poll` says `Wait` only once both are empty.
        [self.answers.first(), self.rests.first(), self.long_sketch].into_iter().flatten().min()
    }
}

/// Peers in the order in which they came, each at most once.
#[derive(Clone, Debug)]
pub(crate) struct Queue<P>(VecDeque<P>);

/// A peer's mark that it stands in a [`Queue`], so that no queue is searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(bool);

impl<P: Clone + PartialEq> Queue<P> {
    const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Puts a peer at the end, unless it stands in the queue already. O(1).
    pub(crate) fn push(&mut self, peer: &P, ticket: &mut Ticket) {
        if !ticket.0 {
            ticket.0 = true;
            self.0.push_back(peer.clone());
        }
    }

    /// The next peer, which is to [hand back](Ticket::hand_back) its ticket.
    pub(crate) fn pop(&mut self) -> Option<P> {
        self.0.pop_front()
    }

    /// Takes a peer out, wherever it stands. O(peers queued), which is only for peers that are removed.
    fn remove(&mut self, peer: &P) {
        self.0.retain(|other| other != peer);
    }

    #[cfg(feature = "model")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &P> {
        self.0.iter()
    }
}

impl Ticket {
    /// Notes that its peer has left the queue, and may queue again.
    pub(crate) const fn hand_back(&mut self) {
        self.0 = false;
    }
}

/// Deadlines of peers, at most one each. The peer keeps its own as a [`Deadline`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deadlines<P>(BTreeSet<(Time, P)>);

/// A peer's time in [`Deadlines`]. Only [`Deadlines::set`] changes it, so that the two never differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Deadline(Option<Time>);

impl<P: Clone + Ord> Deadlines<P> {
    pub(crate) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Sets a peer's time anew, or takes it out. O(log peers).
    pub(crate) fn set(&mut self, peer: &P, deadline: &mut Deadline, at: Option<Time>) {
        // Most calls change nothing: every message reschedules its link, and a tree's log n and a clone of `P` add up.
        if deadline.0 == at {
            return;
        }
        if let Some(before) = deadline.0 {
            self.0.remove(&(before, peer.clone()));
        }
        if let Some(at) = at {
            self.0.insert((at, peer.clone()));
        }
        deadline.0 = at;
    }

    /// The first peer whose time has come. It is returned again until its time is set anew.
    pub(crate) fn due(&self, now: Time) -> Option<&P> {
        self.0.first().filter(|(at, _)| at.is_due(now)).map(|(_, peer)| peer)
    }

    /// The first time.
    pub(crate) fn first(&self) -> Option<Time> {
        self.0.first().map(|&(at, _)| at)
    }
}

impl Deadline {
    /// The same, counted from the last poll.
    #[cfg(feature = "model")]
    pub(crate) fn rebased(self, now: Time) -> Self {
        Self(self.0.map(|at| Time::ZERO + at.saturating_since(now)))
    }

    /// The time, if one is set.
    pub(crate) const fn get(self) -> Option<Time> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_one_deadline_at_the_most() {
        let (mut deadlines, mut slots) = (Deadlines::new(), [Deadline::default(); 3]);
        let at = Time::from_millis;
        for (peer, time) in [(0, 5), (1, 3), (0, 9), (2, 4), (0, 9)] {
            deadlines.set(&peer, &mut slots[peer], Some(at(time)));
        }
        assert_eq!((deadlines.first(), deadlines.due(at(2)), deadlines.due(at(3))), (Some(at(3)), None, Some(&1)));
        deadlines.set(&1, &mut slots[1], None);
        assert_eq!((deadlines.due(at(100)), slots.map(Deadline::get)), (Some(&2), [Some(at(9)), None, Some(at(4))]));
        deadlines.set(&2, &mut slots[2], None);
        deadlines.set(&0, &mut slots[0], Some(Time::MAX));
        assert_eq!((deadlines.first(), deadlines.due(Time::MAX)), (Some(Time::MAX), None), "the last time never comes");
        deadlines.set(&0, &mut slots[0], None);
        assert_eq!(deadlines.first(), None);
    }

    #[test]
    fn each_peer_queues_once() {
        let (mut queue, mut tickets) = (Queue::new(), [const { Ticket(false) }; 2]);
        [0, 1, 0].into_iter().for_each(|peer| queue.push(&peer, &mut tickets[peer]));
        assert_eq!(queue.pop(), Some(0));
        queue.push(&0, &mut tickets[0]);
        tickets[0].hand_back();
        queue.push(&0, &mut tickets[0]);
        queue.remove(&1);
        assert_eq!([queue.pop(), queue.pop()], [Some(0), None]);
    }
}
