//! Batches of fresh elements: what one means that came, and what one says that goes out.

use core::mem;
use core::time::Duration;

use super::link::{ACK_AFTER, Arrival, Standing};
use super::{About, LinkTurn, Wishes};
use crate::element::Element;
use crate::message::{Batch, Flags, LogId};
use crate::set::Set;
use crate::time::{Time, micros};
use crate::wire::{Elements, Place};

/// A batch to send, and what it costs.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) batch: Batch,
    /// Whether its elements went out before, or are older than the link.
    pub(crate) again: bool,
}

/// How many messages what was lost, or is older than the link, may take: about as many as a round.
const MOST_AGAIN: usize = 4;

impl<P: Clone + Ord> LinkTurn<'_, P> {
    /// A batch came, whose elements are merged; so many of them are `new`.
    pub(crate) fn on_batch(&mut self, batch: &Batch, new: usize) -> Wishes {
        self.link_or_new();
        self.on_log(batch.log, batch.acked, batch.ack, new);
        let knows_us = batch.of == self.common.log;
        let is_late = self.receive(batch, knows_us);
        let sample = if knows_us { self.on_ack(batch.ack, batch.held) } else { None };
        self.on_flags(batch.flags);
        let end = self.about.end;
        let link = self.link_or_new();
        let has_elements = batch.elements.count() > 0;
        // The peer has ours already: our acknowledgement was lost. Or it is the first: to be answered at once tells the
        // peer how long a round trip takes.
        let is_first = link.last_heard_at.is_none() && link.arrival.is_none_or(|arrival| !arrival.pushed);
        link.unanswered += u32::from(has_elements);
        link.due |= link.unanswered >= ACK_AFTER;
        link.due |= has_elements && ((is_late && new == 0) || (is_first && link.standing == Standing::Child));
        link.catching_up |= !link.carries() && link.sent < end;
        let before = link.arrival.unwrap_or_default();
        let lead = batch.flags.timed.then(|| Duration::from_millis(batch.lead.into()));
        link.arrival = Some(Arrival {
            pushed: true,
            lead: lead.or(before.lead),
            has_elements: before.has_elements || has_elements,
            sample: sample.or(before.sample),
        });
        let send = link.due;
        self.count_own();
        Wishes { send, ..Wishes::default() }
    }

    /// A batch names its log. Of a log that begins anew nothing is had, and of ours its owner has nothing.
    fn on_log(&mut self, log: LogId, received: Place, acked: Place, new: usize) {
        let had = self.known.acked();
        let has_forgotten = match self.known.log() {
            Some(known) if known == log => false,
            Some(_) => {
                self.known.rename_log(log);
                self.link_or_new().rewind(Place::START);
                true
            }
            None => {
                let knew_more = self.known.name_log(log, received, acked);
                if acked < had {
                    self.link_or_new().rewind(acked);
                }
                knew_more
            }
        };
        if has_forgotten {
            let before = Place::new(self.about.end.index() - new);
            let peer = self.peer;
            self.common.origins.disown(before, |from| from == peer);
            self.link_or_new().due = true;
        }
    }

    /// Takes in which part of the peer's log a batch is. Returns whether we had it all.
    fn receive(&mut self, batch: &Batch, knows_us: bool) -> bool {
        let (now, within) = (self.about.now, self.about.pacing.patience(self.about.answer_within, 0));
        if knows_us {
            self.known.receive(batch.acked);
        }
        let received = self.known.received();
        // Elements that once came from here are left out, which a peer that does not know that we began anew should not do.
        let is_whole = knows_us || batch.elements.count() == batch.to.since(batch.from);
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

    /// The peer has our log up to here, and had the last of it for so many milliseconds. Returns the sample of a round
    /// trip in it.
    fn on_ack(&mut self, ack: Place, held: u32) -> Option<(Time, Duration)> {
        let About { now, end, window, .. } = self.about;
        if ack > end {
            return None;
        }
        let is_news = self.known.acknowledge(ack);
        let link = self.link_or_new();
        let sample = link.measured.take_if(|(end, _)| *end == ack);
        let was_full = link.unacked >= window;
        if is_news {
            link.acknowledge(ack, now);
        }
        link.due |= was_full && link.unacked < window;
        sample.map(|(_, sent_at)| (sent_at, Duration::from_millis(held.into())))
    }

    /// What the peer says of how it stands to us, and whether it asks.
    fn on_flags(&mut self, flags: Flags) {
        let acked = self.known.acked();
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
            let link = self.link_or_new();
            link.rewind(acked);
            link.due = true;
        }
    }

    /// The batch that the peer is to be sent now, if any, within so many bytes beside its head; and whether a round is to
    /// bring the rest.
    pub(crate) fn next_batch<E: Element>(&mut self, set: &Set<E>, room: usize) -> Option<(Pushed, Wishes)> {
        let About { now, end, window, in_round, .. } = self.about;
        let link = self.slot.as_mut().filter(|link| link.due)?;
        link.due = false;
        let (mut to, mut elements, mut again, mut round) = (link.sent, Elements::NONE, false, false);
        if link.has_room(window) {
            let is_theirs = |place: Place| self.common.origins.of(place) == Some(self.peer);
            if !link.catching_up || set.batch(link.sent, MOST_AGAIN * room, is_theirs).0 == end {
                (to, elements) = set.batch(link.sent, room, is_theirs);
                again = link.catching_up && elements.count() > 0;
                link.catching_up &= to < end;
            } else if !in_round {
                round = true;
                link.in_flight_since.get_or_insert(now);
            }
        }
        let has_elements = elements.count() > 0;
        let flags = Flags {
            asks: mem::take(&mut link.asks),
            to_parent: link.standing == Standing::Parent,
            detached: link.standing == Standing::Detached,
            timed: mem::take(&mut link.timed),
        };
        (link.ack_due_since, link.unanswered) = (None, 0);
        let held = link.last_elements_at.map_or(Duration::ZERO, |since| now.saturating_since(since));
        let others = self.common.origins.since(link.sent).filter(|(_, from, _)| *from != Some(self.peer));
        let born = others.filter_map(|(.., born)| born).min().filter(|_| has_elements);
        let batch = Batch {
            log: self.common.log,
            of: self.known.log().unwrap_or(LogId::UNKNOWN),
            acked: self.known.acked(),
            from: link.sent,
            to,
            ack: self.known.received(),
            held: millis(held),
            age: millis(born.map_or(Duration::ZERO, |born| now.saturating_since(born))),
            lead: millis(self.common.schedule.lead(now).unwrap_or_default()),
            flags,
            elements,
        };
        link.sent = to;
        self.count_own();
        let link = self.slot.as_mut()?;
        if flags.asks {
            link.asked_at = Some(now);
        }
        if has_elements {
            link.send(to, now);
            link.due = link.has_room(window) && link.pending(end) > 0;
        }
        self.reschedule();
        Some((Pushed { batch, again }, Wishes { round, ..Wishes::default() }))
    }
}

/// Whole milliseconds, as a message has them.
fn millis(duration: Duration) -> u32 {
    u32::try_from(micros(duration) / 1_000).unwrap_or(u32::MAX)
}
