//! `#[derive(Element)]`.

use core::fmt::Debug;
use std::collections::BTreeMap;

use gossip_core::{Element, Numbers, TypeTag, element_laws};
use proptest::prelude::*;

use crate::{encoding, have_one_reading_or_none, is_read_back};

mod by_hand {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Price {
        pub(crate) article: String,
        pub(crate) version: u64,
        pub(crate) cents: u32,
    }

    impl Element for Price {
        const TYPE: TypeTag = TypeTag::new("shop.price.1");

        fn encode(&self, out: &mut Vec<u8>) {
            self.article.encode(out);
            self.version.encode(out);
            self.cents.encode(out);
        }

        fn decode(input: &mut &[u8]) -> Option<Self> {
            Some(Self { article: String::decode(input)?, version: u64::decode(input)?, cents: u32::decode(input)? })
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "shop.price.1")]
struct Price {
    article: String,
    version: u64,
    cents: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "pair")]
struct Pair(Price, Option<u16>);

#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "unit")]
struct Unit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Element)]
#[element(tag = "user")]
struct User(u32);

/// Fields that have the names of what the derived code has.
#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "event")]
enum Event {
    Opened,
    Sold(String, u8),
    Moved { out: u16, input: Vec<User>, field_0: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "never")]
enum Never {}

#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "held")]
struct Held<T, const N: usize>
where
    T: Debug,
{
    by: BTreeMap<u8, T>,
    bytes: [u8; N],
}

#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "only")]
struct Only<T> {
    one: T,
}

fn price(article: &str, version: u64, cents: u32) -> Price {
    Price { article: article.into(), version, cents }
}

#[test]
fn structs_are_what_they_are_by_hand() {
    let Price { article, version, cents } = price("tea", 1, 250);
    let by_hand = by_hand::Price { article, version, cents };
    assert_eq!(encoding(&price("tea", 1, 250)), encoding(&by_hand));
    assert_eq!(Price::TYPE, by_hand::Price::TYPE);
    assert_eq!(encoding(&Pair(price("", 2, 3), Some(4))), encoding(&((String::new(), 2_u64, 3_u32), Some(4_u16))));
    assert!(encoding(&Unit).is_empty());
}

#[test]
fn variants_are_numbered_in_their_order() {
    assert_eq!(encoding(&Event::Opened), [0]);
    assert_eq!(encoding(&Event::Sold("a".into(), 7)), [1, 1, b'a', 7]);
    let moved = Event::Moved { out: 0x0102, input: vec![User(3)], field_0: true };
    assert_eq!(encoding(&moved), [2, 2, 1, 1, 3, 0, 0, 0, 1]);
    assert_eq!(Event::decode(&mut &[3, 0, 0][..]), None);
    assert_eq!(Never::decode(&mut &[0][..]), None);
}

#[test]
fn parameters_are_part_of_the_tag() {
    assert_eq!(Held::<u8, 3>::TYPE, TypeTag::new("held").then(u8::TYPE).with(3));
    assert_eq!(Only::<String>::TYPE, TypeTag::new("only").then(String::TYPE));
    assert_eq!([User::TYPE, Event::TYPE, Unit::TYPE], ["user", "event", "unit"].map(TypeTag::new));
}

#[test]
fn a_struct_of_one_field_has_its_numbers() {
    let of_user = |Numbers { to, from }: Numbers<User>| (to(&User(7)), from(7), from(1 << 32));
    assert_eq!(User::NUMBERS.map(of_user), Some((7, Some(User(7)), None)));
    let of_only = |Numbers { to, from }: Numbers<Only<char>>| (to(&Only { one: 'a' }), from(0xd800));
    assert_eq!(Only::NUMBERS.map(of_only), Some((0x61, None)));
    assert!(Only::<String>::NUMBERS.is_none() && Event::NUMBERS.is_none() && Price::NUMBERS.is_none());
}

#[test]
fn derived_types_obey() {
    element_laws(&[price("", 0, 0), price("tea", 1, 250), price("tea", 2, 250), price("tea", 2, 270)]).unwrap();
    element_laws(&[Pair(price("", 0, 0), None), Pair(price("", 0, 0), Some(0)), Pair(price("a", 0, 0), None)]).unwrap();
    element_laws(&[Unit]).unwrap();
    element_laws(&[0, 1, u32::MAX].map(User)).unwrap();
    element_laws(&['a', 'b'].map(|one| Only { one })).unwrap();
    element_laws(&[
        Event::Opened,
        Event::Sold(String::new(), 0),
        Event::Sold("x".repeat(300), 1),
        Event::Moved { out: 0, input: vec![], field_0: false },
        Event::Moved { out: 1, input: vec![User(1), User(0)], field_0: true },
    ])
    .unwrap();
    element_laws(&[Held { by: BTreeMap::new(), bytes: [1, 2] }, Held { by: [(1, true)].into(), bytes: [1, 2] }])
        .unwrap();
}

fn events() -> impl Strategy<Value = Event> {
    let input = proptest::collection::vec(any::<u32>().prop_map(User), 0..4);
    prop_oneof![
        Just(Event::Opened),
        any::<(String, u8)>().prop_map(|(article, count)| Event::Sold(article, count)),
        (any::<u16>(), input, any::<bool>()).prop_map(|(out, input, field_0)| Event::Moved { out, input, field_0 }),
    ]
}

proptest! {
    #[test]
    fn derived_types_are_read_back(
        (event, other) in (events(), events()),
        (article, version, cents) in any::<(String, u64, u32)>(),
        by in proptest::collection::btree_map(any::<u8>(), any::<Option<u16>>(), 0..4),
        tail in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        prop_assert_eq!(event == other, encoding(&event) == encoding(&other));
        is_read_back(&event, &tail);
        is_read_back(&Pair(Price { article, version, cents }, None), &tail);
        is_read_back(&Only { one: event }, &tail);
        is_read_back(&Held { by, bytes: [1, 2, 3] }, &tail);
    }

    #[test]
    fn any_bytes_have_one_reading_or_none(bytes in proptest::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..40)) {
        have_one_reading_or_none::<Event>(&bytes);
        have_one_reading_or_none::<Pair>(&bytes);
        have_one_reading_or_none::<Held<Event, 2>>(&bytes);
        have_one_reading_or_none::<Only<Option<User>>>(&bytes);
    }
}
