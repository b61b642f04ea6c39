//! `Serde`.

use std::collections::BTreeMap;

use gossip_core::{
    AntiEntropy, BrokenElementLaw, Config, Element, Map, ReplicaId, Serde, Tagged, TypeTag, element_laws,
};
use proptest::prelude::*;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{encoding, have_one_reading_or_none, is_read_back};

macro_rules! tagged {
    ($($type:ty),*) => {$(
        impl Tagged for $type {
            const TYPE: TypeTag = TypeTag::new(stringify!($type));
        }
    )*};
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reading {
    sensor: String,
    celsius: f64,
    at: u64,
    source: Source,
    labels: BTreeMap<String, Option<i32>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Source {
    Manual,
    Station(u16),
    Other { bytes: Vec<u8>, letter: char },
}

tagged!(Reading, Source, Trimmed, Even);

fn reading(celsius: f64) -> Serde<Reading> {
    let labels = [("a".to_string(), Some(-1)), ("b".into(), None)].into();
    Serde(Reading { sensor: "roof".into(), celsius, at: 300, source: Source::Station(7), labels })
}

#[test]
fn encodings_are_those_of_postcard() {
    let reading = reading(21.5);
    assert_eq!(encoding(&reading), postcard::to_allocvec(&reading.0).unwrap());
    assert_eq!(encoding(&Serde(Source::Station(300))), [1, 0xac, 2]);
    assert_eq!(<Serde<Source> as Element>::TYPE, TypeTag::new("postcard").then(TypeTag::new("Source")));
    assert_ne!(<Serde<Source> as Element>::TYPE, <Serde<Reading> as Element>::TYPE);
}

#[test]
fn bridged_types_obey() {
    element_laws(&[21.5, 0.0, -0.0, f64::NAN, f64::INFINITY].map(reading)).unwrap();
    let long = Source::Other { bytes: vec![1; 300], letter: 'é' };
    element_laws(&[Source::Manual, Source::Station(0), Source::Station(300), long].map(Serde)).unwrap();
}

#[test]
fn what_postcard_takes_in_two_forms_is_taken_in_one() {
    let long: &[u8] = &[1, 0x87, 0];
    assert_eq!(postcard::from_bytes(long), Ok(Source::Station(7)));
    assert_eq!(Serde::<Source>::decode(&mut &long[..]), None);
    assert_eq!(Serde::decode(&mut &[1, 7][..]), Some(Serde(Source::Station(7))));
}

#[test]
fn floats_are_equal_as_their_bytes_are() {
    assert_eq!(reading(f64::NAN), reading(f64::NAN));
    assert_ne!(reading(0.0), reading(-0.0));
    assert_ne!(reading(f64::NAN), reading(f64::from_bits(f64::NAN.to_bits() + 1)));
    let mut machine = AntiEntropy::<u32, Serde<Reading>>::new(Config::default(), 1);
    assert_eq!(
        [f64::NAN, f64::NAN, 0.0, -0.0].map(|celsius| machine.insert(reading(celsius)).unwrap()),
        [true, false, true, true]
    );
}

#[test]
fn maps_have_them_as_keys_and_values() {
    let mut map = Map::<u32, Serde<Source>, Serde<Reading>>::new(Config::default(), ReplicaId::from_random([1; 8]), 1);
    map.insert(Serde(Source::Station(1)), reading(1.5)).unwrap();
    map.insert(Serde(Source::Station(1)), reading(2.5)).unwrap();
    map.insert(Serde(Source::Manual), reading(3.5)).unwrap();
    assert_eq!(map.get(&Serde(Source::Station(1))), Some(&reading(2.5)));
    let keys: Vec<_> = map.iter().map(|(key, _)| key.0.clone()).collect();
    assert_eq!(keys, [Source::Manual, Source::Station(1)]);
}

/// A text that is read without the spaces around it.
#[derive(Clone, Debug, Serialize)]
struct Trimmed(String);

impl<'de> Deserialize<'de> for Trimmed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.trim().into()))
    }
}

#[test]
fn what_serde_takes_in_two_forms_is_taken_in_one() {
    assert_eq!(Serde::<Trimmed>::decode(&mut &b"\x02a "[..]), None);
    assert_eq!(Serde::decode(&mut &b"\x01a"[..]), Some(Serde(Trimmed("a".into()))));
    element_laws(&["", "a", "a b"].map(|text| Serde(Trimmed(text.into())))).unwrap();
    assert_eq!(element_laws(&[Serde(Trimmed(" a".into()))]), Err(BrokenElementLaw::RoundTrip(0)));
}

/// An even number. Others are neither written nor read.
#[derive(Clone, Debug)]
struct Even(u8);

impl Serialize for Even {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(2) {
            ("even", self.0).serialize(serializer)
        } else {
            Err(S::Error::custom("it is odd"))
        }
    }
}

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (_, number) = <(String, u8)>::deserialize(deserializer)?;
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(D::Error::custom("it is odd")) }
    }
}

#[test]
fn what_serde_does_not_write_is_found() {
    element_laws(&[0, 2].map(|number| Serde(Even(number)))).unwrap();
    assert_eq!(element_laws(&[0, 1].map(|number| Serde(Even(number)))), Err(BrokenElementLaw::RoundTrip(1)));
    let mut out = vec![7];
    Serde(Even(1)).encode(&mut out);
    assert_eq!(out, [7]);
}

#[allow(clippy::disallowed_types, reason = "it is what is to be found")]
mod unordered {
    use std::collections::HashMap;

    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Cached(HashMap<u8, u8>);

    tagged!(Cached);

    #[test]
    fn a_hash_map_of_many_entries_is_found() {
        let entries = |count: u8| Serde(Cached((0..count).map(|i| (i, i)).collect()));
        // Of the 30! orders of 30 entries one decodes.
        assert_eq!(element_laws(&[entries(0), entries(1), entries(30)]), Err(BrokenElementLaw::RoundTrip(2)));
    }
}

proptest! {
    #[test]
    fn bridged_types_are_read_back(
        (sensor, bits, at, bytes, letter) in any::<(String, u64, u64, Vec<u8>, char)>(),
        tail in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let source = Source::Other { bytes, letter };
        is_read_back(&Serde(source.clone()), &tail);
        let labels = [(sensor.clone(), Some(at as i32))].into();
        is_read_back(&Serde(Reading { sensor, celsius: f64::from_bits(bits), at, source, labels }), &tail);
    }

    #[test]
    fn any_bytes_have_one_reading_or_none(bytes in proptest::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..40)) {
        have_one_reading_or_none::<Serde<Source>>(&bytes);
        have_one_reading_or_none::<Serde<Reading>>(&bytes);
    }
}
