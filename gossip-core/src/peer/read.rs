//! Reading a peer's sketch: asking for more cells, repairing the difference, and turning to pages.

use super::budget::{CELL, PASSED};
use super::turn::Turn;
use crate::digest::State;
use crate::event::Event;
use crate::kind::Kind;
use crate::message::{Head, Nonce, Part, Tells};
use crate::round::incoming::{IncomingSketch, Received};
use crate::round::reading::Reading;
use crate::round::repair::Repair;
use crate::round::strategy::{self, MOST_NAMES};
use crate::round::walk::Walk;
use crate::round::{Ending, Round, Step, ids_beat_elements, need, page_bytes};
use crate::set::Claim;
use crate::sketch::{Estimate, Prefix};
use crate::wire::{Cells, Place};

/// The result of a look at cells that cannot be read yet.
struct Look {
    /// Where our log ended at the last proof, and how many elements the peer has got since.
    agreed: Option<(Place, u64)>,
    /// The cells less our own elements.
    rest: Option<Prefix>,
    /// Whether few cells are left to read.
    nearly: bool,
}

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Takes in cells. Returns whether they were expected.
    pub(super) fn on_cells(&mut self, nonce: Nonce, part: Part, cells: &Cells) -> bool {
        let window = usize::from(self.config.window.get());
        // Cells of an earlier step are of another state, perhaps: only a nonce that this step sent will do.
        let Some(round) =
            self.peer.round.as_deref_mut().filter(|round| !round.is_pending() && round.answers_step(nonce))
        else {
            return false;
        };
        match (round.step_mut(), part) {
            (Step::Probe(_), Part::Head(head)) => {
                round.note_full_state(head.state.bytes);
                self.begin_sketch(nonce, &head, cells);
            }
            // A copy of that which began it.
            (Step::Sketch(incoming), Part::Head(head))
                if incoming.state() == head.state && matches!(head.tells, Tells::Seen { .. }) =>
            {
                return false;
            }
            // In a sketch, the peer has forgotten the state, and begins a new one.
            (Step::Sketch(_), Part::Head(head)) => self.begin_sketch(nonce, &head, cells),
            // Our marks fit no message, and nothing else differs: another sketch would tell the same.
            (Step::Repair(repair), Part::Head(_)) if repair.cuts_marks() => self.end_round(Ending::Exchanged),
            // After a repair, a verdict that something still differs.
            (Step::Repair(repair), Part::Head(head)) => {
                let (count, place) = repair.common(self.set.end());
                self.peer.known.share(count, place);
                self.begin_sketch(nonce, &head, cells);
            }
            (Step::Sketch(incoming), Part::After { from, last }) => match incoming.take(from, cells, last, window) {
                Received::None => {}
                Received::Some => self.wait_on(nonce),
                // The peer's window was too small, or a message was lost: only the rest is asked for.
                Received::Short if incoming.has_grown() => self.go_on(nonce),
                Received::Short => {
                    let theirs = incoming.state();
                    self.walk(nonce, theirs);
                }
                Received::Complete => self.read_sketch(nonce),
            },
            _ => return false,
        }
        true
    }

    /// Begins a sketch of the peer's set with its first cells.
    fn begin_sketch(&mut self, nonce: Nonce, head: &Head, cells: &Cells) {
        let ours = self.set.digest();
        // Others may have brought what differed since the probe went out.
        if ours == head.state.digest {
            return self.close(nonce, ours);
        }
        if self.repair_known(nonce, head.state) {
            return;
        }
        // A walk was cut off that began because no cells would do: requests for more would be lost time on a bad link.
        if self.peer.unreadable {
            return self.walk(nonce, head.state);
        }
        self.set.settle();
        let mut incoming = IncomingSketch::new(head, cells, self.set.tables(), self.set.end(), ours.count());
        incoming.end_at(self.peer.known.end());
        if let Tells::Seen { follow, .. } = head.tells
            && self.has_room(incoming.target() + follow)
        {
            incoming.await_more(follow);
        }
        let is_whole = incoming.target() == cells.count();
        let step = Step::Sketch(incoming.into());
        if self
            .peer
            .round
            .as_deref_mut()
            .is_some_and(|round| !if is_whole { round.take(step) } else { round.take_on(step) })
        {
            return self.end_round(Ending::Exchanged);
        }
        if is_whole {
            self.read_sketch(nonce);
        } else {
            self.peer.pacing.answered(nonce);
            self.wait_on(nonce);
        }
    }

    /// Reads the sketch, of which all cells that were asked for are there: repairs what differs, asks for more, or
    /// walks.
    fn read_sketch(&mut self, nonce: Nonce) {
        let Some(incoming) = self.peer.round.as_deref().and_then(Round::incoming) else { return };
        let (theirs, end) = (incoming.state(), incoming.end());
        match self.look() {
            Ok(Reading::Clear(mut claim)) => {
                claim.causal.iter_mut().for_each(|causal| causal.end = end);
                self.count(|ledger| ledger.sketches += 1);
                self.repair(nonce, claim, theirs);
            }
            Ok(_) => self.walk(nonce, theirs),
            Err(look) => self.want_cells(nonce, &look),
        }
    }

    /// Reads the cells that are there. Returns the reading if it is clear or hopeless, else what the cells tell of how
    /// many more it takes.
    fn look(&mut self) -> Result<Reading, Look> {
        let hopeless = Ok(Reading::Hopeless);
        let Some(incoming) = self.peer.round.as_deref().and_then(Round::incoming) else { return hopeless };
        let (theirs, have, began_at) = (incoming.state(), incoming.target(), incoming.began_at());
        self.lengthen(have);
        // Elements that both had at their last proof need not be read. To take away those alone means to hash all that
        // we have inserted since: 2^17 elements at most.
        let end = self.set.end();
        let agreed = self.since_common(theirs.digest.count());
        let agreed = agreed.filter(|&(place, _)| end.since(place) <= MOST_NAMES);
        // Fewer cells than elements cannot be read, and another decode would be for nothing.
        let fewer = agreed.filter(|&(_, learned)| learned <= have as u64);
        let again = fewer.map_or(0, |(place, _)| CELL * have as u64 + PASSED * end.since(place) as u64);
        let since = PASSED * end.since(began_at) as u64;
        self.spend(CELL * have as u64 + again + since);
        let Some(incoming) = self.peer.round.as_deref().and_then(Round::incoming) else { return hopeless };
        let subtract = |place| self.set.subtract(incoming.cells(), place);
        let mut nearly = false;
        // First what the peer has got since the proof, alone: about half of the cells do, whatever we have got
        // ourselves.
        if let Some((place, _)) = fewer {
            match Reading::of(self.set, incoming, place, subtract(place).as_ref()) {
                Reading::Clear(claim) => return Ok(Reading::Clear(claim)),
                Reading::Nearly => nearly = true,
                // The peer may have lost its memory since that proof, and not hold what was taken away.
                Reading::Unclear | Reading::Hopeless => {}
            }
        }
        // Then less all that we held as the sketch began. What came since would count as a difference: under 100
        // inserts a hop each top-up fell short by what its own round trip had added.
        let rest = subtract(began_at);
        match Reading::of(self.set, incoming, began_at, rest.as_ref()) {
            Reading::Nearly => nearly = true,
            Reading::Unclear => {}
            reading => return Ok(reading),
        }
        Err(Look { agreed, rest, nearly })
    }

    /// Asks for cells of this state of the peer's, with which a repair has ended, if it is known how many it takes; else
    /// probes again, which takes a round trip more and earns a head that is not needed.
    pub(super) fn want_known_cells(&mut self, nonce: Nonce, theirs: State) {
        let ours = self.set.state();
        let head = Head { state: theirs, tells: Tells::Nothing };
        let none = Cells::new(S::WIDTH, &[]);
        self.set.settle();
        let mut incoming = IncomingSketch::new(&head, &none, self.set.tables(), self.set.end(), ours.digest.count());
        let known = self.since_common(theirs.digest.count());
        let target = self.policy().zip(known).and_then(|(policy, (_, differences))| {
            let known = Estimate { differences, sigma: 0 };
            strategy::target(policy, ours, &incoming, None, known, false, false)
        });
        match target.filter(|target| self.has_room(*target)) {
            Some(target) => {
                incoming.aim(target);
                self.go_to(nonce, Step::Sketch(incoming.into()));
            }
            None => self.go_to(nonce, Step::Probe(None)),
        }
    }

    /// What one side alone holds since both were last known to hold the same, if counts tell it: no sketch tells elements
    /// of one id apart, however many cells it has.
    fn since_common(&self, count: u64) -> Option<(Place, u64)> {
        self.peer.known.since_common(count).filter(|_| !S::FORGETS && !self.set.shares_ids())
    }

    /// Whether a round may hold and await so many cells, beside those of rounds with other peers.
    fn has_room(&self, cells: usize) -> bool {
        self.cells_elsewhere + cells <= strategy::cells_under_way(self.set.len())
    }

    /// Asks for more cells, as many as it seems to take; or for deep bits first; or walks.
    fn want_cells(&mut self, nonce: Nonce, look: &Look) {
        let (ours, tables, policy) = (self.set.state(), self.set.tables(), self.policy());
        let Some(incoming) = self.peer.round.as_deref_mut().and_then(Round::incoming_mut) else { return };
        let (theirs, have) = (incoming.state(), incoming.target());
        let seen = tables.zip(look.rest.as_ref()).map(|(tables, rest)| incoming.estimate(rest, &tables.key()));
        // The number of elements since the last proof is known, so it has no standard error. It is dropped once cells
        // for a quarter more and 16 have not sufficed: then it is wrong.
        let known = look.agreed.map(|(_, learned)| Estimate { differences: learned, sigma: 0 });
        let known = known.filter(|known| have < need(known.differences.saturating_mul(5) / 4 + 16));
        if known.is_none() && incoming.top_ups().is_none() && seen.is_some_and(|seen| incoming.is_unknown(seen)) {
            // More differs than the peer knew when it left the deep bits out. A second probe earns them: it is not the
            // first message of its round.
            return self.go_to(nonce, Step::Probe(None));
        }
        let lists_ids = !self.peer.lists_whole && !S::FORGETS;
        let target = policy
            .zip(seen)
            .and_then(|(policy, seen)| strategy::target(policy, ours, incoming, known, seen, look.nearly, lists_ids));
        let has_room = target.is_some_and(|target| self.has_room(target));
        match target.zip(self.peer.round.as_deref_mut().and_then(Round::incoming_mut)) {
            Some((target, incoming)) if has_room => {
                let top_up = u64::from(incoming.top_ups().is_some());
                incoming.aim(target);
                self.count(|ledger| ledger.top_ups += top_up);
                self.go_on(nonce);
            }
            // Rounds with others fill the room for cells: a later round will do. Only once, or two silent peers could
            // put this one off for ever.
            Some(_) if !self.peer.put_off => {
                self.peer.put_off = true;
                self.end_round(Ending::Dropped);
            }
            // Pages take no room, and end whatever happens.
            Some(_) | None => self.walk_seeing(nonce, theirs, seen),
        }
    }

    /// Learns the numbers that digests or sketches tell.
    pub(super) fn learn(&mut self, numbers: &[u64]) {
        let learned = self.set.insert_numbers(numbers);
        self.stats.state_bytes = self.set.state().bytes;
        self.count(|ledger| ledger.learned += learned.len() as u64);
        let learned = learned.into_iter().map(|element| Event::Learned { element, from: self.id.clone() });
        self.events.extend(learned);
    }

    /// Merges the numbers that a claim tells, and begins a repair for all other elements.
    pub(super) fn repair(&mut self, nonce: Nonce, claim: Claim, theirs: State) {
        // At once, since they have travelled already: if the rest of the round is lost, they are not.
        self.learn(&claim.numbers);
        // A claim without wishes was confirmed to the last bit of the peer's digest, which is therefore ours now.
        self.take_over(&claim);
        let tells = claim.causal.as_ref().is_some_and(|_| self.set.digest() != theirs.digest);
        if claim.ours.is_empty() && claim.wanted.is_empty() && !tells {
            self.close(nonce, self.set.digest());
        } else {
            self.go_to(nonce, Step::Repair(Repair::new(claim, theirs).into()));
        }
    }

    /// Whether pages, which list anew what is inserted here meanwhile, would fall behind it.
    fn is_outrun(&self, theirs: State) -> bool {
        let (end, state) = (self.set.end(), self.set.state());
        let most = MOST_NAMES as u64;
        let ours = page_bytes(state, S::WIDTH);
        let began_at = self.peer.round.as_deref().map_or(end, Round::began_at);
        let few = state.digest.count() <= most && theirs.digest.count() <= most;
        // Of elements of one id a repair gives what fits a message, and pages all.
        !S::FORGETS && end > began_at && few && ours > self.config.message_limit() as u64 && !self.set.shares_ids()
    }

    /// Begins a walk with a peer of this state, at the bound where the last walk was cut off.
    pub(super) fn walk(&mut self, nonce: Nonce, theirs: State) {
        self.walk_seeing(nonce, theirs, None);
    }

    /// The same, if so much seems to differ: then pages may list ids.
    fn walk_seeing(&mut self, nonce: Nonce, theirs: State, seen: Option<Estimate>) {
        let bytes = page_bytes(theirs, S::WIDTH);
        self.count(|ledger| ledger.walks += 1);
        // A sketch of first cells alone was too dear, or had no room: the next one may well be read.
        if let Some(incoming) = self.peer.round.as_deref().and_then(Round::incoming) {
            self.peer.unreadable |= incoming.has_been_topped_up();
        }
        let mut walk = Walk::new(self.peer.resume, (theirs.digest.count(), bytes));
        let (ours, width) = (self.set.state(), S::WIDTH);
        if self.is_outrun(theirs) {
            walk = walk.fetching();
        } else if let Some(seen) = seen
            // Not where many cells could not be read: who has made them so may have made ids alike.
            && !S::FORGETS
            && !self.peer.lists_whole
            && !self.peer.unreadable
            && ids_beat_elements(ours, theirs, width, seen)
        {
            walk = walk.of_ids();
        }
        self.go_to(nonce, Step::Walk(walk.into()));
    }
}
