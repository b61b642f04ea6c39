//! What a push says.

use alloc::vec::Vec;

use crate::codec::{put_varint, varint_len};
use crate::wire::Elements;

/// Part of the sender's log, with how far it knows the receiver's.
///
/// Places count a log's elements. What of the part came from the receiver is left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    /// Names the sender's log, as long as it remembers it, and the receiver's log as far as that is known.
    pub(crate) log: u32,
    pub(crate) of: u32,
    /// Up to where the receiver has the sender's log, by all the sender knows.
    pub(crate) acked: usize,
    /// What of it this is: from here to there.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Up to where the sender has the receiver's log.
    pub(crate) ack: usize,
    /// How long the sender has had the last of that, in milliseconds.
    pub(crate) held: u32,
    /// How long the oldest of the elements has waited on its way, in milliseconds.
    pub(crate) age: u32,
    /// How long before its next batch the sender wants the receiver's, in milliseconds.
    pub(crate) lead: u32,
    pub(crate) flags: Flags,
    pub(crate) elements: Elements,
}

/// What else a batch says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    /// That it is to be answered at once, with what follows `ack`.
    pub(crate) asks: bool,
    /// That the receiver is above the sender: it is to pass on what it has.
    pub(crate) up: bool,
    /// That the receiver is neither above the sender nor below it nor beside it: it is to pass on nothing.
    pub(crate) apart: bool,
    /// That it is in its time: another will follow an interval later, if there is anything to send then.
    pub(crate) timed: bool,
}

impl Flags {
    const fn byte(self) -> u8 {
        self.asks as u8 | (self.up as u8) << 1 | (self.apart as u8) << 2 | (self.timed as u8) << 3
    }

    /// `None` if this byte is none of theirs.
    pub(crate) const fn of(byte: u8) -> Option<Self> {
        if byte >> 4 > 0 || byte & 6 == 6 {
            return None;
        }
        Some(Self { asks: byte & 1 > 0, up: byte & 2 > 0, apart: byte & 4 > 0, timed: byte & 8 > 0 })
    }
}

impl Batch {
    fn numbers(&self) -> [u64; 7] {
        let Self { acked, from, to, ack, held, age, lead, .. } = *self;
        let places = [acked, from - acked, to - from, ack].map(|place| place as u64);
        let times = [held, age, lead].map(u64::from);
        [places[0], places[1], places[2], places[3], times[0], times[1], times[2]]
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.log.to_le_bytes());
        out.extend_from_slice(&self.of.to_le_bytes());
        out.push(self.flags.byte());
        self.numbers().into_iter().for_each(|number| put_varint(out, number));
        self.elements.put(out);
    }

    pub(super) fn encoded_len(&self) -> usize {
        9 + self.numbers().into_iter().map(varint_len).sum::<usize>() + self.elements.encoded_len()
    }
}
