//! rbsr: range-based reconciliation over the tree of `rsos`, the core of the `reconcile` crate.
//!
//! - On the wire: what a side answers to the ranges that it was sent, as `reconcile` encodes it (bincode, with variable
//!   integers): the ranges it asks about, then all its elements of the ranges it was to list. Fingerprints are of 32
//!   bytes. The refinement is the crate's default, a fan-out of 16.
//! - Both sides list what a range holds, so both learn what they lack. The round ends when no range is left.
//! - Keys are the elements, values are empty; any element that serde can write will do.
//! - Inserts go into the tree, which is ready for a round at once.

use ::rbsr::{RangeAggregate, initial_ranges, protocol_round};
use bincode::{DefaultOptions, Options};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rsos::{FingerprintTreeMap, Rsos};

use super::{Line, Protocol, held};
use crate::sets::{Sample, Sets};

#[derive(Clone, Copy, Debug)]
pub(super) struct Rbsr;

const WRITTEN: &str = "a side reads what the other wrote";

impl<E: Sample> Protocol<E> for Rbsr {
    type State = FingerprintTreeMap<E::Bytes, ()>;

    fn name(self) -> &'static str {
        "rbsr"
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        let mut elements: Vec<_> = held(sets, side).collect();
        elements.sort_unstable();
        elements.into_iter().map(|element| (element, ())).collect()
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let codec = DefaultOptions::new();
        let write = |message: &(Vec<RangeAggregate<E::Bytes>>, Vec<E::Bytes>)| codec.serialize(message).expect(WRITTEN);
        let mut random = StdRng::seed_from_u64(1);
        let mut learned = [vec![], vec![]];
        let mut message = line.say(|| write(&(initial_ranges(&sides[0]), vec![])));
        let mut side = 1;
        loop {
            let (own, news) = (&sides[side], &mut learned[side]);
            let (ranges, listed) = line.work(|| {
                let (asked, elements): (_, Vec<E::Bytes>) = codec.deserialize(&message).expect(WRITTEN);
                news.extend(elements.into_iter().filter(|element| !own.contains_key(element)));
                let (mut ranges, mut lists) = (vec![], vec![]);
                protocol_round(own, asked, &mut ranges, &mut lists, &mut random);
                let listed: Vec<_> =
                    lists.into_iter().flat_map(|list| own.enumerate(list)).map(|(&key, _)| key).collect();
                (ranges, listed)
            });
            if ranges.is_empty() && listed.is_empty() {
                return line.fetch(side, learned);
            }
            message = line.say(|| write(&(ranges, listed)));
            side = 1 - side;
        }
    }

    fn insert(self, state: &mut Self::State, elements: &[E::Bytes]) -> Option<()> {
        for &element in elements {
            state.insert(element, ());
        }
        Some(())
    }
}
