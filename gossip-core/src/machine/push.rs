//! Batches of fresh elements: taking them in, and building them when they are sent.

use core::mem;
use core::time::Duration;

use super::{AntiEntropy, enqueue};
use crate::element::Element;
use crate::message::{Batch, Body, Flags};
use crate::push::link::{ACK_AFTER, Arrival, Link, Standing};
use crate::time::micros;
use crate::wire::Elements;

/// What a push's fields take at their longest: 14 bytes, four places in 40, three times in 15, and the elements' count and
/// form in 11.
pub(super) const PUSH_HEAD: usize = 80;

/// How many messages what was lost, or is older than the link, may take: about as many as a round.
const MOST_AGAIN: usize = 4;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// A batch came, whose elements are merged; so many of them are `new`.
    pub(super) fn take_push(&mut self, from: &P, batch: &Batch, new: usize) {
        let (len, window) = (self.replica.len(), u32::from(self.config.window.get()));
        let Some(dissemination) = &mut self.dissemination else { return };
        let Some(peer) = self.peers.get_mut(from) else { return };
        let link = peer.link.get_or_insert_with(|| Link::new(Standing::Apart).into());
        let has_forgotten = match link.log {
            Some(log) if log == batch.log => false,
            Some(_) => {
                link.forget(batch.log);
                true
            }
            None => link.meet(batch.log, batch.acked, batch.ack),
        };
        if has_forgotten {
            dissemination.origins.forget(from, len - new);
            link.due = true;
        }
        let knows_us = batch.of == dissemination.log;
        if knows_us {
            link.received = link.received.max(batch.acked);
        }
        let is_late = batch.to <= link.received;
        // Elements that once came from here are left out, which a peer that does not know that we began anew should not do.
        let is_whole = knows_us || batch.elements.count() == batch.to - batch.from;
        if batch.from > link.received {
            if link.asked_at.is_none_or(|at| self.now >= at + peer.pacing.patience(self.config.answer_within, 0)) {
                (link.asks, link.due) = (true, true);
            }
        } else if is_whole {
            link.received = link.received.max(batch.to);
        }
        let mut sample = None;
        if knows_us && batch.ack <= len {
            if let Some((end, sent_at)) = link.measured
                && end == batch.ack
            {
                link.measured = None;
                sample = Some((sent_at, Duration::from_millis(batch.held.into())));
            }
            let was_full = link.unacked >= window;
            link.acknowledge(batch.ack, self.now);
            link.due |= was_full && link.unacked < window;
        }
        match link.standing {
            Standing::Apart if batch.flags.up => {
                link.standing = Standing::Below;
                dissemination.below.insert(from.clone());
            }
            Standing::Below if batch.flags.apart => {
                link.standing = Standing::Apart;
                dissemination.below.remove(from);
            }
            _ => {}
        }
        if batch.flags.asks {
            link.go_back();
            link.due = true;
        }
        let has_elements = batch.elements.count() > 0;
        // It has them from us already: our acknowledgement was lost. Or it is the first: to be answered at once tells it how
        // long a round trip takes.
        let is_first = link.heard.is_none() && link.arrived.is_none_or(|arrival| !arrival.pushed);
        link.unanswered += u32::from(has_elements);
        link.due |= link.unanswered >= ACK_AFTER;
        link.due |= has_elements && ((is_late && new == 0) || (is_first && link.standing == Standing::Below));
        link.own = dissemination.origins.count(link.sent, from);
        link.behind |= !link.carries() && link.sent < len;
        let before = link.arrived.unwrap_or_default();
        let lead = batch.flags.timed.then(|| Duration::from_millis(batch.lead.into()));
        link.arrived = Some(Arrival {
            pushed: true,
            lead: lead.or(before.lead),
            owes: before.owes || has_elements,
            sample: sample.or(before.sample),
        });
        if link.due {
            enqueue(&mut self.ready, from, peer);
        }
    }

    /// A message came from a peer: it is there.
    pub(super) fn hear_from(&mut self, name: &P) {
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let Some(link) = &mut peer.link else { return };
        if link.arrived.is_none() {
            link.arrived = Some(Arrival::default());
            dissemination.arrived.push(name.clone());
        }
        if link.lost {
            (link.lost, link.in_vain, link.due) = (false, 0, true);
            dissemination.lost -= 1;
            link.own = dissemination.origins.count(link.sent, name);
            link.behind |= link.sent < self.replica.len();
            enqueue(&mut self.ready, name, peer);
        }
    }

    /// A round with a peer has brought over all that it had at `theirs` and, unless that is not sure, all that we had at
    /// `ours`.
    pub(super) fn have_met(&mut self, name: &P, ours: Option<usize>, theirs: usize) {
        let len = self.replica.len();
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let Some(link) = &mut peer.link else { return };
        link.received = link.received.max(theirs);
        link.idle_at = link.idle_at.map(|_| self.now + link.quiet);
        if let Some(ours) = ours.filter(|&ours| ours <= len) {
            link.acknowledge(ours, self.now);
            link.own = dissemination.origins.count(link.sent, name);
            link.behind = false;
        }
        if link.carries() && link.pending(len) > 0 {
            link.due = true;
            enqueue(&mut self.ready, name, peer);
        }
        self.reschedule(name);
    }

    /// The batch that this peer is to be sent now, if any.
    pub(super) fn push(&mut self, name: &P) -> Option<Body> {
        let (len, now) = (self.replica.len(), self.now);
        let (tag, room) = (self.replica.tag(), self.config.message_limit() - PUSH_HEAD);
        let window = u32::from(self.config.window.get());
        let round_trip = self.round_trip_above();
        let dissemination = self.dissemination.as_mut()?;
        let peer = self.peers.get_mut(name)?;
        let link = peer.link.as_mut().filter(|link| link.due)?;
        link.due = false;
        let (mut to, mut elements, mut again) = (link.sent, Elements::NONE, false);
        if link.has_room(window) {
            let is_theirs = |place: usize| dissemination.origins.of(place) == Some(name);
            if !link.behind || self.replica.batch(link.sent, MOST_AGAIN * room, is_theirs).0 == len {
                (to, elements) = self.replica.batch(link.sent, room, is_theirs);
                again = link.behind && elements.count() > 0;
                link.behind &= to < len;
            } else if peer.round.is_none() {
                peer.wanted = true;
                link.in_flight.get_or_insert(now);
            }
        }
        let has_elements = elements.count() > 0;
        let flags = Flags {
            asks: mem::take(&mut link.asks),
            up: link.standing == Standing::Above,
            apart: link.standing == Standing::Apart,
            timed: mem::take(&mut link.timed),
        };
        (link.owes, link.unanswered) = (None, 0);
        let held = link.came.map_or(Duration::ZERO, |since| now.saturating_since(since));
        let lead = dissemination.lead(round_trip, now).unwrap_or_default();
        let born = dissemination.origins.oldest(link.sent, name).filter(|_| has_elements);
        let batch = Batch {
            log: dissemination.log,
            of: link.log.unwrap_or_default(),
            acked: link.acked,
            from: link.sent,
            to,
            ack: link.received,
            held: millis(held),
            age: millis(born.map_or(Duration::ZERO, |born| now.saturating_since(born))),
            lead: millis(lead),
            flags,
            elements,
        };
        link.sent = to;
        link.own = dissemination.origins.count(to, name);
        if flags.asks {
            link.asked_at = Some(now);
        }
        if has_elements {
            link.send(to, now);
            link.due = link.has_room(window) && link.pending(len) > 0;
        }
        self.reschedule(name);
        for ledger in self.ledgers(name) {
            ledger.bare_pushes += u64::from(!has_elements);
            ledger.resent += u64::from(again);
        }
        Some(Body::Push { tag, batch: batch.into() })
    }
}

/// Whole milliseconds, as a message has them.
fn millis(duration: Duration) -> u32 {
    u32::try_from(micros(duration) / 1_000).unwrap_or(u32::MAX)
}
