//! Elements: the trait, type tags, and the types that have it.

mod addresses;
mod cluster_tag;
mod containers;
mod dot;
mod entry;
mod fingerprint;
mod fingerprinter;
mod impls;
mod laws;
mod permutation;
mod rank;
#[cfg(feature = "serde")]
mod serde;
mod stored;

use alloc::vec::Vec;

pub(crate) use cluster_tag::ClusterTag;
pub use cluster_tag::Foreign;
pub use dot::ReplicaId;
pub(crate) use dot::{Dot, Named, Says};
pub(crate) use entry::Entry;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use fingerprinter::Fingerprinter;
pub use laws::{BrokenElementLaw, element_laws};
pub(crate) use rank::Rank;
#[cfg(feature = "serde")]
pub use serde::{Serde, Tagged};
pub(crate) use stored::{Stored, StoredRef, decode};

/// Value of a replicated set.
///
/// Its encoding is fingerprinted and sent. The encoding must be *canonical*: equal values have equal bytes, different
/// values different bytes. And it must be *self-delimiting*: `decode` takes the bytes of one `encode` off the front of
/// its input and leaves the rest.
///
/// A later version of a type may have further values, such as a new variant of an enum, under the same tag. Replicas of the
/// earlier version hold them as the [bytes](crate::AntiEntropy::undecoded) that they came as, and pass them on. Replicas
/// encode received elements again and compare, and take what is not the same for such bytes: so a lax `decode` never leads to
/// a wrong set, nor to one value with two fingerprints. All this costs nothing on the wire but for a byte an element where a
/// message has elements of different lengths whose encodings do not begin with the length of the rest, as those of texts do.
/// It is not for types with [`NUMBERS`](Self::NUMBERS), whose fingerprints follow from their values: they need another tag.
///
/// Elements are integers, `bool`, `char`, `String`, `Arc<str>`, `Vec<u8>`, `Arc<[u8]>`, `[u8; N]`, durations and addresses;
/// and tuples, options, boxes, lists, ordered sets and ordered maps of elements. [`element_laws`](crate::element_laws) checks
/// on samples that a type of one's own is one, too. There are three ways to it.
///
/// **Derived**, with the feature `derive`: the fields in their order.
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use gossip_core::{element_laws, Element};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Element)]
/// #[element(tag = "shop.price.1")]
/// struct Price {
///     article: String,
///     version: u64,
///     cents: u32,
/// }
///
/// let tea = Price { article: "tea".into(), version: 1, cents: 250 };
/// element_laws(&[tea.clone(), Price { version: 2, cents: 270, ..tea }]).unwrap();
/// ```
///
/// The name of the tag is a type's for good. There is no default, since a type that is renamed or moved is still the same to
/// other replicas. Without a tag it does not compile:
///
#[cfg_attr(feature = "derive", doc = "```compile_fail")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// #[derive(Clone, PartialEq, Eq, gossip_core::Element)]
/// struct Price(u64);
/// ```
///
/// **By serde**, with the feature `serde`: for what is serialized anyway, and for floats.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use gossip_core::{element_laws, Serde, Tagged, TypeTag};
///
/// #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
/// struct Reading {
///     sensor: String,
///     celsius: f64,
/// }
///
/// impl Tagged for Reading {
///     const TYPE: TypeTag = TypeTag::new("weather.reading.1");
/// }
///
/// element_laws(&[21.5, -0.5].map(|celsius| Serde(Reading { sensor: "roof".into(), celsius }))).unwrap();
/// ```
///
/// **By hand**, for any other encoding. This one is what is derived above:
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
    /// Tag of the type and its encoding. Replicas with different tags refuse each other's messages. Further values may come
    /// under the same tag; a change of the encoding of those there are needs another one.
    const TYPE: TypeTag;

    /// The numbers of the values, if all values fit 8 bytes. Numbers travel as ids, at less cost than encodings.
    const NUMBERS: Option<Numbers<Self>> = None;

    /// Whether these are entries of a map, whose messages say more.
    #[doc(hidden)]
    const IS_ENTRY: bool = false;

    /// Tag of lists of these.
    #[doc(hidden)]
    const LIST: TypeTag = TypeTag::new("list").then(Self::TYPE);

    /// Appends the canonical, self-delimiting encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one value off the front of `input`; `None` if it does not begin with one. Must not panic on any bytes: they may
    /// come from a stranger, who also says how deep a type that holds itself nests, unless `decode` bounds that. It may decode
    /// more than before as the program runs, say once a schema is loaded: [`refresh`](crate::AntiEntropy::refresh) then tries
    /// again.
    fn decode(input: &mut &[u8]) -> Option<Self>;

    /// Appends the encodings of these, one after the other. Bytes go at once: 1 KiB takes 0.1 µs so, and 2 one by one.
    #[doc(hidden)]
    fn encode_list(list: &[Self], out: &mut Vec<u8>) {
        list.iter().for_each(|element| element.encode(out));
    }

    /// Takes so many values off the front of `input`; `None` where one of them takes no byte.
    #[doc(hidden)]
    fn decode_list(count: u64, input: &mut &[u8]) -> Option<Vec<Self>> {
        let mut list = Vec::new();
        for _ in 0..count {
            let before = input.len();
            list.push(Self::decode(input)?);
            // The count is a stranger's word: 2^60 values of no byte would fit any message, and no memory.
            if input.len() == before {
                return None;
            }
        }
        Some(list)
    }
}

