//! What a push says.

use crate::codec::{Encode, Sink};
use crate::wire::{Elements, Place};

/// Part of the sender's log, with how far it knows the receiver's.
///
/// Places count a log's elements. What of the part came from the receiver is left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    /// Names the sender's log, as long as it remembers it, and the receiver's log as far as that is known.
    pub(crate) log: LogId,
    pub(crate) of: LogId,
    /// Up to where the receiver has the sender's log, by all the sender knows.
    pub(crate) acked: Place,
    /// What of it this is: from here to there.
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// Up to where the sender has the receiver's log.
    pub(crate) ack: Place,
    /// How long the sender has had the last of that, in milliseconds.
    pub(crate) held: u32,
    /// How long the oldest of the elements has waited on its way, in milliseconds.
    pub(crate) age: u32,
    /// How long before its next batch the sender wants the receiver's, in milliseconds.
    pub(crate) lead: u32,
    pub(crate) flags: Flags,
    pub(crate) elements: Elements,
}

/// Names a log, as long as the replica that keeps it remembers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LogId(u32);

impl LogId {
    /// That of a log that has not been named yet.
    pub(crate) const UNKNOWN: Self = Self(0);

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// One by chance, odd so that it is none unknown.
    pub(crate) const fn by_chance(chance: u32) -> Self {
        Self(chance | 1)
    }
}

/// What else a batch says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    /// That it is to be answered at once, with what follows `ack`.
    pub(crate) asks: bool,
    /// That the receiver is the sender's parent: it is to pass on what it has.
    pub(crate) to_parent: bool,
    /// That the receiver is neither the sender's parent nor its child nor its neighbour: it is to pass on nothing.
    pub(crate) detached: bool,
    /// That it is in its time: another will follow an interval later, if there is anything to send then.
    pub(crate) timed: bool,
}

impl Flags {
    const fn byte(self) -> u8 {
        self.asks as u8 | (self.to_parent as u8) << 1 | (self.detached as u8) << 2 | (self.timed as u8) << 3
    }

    /// `None` if this byte is none of theirs.
    pub(crate) const fn of(byte: u8) -> Option<Self> {
        if byte >> 4 > 0 || byte & 6 == 6 {
            return None;
        }
        Some(Self { asks: byte & 1 > 0, to_parent: byte & 2 > 0, detached: byte & 4 > 0, timed: byte & 8 > 0 })
    }
}

impl Encode for Batch {
    fn put(&self, out: &mut impl Sink) {
        let Self { log, of, acked, from, to, ack, held, age, lead, flags, elements } = self;
        out.put(&log.bits().to_le_bytes());
        out.put(&of.bits().to_le_bytes());
        out.put(&[flags.byte()]);
        for entries in [acked.index(), from.since(*acked), to.since(*from), ack.index()] {
            out.put_varint(entries as u64);
        }
        for millis in [held, age, lead] {
            out.put_varint(u64::from(*millis));
        }
        elements.put(out);
    }
}
