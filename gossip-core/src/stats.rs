//! `Ledger`: messages sent and received, and the bytes that were saved.

use core::fmt;
use core::ops::{Index, IndexMut};
use core::time::Duration;

use crate::digest::Digest;
use crate::message::MessageKind;
use crate::wire::Place;

/// A number of messages, and their encoded bytes. Headers of the transport are not in it.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, MessageKind, Output, Time, Traffic};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("n2");
/// machine.sync_now(&"n2");
/// let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("nothing to send") };
/// let probes: Traffic = machine.stats().total.sent[MessageKind::Probe];
/// assert_eq!((probes.messages, probes.bytes), (1, message.encoded_len() as u64));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// The number of messages.
    pub messages: u64,
    /// Their encoded bytes.
    pub bytes: u64,
}

/// Traffic by kind of message.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, MessageKind, Output, Time};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("n2");
/// machine.sync_now(&"n2");
/// assert!(matches!(machine.poll(Time::ZERO), Output::Send { .. }));
/// let sent = machine.stats().total.sent;
/// assert_eq!(sent.total(), sent[MessageKind::Probe]);
/// assert!(sent.iter().filter(|(_, traffic)| traffic.messages > 0).eq([(MessageKind::Probe, sent.total())]));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
// An array by the kind's number and not a map: it is `Copy`, and each peer has two.
pub struct ByKind([Traffic; MessageKind::ALL.len()]);

impl ByKind {
    /// The traffic of all kinds together.
    pub fn total(&self) -> Traffic {
        self.0.iter().fold(Traffic::default(), |sum, traffic| Traffic {
            messages: sum.messages + traffic.messages,
            bytes: sum.bytes + traffic.bytes,
        })
    }

    /// Each kind with its traffic.
    pub fn iter(&self) -> impl Iterator<Item = (MessageKind, Traffic)> {
        MessageKind::ALL.into_iter().zip(self.0)
    }

    pub(crate) fn count(&mut self, kind: MessageKind, bytes: usize) {
        self[kind].messages += 1;
        self[kind].bytes += bytes as u64;
    }
}

impl Index<MessageKind> for ByKind {
    type Output = Traffic;

    fn index(&self, kind: MessageKind) -> &Traffic {
        &self.0[kind as usize]
    }
}

impl IndexMut<MessageKind> for ByKind {
    fn index_mut(&mut self, kind: MessageKind) -> &mut Traffic {
        &mut self.0[kind as usize]
    }
}

/// Shows the kinds with traffic, and no zeros.
impl fmt::Debug for ByKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traffic = self.iter().filter(|(_, traffic)| traffic.messages > 0);
        f.debug_map().entries(traffic).finish()
    }
}

/// One counter of a [`Ledger`], for whatever shows all of them: a reply, an exporter, a report.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Counter};
///
/// let machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// let line = |Counter { name, value, .. }| format!("gossip_{name}_total {value}");
/// let lines: Vec<String> = machine.stats().total.counters().map(line).collect();
/// assert_eq!(lines[..2], ["gossip_learned_total 0", "gossip_redundant_total 0"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counter {
    /// The name of its field.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

