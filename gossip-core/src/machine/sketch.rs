//! Rounds by sketch: reading cells, asking for more, and turning to pages.

use super::AntiEntropy;
use super::receive::MOST_NAMES;
use crate::digest::{Digest, State};
use crate::element::Element;
use crate::event::Event;
use crate::message::{Head, Place};
use crate::peer::budget::{CELL, PASSED};
use crate::peer::{STEPS, Step};
use crate::round::policy::{Policy, affordable, need, page_bytes, pages_are_cheaper};
use crate::round::reception::{Difference, Reception};
use crate::round::repair::Repair;
use crate::round::walk::Walk;
use crate::set::{Claim, Reading};
use crate::sketch::{Estimate, Tables};
use crate::wire::Cells;

/// How many cells all rounds together may have asked for: 4 MiB of them, two of the largest sketches.
const CELLS_UNDER_WAY: usize = 1 << 18;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Whether they answer what was asked.
    pub(super) fn take_cells(&mut self, from: &P, nonce: u32, place: Place, cells: &Cells) -> bool {
        let window = usize::from(self.config.window.get());
        let Some(peer) = self.peers.get_mut(from) else { return false };
        let Some(round) = peer.round.as_mut().filter(|round| !round.pending && round.answers_step(nonce)) else {
            return false;
        };
        match (&mut round.step, place) {
            (Step::Probe { .. }, Place::Head(head)) => {
                if round.steps == 0 {
                    round.full_state = round.full_state.saturating_add(head.state.bytes);
                }
                self.begin_sketch(from, nonce, &head, cells);
            }
            (Step::Repair(_), Place::Head(head)) => self.begin_sketch(from, nonce, &head, cells),
            // The state whose cells these were is forgotten.
            (Step::Sketch(_), Place::Head(head)) => self.begin_sketch(from, nonce, &head, cells),
            (Step::Sketch(difference), Place::After { from: first, last }) => {
                match difference.take(first, cells, last, window) {
                    Reception::None => {}
                    Reception::Some => self.wait_on(from),
                    Reception::Short if difference.has_grown() => self.go_on(from, nonce, None),
                    Reception::Short => {
                        let theirs = difference.state();
                        self.walk(from, nonce, theirs);
                    }
                    Reception::Complete => self.read_sketch(from, nonce),
                }
            }
            _ => return false,
        }
        true
    }

    fn begin_sketch(&mut self, name: &P, nonce: u32, head: &Head, cells: &Cells) {
        let theirs = head.state.digest;
        if self.replica.digest() == theirs {
            return self.close(name, nonce, theirs);
        }
        let Some(peer) = self.peers.get_mut(name) else { return };
        if peer.unreadable {
            return self.walk(name, nonce, head.state);
        }
        let difference = Difference::new(head, cells, self.replica.tables(), self.replica.len());
        let Some(round) = &mut peer.round else { return };
        round.take(Step::Sketch(difference.into()));
        if round.steps > STEPS {
            return self.end_round(name, false);
        }
        self.read_sketch(name, nonce);
    }

    /// All cells that were asked for are there: they are read, or there are to be more, or it takes pages.
    fn read_sketch(&mut self, name: &P, nonce: u32) {
        let under_way: usize = self.peers.values().map(|peer| peer.cells_under_way()).sum();
        let Some(peer) = self.peers.get(name) else { return };
        let Some(Step::Sketch(difference)) = peer.round.as_ref().map(|round| &round.step) else { return };
        let (theirs, have) = (difference.state(), difference.target());
        // What both had at their last proof need not be read. It takes going through all that has been inserted since.
        let inserted = |held: usize| self.replica.len().saturating_sub(held);
        let agreed = peer.agreed(theirs.digest.count()).filter(|&(held, _)| inserted(held) <= MOST_NAMES);
        let fewer = agreed.filter(|&(_, since)| since <= have as u64);
        let reading = fewer.map_or(0, |(held, _)| CELL * have as u64 + PASSED * inserted(held) as u64);
        self.spend(name, CELL * have as u64 + reading);
        let Some(peer) = self.peers.get(name) else { return };
        let Some(Step::Sketch(difference)) = peer.round.as_ref().map(|round| &round.step) else { return };
        let mut nearly = false;
        if let Some((held, _)) = fewer {
            let left = self.replica.left(difference, held);
            match self.replica.read(difference, held, left.as_ref()) {
                Reading::Clear(claim) => return self.repair(name, nonce, claim, theirs),
                Reading::Nearly => nearly = true,
                Reading::Unclear | Reading::Hopeless => {}
            }
        }
        let left = self.replica.left(difference, difference.held());
        match self.replica.read(difference, difference.held(), left.as_ref()) {
            Reading::Clear(claim) => return self.repair(name, nonce, claim, theirs),
            Reading::Nearly => nearly = true,
            Reading::Unclear => {}
            Reading::Hopeless => return self.walk(name, nonce, theirs),
        }
        let seen = self.replica.tables().zip(left).map(|(tables, left)| difference.estimate(&left, &tables.key()));
        // Of what is to be read then, the number is known; unless so many cells have been in vain.
        let known = agreed.map(|(_, since)| Estimate { differences: since, sigma: 0 });
        let known = known.filter(|known| have < need(known.differences.saturating_mul(5) / 4 + 16));
        if known.is_none() && difference.top_ups().is_none() && seen.is_some_and(|seen| difference.is_unknown(seen)) {
            // More differs than the peer can know of: deep bits tell how much, once they are asked for.
            return self.go_on(name, nonce, Some(Step::Probe { digest: Digest::EMPTY }));
        }
        let target = seen.and_then(|seen| self.target(name, known, seen, nearly));
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(Step::Sketch(difference)) = peer.round.as_mut().map(|round| &mut round.step) else { return };
        match target {
            Some(target) if under_way - have + target <= CELLS_UNDER_WAY => {
                let top_up = u64::from(difference.top_ups().is_some());
                difference.aim(target);
                for ledger in self.ledgers(name) {
                    ledger.top_ups += top_up;
                }
                self.go_on(name, nonce, None);
            }
            // Others are at it: a round later will do, but once, or they could be at it for ever.
            Some(_) if !peer.put_off => {
                peer.put_off = true;
                self.end_round(name, false);
            }
            Some(_) | None => self.walk(name, nonce, theirs),
        }
    }

    /// How many cells there are to be, if they are worth it: by what is `seen` of the difference in those there are, and
    /// by what is `known` of what has to be read. `nearly` tells that few cells are left to read.
    pub(super) fn target(&self, name: &P, known: Option<Estimate>, seen: Estimate, nearly: bool) -> Option<usize> {
        let round = self.peers.get(name)?.round.as_ref()?;
        let Step::Sketch(difference) = &round.step else { return None };
        let policy = Policy::of(self.config.economy)?;
        let (ours, theirs, have) = (self.replica.state(), difference.state(), difference.target());
        let estimate = known.filter(|known| known.differences < seen.differences).unwrap_or(seen);
        let cells = need(estimate.shifted(1_000)).saturating_sub(have);
        if pages_are_cheaper(ours, theirs, difference.width(), seen.shifted(1_000), cells, 0) {
            return None;
        }
        let target = match difference.top_ups() {
            None => policy.first_request(estimate, have),
            Some(top_ups) => policy.top_up(top_ups, estimate, have, nearly)?,
        };
        let peers = usize::try_from(theirs.digest.count()).map_or(usize::MAX, Tables::longest_for);
        let longest = self.replica.tables()?.longest().min(peers);
        let target = match target {
            target if target.max(need(estimate.differences)) <= longest => target,
            // There may be enough for all that: a half tells how much it is to a percent or two.
            _ if have < longest / 2 && need(estimate.shifted(-2_000)) <= longest => longest / 2,
            _ if need(estimate.shifted(-1_000)) <= longest => longest,
            _ => return None,
        };
        let most = affordable(ours, theirs, difference.width(), seen.shifted(3_000));
        (have < target && target <= most).then_some(target)
    }

    /// What a sketch says is merged, as far as it tells elements, and the rest exchanged.
    fn repair(&mut self, name: &P, nonce: u32, claim: Claim, theirs: State) {
        let learned = self.replica.insert_numbers(&claim.numbers);
        self.stats.state_bytes = self.replica.state().bytes;
        for ledger in self.ledgers(name) {
            ledger.sketches += 1;
            ledger.learned += learned.len() as u64;
        }
        let learned = learned.into_iter().map(|element| Event::Learned { element, from: name.clone() });
        self.events.extend(learned);
        let ours = self.replica.digest();
        // A claim without wishes was confirmed to give the peer's digest.
        if claim.ours.is_empty() && claim.wanted.is_empty() {
            self.close(name, nonce, ours);
        } else {
            self.go_on(name, nonce, Some(Step::Repair(Repair::new(claim, theirs).into())));
        }
    }

    /// Pages of all that a peer of this state and we hold, from where the last walk was cut off.
    pub(super) fn walk(&mut self, name: &P, nonce: u32, theirs: State) {
        let bytes = page_bytes(theirs, self.replica.width().unwrap_or_default());
        for ledger in self.ledgers(name) {
            ledger.walks += 1;
        }
        let Some(peer) = self.peers.get_mut(name) else { return };
        if let Some(Step::Sketch(difference)) = peer.round.as_ref().map(|round| &round.step) {
            peer.unreadable |= difference.top_ups().is_some();
        }
        let walk = Walk::new(peer.resume, (theirs.digest.count(), bytes));
        self.go_on(name, nonce, Some(Step::Walk(walk)));
    }
}
