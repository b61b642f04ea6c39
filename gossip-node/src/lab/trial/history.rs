//! What happened to each element: who came to hold it when, and what reads showed of it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use gossip_core::Time;

use super::{Decimal, Figures, Quantiles};

/// What happened in a run. Elements and nodes are known by their numbers, from 0.
///
/// Put in first what nodes held and acknowledged, in any order, then the reads: a read counts for the elements that were
/// acknowledged by then.
///
/// ```
/// use gossip_core::Time;
/// use gossip_node::lab::trial::History;
///
/// let mut history = History::new(2);
/// history.acknowledge(0, Time::from_millis(10));
/// history.hold(0, 0, Time::from_millis(10));
/// history.hold(0, 1, Time::from_millis(110));
/// history.read(Time::from_millis(50), |_element| false);
/// history.read_finally(|_element| true);
/// let figures = history.figures(2, 1);
/// assert_eq!(figures.latency_ms.to_string(), "median 40, 95 % 40, 99 % 40, all 40 ms");
/// assert_eq!(figures.true_latency_ms.to_string(), "median 100, 95 % 100, 99 % 100, all 100 ms");
/// assert_eq!(figures.stale.to_string(), "1");
/// ```
#[derive(Clone, Debug)]
pub struct History {
    nodes: usize,
    elements: Vec<Element>,
    /// Whether a node lost its memory.
    forgets: bool,
    final_reads: usize,
}

#[derive(Clone, Debug)]
struct Element {
    acknowledged: Option<Time>,
    /// Since when each node holds it; [`NEVER`] if it does not.
    held: Vec<Time>,
    /// Whether its only holder lost its memory.
    is_gone: bool,
    /// When the last later read was asked for that misses it.
    missed: Option<Time>,
    final_misses: usize,
}

/// Later than all that happens.
const NEVER: Time = Time::MAX;

impl History {
    /// Nothing yet, of so many nodes.
    pub const fn new(nodes: usize) -> Self {
        Self { nodes, elements: Vec::new(), forgets: false, final_reads: 0 }
    }

    /// The writer of an element was told that it is held. If it is told more than once, the first time counts.
    pub fn acknowledge(&mut self, element: usize, at: Time) {
        let acknowledged = &mut self.element(element).acknowledged;
        *acknowledged = Some(acknowledged.map_or(at, |before| before.min(at)));
    }

