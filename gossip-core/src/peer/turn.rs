//! `Turn`: one peer, and all that may be touched on its behalf.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::Peer;
use super::budget::PASSED;
use crate::agenda::{Agenda, Pass};
use crate::config::Config;
use crate::digest::Digest;
use crate::element::Dot;
use crate::event::Event;
use crate::kind::Kind;
use crate::message::{LogId, Message, Nonce};
use crate::push::{self, About, Hand, LinkTurn, Wishes};
use crate::rng::Rng;
use crate::round::policy::Policy;
use crate::round::{Ending, Round, Step};
use crate::stats::{Ledger, Stats};
use crate::time::{Time, micros};
use crate::wire::Place;

/// One peer and all that may be touched on its behalf, borrowed from the machine once per message or task.
pub(crate) struct Turn<'a, P, S: Kind> {
    pub(crate) id: &'a P,
    pub(crate) peer: &'a mut Peer,
    /// Its link and what all links share; `None` without an overlay.
    pub(crate) hand: Option<Hand<'a, P>>,
    pub(crate) set: &'a mut S,
    pub(crate) config: &'a Config,
    pub(crate) rng: &'a mut Rng,
    /// The latest time polled at.
    pub(crate) now: Time,
    pub(crate) agenda: &'a mut Agenda<P>,
    pub(crate) events: &'a mut VecDeque<Event<P, S::Element>>,
    pub(crate) stats: &'a mut Stats,
    /// What the message that is made says beside its elements.
    pub(crate) gone: Vec<Dot>,
    pub(crate) marks: Vec<Dot>,
    /// How many cells our rounds with other peers hold and await; counted for messages that bring cells.
    pub(crate) cells_elsewhere: usize,
}

/// A task that is due for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The wait for an answer is over.
    TimeOut,
    /// Its budget is overdrawn no longer.
    Rested,
    /// What came from it since the last poll gets its time.
    Time,
    Push(push::Task),
    /// Its walk has waited for others, and may begin.
    Walk,
    /// Chance has chosen it for a round.
    Begin,
    /// It is first in the queue of those with something to send.
    Send,
}

