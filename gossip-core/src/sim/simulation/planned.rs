//! What is planned, to be told and to be made smaller.

use alloc::string::String;
use alloc::vec::Vec;

use super::Simulation;
use super::happening::Happening;
use crate::Time;
use crate::sim::Machine;
use crate::sim::law::Hex;

impl<M: Machine> Simulation<M> {
    /// All that is planned and to come, in order, each in words.
    pub(in crate::sim) fn planned(&self) -> Vec<String> {
        self.queue.in_order().into_iter().filter_map(|(at, happening)| self.tell(at, happening)).collect()
    }

    /// The same with no more of the plan than the events of these numbers, which ascend.
    pub(in crate::sim) fn with_planned(mut self, kept: &[usize]) -> Self {
        let mut number = 0;
        let places: Vec<bool> = self
            .queue
            .in_order()
            .into_iter()
            .map(|(at, happening)| {
                if self.tell(at, happening).is_none() {
                    return true;
                }
                number += 1;
                kept.binary_search(&(number - 1)).is_ok()
            })
            .collect();
        self.queue.retain(|place| places[place]);
        self.unfinished = kept.len();
        self
    }

    fn tell(&self, at: Time, happening: &Happening) -> Option<String> {
        let at = at.as_micros();
        Some(match happening {
            Happening::Insert { replica, number } => {
                let mut encoding = Vec::new();
                self.census.entry(*number).element.lend().encode(&mut encoding);
                alloc::format!("{at} µs: r{replica} inserts {}", Hex(&encoding))
            }
            Happening::Remove { replica, key } => alloc::format!("{at} µs: r{replica} removes {}", Hex(key)),
            Happening::Begin { fault, lasting } => alloc::format!("{at} µs: {fault:?}, {} µs", lasting.as_micros()),
            _ => return None,
        })
    }
}
