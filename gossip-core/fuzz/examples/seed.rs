//! Writes seeds for all targets into `corpus/`: every kind of message of every element type, scripts that make two
//! machines talk, and schedules of a bad network. `cargo run --example seed`, in the fuzz crate.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Economy, Element, MessageBudget, Output, Overlay, Time};

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [("converge", schedules()), ("decode", messages()), ("machine", scripts())] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (i, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{i:03}")), seed)?;
        }
    }
    Ok(())
}

fn schedules() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for element in 0..12 {
        for choice in 0..4 {
            // The element and how often it is pushed, and what both configurations have in common; then each with another budget and economy.
            let head = [
                element,
                choice % 2,
                0,
                choice,
                choice,
                0,
                choice,
                choice,
                0,
                choice ^ 1,
                2,
                choice,
                choice ^ 2,
                0,
                choice,
            ];
            // Much in common and something on either side, which meet.
            let sets = [4, 0, 0, 100 * (choice / 2), 2, 0, 4, 10, 3, 0, 8, 20, 0, 2, 65, 66, 1, 1, 67];
            let calm = [10, 6, 16, 6, 20];
            // Lost, repeated, early, late, and taken in without notice; meanwhile more is inserted.
            let storm = [8, 2, 64, 128, 3, 131, 6, 100, 147, 10, 11, 6, 18, 3, 16, 4, 30, 6, 18, 2, 32, 4, 9, 26, 9];
            // Strangers for a while, clocks that are set, a replica that comes back with less or nothing.
            let faults =
                [12, 11, 6, 12, 14, 16, 24, 6, 20, 19, 24, 11, 6, 20, 20, 1, 10, 6, 18, 21, 0, 10, 26, 3, 22, 24];
            // One that forgets everything, more than once, and asks for it of a peer with little work to spend.
            let thrifty = [element, 0, 0, choice, 2, 1, choice, 2, 0, choice, 2, 1, choice, 2, 0];
            let large = [4, 0, 0, 255, 3, 0, 8, 250];
            let again = [20, 0, 10, 26, 31, 26, 31];
            all.push([&thrifty[..], &large, &again.repeat(8)].concat());
            all.push([&head[..], &sets, &calm].concat());
            all.push([&head[..], &storm, &sets, &calm].concat());
            all.push([&head[..], &sets, &storm, &faults, &calm, &storm].concat());
        }
    }
    all
}

fn messages() -> Vec<Vec<u8>> {
    let word = |i: u64| format!("word {i}");
    let mut all = exchange(|i| i);
    all.extend(exchange(|i| char::from(i as u8)));
    all.extend(exchange(word));
    all.extend(exchange(|i| [i as u8; 32]));
    all.extend(exchange(|i| (i as u8, word(i))));
    all.extend(pushes(|i| i));
    all.extend(pushes(word));
    all
}

/// What two replicas push to each other as elements come, one message of which is lost.
fn pushes<E: Element>(element: impl Fn(u64) -> E) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    let mut machines = [0, 1].map(|name| {
        let mut config = Config::default();
        config.batch_every = Some(Duration::from_millis(100));
        let mut machine = AntiEntropy::<usize, E>::new(config, name as u64);
        machine.add_peer(1 - name);
        machine.set_overlay(Overlay::star(&name, [0, 1]));
        machine
    });
    for step in 0..40 {
        for name in [0, 1] {
            if step % 4 == 0 {
                machines[name].insert(element(step + 100 * name as u64)).expect("seeds are small");
            }
            while let Output::Send { to, message } = next(&mut machines[name], Time::from_millis(50 * step)) {
                sent.push(message.encode());
                if step != 9 {
                    machines[to].receive(&name, message).expect("it is a peer's");
                }
            }
        }
    }
    sent.sort();
    sent.dedup();
    sent
}

/// What two replicas send each other, for sets that are equal, tiny, or too large for one message.
fn exchange<E: Element>(element: impl Fn(u64) -> E) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for (left, right) in [(0..0, 0..0), (0..3, 2..5), (0..60, 40..100), (0..90, 0..1), (0..250, 5..256)] {
        let mut config = Config::default();
        config.max_message = MessageBudget::new(300);
        config.max_element_bytes = 100;
        config.economy = if left.end == 60 { Economy::Pages } else { Economy::FewestBytes };
        let mut machines = [(left, 1), (right, 2)].map(|(range, seed)| {
            let mut machine = AntiEntropy::<usize, E>::new(config.clone(), seed);
            machine.extend(range.map(&element)).expect("seeds are small");
            machine
        });
        machines[0].add_peer(1);
        machines[1].add_peer(0);
        machines[0].sync_now(&1);
        for turn in 0..20 {
            while let (from, Output::Send { to, message }) = (turn % 2, next(&mut machines[turn % 2], Time::ZERO)) {
                sent.push(message.encode());
                machines[to].receive(&from, message).expect("it is a peer's");
            }
        }
    }
    sent.sort();
    sent.dedup();
    // One in three is plenty.
    sent.into_iter().step_by(3).collect()
}

/// The next output that is no event.
fn next<E: Element>(machine: &mut AntiEntropy<usize, E>, now: Time) -> Output<usize, E> {
    loop {
        match machine.poll(now) {
            Output::Event(_) => {}
            other => return other,
        }
    }
}

fn scripts() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    // Elements of two types, pushed or not.
    for element in 0..4 {
        for budget in [0, 1, 2, 3] {
            let head = [element, budget % 2, 0, budget, budget, budget, 0, 0, 0, 2, 0, 0, 0];
            // So much in common that a sketch is worth it.
            let common: Vec<u8> = (1..8_u8)
                .flat_map(|run| [28, 29].map(|insert| [insert, run, 0, 0, 0, 0, 0, 0, 0, 63]))
                .flatten()
                .collect();
            // Elements on both sides, some of them common; then rounds, whole and cut by losses and changes.
            let fill =
                [28, 0, 0, 0, 0, 0, 0, 0, 0, 40, 29, 20, 0, 0, 0, 0, 0, 0, 0, 40, 0, 2, 65, 66, 1, 3, 67, 68, 69];
            let talk = [18, 1, 19, 0, 26, 26, 26, 26, 26, 26];
            let spoil = [18, 1, 2, 4, 0, 4, 0, 3, 6, 0, 9, 255, 8, 0, 10, 3, 1, 2, 3, 26, 26, 24, 14, 20, 15, 21, 26];
            // Answers and requests that nobody sent: a state like ours, all covered; a page; a repair; a proof; a
            // probe.
            let forge = [
                [18, 1, 2, 10, 0, 0, 0, 17, 1, 0, 0, 0],
                [18, 1, 2, 10, 0, 0, 0, 17, 0, 1, 2, 65],
                [66, 2, 10, 0, 1, 0, 0, 17, 2, 1, 65, 0],
                [18, 1, 2, 10, 0, 2, 1, 1, 3, 66, 67, 68],
                [18, 1, 2, 10, 0, 3, 0, 26, 18, 0, 2, 26],
                [18, 1, 2, 10, 0, 4, 1, 26, 11, 0, 4, 1],
            ]
            .concat();
            all.push([&head[..], &fill, &talk].concat());
            all.push([&head[..], &common, &fill, &talk, &spoil, &talk, &forge, &talk].concat());
            all.push([&head[..], &fill, &talk, &spoil, &talk].concat());
            all.push([&head[..], &fill, &forge, &talk, &forge].concat());
        }
    }
    all
}
