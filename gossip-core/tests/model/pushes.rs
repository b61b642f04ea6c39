//! Machines that push to each other.

use std::num::NonZeroUsize;
use std::time::Duration;

use gossip_core::{Economy, MessageKind, Overlay};

use crate::budget::Budget;
use crate::bug::Bug;
use crate::replica::Law;
use crate::scope::{Pushes, Scope, under_way};
use crate::{CLIQUE, LINE, NONE, PAIR, Wide, breaks, head, more, scope, search, seeing, sees};

/// How long a hole may stay open, and how long it does where places are right: what only a net beneath them closes in time
/// is found as well.
const STALE: u8 = 30;
const SOON: u8 = 10;

/// What is written, one a second.
fn load(seconds: u8) -> Vec<Wide<8>> {
    (100..100 + seconds).map(Wide).collect()
}

type Pushing = Scope<Wide<8>>;

fn star(id: usize, count: usize) -> Overlay<usize> {
    Overlay::star(&id, 0..count)
}

fn line(id: usize, count: usize) -> Overlay<usize> {
    Overlay::tree(&id, 0..count, NonZeroUsize::MIN)
}

fn graph(id: usize, count: usize) -> Overlay<usize> {
    Overlay::of((0..count).filter(|&other| other != id))
}

/// Those who know each other push along an overlay, every 400 ms. The first held an element, and the others have it.
fn pushing(links: &[[usize; 2]], overlay: fn(usize, usize) -> Overlay<usize>, budget: Budget) -> Pushing {
    let count = 1 + links.iter().flatten().max().expect("a link");
    let mut sets: Vec<&[u8]> = vec![&[]; count];
    sets[0] = &[1];
    let mut scope = scope(links, &sets, Economy::Balanced, budget);
    scope.config.batch_every = Some(Duration::from_millis(400));
    scope.laws = Law::OF_PUSHES;
    scope.pushes = Some(Pushes { overlay, load: load(STALE) });
    seeing!(scope, Push)
}

fn pair(budget: Budget) -> Pushing {
    pushing(PAIR, star, budget)
}

/// Two that push so often that what is sent again and again leaves no silence, however seldom that is in the end.
fn hasty(budget: Budget) -> Pushing {
    let mut scope = pair(budget);
    scope.config.batch_every = Some(Duration::from_millis(20));
    scope.config.answer_within = Duration::from_millis(10);
    scope.sets[0].extend([2, 3].map(Wide));
    scope
}

/// Two that stand beside each other, so that either begins a round when the other is silent.
fn beside(budget: Budget) -> Pushing {
    pushing(PAIR, graph, budget)
}

fn hub(budget: Budget) -> Pushing {
    pushing(CLIQUE, star, budget)
}

fn chain(budget: Budget) -> Pushing {
    pushing(LINE, line, budget)
}

fn all(budget: Budget) -> Pushing {
    pushing(CLIQUE, graph, budget)
}

/// Where what is known to break law 10 may happen, the others are asked for alone.
fn in_quiet(mut scope: Pushing) -> Pushing {
    scope.laws = Law::IN_QUIET;
    scope
}

/// Bugs are to be seen before a net beneath closes what they open.
fn soon(mut scope: Pushing) -> Pushing {
    scope.pushes = scope.pushes.map(|pushes| Pushes { load: load(SOON), ..pushes });
    scope
}

/// Where a replica may remove whom it is attached to, and looks for somebody better every 2 s from then on: five times
/// between two rounds that a silence begins.
fn restless(mut scope: Pushing) -> Pushing {
    scope.may_idle = 5;
    scope
}

