//! Machines over maps: writes and removals, under one key and under two, with crashes and with saves put back.

use std::collections::BTreeSet;

use gossip_core::{Config, Digest, Economy, Engine, Forgetting, Map, MapEvent, MessageKind, Overlay, ReplicaId, Rule};

use crate::budget::Budget;
use crate::bug::Malady;
use crate::pushes::{LOAD, SOON, STALE, along, line, star};
use crate::replica::Law;
use crate::scope::{Pushes, Scope, under_way};
use crate::value::Value;
use crate::{CLIQUE, LINE, NONE, PAIR, Wide, breaks, head, search, seeing, sees, small};

/// A value of so many bytes, which tells its key. Those below [`KEPT`] share a key with nine others, and are removed; each other
/// has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Under(u8, u16);

const KEPT: u8 = 50;

impl Under {
    const fn new<const N: usize>(value: u8) -> Self {
        Self(value, N as u16)
    }

    const fn key(self) -> u8 {
        if self.0 < KEPT { self.0 / 10 } else { self.0 }
    }
}

impl Value for Under {
    type Kind = Forgetting<u8, Wide>;
    /// The bytes of a save.
    type Saved = Vec<u8>;
    type Malady = Breaking;

    fn machine(config: &Config, replica: usize, life: u8, seed: u64, saved: Option<&Vec<u8>>) -> Map<usize, u8, Wide> {
        // No two lives share one, whatever the seed. Marks lie behind nearly all entries then: a walk is told of them last,
        // when it has passed what is written meanwhile.
        let id = ReplicaId::from_random([replica as u8, life, 0, 0, 0, 0, 0, 0x3f]);
        match saved {
            Some(saved) => Map::restore(config.clone(), id, seed, saved).expect("it was saved"),
            None => Map::new(config.clone(), id, seed),
        }
    }

    fn save(machine: &Map<usize, u8, Wide>) -> Vec<u8> {
        machine.save()
    }

    fn insert(self, machine: &mut Map<usize, u8, Wide>) -> Vec<Self> {
        let replaced: Vec<Self> = machine.get_all(&self.key()).map(|value| Self(value.0, value.1)).collect();
        assert_eq!(machine.insert(self.key(), Wide(self.0, self.1)), Ok(replaced.len()));
        replaced
    }

    fn remove(machine: &mut Map<usize, u8, Wide>) -> Vec<Self> {
        let removed: Vec<Self> = Self::held(machine).into_iter().filter(|value| value.0 < KEPT).collect();
        removed.iter().for_each(|value| _ = machine.remove(&value.key()));
        removed
    }

    fn held(machine: &Map<usize, u8, Wide>) -> BTreeSet<Self> {
        machine.iter().flat_map(|(key, _)| machine.get_all(key)).map(|value| Self(value.0, value.1)).collect()
    }

    fn proof(event: &MapEvent<usize, u8>) -> Option<(usize, Digest)> {
        match event {
            MapEvent::InSync { peer, digest, .. } => Some((*peer, *digest)),
            MapEvent::Forked { replica } => panic!("{replica:?} is the id of one life"),
            _ => None,
        }
    }
}

/// The rule that all lives of all replicas break.
#[derive(Clone, Default, PartialEq, Hash)]
pub(crate) struct Breaking(Option<Rule>);

impl From<Rule> for Breaking {
    fn from(rule: Rule) -> Self {
        Self(Some(rule))
    }
}

impl Malady<Under> for Breaking {
    fn begin(&mut self, machine: &mut Engine<usize, Forgetting<u8, Wide>>) {
        self.0.into_iter().for_each(|rule| machine.break_rule(rule));
    }
}

/// A scope of maps that have met, where messages have no more room than one entry takes.
fn scope<const N: usize>(links: &[[usize; 2]], sets: &[&[u8]], economy: Economy, budget: Budget) -> Scope<Under> {
    /// What an entry takes beside its value.
    const BESIDE: usize = 90;
    let sets = sets.iter().map(|set| set.iter().copied().map(Under::new::<N>).collect()).collect();
    let scope = Scope::new(small(N + BESIDE, economy), links, sets, |left| Under::new::<N>(5 + left), budget);
    Scope { have_met: true, laws: Law::OF_MAPS, ..scope }
}

