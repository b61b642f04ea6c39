//! Full states of an observed-remove map: all that either side holds goes to the other.
//!
//! - A state is a counter for each writer, up to which all its inserts were seen, and all entries, each with the writer
//!   and the count of its insert. A removal leaves nothing: an entry that one side lacks and has seen is gone. (Bieniusa et
//!   al., "An Optimized Conflict-Free Replicated Set", 2012.)
//! - On the wire: both states, as bincode with variable integers has them; writers by their index.
//!
//! What it needs that a map of ours does not: nothing. It is what ours saves from sending.

use std::collections::BTreeMap;

use bincode::{DefaultOptions, Options};
use serde::{Deserialize, Serialize};

use super::Replicas;
use crate::pair::Counts;

/// One insert: its writer, and how many that had made with it.
type Dot = (u8, u32);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// How many inserts of each writer were seen.
    seen: BTreeMap<u8, u32>,
    entries: BTreeMap<([u8; 8], Dot), [u8; 32]>,
}

impl State {
    fn has_seen(&self, (writer, count): Dot) -> bool {
        self.seen.get(&writer).is_some_and(|&seen| seen >= count)
    }

    /// Takes over what another has seen.
    fn join(&mut self, other: Self) {
        self.entries.retain(|entry, _| other.entries.contains_key(entry) || !other.has_seen(entry.1));
        let new: Vec<_> = other.entries.into_iter().filter(|(entry, _)| !self.has_seen(entry.1)).collect();
        self.entries.extend(new);
        for (writer, count) in other.seen {
            let seen = self.seen.entry(writer).or_default();
            *seen = (*seen).max(count);
        }
    }

    fn remove(&mut self, key: u64) {
        let key = key.to_be_bytes();
        let dots: Vec<Dot> =
            self.entries.range((key, Dot::default())..=(key, (u8::MAX, u32::MAX))).map(|(entry, _)| entry.1).collect();
        dots.into_iter().for_each(|dot| _ = self.entries.remove(&(key, dot)));
    }
}

pub(super) struct Full([State; 2]);

impl Full {
    pub(super) fn new() -> Self {
        Self([State::default(), State::default()])
    }
}

impl Replicas for Full {
    fn insert(&mut self, key: u64, value: [u8; 32]) {
        let state = &mut self.0[0];
        state.remove(key);
        let count = state.seen.entry(0).or_default();
        *count += 1;
        state.entries.insert((key.to_be_bytes(), (0, *count)), value);
    }

    fn remove(&mut self, key: u64) {
        self.0[0].remove(key);
    }

    fn round(&mut self, asker: usize) -> Counts {
        let codec = DefaultOptions::new();
        let mut bytes = 0;
        let mut said = |state: &State| {
            let message = codec.serialize(state).expect("it can be written");
            bytes += message.len();
            codec.deserialize(&message).expect("it was written")
        };
        let sent: [State; 2] = [said(&self.0[asker]), said(&self.0[1 - asker])];
        let [asked, answered] = sent;
        self.0[1 - asker].join(asked);
        self.0[asker].join(answered);
        assert_eq!(self.0[0], self.0[1], "both hold the same");
        Counts { messages: 2, bytes, hops: 2 }
    }

    fn held(&self, side: usize) -> BTreeMap<u64, [u8; 32]> {
        self.0[side].entries.iter().map(|((key, _), value)| (u64::from_be_bytes(*key), *value)).collect()
    }
}
