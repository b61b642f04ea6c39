//! All that a network can do to a few replicas with a few elements, or with a few entries of a map: every order of messages,
//! losses, repeats, crashes, writes and removals, within a budget, on the machine as it is; and what comes of it, in quiet and
//! while writes go on.

mod budget;
mod bug;
mod ends;
mod maps;
mod push;
mod pushes;
mod replica;
mod scope;
mod shifted;
mod value;

use std::fmt::Debug;
use std::num::NonZeroU16;

use gossip_core::{Config, Economy, Element, Key, MessageBudget, MessageKind, TypeTag};
use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use budget::{Action, Budget};
use bug::Bug;
use replica::Law;
use scope::{Scope, State, under_way};
use value::Value;

/// A value of so many bytes: large ones are worth a sketch, however few there are. No type for each length, or each would
/// have a machine of its own compiled: with two lengths it took 36 s, and takes 22.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Wide(u8, u16);

impl Wide {
    const fn new<const N: usize>(value: u8) -> Self {
        Self(value, N as u16)
    }
}

impl Element for Wide {
    const TYPE: TypeTag = TypeTag::new("model.wide");

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend((0..self.1).map(|_| self.0));
    }

    // It stands last in whatever it is part of.
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (&value, len) = (input.first()?, u16::try_from(input.len()).ok()?);
        let is_one = core::mem::take(input).iter().all(|byte| *byte == value);
        is_one.then_some(Self(value, len))
    }
}

/// Who knows whom: two, three all of whom do, and three of whom one knows both others.
const PAIR: &[[usize; 2]] = &[[0, 1]];
const CLIQUE: &[[usize; 2]] = &[[0, 1], [0, 2], [1, 2]];
const LINE: &[[usize; 2]] = &[[0, 1], [1, 2]];

/// Nothing happens, but what a scope says.
const NONE: Budget = Budget::NONE;

/// A scope, where messages have no more room than one element takes, of `N` bytes: what is more goes out in bursts.
fn scope<const N: usize>(links: &[[usize; 2]], sets: &[&[u8]], economy: Economy, budget: Budget) -> Scope<Wide> {
    let sets = sets.iter().map(|set| set.iter().copied().map(Wide::new::<N>).collect()).collect();
    Scope::new(small(N, economy), links, sets, |_| Wide::new::<N>(0), budget)
}

/// A configuration whose messages have no more room than one element takes, of so many bytes.
fn small(bytes: usize, economy: Economy) -> Config {
    let mut config = Config::default();
    // The elements of a scope are chosen by what they hash to: they take as many cells as it is about. Their hash is XXH3
    // for good.
    config.key = Key::weak();
    config.max_element_bytes = u32::try_from(bytes).expect("few");
    config.max_message = MessageBudget::new(bytes + MessageBudget::OVERHEAD);
    config.economy = economy;
    config
}

/// What is so in some state, or the search has not seen what it is for.
fn sees<E: Value>(name: &'static str, condition: fn(&Scope<E>, &State<E>) -> bool) -> Property<Scope<E>> {
    Property::sometimes(name, condition)
}

macro_rules! seeing {
    ($scope:expr, $($kind:ident),+) => {{
        let mut scope = $scope;
        scope.reaches = vec![$(sees(MessageKind::$kind.name(), |_, state| under_way(state, MessageKind::$kind))),+];
        scope
    }};
}
use seeing;

/// Two that hold so little that it goes out whole.
fn tiny(budget: Budget) -> Scope<Wide> {
    seeing!(scope::<8>(PAIR, &[&[1], &[2]], Economy::Balanced, budget), Probe, Page, Repair, Proof)
}

/// Two that repair what the first cells tell.
fn first_cells(budget: Budget) -> Scope<Wide> {
    seeing!(scope::<300>(PAIR, &[&[1, 2], &[1, 3]], Economy::Balanced, budget), Probe, Cells, Repair, Give, Proof)
}

/// Two with elements that take more cells than the first.
fn more_cells(budget: Budget) -> Scope<Wide> {
    let scope = scope::<300>(PAIR, &[&[1, 32, 34, 36], &[1, 33]], Economy::Balanced, budget);
    seeing!(scope, Probe, Cells, WantCells, Repair, Give, Proof)
}

