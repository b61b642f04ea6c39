//! What one peer can make a replica do, and that it repairs with others meanwhile.
//!
//! Each test says first what it may cost. Time is virtual: a replica, a peer that is honest, and one that is not.

use core::ops::Range;

use crate::common::{Network, Rng, open_key, wide};
use crate::siege::{HONEST, HOSTILE, RATE, SECONDS, Siege, VICTIM, besiege};
use gossip_core::sim::forge::{self, Forger, Head, Sketch, varint};
use gossip_core::sketch::Cell;
use gossip_core::{AntiEntropy, Config, Ledger, MessageBudget, MessageKind, Output, Time};

use MessageKind::{Give, Page, Probe, Proof, Repair, WantCells};

/// The nonce of a request of the victim's.
fn nonce(message: &[u8]) -> [u8; 4] {
    forge::nonce(message).expect("requests have one")
}

/// The tag of the digest that a probe asks about.
fn asked(probe: &[u8]) -> [u8; 8] {
    // Behind the kind, the cluster's tag, the nonce and a count.
    let count = probe[9..].iter().position(|byte| byte >> 7 == 0).expect("a varint") + 1;
    *probe[9 + count + 8..].first_chunk().expect("a sum")
}

fn is(message: &[u8], kind: MessageKind) -> bool {
    forge::kind(message) == Some(kind)
}

/// A head of `count` cells of noise, of a set of `elements`.
fn head(message: &[u8], rng: &mut Rng, elements: u64, count: usize) -> Vec<u8> {
    let sum = u128::from(rng.next()) | u128::from(rng.next()) << 64;
    let deep = (0..8).flat_map(|_| rng.next().to_le_bytes()).collect();
    let head = Head { count: elements, sum, bytes: 8 * elements, deep };
    Sketch { nonce: nonce(message), flags: 0, head: Some(head), from: 0, cells: noise(rng, count) }.write()
}

fn noise(rng: &mut Rng, count: usize) -> Vec<Cell> {
    (0..count).map(|_| Cell::new(rng.next(), 1)).collect()
}

#[test]
fn a_peer_that_claims_equality_is_believed_and_costs_a_round_a_second() {
    // Of each round a probe, and a proof of it: there is no telling that it lies, but nobody else is told that.
    const ROUNDS: u64 = 2 * SECONDS;
    // The first probe, and those after it until one is believed, have 64 bytes of deep bits.
    const BYTES: u64 = 28 * ROUNDS + 64;
    let ledger = besiege("claims equality", 20_000, |number| number, &mut |_, message| match message {
        Some(message) if is(message, Probe) => {
            vec![forge::message(Proof, [0; 4], nonce(message), &[&asked(message)])]
        }
        _ => vec![],
    });
    assert!(ledger.rounds <= ROUNDS && ledger.sent.total().bytes <= BYTES, "{ledger:?}");
    assert_eq!(ledger.proofs, ledger.rounds);
}

#[test]
fn a_peer_with_another_digest_each_time_gets_no_more_than_a_head_for_each() {
    // 42 bytes of fields, 64 of deep bits, 32 cells of 66 bits.
    const HEAD: u64 = 42 + 64 + 32 * 66 / 8 + 2;
    let (mut rng, mut probes) = (Rng(1), 0);
    let ledger = besiege("another digest each time", 20_000, |number| number, &mut |forger, message| {
        if message.is_some() {
            return vec![];
        }
        probes += 1;
        vec![forger.probe(probes << 8 | 1, 20_000, rng.next())]
    });
    assert!(ledger.sent.total().bytes <= HEAD * u64::from(probes), "{ledger:?}");
    assert_eq!(
        ledger.sent[MessageKind::Cells].messages + ledger.sent[MessageKind::Probe].messages,
        ledger.sent.total().messages
    );
}

