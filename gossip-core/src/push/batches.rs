//! Batches of fresh elements: taking one in, and making one.

use core::mem;
use core::time::Duration;

use super::arrival::Arrival;
use super::link::{ACK_AFTER, ACK_WITHIN};
use super::overlay::Standing;
use super::{About, LinkTurn, Wishes};
use crate::config::Room;
use crate::kind::Kind;
use crate::message::{Batch, Flags, LogId};
use crate::set::Excerpt;
use crate::time::{Time, micros};
use crate::wire::{Dots, Elements, Place};

/// A batch to send.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) batch: Batch,
    /// Whether its elements went out before, or are older than the link: they count as `resent`.
    pub(crate) again: bool,
    /// Dots that the message tells as gone; of a map.
    pub(crate) gone: Dots,
    /// How many elements were measured to know whether they are to be pushed, and how many were tried in vain.
    pub(crate) measured: usize,
    pub(crate) tried: usize,
}

impl Pushed {
    /// Whether it has elements that go out for the first time: those are our own doing, and all else is the peer's.
    pub(crate) const fn is_fresh(&self) -> bool {
        (self.batch.elements.count() > 0 || self.gone.count() > 0) && !self.again
    }
}

/// What is to go to a peer now.
struct Taken {
    /// Where the part ends, and its elements.
    to: Place,
    elements: Elements,
    gone: Dots,
    /// Whether these went out before, or are older than the link.
    again: bool,
    /// Whether a round is to bring what there is.
    round: bool,
    /// As of a [`Pushed`].
    measured: usize,
    tried: usize,
}

/// Bytes that go out to a peer of which nothing is known: about as many as a round costs that finds a difference. A
/// replica that comes back from its disk may have them all.
const FIRST_MEETING: usize = 1_024;

/// The most messages in which a link catches up: about as many as a round takes. A round brings over what is more.
const MOST_AGAIN: usize = 4;

