//! Counters: sums of increments, each an element of the set.

use std::collections::BTreeSet;

use super::Workload;
use crate::json::{Json, encode_string};

/// An increment, off its element `[client, msg_id, delta]`. Client and `msg_id` identify it, so that a request that is
/// repeated, at whatever node, is one element.
#[derive(Debug)]
pub(crate) struct Increment<'a> {
    /// The element's text as far as the delta, which is the same for all of this client and `msg_id`, and for no others.
    id: &'a str,
    pub(crate) delta: i64,
}

impl<'a> Increment<'a> {
    /// The element of an increment.
    pub(crate) fn element(client: &str, msg_id: i128, delta: i64) -> Json {
        Json::from_canonical(format!("[{}, {msg_id}, {delta}]", encode_string(client)))
    }

    /// The increment of an element, if it is one that `workload` counts.
    pub(crate) fn read(element: &'a Json, workload: Workload) -> Option<Self> {
        let least = workload.row().least_delta?;
        let text = element.as_str();
        // From the right: a client's id may hold commas and brackets, the two numbers cannot.
        let (before, delta) = text.strip_prefix('[')?.strip_suffix(']')?.rsplit_once(", ")?;
        let (client, msg_id) = before.rsplit_once(", ")?;
        // Or `[[1, 2], 3, 4]` would pass for an increment of the client `[1, 2]`.
        serde_json::from_str::<String>(client).ok()?;
        msg_id.parse::<i128>().ok()?;
        let delta = delta.parse().ok().filter(|delta| *delta >= least)?;
        // As far as the delta: a bracket, what stands before the last comma, that comma and its space.
        Some(Self { id: &text[..before.len() + 3], delta })
    }

    /// The deltas there are under this id. The elements of one id follow each other in the order of elements.
    fn deltas(&self, elements: &'a BTreeSet<Json>, workload: Workload) -> impl Iterator<Item = i64> {
        // A string would come before all numbers.
        let first = Json::from_canonical(format!("{}\"\"]", self.id));
        let with_id = elements.range(first..).take_while(|element| element.as_str().starts_with(self.id));
        with_id.filter_map(move |element| Self::read(element, workload)).map(|increment| increment.delta)
    }

    /// Another delta under this id, where `elements` do not have this one.
    pub(crate) fn rival(&self, elements: &'a BTreeSet<Json>, workload: Workload) -> Option<i64> {
        // There may be several, if two nodes could not know of each other; a repetition of any of them is none.
        let mut deltas = self.deltas(elements, workload).peekable();
        let first = *deltas.peek()?;
        deltas.all(|delta| delta != self.delta).then_some(first)
    }
}

/// By how much the sum of `elements` grows with one more. Of an id with several deltas, which only a client that uses a
/// `msg_id` twice can cause, and at two nodes, the greatest counts: so the sum follows from the set alone, and that of
/// increments only grows. It cannot overflow: there would have to be 2^64 of them.
pub(crate) fn growth(elements: &BTreeSet<Json>, element: &Json, workload: Workload) -> i128 {
    // Elements of no increment add nothing, be they from a peer that is wrong: the set holds them, the sum does not
    // count them.
    let Some(increment) = Increment::read(element, workload) else { return 0 };
    match increment.deltas(elements, workload).max() {
        Some(greatest) => i128::from(greatest.max(increment.delta)) - i128::from(greatest),
        None => increment.delta.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(text: &str) -> Json {
        Json::parse(text, 1_000).unwrap()
    }

    #[test]
    fn an_increment_is_read_as_it_was_made() {
        for client in ["c1", "", "a, b", "\"", "é\n", "\", 1, 2]"] {
            for (msg_id, delta) in [(0, 0), (i128::MIN, i64::MAX), (i128::MAX, i64::MIN)] {
                let made = Increment::element(client, msg_id, delta);
                assert_eq!(Json::parse(made.as_str(), 1_000).as_ref(), Ok(&made), "it is canonical");
                assert_eq!(Increment::read(&made, Workload::PnCounter).map(|read| read.delta), Some(delta));
            }
        }
    }

    #[test]
    fn nothing_else_is_an_increment() {
        for text in [
            "7",
            "[]",
            "[5]",
            "[1, 5]",
            "[\"c\", 5]",
            "[\"c\", \"d\", 1, 5]",
            "[[\"c\"], 1, 5]",
            "[\"c\", 1.5, 5]",
            "[\"c\", 1, 5.5]",
            "[\"c\", 1, \"5\"]",
            "[\"c\", 1, 9223372036854775808]",
            "[\"c\", 1, 5, 6]",
            "{\"c\": 1}",
        ] {
            assert!(Increment::read(&element(text), Workload::PnCounter).is_none(), "{text}");
        }
        let down = element("[\"c\", 1, -5]");
        assert!(Increment::read(&down, Workload::GCounter).is_none());
        assert!(Increment::read(&down, Workload::GSet).is_none());
    }

    #[test]
    fn the_sum_follows_from_the_set_whatever_the_order() {
        let mut elements: Vec<_> = [
            "[\"a\", 1, 5]",
            "[\"a\", 1, -7]",
            "[\"a\", 1, 12]",
            "[\"a\", 11, 100]",
            "[\"b\", 1, -1000]",
            "[\"b\", 2, -3]",
            "[\"b\", 2, -4]",
            "[\"a\", 1, \"x\"]",
            "\"a\"",
        ]
        .map(element)
        .into();
        for _ in 0..elements.len() {
            elements.rotate_left(1);
            let (mut held, mut sum) = (BTreeSet::new(), 0);
            for element in &elements {
                sum += growth(&held, element, Workload::PnCounter);
                held.insert(element.clone());
            }
            assert_eq!(sum, 12 + 100 - 1_000 - 3);
        }
    }
}
