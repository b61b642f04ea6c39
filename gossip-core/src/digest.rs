//! Digests, which two replicas compare before anything else; states, which add a size in bytes.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::element::Fingerprint;

/// Digest of a set: the number of its elements, and the sum of their fingerprints modulo 2^128.
///
/// The order of insertion does not matter; an insert updates it in O(1). Two different sets share a digest with a
/// probability of 2^-128, as long as no writer knows fingerprints. Without a secret [`Key`](crate::Key) all writers do,
/// and a hostile one makes two different sets of one digest in a second (Wagner, "A generalized birthday problem",
/// CRYPTO 2002).
///
/// As text it is 48 lowercase hexadecimal digits, the count (16) before the sum (32); parsing takes either case.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Digest};
///
/// let mut replica = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// assert_eq!(replica.digest(), Digest::EMPTY);
/// replica.insert(7).unwrap();
/// let text = replica.digest().to_string();
/// assert_eq!(text.parse(), Ok(replica.digest()));
/// assert_eq!(text.to_uppercase().parse(), Ok(replica.digest()));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    count: u64,
    sum: u128,
}

impl Digest {
    /// The digest of the empty set.
    pub const EMPTY: Self = Self { count: 0, sum: 0 };

    /// Number of elements.
    pub const fn count(self) -> u64 {
        self.count
    }

    pub(crate) const fn from_parts(count: u64, sum: u128) -> Self {
        Self { count, sum }
    }

    pub(crate) const fn sum(self) -> u128 {
        self.sum
    }

    pub(crate) fn add(&mut self, fingerprint: Fingerprint) {
        self.count = self.count.wrapping_add(1);
        // A sum, since exclusive ors fall to linear algebra: of 129 known fingerprints some cancel, found at once.
        self.sum = self.sum.wrapping_add(fingerprint.value());
    }

    /// The digest of these with what it is of.
    pub(crate) fn with(mut self, fingerprints: &[Fingerprint]) -> Self {
        fingerprints.iter().for_each(|&fingerprint| self.add(fingerprint));
        self
    }

    /// Undoes [`add`](Self::add).
    pub(crate) fn remove(&mut self, fingerprint: Fingerprint) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(fingerprint.value());
    }

    /// Takes another digest away, of names that are among these.
    pub(crate) fn subtract(&mut self, other: Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.sum = self.sum.wrapping_sub(other.sum);
    }

    /// Short name of a state, for peers that have seen the digest: the upper half of the sum. The lower half is a sum
    /// of ids, and an element type may choose those so that they tell nothing.
    pub(crate) const fn tag(self) -> u64 {
        (self.sum >> 64) as u64
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:032x}", self.count, self.sum)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Digest and size of a set, as told at the end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) digest: Digest,
    /// Encoded bytes of all elements together.
    pub(crate) bytes: u64,
}

/// Text that is not a digest; the error keeps its first 64 characters.
///
/// ```
/// use gossip_core::Digest;
///
/// let refused = "7".parse::<Digest>().unwrap_err();
/// assert_eq!(refused.to_string(), r#"a digest is 48 hexadecimal digits, not "7""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 48 hexadecimal digits, not {0:?}")]
pub struct ParseDigestError(String);

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        // 64 characters show what is wrong; the text may be of any length.
        let refuse = || ParseDigestError(text.chars().take(64).collect());
        // `from_str_radix` alone would take a `+`, and the split would panic within a character of several bytes.
        if text.len() != 48 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let (count, sum) = text.split_at(16);
        Ok(Self {
            count: u64::from_str_radix(count, 16).map_err(|_| refuse())?,
            sum: u128::from_str_radix(sum, 16).map_err(|_| refuse())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_is_added_and_removed_leaves_nothing() {
        let [one, other] = [(7, u64::MAX), (u64::MAX, u64::MAX)].map(|(id, rest)| Fingerprint { id, rest });
        let mut digest = Digest::EMPTY;
        digest.add(one);
        assert_eq!((digest.count(), digest.sum()), (1, u128::MAX << 64 | 7));
        digest.add(other);
        assert_eq!((digest.count(), digest.sum()), (2, u128::MAX << 64 | 6));
        digest.remove(one);
        assert_eq!((digest.count(), digest.sum()), (1, u128::MAX));
        digest.remove(other);
        assert_eq!(digest, Digest::EMPTY);
    }

    #[test]
    fn text_goes_both_ways_and_anything_else_is_refused() {
        let digest = Digest::from_parts(10, 0xabc);
        let text = "000000000000000a00000000000000000000000000000abc";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(digest));
        for wrong in ["", "0", &text[1..], &text.replace('a', "+"), &text.replace('a', "é")[..48]] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong:?}");
        }
    }
}
