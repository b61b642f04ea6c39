//! `Turn`: one peer, and all that may be touched on its behalf.

use alloc::collections::VecDeque;

use super::Peer;
use crate::agenda::Agenda;
use crate::config::Config;
use crate::digest::Digest;
use crate::element::Element;
use crate::event::Event;
use crate::message::Message;
use crate::pacing::TRIES;
use crate::push::{self, About, Hand, LinkTurn, Wishes};
use crate::rng::Rng;
use crate::round::policy::Policy;
use crate::round::{Round, Step};
use crate::set::Set;
use crate::stats::{Ledger, Stats};
use crate::time::{Time, micros};
use crate::wire::Place;

/// One peer and all that may be touched on its behalf, borrowed from the machine once a message or a task.
pub(crate) struct Turn<'a, P, E> {
    pub(crate) id: &'a P,
    pub(crate) peer: &'a mut Peer,
    /// What is pushed to it, where anything is.
    pub(crate) hand: Option<Hand<'a, P>>,
    pub(crate) set: &'a mut Set<E>,
    pub(crate) config: &'a Config,
    pub(crate) rng: &'a mut Rng,
    /// The latest time polled at.
    pub(crate) now: Time,
    pub(crate) agenda: &'a mut Agenda<P>,
    pub(crate) events: &'a mut VecDeque<Event<P, E>>,
    pub(crate) stats: &'a mut Stats,
    /// How many cells our rounds with others have asked for; counted where cells came.
    pub(crate) cells_elsewhere: usize,
}

/// What it is time to do about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The wait for an answer is over.
    TimeOut,
    /// Its budget is overdrawn no longer.
    Rested,
    /// It is told the time.
    Time,
    Push(push::Task),
    /// Chance has chosen it for a round.
    Begin,
    /// It is its turn to be sent something.
    Send,
}

