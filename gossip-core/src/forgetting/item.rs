//! `Item`: an entry of a map, as messages hold it.

use alloc::vec::Vec;

use crate::codec::{Sink, take_varint};
use crate::element::{Dot, Element, TypeTag};

/// An entry of a map, as messages hold it: a key, a value, and what tells it from all other entries.
///
/// Nobody makes one but a map.
///
/// ```
/// use gossip_core::{Config, Item, Map, MapOutput, Message, ReplicaId, Time};
///
/// let mut map = Map::<&str, String, u64>::new(Config::default(), ReplicaId::from_random(*b"8 random"), 1);
/// map.add_peer("n2");
/// map.sync_now(&"n2");
/// let MapOutput::Send { message, .. } = map.poll(Time::ZERO) else { panic!("nothing to send") };
/// assert_eq!(Message::<Item<String, u64>>::decode(&message.encode()), Ok(message));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item<K, V> {
    pub(crate) dot: Dot,
    /// 1, and the greatest generation that it has replaced. `get` gives the entry of the greatest.
    pub(crate) generation: u64,
    pub(crate) key: K,
    pub(crate) value: V,
}

/// The dot, the generation as a varint, the key and the value.
impl<K: Element, V: Element> Element for Item<K, V> {
    const TYPE: TypeTag = TypeTag::new("map").then(K::TYPE).then(V::TYPE);
    const IS_ENTRY: bool = true;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.dot.bytes());
        out.put_varint(self.generation);
        self.key.encode(out);
        self.value.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        Some(Self {
            dot: Dot::take(input)?,
            generation: take_varint(input).filter(|&generation| generation > 0)?,
            key: K::decode(input)?,
            value: V::decode(input)?,
        })
    }
}