/// Declares the ledger. Each counter is declared here once, with its sentence and perhaps a remark. Its field, its
/// documentation and its row in [`Ledger::counters`] follow. One more counter takes two places: its row, and where it
/// is counted. No reader of counters can forget one, as the metrics once did `bare_pushes`.
macro_rules! ledger {
    ($($(#[$more:meta])* $name:ident: $help:literal,)*) => {
        /// Messages exchanged with one peer or with all, and what came of them. Counters only grow.
        ///
        /// ```
        /// use gossip_core::{AntiEntropy, Config, MessageKind, Output, Time};
        ///
        /// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
        /// machine.add_peer("n2");
        /// machine.sync_now(&"n2");
        /// assert!(matches!(machine.poll(Time::ZERO), Output::Send { .. }));
        /// let ledger = machine.peer_stats(&"n2").unwrap().ledger;
        /// assert_eq!((ledger.sent[MessageKind::Probe].messages, ledger.rounds), (1, 0));
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Ledger {
            /// Messages that `poll` has returned.
            pub sent: ByKind,
            /// Messages that `receive` has accepted.
            pub received: ByKind,
            $(#[doc = $help] #[doc = ""] $(#[$more])* pub $name: u64,)*
        }

        impl Ledger {
            /// All counters but traffic, in the order in which they are shown.
            pub fn counters(&self) -> impl Iterator<Item = Counter> + use<> {
                [$(Counter { name: stringify!($name), help: $help, value: self.$name },)*].into_iter()
            }
        }
    };
}

// The order is that of a node's `stats_ok`, where users' programs may rely on it: a new counter goes to the end of its
// group.
ledger! {
    learned: "Elements received that were not held before.",
    redundant: "Elements received that were held already.",
    /// They are [held](crate::Event::Undecoded) as bytes, and count as learned, too.
    undecoded: "Elements received that were not held before and could not be decoded.",
    /// Beyond [`Config::max_undecoded_bytes`](crate::Config::max_undecoded_bytes).
    dropped: "Elements received that could not be decoded, and were not kept.",
    /// With a proof or without.
    rounds: "Rounds of our own that ended.",
    proofs: "Rounds of our own that ended in a proof of equality.",
    sketches: "Sketches of our own rounds that were read.",
    /// They follow a first request, of whose cells the sketch could not be read yet.
    top_ups: "Requests for more cells of a sketch.",
    walks: "Rounds of our own that paged the sets.",
    /// They say something else: they acknowledge, or show that the peer is alive.
    bare_pushes: "Pushes sent without elements.",
    /// Or of an acknowledgement.
    resent: "Messages sent again for want of an answer.",
    rejected: "Messages refused.",
    /// Late ones, repeated ones, and made up ones. Their elements are merged.
    ignored: "Answers that nobody awaited.",
    /// The unit is that of [`Config::work_per_second`](crate::Config::work_per_second).
    work: "Work done for peers, in the unit of work_per_second.",
    deferred: "Times a peer had to wait, its budget overdrawn.",
    /// Those sent and those received.
    round_bytes: "Bytes of our own rounds that ended.",
    /// Of the rounds that ended in a proof: the encoded bytes of both sets as the round began.
    full_state_bytes: "What proven rounds would have cost with full states.",
}

impl Ledger {
    /// The bytes saved against sending full states: [`full_state_bytes`](Self::full_state_bytes) less
    /// [`round_bytes`](Self::round_bytes). Negative while rounds without a proof prevail.
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, Event, Output, Time};
    ///
    /// let [mut n1, mut n2] = [1, 2].map(|seed| AntiEntropy::<&str, u64>::new(Config::default(), seed));
    /// n1.extend(0..1_000).unwrap();
    /// n2.extend(0..1_000).unwrap();
    /// n1.add_peer("n2");
    /// n2.add_peer("n1");
    /// n1.sync_now(&"n2");
    /// let Output::Send { message, .. } = n1.poll(Time::ZERO) else { panic!("nothing to ask") };
    /// n2.receive(&"n1", message).unwrap();
    /// assert!(matches!(n2.poll(Time::ZERO), Output::Event(Event::InSync { peer: "n1", .. })));
    /// let Output::Send { message, .. } = n2.poll(Time::ZERO) else { panic!("nothing to answer") };
    /// n1.receive(&"n2", message).unwrap();
    /// let ledger = n1.stats().total;
    /// assert_eq!((ledger.proofs, ledger.full_state_bytes, ledger.round_bytes), (1, 16_000, 104));
    /// assert_eq!(ledger.saved(), 15_896);
    /// ```
    pub fn saved(&self) -> i128 {
        // Wider than the counters: a peer's claims may take `full_state_bytes` up to 2^64 − 1.
        i128::from(self.full_state_bytes) - i128::from(self.round_bytes)
    }
}

/// A replica's statistics.
///
/// ```
/// use gossip_core::{AntiEntropy, Config};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.extend([1, 2, 3]).unwrap();
/// assert!(machine.receive_bytes(&"stranger", &[]).is_err());
/// assert_eq!((machine.stats().state_bytes, machine.stats().from_strangers), (24, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The ledger with all peers, removed ones included.
    pub total: Ledger,
    /// The encoded bytes of all elements held: the cost of sending the full state once.
    pub state_bytes: u64,
    /// Messages refused because their sender is not a peer.
    pub from_strangers: u64,
}

/// Statistics about one peer.
///
/// ```
/// use gossip_core::{AntiEntropy, Config};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("n2");
/// machine.extend([1, 2, 3]).unwrap();
/// let stats = machine.peer_stats(&"n2").unwrap();
/// assert_eq!((stats.lag, stats.last_proof, stats.round_trip), (3, None, None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStats {
    /// The ledger with this peer since it was added.
    pub ledger: Ledger,
    /// Whether it answers, as [`Event::Unreachable`](crate::Event::Unreachable) and
    /// [`Event::Reachable`](crate::Event::Reachable) report.
    pub reachable: bool,
    /// The smoothed round-trip time; `None` before the first.
    pub round_trip: Option<Duration>,
    /// The digest of the last proof of equality.
    pub last_proof: Option<Digest>,
    /// The peer is known to hold all elements of our log up to here: by proofs of our rounds, by their answers, and by
    /// acknowledgements. [`START`](Place::START) again if it is known to have begun anew.
    pub reached: Place,
    /// How many elements of our log are behind that place. The peer may hold some of them: it is not known to.
    pub lag: usize,
}

