//! Reading a peer's sketch: asking for more cells, repairing what they tell, and turning to pages.

use super::budget::{CELL, PASSED};
use super::turn::Turn;
use crate::digest::State;
use crate::element::Element;
use crate::event::Event;
use crate::message::{Head, Nonce, Part};
use crate::round::claim::{Claim, Reading};
use crate::round::incoming::{IncomingSketch, Received};
use crate::round::repair::Repair;
use crate::round::strategy::{self, CELLS_UNDER_WAY, MOST_NAMES};
use crate::round::walk::Walk;
use crate::round::{Round, Step, need, page_bytes};
use crate::sketch::{Estimate, Prefix};
use crate::wire::{Cells, Place};

/// What a look at the cells that came has told.
struct Look {
    /// How many differ that can be counted, of those since the last proof.
    agreed: Option<(Place, u64)>,
    /// What our log leaves of the cells.
    rest: Option<Prefix>,
    /// Whether few cells are left to read.
    nearly: bool,
}

impl<P: Clone + Ord, E: Element> Turn<'_, P, E> {
    /// Returns whether the cells answer what was asked.
    pub(super) fn on_cells(&mut self, nonce: Nonce, part: Part, cells: &Cells) -> bool {
        let window = usize::from(self.config.window.get());
        let Some(round) = self.peer.round.as_mut().filter(|round| !round.is_pending() && round.answers_step(nonce))
        else {
            return false;
        };
        match (round.step_mut(), part) {
            (Step::Probe(_), Part::Head(head)) => {
                round.note_full_state(head.state.bytes);
                self.begin_sketch(nonce, &head, cells);
            }
            // Of a repair, what is missing yet. Of a sketch, the state whose cells these were is forgotten.
            (Step::Repair(_) | Step::Sketch(_), Part::Head(head)) => self.begin_sketch(nonce, &head, cells),
            (Step::Sketch(incoming), Part::After { from, last }) => match incoming.take(from, cells, last, window) {
                Received::None => {}
                Received::Some => self.wait_on(),
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

    fn begin_sketch(&mut self, nonce: Nonce, head: &Head, cells: &Cells) {
        let ours = self.set.digest();
        if ours == head.state.digest {
            return self.close(nonce, ours);
        }
        if self.peer.unreadable {
            return self.walk(nonce, head.state);
        }
        let incoming = IncomingSketch::new(head, cells, self.set.tables(), self.set.end(), ours.count());
        if self.peer.round.as_mut().is_some_and(|round| !round.take(Step::Sketch(incoming.into()))) {
            return self.end_round(false);
        }
        self.read_sketch(nonce);
    }

    /// All cells that were asked for are there: they are read, or there are to be more, or it takes pages.
    fn read_sketch(&mut self, nonce: Nonce) {
        let Some(incoming) = self.peer.round.as_ref().and_then(Round::incoming) else { return };
        let theirs = incoming.state();
        match self.look() {
            Ok(Reading::Clear(claim)) => self.repair(nonce, claim, theirs),
            Ok(_) => self.walk(nonce, theirs),
            Err(look) => self.want_cells(nonce, &look),
        }
    }

    /// What the cells say that are there, if they can be read or never will be; else what they tell of how many it takes.
    fn look(&mut self) -> Result<Reading, Look> {
        let hopeless = Ok(Reading::Hopeless);
        let Some(incoming) = self.peer.round.as_ref().and_then(Round::incoming) else { return hopeless };
        let (theirs, have) = (incoming.state(), incoming.target());
        // What both had at their last proof need not be read. It takes going through all that has been inserted since.
        let end = self.set.end();
        let agreed = self.peer.known.since_proof(theirs.digest.count());
        let agreed = agreed.filter(|&(place, _)| end.since(place) <= MOST_NAMES);
        let fewer = agreed.filter(|&(_, learned)| learned <= have as u64);
        let again = fewer.map_or(0, |(place, _)| CELL * have as u64 + PASSED * end.since(place) as u64);
        self.spend(CELL * have as u64 + again);
        let Some(incoming) = self.peer.round.as_ref().and_then(Round::incoming) else { return hopeless };
        let subtract = |place| self.set.subtract(incoming.cells(), incoming.width(), place);
        let mut nearly = false;
        if let Some((place, _)) = fewer {
            match Claim::read(self.set, incoming, place, subtract(place).as_ref()) {
                Reading::Clear(claim) => return Ok(Reading::Clear(claim)),
                Reading::Nearly => nearly = true,
                Reading::Unclear | Reading::Hopeless => {}
            }
        }
        let rest = subtract(incoming.held());
        match Claim::read(self.set, incoming, incoming.held(), rest.as_ref()) {
            Reading::Nearly => nearly = true,
            Reading::Unclear => {}
            reading => return Ok(reading),
        }
        Err(Look { agreed, rest, nearly })
    }

    /// More cells are asked for, as many as it seems to take; or deep bits first; or it takes pages.
    fn want_cells(&mut self, nonce: Nonce, look: &Look) {
        let (ours, tables, policy) = (self.set.state(), self.set.tables(), self.policy());
        let Some(incoming) = self.peer.round.as_mut().and_then(Round::incoming_mut) else { return };
        let (theirs, have) = (incoming.state(), incoming.target());
        let seen = tables.zip(look.rest.as_ref()).map(|(tables, rest)| incoming.estimate(rest, &tables.key()));
        // Of what is to be read then, the number is known; unless so many cells have been in vain.
        let known = look.agreed.map(|(_, learned)| Estimate { differences: learned, sigma: 0 });
        let known = known.filter(|known| have < need(known.differences.saturating_mul(5) / 4 + 16));
        if known.is_none() && incoming.top_ups().is_none() && seen.is_some_and(|seen| incoming.is_unknown(seen)) {
            // More differs than the peer can know of: deep bits tell how much, once they are asked for.
            return self.go_to(nonce, Step::Probe(None));
        }
        let longest = tables.map(|tables| tables.longest());
        let target = policy.zip(longest).zip(seen).and_then(|((policy, longest), seen)| {
            strategy::target(policy, ours, incoming, longest, known, seen, look.nearly)
        });
        match target {
            Some(target) if self.cells_elsewhere + target <= CELLS_UNDER_WAY => {
                let top_up = u64::from(incoming.top_ups().is_some());
                incoming.aim(target);
                self.count(|ledger| ledger.top_ups += top_up);
                self.go_on(nonce);
            }
            // Others are at it: a round later will do, but once, or they could be at it for ever.
            Some(_) if !self.peer.put_off => {
                self.peer.put_off = true;
                self.end_round(false);
            }
            Some(_) | None => self.walk(nonce, theirs),
        }
    }

    /// What a sketch says is merged, as far as it tells elements, and the rest exchanged.
    fn repair(&mut self, nonce: Nonce, claim: Claim, theirs: State) {
        let learned = self.set.insert_numbers(&claim.numbers);
        self.stats.state_bytes = self.set.state().bytes;
        self.count(|ledger| {
            ledger.sketches += 1;
            ledger.learned += learned.len() as u64;
        });
        let learned = learned.into_iter().map(|element| Event::Learned { element, from: self.id.clone() });
        self.events.extend(learned);
        // A claim without wishes was confirmed to give the peer's digest.
        if claim.ours.is_empty() && claim.wanted.is_empty() {
            self.close(nonce, self.set.digest());
        } else {
            self.go_to(nonce, Step::Repair(Repair::new(claim, theirs).into()));
        }
    }

    /// Pages of all that a peer of this state and we hold, from where the last walk was cut off.
    pub(super) fn walk(&mut self, nonce: Nonce, theirs: State) {
        let bytes = page_bytes(theirs, self.set.width().unwrap_or_default());
        self.count(|ledger| ledger.walks += 1);
        if let Some(incoming) = self.peer.round.as_ref().and_then(Round::incoming) {
            self.peer.unreadable |= incoming.top_ups().is_some();
        }
        let walk = Walk::new(self.peer.resume, (theirs.digest.count(), bytes));
        self.go_to(nonce, Step::Walk(walk));
    }
}