/// Two with elements that take yet more cells.
fn top_up(budget: Budget) -> Scope<Wide> {
    let mut scope = scope::<300>(PAIR, &[&[1, 25, 27, 29, 31, 33], &[1, 26]], Economy::Balanced, budget);
    scope.config.max_message = MessageBudget::MAX;
    scope.reaches.push(sees("top-up", |_, state| {
        state.replicas.iter().any(|replica| replica.machine.stats().total.top_ups > 0)
    }));
    scope
}

/// Two that page what they hold.
fn pages(budget: Budget) -> Scope<Wide> {
    seeing!(scope::<300>(PAIR, &[&[1, 2, 4], &[1, 3]], Economy::Pages, budget), Probe, Page, Give, Proof)
}

/// The same with two messages in an answer: whoever inserts in a walk fetches, and the order of what is then under way is
/// most of the states. With the default window they were 20 times as many, for the same insert and crash.
fn short_pages(budget: Budget) -> Scope<Wide> {
    let mut scope = pages(budget);
    scope.config.window = NonZeroU16::new(2).expect("two");
    scope
}

/// Two with numbers, which cells tell.
fn numbers(budget: Budget) -> Scope<u64> {
    let mut config = Config::default();
    config.max_message = MessageBudget::MIN;
    let common = || 0..40;
    let sets = vec![common().chain([100]).collect(), common().chain([200]).collect()];
    let scope = Scope::new(config, PAIR, sets, |_| 300, budget);
    seeing!(scope, Probe, Cells, Repair, Proof)
}

/// Three with little to hold.
fn three(links: &[[usize; 2]], budget: Budget) -> Scope<Wide> {
    seeing!(scope::<8>(links, &[&[1], &[2], &[3]], Economy::Balanced, budget), Probe, Page, Repair, Proof)
}

/// How many more times clocks may move on than in each run of the tests.
fn more() -> u8 {
    std::env::var("MORE").map_or(0, |more| more.parse().expect("a number"))
}

/// The head of the table.
fn head() {
    println!("| scope | what happens | states | unique | depth | properties | time |");
    println!("|---|---|---|---|---|---|---|");
}

/// Searches all of a scope, and adds a row to the table. `MORE=1` lets clocks move on once more, which takes up to a
/// hundred times as long.
#[expect(clippy::disallowed_methods, reason = "the table says how long a search takes")]
fn search<E: Value>(name: &str, mut scope: Scope<E>) {
    scope.budget.wakes += more();
    let start = std::time::Instant::now();
    let (budget, properties) = (scope.budget.to_string(), scope.properties().len());
    let checker = scope.checker().threads(2).spawn_dfs().join();
    let [states, unique, depth] = [checker.state_count(), checker.unique_state_count(), checker.max_depth()];
    let seconds = start.elapsed().as_secs_f32();
    println!(
        "| {name:<22} | {budget:<40} | {states:>8} | {unique:>7} | {depth:>5} | {properties:>10} | {seconds:>5.1} s |"
    );
    for (law, path) in checker.discoveries() {
        if Law::OF_PUSHES.iter().chain(Law::OF_ROUNDS).any(|it| it.name() == law) {
            println!(
                "{law} is broken: {}{}",
                tell(path.clone()).join("; "),
                checker.model().tell_hole(path.last_state())
            );
        }
    }
    checker.assert_properties();
}

