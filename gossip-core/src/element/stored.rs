//! `Stored`: an element as a set holds it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Element;

/// An element as a set holds it: its value, or the bytes of one that this replica cannot decode.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stored<E> {
    Value(E),
    Undecoded(Box<[u8]>),
}

/// The same, lent.
#[derive(Debug)]
pub(crate) enum StoredRef<'a, E> {
    Value(&'a E),
    Undecoded(&'a [u8]),
}

impl<E> Stored<E> {
    pub(crate) const fn is_decoded(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    pub(crate) fn lend(&self) -> StoredRef<'_, E> {
        match self {
            Self::Value(element) => StoredRef::Value(element),
            Self::Undecoded(bytes) => StoredRef::Undecoded(bytes),
        }
    }
}

impl<'a, E> StoredRef<'a, E> {
    /// The value; `None` where there are but bytes.
    pub(crate) const fn value(self) -> Option<&'a E> {
        match self {
            Self::Value(element) => Some(element),
            Self::Undecoded(_) => None,
        }
    }

    /// The bytes of one that is not decoded.
    pub(crate) const fn undecoded(self) -> Option<&'a [u8]> {
        match self {
            Self::Value(_) => None,
            Self::Undecoded(bytes) => Some(bytes),
        }
    }
}

impl<E: Element> StoredRef<'_, E> {
    /// A copy.
    #[cfg(feature = "model")]
    pub(crate) fn to_stored(self) -> Stored<E> {
        match self {
            Self::Value(element) => Stored::Value(element.clone()),
            Self::Undecoded(bytes) => Stored::Undecoded(bytes.into()),
        }
    }

    /// Whether these bytes are its encoding. `scratch` is a buffer.
    pub(crate) fn is_encoded(self, bytes: &[u8], scratch: &mut Vec<u8>) -> bool {
        match self {
            Self::Value(element) => {
                scratch.clear();
                element.encode(scratch);
                scratch == bytes
            }
            Self::Undecoded(own) => own == bytes,
        }
    }

    /// Appends the encoding.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Value(element) => element.encode(out),
            Self::Undecoded(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// A value equals the bytes that it encodes to: held as both, its fingerprint would be in the digest twice.
impl<E: Element> PartialEq for StoredRef<'_, E> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Value(one), Self::Value(other)) => one == other,
            (one, Self::Undecoded(bytes)) | (Self::Undecoded(bytes), one) => one.is_encoded(bytes, &mut Vec::new()),
        }
    }
}

impl<E> Clone for StoredRef<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for StoredRef<'_, E> {}

impl<'a, E> From<&'a E> for StoredRef<'a, E> {
    fn from(element: &'a E) -> Self {
        Self::Value(element)
    }
}

/// The element that these bytes are all of, in its one encoding; `None` if they are not. `again` is a buffer.
pub(crate) fn decode<E: Element>(bytes: &[u8], again: &mut Vec<u8>) -> Option<E> {
    let mut rest = bytes;
    let element = E::decode(&mut rest).filter(|_| rest.is_empty())?;
    again.clear();
    // Canonical, it is as long as what it came from: bytes that are there.
    again.reserve_exact(bytes.len());
    element.encode(again);
    // Two encodings of one element have two fingerprints: taken for that element, digests would differ for ever.
    (again[..] == *bytes).then_some(element)
}
