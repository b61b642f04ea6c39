//! What befalls a cluster in a run, all of it drawn from one seed.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use gossip_core::sim::{Chance, Checks, Fault, Latency, Memory, Network, Rng};
use gossip_core::{Config, Economy, Key, MessageBudget, Overlay, Time};

use super::hostile::Malice;
use crate::settings::Shape;

/// The cluster, and what happens to it and when. Equal seeds give equal plans.
///
/// ```
/// use gossip_node::lab::chaos::Schedule;
///
/// let schedule = Schedule::draw(1);
/// assert!((2..=12).contains(&schedule.replicas()));
/// assert!(schedule.hostile().all(|replica| replica < schedule.replicas()));
/// assert_eq!(format!("{schedule:?}"), format!("{:?}", Schedule::draw(1)));
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    pub(super) seed: u64,
    /// One for each replica.
    pub(super) configs: Vec<Config>,
    /// Of those that mean harm, what they do.
    pub(super) hostile: Vec<(usize, Malice)>,
    pub(super) shape: Shape,
    /// Whether elements are texts; else they are numbers.
    pub(super) texts: bool,
    pub(super) network: Network,
    pub(super) dawdling: Chance,
    pub(super) checks: Checks,
    pub(super) faults: Vec<(Time, Fault, Duration)>,
    pub(super) insertions: Vec<(Time, usize, u64)>,
    pub(super) ends: Time,
    /// What is written after that, so that the age of holes is seen while writes go on.
    pub(super) load: Vec<(Time, usize, u64)>,
}

/// How long writes go on once all is well, one a second: several audits.
const LOAD: u64 = 120;

impl Schedule {
    /// Draws the schedule of a seed.
    pub fn draw(seed: u64) -> Self {
        // The draws, and their order, are what a recorded seed stands for: with one more, or one earlier, each is
        // another run. So new ones go to the end.
        let mut draw = Draw(Rng::new(seed ^ u64::from_le_bytes(*b"chaos   ")));
        let replicas = draw.between(2, 12) as usize;
        let shape = match draw.below(5) {
            0 => Shape::None,
            // Twice as often as the others, being the default.
            1 | 2 => Shape::Star,
            3 => Shape::Tree(NonZeroUsize::new(draw.between(1, 4) as usize).expect("from 1")),
            _ => Shape::Topology,
        };
        let hostile = draw.hostile(shape, replicas);
        let lasting = Duration::from_secs(60 * draw.between(15, 120));
        let faults = draw.faults(replicas, lasting);
        let insertions = draw.insertions(replicas, lasting);
        // All is well only once the last fault is over: one that began late outlasts `lasting`.
        let ends = faults.iter().map(|&(at, _, lasting)| at + lasting);
        let ends = ends.chain(insertions.iter().map(|&(at, ..)| at)).max().unwrap_or(Time::ZERO);
        let mut schedule = Self {
            seed,
            configs: draw.configs(shape, replicas),
            hostile,
            shape,
            texts: draw.below(3) == 0,
            network: draw.network(),
            dawdling: draw.percent(&[0, 0, 5, 30]),
            checks: Checks {
                twins: draw.below(3) == 0,
                rehearsals: draw.percent(&[0, 1, 10]),
                early_polls: draw.percent(&[0, 10, 100]),
                staleness: None,
                proofs: true,
            },
            faults,
            insertions,
            ends,
            load: Vec::new(),
        };
        let honest: Vec<_> = schedule.honest().collect();
        // Numbers that no burst has.
        let writes = (0..LOAD).map(|second| {
            let at = ends + Duration::from_secs(second);
            (at, draw.of(&honest), (1 << 40) + second)
        });
        schedule.load = writes.collect();
        schedule
    }

    /// How many replicas there are, hostile ones included.
    pub fn replicas(&self) -> usize {
        self.configs.len()
    }

    /// Those of them that mean harm.
    pub fn hostile(&self) -> impl Iterator<Item = usize> {
        self.hostile.iter().map(|&(replica, _)| replica)
    }

