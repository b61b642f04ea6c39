//! `Fingerprinter`: the keyed hash of elements.

use alloc::vec::Vec;
use core::hash::Hasher as _;

use siphasher::sip128::{Hasher128, SipHasher24};
use xxhash_rust::xxh3::xxh3_128;

use super::permutation::{Speck, open_mix, open_unmix};
use super::{ClusterTag, Element, Fingerprint, Rank, StoredRef};
use crate::config::Config;
use crate::key::{Key, Kind};
use crate::sketch::SketchKey;

/// Keyed hash of elements.
#[derive(Clone, Debug)]
pub(crate) enum Fingerprinter {
    /// XXH3-128 for encodings of up to so many bytes, SipHash-2-4-128 under [`PUBLIC`] for others, and a fixed mix for
    /// numbers. Of a weak key there are no others.
    Open(usize),
    /// SipHash-2-4-128 under a secret key, and a keyed permutation for numbers.
    Keyed(Key, Speck),
}

/// The longest encoding that XXH3 hashes under the open key, in bytes.
///
/// No two strings of up to 8 bytes have one XXH3-128: for lengths of 4 to 8 the 23 candidates are no strings, and shorter
/// ones are few enough to try. From 9 to 16 bytes it is one to one for each length and can be undone: of 16 bytes there is a
/// string for every hash, and of 9 one in 2^56. From 32 bytes on there are 2^64 of one hash, written down without a search.
///
/// An insert of 16 bytes takes 97 ns for 70, of 32 bytes 88 for 60, of 256 bytes 180 for 83, of 1 KiB 0.8 µs for 0.2, of
/// 64 KiB 36 µs for 6; of a `u64` 70 as before. BLAKE3 without threads hashes 32 bytes in 100 ns, 256 in 620, 1 KiB in
/// 2.6 µs, 64 KiB in 10 µs; SipHash-2-4 in 35, 200, 600 and 36 µs. Elements that long are rare, and SipHash is here already.
/// SipHash-1-3 takes half as long, but with a known key one round a word leaves little between a writer and a collision.
const SHORT: usize = 8;

/// Key of the hash of longer encodings under the open key. It is no secret.
const PUBLIC: [u8; 16] = *b"gossip open hash";

impl Fingerprinter {
    pub(crate) fn new(key: &Key) -> Self {
        match key.kind() {
            Kind::Open => Self::Open(SHORT),
            #[cfg(feature = "sim")]
            Kind::Weak => Self::Open(usize::MAX),
            // Derived: hashed under the key itself, the label would be an element's encoding, and digests give its hash
            // away.
            Kind::Secret(bytes) => Self::Keyed(key.clone(), Speck::new(sip128(&derived(bytes), b"gossip permutation"))),
        }
    }

    /// Key of the sketch; derived from a secret key, and known to all under the open one.
    pub(crate) fn sketch_key(&self) -> SketchKey {
        let label = b"gossip sketch";
        let secret = match self {
            // All replicas need the same; without a secret, writers know it as well, and find two numbers that no
            // sketch tells apart in a microsecond.
            Self::Open(_) => xxh3_128(label),
            Self::Keyed(key, _) => key.bytes().map_or(0, |key| sip128(&derived(key), label)),
        };
        SketchKey::new(secret as u64, (secret >> 64) as u64)
    }

    /// Fingerprint of `element`, whose encoding is `bytes`: the hash of these; for numbers, the low half is the mixed
    /// number instead.
    pub(crate) fn fingerprint<E: Element>(&self, element: StoredRef<'_, E>, bytes: &[u8]) -> Fingerprint {
        match (E::NUMBERS, element) {
            // An invertible id: whoever reads it in a sketch has the element, and need not fetch it.
            (Some(numbers), StoredRef::Value(element)) => self.of_number(self.mix((numbers.to)(element)), bytes),
            _ => Fingerprint::from_value(self.hash(bytes)),
        }
    }

    /// Fingerprint of the number with this id, whose encoding is `bytes`. It takes no mix.
    pub(crate) fn of_number(&self, id: u64, bytes: &[u8]) -> Fingerprint {
        Fingerprint { id, ..Fingerprint::from_value(self.hash(bytes)) }
    }