impl Default for PeerStats {
    fn default() -> Self {
        Self {
            ledger: Ledger::default(),
            reachable: true,
            round_trip: None,
            last_proof: None,
            reached: Place::START,
            lag: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::format;

    use super::*;

    #[test]
    fn traffic_is_counted_by_kind_and_added_up() {
        let mut sent = ByKind::default();
        [5, 7].into_iter().for_each(|bytes| sent.count(MessageKind::Probe, bytes));
        sent.count(MessageKind::Push, 100);
        assert_eq!(sent[MessageKind::Probe], Traffic { messages: 2, bytes: 12 });
        assert_eq!(sent[MessageKind::Proof], Traffic::default());
        assert_eq!(sent.total(), Traffic { messages: 3, bytes: 112 });
        let kinds = sent.iter().filter(|(_, traffic)| traffic.messages > 0).map(|(kind, _)| kind.name());
        assert!(kinds.eq(["probe", "push"]));
        assert_eq!(format!("{sent:?}").matches("Traffic").count(), 2);
    }

    #[test]
    fn every_counter_has_one_row_with_its_name_and_its_value() {
        let ledger = Ledger { learned: 1, bare_pushes: 8, full_state_bytes: 15, ..Ledger::default() };
        let counted: BTreeMap<_, _> = ledger.counters().map(|counter| (counter.name, counter.value)).collect();
        assert_eq!((counted["learned"], counted["bare_pushes"], counted["full_state_bytes"]), (1, 8, 15));
        assert_eq!(counted.values().sum::<u64>(), 1 + 8 + 15);
        // `Debug` is derived, so it knows of every field: a name in it for each row, and beside them only the traffic.
        let shown = format!("{ledger:?}");
        assert!(counted.keys().all(|name| shown.contains(&format!(" {name}: "))), "{shown}");
        assert_eq!(shown.matches(": ").count(), counted.len() + 2, "{shown}");
        assert!(ledger.counters().all(|counter| counter.help.ends_with('.')));
    }

    #[test]
    fn what_was_saved_may_be_less_than_nothing() {
        let ledger = Ledger { full_state_bytes: 1_000, round_bytes: 41, ..Ledger::default() };
        assert_eq!(ledger.saved(), 959);
        assert_eq!(Ledger { round_bytes: u64::MAX, ..Ledger::default() }.saved(), -i128::from(u64::MAX));
    }
}
