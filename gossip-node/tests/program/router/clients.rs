//! What clients of a workload ask for, and what reads of theirs must show.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::Wrong;

/// Clients whose writes are numbered from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients {
    write: &'static str,
    written: &'static str,
    shown: &'static str,
    /// What the elements are.
    elements: Elements,
}

#[derive(Clone, Copy, Debug)]
enum Elements {
    /// The numbers themselves.
    Numbers,
    /// Increments: of the first write by 1, of the second by 2 and so on, so that no sum lacks one, or counts one twice,
    /// and looks right.
    Increments { both_signs: bool },
}

/// What a read shows.
#[derive(Debug)]
pub(crate) enum Shown {
    /// These writes.
    Writes(BTreeSet<usize>),
    /// What increments come to.
    Sum(i128),
}

impl Clients {
    pub(crate) fn of(workload: &str) -> Result<Self, Wrong> {
        let (write, written, shown, elements) = match workload {
            "broadcast" => ("broadcast", "message", "messages", Elements::Numbers),
            "g-set" => ("add", "element", "value", Elements::Numbers),
            "g-counter" => ("add", "delta", "value", Elements::Increments { both_signs: false }),
            "pn-counter" => ("add", "delta", "value", Elements::Increments { both_signs: true }),
            _ => return Err(Wrong(format!("there is no workload {workload}"))),
        };
        Ok(Self { write, written, shown, elements })
    }

    /// The request that writes.
    pub(crate) fn write(self, number: usize) -> Value {
        json!({"type": self.write, self.written: self.value(number)})
    }

    /// Which of the writes a request is, if it is one.
    pub(crate) fn written(self, request: &Value) -> Option<usize> {
        (request["type"] == self.write).then(|| self.number(&request[self.written]))?
    }

    /// Which of the writes an element came of, as nodes log it.
    pub(crate) fn learned(self, element: &str) -> Result<usize, Wrong> {
        let value: Value = serde_json::from_str(element).unwrap_or_default();
        let number = match self.elements {
            Elements::Numbers => self.number(&value),
            Elements::Increments { .. } => self.number(&value[2]),
        };
        number.ok_or_else(|| Wrong(format!("nobody wrote {element}")))
    }

    /// What a reply to a read shows: of elements, some of those written, `writes` in all, in ascending order and each once.
    pub(crate) fn shown(self, reply: &Value, writes: usize) -> Result<Shown, Wrong> {
        let value = &reply[self.shown];
        if let Elements::Increments { .. } = self.elements {
            let sum = value.as_number().and_then(|sum| sum.as_i128());
            return sum.map(Shown::Sum).ok_or_else(|| Wrong(format!("a sum is expected, not {value}")));
        }
        let shown: Option<Vec<_>> = value.as_array().into_iter().flatten().map(|value| self.number(value)).collect();
        let shown = shown.filter(|shown| shown.is_sorted_by(|one, next| one < next));
        let shown = shown.ok_or_else(|| Wrong(format!("these are not numbers in order: {value}")))?;
        match shown.last() {
            Some(last) if *last >= writes => Err(Wrong(format!("a read shows {last}, which nobody wrote"))),
            _ => Ok(Shown::Writes(shown.into_iter().collect())),
        }
    }

    /// The sums there can be of increments of which some are counted for certain and others may be.
    pub(crate) fn sums(self, certain: &BTreeSet<usize>, possible: &BTreeSet<usize>) -> RangeInclusive<i128> {
        let value = |number: &usize| i128::from(self.value(*number));
        let sum: i128 = certain.iter().map(value).sum();
        let uncertain = || possible.difference(certain).map(value);
        let less: i128 = uncertain().map(|value| value.min(0)).sum();
        let more: i128 = uncertain().map(|value| value.max(0)).sum();
        sum + less..=sum + more
    }

    /// What the request to write this holds.
    fn value(self, number: usize) -> i64 {
        let number = i64::try_from(number).expect("a plan does not write so much");
        match self.elements {
            Elements::Numbers => number,
            Elements::Increments { both_signs: true } if number % 2 == 1 => -1 - number,
            Elements::Increments { .. } => 1 + number,
        }
    }

    /// The write that holds this.
    fn number(self, value: &Value) -> Option<usize> {
        let number = match (self.elements, value.as_i64()?) {
            (Elements::Numbers, number) => number,
            (Elements::Increments { .. }, delta) => delta.checked_abs()? - 1,
        };
        usize::try_from(number).ok().filter(|number| *value == self.value(*number))
    }
}