/// The numbers of an element type: each value has its own.
///
/// ```
/// use gossip_core::{element_laws, Element, Numbers, TypeTag};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// struct UserId(u32);
///
/// impl Element for UserId {
///     const TYPE: TypeTag = TypeTag::new("shop.user-id.1");
///     const NUMBERS: Option<Numbers<Self>> =
///         Some(Numbers { to: |user| user.0.into(), from: |number| number.try_into().ok().map(Self) });
///
///     fn encode(&self, out: &mut Vec<u8>) {
///         self.0.encode(out);
///     }
///
///     fn decode(input: &mut &[u8]) -> Option<Self> {
///         u32::decode(input).map(Self)
///     }
/// }
///
/// element_laws(&[0, 1, u32::MAX].map(UserId)).unwrap();
/// ```
#[derive(Debug)]
pub struct Numbers<E> {
    /// The number of a value.
    pub to: fn(&E) -> u64,
    /// The value of a number; `None` if there is none.
    pub from: fn(u64) -> Option<E>,
}

/// Name of an element type and its encoding, hashed to 64 bits (FNV-1a).
///
/// ```
/// use gossip_core::{Element, TypeTag};
///
/// const SAMPLES: TypeTag = TypeTag::new("weather.samples.1"); // of a type with two parameters
/// assert_ne!(SAMPLES.with(4), SAMPLES.with(8));
/// assert_ne!(SAMPLES.then(u8::TYPE), SAMPLES.then(u16::TYPE));
/// assert_ne!(SAMPLES, TypeTag::new("weather.samples.2"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeTag(u64);

impl TypeTag {
    /// Tag of a name that is unique in the cluster, such as `"shop.price.1"`.
    pub const fn new(name: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).fold(name.as_bytes())
    }

    /// Tag of this type with a number, for types with a parameter.
    pub const fn with(self, number: u64) -> Self {
        self.fold(&number.to_le_bytes())
    }

    /// Tag of this type followed by another, for composed types.
    pub const fn then(self, other: Self) -> Self {
        self.with(other.0)
    }

    pub(crate) const fn value(self) -> u64 {
        self.0
    }

    const fn fold(self, bytes: &[u8]) -> Self {
        // FNV-1a goes on from any hash, so tags of composed types take no more than those of their parts. By hand, since a tag
        // is a constant.
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
