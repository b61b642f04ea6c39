//! Writes: what replicas insert and remove.

use super::Simulation;
use crate::element::Stored;
use crate::sim::node::{Broken, Condition, Input};
use crate::sim::{Machine, Violation};

impl<M: Machine> Simulation<M> {
    /// Lets a replica write.
    pub(super) fn write(&mut self, replica: usize, input: Input) -> Result<(), Violation> {
        match self.nodes[replica].condition {
            Condition::Down => {
                self.report.not_inserted += u64::from(matches!(input, Input::Insert(_)));
                return Ok(());
            }
            Condition::Paused => {
                self.nodes[replica].inbox.push(input);
                return Ok(());
            }
            Condition::Up => {}
        }
        self.take(replica, input)?;
        self.drain(replica).map(drop)
    }

    /// Gives a replica an input.
    pub(super) fn take(&mut self, replica: usize, input: Input) -> Result<(), Violation> {
        match input {
            Input::Insert(number) => self.put_in(replica, number),
            Input::Remove(key) => self.take_out(replica, &key),
            Input::Message(packet) => self.take_in(replica, &packet),
            Input::Flow(to) => {
                self.nodes[replica].set_writable(to, true);
                Ok(())
            }
        }
    }

    fn take_out(&mut self, replica: usize, key: &[u8]) -> Result<(), Violation> {
        self.trace.record(self.now, "removes", replica, 0, key);
        self.remove_now(replica, key).map_err(|broken| self.violation(replica, broken))
    }

    pub(super) fn put_in(&mut self, replica: usize, number: usize) -> Result<(), Violation> {
        self.trace.record(self.now, "inserts", replica, number, &[]);
        if M::FORGETS {
            return self.put_in_place(replica, number).map_err(|broken| self.violation(replica, broken));
        }
        let element = &self.census.entry(number).element;
        let node = &mut self.nodes[replica];
        // It may have come in a message before and be told in the next poll, which is no second arrival then.
        if !node.drained {
            node.untold.push(number);
        }
        let held = node.insert(element).map_err(|broken| self.violation(replica, broken))?;
        if !held {
            self.report.not_inserted += 1;
            return Ok(());
        }
        self.report.inserted += 1;
        self.census.entry_mut(number).inserted = true;
        self.hold(replica, number);
        Ok(())
    }

    fn remove_now(&mut self, replica: usize, key: &[u8]) -> Result<(), Broken> {
        // What has come and was not told yet goes as well.
        self.reconcile(replica, key)?;
        let ended = self.booked(replica, key);
        self.report.removed += u64::from(!ended.is_empty());
        self.nodes[replica].remove(key)?;
        ended.into_iter().for_each(|number| self.end(replica, number));
        Ok(())
    }

    /// Inserts an element in place of what is held under its key.
    fn put_in_place(&mut self, replica: usize, number: usize) -> Result<(), Broken> {
        let element = self.census.entry(number).element.clone();
        let Stored::Value(value) = &element else { return Ok(()) };
        // What was inserted before may be gone, and would be as if it came back.
        if self.census.entry(number).inserted {
            self.report.not_inserted += 1;
            return Ok(());
        }
        let key = M::key(value);
        self.reconcile(replica, &key)?;
        let ended = self.booked(replica, &key);
        if !self.nodes[replica].insert(&element)? {
            self.report.not_inserted += 1;
            return Ok(());
        }
        self.report.inserted += 1;
        self.census.entry_mut(number).inserted = true;
        ended.into_iter().for_each(|number| self.end(replica, number));
        self.hold(replica, number);
        Ok(())
    }
}
