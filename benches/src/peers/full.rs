//! Full states: what a pair does that knows no better.
//!
//! `full`: the whole of either state travels, elements one after the other. `digest+full`: a digest of 16 bytes first, and
//! nothing else where it is equal. A side keeps its elements sorted, and its digest.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::{Line, Protocol, concat, held, split};
use crate::bytes::Bytes;
use crate::sets::{Sample, Sets};

#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

#[derive(Clone, Copy, Debug)]
pub(super) struct DigestThenFull;

/// What a side holds, sorted, and the sum of the elements' hashes.
pub(super) struct State<B> {
    elements: Vec<B>,
    digest: u128,
}

impl<B: Bytes> State<B> {
    fn new(elements: impl Iterator<Item = B>) -> Rc<Self> {
        let mut elements: Vec<B> = elements.collect();
        elements.sort_unstable();
        let digest = elements.iter().fold(0_u128, |sum, element| sum.wrapping_add(hash(element)));
        Rc::new(Self { elements, digest })
    }

    /// What a sorted state has beyond this one.
    fn lacks(&self, theirs: &[u8]) -> Vec<B> {
        let mut ours = self.elements.iter().peekable();
        split(theirs)
            .filter(|element| {
                while ours.next_if(|own| *own < element).is_some() {}
                ours.peek() != Some(&element)
            })
            .collect()
    }
}

/// Two halves of SipHash.
fn hash(element: &impl Hash) -> u128 {
    let half = |key: u8| {
        let mut hasher = DefaultHasher::new();
        (key, element).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

impl<E: Sample> Protocol<E> for Full {
    type State = Rc<State<E::Bytes>>;

    fn name(self) -> &'static str {
        "full"
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        State::new(held(sets, side))
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let first = line.say(|| concat(&sides[0].elements));
        let mut responder = vec![];
        let second = line.say(|| {
            responder = sides[1].lacks(&first);
            concat(&sides[1].elements)
        });
        let initiator = line.work(|| sides[0].lacks(&second));
        line.fetch(0, [initiator, responder])
    }
}

impl<E: Sample> Protocol<E> for DigestThenFull {
    type State = Rc<State<E::Bytes>>;

    fn name(self) -> &'static str {
        "digest+full"
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        State::new(held(sets, side))
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let digest = line.say(|| sides[0].digest.to_le_bytes().to_vec());
        if digest == sides[1].digest.to_le_bytes() {
            line.say(|| vec![1]);
            return [vec![], vec![]];
        }
        let first = line.say(|| concat(&sides[1].elements));
        let mut initiator = vec![];
        let second = line.say(|| {
            initiator = sides[0].lacks(&first);
            concat(&sides[0].elements)
        });
        let responder = line.work(|| sides[1].lacks(&second));
        line.fetch(1, [initiator, responder])
    }
}
