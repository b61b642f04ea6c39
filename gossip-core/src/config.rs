//! Settings of a replica. Every value that the types allow is valid.

use core::num::NonZeroU16;
use core::time::Duration;

use crate::key::Key;

/// Settings of a replica. Replicas of one cluster must agree on `key` and `max_element_bytes`, and on nothing else.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::{Config, MessageBudget};
///
/// let mut config = Config::default();
/// config.max_message = MessageBudget::new(1_200); // one UDP datagram
/// config.round_every = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Key of the fingerprints. Part of the cluster's tag. Default: [`Key::open`].
    pub key: Key,
    /// Largest element of the cluster, in encoded bytes. Part of the cluster's tag, since an element that one replica
    /// refuses would never reach everybody. Values above 1 MiB − 96 mean just that. Default: 1 024.
    pub max_element_bytes: u32,
    /// How much this replica holds that it cannot [decode](crate::AntiEntropy::undecoded), in bytes, of which an element
    /// counts 64 more than it has. Beyond it such an element is dropped, and the others of its message are merged; sets then
    /// differ until it is held, and rounds fetch it in vain. With 0 none is held.
    ///
    /// Default: 16 MiB, or 100 000 elements of 100 bytes: what a cluster writes that it cannot all decode while its replicas
    /// are upgraded one by one. A hostile peer can take as much, once.
    pub max_undecoded_bytes: u32,
    /// Largest message of this replica. Only a message that holds a single element may be longer, where the element
    /// needs it: it then has at most [`MessageBudget::OVERHEAD`] bytes beside, and
    /// [`longest_message`](Self::longest_message) tells. Messages of peers may be larger. Default: 64 KiB.
    pub max_message: MessageBudget,
    /// Most messages in the answer to one request. At most `window` × `max_message` bytes of answers from one peer are
    /// under way at once.
    ///
    /// Of pages and repairs, in which most bytes go, it is the most that a peer is asked for and sent at once. Each peer begins
    /// with all of it. Two answers in a row that have come to no end halve the window of that peer, down to one message,
    /// and each that has come to its end adds one. So a link that drops what its queue does not hold is offered little more
    /// than it takes: of 1 200 bytes a message and a queue of 16 KiB, 5.2 MB for 5 MB, and 10.2 MB where the window stays at 32.
    ///
    /// Default: 32.
    pub window: NonZeroU16,
    /// Work that one peer may cause a second; after a pause, four times as much at once, and as much as our full state has
    /// bytes, and a quarter more. The unit is a byte sent to the
    /// peer, fresh elements aside. A message counts 256 more than its bytes, an element looked up 32, an element passed
    /// by in a search 8, a cell of its sketch that is read 32. A peer over its budget is sent nothing until time has made up for it. It
    /// does not fall behind by that: its elements are merged at once, and later answers are built from the newest
    /// state. Less than 64 KiB means 64 KiB.
    ///
    /// Default: 16 MiB, which takes a sixth to a third of a core, and 64 MiB and a full state at once.
    pub work_per_second: u32,
    /// Preference between bytes and round trips. Default: [`Economy::Balanced`].
    pub economy: Economy,
    /// Mean time between the rounds that this replica begins, each with a random peer; every interval is jittered by up
    /// to a quarter. Below 1 ms it is 1 ms. With an overlay rounds begin where a link needs one; rounds by chance are
    /// left for silent peers, and for replicas without a parent that answers. Default: 1 s.
    pub round_every: Duration,
    /// How long the first answer of a peer may take, from 10 ms to 1 min; other values mean the nearest. Later waits follow
    /// the measured round-trip times. A request goes out again after as long, or after 5 s if that is less. Default: 1 s.
    pub answer_within: Duration,
    /// Interval between batches of fresh elements to the neighbours of an [`Overlay`](crate::Overlay): a longer one
    /// means fewer messages and later arrivals. Rounds then repair what pushes cannot, and begin where a link was
    /// silent or lost a batch. The interval should be equal on all replicas, else batches come at the wrong moment and
    /// wait for the next turn. At least 1 ms, at most 1 h. Default: `None`: nothing is pushed, and rounds do it all.
    pub batch_every: Option<Duration>,
    /// Interval between audits: rounds that begin whatever else is sent. With pushes, a replica audits its parent or its
    /// neighbours; one without a parent also audits the peers that no link joins with it, one after the other. Pushes rely
    /// on places in logs, and an audit corrects any that are wrong, so this interval is the bound of law 10. A first audit
    /// comes after half to all of it. At least 1 s. Default: 25 s, which costs a star of 25 nodes 4 messages a node each time.
    /// Without [`batch_every`](Self::batch_every) it has no effect.
    pub audit_every: Duration,
}