    /// A node came to hold an element. What it held already it has held since then.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn hold(&mut self, element: usize, node: usize, at: Time) {
        let since = &mut self.element(element).held[node];
        // The least: who learned an element may be asked to write it too, and acknowledges it later.
        *since = at.min(*since);
    }

    /// A node lost its memory: what it held by then and no other node ever held is gone with it. Put in after all that
    /// nodes held.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn forget(&mut self, node: usize, at: Time) {
        self.forgets = true;
        for element in &mut self.elements {
            let others = || (0..self.nodes).filter(|&other| other != node).map(|other| element.held[other]);
            element.is_gone |= element.held[node] <= at && others().all(|since| since == NEVER);
        }
    }

    /// The acknowledged elements that are [gone](Self::forget) with their only holder.
    pub fn gone(&self) -> BTreeSet<usize> {
        let elements = self.elements.iter().enumerate();
        elements.filter(|(_, element)| element.is_gone && element.acknowledged.is_some()).map(|(at, _)| at).collect()
    }

    /// Whether a node lost its memory.
    pub(crate) const fn forgets(&self) -> bool {
        self.forgets
    }

    /// A read that was asked for at this time.
    pub fn read(&mut self, asked: Time, shows: impl Fn(usize) -> bool) {
        for (number, element) in self.elements.iter_mut().enumerate() {
            if element.acknowledged.is_some_and(|at| at <= asked) && !shows(number) {
                element.missed = element.missed.max(Some(asked));
            }
        }
    }

    /// Reads of one node, each of which shows what the node holds as it is asked for. They are to be in the order of
    /// time. O(elements · log reads).
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn read_instantly(&mut self, node: usize, asked: &[Time]) {
        for element in &mut self.elements {
            let Some(acknowledged) = element.acknowledged else { continue };
            // An element that is held stays held, so the reads that miss it come first.
            let before = asked.partition_point(|&at| at < element.held[node]);
            // Who reads before the acknowledgement was promised nothing.
            let last = asked[..before].last().filter(|&&at| at >= acknowledged);
            element.missed = element.missed.max(last.copied());
        }
    }

    /// Reads of all nodes at the very end, each of which shows what its node holds then.
    pub fn read_all_finally(&mut self, at: Time) {
        self.final_reads += self.nodes;
        for element in &mut self.elements {
            element.final_misses += element.held.iter().filter(|&&since| since > at).count();
        }
    }

    /// One of the reads at the very end.
    pub fn read_finally(&mut self, shows: impl Fn(usize) -> bool) {
        self.final_reads += 1;
        for (number, element) in self.elements.iter_mut().enumerate() {
            element.final_misses += usize::from(!shows(number));
        }
    }

    /// The figures of the run.
    pub fn figures(&self, ops: u64, server_messages: u64) -> Figures {
        let acknowledged = || self.elements.iter().filter(|element| element.acknowledged.is_some());
        let count = |which: &dyn Fn(&Element) -> bool| {
            Decimal::whole(acknowledged().filter(|element| which(element)).count() as u64)
        };
        // One that is lost has no latency: it would be that of the whole run, and hide what the others took.
        let whole = |element: &&Element| element.final_misses == 0;
        // A final read that shows it tells that another node did hold it, and then all should.
        let is_gone = |element: &Element| element.is_gone && element.final_misses == self.final_reads;
        Figures {
            ops: Decimal::whole(ops),
            server_messages: Decimal::whole(server_messages),
            msgs_per_op: Decimal::ratio(server_messages, ops),
            latency_ms: Quantiles::of(acknowledged().filter(whole).map(Element::latency).collect()),
            true_latency_ms: Quantiles::of(acknowledged().filter_map(Element::true_latency).collect()),
            lost: count(&|element| element.final_misses > 0 && !is_gone(element)),
            stale: count(&|element| element.missed.is_some() || element.final_misses > 0),
            never_read: count(&|element| element.final_misses == self.final_reads),
        }
    }

    /// How long after a heal all nodes hold everything that any of them held then.
    pub fn healed(&self, heal: Time) -> Took {
        let there = self.elements.iter().filter(|element| element.first() <= heal && !element.is_gone);
        there.map(|element| Took::since(heal, element.last())).max().unwrap_or_default()
    }

    /// How long the others took among themselves while a node was isolated, at the most: from when the first of them
    /// held an element to when the last of them did. Of the elements that were on their way among them in that time.
    pub fn others_took(&self, isolated: usize, from: Time, until: Time) -> Took {
        let took = |element: &Element| {
            let others = || (0..self.nodes).filter(|&node| node != isolated).map(|node| element.held[node]);
            let (first, last) = (others().min()?, others().max()?);
            // Those that were whole before, or began after, say nothing about the isolation.
            (first < until && last > from).then(|| Took::since(first, last))
        };
        self.elements.iter().filter(|element| !element.is_gone).filter_map(took).max().unwrap_or_default()
    }

    fn element(&mut self, number: usize) -> &mut Element {
        if self.elements.len() <= number {
            let held = vec![NEVER; self.nodes];
            // Elements come in any order, since nodes tell what they hold before their writers are told.
            let unknown = Element { acknowledged: None, held, is_gone: false, missed: None, final_misses: 0 };
            self.elements.resize(number + 1, unknown);
        }
        &mut self.elements[number]
    }
}

impl Element {
    fn first(&self) -> Time {
        self.held.iter().copied().min().unwrap_or(NEVER)
    }

    fn last(&self) -> Time {
        self.held.iter().copied().max().unwrap_or(NEVER)
    }

    fn latency(&self) -> Duration {
        let (missed, acknowledged) = (self.missed.unwrap_or_default(), self.acknowledged.unwrap_or_default());
        missed.saturating_since(acknowledged)
    }

    fn true_latency(&self) -> Option<Duration> {
        Some(self.last()).filter(|&last| last < NEVER).map(|last| last.saturating_since(self.first()))
    }
}

