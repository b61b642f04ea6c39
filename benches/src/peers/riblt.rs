//! The rateless IBLT of Yang, Gilad and Alizadeh ("Practical Rateless Set Reconciliation", SIGCOMM 2024). The code is ours.
//!
//! - Two crates have it, and neither can be put on a wire as it is: `riblt` 0.1.1 does not export the type of what it
//!   decodes, and searches all symbols again for each element (0.6 s for 10 000); `do-riblt` 1.0.2 has private symbols,
//!   goes through the whole set for each, and does not end where nothing differs. Both decode correctly otherwise
//!   (1 to 10 000 differences, random sets). HRIBLT, which [`gossip_core::sketch`] names, is in no registry.
//! - On the wire: coded symbols, each the sum of the elements, the sum of their hashes in 8 bytes, and a count; the
//!   latter as its distance from what is expected at this place of a set of that size, in a variable number of bytes, as
//!   the paper proposes. Before the first, the set's size.
//! - The initiator decodes. As the paper's protocol leaves the responder ignorant, the initiator's last message has the
//!   elements that it lacks, and ends the round.
//! - `riblt`: the initiator asks for 16 symbols, then each time for half as many as it has. So it receives a fifth more
//!   than needed, at the mean. `riblt-doubling`: it asks each time for as many as it has, which takes fewer round trips, and
//!   two fifths more than needed. `riblt-ideal`: one stream of exactly as many as needed, with nothing under way when it is
//!   told to stop: a bound for any rule.
//! - Both sides keep the first 2^18 symbols of their set, or three times as many as differ if that is more, up to date; what
//!   is timed is sending, subtracting and decoding.
//! - Elements of up to 32 bytes travel in the symbols. A symbol has the length of its elements, so of larger ones it has
//!   ids of 8 bytes.
#![expect(clippy::float_arithmetic, reason = "the paper's density is a square root")]

use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hasher};
use std::rc::Rc;

use super::{Line, Protocol, held, put_varint, take_varint};
use crate::bytes::Bytes;
use crate::sets::{Sample, Sets, SplitMix};

#[derive(Clone, Copy, Debug)]
pub(super) enum Riblt {
    Batches,
    Doubling,
    Ideal,
}

/// How many symbols a side keeps at least.
const KEPT: usize = 1 << 18;

/// How many symbols the first request is for.
const FIRST: usize = 16;

/// What the initiator says once it has enough: a request for no symbols.
const STOP: u8 = 0;

/// What is summed of some elements; subtracted from another, what differs.
#[derive(Clone, Copy)]
struct Symbol<B> {
    sum: B,
    hash: u64,
    count: i64,
}

impl<B: Bytes> Symbol<B> {
    const EMPTY: Self = Self { sum: B::ZERO, hash: 0, count: 0 };

    fn add(&mut self, other: &Self, sign: i64) {
        self.sum.as_mut().iter_mut().zip(other.sum.as_ref()).for_each(|(a, b)| *a ^= b);
        self.hash ^= other.hash;
        self.count += sign * other.count;
    }

    fn of(element: B) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(element.as_ref());
        Self { sum: element, hash: hasher.finish(), count: 1 }
    }

    fn is_pure(&self) -> bool {
        self.count.abs() == 1 && Self::of(self.sum).hash == self.hash
    }
}

/// The places of one element, ascending.
#[derive(Clone)]
struct Places {
    next: usize,
    random: SplitMix,
}

impl Places {
    fn new(hash: u64) -> Self {
        Self { next: 0, random: SplitMix::new(hash) }
    }

    /// Adds an element at its places below a bound; the next call goes on from there.
    fn add<B: Bytes>(
        &mut self,
        element: &Symbol<B>,
        sign: i64,
        symbols: &mut [Symbol<B>],
        mut seen: impl FnMut(usize),
    ) {
        while let Some(symbol) = symbols.get_mut(self.next) {
            symbol.add(element, sign);
            seen(self.next);
            // A place i has an element with probability 1 / (1 + i / 2), which this step between two places inverts.
            let uniform = ((self.random.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
            self.next += ((self.next as f64 + 1.5) * (1.0 / uniform.sqrt() - 1.0)).ceil().max(1.0) as usize;
        }
    }
}

/// The first symbols of a set.
#[derive(Clone)]
pub(super) struct State<B> {
    size: usize,
    symbols: Vec<Symbol<B>>,
    /// How many of the other side's are needed, for who knows it in advance.
    needed: OnceCell<usize>,
}

impl<B: Bytes> State<B> {
    fn new(elements: impl Iterator<Item = B>, kept: usize) -> Self {
        let mut state = Self { size: 0, symbols: vec![Symbol::EMPTY; kept], needed: OnceCell::new() };
        elements.for_each(|element| state.insert(element));
        state
    }

    fn insert(&mut self, element: B) {
        let symbol = Symbol::of(element);
        Places::new(symbol.hash).add(&symbol, 1, &mut self.symbols, |_| {});
        self.size += 1;
    }

    fn put(&self, from: usize, count: usize, out: &mut Vec<u8>) {
        if from == 0 {
            put_varint(self.size as u64, out);
        }
        for (index, symbol) in self.symbols.iter().enumerate().skip(from).take(count) {
            out.extend_from_slice(symbol.sum.as_ref());
            out.extend_from_slice(&symbol.hash.to_le_bytes());
            let distance = symbol.count - expected(self.size, index);
            put_varint((distance << 1 ^ distance >> 63) as u64, out);
        }
    }
}

fn expected(size: usize, index: usize) -> i64 {
    (size as f64 / (1.0 + index as f64 / 2.0)).round() as i64
}

/// What is read of the other's symbols.
struct Decoder<'a, B> {
    own: &'a State<B>,
    size: usize,
    symbols: Vec<Symbol<B>>,
    /// Elements found, and where each goes on; count 1 for those of the other.
    found: Vec<(Symbol<B>, Places)>,
}

impl<'a, B: Bytes> Decoder<'a, B> {
    fn new(own: &'a State<B>) -> Self {
        Self { own, size: 0, symbols: vec![], found: vec![] }
    }

