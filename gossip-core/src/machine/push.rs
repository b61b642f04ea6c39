//! Pushing fresh elements, and whom to.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::{AntiEntropy, enqueue};
use crate::dissemination::Dissemination;
use crate::element::Element;
use crate::elements::Elements;
use crate::link::{Arrival, LONGEST_QUIET, Link, QUIET, Standing, TRIES};
use crate::message::{Batch, Body, Flags};
use crate::output::Event;
use crate::overlay::Overlay;
use crate::time::{Time, micros};

/// What a push's fields take at their longest: 14 bytes, four places, three times, and the elements' count and form.
const PUSH_HEAD: usize = 14 + 4 * 10 + 3 * 5 + 11;

/// How many messages what was lost, or is older than the link, may take: about as many as a round.
const MOST_AGAIN: usize = 4;

/// How many of those who may be above are asked at once.
const WAVE: usize = 4;

/// How often a better one is looked for, and anyone where there is none.
const REJOIN: Duration = Duration::from_secs(2);

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Pushes fresh elements along this overlay from now on, if [`Config::batch_every`](crate::Config::batch_every)
    /// says how often; else nothing happens. Of its names only those of peers count, added before or later. To be called
    /// again where the cluster's members change: what is known about the links stays.
    pub fn set_overlay(&mut self, overlay: Overlay<P>) {
        let Some(every) = self.config.batch_interval() else { return };
        match &mut self.dissemination {
            Some(dissemination) => dissemination.overlay = overlay,
            None => {
                let log = self.rng.next_u32() | 1;
                self.dissemination = Some(Box::new(Dissemination::new(every, overlay, log)));
            }
        }
        for peer in self.peers.values_mut() {
            if let Some(link) = &mut peer.link {
                (link.standing, link.lost) = (Standing::Apart, false);
            }
        }
        let Some(dissemination) = &mut self.dissemination else { return };
        dissemination.below.clear();
        dissemination.lost = 0;
        (dissemination.above, dissemination.phase, dissemination.seek_at) = (None, None, None);
        let names: Vec<P> = self.peers.keys().cloned().collect();
        names.iter().for_each(|name| self.place(name));
    }

    /// Gives a peer its standing, if the overlay names it.
    pub(super) fn place(&mut self, name: &P) {
        let Some(dissemination) = &self.dissemination else { return };
        let standing = if dissemination.overlay.upstream().first() == Some(name) {
            Standing::Above
        } else if dissemination.overlay.downstream().contains(name) {
            if dissemination.overlay.is_graph() { Standing::Beside } else { Standing::Below }
        } else {
            return;
        };
        self.stand(name, standing);
    }

    fn stand(&mut self, name: &P, standing: Standing) {
        let len = self.replica.len();
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let link = peer.link.get_or_insert_with(|| Link::new(Standing::Apart).into());
        dissemination.lost -= usize::from(link.lost);
        (link.standing, link.lost) = (standing, false);
        // What was there before is no news: it may well be there.
        link.behind |= link.sent < len;
        link.idle_at = None;
        if matches!(standing, Standing::Above | Standing::Beside) {
            dissemination.silent.push(name.clone());
        }
        match standing {
            Standing::Below | Standing::Beside => drop(dissemination.below.insert(name.clone())),
            Standing::Above | Standing::Apart => drop(dissemination.below.remove(name)),
        }
        match standing {
            Standing::Above => (dissemination.above, dissemination.phase) = (Some(name.clone()), None),
            _ if dissemination.above.as_ref() == Some(name) => {
                (dissemination.above, dissemination.phase) = (None, None);
            }
            _ => {}
        }
        self.reschedule(name);
    }

    /// Does what it is time for, before messages are built.
    pub(super) fn spread_in_time(&mut self) {
        let (len, now) = (self.replica.len(), self.now);
        let Some(dissemination) = &mut self.dissemination else { return };
        dissemination.stamp(len, now);
        for name in mem::take(&mut dissemination.silent) {
            self.listen_to(&name);
        }
        let Some(dissemination) = &mut self.dissemination else { return };
        for name in mem::take(&mut dissemination.arrived) {
            self.hear_link(&name);
        }
        while let Some((_, name)) = self.overdue_link() {
            self.see_to(&name);
        }
        let Some(dissemination) = &self.dissemination else { return };
        if dissemination.up_at(self.round_trip_above()).is_some_and(|at| self.is_due(at)) {
            self.go_up();
        }
        let Some(dissemination) = &self.dissemination else { return };
        if let Some((_, timed)) = dissemination.down_at().filter(|&(at, _)| self.is_due(at)) {
            self.go_down(timed);
        }
        let Some(dissemination) = &self.dissemination else { return };
        if dissemination.seek_at.map_or(dissemination.is_orphan(), |at| self.is_due(at)) {
            self.seek();
        }
    }

    /// When there is something to do next.
    pub(super) fn spread_at(&self) -> Option<Time> {
        let dissemination = self.dissemination.as_ref()?;
        let link = dissemination.deadlines.first().map(|&(at, _)| at);
        let up = dissemination.up_at(self.round_trip_above());
        let down = dissemination.down_at().map(|(at, _)| at);
        link.into_iter().chain(up).chain(down).chain(dissemination.seek_at).min()
    }

    fn round_trip_above(&self) -> Option<Duration> {
        let dissemination = self.dissemination.as_ref()?;
        let above = self.peers.get(dissemination.above.as_ref()?)?;
        above.link.as_ref()?.round_trip(dissemination.every)
    }

    fn go_up(&mut self) {
        let (len, window) = (self.replica.len(), u32::from(self.config.window.get()));
        let Some(dissemination) = &mut self.dissemination else { return };
        dissemination.up.go(self.now);
        let Some(name) = &dissemination.above else { return };
        let Some(peer) = self.peers.get_mut(name) else { return };
        if peer.link.as_mut().is_some_and(|link| link.take_turn(len, window, false)) {
            enqueue(&mut self.ready, name, peer);
        }
    }

    fn go_down(&mut self, timed: bool) {
        let (len, window) = (self.replica.len(), u32::from(self.config.window.get()));
        let Some(dissemination) = &mut self.dissemination else { return };
        if timed {
            dissemination.down.go(self.now);
        } else {
            (dissemination.down.since, dissemination.early) = (None, Some(self.now));
        }
        for name in &dissemination.below {
            let Some(peer) = self.peers.get_mut(name) else { continue };
            if peer.link.as_mut().is_some_and(|link| link.take_turn(len, window, timed)) {
                enqueue(&mut self.ready, name, peer);
            }
        }
    }

    fn overdue_link(&self) -> Option<(Time, P)> {
        let dissemination = self.dissemination.as_ref()?;
        dissemination.deadlines.first().filter(|(at, _)| self.is_due(*at)).cloned()
    }

    /// A link's deadline has come.
    fn see_to(&mut self, name: &P) {
        let (now, every) = (self.now, self.dissemination.as_ref().map_or(Duration::ZERO, |it| it.every));
        let first = self.config.answer_within;
        let Some(peer) = self.peers.get_mut(name) else {
            if let Some(dissemination) = &mut self.dissemination {
                dissemination.deadlines.pop_first();
            }
            return;
        };
        let patience = peer.pacing.patience(first, 0);
        let Some(link) = &mut peer.link else { return };
        let is_due = |at: Time| at <= now;
        if link.overdue_at(patience, every).is_some_and(is_due) {
            let heard = link.heard > link.in_flight;
            link.in_vain = link.in_vain.saturating_add(1);
            link.go_back();
            if link.in_vain >= TRIES && !heard && link.carries() {
                return self.lose(name);
            }
            link.due = link.carries();
        }
        if link.ack_at().is_some_and(is_due) {
            link.due = true;
            // Where it cannot be sent, it waits for a turn.
            link.owes = None;
        }
        let mut wanted = false;
        if link.idle_at.is_some_and(is_due) {
            if link.lost {
                (link.asks, link.due, link.idle_at) = (true, true, Some(now + REJOIN));
            } else {
                // While a round is under way a silence is no news: it counts again from the round's end on.
                wanted = peer.round.is_none();
                link.quiet = (8 * link.quiet).min(LONGEST_QUIET);
                link.idle_at = wanted.then(|| now + link.quiet);
            }
        }
        if link.due {
            enqueue(&mut self.ready, name, peer);
        }
        self.reschedule(name);
        if wanted {
            self.sync_now(name);
        }
    }

    /// Sets a link's deadline anew.
    pub(super) fn reschedule(&mut self, name: &P) {
        let first = self.config.answer_within;
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let patience = peer.pacing.patience(first, 0);
        let Some(link) = &mut peer.link else { return };
        let deadline = link.next_deadline(patience, dissemination.every);
        if deadline != link.deadline {
            if let Some(before) = link.deadline {
                dissemination.deadlines.remove(&(before, name.clone()));
            }
            if let Some(deadline) = deadline {
                dissemination.deadlines.insert((deadline, name.clone()));
            }
            link.deadline = deadline;
        }
    }

    /// A peer does not answer: nothing is pushed to it, and if it was above, somebody else is looked for.
    pub(super) fn lose(&mut self, name: &P) {
        let now = self.now;
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let Some(link) = &mut peer.link else { return };
        if link.lost || link.standing == Standing::Apart {
            return;
        }
        link.lost = true;
        dissemination.lost += 1;
        link.go_back();
        (link.due, link.owes) = (false, None);
        link.idle_at = (link.standing == Standing::Beside).then(|| now + REJOIN);
        if peer.stats.reachable {
            peer.stats.reachable = false;
            self.events.push_back(Event::Unreachable { peer: name.clone() });
        }
        if dissemination.above.as_ref() == Some(name) {
            (dissemination.above, dissemination.phase) = (None, None);
            (dissemination.seek_at, dissemination.sought, dissemination.next_candidate) = (None, None, 0);
            // Others will take about as long.
            dissemination.patience = Some(peer.pacing.patience(self.config.answer_within, 0));
            link.standing = Standing::Apart;
            dissemination.lost -= 1;
            link.lost = false;
        }
        self.reschedule(name);
    }

    /// Looks for somebody above: attaches to the best of those who answered, or asks others.
    fn seek(&mut self) {
        let (now, first) = (self.now, self.config.answer_within);
        let Some(dissemination) = &mut self.dissemination else { return };
        let candidates = dissemination.overlay.upstream();
        let (above, sought) = (dissemination.above.clone(), dissemination.sought);
        let answers = |name: &&P| {
            let link = self.peers.get(*name).and_then(|peer| peer.link.as_ref());
            sought.is_some() && link.is_some_and(|link| link.heard >= sought)
        };
        let better = candidates.iter().take_while(|name| above.as_ref() != Some(name)).find(answers).cloned();
        if let Some(name) = better {
            if let Some(above) = above {
                self.stand(&above, Standing::Apart);
            }
            return self.attach(&name);
        }
        // The best is asked each time, and others in turn while there is none.
        let others = if above.is_some() { 0 } else { candidates.len().saturating_sub(1) };
        let wave: Vec<P> = (0..others.min(WAVE - 1))
            .map(|step| 1 + (dissemination.next_candidate + step) % others)
            .chain([0])
            .filter_map(|place| candidates.get(place))
            .filter(|name| above.as_ref() != Some(name))
            .cloned()
            .collect();
        dissemination.next_candidate += WAVE - 1;
        dissemination.sought = Some(now);
        let all_asked = above.is_some() || dissemination.next_candidate >= others;
        if all_asked {
            dissemination.next_candidate = 0;
        }
        let mut patience = Duration::ZERO;
        for name in &wave {
            let Some(peer) = self.peers.get_mut(name) else { continue };
            let link = peer.link.get_or_insert_with(|| Link::new(Standing::Apart).into());
            (link.asks, link.due) = (true, true);
            patience = patience.max(peer.pacing.patience(dissemination.patience.unwrap_or(first), 0));
            enqueue(&mut self.ready, name, peer);
        }
        let pause = if all_asked && sought.is_some() { REJOIN } else { Duration::ZERO };
        dissemination.seek_at = Some(now + patience.max(pause).max(SOON));
    }

    fn attach(&mut self, name: &P) {
        self.stand(name, Standing::Above);
        let len = self.replica.len();
        let Some(dissemination) = &mut self.dissemination else { return };
        let best = dissemination.overlay.upstream().first() == Some(name);
        dissemination.seek_at = (!best).then(|| self.now + REJOIN);
        dissemination.sought = None;
        let Some(peer) = self.peers.get_mut(name) else { return };
        if let Some(link) = &mut peer.link {
            link.own = dissemination.origins.count(link.sent, name);
            link.behind |= link.sent < len;
            (link.asks, link.due) = (true, true);
        }
        enqueue(&mut self.ready, name, peer);
    }

    /// A batch came, whose elements are merged; so many of them are `new`.
    pub(super) fn take_push(&mut self, from: &P, batch: &Batch, new: usize) {
        let (len, window) = (self.replica.len(), u32::from(self.config.window.get()));
        let Some(dissemination) = &mut self.dissemination else { return };
        let Some(peer) = self.peers.get_mut(from) else { return };
        let link = peer.link.get_or_insert_with(|| Link::new(Standing::Apart).into());
        if link.log != Some(batch.log) {
            match link.log {
                None => link.log = Some(batch.log),
                Some(_) => {
                    link.forget(batch.log);
                    link.due = true;
                }
            }
        }
        let knows_us = batch.of == dissemination.log;
        if knows_us {
            link.received = link.received.max(batch.acked);
        }
        let is_late = batch.to <= link.received;
        if batch.from <= link.received {
            link.received = link.received.max(batch.to);
        } else if link.asked_at.is_none_or(|at| self.now >= at + peer.pacing.patience(self.config.answer_within, 0)) {
            (link.asks, link.due) = (true, true);
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
            if link.sent < link.acked {
                link.sent = link.acked;
            }
        }
        if batch.flags.up && dissemination.above.as_ref() != Some(from) {
            if link.standing != Standing::Below {
                link.standing = Standing::Below;
                dissemination.below.insert(from.clone());
            }
        } else if batch.flags.apart && link.standing == Standing::Below {
            link.standing = Standing::Apart;
            dissemination.below.remove(from);
        }
        if batch.flags.asks {
            link.go_back();
            link.due = true;
        }
        let has_elements = batch.elements.count() > 0;
        // It has them from us already: our acknowledgement was lost. Or it is the first: to be answered at once tells it how
        // long a round trip takes.
        let is_first = link.heard.is_none() && link.arrived.is_none_or(|arrival| !arrival.pushed);
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

    /// From now on a silence of this link counts.
    fn listen_to(&mut self, name: &P) {
        let link = self.peers.get_mut(name).and_then(|peer| peer.link.as_mut());
        if let Some(link) = link.filter(|link| matches!(link.standing, Standing::Above | Standing::Beside)) {
            (link.quiet, link.idle_at) = (QUIET, Some(self.now + QUIET));
        }
        self.reschedule(name);
    }

    /// A round with a peer is over: a silence is news again.
    pub(super) fn listen_again(&mut self, name: &P) {
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get(name)) else { return };
        let listens = |link: &Link| matches!(link.standing, Standing::Above | Standing::Beside);
        if peer.link.as_ref().is_some_and(|link| listens(link) && link.idle_at.is_none()) {
            dissemination.silent.push(name.clone());
        }
    }

    /// Tells a link the time of what has come since the last poll.
    fn hear_link(&mut self, name: &P) {
        let now = self.now;
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let Some(link) = &mut peer.link else { return };
        let Some(arrival) = link.arrived.take() else { return };
        if arrival.pushed {
            let silence = link.heard.map_or(Duration::ZERO, |heard| now.saturating_since(heard));
            link.quiet = (4 * silence.max(dissemination.every)).min(LONGEST_QUIET);
            link.idle_at = link.idle_at.map(|_| now + link.quiet);
        }
        link.heard = Some(now);
        if arrival.owes {
            link.came = Some(now);
            link.owes.get_or_insert(now);
        }
        if let Some((sent_at, held)) = arrival.sample {
            let sample = now.saturating_since(sent_at + held);
            link.measure(sample);
            peer.stats.round_trip = peer.pacing.measure(sample);
        }
        if let Some(lead) = arrival.lead
            && dissemination.above.as_ref() == Some(name)
        {
            dissemination.phase = Some((now, lead));
        }
        // Somebody better answers; where there is nobody, others may as well, about now.
        if dissemination.sought.is_some() && dissemination.above.as_ref() != Some(name) {
            let upstream = dissemination.overlay.upstream();
            if upstream.first() == Some(name) || (dissemination.above.is_none() && upstream.contains(name)) {
                dissemination.seek_at = dissemination.seek_at.map(|at| at.min(now + SOON));
            }
        }
        self.reschedule(name);
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
        if let Some(ours) = ours.filter(|&ours| ours <= len) {
            link.acknowledge(ours, self.now);
            link.sent = link.sent.max(link.acked);
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
        let dissemination = self.dissemination.as_mut()?;
        let peer = self.peers.get_mut(name)?;
        let link = peer.link.as_mut().filter(|link| link.due)?;
        link.due = false;
        let (mut to, mut elements, mut again) = (link.sent, Elements::NONE, false);
        if link.has_room(window) && link.sent < len {
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
        link.owes = None;
        let held = link.came.map_or(Duration::ZERO, |since| now.saturating_since(since));
        let above = dissemination.above.as_ref().and_then(|above| self.peers.get(above));
        let round_trip = above.and_then(|above| above.link.as_ref()?.round_trip(dissemination.every));
        let peer = self.peers.get_mut(name)?;
        let link = peer.link.as_mut()?;
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

/// The shortest pause between two looks for somebody above.
const SOON: Duration = Duration::from_millis(10);

/// Whole milliseconds, as a message has them.
fn millis(duration: Duration) -> u32 {
    u32::try_from(micros(duration) / 1_000).unwrap_or(u32::MAX)
}
