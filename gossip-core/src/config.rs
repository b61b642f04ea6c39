//! What an embedder may set. Every value the types allow is valid.

use core::num::NonZeroU16;
use core::time::Duration;

use crate::key::Key;

/// How a replica behaves. Replicas of one cluster must agree on `key` and `max_element_bytes`, and on nothing else.
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
    /// What keys the fingerprints. Part of the cluster's tag. Default: [`Key::open`].
    pub key: Key,
    /// The largest element, in encoded bytes, that any replica of the cluster takes. Part of the cluster's tag, since
    /// an element that one replica cannot pass on would never reach everybody. Values above 1 MiB − 96 mean just that.
    /// Default: 1 024.
    pub max_element_bytes: u32,
    /// The largest message this replica sends, but that one element must fit: see [`MessageBudget`]. Messages of peers
    /// may be larger. Default: 64 KiB.
    pub max_message: MessageBudget,
    /// How many messages one request may earn, at the most; so `window` × `max_message` is what may be under way from
    /// one peer at once. Default: 32.
    pub window: NonZeroU16,
    /// How much work one peer may earn a second, and four times as much at once after a pause. The unit is a byte sent
    /// to it; a message counts 256 more than its bytes, an element looked for 32, one passed by in a search 8, a cell of
    /// its sketch that is read 32. Who has had more is sent nothing until that is worked off, and does not get out of
    /// date by it: what it sends is merged at once, and what is sent to it then is built from the newest state. Less than
    /// 64 KiB means 64 KiB.
    ///
    /// Default: 16 MiB, which takes a sixth to a third of a core, and 64 MiB at once, which is a full state of 10^6
    /// elements of 32 bytes two times over. Where honest peers have to fetch many times as much in one go, over a link
    /// of more than 100 Mbit/s, raise it.
    pub work_per_second: u32,
    /// What rounds save: bytes or round trips. Default: [`Economy::Balanced`].
    pub economy: Economy,
    /// The mean time between the rounds this replica begins, each with a random peer; every interval is jittered by up
    /// to a quarter. Below 1 ms it is 1 ms. Along an overlay rounds begin where a link needs one, and by chance only with
    /// peers that do not answer, or while nobody above does. Default: 1 s.
    pub round_every: Duration,
    /// How long to wait for a peer's first answer before asking again, from 10 ms to 1 min; other values mean the
    /// nearest. Later waits follow the round-trip times seen. Default: 1 s.
    pub answer_within: Duration,
    /// How often fresh elements are pushed to the neighbours of an [`Overlay`](crate::Overlay), one batch for all that
    /// have come meanwhile: the longer, the fewer messages and the later elements are everywhere. Then rounds repair what
    /// pushes cannot, and begin where a link has been silent, or has lost what it carried. To be equal on all replicas,
    /// or pushes come at the wrong moment and wait for the next. At least 1 ms, at most 1 h. Default: `None`, which means
    /// that nothing is pushed and rounds do it all.
    pub batch_every: Option<Duration>,
}

impl Config {
    /// The largest element in force.
    pub(crate) fn element_limit(&self) -> usize {
        (self.max_element_bytes as usize).min(MessageBudget::MAX.bytes() - MessageBudget::OVERHEAD)
    }

    /// The largest message in force: room for one largest element, whatever `max_message` says.
    pub(crate) fn message_limit(&self) -> usize {
        self.max_message.bytes().max(self.element_limit() + MessageBudget::OVERHEAD)
    }

    /// The work a second in force.
    pub(crate) fn work_rate(&self) -> u64 {
        self.work_per_second.max(LEAST_WORK).into()
    }

    pub(crate) fn batch_interval(&self) -> Option<Duration> {
        self.batch_every.map(|every| every.clamp(SHORTEST, LONGEST))
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
            max_message: MessageBudget::new(64 * 1_024),
            window: const { NonZeroU16::new(32).unwrap() },
            work_per_second: 16 << 20,
            economy: Economy::default(),
            round_every: Duration::from_secs(1),
            answer_within: Duration::from_secs(1),
            batch_every: None,
        }
    }
}

/// What a replica saves as it finds out what differs. Replicas of one cluster may differ in it.
///
/// With sketches a round costs what differs, with pages what is held. The other three are one scale: they ask for fewer
/// cells at a time, or for more. Bytes and round trips of a round between two sets of 10^5 `u64`, a mean of 50
/// differences of `d` elements, half on either side:
///
/// | | d = 1 | 10 | 100 | 1 000 | 10 000 |
/// |---|---|---|---|---|---|
/// | `FewestBytes` | 266, 1.5 | 349, 2.2 | 1 831, 4.1 | 14 049, 4.1 | 130 297, 4.1 |
/// | `Balanced` | 398, 1.5 | 459, 2.0 | 1 835, 3.7 | 14 404, 3.8 | 133 574, 3.7 |
/// | `FewestRoundTrips` | 458, 1.5 | 519, 2.0 | 1 842, 3.6 | 14 317, 3.6 | 137 629, 3.5 |
/// | `Balanced`, where both have proven to each other what they have in common | 112, 1.5 | 236, 2.1 | 1 238, 3.1 | 9 077, 3.1 | 81 787, 3.0 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Economy {
    /// Pages alone. No sketch of the own set is kept, which saves up to 16 bytes an element, 2 at 10^6, and a third of
    /// an insert.
    Pages,
    /// Sketches, with small requests: for links where bytes count.
    FewestBytes,
    /// Sketches, near the fewest round trips.
    #[default]
    Balanced,
    /// Sketches, with large requests: for links where latency counts.
    FewestRoundTrips,
}

/// The least work a second: a largest message takes 16 s.
const LEAST_WORK: u32 = 64 << 10;

/// The shortest interval: what keeps a deadline ahead of the clock.
const SHORTEST: Duration = Duration::from_millis(1);

/// The longest interval between batches.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The most bytes a replica puts into one message, from 256 to 1 MiB.
///
/// A message must hold one element: where [`Config::max_element_bytes`] and
/// [`MessageBudget::OVERHEAD`] together are more than the budget, they are the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageBudget(u32);

impl MessageBudget {
    /// The smallest budget, 256 bytes.
    pub const MIN: Self = Self(256);
    /// The largest budget, 1 MiB, and the longest message that any replica reads.
    pub const MAX: Self = Self(1 << 20);
    /// What a message may need beside one element, in bytes: 84 for the answer that holds an interval and a state.
    pub const OVERHEAD: usize = 96;

    /// A budget of `bytes`, or the nearest there is.
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

    #[test]
    fn every_budget_is_valid_and_holds_one_largest_element() {
        for (message, element) in [(0, 0), (0, u32::MAX), (usize::MAX, u32::MAX), (1_200, 1_024), (256, 5_000)] {
            let config =
                Config { max_message: MessageBudget::new(message), max_element_bytes: element, ..Config::default() };
            assert!(config.message_limit() >= config.element_limit() + MessageBudget::OVERHEAD);
            assert!(config.message_limit() <= MessageBudget::MAX.bytes());
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