    /// Takes symbols in and peels; whether all is found.
    fn take(&mut self, mut input: &[u8]) -> bool {
        let before = self.symbols.len();
        if before == 0 {
            self.size = take_varint(&mut input) as usize;
        }
        while let Some(sum) = B::first_of(input) {
            input = &input[B::LEN..];
            let hash = u64::from_le_bytes(*input.first_chunk().expect("a side reads what the other wrote"));
            input = &input[8..];
            let coded = take_varint(&mut input);
            let distance = (coded >> 1) as i64 ^ -((coded & 1) as i64);
            let index = self.symbols.len();
            let mut symbol = Symbol { sum, hash, count: distance + expected(self.size, index) };
            symbol.add(&self.own.symbols[index], -1);
            self.symbols.push(symbol);
        }
        for (element, places) in &mut self.found {
            places.add(element, -1, &mut self.symbols, |_| {});
        }
        let mut pure: Vec<usize> = (before..self.symbols.len()).collect();
        while let Some(index) = pure.pop() {
            let element = self.symbols[index];
            if element.is_pure() {
                let mut places = Places::new(element.hash);
                places.add(&element, -1, &mut self.symbols, |index| pure.push(index));
                self.found.push((element, places));
            }
        }
        let first = &self.symbols[0];
        first.count == 0 && first.hash == 0 && first.sum == B::ZERO
    }

    /// What either side lacks: the decoding one first.
    fn lacks(self) -> [Vec<B>; 2] {
        let of = |count| self.found.iter().filter(move |(e, _)| e.count == count).map(|(e, _)| e.sum).collect();
        [of(1), of(-1)]
    }
}

/// The fewest symbols that decode.
fn needed<B: Bytes>(own: &State<B>, other: &State<B>) -> usize {
    let decodes = |count| {
        let mut symbols = vec![];
        other.put(0, count, &mut symbols);
        Decoder::new(own).take(&symbols)
    };
    let (mut low, mut high) = (0, 1);
    while !decodes(high) {
        (low, high) = (high, 2 * high);
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if decodes(middle) { high = middle } else { low = middle }
    }
    high
}

impl<E: Sample> Protocol<E> for Riblt {
    type State = Rc<State<E::Bytes>>;

    fn name(self) -> &'static str {
        match self {
            Self::Batches => "riblt",
            Self::Doubling => "riblt-doubling",
            Self::Ideal => "riblt-ideal",
        }
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        Rc::new(State::new(held(sets, side), KEPT.max(3 * sets.d())))
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let [initiator, responder] = &*sides;
        let mut decoder = Decoder::new(initiator);
        loop {
            let have = decoder.symbols.len();
            let count = match self {
                Self::Batches | Self::Doubling if have == 0 => FIRST,
                Self::Batches => have / 2,
                Self::Doubling => have,
                Self::Ideal => *initiator.needed.get_or_init(|| needed(initiator, responder)),
            };
            let request = line.say(|| {
                let mut out = vec![];
                put_varint(count as u64, &mut out);
                out
            });
            let symbols = line.say(|| {
                let mut out = vec![];
                responder.put(have, take_varint(&mut request.as_slice()) as usize, &mut out);
                out
            });
            if line.work(|| decoder.take(&symbols)) {
                break;
            }
        }
        let lacks = line.work(|| decoder.lacks());
        line.hand_over(0, vec![STOP], lacks)
    }

    fn insert(self, state: &mut Self::State, elements: &[E::Bytes]) -> Option<()> {
        let state = Rc::get_mut(state).filter(|_| matches!(self, Self::Batches))?;
        elements.iter().for_each(|&element| state.insert(element));
        Some(())
    }
}