#[test]
fn machines_that_push_keep_the_laws() {
    head();
    search("pushes, a pair", pair(Budget { wakes: 2, losses: 1, inserts: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { wakes: 1, losses: 1, repeats: 1, batches: 1, inserts: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { syncs: 1, losses: 1, repeats: 1, inserts: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { losses: 1, repeats: 1, inserts: 2, crashes: 1, ..NONE }));
    search("pushes, a pair", restless(pair(Budget { wakes: 1, losses: 1, inserts: 1, removals: 1, ..NONE })));
    search("pushes, beside", beside(Budget { wakes: 1, losses: 1, repeats: 1, inserts: 1, ..NONE }));
    search("pushes, a star", hub(Budget { wakes: 1, losses: 1, inserts: 1, ..NONE }));
    search("pushes, a star", hub(Budget { losses: 1, repeats: 1, inserts: 2, ..NONE }));
    search("pushes, a star", hub(Budget { losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("pushes, a star", restless(hub(Budget { losses: 1, inserts: 1, removals: 1, ..NONE })));
    search("pushes, a line", chain(Budget { wakes: 1, losses: 1, inserts: 1, ..NONE }));
    search("pushes, a line", chain(Budget { losses: 1, repeats: 1, inserts: 2, ..NONE }));
    search("pushes, a line", chain(Budget { losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("pushes, all", all(Budget { losses: 2, inserts: 1, ..NONE }));
    search("pushes, all", all(Budget { losses: 1, repeats: 1, inserts: 1, ..NONE }));
    if more() > 0 {
        search("pushes, a pair", pair(Budget { wakes: 1, losses: 1, inserts: 2, ..NONE }));
        search("pushes, a pair", pair(Budget { losses: 2, repeats: 1, batches: 1, inserts: 2, ..NONE }));
        search("pushes, all", all(Budget { inserts: 1, crashes: 1, ..NONE }));
    }
}

/// A message of a round past a crash, a seed that comes again, and a peer that is added again: in quiet all ends well.
#[test]
fn machines_that_push_end_well_in_quiet_whatever_befalls_them() {
    head();
    search("quiet, a pair", in_quiet(pair(Budget { wakes: 1, losses: 1, inserts: 1, crashes: 1, ..NONE })));
    search("quiet, a pair", in_quiet(pair(Budget { syncs: 1, inserts: 1, crashes: 1, ..NONE })));
    search("quiet, a pair", in_quiet(pair(Budget { wakes: 1, losses: 1, inserts: 1, twins: 1, ..NONE })));
    let replaced = Budget { losses: 1, inserts: 1, crashes: 1, removals: 1, ..NONE };
    search("quiet, a pair", restless(in_quiet(pair(replaced))));
    search("quiet, a star", restless(in_quiet(hub(Budget { losses: 0, ..replaced }))));
    search("quiet, a line", restless(in_quiet(chain(Budget { losses: 0, ..replaced }))));
}

/// Each of these is a fault of the machine as it is. Once it is mended, its scope belongs above with all laws, and the bug
/// that does the same, below, stands for it.
mod known {
    use super::*;

    /// A proof that a replica's former life gave comes after the first push of its new life, and is taken to say that it
    /// has all, which it is never given then.
    #[test]
    fn the_search_finds_places_moved_by_a_former_life() {
        breaks(Bug::None, Law::BoundedStaleness, 5, || pair(Budget { syncs: 1, inserts: 1, crashes: 1, ..NONE }));
    }

    /// An acknowledgement beyond the log is ignored, so what it acknowledges is sent for ever. No silence begins a round,
    /// and the hole stays open in quiet, too.
    #[test]
    fn the_search_finds_what_is_sent_for_ever() {
        breaks(Bug::None, Law::Convergence, 6, || {
            hasty(Budget { syncs: 1, losses: 1, inserts: 1, crashes: 1, ..NONE })
        });
    }

    /// The same where nobody asks for a round: a silence begins it.
    #[test]
    fn the_search_finds_places_moved_by_a_former_life_that_was_silent() {
        let budget = Budget { wakes: 1, losses: 1, inserts: 1, crashes: 1, ..NONE };
        breaks(Bug::None, Law::BoundedStaleness, 6, || pair(budget));
    }

    /// Who is added again after it has lost its memory is never given what came from it.
    #[test]
    fn the_search_finds_what_came_from_a_peer_that_was_replaced() {
        let budget = Budget { inserts: 1, crashes: 1, removals: 1, ..NONE };
        breaks(Bug::None, Law::BoundedStaleness, 3, || pair(budget));
        breaks(Bug::None, Law::BoundedStaleness, 5, || hub(budget));
    }

    /// The new log has the old one's number.
    #[test]
    fn the_search_finds_a_restart_with_the_seed_it_had() {
        breaks(Bug::None, Law::BoundedStaleness, 1, || pair(Budget { inserts: 1, twins: 1, ..NONE }));
    }

    /// Who removes the best of those above, and adds it again, looks for a better one ever after.
    #[test]
    fn the_search_finds_wakes_for_nothing_after_a_removal() {
        breaks(Bug::None, Law::WaitIsTruthful, 4, || hub(Budget { losses: 1, inserts: 1, removals: 1, ..NONE }));
    }
}

#[test]
fn bugs_in_pushes_are_found_by_the_shortest_way() {
    let loss = Budget { losses: 1, inserts: 1, ..NONE };
    breaks(Bug::AcknowledgesWhatNeverCame, Law::BoundedStaleness, 2, || soon(pair(loss)));
    breaks(Bug::CountsWhatItDrops, Law::BoundedStaleness, 0, || soon(pair(loss)));
    breaks(Bug::NeverSendsAgain, Law::BoundedStaleness, 2, || soon(pair(loss)));
    breaks(Bug::WaitsForAnAcknowledgement, Law::WaitIsTruthful, 2, || soon(pair(loss)));
    breaks(Bug::KeepsPlacesOverACrash, Law::BoundedStaleness, 1, || {
        soon(pair(Budget { inserts: 1, crashes: 1, ..NONE }))
    });
    let late = Budget { syncs: 1, inserts: 1, crashes: 1, ..NONE };
    breaks(Bug::TrustsAFormerLife, Law::BoundedStaleness, 5, || soon(pair(late)));
    let replaced = Budget { inserts: 1, crashes: 1, removals: 1, ..NONE };
    breaks(Bug::RemembersWhoSent, Law::BoundedStaleness, 3, || soon(pair(replaced)));
}
