//! Elements as bytes, as peers take them.

use core::fmt::Debug;
use core::hash::Hash;

use serde::{Serialize, de::DeserializeOwned};

/// An array of bytes that stands for an element.
pub trait Bytes:
    Copy + Ord + Hash + Debug + AsRef<[u8]> + AsMut<[u8]> + Serialize + DeserializeOwned + 'static
{
    /// How many.
    const LEN: usize;

    /// Zeros.
    const ZERO: Self;

    /// The first of these bytes; `None` if they are too few.
    fn first_of(bytes: &[u8]) -> Option<Self> {
        let mut array = Self::ZERO;
        array.as_mut().copy_from_slice(bytes.get(..Self::LEN)?);
        Some(array)
    }
}

impl Bytes for [u8; 8] {
    const LEN: usize = 8;
    const ZERO: Self = [0; 8];
}

impl Bytes for [u8; 32] {
    const LEN: usize = 32;
    const ZERO: Self = [0; 32];
}
