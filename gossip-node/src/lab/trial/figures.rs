//! What a run cost and how soon elements spread.

use std::fmt;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Decimal;

/// The figures of a run, or the mean of several. As JSON it is one object, with the keys in this order.
///
/// An element is *acknowledged* when its writer is told that it is held. A *later* read is one asked for after that; the
/// *final* reads are those of every node at the very end, which are later than everything.
///
/// ```
/// use gossip_core::Time;
/// use gossip_node::lab::trial::{Figures, History};
///
/// let mut history = History::new(2);
/// history.acknowledge(0, Time::from_millis(10));
/// history.hold(0, 0, Time::from_millis(10));
/// history.read_all_finally(Time::from_millis(500));
/// let figures = history.figures(1, 4);
/// assert_eq!(figures.lost.to_string(), "1");
/// let mean = Figures::mean(&[figures.clone(), history.figures(1, 5)]).expect("there are two");
/// assert_eq!(mean.msgs_per_op.to_string(), "4.5");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// What clients asked for: writes and reads, but for the final reads.
    pub ops: Decimal,
    /// Messages that nodes sent to nodes, lost ones included, from the start to the final reads.
    pub server_messages: Decimal,
    /// The second by the first.
    pub msgs_per_op: Decimal,
    /// What reads see: how long after its acknowledgement the last later read was asked for that misses an element; 0 if
    /// there is none. Of the elements that are not lost, in ms.
    pub latency_ms: Quantiles,
    /// What is so: from the moment that the first node holds an element to the moment that the last one does. Of the
    /// acknowledged elements that all nodes hold at the end, in ms.
    pub true_latency_ms: Quantiles,
    /// Acknowledged elements that a final read misses, but for those that are [gone](super::History::forget) with their
    /// only holder.
    pub lost: Decimal,
    /// Acknowledged elements that a later read misses, at least once.
    pub stale: Decimal,
    /// Acknowledged elements that no final read shows.
    pub never_read: Decimal,
}

impl Figures {
    /// The mean of each figure; `None` of nothing.
    pub fn mean(runs: &[Self]) -> Option<Self> {
        let mean = |figure: fn(&Self) -> Decimal| Decimal::mean(runs.iter().map(figure));
        Some(Self {
            ops: mean(|run| run.ops)?,
            server_messages: mean(|run| run.server_messages)?,
            msgs_per_op: mean(|run| run.msgs_per_op)?,
            latency_ms: Quantiles::mean(runs.iter().map(|run| run.latency_ms)),
            true_latency_ms: Quantiles::mean(runs.iter().map(|run| run.true_latency_ms)),
            lost: mean(|run| run.lost)?,
            stale: mean(|run| run.stale)?,
            never_read: mean(|run| run.never_read)?,
        })
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("all keys are strings, and all values numbers or null")
    }
}

/// The median, the 95th and the 99th of a hundred, and the greatest, in ms; none of nothing, which is `null` in JSON.
///
/// Of n values in order they are those with the places n/2, 95 n/100, 99 n/100, rounded down and counted from 0, and the
/// last.
///
/// ```
/// use std::time::Duration;
/// use gossip_node::lab::trial::Quantiles;
///
/// let quantiles = Quantiles::of((0..200).map(Duration::from_millis).collect());
/// assert_eq!(quantiles.to_string(), "median 100, 95 % 190, 99 % 198, all 199 ms");
/// assert_eq!(Quantiles::of(vec![]).values(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles(Option<[Decimal; 4]>);

impl Quantiles {
    const NAMES: [&str; 4] = ["0.5", "0.95", "0.99", "1"];

