//! What a set may hold.

mod entry;
mod fingerprint;
mod impls;
mod laws;
mod permutation;

use alloc::vec::Vec;

pub(crate) use entry::Entry;
pub(crate) use fingerprint::{Fingerprint, Fingerprinter};
pub use laws::{BrokenElementLaw, element_laws};

/// A value that a replicated set can hold.
///
/// The encoding is what is fingerprinted and sent. It must be *canonical*, equal values having equal bytes and
/// different values different bytes, and *self-delimiting*: `decode` takes from the front of its input what `encode`
/// wrote and leaves the rest. What a peer sends is encoded again and compared, so a lax `decode` gives a refusal, not a
/// wrong set.
///
/// [`element_laws`](crate::element_laws) checks all of this on samples. The integers, `bool`, `char`, `String`,
/// `Vec<u8>`, `[u8; N]` and tuples of elements are elements; a type of one's own composes them:
///
/// ```
/// use gossip_core::{element_laws, Element, TypeTag};
///
/// #[derive(Clone, Debug, PartialEq, Eq)]
/// struct Price {
///     article: String,
///     version: u64,
///     cents: u32,
/// }
///
/// impl Element for Price {
///     const TYPE: TypeTag = TypeTag::new("shop.price.1");
///
///     fn encode(&self, out: &mut Vec<u8>) {
///         self.article.encode(out);
///         self.version.encode(out);
///         self.cents.encode(out);
///     }
///
///     fn decode(input: &mut &[u8]) -> Option<Self> {
///         Some(Self {
///             article: String::decode(input)?,
///             version: u64::decode(input)?,
///             cents: u32::decode(input)?,
///         })
///     }
/// }
///
/// let tea = Price { article: "tea".into(), version: 1, cents: 250 };
/// element_laws(&[tea.clone(), Price { version: 2, cents: 270, ..tea }]).unwrap();
/// ```
pub trait Element: Clone + Eq {
    /// Names the type and its encoding. Replicas whose tags differ refuse each other's messages, so change it with the
    /// encoding.
    const TYPE: TypeTag;

    /// Appends the canonical, self-delimiting encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one value off the front of `input`; `None` if there is none. Must not panic, whatever the bytes: they may
    /// come from a stranger.
    fn decode(input: &mut &[u8]) -> Option<Self>;

    /// The value as a number, for types of which *every* value fits 8 bytes; `None` for every value of other types.
    /// Such elements travel as their ids, which costs less than their encoding.
    fn to_id(&self) -> Option<u64> {
        None
    }

    /// The value that [`to_id`](Self::to_id) gives this number for, if there is one.
    fn from_id(id: u64) -> Option<Self> {
        let _ = id;
        None
    }
}

/// The name of an element type and its encoding, folded to 64 bits (FNV-1a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeTag(u64);

impl TypeTag {
    /// The tag of a name of your choice, unique in your cluster: say, `"shop.price.1"`.
    pub const fn new(name: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).fold(name.as_bytes())
    }

    /// The tag of this type with a number, for types with a parameter.
    pub const fn with(self, number: u64) -> Self {
        self.fold(&number.to_le_bytes())
    }

    /// The tag of this type followed by another, for types made of others.
    pub const fn then(self, other: Self) -> Self {
        self.with(other.0)
    }

    pub(crate) const fn value(self) -> u64 {
        self.0
    }

    const fn fold(self, bytes: &[u8]) -> Self {
        let mut hash = self.0;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_fnv_1a() {
        let tags = ["", "a", "foobar"].map(|name| TypeTag::new(name).value());
        assert_eq!(tags, [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]);
        let number = u64::from_le_bytes(*b"numbered");
        assert_eq!(TypeTag::new("").with(number), TypeTag::new("numbered"));
        assert_ne!(u8::TYPE, i8::TYPE);
        assert_eq!(<(u8, bool)>::TYPE, TypeTag::new("tuple").then(u8::TYPE).then(bool::TYPE));
    }
}
