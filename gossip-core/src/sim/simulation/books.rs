//! The books: what replicas hold by what they were given and told of, and by what they say.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Simulation;
use crate::element::Stored;
use crate::sim::census::Bits;
use crate::sim::node::Broken;
use crate::sim::{Arrival, Law, Machine};

impl<M: Machine> Simulation<M> {
    /// Compares a replica with the books. O(log n) in the events so far.
    pub(super) fn audit(&mut self, replica: usize) -> Result<(), Broken> {
        let node = &self.nodes[replica];
        if node.is_hostile {
            return Ok(());
        }
        let (count, booked) = (node.machine.count(), node.held.count);
        if count != booked {
            let what = alloc::format!("it holds {count} elements, and was given and told of {booked}");
            return Err(Broken::new(Law::NothingLostNothingInvented, what));
        }
        // One element by chance: all of them, after each poll, would make runs quadratic in elements.
        if let Some(number) = self.census.any(&mut self.random.checks)
            && self.census.entry(number).cluster == node.cluster
            && node
                .holds(&self.census.entry(number).element)
                .is_some_and(|holds| holds != node.held.numbers.has(number))
        {
            return Err(Broken::new(Law::NothingLostNothingInvented, "it holds other elements than it was told of"));
        }
        // And all of them by digest: sums of marks are equal exactly where sets are, so digests must be, both ways, for
        // the whole fleet. Of a machine that forgets they tell what it has seen, too.
        let (cluster, sum, digest) = (node.cluster, node.held.sum, node.machine.digest());
        let digest_of = self.digests.entry((cluster, sum)).or_insert_with(|| digest.clone());
        if (!M::FORGETS && *digest_of != digest) || *self.sets.entry((cluster, digest)).or_insert(sum) != sum {
            // Which law it is takes a look at every element, once: the run ends here.
            if self.has_lost(replica) {
                return Err(Broken::new(Law::NothingLostNothingInvented, "it does not hold what it held"));
            }
            let what = "its digest is that of another set, or its set has another digest elsewhere";
            return Err(Broken::new(Law::Convergence, what));
        }
        Ok(())
    }

    /// Books an element as held by a replica.
    pub(super) fn hold(&mut self, replica: usize, number: usize) {
        let node = &mut self.nodes[replica];
        if !self.census.add(&mut node.held, number) {
            return;
        }
        node.ever.add(number);
        let entry = self.census.entry_mut(number);
        if let (Some(history), Stored::Value(element)) = (&mut self.history, &entry.element) {
            history.push(Arrival { at: self.now, replica, element: element.clone() });
        }
        if node.is_hostile {
            return;
        }
        entry.holders += 1;
        let holders = entry.holders;
        if node.cluster == 0 {
            self.staleness.note(self.now, number, holders - 1, holders, self.fleet.members);
            self.fleet.held += 1;
            // More than any proof was of: all pairs have to prove it anew.
            if holders == 1 {
                self.fleet.union += 1;
                self.fleet.proven.clear();
            }
        }
    }

    /// Books a replica as empty. Elements that it alone held are lost to all.
    pub(super) fn forget(&mut self, replica: usize) {
        let node = &mut self.nodes[replica];
        let held = core::mem::take(&mut node.held);
        node.gone = Bits::default();
        held.numbers.iter().for_each(|number| self.drop_holder(replica, number));
        // It has proven what it has forgotten.
        self.fleet.proven.retain(|&(one, other)| one != replica && other != replica);
    }

    /// Numbers that a replica holds under a key, by the books.
    pub(super) fn booked(&self, replica: usize, key: &[u8]) -> Vec<usize> {
        let node = &self.nodes[replica];
        let numbers = self.census.under(node.cluster, key).into_iter();
        numbers.filter(|&number| node.held.numbers.has(number)).collect()
    }

    /// Books that a replica removed or replaced an element.
    pub(super) fn end(&mut self, replica: usize, number: usize) {
        self.note_end(number);
        self.let_go(replica, number);
    }

    fn note_end(&mut self, number: usize) {
        let entry = self.census.entry_mut(number);
        if !core::mem::replace(&mut entry.ended, true) && entry.cluster == 0 {
            self.staleness.reopen(self.now, number);
        }
    }

    /// Books what messages have changed under a key of a replica's.
    pub(super) fn reconcile(&mut self, replica: usize, key: &[u8]) -> Result<(), Broken> {
        // By whoever lies, not by who sent it: of several messages before a poll each may have changed the same.
        let liar = self.nodes.iter().position(|node| node.is_hostile);
        let (held, booked) = (self.nodes[replica].machine.held(key), self.booked(replica, key));
        let mut now = Vec::new();
        for element in held {
            let element = Stored::Value(element);
            if let Some(liar) = liar {
                self.invent(liar, &element);
            }
            let number = self.census.find(self.nodes[replica].cluster, element.lend());
            let number = number.filter(|&number| self.census.entry(number).inserted);
            let number = number.ok_or_else(|| broken("it holds what nobody has inserted").about(element.lend()));
            now.push(number?);
        }
        for &number in booked.iter().filter(|number| !now.contains(number)) {
            if liar.is_some() {
                self.note_end(number);
            }
            if !self.census.entry(number).ended {
                let dropped = broken("it has dropped an element that nobody removed or replaced");
                return Err(dropped.about(self.census.entry(number).element.lend()));
            }
            self.report.went += 1;
            self.let_go(replica, number);
        }
        for number in now.into_iter().filter(|number| !booked.contains(number)) {
            let node = &self.nodes[replica];
            if node.gone.has(number) && !node.is_hostile {
                let back = broken("an element has come back that went from it");
                return Err(back.about(self.census.entry(number).element.lend()));
            }
            self.report.learned += 1;
            self.hold(replica, number);
        }
        Ok(())
    }

    /// Books all that a replica holds, of which its last life may not have told.
    pub(super) fn reconcile_all(&mut self, replica: usize) -> Result<(), Broken> {
        let numbers = self.census.under(self.nodes[replica].cluster, &[]).into_iter();
        let elements = numbers.filter_map(|number| self.census.entry(number).element.lend().value());
        let keys: BTreeSet<Vec<u8>> = elements.map(M::key).collect();
        keys.into_iter().try_for_each(|key| self.reconcile(replica, &key))
    }

    /// Books an element as gone from a replica.
    fn let_go(&mut self, replica: usize, number: usize) {
        let node = &mut self.nodes[replica];
        if self.census.take(&mut node.held, number) {
            node.gone.add(number);
            self.drop_holder(replica, number);
        }
    }

    /// Books an element as held by one replica less.
    fn drop_holder(&mut self, replica: usize, number: usize) {
        let node = &self.nodes[replica];
        if node.is_hostile {
            return;
        }
        let entry = self.census.entry_mut(number);
        entry.holders -= 1;
        let holders = entry.holders;
        if node.cluster == 0 {
            self.staleness.note(self.now, number, holders + 1, holders, self.fleet.members);
            self.fleet.held -= 1;
            // Proofs were of more than is left.
            if holders == 0 {
                self.fleet.union -= 1;
                self.fleet.proven.clear();
            }
        }
    }
}

fn broken(what: &str) -> Broken {
    Broken::new(Law::NothingLostNothingInvented, what)
}