    /// Those of these times.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let Some(last) = times.len().checked_sub(1) else { return Self(None) };
        // As Jepsen's checker of sets has them, whose figures these are compared with.
        let place = |percent: usize| (times.len() * percent / 100).min(last);
        Self(Some([50, 95, 99, 100].map(|percent| Decimal::millis(times[place(percent)]))))
    }

    /// These four, in this order.
    pub const fn values(self) -> Option<[Decimal; 4]> {
        self.0
    }

    /// The mean of each of them, over those that have any.
    fn mean(runs: impl Iterator<Item = Self>) -> Self {
        // A run with none of it is no run in which it took no time.
        let runs: Vec<_> = runs.filter_map(|Self(values)| values).collect();
        if runs.is_empty() {
            return Self(None);
        }
        let mean = |place: usize| Decimal::mean(runs.iter().map(|run| run[place])).unwrap_or_default();
        Self(Some([0, 1, 2, 3].map(mean)))
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some([median, most, nearly_all, all]) = self.0 else { return f.write_str("none") };
        write!(f, "median {median}, 95 % {most}, 99 % {nearly_all}, all {all} ms")
    }
}

impl Serialize for Quantiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Self::NAMES.len()))?;
        for (place, name) in Self::NAMES.iter().enumerate() {
            map.serialize_entry(name, &self.0.map(|values| values[place]))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ops: u64, messages: u64, millis: &[u64], lost: u64) -> Figures {
        Figures {
            ops: Decimal::whole(ops),
            server_messages: Decimal::whole(messages),
            msgs_per_op: Decimal::ratio(messages, ops),
            latency_ms: Quantiles::of(millis.iter().map(|&millis| Duration::from_millis(millis)).collect()),
            true_latency_ms: Quantiles::of(vec![Duration::from_micros(100_250)]),
            lost: Decimal::whole(lost),
            stale: Decimal::whole(2),
            never_read: Decimal::whole(0),
        }
    }

    #[test]
    fn the_json_line_has_these_keys_in_this_order() {
        let one = run(2_000, 8_430, &[0, 0, 90, 340], 1);
        let expected = concat!(
            r#"{"ops":2000,"server_messages":8430,"msgs_per_op":4.215,"#,
            r#""latency_ms":{"0.5":90,"0.95":340,"0.99":340,"1":340},"#,
            r#""true_latency_ms":{"0.5":100.25,"0.95":100.25,"0.99":100.25,"1":100.25},"#,
            r#""lost":1,"stale":2,"never_read":0}"#
        );
        assert_eq!(one.json(), expected);
    }

    #[test]
    fn means_are_of_each_figure_and_leave_out_what_a_run_has_none_of() {
        let mean = Figures::mean(&[run(10, 15, &[10, 20], 0), run(11, 16, &[], 1), run(10, 15, &[21], 0)]).unwrap();
        let expected = concat!(
            r#"{"ops":10.333,"server_messages":15.333,"msgs_per_op":1.485,"#,
            r#""latency_ms":{"0.5":20.5,"0.95":20.5,"0.99":20.5,"1":20.5},"#,
            r#""true_latency_ms":{"0.5":100.25,"0.95":100.25,"0.99":100.25,"1":100.25},"#,
            r#""lost":0.333,"stale":2,"never_read":0}"#
        );
        assert_eq!(mean.json(), expected);
        assert_eq!(Figures::mean(&[]), None);
        let none = r#""latency_ms":{"0.5":null,"0.95":null,"0.99":null,"1":null}"#;
        assert!(run(1, 1, &[], 0).json().contains(none));
    }

    #[test]
    fn quantiles_are_the_values_at_their_places() {
        let millis = |count: u64| Quantiles::of((0..count).rev().map(Duration::from_millis).collect());
        let shown = [1, 2, 3, 20, 100, 101].map(|count| millis(count).to_string());
        assert_eq!(
            shown,
            [
                "median 0, 95 % 0, 99 % 0, all 0 ms",
                "median 1, 95 % 1, 99 % 1, all 1 ms",
                "median 1, 95 % 2, 99 % 2, all 2 ms",
                "median 10, 95 % 19, 99 % 19, all 19 ms",
                "median 50, 95 % 95, 99 % 99, all 99 ms",
                "median 50, 95 % 95, 99 % 99, all 100 ms",
            ]
        );
        assert_eq!(millis(0).to_string(), "none");
    }
}
