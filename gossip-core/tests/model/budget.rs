//! What may happen, and how often.

use std::fmt;

/// How often what may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// A replica's clock moves on to its deadline, and no other's does.
    pub(crate) wakes: u8,
    /// A replica is told to begin a round with some peer.
    pub(crate) syncs: u8,
    pub(crate) losses: u8,
    /// A message comes, and will come again.
    pub(crate) repeats: u8,
    /// A message comes, and the machine is not polled before something else happens to it.
    pub(crate) batches: u8,
    pub(crate) inserts: u8,
    /// A replica begins anew, and empty. What it has sent is still under way.
    pub(crate) crashes: u8,
    /// The same, with the seed that it had at first.
    pub(crate) twins: u8,
    /// A replica removes a peer. It may add it again at any time.
    pub(crate) removals: u8,
    /// A replica removes what it holds, but for what is there to stay.
    pub(crate) deletes: u8,
    /// A replica begins anew with what it held at first. What it has sent is still under way.
    pub(crate) restores: u8,
}

impl Budget {
    /// Nothing happens, but that messages come.
    pub(crate) const NONE: Self = Self {
        wakes: 0,
        syncs: 0,
        losses: 0,
        repeats: 0,
        batches: 0,
        inserts: 0,
        crashes: 0,
        twins: 0,
        removals: 0,
        deletes: 0,
        restores: 0,
    };
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wakes, syncs, losses, repeats, batches, inserts, crashes, twins, removals, deletes, restores } =
            *self;
        let all = [
            (wakes, "wake"),
            (syncs, "sync"),
            (losses, "loss"),
            (repeats, "repeat"),
            (batches, "batch"),
            (inserts, "insert"),
            (crashes, "crash"),
            (twins, "twin"),
            (removals, "removal"),
            (deletes, "delete"),
            (restores, "restore"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
        f.pad(&texts.join(", "))
    }
}

/// What happens. Messages are told by their place among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Deliver(usize),
    Repeat(usize),
    Batch(usize),
    Lose(usize),
    Wake(usize),
    Sync(usize, usize),
    Insert(usize),
    Crash(usize),
    Twin(usize),
    Delete(usize),
    Restore(usize),
    Remove(usize, usize),
    Add(usize, usize),
}
