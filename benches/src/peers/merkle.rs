//! merkle-search-tree: a tree whose pages have hashes, compared by the list of all of them.
//!
//! - On the wire: the initiator's root hash; the responder's list of pages, each its first and last key and a hash of 16
//!   bytes, unless the roots are equal; the ranges that the initiator wants, with its own list; the responder's elements
//!   of these ranges, with the ranges it wants; the initiator's elements, with its new root. Again from the list on, until
//!   both roots are equal, which the responder's last message of one byte says.
//! - The crate compares whole lists and knows no partial ones, so a list grows with the set, not with the difference: 2 MB
//!   of 10^6 integers. And what its `diff` then names is coarse: for one key more in 50 000, one range of 18 000 to 48 000
//!   keys (4 seeds). So most of the set travels both ways.
//! - Keys are the elements, values are empty. A side keeps a set beside the tree, which does not give its keys back. What
//!   it learns it inserts during the round, since the comparison needs it.
//! - Inserts mark pages; the hashes are made anew once for all that was inserted.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use merkle_search_tree::MerkleSearchTree;
use merkle_search_tree::diff::{OwnedPageRange, PageRangeSnapshot, diff};
use merkle_search_tree::digest::PageDigest;

use super::{Line, Protocol, concat, held, put_varint, split, take_varint};
use crate::bytes::Bytes;
use crate::sets::{Sample, Sets};

#[derive(Clone, Copy, Debug)]
pub(super) struct Merkle;

#[derive(Clone)]
pub(super) struct State<B> {
    elements: BTreeSet<B>,
    tree: MerkleSearchTree<B, ()>,
}

impl<B: Bytes> State<B> {
    fn insert(&mut self, element: B) -> bool {
        self.tree.upsert(element, &());
        self.elements.insert(element)
    }

    /// Inserts the elements that a message ends with; what is new of them.
    fn merge(&mut self, bytes: &[u8]) -> Vec<B> {
        split(bytes).filter(|&element| self.insert(element)).collect()
    }

    fn root(&mut self) -> [u8; 16] {
        *self.tree.root_hash().as_bytes()
    }

    /// The list of pages, behind its length.
    fn put_pages(&mut self, out: &mut Vec<u8>) {
        self.root();
        let pages = self.tree.serialise_page_ranges().expect("the root hash was just made");
        put_varint(pages.len() as u64, out);
        for page in pages {
            out.extend_from_slice(page.start().as_ref());
            out.extend_from_slice(page.end().as_ref());
            out.extend_from_slice(page.hash().as_bytes());
        }
    }

    /// Which ranges of the other's to ask for, given its list.
    fn wanted(&mut self, pages: &PageRangeSnapshot<B>) -> Vec<RangeInclusive<B>> {
        self.root();
        let own = self.tree.serialise_page_ranges().expect("the root hash was just made");
        diff(own, pages.iter()).into_iter().map(|range| *range.start()..=*range.end()).collect()
    }

    /// All elements of these ranges.
    fn list(&self, ranges: Vec<RangeInclusive<B>>) -> Vec<B> {
        ranges.into_iter().flat_map(|range| self.elements.range(range).copied()).collect()
    }
}

fn take_pages<B: Bytes>(input: &mut &[u8]) -> PageRangeSnapshot<B> {
    let pages = (0..take_varint(input)).map(|_| {
        let [start, end] = [take(input), take(input)];
        OwnedPageRange::new(start, end, PageDigest::new(take_hash(input)))
    });
    pages.collect()
}

fn put_ranges<B: Bytes>(ranges: &[RangeInclusive<B>], out: &mut Vec<u8>) {
    put_varint(ranges.len() as u64, out);
    for range in ranges {
        out.extend_from_slice(range.start().as_ref());
        out.extend_from_slice(range.end().as_ref());
    }
}

fn take_ranges<B: Bytes>(input: &mut &[u8]) -> Vec<RangeInclusive<B>> {
    (0..take_varint(input)).map(|_| take(input)..=take(input)).collect()
}

fn take<B: Bytes>(input: &mut &[u8]) -> B {
    let value = B::first_of(input).expect("a side reads what the other wrote");
    *input = &input[B::LEN..];
    value
}

fn take_hash(input: &mut &[u8]) -> [u8; 16] {
    let (hash, rest) = input.split_first_chunk().expect("a side reads what the other wrote");
    *input = rest;
    *hash
}

impl<E: Sample> Protocol<E> for Merkle {
    type State = State<E::Bytes>;

    fn name(self) -> &'static str {
        "merkle-search-tree"
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        let mut state = State { elements: held(sets, side).collect(), tree: MerkleSearchTree::default() };
        held(sets, side).for_each(|element| state.tree.upsert(element, &()));
        state.root();
        state
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let [initiator, responder] = sides;
        let mut learned = [vec![], vec![]];
        let mut last = line.say(|| initiator.root().to_vec());
        loop {
            // The last message ends with the initiator's root, and before that with elements that the responder may lack.
            let elements = last.len() - 16;
            learned[1].extend(line.work(|| responder.merge(&last[..elements])));
            if line.work(|| responder.root()) == last[elements..] {
                line.say(|| vec![1]);
                return line.fetch(0, learned);
            }
            let list = line.say(|| {
                let mut out = vec![];
                responder.put_pages(&mut out);
                out
            });
            let request = line.say(|| {
                let mut out = vec![];
                let wanted = initiator.wanted(&take_pages(&mut list.as_slice()));
                put_ranges(&wanted, &mut out);
                initiator.put_pages(&mut out);
                out
            });
            let answer = line.say(|| {
                let input = &mut request.as_slice();
                let (asked, pages) = (take_ranges(input), take_pages(input));
                let mut out = vec![];
                put_ranges(&responder.wanted(&pages), &mut out);
                out.extend(concat(&responder.list(asked)));
                out
            });
            last = line.say(|| {
                let input = &mut answer.as_slice();
                let mut out = concat(&initiator.list(take_ranges(input)));
                learned[0].extend(initiator.merge(input));
                out.extend(initiator.root());
                out
            });
        }
    }

    fn insert(self, state: &mut Self::State, elements: &[E::Bytes]) -> Option<()> {
        for &element in elements {
            state.insert(element);
        }
        state.root();
        Some(())
    }
}