impl<P: Clone + Ord> LinkTurn<'_, P> {
    /// Takes in a batch whose elements are merged, which has changed our log by `new`. `has_gone` says that it has told
    /// dots that are gone.
    pub(crate) fn on_batch(&mut self, batch: &Batch, new: usize, has_gone: bool) -> Wishes {
        // A peer that pushes gets a link whether the overlay names it or not: its elements have to be acknowledged.
        self.link_or_new();
        // The log first: the places below are positions in it, and mean nothing in another.
        self.on_log(batch, new);
        let knows_us = batch.of == self.link_or_new().log;
        let is_late = self.receive(batch, knows_us);
        // An acknowledgement that names another log of ours is of a former life.
        let contradicts = knows_us && batch.ack > self.about.end;
        let (sample, has_opened) =
            if knows_us && !contradicts { self.on_ack(batch.ack, batch.held) } else { (None, false) };
        if contradicts {
            self.begin_log_anew();
        }
        self.on_flags(batch.flags);
        let About { end, window, .. } = self.about;
        let link = self.link_or_new();
        let has_elements = batch.elements.count() > 0 || has_gone;
        // Elements that we had all are sent again since our acknowledgement was lost, and the first ones of a child are
        // answered at once: without a round trip it cannot meet our turn, and would push at once each time.
        let is_first = link.last_heard_at.is_none() && link.arrival.is_none_or(|arrival| !arrival.pushed);
        link.unanswered += u32::from(has_elements);
        // Not for the timer alone: at an interval of 100 ms, acknowledgements that wait for 2 s fill the sender's
        // window; and so do eight messages, where the window is no larger.
        link.due |= link.unanswered >= ACK_AFTER.min(window.div_ceil(2));
        link.due |= has_elements && ((is_late && new == 0) || (is_first && link.standing == Standing::Child));
        // While nothing was pushed to it, our log went on. That may be much, so it goes as what is caught up on.
        link.catching_up |= !link.carries() && link.sent < end;
        let before = link.arrival.unwrap_or_default();
        // Only a batch sent in its turn tells when the next one comes.
        let lead = batch.flags.timed.then(|| Duration::from_millis(batch.lead.into()));
        link.arrival = Some(Arrival {
            pushed: true,
            lead: lead.or(before.lead),
            has_elements: before.has_elements || has_elements,
            sample: sample.or(before.sample),
        });
        self.count_own();
        // A full window keeps batches back whose turn has passed. They go now, not in the next turn.
        let link = self.link_or_new();
        link.due |= has_opened && link.pending(end) > 0;
        let send = link.due;
        // A peer that has more of our log than there is has that of a former life of ours, whatever says so: digests tell.
        Wishes { send, round: contradicts && !self.about.in_round, ..Wishes::default() }
    }

    /// The peer takes our log for another: it is to be told of it as of one that begins, and of nothing that it has.
    fn begin_log_anew(&mut self) {
        let log = LogId::by_chance(self.common.log_ids.next_u32());
        let (id, received) = (self.known.log().unwrap_or(LogId::UNKNOWN), self.known.received());
        self.known.rename_log(id);
        self.known.receive(received);
        let link = self.link_or_new();
        link.log = log;
        link.rewind(Place::START);
        link.due = true;
    }

    /// Takes in the log id of a batch. A peer with another id than before has begun anew: it has nothing of our log,
    /// and we have nothing of its new one.
    fn on_log(&mut self, batch: &Batch, new: usize) {
        let (log, received, acked) = (batch.log, batch.acked, batch.ack);
        let had = self.known.acked();
        let has_forgotten = match self.known.log() {
            Some(known) if known == log => false,
            Some(_) => {
                self.known.rename_log(log);
                self.link_or_new().rewind(Place::START);
                true
            }
            None => {
                // Proofs alone came before, perhaps of a log that the peer has forgotten: the peer says itself what it
                // has. Were the proofs trusted, nothing that it had had before would be pushed to it again.
                let knew_more = self.known.name_log(log, received, acked);
                if acked < had || (batch.of == LogId::UNKNOWN && self.may_have_missed()) {
                    self.link_or_new().rewind(acked);
                }
                knew_more
            }
        };
        if has_forgotten {
            // What this very batch brought is there, since the peer has just sent it.
            let before = Place::new(self.about.end.index() - new);
            self.common.origins.came_from(self.peer).disown(before);
            self.link_or_new().due = true;
        }
    }

    /// Whether the peer, which knows no log of ours, may have started after we sent it our first batch, so that it has to
    /// go again. Without that a child that starts later than its parent has to ask, and a parent that starts later gets it
    /// an interval or two later.
    fn may_have_missed(&mut self) -> bool {
        let (now, every) = (self.about.now, self.common.schedule.every());
        let link = self.link_or_new();
        // What went just now is under way: to send it again would cost a message, and the sample of its round trip.
        let is_under_way = link.in_flight_since.is_some_and(|since| now < since + every / 2);
        let missed = link.sent > Place::START && !is_under_way;
        link.due |= missed;
        missed
    }

    /// Takes in which part of the peer's log a batch is. Returns whether we had all of it before.
    fn receive(&mut self, batch: &Batch, knows_us: bool) -> bool {
        let (now, within) = (self.about.now, self.about.pacing.patience(self.about.answer_within));
        if knows_us {
            self.known.receive(batch.acked);
        }
        let received = self.known.received();
        // A batch leaves out elements that came from its receiver. A peer that does not know that we have begun anew
        // leaves out elements that we have lost: such a batch has not brought all of its part.
        let is_whole = knows_us || batch.elements.count() == batch.to.since(batch.from);
        // A gap before the batch: it is asked for at once, but once in a round trip, or each further batch would ask
        // again.
        if batch.from > received {
            let link = self.link_or_new();
            if link.asked_at.is_none_or(|at| now >= at + within) {
                (link.asks, link.due) = (true, true);
            }
        } else if is_whole {
            self.known.receive(batch.to);
        }
        batch.to <= received
    }

    /// Takes in an acknowledgement of our log up to `ack`, of which the peer had the last element for `held`
    /// milliseconds. Returns when that was sent and how long the peer held it, if that makes a sample of a round trip;
    /// and whether a window that was full has room.
    fn on_ack(&mut self, ack: Place, held: u32) -> (Option<(Time, Duration)>, bool) {
        let About { now, window, end, .. } = self.about;
        let in_vain = (self.common.schedule.every() / 4).min(ACK_WITHIN / 2);
        let is_news = self.known.acknowledge(ack);
        let link = self.link_or_new();
        let sample = link.take_measured(ack);
        let (was_full, held) = (link.flight.len() >= window, Duration::from_millis(held.into()));
        if is_news {
            // It would have come sooner if the peer's window were like ours: the peer waits for more than we may send.
            link.is_kept_waiting |= was_full && held >= in_vain;
            link.acknowledge(ack, now);
            // Who has all of it has caught up: what comes next is fresh.
            link.catching_up &= ack < end;
        }
        (sample.map(|sent_at| (sent_at, held)), was_full && link.flight.len() < window)
    }

    /// Takes in what the peer says of its standing, and whether it asks for a push.
    fn on_flags(&mut self, flags: Flags) {
        let acked = self.known.acked();
        // A peer's claim that we are its parent is taken only while it is detached: from our own parent it would close
        // a cycle.
        match self.link_or_new().standing {
            Standing::Detached if flags.to_parent => {
                self.link_or_new().standing = Standing::Child;
                self.common.children.insert(self.peer.clone());
            }
            Standing::Child if flags.detached => {
                self.link_or_new().standing = Standing::Detached;
                self.common.children.remove(self.peer);
            }
            _ => {}
        }
        if flags.asks {
            // One flag asks for missing elements and for a sign of life. For the latter, elements in flight go out
            // twice.
            let link = self.link_or_new();
            link.rewind(acked);
            link.due = true;
        }
    }

    /// The batch that is due to the peer, with elements that fit the room, if one is due; and the wish for a round if that
    /// is to bring the rest.
    ///
    /// A batch always says how far we have the peer's log, so it goes out without elements too.
    pub(crate) fn next_batch(&mut self, set: &impl Kind, room: Room) -> Option<(Pushed, Wishes)> {
        let About { now, end, window, .. } = self.about;
        let link = self.slot.as_mut().filter(|link| link.due)?;
        link.due = false;
        let from = link.sent;
        let Taken { to, elements, gone, again, round, measured, tried } = self.take(set, room)?;
        let link = self.slot.as_mut()?;
        let has_elements = elements.count() > 0 || gone.count() > 0;
        let flushed = to == end && mem::take(&mut link.flushes);
        let asked = mem::take(&mut link.asks) || flushed;
        let fills_window = has_elements && link.flight.len() + 1 >= window;
        let flags = Flags {
            asks: asked || (fills_window && link.is_kept_waiting),
            to_parent: link.standing == Standing::Parent,
            detached: link.standing == Standing::Detached,
            timed: mem::take(&mut link.timed),
        };
        // Every batch acknowledges, so nothing is left to acknowledge behind it.
        (link.ack_due_since, link.unanswered) = (None, 0);
        let held = link.last_elements_at.map_or(Duration::ZERO, |since| now.saturating_since(since));
        // The age goes with the elements, so that whoever passes them on knows how long they have waited in all.
        let born = self.common.origins.came_from(self.peer).oldest(from, to).filter(|_| has_elements);
        let batch = Batch {
            log: link.log,
            of: self.known.log().unwrap_or(LogId::UNKNOWN),
            acked: self.known.acked(),
            from,
            to,
            ack: self.known.received(),
            held: millis(held),
            age: millis(born.map_or(Duration::ZERO, |born| now.saturating_since(born))),
            lead: millis(self.common.lead(flags.timed, now)),
            flags,
            elements,
        };
        link.sent = to;
        self.count_own();
        let link = self.slot.as_mut()?;
        if asked {
            link.asked_at = Some(now);
        }
        if has_elements {
            link.send(to, window, now);
            // What did not fit goes at once, as far as the window allows, and not an interval later.
            link.due = link.has_room(window) && link.pending(end) > 0;
        } else {
            link.cover(to);
        }
        self.reschedule();
        Some((Pushed { batch, gone, again, measured, tried }, Wishes { round, ..Wishes::default() }))
    }

    /// Takes what is to go to the peer now: elements that fit the room, or the wish for a round.
    fn take(&mut self, set: &impl Kind, room: Room) -> Option<Taken> {
        let About { now, end, window, in_round, .. } = self.about;
        let link = self.slot.as_ref()?;
        let from = link.sent;
        let (elements, gone) = (Elements::NONE, Dots::default());
        let mut taken = Taken { to: from, elements, gone, again: false, round: false, measured: 0, tried: 0 };
        if !link.has_room(window) {
            return Some(taken);
        }
        let fits = self.fits_a_few(set, room, &mut taken.measured);
        let link = self.slot.as_mut()?;
        if fits {
            // Elements that came from the peer are skipped. The part still covers them, so that it leaves no gap.
            let others = self.common.origins.came_from(self.peer).others(from, end);
            // All children get about the same. But who catches up is elsewhere in the log, and who brought most of what
            // is new gets little of it, as a hub does from a spoke: that is looked at alone.
            let is_one_of_many = self.common.children.len() > 1 && link.own <= link.pending(end);
            let shares = is_one_of_many && !link.catching_up;
            let stretch = if shares {
                set.batch(from, others, room, self.common.fresh.since(from, set, room))
            } else {
                set.batch(from, others, room, &Excerpt::default())
            };
            taken.tried = stretch.tried - stretch.elements.count() - stretch.gone.count();
            taken.again = link.catching_up && stretch.elements.count() + stretch.gone.count() > 0;
            link.catching_up &= stretch.to < end;
            (taken.to, taken.elements, taken.gone) = (stretch.to, stretch.elements, stretch.gone);
        } else if !in_round {
            // As much as that costs less by a sketch. The wait for an acknowledgement covers the round as well: if
            // it fails, the link finds out and tries again.
            taken.round = true;
            link.in_flight_since.get_or_insert(now);
        }
        Some(taken)
    }

    /// Whether what is to be sent to the peer goes as pushes: all that is fresh does, and what is caught up on if it
    /// takes a few messages. Counts the elements that it took to know.
    fn fits_a_few(&mut self, set: &impl Kind, room: Room, measured: &mut usize) -> bool {
        let (end, acked) = (self.about.end, self.known.acked());
        let Some(link) = self.slot else { return true };
        if link.sent < set.known_from() {
            link.catching_up = true;
            return false;
        }
        // Of a peer that is not known to have anything of ours it is not known that it has nothing, and digests tell
        // that in 41 bytes: so much that is new is pushed to it only once they have been compared.
        let is_unknown = acked == Place::START && link.sent == Place::START;
        if !is_unknown && !link.catching_up {
            return true;
        }
        let most = if is_unknown { FIRST_MEETING.min(room.of_one) } else { MOST_AGAIN * room.of_one };
        let count = end.since(link.sent) - self.common.origins.came_from(self.peer).count(link.sent);
        // An element takes a byte, but for one that may be empty. And who asks for too much asks again: a part that was
        // found too long once is so for as long as it begins there or before.
        let is_known = link.exceeds.is_some_and(|(place, bytes)| link.sent <= place && most <= bytes);
        let fits = count <= most + 1 && !is_known && {
            let (fits, looked_at) = set.fits(self.common.origins.came_from(self.peer).others(link.sent, end), most);
            *measured += looked_at;
            fits
        };
        if !fits && !is_known {
            link.exceeds = Some((link.sent, most));
        }
        link.catching_up |= is_unknown && !fits;
        fits
    }
}

/// Whole milliseconds, as a message has them.
fn millis(duration: Duration) -> u32 {
    u32::try_from(micros(duration) / 1_000).unwrap_or(u32::MAX)
}