impl Config {
    /// The largest element in force.
    pub(crate) fn element_limit(&self) -> usize {
        // Replicas read no more than 1 MiB: a larger element could be inserted, and never sent.
        (self.max_element_bytes as usize).min(MessageBudget::MAX.bytes() - MessageBudget::OVERHEAD)
    }

    /// The longest message that this replica sends, in bytes: [`max_message`](Self::max_message), or what a single largest
    /// element takes if that is more. To fit datagrams, lower [`max_element_bytes`](Self::max_element_bytes) too.
    ///
    /// ```
    /// use gossip_core::{Config, MessageBudget};
    ///
    /// let mut config = Config::default();
    /// config.max_message = MessageBudget::new(1_200);
    /// config.max_element_bytes = 1_500;
    /// assert_eq!(config.longest_message(), 1_596);
    /// config.max_element_bytes = 1_024;
    /// assert_eq!(config.longest_message(), 1_200);
    /// ```
    pub fn longest_message(&self) -> usize {
        self.single_limit()
    }

    /// The largest message in force, but for one that holds a single element.
    pub(crate) const fn message_limit(&self) -> usize {
        self.max_message.bytes()
    }

    /// The largest message with a single element in force.
    pub(crate) fn single_limit(&self) -> usize {
        // `max_message` gives way: an element without a message to fit it would never leave this replica.
        self.message_limit().max(self.element_limit() + MessageBudget::OVERHEAD)
    }

    /// The room for elements in a message beside `head` bytes.
    pub(crate) fn room(&self, head: usize) -> Room {
        Room { of_many: self.message_limit() - head, of_one: self.single_limit() - head }
    }

    /// The work a second in force.
    pub(crate) fn work_rate(&self) -> u64 {
        self.work_per_second.max(LEAST_WORK).into()
    }

    pub(crate) fn batch_interval(&self) -> Option<Duration> {
        // With an interval of 0 a turn would always be due, and `poll` would never come to its `Wait`.
        self.batch_every.map(|every| every.clamp(SHORTEST, LONGEST))
    }

    pub(crate) fn audit_interval(&self) -> Duration {
        self.audit_every.max(SHORTEST_AUDIT)
    }

    pub(crate) fn round_interval(&self) -> Duration {
        self.round_every.max(SHORTEST)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key: Key::open(),
            max_element_bytes: 1_024,
            max_undecoded_bytes: 16 << 20,
            max_message: MessageBudget::new(64 * 1_024),
            // 2 MiB of answers under way from a peer, with messages of 64 KiB.
            window: const { NonZeroU16::new(32).unwrap() },
            work_per_second: 16 << 20,
            economy: Economy::default(),
            round_every: Duration::from_secs(1),
            answer_within: Duration::from_secs(1),
            batch_every: None,
            audit_every: Duration::from_secs(25),
        }
    }
}

/// Preference between bytes and round trips of a round. Replicas of one cluster may differ in it.
///
/// The cost of a round follows the difference with sketches, and the sets with pages. Sketches have two settings: fewer
/// cells in a request, and more. Bytes and round trips of a round between two sets of 10^5 `u64`, means of 20
/// differences of `d` elements, half on either side:
///
/// | | d = 1 | 10 | 100 | 1 000 | 10 000 |
/// |---|---|---|---|---|---|
/// | `FewestBytes` | 149, 1.5 | 395, 2.3 | 1 783, 2.9 | 14 011, 3.1 | 130 882, 3.0 |
/// | `Balanced` | 149, 1.5 | 381, 2.1 | 1 825, 2.65 | 14 415, 2.9 | 133 946, 2.7 |
/// | `Balanced`, where both have proven to each other what they have in common | 85, 1.5 | 235, 2.05 | 1 210, 3.05 | 8 938, 3.0 | 81 784, 3.0 |
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Economy};
///
/// let [ours, theirs] = [Economy::Pages, Economy::FewestBytes].map(|economy| {
///     let mut config = Config::default();
///     config.economy = economy;
///     AntiEntropy::<&str, u64>::new(config, 1)
/// });
/// assert_eq!(ours.difference(theirs.cluster_tag()), None); // they are of one cluster
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Economy {
    /// Pages alone. The replica keeps no sketch, which saves up to 16 bytes an element, 2 at 10^6, and a third of an
    /// insert.
    Pages,
    /// Sketches with small requests, for links where bytes count.
    FewestBytes,
    /// Sketches, near the fewest round trips.
    #[default]
    Balanced,
}