#[test]
fn a_peer_whose_probes_make_us_ask_pays_for_our_rounds() {
    // Counts so far apart have us take over; it answers our probe, and so on.
    let (mut rng, mut probes) = (Rng(1), 0);
    let ledger = besiege("has us ask", 20_000, |number| number, &mut |forger, message| match message {
        Some(message) if is(message, Probe) => vec![head(message, &mut rng, 90_000, 32)],
        Some(_) => vec![],
        None => {
            probes += 1;
            vec![forger.probe(probes << 8 | 1, 90_000, rng.next())]
        }
    });
    assert!(ledger.rounds > 0, "{ledger:?}");
}

/// A replica of these that answers the victim's probes with what could be true.
fn shadow(numbers: Range<u64>) -> AntiEntropy<usize, u64> {
    let mut shadow = AntiEntropy::new(Config::default(), 9);
    shadow.extend(numbers).expect("they are small");
    shadow.add_peer(VICTIM);
    shadow
}

/// Its head, but of a set that nobody ever had.
fn lying_head(shadow: &AntiEntropy<usize, u64>, probe: &[u8], rng: &mut Rng) -> Sketch {
    let mut shadow = shadow.clone();
    shadow.receive_bytes(&VICTIM, probe).expect("it is sound");
    let Output::Send { message, .. } = shadow.poll(Time::ZERO) else { panic!("it is answered") };
    let mut head = Sketch::read(&message.encode()).expect("they are cells");
    lie_again(&mut head, rng);
    head
}

/// Of yet another set.
fn lie_again(sketch: &mut Sketch, rng: &mut Rng) {
    let head = sketch.head.as_mut().expect("a head");
    head.sum = u128::from_le_bytes([(); 16].map(|()| rng.next().to_le_bytes()[0]));
}

#[test]
fn a_peer_that_mismatches_every_request_gets_twelve_steps_of_a_round() {
    // A probe, and after each head a request for cells. Each round takes a second of ours, on average.
    const REQUESTS: u64 = 1 + 12;
    const ROUNDS: u64 = 2 * SECONDS;
    const BYTES: u64 = 28 * REQUESTS * ROUNDS;
    let (shadow, mut rng, mut last) = (shadow(500..21_400), Rng(1), None);
    let ledger = besiege("mismatches", 20_000, |number| number, &mut |_, message| match message {
        Some(probe) if is(probe, Probe) => {
            let sketch = last.insert(lying_head(&shadow, probe, &mut rng));
            vec![sketch.write()]
        }
        Some(request) if is(request, WantCells) => {
            let sketch = last.as_mut().expect("it was probed first");
            sketch.nonce = nonce(request);
            lie_again(sketch, &mut rng);
            vec![sketch.write()]
        }
        _ => vec![],
    });
    assert!(ledger.rounds > 0 && ledger.rounds <= ROUNDS, "{ledger:?}");
    assert_eq!((ledger.proofs, ledger.rejected), (0, 0));
    // One round may be under way.
    let asked = ledger.sent[MessageKind::WantCells].messages;
    assert!((REQUESTS - 1) * ledger.rounds <= asked && asked <= (REQUESTS - 1) * (ledger.rounds + 1), "{asked}");
    assert!(ledger.sent.total().bytes <= BYTES);
}

/// A message of cells as one would have it who has one element more than there is, or a `flawed` one that has another check
/// than its own: no number of them can be read.
fn with_one_more(message: &[u8], flawed: bool) -> Sketch {
    let mut sketch = Sketch::read(message).expect("they are cells");
    let before = sketch.cells.clone();
    let from = usize::try_from(sketch.from).expect("few");
    open_key().toggle_in_sequence(&mut sketch.cells, from, 1 << 60);
    if flawed {
        let changed = sketch.cells.iter_mut().zip(before).filter(|(cell, before)| **cell != *before);
        changed.for_each(|(cell, _)| *cell ^= Cell::new(0, 1));
    }
    sketch
}