#[test]
fn every_scope_keeps_the_laws() {
    head();
    search("tiny", tiny(Budget { wakes: 2, losses: 1, repeats: 1, inserts: 1, crashes: 1, ..NONE }));
    search("tiny", tiny(Budget { wakes: 3, losses: 2, batches: 1, ..NONE }));
    search("first cells", first_cells(Budget { wakes: 3, losses: 2, repeats: 1, batches: 1, ..NONE }));
    search("first cells", first_cells(Budget { wakes: 1, losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("more cells", more_cells(Budget { wakes: 1, losses: 1, repeats: 1, ..NONE }));
    search("more cells", more_cells(Budget { wakes: 1, batches: 1, inserts: 1, ..NONE }));
    search("top-up", top_up(Budget { wakes: 2, losses: 1, repeats: 1, inserts: 1, ..NONE }));
    search("top-up", top_up(Budget { wakes: 1, losses: 1, crashes: 1, ..NONE }));
    search("pages", pages(Budget { wakes: 1, losses: 1, repeats: 1, ..NONE }));
    search("pages, window of 2", short_pages(Budget { wakes: 1, losses: 1, inserts: 1, crashes: 1, ..NONE }));
    search("numbers", numbers(Budget { wakes: 2, losses: 1, repeats: 1, inserts: 1, ..NONE }));
    search("numbers", numbers(Budget { wakes: 2, batches: 1, crashes: 1, ..NONE }));
    search("three, a line", three(LINE, Budget { syncs: 2, losses: 1, crashes: 1, ..NONE }));
    search("three, a line", three(LINE, Budget { syncs: 2, repeats: 1, inserts: 1, ..NONE }));
    search("three, all", three(CLIQUE, Budget { syncs: 2, losses: 1, batches: 1, ..NONE }));
}

/// Half of the states of all scopes, with those of maps.
#[test]
#[ignore = "takes half a minute"]
fn large_scopes_keep_the_laws() {
    head();
    search("tiny", tiny(Budget { wakes: 4, losses: 1, crashes: 1, ..NONE }));
    search("pages", pages(Budget { wakes: 2, losses: 1, repeats: 1, ..NONE }));
}

/// What is done on the way.
fn tell<E: Value>(path: Path<State<E>, Action>) -> Vec<String> {
    path.into_vec().into_iter().filter_map(|(state, action)| Some(state.tell(action?))).collect()
}

/// Searches for the shortest way to break this law with this bug, and tells it; it must take so many steps.
#[expect(clippy::disallowed_methods, reason = "it says how long a search takes")]
#[track_caller]
fn breaks<E: Value>(bug: impl Into<E::Malady> + Copy + Debug, law: Law, steps: usize, scope: impl Fn() -> Scope<E>) {
    let start = std::time::Instant::now();
    let mut shortest: Option<(Vec<String>, String)> = None;
    let mut searched = [0; 3];
    loop {
        let mut scope = scope();
        scope.malady = bug.into();
        scope.reaches.clear();
        if law == Law::BoundedStaleness {
            scope.laws = &[Law::BoundedStaleness];
        }
        // Of what is found in one batch of states the last is told, so there may be a shorter way.
        let depth = shortest.as_ref().map_or(usize::MAX, |(actions, _)| actions.len() + 1);
        let checker = scope.checker().finish_when(HasDiscoveries::AnyFailures).target_max_depth(depth);
        let checker = checker.spawn_bfs().join();
        searched = searched.max([checker.state_count(), checker.unique_state_count(), checker.max_depth()]);
        let Some(path) = checker.discovery(law.name()) else { break };
        let hole = checker.model().tell_hole(path.last_state());
        shortest = Some((tell(path), hole));
    }
    let (shortest, hole) = shortest.unwrap_or_else(|| panic!("{bug:?} went unnoticed"));
    let [states, unique, depth] = searched;
    println!(
        "{bug:?} breaks {:?}, where there may be {}: {}{hole}; {states} states, {unique} unique, depth {depth}, {:.1} s",
        law.name(),
        scope().budget,
        shortest.join("; "),
        start.elapsed().as_secs_f32()
    );
    assert_eq!(shortest.len(), steps);
}

#[test]
fn bugs_are_found_by_the_shortest_way() {
    let write = Budget { wakes: 2, inserts: 1, ..NONE };
    breaks(Bug::RepeatsNonce, Law::Convergence, 2, || more_cells(write));
    breaks(Bug::WaitsForEver, Law::WaitIsTruthful, 4, || tiny(Budget { wakes: 2, losses: 2, ..NONE }));
    breaks(Bug::ProvesTheNewest, Law::HonestProofs, 4, || tiny(write));
    breaks(Bug::TellsNoProof, Law::Progress, 0, || tiny(write));
    breaks(Bug::ProvesWhatCrosses, Law::HonestProofs, 2, || tiny(write));
    breaks(Bug::RollsBack, Law::NothingLostNothingInvented, 3, || tiny(write));
}