/// Least work a second: a message of 1 MiB is worked off in 16 s.
const LEAST_WORK: u32 = 64 << 10;

/// Shortest interval, which keeps deadlines ahead of the clock.
const SHORTEST: Duration = Duration::from_millis(1);

/// Shortest interval between audits: below, they would be the rounds that pushes are to spare.
const SHORTEST_AUDIT: Duration = Duration::from_secs(1);

/// Longest interval between batches.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Room for a run, in bytes. A single element may need more than a message otherwise has: it goes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) of_many: usize,
    pub(crate) of_one: usize,
}

impl Room {
    /// The room that is left beside so many bytes.
    pub(crate) const fn less(self, bytes: usize) -> Self {
        Self { of_many: self.of_many.saturating_sub(bytes), of_one: self.of_one.saturating_sub(bytes) }
    }
}

/// The same for one element as for many.
impl From<usize> for Room {
    fn from(bytes: usize) -> Self {
        Self { of_many: bytes, of_one: bytes }
    }
}

/// Largest message of a replica in bytes, from 256 to 1 MiB.
///
/// One element must fit a message: one that is too large for the budget goes alone, in a message of up to
/// [`Config::max_element_bytes`] and [`MessageBudget::OVERHEAD`] bytes. All other messages keep to the budget, so where
/// a network drops what is larger, it drops those elements alone.
///
/// ```
/// use gossip_core::MessageBudget;
///
/// assert_eq!(MessageBudget::new(1_200).bytes(), 1_200);
/// assert_eq!(MessageBudget::new(0), MessageBudget::MIN);
/// assert_eq!(MessageBudget::new(usize::MAX), MessageBudget::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageBudget(u32);

impl MessageBudget {
    /// The smallest budget, 256 bytes.
    pub const MIN: Self = Self(256);
    /// The largest budget, 1 MiB; no replica reads longer messages.
    pub const MAX: Self = Self(1 << 20);
    /// Room in a message beside one element, in bytes; an answer with an interval and a state takes 84.
    pub const OVERHEAD: usize = 96;

    /// The budget nearest to `bytes`.
    #[expect(clippy::cast_possible_truncation, reason = "held below 2^20 first")]
    pub const fn new(bytes: usize) -> Self {
        if bytes < Self::MIN.bytes() {
            Self::MIN
        } else if bytes > Self::MAX.bytes() {
            Self::MAX
        } else {
            Self(bytes as u32)
        }
    }

    /// The budget in bytes.
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::longest;

    #[test]
    fn every_budget_is_valid_and_holds_one_largest_element() {
        for (message, element) in [(0, 0), (0, u32::MAX), (usize::MAX, u32::MAX), (1_200, 1_024), (256, 5_000)] {
            let config =
                Config { max_message: MessageBudget::new(message), max_element_bytes: element, ..Config::default() };
            assert!(config.single_limit() >= config.element_limit() + MessageBudget::OVERHEAD);
            assert!(config.single_limit() <= MessageBudget::MAX.bytes());
            assert_eq!(config.message_limit(), config.max_message.bytes());
            // The longest heads leave room in the smallest message.
            assert!(
                config.room(longest::GIVE + longest::STATE).of_many >= 172 && config.room(longest::PUSH).of_many >= 176
            );
        }
    }

    #[test]
    fn what_is_too_little_or_too_much_is_the_least_or_the_most() {
        let config = |every: Duration| Config {
            max_element_bytes: u32::MAX,
            work_per_second: 1,
            round_every: every,
            batch_every: Some(every),
            ..Config::default()
        };
        let [least, most] = [config(Duration::ZERO), config(Duration::MAX)];
        assert_eq!(least.element_limit(), MessageBudget::MAX.bytes() - MessageBudget::OVERHEAD);
        assert_eq!(least.work_rate(), 65_536);
        assert_eq!([least.round_interval(), most.round_interval()], [Duration::from_millis(1), Duration::MAX]);
        let batches = [least, most, Config::default()].map(|config| config.batch_interval());
        assert_eq!(batches, [Some(Duration::from_millis(1)), Some(Duration::from_secs(3_600)), None]);
    }
}