/// The same, where each write has a key of its own.
fn apart<const N: usize>(scope: Scope<Under>) -> Scope<Under> {
    Scope { fresh: |left| Under::new::<N>(10 * (1 + left)), ..scope }
}

/// Two that hold so little that it goes out whole.
fn tiny(budget: Budget) -> Scope<Under> {
    seeing!(scope::<8>(PAIR, &[&[1], &[]], Economy::Balanced, budget), Probe, Cells, Page, Give, Proof)
}

/// Two that repair what cells tell.
fn cells(budget: Budget) -> Scope<Under> {
    seeing!(scope::<300>(PAIR, &[&[1, 50], &[]], Economy::Balanced, budget), Probe, Cells, WantCells, Repair, Proof)
}

/// Two that page what they hold.
fn pages(budget: Budget) -> Scope<Under> {
    seeing!(scope::<300>(PAIR, &[&[1], &[]], Economy::Pages, budget), Probe, Page, Give, Proof)
}

/// The same with more than goes out in one message.
fn long_pages(budget: Budget) -> Scope<Under> {
    seeing!(scope::<300>(PAIR, &[&[1, 10], &[20]], Economy::Pages, budget), Probe, Page, Give, Proof)
}

/// Two that each wrote what the other had not seen.
fn concurrent(budget: Budget) -> Scope<Under> {
    scope::<300>(PAIR, &[&[1], &[2]], Economy::Balanced, budget)
}

/// Three, the second of which knows both others.
fn three(budget: Budget) -> Scope<Under> {
    scope::<8>(LINE, &[&[1], &[], &[]], Economy::Balanced, budget)
}

/// The same with so much that they repair what cells tell.
fn three_cells(budget: Budget) -> Scope<Under> {
    scope::<300>(LINE, &[&[1, 50], &[], &[]], Economy::Balanced, budget)
}

/// Those who know each other push along an overlay.
fn pushing(links: &[[usize; 2]], overlay: fn(usize, usize) -> Overlay<usize>, budget: Budget) -> Scope<Under> {
    let sets: &[&[u8]] = &[&[1], &[], &[]];
    let count = 1 + links.iter().flatten().max().expect("a link");
    let scope = scope::<8>(links, &sets[..count], Economy::Balanced, budget);
    Scope { laws: Law::OF_MAPS_THAT_PUSH, ..along(overlay, load(STALE), scope) }
}

/// What is written, one a second.
fn load(seconds: u8) -> Vec<Under> {
    (LOAD..LOAD + seconds).map(Under::new::<8>).collect()
}

fn pushing_pair(budget: Budget) -> Scope<Under> {
    pushing(PAIR, star, budget)
}

/// Broken rules are to be seen before a net beneath closes what they open.
fn soon(mut scope: Scope<Under>) -> Scope<Under> {
    scope.pushes = scope.pushes.map(|pushes| Pushes { load: load(SOON), ..pushes });
    scope
}

/// What was sent before its sender began anew is yet to come.
fn late<E: Value>(mut scope: Scope<E>) -> Scope<E> {
    scope.reaches.push(sees("a former life", |_, state| {
        state.wire.iter().any(|datagram| datagram.life < state.replicas[datagram.from].life)
    }));
    scope
}

#[test]
fn maps_keep_the_laws() {
    head();
    let written = Budget { losses: 1, inserts: 1, deletes: 1, ..NONE };
    let once = Budget { syncs: 1, ..written };
    search("map, tiny", tiny(Budget { wakes: 2, ..written }));
    search("map, tiny", tiny(Budget { repeats: 1, inserts: 2, ..once }));
    search("map, tiny", late(tiny(Budget { repeats: 1, crashes: 1, ..once })));
    search("map, tiny", late(tiny(Budget { repeats: 1, restores: 1, ..once })));
    search("map, cells", cells(Budget { repeats: 1, inserts: 2, ..once }));
    search("map, cells", late(cells(Budget { restores: 1, ..once })));
    search("map, pages", pages(Budget { inserts: 2, ..once }));
    search("map, pages", pages(Budget { losses: 0, repeats: 1, restores: 1, ..once }));
    search("map, long pages", long_pages(Budget { deletes: 0, ..once }));
    search("map, concurrent", concurrent(Budget { crashes: 1, ..once }));
    search("map, three", three(Budget { syncs: 2, losses: 0, ..once }));
    search("map, three, cells", three_cells(Budget { syncs: 2, inserts: 1, restores: 1, ..NONE }));
}