/// How long something took.
///
/// ```
/// use std::time::Duration;
/// use gossip_core::Time;
/// use gossip_node::lab::trial::{History, Took};
///
/// let mut history = History::new(2);
/// history.hold(0, 0, Time::from_millis(10));
/// assert_eq!(history.healed(Time::from_millis(50)), Took::Longer);
/// history.hold(0, 1, Time::from_millis(300));
/// let took = history.healed(Time::from_millis(50));
/// assert_eq!((took, took.to_string()), (Took::Time(Duration::from_millis(250)), "250 ms".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Took {
    /// So long.
    Time(Duration),
    /// Longer than the run.
    Longer,
}

impl Took {
    fn since(start: Time, end: Time) -> Self {
        // Not a number: how much longer it would have taken, nobody knows.
        if end == NEVER { Self::Longer } else { Self::Time(end.saturating_since(start)) }
    }
}

/// No time.
impl Default for Took {
    fn default() -> Self {
        Self::Time(Duration::ZERO)
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "{} ms", Decimal::millis(*time)),
            Self::Longer => f.write_str("longer than the run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    const fn took(millis: u64) -> Took {
        Took::Time(Duration::from_millis(millis))
    }

    /// Three nodes; each element is written at node 0, at 100 ms times its number, and acknowledged at once.
    fn history(held_later: &[[u64; 2]]) -> History {
        let mut history = History::new(3);
        for (element, later) in held_later.iter().enumerate() {
            let at = ms(100 * element as u64);
            history.acknowledge(element, at);
            history.hold(element, 0, at);
            for (node, &millis) in (1..).zip(later) {
                if millis < u64::MAX {
                    history.hold(element, node, at + Duration::from_millis(millis));
                }
            }
        }
        history
    }

    fn figures(mut history: History, end: Time) -> Figures {
        history.read_all_finally(end);
        history.figures(10, 25)
    }

    fn times(millis: &[u64]) -> Quantiles {
        Quantiles::of(millis.iter().map(|&millis| Duration::from_millis(millis)).collect())
    }

    fn counts(figures: &Figures) -> [Decimal; 3] {
        [figures.lost, figures.stale, figures.never_read]
    }

    #[test]
    fn what_reads_see_ends_with_the_last_read_that_misses_an_element() {
        let mut history = history(&[[50, 200], [50, 300]]);
        // Of element 0: missed at 40 by node 1, shown at 60, missed at 190 by node 2, and shown from 200 on.
        history.read_instantly(1, &[40, 60].map(ms));
        history.read_instantly(2, &[190, 200, 420].map(ms));
        // Element 1, written at 100, is missed at 190 and 200, and comes to node 2 at 400, in time for the final reads.
        let figures = figures(history, ms(400));
        assert_eq!(figures.latency_ms, times(&[190, 100]));
        assert_eq!(figures.true_latency_ms, times(&[200, 300]));
        assert_eq!(counts(&figures), [0, 2, 0].map(Decimal::whole));
        assert_eq!((figures.msgs_per_op, figures.ops), (Decimal::ratio(5, 2), Decimal::whole(10)));
    }

    #[test]
    fn reads_before_the_acknowledgement_count_for_nothing() {
        let mut history = history(&[[0, 0], [50, 60]]);
        history.read_instantly(2, &[ms(99)]);
        let figures = figures(history, ms(1_000));
        assert_eq!(figures.latency_ms, times(&[0, 0]));
        assert_eq!(counts(&figures), [0, 0, 0].map(Decimal::whole));
    }

    #[test]
    fn reads_that_are_told_count_as_instant_ones_of_what_is_held() {
        let held = [[50, 200], [50, 300], [7, u64::MAX], [0, 1]];
        let [mut told, mut instant] = [history(&held), history(&held)];
        let asked: Vec<_> = (0..90).map(|at| ms(at * 7)).collect();
        let since = told.clone();
        for node in 0..3 {
            instant.read_instantly(node, &asked);
            for &at in &asked {
                told.read(at, |element| since.elements[element].held[node] <= at);
            }
            told.read_finally(|element| since.elements[element].held[node] <= ms(700));
        }
        instant.read_all_finally(ms(700));
        assert_eq!(told.figures(1, 1), instant.figures(1, 1));
        assert_eq!(counts(&told.figures(1, 1)), [1, 3, 0].map(Decimal::whole));
    }

