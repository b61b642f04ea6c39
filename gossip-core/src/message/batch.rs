//! `Batch`: the content of a push.

use crate::codec::{Encode, Sink};
use crate::wire::{Elements, Place};

/// Part of the sender's log, with an acknowledgement of the receiver's.
///
/// Elements of the part that came from the receiver are left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    /// The sender's log, and the receiver's, if a push of it has come.
    pub(crate) log: LogId,
    pub(crate) of: LogId,
    /// How far the receiver has the sender's log, as far as the sender knows.
    pub(crate) acked: Place,
    /// The part: from here to there.
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// Acknowledgement: how far the sender has the receiver's log.
    pub(crate) ack: Place,
    /// Age of that acknowledgement in milliseconds.
    pub(crate) held: u32,
    /// Time that the oldest element has waited on its way, in milliseconds.
    pub(crate) age: u32,
    /// Time before the sender's next batch at which it wants the receiver's, in milliseconds.
    pub(crate) lead: u32,
    pub(crate) flags: Flags,
    pub(crate) elements: Elements,
}

/// Identity of a log, for one life of its replica. 31 random bits: a restart gets another one but once in 2^31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LogId(u32);

impl LogId {
    /// Stands for a log whose id has not come yet.
    pub(crate) const UNKNOWN: Self = Self(0);

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Random id; odd, so that it is not [`UNKNOWN`](Self::UNKNOWN).
    pub(crate) const fn by_chance(chance: u32) -> Self {
        Self(chance | 1)
    }
}

/// Flags of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    /// Asks for a push at once, of what follows `ack`.
    pub(crate) asks: bool,
    /// The receiver is the sender's parent, and is to push its elements down.
    pub(crate) to_parent: bool,
    /// The receiver is neither parent, child nor neighbour of the sender, and is to push no elements.
    pub(crate) detached: bool,
    /// Sent in its turn: the next follows an interval later, if there is anything to send by then.
    pub(crate) timed: bool,
}

impl Flags {
    const fn byte(self) -> u8 {
        self.asks as u8 | (self.to_parent as u8) << 1 | (self.detached as u8) << 2 | (self.timed as u8) << 3
    }

    /// Reads the flags; `None` for any other byte.
    pub(crate) const fn of(byte: u8) -> Option<Self> {
        // Nobody asks one peer to push all and to push nothing.
        if byte >> 4 > 0 || byte & 6 == 6 {
            return None;
        }
        Some(Self { asks: byte & 1 > 0, to_parent: byte & 2 > 0, detached: byte & 4 > 0, timed: byte & 8 > 0 })
    }
}

impl Encode for Batch {
    fn put(&self, out: &mut impl Sink) {
        // Taken apart, so that a field that is not written is a warning.
        let Self { log, of, acked, from, to, ack, held, age, lead, flags, elements } = self;
        out.put(&log.bits().to_le_bytes());
        out.put(&of.bits().to_le_bytes());
        out.put(&[flags.byte()]);
        // As distances `acked ≤ from ≤ to` holds of whatever is read; and between peers in step the second is 0, a
        // byte, where the places themselves take 3 from 16 384 elements on.
        for entries in [acked.index(), from.since(*acked), to.since(*from), ack.index()] {
            out.put_varint(entries as u64);
        }
        for millis in [held, age, lead] {
            out.put_varint(u64::from(*millis));
        }
        elements.put(out);
    }
}