    /// Along what elements are pushed: `star`, `tree:2` and so on, `graph` or `none`.
    pub fn overlay(&self) -> String {
        match self.shape {
            // No client tells anybody a topology here: the neighbours are those of [`place`].
            Shape::Topology => "graph".into(),
            shape => shape.to_string(),
        }
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = usize> {
        (0..self.replicas()).filter(|&replica| !self.hostile().any(|hostile| hostile == replica))
    }

    pub(super) fn malice(&self, replica: usize) -> Option<&Malice> {
        self.hostile.iter().find(|(hostile, _)| *hostile == replica).map(|(_, malice)| malice)
    }
}

/// The place of a replica; a graph is a ring with chords across.
pub(super) fn place(shape: Shape, me: usize, replicas: usize) -> Option<Overlay<usize>> {
    let all = 0..replicas;
    if shape != Shape::Topology {
        return shape.overlay(&me, all);
    }
    // A ring is whole as long as no two of its replicas fail; with the chords it has more than one way to each.
    let across = replicas / 2;
    let neighbours = [me + 1, me + replicas - 1, me + across, me + replicas - across];
    Some(Overlay::of(neighbours.map(|other| other % replicas).into_iter().filter(|&other| other != me)))
}

/// Whether all honest replicas reach each other without going through others, when nobody is cut off.
fn are_connected(shape: Shape, replicas: usize, hostile: &[usize]) -> bool {
    let honest: Vec<_> = (0..replicas).filter(|replica| !hostile.contains(replica)).collect();
    if shape == Shape::None {
        return true;
    }
    let mut reached: BTreeSet<_> = honest.first().copied().into_iter().collect();
    for _ in 0..replicas {
        for &one in &honest {
            let place = place(shape, one, replicas).expect("there is an overlay");
            let others = place.upstream().first().into_iter().chain(place.downstream());
            let edges: Vec<_> = others.copied().filter(|other| !hostile.contains(other)).chain([one]).collect();
            if edges.iter().any(|end| reached.contains(end)) {
                reached.extend(edges);
            }
        }
    }
    reached.len() == honest.len()
}

/// Beyond it, and those that all begin with, there are no further bursts: where pages do it all, each round pages all.
const MOST_INSERTIONS: usize = 3_000;

struct Draw(Rng);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// Both included.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    fn percent(&mut self, choices: &[u32]) -> Chance {
        Chance::percent(self.of(choices))
    }

    fn replica(&mut self, replicas: usize) -> usize {
        self.below(replicas as u64) as usize
    }

    fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// A span of any order of magnitude: most are short.
    fn span(&mut self) -> Duration {
        let longest = self.of(&[300, 5_000, 5_000, 60_000, 400_000]);
        self.millis(1, longest)
    }

    /// Up to two, and none that the others have to go through.
    fn hostile(&mut self, shape: Shape, replicas: usize) -> Vec<(usize, Malice)> {
        // Two runs of five have none: with no overlay either, each pair has to end with a proof.
        let wanted = self.of(&[0, 0, 1, 1, 2]);
        let mut hostile = Vec::new();
        // Most that are drawn may not be chosen, as in a small tree. There is a bound, so that each seed ends.
        for _ in 0..4 * wanted {
            let mut names: Vec<_> = hostile.iter().map(|&(name, _)| name).collect();
            names.push(self.replica(replicas));
            // Two honest ones at least have to be left, or there is nothing to keep in step.
            let is_new = names.iter().collect::<BTreeSet<_>>().len() == names.len();
            let fits = names.len() <= wanted && names.len() + 2 <= replicas;
            if is_new && fits && are_connected(shape, replicas, &names) {
                hostile.push((names[names.len() - 1], Malice::draw(&mut self.0)));
            }
        }
        hostile
    }

    fn configs(&mut self, shape: Shape, replicas: usize) -> Vec<Config> {
        let mut all = Config::default();
        // One element has to fit the smallest of the messages below, which have 256 bytes.
        all.max_element_bytes = 200;
        if self.below(2) == 0 {
            all.key = Key::secret([7; 16]);
        }
        all.batch_every = (shape != Shape::None).then(|| self.millis(20, 2_000));
        let round_every = self.of(&[1_000, 5_000, 30_000]);
        (0..replicas)
            .map(|_| {
                let mut config = all.clone();
                // Each replica has its own: only the key and the longest element have to be the cluster's.
                config.max_message = MessageBudget::new(self.of(&[256, 600, 1_200, 4_000, 65_536]));
                config.window = NonZeroU16::new(self.of(&[1, 2, 7, 32])).expect("from 1");
                config.work_per_second = self.of(&[0, 1 << 20, 16 << 20]);
                config.economy = self.of(&[
                    Economy::Pages,
                    Economy::FewestBytes,
                    Economy::Balanced,
                    Economy::Balanced,
                    Economy::Balanced,
                ]);
                config.round_every = self.millis(round_every / 2, round_every);
                config.answer_within = self.millis(50, 2_000);
                config
            })
            .collect()
    }

    fn network(&mut self) -> Network {
        let mean = self.of(&[1, 20, 100, 300]);
        let latency = match self.below(3) {
            0 => Latency::Constant(Duration::from_millis(mean)),
            1 => Latency::Uniform(Duration::from_millis(mean / 2), Duration::from_millis(4 * mean)),
            _ => Latency::Exponential(Duration::from_millis(mean)),
        };
        Network {
            latency,
            loss: self.percent(&[0, 1, 5, 15, 30]),
            duplication: self.percent(&[0, 1, 10, 30]),
            reordering: self.percent(&[0, 1, 10, 30]),
            truncation: self.percent(&[0, 0, 1, 5]),
        }
    }

    /// One after the other, several at once, or none for a while; and one replica may be slow all the time.
    fn faults(&mut self, replicas: usize, lasting: Duration) -> Vec<(Time, Fault, Duration)> {
        let end = Time::ZERO + lasting;
        let every = self.of(&[20_000, 60_000, 300_000]);
        let mut faults = Vec::new();
        let mut at = Time::ZERO + self.millis(0, 2 * every);
        while at < end {
            for _ in 0..self.of(&[1, 1, 1, 2, 4]) {
                let fault = self.fault(replicas);
                faults.push((at + self.millis(0, 2_000), fault, self.span()));
            }
            at = at + self.millis(0, 2 * every);
        }
        if self.below(3) == 0 {
            // 300 short stops, as of a process that gets too little of its machine: deadlines pass meanwhile, and are
            // due all at once.
            let (slow, pause, rest) = (self.replica(replicas), self.millis(50, 3_000), self.millis(50, 6_000));
            let mut at = Time::ZERO + self.millis(0, 600_000);
            for _ in 0..300 {
                at = at + pause + rest;
                if at < end {
                    faults.push((at, Fault::Pause(slow), pause));
                }
            }
        }
        faults
    }

    fn fault(&mut self, replicas: usize) -> Fault {
        let one = self.replica(replicas);
        let all = || 0..replicas;
        match self.below(9) {
            0 => Fault::Cut(all().filter(|_| self.below(2) == 0).collect()),
            1 => Fault::Cut(vec![one]),
            2 => {
                let links = all().flat_map(|from| all().map(move |to| (from, to)));
                Fault::Sever(links.filter(|(from, to)| from != to && self.below(3) == 0).collect())
            }
            3 | 4 => Fault::Pause(one),
            5 => Fault::Crash(one, Memory::Kept),
            6 => Fault::Crash(one, Memory::Lost),
            // Clocks jump both ways: after a jump forward all deadlines are due, after one back none is for a long
            // time.
            7 => Fault::Forward(one),
            _ => Fault::Back(one),
        }
    }

    /// What all begin with; then bursts, and silences between them; and one at the end, so that all have something to
    /// say.
    fn insertions(&mut self, replicas: usize, lasting: Duration) -> Vec<(Time, usize, u64)> {
        let (end, mut numbers) = (Time::ZERO + lasting, 0..);
        let mut insertions = Vec::new();
        for number in numbers.by_ref().take(self.of(&[0, 30, 500])) {
            // Everywhere at once: most rounds in the field compare sets that are equal, and not empty.
            insertions.extend((0..replicas).map(|replica| (Time::ZERO, replica, number)));
        }
        let silence = self.of(&[20_000, 60_000, 300_000]);
        let mut at = Time::ZERO + self.millis(0, silence);
        while at < end && insertions.len() < MOST_INSERTIONS {
            let most = self.of(&[1, 3, 10, 30, 300]);
            let (count, within, one) = (self.between(1, most), self.span(), self.replica(replicas));
            let everywhere = self.below(2) == 0;
            for number in numbers.by_ref().take(count as usize) {
                // A burst at one replica is a log that the others fetch; one everywhere, differences between all pairs.
                let replica = if everywhere { self.replica(replicas) } else { one };
                insertions.push((at + self.millis(0, within.as_millis() as u64), replica, number));
            }
            at = at + within + self.millis(0, 2 * silence);
        }
        insertions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_honest_is_left_to_those_who_mean_harm() {
        let tree = |fan_out| Shape::Tree(NonZeroUsize::new(fan_out).expect("from 1"));
        let connected = |shape, hostile: &[usize]| are_connected(shape, 7, hostile);
        assert!(connected(Shape::Star, &[1, 6]) && !connected(Shape::Star, &[0]));
        assert!(connected(tree(2), &[3, 4]) && !connected(tree(2), &[1]));
        assert!(connected(tree(1), &[5, 6]) && !connected(tree(1), &[5]));
        assert!(connected(Shape::Topology, &[1, 3]));
        assert!(connected(Shape::None, &[0, 1, 2]));
    }
}
