//! Elements that this replica cannot decode.

use super::AntiEntropy;
use crate::element::Element;
use crate::error::NotKept;
use crate::event::Event;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// The encodings of the elements that are held and not decoded, in the order in which they came.
    ///
    /// While replicas are upgraded one by one, those of the earlier version may be sent elements that only the later one
    /// can decode. They hold them as bytes, tell [`Event::Undecoded`], and pass them on. Who keeps elements on disk keeps
    /// these as well, or is sent them again, and [restores](Self::restore) them after the upgrade:
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config};
    /// # use gossip_core::{Element, Output, Time, TypeTag};
    /// # macro_rules! shapes { ($type:ident, $most:literal) => {
    /// # #[derive(Clone, Debug, PartialEq, Eq)]
    /// # struct $type(u8, String);
    /// # impl Element for $type {
    /// #     const TYPE: TypeTag = TypeTag::new("shape");
    /// #     fn encode(&self, out: &mut Vec<u8>) { self.0.encode(out); self.1.encode(out); }
    /// #     fn decode(input: &mut &[u8]) -> Option<Self> {
    /// #         let kind = u8::decode(input).filter(|kind| *kind <= $most)?;
    /// #         String::decode(input).map(|text| Self(kind, text))
    /// #     }
    /// # }
    /// # } }
    /// # shapes!(Shape1, 1);
    /// # shapes!(Shape2, 2);
    ///
    /// // Shapes have a kind: 0 and 1 in the first version, 2 as well in the second.
    /// let mut new = AntiEntropy::<&str, Shape2>::new(Config::default(), 1);
    /// let mut old = AntiEntropy::<&str, Shape1>::new(Config::default(), 2);
    /// new.extend([Shape2(1, "a".into()), Shape2(2, "b".into())]).unwrap();
    /// new.add_peer("old");
    /// old.add_peer("new");
    /// new.sync_now(&"old");
    /// # for _ in 0..10 {
    /// #     loop { match new.poll(Time::ZERO) {
    /// #         Output::Send { message, .. } => old.receive_bytes(&"new", &message.encode()).unwrap(),
    /// #         Output::Event(_) => {}
    /// #         Output::Wait(_) => break,
    /// #     } }
    /// #     loop { match old.poll(Time::ZERO) {
    /// #         Output::Send { message, .. } => new.receive_bytes(&"old", &message.encode()).unwrap(),
    /// #         Output::Event(_) => {}
    /// #         Output::Wait(_) => break,
    /// #     } }
    /// # }
    /// // ... and once the messages of a round have passed:
    /// assert_eq!(old.digest(), new.digest());
    /// assert!(old.iter().eq([&Shape1(1, "a".into())]));
    /// let saved: Vec<Vec<u8>> = old.undecoded().map(<[u8]>::to_vec).collect();
    ///
    /// // The upgrade.
    /// let mut upgraded = AntiEntropy::<&str, Shape2>::new(Config::default(), 3);
    /// upgraded.insert(Shape2(1, "a".into())).unwrap();
    /// for bytes in saved {
    ///     assert_eq!(upgraded.restore(&bytes), Ok(true));
    /// }
    /// assert!(upgraded.contains(&Shape2(2, "b".into())) && upgraded.undecoded().next().is_none());
    /// assert_eq!(upgraded.digest(), new.digest());
    /// ```
    pub fn undecoded(&self) -> impl Iterator<Item = &[u8]> {
        self.set.undecoded()
    }

    /// Inserts an element by its encoding, such as [`undecoded`](Self::undecoded) gives. If it cannot be decoded it is held
    /// as these bytes. Returns whether it is new. No event reports it; [`since`](Self::since) has it if it is decoded.
    ///
    /// # Errors
    ///
    /// Bytes that are over the cluster's limit, or neither decoded nor kept. The set is unchanged.
    pub fn restore(&mut self, encoded: &[u8]) -> Result<bool, NotKept> {
        self.write(|set| set.restore(encoded))
    }

    /// Tries again to decode what is not. [`Event::Decoded`] tells each element that now is. Call it when more can be
    /// decoded than before, say since a schema was loaded. O(undecoded elements).
    ///
    /// An element stays at its place in the log, and the digest as it is: both go by the encoding.
    pub fn refresh(&mut self) {
        let decoded = self.set.refresh();
        self.events.extend(decoded.into_iter().map(|element| Event::Decoded { element }));
    }
}
