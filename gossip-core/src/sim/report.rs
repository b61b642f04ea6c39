//! `Report`: counts of a run; `Trace`.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use core::fmt::Write;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::Time;

/// Counts of events in a run, so that a test can demand them.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// let report = simulation.settle(Duration::from_secs(60))?;
/// assert_eq!((report.inserted, report.learned, report.lost), (1, 1, 0));
/// assert_eq!(report.kinds.values().map(|&(messages, _)| messages).sum::<u64>(), report.sent);
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Messages that machines sent.
    pub sent: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Numbers of messages and bytes by kind.
    pub kinds: BTreeMap<&'static str, (u64, u64)>,
    /// The bytes of the largest.
    pub largest: usize,
    /// Messages, copies included, that came to a replica which was up.
    pub delivered: u64,
    /// Messages that the network lost.
    pub lost: u64,
    /// Messages that a partition stopped.
    pub cut: u64,
    /// Messages that came while their receiver was down.
    pub missed: u64,
    /// Messages that came twice.
    pub duplicated: u64,
    /// Messages that came after one which the same replica had sent to the same replica later.
    pub reordered: u64,
    /// Requests that were sent while one of the other replica's was on its way.
    pub crossed: u64,
    /// Messages that had their end cut off.
    pub truncated: u64,
    /// Messages that their receivers refused.
    pub refused: u64,
    /// Elements inserted, those that were held already included.
    pub inserted: u64,
    /// Insertions that were refused, or that found their replica down.
    pub not_inserted: u64,
    /// Elements that came from peers.
    pub learned: u64,
    /// Removals of keys under which something was held.
    pub removed: u64,
    /// Elements that went by what came from peers.
    pub went: u64,
    /// Proofs of equality.
    pub proofs: u64,
    /// Other events, by name.
    pub notes: BTreeMap<&'static str, u64>,
    /// Partitions.
    pub partitions: u64,
    /// Transports that stood still.
    pub stalls: u64,
    /// Pauses.
    pub pauses: u64,
    /// Crashes that kept the elements.
    pub crashes: u64,
    /// Crashes that lost the elements.
    pub amnesias: u64,
    /// Clocks set forward or back.
    pub jumps: u64,
    /// Inputs after which a machine was polled late, or with the next.
    pub dawdled: u64,
    /// Wakes of machines at their deadlines.
    pub wakes: u64,
    /// Wakes without output but a later deadline.
    pub idle_wakes: u64,
    /// Polls before a deadline, to see that nothing comes of it.
    pub early_polls: u64,
    /// Requests that were answered three times over, on copies: as they came, after an insertion, and after a restart.
    pub rehearsals: u64,
    /// Pairs of replicas that talked.
    pub pairs: u64,
    /// End of all that was planned: insertions, partitions, pauses.
    pub planned_until: Time,
    /// Time at which all replicas were equal, and all pairs that talked had a proof.
    pub settled_at: Time,
    /// Hash of the trace. Equal for equal runs, on every platform.
    pub trace: u64,
}

impl Report {
    /// Adds the counts of another run; times and the trace stay.
    pub fn add(&mut self, other: &Self) {
        macro_rules! add {
            ($($field:ident)*) => {$( self.$field += other.$field; )*};
        }
        // Times and the trace are of one run, and have no sum.
        add!(sent bytes delivered lost cut missed duplicated reordered crossed truncated refused inserted not_inserted learned
            removed went proofs partitions stalls pauses crashes amnesias jumps dawdled wakes idle_wakes early_polls rehearsals pairs);
        self.largest = self.largest.max(other.largest);
        for (&kind, &(messages, bytes)) in &other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            *sum = (sum.0 + messages, sum.1 + bytes);
        }
        for (&note, &count) in &other.notes {
            *self.notes.entry(note).or_default() += count;
        }
    }

    /// Number of messages of this kind that were sent.
    pub fn messages(&self, kind: &str) -> u64 {
        self.kinds.get(kind).map_or(0, |&(messages, _)| messages)
    }
}

/// Trace of a run: its hash, and its lines on demand.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) hash: u64,
    pub(super) lines: Option<String>,
    last: VecDeque<Event>,
}

/// A line of the trace, less the hash of the message.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: Time,
    what: &'static str,
    replica: usize,
    other: usize,
    len: usize,
}

/// How many of the last lines are kept in any case.
const LAST: usize = 16;

impl Trace {
    pub(super) fn record(&mut self, at: Time, what: &'static str, replica: usize, other: usize, bytes: &[u8]) {
        let mut head = [0; 24];
        for (field, value) in head.chunks_exact_mut(8).zip([at.as_micros(), replica as u64, other as u64]) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        // Each hash is the seed of the next, so one number stands for the whole run, its order included.
        let hash = xxh3_64_with_seed(&head, xxh3_64_with_seed(what.as_bytes(), self.hash));
        self.hash = if bytes.is_empty() { hash } else { xxh3_64_with_seed(bytes, hash) };
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(Event { at, what, replica, other, len: bytes.len() });
        if let Some(lines) = &mut self.lines {
            // A hash stands for the message, so that a line has some 50 bytes.
            let (at, len, sum) = (at.as_micros(), bytes.len(), xxh3_64_with_seed(bytes, 0));
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{at} r{replica} {what} r{other} {len} {sum:016x}");
        }
    }

    /// The last lines.
    pub(super) fn last(&self) -> String {
        let mut lines = String::new();
        for Event { at, what, replica, other, len } in &self.last {
            let _ = writeln!(lines, "{} r{replica} {what} r{other} {len}", at.as_micros());
        }
        lines
    }
}
