//! `Element` for what holds elements: options, boxes, lists, sets, maps; and for shared text and bytes.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Element, Numbers, TypeTag};
use crate::codec::{Sink, take_varint};

/// A byte, 0 or 1; then the value, if there is one.
impl<T: Element> Element for Option<T> {
    const TYPE: TypeTag = TypeTag::new("option").then(T::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        if bool::decode(input)? { T::decode(input).map(Some) } else { Some(None) }
    }
}

/// As what is in it, and of the same tag.
impl<T: Element> Element for Box<T> {
    const TYPE: TypeTag = T::TYPE;
    const LIST: TypeTag = T::LIST;
    const NUMBERS: Option<Numbers<Self>> = match T::NUMBERS {
        Some(_) => Some(Numbers {
            to: |value| T::NUMBERS.map_or(0, |numbers| (numbers.to)(value)),
            from: |number| (T::NUMBERS?.from)(number).map(Self::new),
        }),
        None => None,
    };

    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        T::decode(input).map(Self::new)
    }
}

/// The number of elements as a varint, then the elements, each of a byte or more.
impl<T: Element> Element for Vec<T> {
    const TYPE: TypeTag = T::LIST;

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.len() as u64);
        T::encode_list(self, out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let count = take_varint(input)?;
        T::decode_list(count, input)
    }
}

/// The number of elements as a varint, then the elements, ascending.
impl<T: Element + Ord> Element for BTreeSet<T> {
    const TYPE: TypeTag = TypeTag::new("set").then(T::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.len() as u64);
        self.iter().for_each(|element| element.encode(out));
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut set = Self::new();
        for _ in 0..take_varint(input)? {
            let element = T::decode(input)?;
            // In any other order, or twice, they would be another form of this set.
            if set.last().is_some_and(|last| *last >= element) {
                return None;
            }
            set.insert(element);
        }
        Some(set)
    }
}

/// The number of keys as a varint, then each with its value, ascending by key.
impl<K: Element + Ord, V: Element> Element for BTreeMap<K, V> {
    const TYPE: TypeTag = TypeTag::new("map").then(K::TYPE).then(V::TYPE);

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.len() as u64);
        for (key, value) in self {
            key.encode(out);
            value.encode(out);
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut map = Self::new();
        for _ in 0..take_varint(input)? {
            let key = K::decode(input)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return None;
            }
            map.insert(key, V::decode(input)?);
        }
        Some(map)
    }
}

// Where there are no atomics, `alloc` has no `Arc`.
#[cfg(target_has_atomic = "ptr")]
mod shared {
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use crate::codec::take_varint;
    use crate::element::impls::{put_bytes, take, take_text};
    use crate::element::{Element, TypeTag};

    /// As a `String`, and of the same tag.
    impl Element for Arc<str> {
        const TYPE: TypeTag = String::TYPE;

        fn encode(&self, out: &mut Vec<u8>) {
            put_bytes(self.as_bytes(), out);
        }

        fn decode(input: &mut &[u8]) -> Option<Self> {
            take_text(input).map(Self::from)
        }
    }

    /// As a `Vec<u8>`, and of the same tag.
    impl Element for Arc<[u8]> {
        const TYPE: TypeTag = Vec::<u8>::TYPE;

        fn encode(&self, out: &mut Vec<u8>) {
            put_bytes(self, out);
        }

