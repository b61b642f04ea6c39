//! `Serde`: an element as serde and postcard have it.

use alloc::vec::Vec;
use core::cmp::Ordering;

use postcard::ser_flavors::Flavor;
use postcard::{Error, Result, serialize_with_flavor, take_from_bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Element, TypeTag};

/// Anything that serde serializes, as an element: encoded as [postcard](https://docs.rs/postcard) encodes it.
///
/// What is inside says its tag, once:
///
/// ```
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
/// let reading = |sensor: &str, celsius| Serde(Reading { sensor: sensor.into(), celsius });
/// element_laws(&[reading("roof", 21.5), reading("roof", f64::NAN), reading("", 0.0), reading("", -0.0)]).unwrap();
/// ```
///
/// Two are equal if their bytes are, whatever `Eq` the type has or has not: so floats are welcome. A NaN equals itself, and
/// the two zeros are two elements. Bytes are decoded only if they are the encoding of the value: postcard takes varints
/// that are longer than they need be, and types of one's own may take what they like.
///
/// Some types do not come back as they went. `element_laws` tells, if the samples have what it takes:
///
/// - A `HashMap` or `HashSet` has an order of its own in each process. Of two entries or more it mostly does not decode.
///   `BTreeMap` and `BTreeSet` have one order.
/// - postcard does not write names, so `#[serde(flatten)]`, `untagged` and `skip_serializing_if` do not work. A value that
///   does not serialize is encoded as no bytes.
/// - Fields with `#[serde(skip)]` are not sent, and not compared.
///
/// Fields have the encoding of their place and type. A change there needs another tag; new variants of an enum go behind the
/// others and do not. Lists of values without bytes, such as `Vec<()>`, and types that hold themselves have no place in an
/// element: a stranger's bytes would say how long they are, and how deep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serde<T>(pub T);

/// A type with a tag, for [`Serde`].
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Serde, Tagged, TypeTag};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Celsius(f64);
///
/// impl Tagged for Celsius {
///     const TYPE: TypeTag = TypeTag::new("weather.celsius.1");
/// }
///
/// let mut machine = AntiEntropy::<&str, Serde<Celsius>>::new(Config::default(), 1);
/// assert_eq!(machine.insert(Serde(Celsius(21.5))), Ok(true));
/// ```
pub trait Tagged {
    /// Tag of the type, as [`Element::TYPE`] is: of a name that is unique in the cluster, and that changes when what serde
    /// makes of the type does.
    const TYPE: TypeTag;
}

impl<T: Tagged + Serialize + DeserializeOwned + Clone> Element for Serde<T> {
    // Written by hand, a type of that name would be another one.
    const TYPE: TypeTag = TypeTag::new("postcard").then(T::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        let before = out.len();
        if serialize_with_flavor(&self.0, Appended(out)).is_err() {
            // A part of a value would run into what follows.
            out.truncate(before);
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (value, rest) = take_from_bytes(input).ok()?;
        let taken = &input[..input.len() - rest.len()];
        *input = rest;
        Some(Self(value)).filter(|value| value.encodes_to(taken))
    }
}

impl<T: Serialize> Serde<T> {
    /// Whether these bytes are its encoding. It takes no memory.
    fn encodes_to(&self, bytes: &[u8]) -> bool {
        serialize_with_flavor(&self.0, Expected(bytes)) == Ok(true)
    }
}

impl<T: Serialize> PartialEq for Serde<T> {
    fn eq(&self, other: &Self) -> bool {
        let mut bytes = Vec::new();
        serialize_with_flavor(&self.0, Appended(&mut bytes)).is_ok() && other.encodes_to(&bytes)
    }
}

impl<T: Serialize> Eq for Serde<T> {}

/// The order of what is inside, for keys of a map. It has to agree with the bytes on what is equal.
impl<T: Serialize + Ord> Ord for Serde<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T: Serialize + Ord> PartialOrd for Serde<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Appends what is serialized.
struct Appended<'a>(&'a mut Vec<u8>);

impl Flavor for Appended<'_> {
    type Output = ();

    fn try_extend(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}

/// What is still to be serialized, which ends with an error where it is anything else.
struct Expected<'a>(&'a [u8]);

impl Flavor for Expected<'_> {
    /// Whether that was all.
    type Output = bool;

    fn try_extend(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Error::SerializeBufferFull)?;
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> Result<()> {
        self.try_extend(&[byte])
    }

    fn finalize(self) -> Result<bool> {
        Ok(self.0.is_empty())
    }
}
