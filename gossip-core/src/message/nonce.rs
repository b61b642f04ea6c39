//! `Nonce`: the number of a round and of a message in it.

/// Number of a round, and in the low 8 bits that of a message in it. The messages of a burst share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Nonce(u32);

/// Low bits, which count messages. A walk may take thousands, so they wrap: 256 are told apart.
const MESSAGE_BITS: u32 = 8;

const MESSAGES: u32 = !(u32::MAX << MESSAGE_BITS);

impl Nonce {
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Nonce before the first round: random, so that no answer to a former life is taken for one to this.
    pub(crate) const fn first(chance: u32) -> Self {
        Self(chance & !MESSAGES)
    }

    /// Nonce of the next round, before its first message.
    pub(crate) const fn next_round(self) -> Self {
        // After 2^24 rounds it begins anew: no answer is under way for as long.
        Self(self.0.wrapping_add(1 << MESSAGE_BITS) & !MESSAGES)
    }

    /// Nonce of the next message.
    pub(crate) const fn next_message(self) -> Self {
        Self(self.0 & !MESSAGES | self.0.wrapping_add(1) & MESSAGES)
    }

    /// Number of the round.
    pub(crate) const fn round(self) -> u32 {
        self.0 >> MESSAGE_BITS
    }

    pub(crate) const fn is_of_round(self, other: Self) -> bool {
        self.round() == other.round()
    }

    /// Number of messages of the round from `other` to this one, modulo 256.
    pub(crate) const fn messages_since(self, other: Self) -> u32 {
        self.0.wrapping_sub(other.0) & MESSAGES
    }

    /// Returns whether a probe with this nonce begins a round, as its first message or as that sent again.
    pub(crate) const fn begins_round(self) -> bool {
        // A probe in the middle comes after a probe and a repair at least, so it is the third message or later.
        self.0 & MESSAGES <= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_numbered_above_the_messages() {
        let first = Nonce::first(0xffff_fe12);
        let rounds = [first, first.next_round(), first.next_round().next_round()];
        assert_eq!(rounds.map(Nonce::bits), [0xffff_fe00, 0xffff_ff00, 0]);
        let of = Nonce::from_bits;
        assert!(of(0x501).is_of_round(of(0x5ff)) && !of(0x501).is_of_round(of(0x601)));
        assert!(of(0x502).begins_round() && !of(0x503).begins_round() && of(0x601).begins_round());
    }
}