/// A hostile peer's cells are never readable; the books of whom it asks.
fn cells_without_end(flawed: bool) -> Ledger {
    const CELLS: u64 = 1 << 17;
    let (mut shadow, mut rng) = (shadow(100..20_700), Rng(1));
    besiege("endless cells", 20_000, |number| number, &mut |_, message| {
        let Some(message) = message else { return vec![] };
        shadow.receive_bytes(&VICTIM, message).expect("it is sound");
        let mut answers = vec![];
        while let Output::Send { message, .. } = shadow.poll(Time::ZERO) {
            if message.kind() == MessageKind::Cells {
                let sketch = with_one_more(&message.encode(), flawed);
                answers.push(sketch.write());
                // And what nobody asked for.
                let (flags, from, cells) = (Sketch::LAST, CELLS - 1, noise(&mut rng, 50));
                answers.push(Sketch { flags, head: None, from, cells, ..sketch }.write());
            }
        }
        answers
    })
}

#[test]
fn cells_without_end_are_read_ten_times_a_sketch() {
    // The first cells, those of the first request, and of four top-ups, or eight where little seems to be left; then pages,
    // which are answered by nothing.
    for (flawed, top_ups) in [(false, 4), (true, 8)] {
        let ledger = cells_without_end(flawed);
        assert!(ledger.top_ups >= top_ups && ledger.top_ups <= top_ups * (ledger.rounds + 1), "{ledger:?}");
        assert_eq!((ledger.sketches, ledger.proofs, ledger.rejected), (0, 0, 0));
    }
}

#[test]
fn a_peer_that_covers_next_to_nothing_of_each_page_pays_for_all_of_them() {
    let mut place = 0_u64;
    let ledger = besiege("covers nothing", 20_000, |number| number, &mut |forger, message| match message {
        Some(message) if is(message, Probe) => {
            // A state, and nothing else: it keeps no sketch.
            let state = [forge::digest(20_000, u128::from_le_bytes([9; 16])), varint(160_000)].concat();
            vec![forge::message(Give, forger.tag, nonce(message), &[&[0, 0, 3], &state, &[0]])]
        }
        Some(message) if is(message, Page) => {
            place += 2;
            let bounds = [&[0][..], &[8], &(place | 1).to_be_bytes()].concat();
            vec![forge::message(Give, forger.tag, nonce(message), &[&bounds, &[2], &[0]])]
        }
        _ => vec![],
    });
    // Each page lists all again. The walk goes on, at the speed of the budget.
    assert!(ledger.deferred > 0 && ledger.sent[MessageKind::Page].messages > 20, "{ledger:?}");
}

#[test]
fn pages_without_end_are_paid_for() {
    let mut asked = 0;
    let ledger = besiege("endless pages", 20_000, |number| number, &mut |forger, message| {
        asked += 1;
        if message.is_some() { vec![] } else { vec![forger.page(asked << 8 | 1)] }
    });
    assert!(ledger.deferred > 0, "{ledger:?}");
    // A full state at first, and what the budget allows: not what 10 000 pages would be, 1.3 GB.
    assert!(ledger.sent.total().bytes > RATE * SECONDS, "{ledger:?}");
}

#[test]
fn cells_in_a_loop_are_paid_for() {
    for known in [true, false] {
        let mut asked = 0;
        let ledger =
            besiege(&format!("cells in a loop, known {known}"), 140_000, |number| number, &mut |forger, message| {
                if message.is_some() {
                    return vec![];
                }
                let state = if known { forge::state(forger.digest) } else { [3; 8] };
                let ask = |_| {
                    asked += 1;
                    forger.want_cells(asked << 8 | 1, state, 0, 1 << 17)
                };
                (0..10).map(ask).collect()
            });
        assert!(ledger.deferred > 0 || !known, "{ledger:?}");
    }
}

