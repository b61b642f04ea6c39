//! Machines that push to each other.

use std::num::NonZeroUsize;
use std::time::Duration;

use gossip_core::{Economy, MessageKind, Overlay};

use crate::budget::Budget;
use crate::bug::Bug;
use crate::replica::Law;
use crate::scope::{Pushes, Scope, under_way};
use crate::value::Value;
use crate::{CLIQUE, LINE, NONE, PAIR, Wide, breaks, head, more, scope, search, seeing, sees};

/// How long a hole may stay open, and how long it does where places are right: what only a net beneath them closes in time
/// is found as well.
pub(crate) const STALE: u8 = 30;
pub(crate) const SOON: u8 = 10;

/// What is written, one a second, are numbers from here on.
pub(crate) const LOAD: u8 = 100;

fn load(seconds: u8) -> Vec<Wide> {
    (LOAD..LOAD + seconds).map(Wide::new::<8>).collect()
}

type Pushing = Scope<Wide>;

pub(crate) fn star(id: usize, count: usize) -> Overlay<usize> {
    Overlay::star(&id, 0..count)
}

pub(crate) fn line(id: usize, count: usize) -> Overlay<usize> {
    Overlay::tree(&id, 0..count, NonZeroUsize::MIN)
}

fn graph(id: usize, count: usize) -> Overlay<usize> {
    Overlay::of((0..count).filter(|&other| other != id))
}

/// Those who know each other push along an overlay. The first held an element, and the others have it.
fn pushing(links: &[[usize; 2]], overlay: fn(usize, usize) -> Overlay<usize>, budget: Budget) -> Pushing {
    let count = 1 + links.iter().flatten().max().expect("a link");
    let mut sets: Vec<&[u8]> = vec![&[]; count];
    sets[0] = &[1];
    let scope = scope::<8>(links, &sets, Economy::Balanced, budget);
    Scope { laws: Law::OF_PUSHES, ..along(overlay, load(STALE), scope) }
}

/// The same replicas, which push along an overlay, every 400 ms.
pub(crate) fn along<E: Value>(
    overlay: fn(usize, usize) -> Overlay<usize>,
    load: Vec<E>,
    mut scope: Scope<E>,
) -> Scope<E> {
    scope.config.batch_every = Some(Duration::from_millis(400));
    scope.pushes = Some(Pushes { overlay, load });
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
    scope.sets[0].extend([2, 3].map(Wide::new::<8>));
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

/// Bugs are to be seen before a net beneath closes what they open.
fn soon(mut scope: Pushing) -> Pushing {
    scope.pushes = scope.pushes.map(|pushes| Pushes { load: load(SOON), ..pushes });
    scope
}

#[test]
fn machines_that_push_keep_the_laws() {
    head();
    search("pushes, a pair", pair(Budget { wakes: 2, losses: 1, inserts: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { wakes: 1, losses: 1, repeats: 1, batches: 1, inserts: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { syncs: 1, losses: 1, repeats: 1, inserts: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { losses: 1, repeats: 1, inserts: 2, crashes: 1, ..NONE }));
    search("pushes, a pair", pair(Budget { wakes: 1, losses: 1, inserts: 1, removals: 1, ..NONE }));
    search("pushes, beside", beside(Budget { wakes: 1, losses: 1, repeats: 1, inserts: 1, ..NONE }));
    search("pushes, a star", hub(Budget { wakes: 1, losses: 1, inserts: 1, ..NONE }));
    search("pushes, a star", hub(Budget { losses: 1, repeats: 1, inserts: 2, ..NONE }));
    search("pushes, a star", hub(Budget { losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("pushes, a star", hub(Budget { losses: 1, inserts: 1, removals: 1, ..NONE }));
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

/// A message of a round past a crash, a seed that comes again, and a peer that is added again, while writes go on.
#[test]
fn whatever_befalls_them_nothing_stays_missing_under_writes() {
    head();
    search("former life, a pair", pair(Budget { syncs: 1, inserts: 1, crashes: 1, ..NONE }));
    search("former life, a pair", pair(Budget { wakes: 1, losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("former life, hasty", hasty(Budget { syncs: 1, losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("same seed, a pair", pair(Budget { wakes: 1, losses: 1, inserts: 1, twins: 1, ..NONE }));
    search("memory put back, a pair", pair(Budget { losses: 1, inserts: 2, restores: 1, ..NONE }));
    let replaced = Budget { inserts: 1, crashes: 1, removals: 1, ..NONE };
    search("replaced, a pair", pair(Budget { losses: 1, ..replaced }));
    search("replaced, a star", hub(replaced));
    search("replaced, a line", chain(replaced));
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
    let late = Budget { syncs: 1, losses: 1, inserts: 1, crashes: 1, ..NONE };
    breaks(Bug::TrustsAFormerLife, Law::BoundedStaleness, 4, || soon(pair(late)));
    let replaced = Budget { inserts: 1, crashes: 1, removals: 1, ..NONE };
    breaks(Bug::RemembersWhoSent, Law::BoundedStaleness, 3, || soon(pair(replaced)));
}