    #[test]
    fn what_a_final_read_misses_is_lost_and_has_no_latency() {
        // The second never comes to node 2; the third is shown by no final read.
        let mut history = history(&[[10, 20], [10, u64::MAX]]);
        history.acknowledge(2, ms(200));
        history.read_instantly(2, &[ms(150)]);
        let figures = figures(history, ms(1_000));
        assert_eq!(figures.latency_ms, times(&[0]));
        assert_eq!(figures.true_latency_ms, times(&[20]));
        assert_eq!(counts(&figures), [2, 2, 1].map(Decimal::whole));
    }

    #[test]
    fn what_is_gone_with_its_only_holder_is_not_lost_and_all_else_is() {
        const NOWHERE: u64 = u64::MAX;
        // Node 0 loses its memory at 250: by then it has acknowledged the first three, and node 1 comes to hold the second.
        let held = [[NOWHERE; 2], [500, NOWHERE], [NOWHERE; 2], [NOWHERE; 2]];
        let of = |forgets: bool| {
            let mut history = history(&held);
            history.hold(4, 0, ms(10));
            if forgets {
                history.forget(0, ms(250));
            }
            history.read_finally(|element| element == 1);
            (0..2).for_each(|_| history.read_finally(|_| false));
            history
        };
        // What nobody acknowledged counts for nothing; what was written after 250 does.
        let history = of(true);
        assert_eq!((history.gone(), history.forgets()), (BTreeSet::from([0, 2]), true));
        assert_eq!(counts(&history.figures(1, 1)), [2, 4, 3].map(Decimal::whole));
        let history = of(false);
        assert_eq!((history.gone(), history.forgets()), (BTreeSet::new(), false));
        assert_eq!(counts(&history.figures(1, 1)), [4, 4, 3].map(Decimal::whole));
        // Shown by one node and not by the others, it was not gone.
        let mut history = self::history(&held[..1]);
        history.forget(0, ms(250));
        [true, false, false].iter().for_each(|shows| history.read_finally(|_| *shows));
        assert_eq!(counts(&history.figures(1, 1)), [1, 1, 0].map(Decimal::whole));
        assert_eq!((history.healed(ms(0)), history.others_took(2, ms(0), ms(900))), (took(0), took(0)));
    }

    #[test]
    fn what_was_not_acknowledged_counts_for_no_figure() {
        let mut history = History::new(2);
        history.hold(0, 0, ms(5));
        history.read_finally(|_| true);
        history.read_finally(|_| false);
        let figures = history.figures(1, 0);
        assert_eq!((figures.latency_ms, figures.true_latency_ms), (Quantiles::default(), Quantiles::default()));
        assert_eq!(counts(&figures), [0, 0, 0].map(Decimal::whole));
    }

    #[test]
    fn a_heal_is_over_when_all_hold_what_was_there_at_it() {
        // Written at 0, 100 and 200; whole at 900, 150 and 1 000.
        let history = history(&[[50, 900], [10, 50], [10, 800]]);
        assert_eq!(
            [0, 100, 199, 200, 950, 2_000].map(|at| history.healed(ms(at))),
            [900, 800, 701, 800, 50, 0].map(took)
        );
        let lacking = self::history(&[[50, u64::MAX]]);
        assert_eq!(lacking.healed(ms(0)), Took::Longer);
    }

    #[test]
    fn what_the_others_took_leaves_out_the_isolated_node_and_what_spread_before_or_after() {
        // Whole among nodes 0 and 1 after 50, 30 and 40 ms, at 50, 130 and 240.
        let history = history(&[[50, 5_000], [30, 5_000], [40, u64::MAX]]);
        let others = |from, until| history.others_took(2, ms(from), ms(until));
        assert_eq!([others(0, 1_000), others(50, 1_000), others(50, 200), others(250, 900)], [50, 40, 30, 0].map(took));
        // Of nodes 1 and 2, the first holds element 0 at 50.
        assert_eq!(history.others_took(0, ms(0), ms(100)), took(4_950));
        assert_eq!(history.others_took(1, ms(150), ms(300)), Took::Longer);
    }
}