#[test]
fn wishes_in_a_loop_are_paid_for() {
    // 2^17 at once, then one by one as more of the same burst: each time all were sorted anew, once.
    let mut asked = 0;
    let ledger = besiege("wishes in a loop", 20_000, wide, &mut |forger, message| {
        if message.is_some() {
            return vec![];
        }
        asked += 1;
        let first = (asked % 500 == 1).then(|| forger.wishes(257, 0, 0, 1 << 17));
        let more = (0..20).map(|more| forger.wishes(257, 0, (1 << 20) + 1_000 * asked + more, 1));
        first.into_iter().chain(more).collect()
    });
    assert!(ledger.deferred > 0, "{ledger:?}");
    // Nearly all of it is looking, not sending.
    assert!(ledger.work > 10 * ledger.sent.total().bytes, "{ledger:?}");
}

#[test]
fn old_messages_are_worth_what_new_ones_are() {
    // All that an honest round sends, again and again.
    let mut net = Network::pair(&Config::default(), [0..20_000_u64, 500..20_500]);
    net.machines[0].sync_now(&1);
    let mut recorded = vec![];
    while {
        net.drain_all();
        !net.wire.is_empty()
    } {
        for datagram in core::mem::take(&mut net.wire) {
            recorded.push(datagram.bytes.clone());
            net.deliver(&datagram);
        }
    }
    // What is new to the victim would be learned from whoever has it.
    recorded.retain(|message| !is(message, Repair) && !is(message, Give));
    let mut next = 0;
    let ledger = besiege("replays", 20_000, |number| number, &mut |_, message| {
        if message.is_some() {
            return vec![];
        }
        next += 1;
        (0..10).map(|index| recorded[(next * 10 + index) % recorded.len()].clone()).collect()
    });
    assert!(ledger.ignored > 10_000 && ledger.sketches == 0, "{ledger:?}");
}

#[test]
fn junk_is_refused_and_counted_and_earns_nothing() {
    let mut rng = Rng(1);
    let ledger = besiege("junk", 20_000, |number| number, &mut |_, message| {
        if message.is_some() {
            return vec![];
        }
        (0..10).map(|_| (0..rng.next() % 64).map(|_| rng.next().to_le_bytes()[0]).collect()).collect()
    });
    assert!(ledger.rejected > 90_000, "{ledger:?}");
    assert_eq!(ledger.sent.total().messages, ledger.sent[MessageKind::Probe].messages);
}

/// What requests earn, in bytes: theirs, and those of all that is sent for them, once, by a replica of 2^18 numbers
/// whose budget is full.
#[test]
fn what_one_request_earns() {
    const MESSAGE_LIMIT: u64 = 64 << 10;
    const WINDOW: u64 = 32;
    let earn = |count: u64, make: &dyn Fn(&Forger) -> Vec<u8>| {
        let mut siege = Siege::with(&Config::default(), count, |number: u64| number);
        // Its own rounds are none of this.
        siege.net.machines[VICTIM].remove_peer(&HONEST);
        let message = make(&siege.forger);
        siege.net.machines[VICTIM].receive_bytes(&HOSTILE, &message).expect("it is sound");
        siege.net.drain(VICTIM);
        let sent = siege.net.machines[VICTIM].peer_stats(&HOSTILE).expect("a peer").ledger;
        println!(
            "{} bytes earn {} messages of {} bytes, work {}",
            message.len(),
            sent.sent.total().messages,
            sent.sent.total().bytes,
            sent.work
        );
        [message.len() as u64, sent.sent.total().messages, sent.sent.total().bytes]
    };
    const N: u64 = 1 << 18;
    let [len, messages, bytes] = earn(N, &|forger| forger.probe(257, N, 1));
    assert!(len == 28 && messages == 1 && bytes <= 42 + 64 + 2 + 264);
    let [len, messages, bytes] = earn(31, &|forger| forger.probe(257, 31, 1));
    // A tiny set goes out whole: up to 256 bytes, or what the first cells would be.
    assert!(len == 26 && messages == 1 && bytes <= 50 + 256);
    let [len, _, bytes] = earn(N, &|forger| {
        let digest = forge::digest(N, forge::sum(forger.digest));
        forger.message(Probe, 257, &[&digest])
    });
    assert_eq!([len, bytes], [28, 13]);
    let [len, messages, bytes] = earn(N, &|forger| forger.want_cells(257, forge::state(forger.digest), 0, 1 << 20));
    // As many cells as all elements of two such sets take, 2^20.
    assert!(len == 21 && messages <= WINDOW && bytes <= WINDOW * MESSAGE_LIMIT);
    let [len, messages, _] = earn(N, &|forger| forger.want_cells(257, [3; 8], 0, 1 << 20));
    assert!(len == 21 && messages == 1);
    let [_, messages, bytes] = earn(N, &|forger| forger.page(257));
    assert!(messages <= WINDOW && bytes <= WINDOW * MESSAGE_LIMIT);
    let [_, messages, bytes] = earn(N, &|forger| forger.wishes(257, 2, 0, 1 << 17));
    assert!(messages <= WINDOW && bytes <= WINDOW * MESSAGE_LIMIT);
    let [_, messages, _] = earn(N, &|forger| forger.message(Repair, 257, &[&[0], &[0], &forge::elements(&[600_u64])]));
    assert_eq!(messages, 0, "elements alone earn nothing");
}