    /// Id of `element`, whose encoding is `bytes`. It takes no hash of a number.
    pub(crate) fn id<E: Element>(&self, element: StoredRef<'_, E>, bytes: &[u8]) -> u64 {
        match (E::NUMBERS, element) {
            (Some(numbers), StoredRef::Value(element)) => self.mix((numbers.to)(element)),
            _ => Fingerprint::from_value(self.hash(bytes)).id,
        }
    }

    /// Fingerprint of a name of a map, which is these bytes.
    pub(crate) fn of_name(&self, bytes: &[u8]) -> Fingerprint {
        Fingerprint::from_value(self.hash(bytes))
    }

    /// Fingerprint and encoding of an element. Callers that hash many keep an allocation and encode themselves.
    pub(crate) fn encode<'a, E: Element + 'a>(&self, element: impl Into<StoredRef<'a, E>>) -> (Fingerprint, Vec<u8>) {
        let (element, mut bytes) = (element.into(), Vec::new());
        element.encode(&mut bytes);
        (self.fingerprint(element, &bytes), bytes)
    }

    /// Rank of an element. It takes two hashes, so it is only asked for where ids are equal, and at the ends of pages.
    pub(crate) fn rank<'a, E: Element + 'a>(&self, element: impl Into<StoredRef<'a, E>>) -> Rank {
        let (fingerprint, bytes) = self.encode(element);
        let key = match self {
            Self::Open(_) => &PUBLIC,
            Self::Keyed(key, _) => key.bytes().unwrap_or(&PUBLIC),
        };
        // Under a key of its own: who finds two encodings of one fingerprint has none of one tiebreak yet.
        let hash = sip128(&key.map(|byte| byte ^ 0x5c), &bytes);
        Rank { fingerprint, tie: hash as u64 >> (64 - 8 * Rank::TIE) }
    }

    /// Inverse of the id of numbers; `None` where no element has this id.
    pub(crate) fn element<E: Element>(&self, id: u64) -> Option<E> {
        let (numbers, number) = (E::NUMBERS?, self.unmix(id));
        // A lax type might take 256 for the 0 of a `u8`: one element would have two ids.
        (numbers.from)(number).filter(|element| (numbers.to)(element) == number)
    }

    /// Tag of a cluster, which replicas of one key, element type and element limit share.
    pub(crate) fn tag<E: Element>(&self, config: &Config) -> ClusterTag {
        let key = match self {
            Self::Open(SHORT) => 0,
            // Of it nobody knows any other hash.
            Self::Keyed(key, _) => key.bytes().map_or(0, |key| sip128(&derived(key), b"gossip cluster")),
            Self::Open(_) => 1,
        };
        // Types with numbers and without have other ids, whatever their tags say.
        let of = [&E::TYPE.value().to_le_bytes()[..], &[u8::from(E::NUMBERS.is_some())]].concat();
        let limit = (config.element_limit() as u64).to_le_bytes();
        // None of these is anybody's choice.
        ClusterTag::of(key as u16, xxh3_128(&of) as u16, xxh3_128(&limit) as u16)
    }

    fn hash(&self, bytes: &[u8]) -> u128 {
        match self {
            Self::Open(short) if bytes.len() <= *short => xxh3_128(bytes),
            Self::Open(_) => sip128(&PUBLIC, bytes),
            // `new` made it of a key with bytes: the 0 is never given.
            Self::Keyed(key, _) => key.bytes().map_or(0, |key| sip128(key, bytes)),
        }
    }

    fn mix(&self, number: u64) -> u64 {
        match self {
            Self::Open(_) => open_mix(number),
            Self::Keyed(_, speck) => speck.encrypt(number),
        }
    }

    fn unmix(&self, id: u64) -> u64 {
        match self {
            Self::Open(_) => open_unmix(id),
            Self::Keyed(_, speck) => speck.decrypt(id),
        }
    }
}

fn sip128(key: &[u8; 16], bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(bytes);
    u128::from_le_bytes(hasher.finish128().as_bytes())
}