        fn decode(input: &mut &[u8]) -> Option<Self> {
            let len = take_varint(input)?;
            take(input, len).map(Self::from)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec;
    use core::fmt::Debug;
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use core::time::Duration;

    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::element_laws;

    fn encoding<E: Element>(value: &E) -> Vec<u8> {
        let mut bytes = vec![];
        value.encode(&mut bytes);
        bytes
    }

    /// That a value is read back from the front of its encoding, and what else stands there is left.
    fn is_read_back<E: Element + Debug>(value: &E, tail: &[u8]) {
        let bytes = [&encoding(value)[..], tail].concat();
        let mut rest = &bytes[..];
        assert_eq!(E::decode(&mut rest).as_ref(), Some(value));
        assert_eq!(rest, tail, "{value:?}");
    }

    /// That bytes of which a value is read are its encoding.
    fn have_one_reading_or_none<E: Element + Debug>(bytes: &[u8]) {
        let mut rest = bytes;
        if let Some(value) = E::decode(&mut rest) {
            assert_eq!(encoding(&value), bytes[..bytes.len() - rest.len()], "{value:?}");
        }
    }

    type Nested = BTreeMap<String, Vec<Option<(u16, bool)>>>;

    proptest! {
        #[test]
        fn containers_are_read_back(
            lists in vec(vec(any::<u16>(), 0..5), 0..5),
            set in btree_set("[a-c]{0,3}", 0..6),
            map in btree_map("[a-c]{0,3}", vec(any::<Option<(u16, bool)>>(), 0..4), 0..6),
            text in ".{0,200}",
            bytes in vec(any::<u8>(), 0..300),
            tail in vec(any::<u8>(), 0..4),
        ) {
            is_read_back(&lists, &tail);
            is_read_back(&Some(lists.clone()), &tail);
            is_read_back(&Box::new(set.clone()), &tail);
            is_read_back(&set, &tail);
            is_read_back::<Nested>(&map, &tail);
            is_read_back(&Arc::<str>::from(&text[..]), &tail);
            is_read_back(&Arc::<[u8]>::from(&bytes[..]), &tail);
            is_read_back(&bytes, &tail);
        }

        #[test]
        fn addresses_and_durations_are_read_back(
            addresses in any::<(Ipv4Addr, Ipv6Addr, IpAddr)>(),
            socket in any::<SocketAddr>(),
            time in any::<Duration>(),
            tail in vec(any::<u8>(), 0..4),
        ) {
            is_read_back(&addresses, &tail);
            is_read_back(&socket, &tail);
            is_read_back(&time, &tail);
        }

        /// Of small bytes, since these are lengths, flags and versions that can be right.
        #[test]
        fn any_bytes_have_one_reading_or_none(bytes in vec(prop_oneof![0_u8..7, any::<u8>()], 0..40)) {
            have_one_reading_or_none::<Vec<u8>>(&bytes);
            have_one_reading_or_none::<Vec<Vec<u8>>>(&bytes);
            have_one_reading_or_none::<Vec<Option<bool>>>(&bytes);
            have_one_reading_or_none::<Box<BTreeSet<u8>>>(&bytes);
            have_one_reading_or_none::<BTreeSet<Option<u8>>>(&bytes);
            have_one_reading_or_none::<BTreeMap<u8, Vec<u8>>>(&bytes);
            have_one_reading_or_none::<Nested>(&bytes);
            have_one_reading_or_none::<Arc<str>>(&bytes);
            have_one_reading_or_none::<Arc<[u8]>>(&bytes);
            have_one_reading_or_none::<IpAddr>(&bytes);
            have_one_reading_or_none::<SocketAddr>(&bytes);
            have_one_reading_or_none::<Duration>(&bytes);
            have_one_reading_or_none::<(u8, bool, i8, u8, bool, i8, u8, bool, i8, u8, bool, i8)>(&bytes);
        }
    }

    #[test]
    fn containers_obey() {
        element_laws(&[None, Some(0_u8), Some(1)]).unwrap();
        element_laws(&[None, Some(None), Some(Some(false))]).unwrap();
        element_laws(&[0_u32, 7].map(Box::new)).unwrap();
        element_laws(&[vec![], vec![0_u16], vec![0, 1], vec![1, 0], vec![7; 200]]).unwrap();
        element_laws(&[vec![], vec![String::new()], vec!["ab".into(), "c".into()], vec!["a".into(), "bc".into()]])
            .unwrap();
        element_laws(&[BTreeSet::new(), [1_u16].into(), [1, 2].into(), [256].into()]).unwrap();
        element_laws(&[BTreeMap::new(), [(1_u8, true)].into(), [(1, false)].into(), [(1, true), (2, true)].into()])
            .unwrap();
        element_laws(&["", "a", "é"].map(Arc::<str>::from)).unwrap();
        element_laws(&[&[][..], &[0], &[0, 0]].map(Arc::<[u8]>::from)).unwrap();
    }

    #[test]
    fn encodings_are_these() {
        assert_eq!(encoding(&Some(7_u8)), [1, 7]);
        assert_eq!(encoding(&None::<u8>), [0]);
        assert_eq!(encoding(&vec![1_u16, 2]), [2, 1, 0, 2, 0]);
        assert_eq!(encoding(&BTreeSet::from([2_u8, 1])), [2, 1, 2]);
        assert_eq!(encoding(&BTreeMap::from([(2_u8, true), (1, false)])), [2, 1, 0, 2, 1]);
        assert_eq!(encoding(&Box::new(0x0102_u16)), [2, 1]);
        assert_eq!(encoding(&Arc::<str>::from("ab")), *b"\x02ab");
        assert_eq!(encoding(&Arc::<[u8]>::from([0, 255])), [2, 0, 255]);
    }

    #[test]
    fn what_is_held_in_another_way_has_the_same_tag() {
        assert_eq!(Arc::<str>::TYPE, TypeTag::new("string"));
        assert_eq!([Vec::<u8>::TYPE, Arc::<[u8]>::TYPE, Vec::<Box<u8>>::TYPE], [TypeTag::new("bytes"); 3]);
        assert_eq!(Box::<u32>::TYPE, u32::TYPE);
        assert_eq!(Box::<u32>::NUMBERS.map(|numbers| (numbers.to)(&Box::new(7))), Some(7));
        assert!(Box::<String>::NUMBERS.is_none());
        assert_eq!(Vec::<i8>::TYPE, TypeTag::new("list").then(i8::TYPE));
    }

    #[test]
    fn other_orders_and_repeats_are_refused() {
        assert_eq!(BTreeSet::decode(&mut &[2, 1, 2][..]), Some(BTreeSet::from([1_u8, 2])));
        assert_eq!(BTreeSet::<u8>::decode(&mut &[2, 2, 1][..]), None);
        assert_eq!(BTreeSet::<u8>::decode(&mut &[2, 1, 1][..]), None);
        assert_eq!(BTreeMap::<u8, u8>::decode(&mut &[2, 2, 0, 1, 0][..]), None);
        assert_eq!(BTreeMap::<u8, u8>::decode(&mut &[2, 1, 0, 1, 1][..]), None);
        assert_eq!(Option::<u8>::decode(&mut &[2, 0][..]), None);
    }

    /// Each of them would go on for years, or take more memory than there is.
    #[test]
    fn hostile_counts_decode_to_nothing_at_once() {
        let mut claim = vec![];
        claim.put_varint(u64::MAX);
        assert_eq!(Vec::<u16>::decode(&mut &claim[..]), None);
        assert_eq!(Vec::<[u8; 0]>::decode(&mut &claim[..]), None);
        assert_eq!(BTreeSet::<[u8; 0]>::decode(&mut &claim[..]), None);
        assert_eq!(BTreeMap::<[u8; 0], [u8; 0]>::decode(&mut &claim[..]), None);
        assert_eq!(Arc::<[u8]>::decode(&mut &claim[..]), None);
        assert_eq!(Arc::<str>::decode(&mut &claim[..]), None);
    }
}