#[test]
fn room_for_cells_that_others_hold_for_ever_costs_one_round() {
    // Peers have us await all the cells there is room for, 2^18, and stay silent.
    let mut net = Network::new([Config::default(), Config::default()], 1);
    let shifted = |by: u64| by..by + 29_000;
    net.machines[VICTIM].extend(shifted(0)).expect("they are small");
    let mut silent = net.machines[HONEST].clone();
    silent.extend(shifted(5_800)).expect("they are small");
    net.machines[HONEST].extend(shifted(6_000)).expect("they are small");
    for peer in HOSTILE..HOSTILE + 30 {
        net.machines[VICTIM].add_peer(peer);
        net.machines[VICTIM].sync_now(&peer);
        net.drain(VICTIM);
        let mut silent = silent.clone();
        silent.receive_bytes(&VICTIM, &net.wire.remove(0).bytes).expect("it is sound");
        let Output::Send { message, .. } = silent.poll(Time::ZERO) else { panic!("it is answered") };
        // The first of its cells, which says how many follow.
        assert_eq!(message.kind(), MessageKind::Cells);
        net.machines[VICTIM].receive(&peer, message).expect("it is sound");
        net.drain(VICTIM);
        net.wire.clear();
    }
    for (rounds, walks, equal) in [(1, 0, false), (2, 1, true)] {
        net.machines[VICTIM].sync_now(&HONEST);
        net.settle();
        let ledger = net.machines[VICTIM].peer_stats(&HONEST).expect("a peer").ledger;
        assert_eq!((ledger.rounds, ledger.walks), (rounds, walks));
        assert_eq!(net.machines[VICTIM].digest() == net.machines[HONEST].digest(), equal);
    }
}

#[test]
fn strangers_earn_nothing() {
    let mut siege = Siege::new(20_000, |number: u64| number);
    let victim = &mut siege.net.machines[VICTIM];
    victim.remove_peer(&HOSTILE);
    let before = victim.clone();
    for nonce in 0..1_000 {
        for message in [siege.forger.page(nonce), siege.forger.probe(nonce, 1, 1), vec![]] {
            assert!(victim.receive_bytes(&HOSTILE, &message).is_err());
        }
    }
    assert_eq!((victim.stats().from_strangers, victim.stats().total), (3_000, before.stats().total));
}

#[test]
fn an_honest_newcomer_is_not_slowed() {
    // A walk of 10^6 elements of 32 bytes, in no time at all, by the budget there is by default.
    let mut config = Config::default();
    config.max_message = MessageBudget::new(1 << 20);
    let mut net = Network::pair(&config, [0..0, 0..1_000_000].map(|set| set.map(wide)));
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync((0..1_000_000).map(wide));
    let ledger = net.machines[1].stats().total;
    println!("{} bytes, work {}", ledger.sent.total().bytes, ledger.work);
    assert_eq!(ledger.deferred, 0);
}