/// Key of the secrets for other uses, so that none of these is the fingerprint of an element.
fn derived(key: &[u8; 16]) -> [u8; 16] {
    key.map(|byte| byte ^ 0x36)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::{Foreign, TypeTag};

    /// `vectors_sip128` of the reference implementation, for no byte and for one.
    #[test]
    fn siphash_gives_the_published_vectors() {
        let key = core::array::from_fn(|i| i as u8);
        assert_eq!(
            sip128(&key, &[]),
            u128::from_be_bytes(0xa381_7f04_ba25_a8e6_6df6_7214_c755_0293_u128.to_le_bytes())
        );
        assert_eq!(
            sip128(&key, &[0]),
            u128::from_be_bytes(0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45_u128.to_le_bytes())
        );
    }

    #[test]
    fn secrets_for_other_uses_are_none_of_an_element() {
        assert_eq!([derived(&[0; 16]), derived(&[0xff; 16])], [[0x36; 16], [0xc9; 16]]);
        let key = [7; 16];
        let secret = sip128(&[0x31; 16], b"gossip sketch");
        let keyed = Fingerprinter::new(&Key::secret(key));
        assert_eq!(keyed.sketch_key(), SketchKey::new(secret as u64, (secret >> 64) as u64));
        let secret = xxh3_128(b"gossip sketch");
        let open = Fingerprinter::new(&Key::open());
        assert_eq!(open.sketch_key(), SketchKey::new(secret as u64, (secret >> 64) as u64));
    }

    #[test]
    fn mixes_are_undone() {
        for fingerprinter in [Fingerprinter::new(&Key::open()), Fingerprinter::new(&Key::secret([7; 16]))] {
            for number in (0..1_000).chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
                assert_eq!(fingerprinter.unmix(fingerprinter.mix(number)), number);
                assert_eq!(fingerprinter.element::<u64>(fingerprinter.mix(number)), Some(number));
            }
            assert_eq!(fingerprinter.element::<u8>(fingerprinter.mix(256)), None);
            assert_eq!(fingerprinter.element::<[u8; 32]>(fingerprinter.mix(1)), None);
        }
    }

    #[test]
    fn tags_tell_what_sets_clusters_apart() {
        let config = Config::default();
        let limited = Config { max_element_bytes: 7, ..Config::default() };
        let open = Fingerprinter::new(&Key::open());
        let [keyed, other] = [0, 1].map(|byte| Fingerprinter::new(&Key::secret([byte; 16])));
        let tag = open.tag::<u64>(&config);
        let difference = |other: ClusterTag| tag.difference(other);
        assert_eq!(difference(open.tag::<u64>(&config)), None);
        assert_eq!(difference(keyed.tag::<u64>(&config)), Some(Foreign::Key));
        assert_eq!(keyed.tag::<u64>(&config).difference(other.tag::<u64>(&config)), Some(Foreign::Key));
        for of_another_type in [open.tag::<i64>(&config), open.tag::<(u8, u8)>(&config), open.tag::<[u8; 2]>(&config)] {
            assert_eq!(difference(of_another_type), Some(Foreign::Type));
        }
        assert_eq!(difference(open.tag::<u64>(&limited)), Some(Foreign::Limit));
        for of_two in [keyed.tag::<i64>(&config), keyed.tag::<u64>(&limited), open.tag::<i64>(&limited)] {
            assert_eq!(difference(of_two), Some(Foreign::Several));
        }
        assert_eq!(difference(keyed.tag::<i64>(&limited)), Some(Foreign::Several));
    }

    #[test]
    fn a_type_that_gets_numbers_is_another_type() {
        #[derive(Clone, PartialEq, Eq)]
        struct Plain(u64);

        impl Element for Plain {
            const TYPE: TypeTag = u64::TYPE;

            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                u64::decode(input).map(Self)
            }
        }

        let (open, config) = (Fingerprinter::new(&Key::open()), Config::default());
        let [plain, numbered] = [open.tag::<Plain>(&config), open.tag::<u64>(&config)];
        assert_eq!(plain.difference(numbered), Some(Foreign::Type));
    }
}
