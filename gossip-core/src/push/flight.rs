//! `Flight`: the messages with elements that are in flight to one peer.

use alloc::collections::VecDeque;

use crate::wire::Place;

/// The most messages of which an acknowledgement measures the round trip. Without a round trip a message goes every
/// eighth of an interval, so the last one alone would be answered by none where round trips take longer than that.
pub(super) const MEASURED: usize = 4;

/// Messages with elements that are not acknowledged yet, oldest first: in groups, so that a link takes the same memory
/// however many there are. A group is acknowledged with its last message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flight {
    /// Where each group ends, and how many messages it has.
    groups: VecDeque<(Place, u32)>,
}

/// Groups in a window. The peer acknowledges once half a window or 8 messages have come. With one group alone, messages
/// that had come still counted: of a window of 7, three were left in flight, too few for the peer to acknowledge, and the
/// writer saw 7 and waited until it took them for lost.
const GROUPS: u32 = 8;

impl Flight {
    /// How many messages there are at most.
    pub(super) fn len(&self) -> u32 {
        self.groups.iter().map(|(_, count)| count).sum()
    }

    /// Adds a message that ends here.
    pub(super) fn add(&mut self, to: Place, window: u32) {
        match self.groups.back_mut() {
            Some((end, count)) if *count < window.div_ceil(GROUPS) => (*end, *count) = (to, *count + 1),
            _ => self.groups.push_back((to, 1)),
        }
    }

    /// Takes in that the peer has all up to here.
    pub(super) fn acknowledge(&mut self, place: Place) {
        while self.groups.front().is_some_and(|(end, _)| *end <= place) {
            self.groups.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.groups.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_beyond_what_is_in_flight_leaves_the_peer_enough_to_acknowledge() {
        for window in 1..200_u32 {
            let (mut flight, ack_after) = (Flight::default(), 8.min(window.div_ceil(2)));
            let (mut sent, mut acked) = (0, 0);
            for _ in 0..500 {
                while flight.len() < window {
                    sent += 1;
                    flight.add(Place::new(sent), window);
                }
                assert!(flight.groups.len() <= GROUPS as usize + 1, "{window}");
                // The peer acknowledges so many at a time, or the writer would wait for its timer.
                assert!(sent - acked >= ack_after as usize, "{window}: {} of {} in flight", sent - acked, flight.len());
                acked += ack_after as usize;
                flight.acknowledge(Place::new(acked));
            }
        }
    }
}