#[test]
fn maps_that_push_keep_the_laws() {
    head();
    let written = Budget { losses: 1, inserts: 1, deletes: 1, ..NONE };
    search("map, pushes", pushing_pair(Budget { wakes: 1, ..written }));
    search("map, pushes", pushing_pair(Budget { repeats: 1, inserts: 2, ..written }));
    search("map, pushes", late(pushing_pair(Budget { crashes: 1, ..written })));
    search("map, pushes", late(pushing_pair(Budget { losses: 0, restores: 1, ..written })));
    search("map, pushes, two keys", apart::<8>(pushing_pair(Budget { inserts: 2, ..written })));
    search("map, pushes, a star", pushing(CLIQUE, star, written));
    search("map, pushes, a line", pushing(LINE, line, written));
}

#[test]
#[ignore = "takes half a minute"]
fn large_scopes_of_maps_keep_the_laws() {
    head();
    let once = Budget { syncs: 1, losses: 1, inserts: 1, ..NONE };
    search("map, long pages", long_pages(Budget { crashes: 1, ..once }));
    search("map, cells", late(cells(Budget { deletes: 1, crashes: 1, restores: 1, ..once })));
}

/// More at once.
#[test]
#[ignore = "takes minutes"]
fn maps_keep_the_laws_whatever_comes_together() {
    head();
    let written = Budget { losses: 1, inserts: 2, deletes: 1, ..NONE };
    search("map, pages", pages(Budget { syncs: 1, repeats: 1, ..written }));
    search("map, tiny", late(tiny(Budget { syncs: 1, crashes: 1, restores: 1, ..written })));
    search("map, cells", late(cells(Budget { syncs: 1, crashes: 1, restores: 1, ..written })));
    search("map, pushes", late(pushing_pair(Budget { crashes: 1, ..written })));
    search("map, pushes", late(pushing_pair(Budget { restores: 1, ..written })));
    search("map, pushes, two keys", apart::<8>(pushing_pair(Budget { crashes: 1, ..written })));
}

#[test]
fn broken_rules_are_found_by_the_shortest_way() {
    let written = Budget { losses: 1, inserts: 1, deletes: 1, ..NONE };
    let once = Budget { syncs: 1, ..written };
    breaks(Rule::Verdict, Law::NothingLostNothingInvented, 6, || cells(Budget { inserts: 2, ..once }));
    breaks(Rule::Unasked, Law::NothingLostNothingInvented, 6, || cells(Budget { inserts: 2, ..once }));
    breaks(Rule::TellGone, Law::Progress, 1, || cells(once));
    // Where one side alone has changed, it is known what went.
    breaks(Rule::Drop, Law::Progress, 2, || apart::<300>(cells(once)));
    breaks(Rule::Wish, Law::NothingLostNothingInvented, 2, || cells(Budget { inserts: 2, ..once }));
    breaks(Rule::Give, Law::NothingLostNothingInvented, 0, || cells(once));
    breaks(Rule::Refuse, Law::NeverComesBack, 7, || cells(Budget { inserts: 2, ..once }));
    breaks(Rule::Walk, Law::NothingLostNothingInvented, 7, || long_pages(Budget { deletes: 0, crashes: 1, ..once }));
    let twice = Budget { syncs: 2, inserts: 2, restores: 1, ..NONE };
    breaks(Rule::WishesFirst, Law::NothingLostNothingInvented, 9, || three_cells(twice));
    breaks(Rule::PushGone, Law::BoundedStaleness, 1, || soon(pushing_pair(written)));
    // Where all is under one key, what a replica wrote before is gone once it has written again, so a mark that is raised
    // over a gap says nothing false.
    let gap = Budget { losses: 1, inserts: 2, ..NONE };
    breaks(Rule::WithoutGap, Law::NothingLostNothingInvented, 3, || apart::<8>(pushing_pair(gap)));
    let often = Budget { inserts: 3, deletes: 1, ..NONE };
    breaks(Rule::OwnInsert, Law::NothingLostNothingInvented, 6, || apart::<8>(pushing_pair(often)));
    breaks(Rule::TakeOver, Law::BoundedStaleness, 6, || {
        soon(apart::<8>(pushing_pair(Budget { deletes: 1, crashes: 1, ..gap })))
    });
}
