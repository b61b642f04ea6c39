//! What keys the fingerprints, and what that is worth against whoever chooses elements.

use core::fmt;

/// What keys the fingerprints of a cluster's elements. Its `Debug` tells no more than which kind it is.
///
/// It is there against *writers*, whoever can have elements of their choice inserted. While they mean no harm every law
/// holds with either key, and if they do, all but laws 1 and 3. What these take, on one core:
///
/// | a writer wants | under the open key | under a secret key |
/// |---|---|---|
/// | two sets of one digest, which rounds prove equal until anything else differs: say, of 8 `u64` each; or a double of 512 elements of any type that are held already | a second | luck: 2^-128 |
/// | two elements that no sketch tells apart, so that a round has to page the sets and costs a hundred times as much, or more | a microsecond for numbers, seconds for others | the luck that all have |
/// | sets of such elements alone, whose round costs up to half as much again as both states | milliseconds | never |
///
/// A secret key does so only while such writers see no digest under it, of *any* replica, be it one to play with: the
/// digest after an insert less the one before is the fingerprint of the element, and 2^22 of these make the double of a
/// set in seconds. Messages have digests in them. So keep both from writers, and no key for two clusters.
///
/// Against *peers* it is no defence, since it signs and hides nothing: a peer, or whoever can speak for one, may say that
/// sets are equal which are not.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Option<[u8; 16]>);

impl Key {
    /// No secret: XXH3-128, for clusters whose writers are trusted.
    pub const fn open() -> Self {
        Self(None)
    }

    /// 16 secret bytes, equal on all replicas and random: SipHash-2-4-128, for clusters where whoever chooses elements
    /// is not trusted. An insert of a `u64` takes twice as long, of 32 bytes a tenth longer.
    pub const fn secret(bytes: [u8; 16]) -> Self {
        Self(Some(bytes))
    }

    pub(crate) const fn bytes(&self) -> Option<&[u8; 16]> {
        self.0.as_ref()
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::open()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Key(secret)" } else { "Key(open)" })
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
