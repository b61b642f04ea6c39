//! Elements that are larger than what peers reconcile.

use std::hash::{DefaultHasher, Hasher};

use gossip_core::{Element, TypeTag};

use crate::sets::{Sample, SplitMix};

/// `N` bytes, on the heap, as whoever has elements of that size keeps them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob<const N: usize>(Box<[u8]>);

impl<const N: usize> Blob<N> {
    /// One word, big-endian, and random ones.
    fn new(first: u64, random: &mut SplitMix) -> Self {
        let mut bytes = vec![0; N];
        let mut next = Some(first);
        for chunk in bytes.chunks_mut(8) {
            let word = next.take().unwrap_or_else(|| random.next()).to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Self(bytes.into())
    }
}

/// The bytes alone.
impl<const N: usize> Element for Blob<N> {
    const TYPE: TypeTag = TypeTag::new("benches.blob").with(N as u64);

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (front, rest) = input.split_at_checked(N)?;
        *input = rest;
        Some(Self(front.into()))
    }
}

impl<const N: usize> Sample for Blob<N> {
    const NAME: &'static str = match N {
        100 => "bytes100",
        1_024 => "bytes1k",
        65_536 => "bytes64k",
        _ => panic!("no blob of that size is reported"),
    };

    const SIZE: usize = N;

    /// 10 MB, of which a measurement holds several pairs at a time. Of the largest 65 MB, which one peer may fetch at once
    /// under the default [`Config::work_per_second`](gossip_core::Config::work_per_second): for more it would have to wait.
    const MOST: usize = match N {
        100 => 100_000,
        1_024 => 10_000,
        _ => 1_000,
    };

    type Bytes = [u8; 8];

    /// A hash: 64 bits are the fewest that keep 10^5 elements apart, where nobody makes elements to collide.
    fn to_bytes(&self) -> [u8; 8] {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher.finish().to_be_bytes()
    }

    fn random(random: &mut SplitMix) -> Self {
        Self::new(random.next(), random)
    }

    fn recent(time: u64, random: &mut SplitMix) -> Self {
        Self::new(time, random)
    }

    fn time(&self) -> u64 {
        self.0.first_chunk().map_or(0, |word| u64::from_be_bytes(*word))
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::element_laws;

    use super::*;

    #[test]
    fn blobs_are_elements_of_their_size() {
        let mut random = SplitMix::new(1);
        let blobs = [Blob::<100>::random(&mut random), Blob::recent(7, &mut random)];
        assert_eq!(element_laws(&blobs), Ok(()));
        assert_eq!(blobs.each_ref().map(|blob| blob.0.len()), [100; 2]);
        assert_eq!(blobs[1].time(), 7);
        assert_ne!(blobs[0].to_bytes(), blobs[1].to_bytes());
    }
}