/// How long a sketch is kept that is longer than usual: several round trips, in which a round of many differences asks
/// for cells, and cells are read.
const LONG_SKETCH: Duration = Duration::from_secs(5);

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Carries out a task. Returns the message to send, if the task is to send one.
    pub(crate) fn perform(&mut self, task: Task) -> Option<Message<S::Element>> {
        let mut message = None;
        match task {
            Task::TimeOut => self.time_out(),
            Task::Rested => {
                self.agenda.rests.set(self.id, &mut self.peer.rests_until, None);
                self.enqueue();
            }
            Task::Time => self.tell_time(),
            Task::Push(task) => self.on_link(|link| link.perform(task)),
            Task::Walk => self.end_wait_for_walks(),
            Task::Begin => self.want_round(),
            Task::Send => message = self.next_message(),
        }
        self.note_state();
        message
    }

    /// Notes what others look at: whether our walk with it is over, and since when chance may choose it, if it may.
    pub(super) fn note_state(&mut self) {
        if self.peer.pass != Pass::None && !self.peer.round.as_deref().is_some_and(Round::may_fetch) {
            self.agenda.walks.leave(self.id, &mut self.peer.pass);
        }
        if self.peer.is_idle() {
            self.agenda.note_free(self.id, self.peer.next_round_at());
        }
    }

    /// Ends a wait for an answer that did not come: the request goes out again, or the round is given up.
    fn time_out(&mut self) {
        if self.peer.pass == Pass::Waiting {
            return self.end_wait_for_walks();
        }
        self.stop_waiting();
        let tries = self.peer.pacing.tries(self.config.answer_within);
        let Some(round) = &mut self.peer.round else { return };
        self.peer.window.cut(round.take_exchanged());
        if round.time_out(tries) {
            self.count(|ledger| ledger.resent += 1);
            return self.enqueue();
        }
        if let Step::Walk(walk) = round.step() {
            // Pages of a large set take many messages: on a bad link every walk would be cut off before its end.
            self.peer.resume = walk.cursor();
        }
        // Not exactly so long, or both sides of a cut would leave each other alone in step.
        let backoff = micros(self.peer.pacing.fail(self.config.round_interval()));
        self.peer.pacing.leave_alone(self.now + self.rng.about(backoff));
        if self.peer.pacing.has_failed() {
            self.lose();
        }
        self.end_round(Ending::Dropped);
        self.on_link(|link| link.on_unreachable());
    }

    /// Notes that a message of an answer has come, which `ends` it or not.
    pub(super) fn note_part(&mut self, nonce: Nonce, ends: bool) {
        let Some(round) = self.peer.round.as_deref_mut().filter(|round| round.awaits(nonce)) else { return };
        round.came();
        if ends {
            self.peer.window.ended(round.take_exchanged());
        }
    }

    /// Ends a wait for an answer.
    pub(super) fn stop_waiting(&mut self) {
        self.agenda.answers.set(self.id, &mut self.peer.answer_by, None);
        self.peer.flow.drop_wait();
    }

    /// Gives what has come since the last poll its time: round trips are measured, the link's deadlines set.
    fn tell_time(&mut self) {
        self.peer.untimed.hand_back();
        self.resume();
        // Samples include the wait for this poll: it is part of what a peer's answer takes to have an effect here.
        self.peer.pacing.measure_answer(self.now);
        self.on_link(|link| link.on_time());
    }

    /// Has a round with it begin: now, or after the one under way.
    pub(crate) fn want_round(&mut self) {
        self.peer.wanted = true;
        self.enqueue();
    }

    /// Begins a round if one is wanted and none is under way.
    pub(crate) fn begin_round(&mut self) {
        // Here and not where it was wanted: the costs of full states are those of the set that the probe speaks of.
        if self.peer.wanted && self.peer.round.is_none() {
            self.peer.wanted = false;
            let nonce = self.peer.next_round(self.rng.next_u32());
            let (full_state, began_at, log) = (self.set.state().bytes, self.set.end(), self.peer.known.log());
            self.peer.round = Some(Round::new(nonce, full_state, began_at, log).into());
            self.on_link(|link| link.on_round_begin());
        }
    }

    /// Ends our round and enters it in the ledger. A round that was wanted meanwhile gets its turn.
    pub(crate) fn end_round(&mut self, ending: Ending) {
        let Some(round) = self.peer.round.take() else { return };
        let proven = ending == Ending::Proven;
        self.stop_waiting();
        let tries = self.peer.pacing.tries(self.config.answer_within);
        // Rounds that were dropped for another reason waited for nothing: only those that used up their tries show that
        // the waits were too short.
        self.peer.timeouts = if round.retries() >= tries { self.peer.timeouts.saturating_add(1) } else { 0 };
        if proven {
            self.peer.walked();
        }
        self.count(|ledger| {
            ledger.rounds += 1;
            ledger.round_bytes += round.cost();
            if proven {
                ledger.proofs += 1;
                // A peer says how many bytes its state has, up to 2^64 − 1.
                ledger.full_state_bytes = ledger.full_state_bytes.saturating_add(round.full_state());
            }
        });
        if self.peer.wanted {
            self.enqueue();
        }
        let interval = self.config.round_interval();
        // Under another name of the peer's log it may have been with a former life.
        let ending = if round.peer_log() == self.peer.known.log() { ending } else { Ending::Dropped };
        self.on_link(|link| link.on_round_end(ending, interval));
    }

    /// Enters a proof that both sets have this digest.
    pub(super) fn prove(&mut self, digest: Digest) {
        let again = self.peer.known.proof() == Some(digest);
        if S::FORGETS {
            let ours = self.set.place_of(digest.tag()).unwrap_or(self.set.end());
            self.peer.known.note_proof(digest, ours);
        } else {
            self.peer.known.prove(digest);
        }
        self.on_link(|link| link.on_compared());
        // A peer may say the same any number of times before the next poll.
        let said = matches!(self.events.back(), Some(Event::InSync { peer, digest: last, .. }) if peer == self.id && *last == digest);
        if !said {
            self.events.push_back(Event::InSync { peer: self.id.clone(), digest, again });
        }
    }

    /// Enters a proof by a round of ours, which began under this log of the peer's.
    pub(super) fn prove_by_round(&mut self, digest: Digest, log: Option<LogId>) {
        if S::FORGETS {
            // The peer's log ended there as it said that its digest was this one.
            self.reconcile(self.set.place_of(digest.tag()), self.peer.known.end(), log);
        } else {
            // A set that only grows: a log of `count` elements is all of it, so both logs are known up to there.
            let place = Place::of_count(digest.count());
            self.reconcile(Some(place), place, log);
        }
        self.prove(digest);
    }

    /// Tells the link that a round of ours has brought over all of the peer's log up to `theirs` and, if that is certain,
    /// all of ours up to `ours`.
    ///
    /// The round says so of the log that the peer's was as it began. If the peer has named another log meanwhile, what
    /// answered may have been a former life of it. A round of the peer's own moves no place here, since none of its
    /// messages names a log: the peer's next batch does.
    pub(crate) fn reconcile(&mut self, ours: Option<Place>, theirs: Place, log: Option<LogId>) {
        if self.peer.known.log() == log {
            self.peer.known.receive(theirs);
            let ours = ours.filter(|&ours| ours <= self.set.end());
            let is_news = ours.is_some_and(|ours| self.peer.known.acknowledge(ours));
            self.on_link(|link| link.on_reconciled(ours, is_news));
        }
    }

    /// Reports the places of our log that the embedder watches and that the peer is known to have reached.
    pub(crate) fn report_reached(&mut self) {
        let reached = self.peer.known.acked();
        while let Some(place) = self.peer.watched.first().copied().filter(|&place| place <= reached) {
            self.peer.watched.remove(&place);
            self.events.push_back(Event::Reached { peer: self.id.clone(), place });
        }
    }

    /// Marks the peer as unreachable.
    pub(super) fn lose(&mut self) {
        // Rounds and pushes both find out: the embedder hears of it once.
        if self.peer.reachable {
            self.peer.reachable = false;
            self.events.push_back(Event::Unreachable { peer: self.id.clone() });
        }
    }

    /// Notes whether the transport takes messages to the peer.
    pub(crate) fn set_writable(&mut self, writable: bool) {
        let flow = &mut self.peer.flow;
        match (flow.full_since, writable) {
            // Free as it was.
            (None, true) => {}
            (None, false) => {
                // From the last poll on, which has filled it.
                flow.full_since = Some(self.now);
                flow.left = self.peer.answer_by.get().map(|at| at.saturating_since(self.now));
                self.agenda.answers.set(self.id, &mut self.peer.answer_by, None);
                self.on_link(|link| link.hold());
            }
            (Some(_), _) => {
                flow.freed = writable;
                // It has been full for a time that only the next poll knows.
                if writable {
                    self.want_time();
                }
            }
        }
    }

    /// Ends the standstill of a transport that is free again: timers run on, and what waited goes out.
    pub(super) fn resume(&mut self) {
        let Some(since) = self.peer.flow.full_since.take_if(|_| self.peer.flow.freed) else { return };
        self.peer.flow.freed = false;
        let stood = self.now.saturating_since(since);
        self.on_link(|link| link.resume(stood));
        self.enqueue();
    }

    /// Lets the peer rest while its budget is overdrawn and there is something to send. Returns whether it rests.
    pub(super) fn rests(&mut self) -> bool {
        let until = self.overdrawn_until().filter(|_| self.has_to_send());
        // A rest that goes on is counted once, however often the peer is looked at meanwhile.
        let begins = u64::from(until.is_some() && self.peer.rests_until.get().is_none());
        self.agenda.rests.set(self.id, &mut self.peer.rests_until, until);
        self.count(|ledger| ledger.deferred += begins);
        until.is_some()
    }

    /// Whether there is something to send to it: an answer, a push or a request.
    pub(super) fn has_to_send(&self) -> bool {
        self.peer.has_to_send() || self.hand.as_ref().is_some_and(Hand::is_due)
    }

    /// Puts it in the queue of those with something to send, unless it stands there.
    pub(super) fn enqueue(&mut self) {
        self.agenda.ready.push(self.id, &mut self.peer.ready);
    }

    /// Has what came from it get its time at the next poll.
    pub(super) fn want_time(&mut self) {
        self.agenda.untimed.push(self.id, &mut self.peer.untimed);
    }

    /// Whether more was done for the peer than its budget has.
    pub(super) fn has_overdrawn(&self) -> bool {
        self.overdrawn_until().is_some()
    }

    fn overdrawn_until(&self) -> Option<Time> {
        let full_state = self.set.state().bytes;
        self.peer.budget.overdrawn_until(self.now, full_state, self.config.work_rate())
    }

    /// Charges the peer's budget with work that was done for it.
    pub(super) fn spend(&mut self, work: u64) {
        // In `receive` this is the time of the last poll, which favours the peer by at most the time since then.
        self.peer.budget.spend(work, self.config.work_rate(), self.now);
        self.count(|ledger| ledger.work += work);
    }

    /// Has a sketch of at least so many cells of our set at hand, for a while.
    pub(super) fn lengthen(&mut self, cells: usize) {
        if self.set.lengthen(cells) {
            self.spend(PASSED * self.set.len() as u64);
            self.agenda.long_sketch = Some(self.now + LONG_SKETCH);
        }
    }

    /// Counts in the peer's ledger and in that of all peers.
    pub(super) fn count(&mut self, count: impl Fn(&mut Ledger)) {
        count(&mut self.peer.ledger);
        count(&mut self.stats.total);
    }

    /// The policy of our economy; `None` for pages alone.
    pub(super) const fn policy(&self) -> Option<&'static Policy> {
        Policy::of(self.config.economy)
    }

    /// Lets the link act, and grants what it wishes. Nothing happens without an overlay.
    pub(crate) fn on_link(&mut self, act: impl FnOnce(&mut LinkTurn<'_, P>) -> Wishes) {
        if let Some(mut link) = self.link() {
            let wishes = act(&mut link);
            self.grant(wishes);
        }
    }

    /// The link, with what a link is told.
    fn link(&mut self) -> Option<LinkTurn<'_, P>> {
        let (config, now, end) = (self.config, self.now, self.set.end());
        Self::link_of(self.hand.as_mut(), self.peer, config, now, end)
    }

    /// The same, from parts of a turn.
    // `push` fills a batch from the set while the link is borrowed, which a method of the whole turn would not allow.
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
            audit_every: config.audit_interval(),
            in_round: peer.round.is_some(),
            is_full: peer.flow.is_full(),
        };
        Some(hand?.turn(&mut peer.known, about))
    }

    /// Grants what a link wishes.
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
        // A wanted round enqueues the peer as well, and `next_message` sends what is due on the link first.
        if round {
            self.want_round();
        } else if send {
            self.enqueue();
        }
    }

    /// Gives the peer its standing in the overlay, if there is one.
    pub(crate) fn settle(&mut self) {
        self.on_link(|link| link.settle());
    }
}
