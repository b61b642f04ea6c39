//! The key of fingerprints, and its worth against hostile writers.

use core::fmt;

/// Key of the fingerprints of a cluster's elements. `Debug` prints its kind alone.
///
/// It is a defence against *writers*, who can have elements of their choice inserted. With honest writers every law
/// holds under either key; with hostile ones all but laws 1 and 3 do. The cost of breaking these, on one core:
///
/// | a writer wants | under the open key | under a secret key |
/// |---|---|---|
/// | two sets of one digest, which rounds prove equal until either side has something else: say, of 8 `u64` each; or a double of 512 elements of any type that are held already | a second | luck: 2^-128 |
/// | two elements of one fingerprint, which are both kept, but of which two replicas that hold one each never tell | 2^64 hashes: ten thousand years | luck: 2^-128 |
/// | two elements that no sketch tells apart, so that a round has to page the sets and costs a hundred times as much, or more | a microsecond for numbers, seconds for others | the luck that all have |
/// | sets of such elements alone, whose round costs up to half as much again as both states | milliseconds | never |
///
/// This holds only while hostile writers see no digest under the key, of *any* replica, be it one to play with: the
/// difference of the digests after and before an insert is the fingerprint of the element, and 2^22 fingerprints make
/// the double of a set in seconds. Messages contain digests. So keep both from writers, and use no key for two
/// clusters.
///
/// Under the open key encodings of up to 8 bytes are hashed by XXH3-128, which gives no two of these one hash, and longer
/// ones by SipHash-2-4-128 under a public key. SipHash claims nothing for a key that is known: it was made to be
/// unpredictable without it. No way to strings of one hash is known but the search that works for any hash of 128 bits. It
/// takes 2^64 hashes for two of them, 2^85 for three, 2^96 for four.
///
/// Against *peers* it is no defence, since it signs and hides nothing: a peer, or an impostor of one, can claim that
/// unequal sets are equal.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Foreign, Key};
///
/// let [ours, theirs] = [*b"16 random bytes!", *b"16 other bytes.."].map(|bytes| {
///     let mut config = Config::default();
///     config.key = Key::secret(bytes);
///     AntiEntropy::<&str, u64>::new(config, 1)
/// });
/// assert_eq!(ours.difference(theirs.cluster_tag()), Some(Foreign::Key));
/// assert_eq!(format!("{:?}", ours.config().key), "Key(secret)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Kind);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Secret([u8; 16]),
    #[cfg(feature = "sim")]
    Weak,
}

impl Key {
    /// No secret, for clusters with trusted writers: XXH3-128, or SipHash-2-4-128 where more than 8 bytes are hashed.
    pub const fn open() -> Self {
        Self(Kind::Open)
    }

    /// 16 random secret bytes, equal on all replicas: SipHash-2-4-128, for clusters with untrusted writers. An insert
    /// of a `u64` takes twice as long, and of more than 8 bytes as long as under the open key.
    pub const fn secret(bytes: [u8; 16]) -> Self {
        Self(Kind::Secret(bytes))
    }

    /// XXH3-128 alone, for encodings of any length, of which anybody can make collisions: for tests of what happens when
    /// fingerprints are equal. Not for services.
    #[cfg(feature = "sim")]
    pub const fn weak() -> Self {
        Self(Kind::Weak)
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.0
    }

    /// The secret, if it is one.
    pub(crate) const fn bytes(&self) -> Option<&[u8; 16]> {
        match &self.0 {
            Kind::Secret(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::open()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every `Config` has one, and configurations get logged.
        f.write_str(match self.0 {
            Kind::Open => "Key(open)",
            Kind::Secret(_) => "Key(secret)",
            #[cfg(feature = "sim")]
            Kind::Weak => "Key(weak)",
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_key_prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", Key::secret(*b"sixteen bytes ok")), "Key(secret)");
    }
}
