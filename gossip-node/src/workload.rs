//! A family of requests, and all that one needs: a row each.

pub(crate) mod counter;

use std::fmt;
use std::str::FromStr;

/// A family of requests.
///
/// ```
/// use gossip_node::Workload;
///
/// let workload: Workload = "g-set".parse()?;
/// assert_eq!(workload, Workload::GSet);
/// // The store of one may go on with the other.
/// assert_eq!(workload.elements(), Workload::Broadcast.elements());
/// assert_ne!(workload.elements(), Workload::GCounter.elements());
/// # Ok::<(), gossip_node::WorkloadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// `broadcast`, and `read` answered with `messages`.
    #[default]
    Broadcast,
    /// `add`, and `read` answered with `value`.
    GSet,
    /// `add` of a `delta` that is not negative, and `read` answered with the sum as `value`.
    GCounter,
    /// The same with deltas of either sign.
    PnCounter,
}

/// What makes up a workload. One more takes a variant, its place in [`Workload::ALL`] and its row here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// As on a command line, and as Maelstrom has it.
    name: &'static str,
    /// The type of the request that writes.
    pub(crate) write: &'static str,
    /// The key of what it writes.
    pub(crate) written: &'static str,
    /// The key of what a read shows.
    pub(crate) shown: &'static str,
    /// The least increment, of counters; the elements of other workloads are any values.
    pub(crate) least_delta: Option<i64>,
}

impl Workload {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Broadcast, Self::GSet, Self::GCounter, Self::PnCounter];

    pub(crate) const fn row(self) -> Row {
        let counter = Row { name: "", write: "add", written: "delta", shown: "value", least_delta: None };
        match self {
            Self::Broadcast => {
                Row { name: "broadcast", write: "broadcast", written: "message", shown: "messages", least_delta: None }
            }
            Self::GSet => Row { name: "g-set", written: "element", ..counter },
            Self::GCounter => Row { name: "g-counter", least_delta: Some(0), ..counter },
            Self::PnCounter => Row { name: "pn-counter", least_delta: Some(i64::MIN), ..counter },
        }
    }

    /// Its name, as on a command line.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The kind of its elements, as a [`Persistence`](crate::Persistence) may note it beside them: what has elements of one
    /// kind is of no use to a workload of another.
    pub fn elements(self) -> String {
        match self.row().least_delta {
            // Both workloads hold whatever JSON they are given, so the store of one may go on with the other.
            None => "any value".into(),
            // Not the same for both counters: a negative delta would be an element that a `g-counter` does not count.
            Some(_) => format!("increments of a {self}"),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no workload's.
///
/// ```
/// use gossip_node::Workload;
///
/// assert_eq!("g-map".parse::<Workload>().unwrap_err().to_string(), "there is no workload g-map");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no workload {0}")]
pub struct WorkloadError(String);

impl FromStr for Workload {
    type Err = WorkloadError;

    fn from_str(name: &str) -> Result<Self, WorkloadError> {
        let found = Self::ALL.into_iter().find(|workload| workload.name() == name);
        found.ok_or_else(|| WorkloadError(name.into()))
    }
}