impl<P: Clone + Ord, E: Element> Turn<'_, P, E> {
    /// Does what it is time for; the message that is to be sent, if one is.
    pub(crate) fn perform(&mut self, task: Task) -> Option<Message<E>> {
        match task {
            Task::TimeOut => self.time_out(),
            Task::Rested => {
                self.agenda.rests.set(self.id, &mut self.peer.rests_until, None);
                self.enqueue();
            }
            Task::Time => self.tell_time(),
            Task::Push(task) => self.on_link(|link| link.perform(task)),
            Task::Begin => self.want_round(),
            Task::Send => return self.next_message(),
        }
        None
    }

    /// The wait for an answer ended for nothing: the request goes out again, or the round is given up.
    fn time_out(&mut self) {
        self.agenda.answers.set(self.id, &mut self.peer.answer_by, None);
        let Some(round) = &mut self.peer.round else { return };
        if round.time_out() {
            self.count(|ledger| ledger.resent += 1);
            return self.enqueue();
        }
        if let Step::Walk(walk) = round.step() {
            self.peer.resume = walk.cursor();
        }
        // Not exactly so long, or both sides of a cut would leave each other alone in step.
        let backoff = micros(self.peer.pacing.fail(self.config.round_interval()));
        self.peer.pacing.leave_alone(self.now + self.rng.about(backoff));
        if self.peer.pacing.has_failed() {
            self.lose();
        }
        self.end_round(false);
        self.on_link(|link| link.on_unreachable());
    }

    /// It is told the time, for what has come since the last poll.
    fn tell_time(&mut self) {
        self.peer.untimed.hand_back();
        self.peer.pacing.measure_answer(self.now);
        self.on_link(|link| link.on_time());
    }

    /// A round with it is to begin: at once, or after the one under way.
    pub(crate) fn want_round(&mut self) {
        self.peer.wanted = true;
        self.enqueue();
    }

    /// Begins a round if one is wanted and there is none.
    pub(super) fn begin_round(&mut self) {
        if self.peer.wanted && self.peer.round.is_none() {
            self.peer.wanted = false;
            let nonce = self.peer.next_round(self.rng.next_u32());
            self.peer.round = Some(Round::new(nonce, self.set.state().bytes, self.set.end()));
        }
    }

    /// Ends our round and enters it in the books. A round that was wanted meanwhile has its turn.
    pub(super) fn end_round(&mut self, proven: bool) {
        let Some(round) = self.peer.round.take() else { return };
        self.agenda.answers.set(self.id, &mut self.peer.answer_by, None);
        self.peer.timeouts = if round.retries() >= TRIES { self.peer.timeouts.saturating_add(1) } else { 0 };
        if proven {
            self.peer.walked();
        }
        self.count(|ledger| {
            ledger.rounds += 1;
            ledger.round_bytes += round.cost();
            if proven {
                ledger.proofs += 1;
                ledger.full_state_bytes = ledger.full_state_bytes.saturating_add(round.full_state());
            }
        });
        if self.peer.wanted {
            self.enqueue();
        }
        let interval = self.config.round_interval();
        self.on_link(|link| link.on_round_end(proven, interval));
    }

    /// Both have this digest.
    pub(super) fn prove(&mut self, digest: Digest) {
        self.peer.known.prove(digest);
        let place = Place::of_count(digest.count());
        self.reconcile(Some(place), place);
        // A peer may say the same any number of times before the next poll.
        let said = matches!(self.events.back(), Some(Event::InSync { peer, digest: last }) if peer == self.id && *last == digest);
        if !said {
            self.events.push_back(Event::InSync { peer: self.id.clone(), digest });
        }
    }

    /// A round has brought over all that the peer had at `theirs` and, unless that is not sure, all that we had at `ours`.
    pub(crate) fn reconcile(&mut self, ours: Option<Place>, theirs: Place) {
        self.on_link(|link| link.on_reconciled(ours, theirs));
    }

    /// It answers no more.
    pub(super) fn lose(&mut self) {
        if self.peer.reachable {
            self.peer.reachable = false;
            self.events.push_back(Event::Unreachable { peer: self.id.clone() });
        }
    }

    /// Lets it wait while its budget is overdrawn and there is something to send; whether it waits.
    pub(super) fn rests(&mut self) -> bool {
        let until = self.peer.budget.overdrawn_until(self.now).filter(|_| self.has_to_send());
        let begins = u64::from(until.is_some() && self.peer.rests_until.get().is_none());
        self.agenda.rests.set(self.id, &mut self.peer.rests_until, until);
        self.count(|ledger| ledger.deferred += begins);
        until.is_some()
    }

    pub(super) fn has_to_send(&self) -> bool {
        self.peer.has_to_send() || self.hand.as_ref().is_some_and(Hand::is_due)
    }

    /// Gives it a turn to send, unless it waits for one.
    pub(super) fn enqueue(&mut self) {
        self.agenda.ready.push(self.id, &mut self.peer.ready);
    }

    /// Has it told the time at the next poll.
    pub(super) fn want_time(&mut self) {
        self.agenda.untimed.push(self.id, &mut self.peer.untimed);
    }

    /// Charges it with work that was done for it.
    pub(super) fn spend(&mut self, work: u64) {
        self.peer.budget.spend(work, self.config.work_rate(), self.now);
        self.count(|ledger| ledger.work += work);
    }

    /// Counts something in the books about it, and in those about all.
    pub(super) fn count(&mut self, count: impl Fn(&mut Ledger)) {
        count(&mut self.peer.ledger);
        count(&mut self.stats.total);
    }

    /// What we ask for, and how much; `None` where there are pages alone.
    pub(super) const fn policy(&self) -> Option<&'static Policy> {
        Policy::of(self.config.economy)
    }

    /// Lets its link do something, and does what that wants.
    pub(crate) fn on_link(&mut self, act: impl FnOnce(&mut LinkTurn<'_, P>) -> Wishes) {
        if let Some(mut link) = self.link() {
            let wishes = act(&mut link);
            self.grant(wishes);
        }
    }

    /// Its link, with what a link is told.
    fn link(&mut self) -> Option<LinkTurn<'_, P>> {
        let (config, now, end) = (self.config, self.now, self.set.end());
        Self::link_of(self.hand.as_mut(), self.peer, config, now, end)
    }

    /// The same of its parts, where the set is needed beside it.
    pub(super) fn link_of<'b>(
        hand: Option<&'b mut Hand<'_, P>>,
        peer: &'b mut Peer,
        config: &Config,
        now: Time,
        end: Place,
    ) -> Option<LinkTurn<'b, P>> {
        let about = About {
            now,
            end,
            window: config.window.get().into(),
            pacing: &peer.pacing,
            answer_within: config.answer_within,
            in_round: peer.round.is_some(),
        };
        Some(hand?.turn(&mut peer.known, about))
    }

    /// Does what a link wants.
    pub(super) fn grant(&mut self, wishes: Wishes) {
        let Wishes { send, round, lost, time, sample } = wishes;
        if lost {
            self.lose();
        }
        if let Some(sample) = sample {
            self.peer.pacing.measure(sample);
        }
        if time {
            self.want_time();
        }
        if round {
            self.want_round();
        } else if send {
            self.enqueue();
        }
    }

    /// Gives it its place in the overlay, if there is one.
    pub(crate) fn settle(&mut self) {
        self.on_link(|link| link.settle());
    }
}
