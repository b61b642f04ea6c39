//! What one peer can make a replica do, and that it repairs with others meanwhile.
//!
//! Each test says first what it may cost. Time is virtual: a replica, a peer that is honest, and one that is not.

use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::common::forge::{Secrets, page, probe, request, take_varint, varint, want_cells, wishes};
use crate::common::{Network, Rng, open_key, wide};
use gossip_core::sketch::{Cell, IdWidth};
use gossip_core::{AntiEntropy, Config, Element, Ledger, MessageBudget, MessageKind, Output, Time};

/// The replica under siege, the honest peer, and the other.
const VICTIM: usize = 0;
const HONEST: usize = 1;
const HOSTILE: usize = 2;

/// The budget of the tests, in work a second: 64 times less than by default, so that they reach it soon.
const RATE: u64 = 256 << 10;

/// How long a siege lasts, and how often the hostile peer may send what it likes.
const SECONDS: u64 = 10;
const TICK: Duration = Duration::from_millis(1);
const LATENCY: Duration = Duration::from_millis(10);

/// What may be done beyond the budget, since it is looked at before a message is built: the largest, and what its
/// answer leads to.
const OVERDRAFT: u64 = 256 << 10;

/// What a siege may cost: a budget that was full, what filled it again meanwhile, and one overdraft.
const SIEGE: u64 = RATE * (4 + SECONDS) + OVERDRAFT;

/// A message costs so much beside its bytes.
const MESSAGE: u64 = 256;

/// What the hostile peer sends when it is its turn, or gets a message.
type Attack<'a> = &'a mut dyn FnMut(&Secrets, Option<&[u8]>) -> Vec<Vec<u8>>;

struct Siege<E> {
    net: Network<E>,
    /// By their arrival.
    under_way: BTreeMap<(Time, u64), (usize, usize, Vec<u8>)>,
    sent: u64,
    /// What is inserted at half time, on both sides in turn.
    fresh: Vec<E>,
    /// When the victim and the honest peer held the same after that, and had a proof of it.
    repaired: Option<Time>,
    /// Bytes that the hostile peer sent.
    spent: u64,
    secrets: Secrets,
}

impl<E: Element + Ord + core::fmt::Debug> Siege<E> {
    /// 500 elements are on either side alone, and 200 more at half time.
    fn new(count: u64, element: fn(u64) -> E) -> Self {
        let mut config = Config::default();
        config.work_per_second = u32::try_from(RATE).expect("small");
        Self::with(&config, count, element)
    }

    fn with(config: &Config, count: u64, element: fn(u64) -> E) -> Self {
        let mut net = Network::pair(config, [0..count, 500..count + 500].map(|set| set.map(element)));
        net.machines[VICTIM].add_peer(HOSTILE);
        let secrets = Secrets::of(&net.machines[VICTIM], &HONEST, &element(600));
        net.machines[VICTIM].sync_now(&HONEST);
        let fresh = (0..400).map(|number| element(1 << 40 | number)).collect();
        Self { net, under_way: BTreeMap::new(), sent: 0, fresh, repaired: None, spent: 0, secrets }
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        self.sent += 1;
        self.under_way.insert((self.net.now + LATENCY, self.sent), (from, to, bytes));
    }

    fn attack(&mut self, attack: Attack<'_>, message: Option<&[u8]>) {
        for bytes in attack(&self.secrets, message) {
            self.spent += bytes.len() as u64;
            self.send(HOSTILE, VICTIM, bytes);
        }
    }

    /// Runs a siege to its end; what the victim's books say about the hostile peer.
    fn run(&mut self, attack: Attack<'_>) -> Ledger {
        let (half, end, mut tick) = (Time::from_millis(SECONDS * 500), Time::from_millis(SECONDS * 1_000), Time::ZERO);
        let union = self.net.machines[VICTIM].len() + 500 + self.fresh.len();
        while self.net.now < end {
            if tick <= self.net.now {
                self.attack(attack, None);
                tick = self.net.now + TICK;
            }
            if self.net.now >= half && !self.fresh.is_empty() {
                for (index, element) in self.fresh.drain(..).enumerate() {
                    self.net.machines[[VICTIM, HONEST][index % 2]].insert(element).expect("it is small");
                }
                self.net.machines[VICTIM].sync_now(&HONEST);
            }
            let deadline = self.net.drain_all().expect("replicas with peers have deadlines");
            for datagram in core::mem::take(&mut self.net.wire) {
                if datagram.to == HOSTILE {
                    self.attack(attack, Some(&datagram.bytes));
                } else {
                    self.send(datagram.from, datagram.to, datagram.bytes);
                }
            }
            let machines = &self.net.machines;
            let proof = machines[VICTIM].peer_stats(&HONEST).and_then(|stats| stats.last_proof);
            let equal = machines[HONEST].len() == union && proof == Some(machines[HONEST].digest());
            if self.repaired.is_none() && equal {
                self.repaired = Some(self.net.now);
            }
            let first = self.under_way.first_key_value().map_or(Time::MAX, |(&(at, _), _)| at);
            self.net.now = deadline.min(first).min(tick);
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.net.now) {
                let (from, to, bytes) = entry.remove();
                let taken = self.net.machines[to].receive_bytes(&from, &bytes);
                assert!(from == HOSTILE || taken.is_ok());
            }
        }
        let victim = &self.net.machines[VICTIM];
        assert_eq!(victim.len(), union, "the hostile peer knows nothing that is new");
        victim.peer_stats(&HOSTILE).expect("it is a peer").ledger
    }
}

/// A siege, and the same with a hostile peer that is silent: the honest repair takes no longer.
fn besiege<E: Element + Ord + core::fmt::Debug>(
    name: &str,
    count: u64,
    element: fn(u64) -> E,
    attack: Attack<'_>,
) -> Ledger {
    let mut peace = Siege::new(count, element);
    peace.run(&mut |_, _| vec![]);
    let mut siege = Siege::new(count, element);
    let ledger = siege.run(attack);
    let [repaired, expected] = [&siege, &peace].map(|siege| siege.repaired.expect("honest repair ends"));
    let sent = ledger.sent.total();
    println!(
        "{name}: {} bytes in, {} messages of {} bytes out, work {} of {SIEGE}, deferred {}, ignored {}, rejected {}; \
         repaired at {} ms, undisturbed {}",
        siege.spent,
        sent.messages,
        sent.bytes,
        ledger.work,
        ledger.deferred,
        ledger.ignored,
        ledger.rejected,
        repaired.as_millis(),
        expected.as_millis(),
    );
    assert!(ledger.work <= SIEGE, "{} of {SIEGE}", ledger.work);
    assert!(sent.bytes + MESSAGE * sent.messages <= ledger.work, "what is sent is paid for");
    assert!(repaired <= expected, "{repaired:?}, {expected:?}");
    ledger
}

/// The nonce of a request of the victim's.
fn nonce(message: &[u8]) -> &[u8] {
    &message[5..9]
}

fn is(message: &[u8], kind: MessageKind) -> bool {
    MessageKind::ALL.iter().position(|&of| of == kind) == Some(usize::from(message[0] & 0xf) - 1)
}

/// A head of `count` cells of noise, of a set of `elements`.
fn head(message: &[u8], rng: &mut Rng, elements: u64, count: usize) -> Vec<u8> {
    let sum: Vec<u8> = [rng.next(), rng.next()].iter().flat_map(|part| part.to_le_bytes()).collect();
    let deep: Vec<u8> = (0..8).flat_map(|_| rng.next().to_le_bytes()).collect();
    let state = [varint(elements), sum, varint(8 * elements)].concat();
    [&[0x14], nonce(message), &[1], &state, &deep, &cells(rng, count)].concat()
}

/// A run of cells of noise, of 64 bits.
fn cells(rng: &mut Rng, count: usize) -> Vec<u8> {
    let ids = (0..count).flat_map(|_| rng.next().to_le_bytes());
    let mut run: Vec<u8> = varint(count as u64).into_iter().chain(ids).collect();
    run.extend(vec![0x55; count / 4]);
    run.extend((!count.is_multiple_of(4)).then_some(0x55 & ((1 << (count % 4 * 2)) - 1)));
    run
}

#[test]
fn a_peer_that_claims_equality_is_believed_and_costs_a_round_a_second() {
    // Of each round a probe, and a proof of it: there is no telling that it lies, but nobody else is told that.
    const ROUNDS: u64 = 2 * SECONDS;
    const BYTES: u64 = 28 * ROUNDS;
    let ledger = besiege("claims equality", 20_000, |number| number, &mut |_, message| match message {
        Some(message) if is(message, MessageKind::Probe) => {
            vec![[&[0x12], nonce(message), message.last_chunk::<8>().expect("a sum")].concat()]
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
    let ledger = besiege("another digest each time", 20_000, |number| number, &mut |secrets, message| {
        if message.is_some() {
            return vec![];
        }
        probes += 1;
        vec![probe(secrets, probes << 8 | 1, 20_000, rng.next())]
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
    let ledger = besiege("has us ask", 20_000, |number| number, &mut |secrets, message| match message {
        Some(message) if is(message, MessageKind::Probe) => vec![head(message, &mut rng, 90_000, 32)],
        Some(_) => vec![],
        None => {
            probes += 1;
            vec![probe(secrets, probes << 8 | 1, 90_000, rng.next())]
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
fn lying_head(shadow: &AntiEntropy<usize, u64>, probe: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut shadow = shadow.clone();
    shadow.receive_bytes(&VICTIM, probe).expect("it is sound");
    let Output::Send { message, .. } = shadow.poll(Time::ZERO) else { panic!("it is answered") };
    let mut head = message.encode();
    // Message, nonce, flags, count; then the sum.
    head[9..25].fill_with(|| rng.next().to_le_bytes()[0]);
    head
}

#[test]
fn a_peer_that_mismatches_every_request_gets_twelve_steps_of_a_round() {
    // A probe, and after each head a request for cells. Each round takes a second of ours, on average.
    const REQUESTS: u64 = 1 + 12;
    const ROUNDS: u64 = 2 * SECONDS;
    const BYTES: u64 = 28 * REQUESTS * ROUNDS;
    let (shadow, mut rng, mut last) = (shadow(500..21_400), Rng(1), vec![]);
    let ledger = besiege("mismatches", 20_000, |number| number, &mut |_, message| match message {
        Some(probe) if is(probe, MessageKind::Probe) => {
            last = lying_head(&shadow, probe, &mut rng);
            vec![last.clone()]
        }
        Some(request) if is(request, MessageKind::WantCells) => {
            last[1..5].copy_from_slice(nonce(request));
            last[9..25].fill_with(|| rng.next().to_le_bytes()[0]);
            vec![last.clone()]
        }
        _ => vec![],
    });
    assert!(ledger.rounds > 0 && ledger.rounds <= ROUNDS, "{ledger:?}");
    assert_eq!((ledger.proofs, ledger.rejected), (0, 0));
    assert_eq!(ledger.sent[MessageKind::WantCells].messages, (REQUESTS - 1) * ledger.rounds);
    assert!(ledger.sent.total().bytes <= BYTES);
}

/// A message of cells as one would have it who has one element more than there is, or a `flawed` one that has another check
/// than its own: no number of them can be read.
fn with_one_more(message: &[u8], flawed: bool) -> Vec<u8> {
    // A head has a count, a sum, bytes, and deep bits; other cells the number of the first.
    let (mut from, mut rest) = (0, &message[6..]);
    if message[5] & 1 == 1 {
        take_varint(&mut rest);
        rest = &rest[16..];
        take_varint(&mut rest);
        rest = &rest[64..];
    } else {
        from = usize::try_from(take_varint(&mut rest)).expect("few");
    }
    let front = &message[..message.len() - rest.len()];
    let count = take_varint(&mut rest);
    let mut cells = IdWidth::Bits64.decode_cells(usize::try_from(count).expect("few"), rest).expect("they are cells");
    let before = cells.clone();
    open_key().toggle_in_sequence(&mut cells, from, 1 << 60);
    if flawed {
        let changed = cells.iter_mut().zip(before).filter(|(cell, before)| **cell != *before);
        changed.for_each(|(cell, _)| *cell ^= Cell::new(0, 1));
    }
    let mut out = [front, &varint(count)].concat();
    IdWidth::Bits64.encode_cells(&cells, &mut out);
    out
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
                answers.push(with_one_more(&message.encode(), flawed));
                // And what nobody asked for.
                let more = [&varint(CELLS - 1)[..], &cells(&mut rng, 50)].concat();
                answers.push([&answers[0][..5], &[8], &more].concat());
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
    let ledger = besiege("covers nothing", 20_000, |number| number, &mut |secrets, message| match message {
        Some(message) if is(message, MessageKind::Probe) => {
            // A state, and nothing else: it keeps no sketch.
            let state = [&varint(20_000)[..], &[9; 16], &varint(160_000)].concat();
            vec![[&[0x17], &secrets.tag[..], nonce(message), &[0, 0, 3], &state, &[0]].concat()]
        }
        Some(message) if is(message, MessageKind::Page) => {
            place += 2;
            let bounds = [&[0][..], &[8], &(place | 1).to_be_bytes()].concat();
            vec![[&[0x17], &secrets.tag[..], nonce(message), &bounds, &[2], &[0]].concat()]
        }
        _ => vec![],
    });
    // Each page lists all again. The walk goes on, at the speed of the budget.
    assert!(ledger.deferred > 0 && ledger.sent[MessageKind::Page].messages > 20, "{ledger:?}");
}

#[test]
fn pages_without_end_are_paid_for() {
    let mut asked = 0;
    let ledger = besiege("endless pages", 20_000, |number| number, &mut |secrets, message| {
        asked += 1;
        if message.is_some() { vec![] } else { vec![page(secrets, asked << 8 | 1)] }
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
            besiege(&format!("cells in a loop, known {known}"), 140_000, |number| number, &mut |secrets, message| {
                if message.is_some() {
                    return vec![];
                }
                let state = if known { secrets.state } else { [3; 8] };
                let ask = |_| {
                    asked += 1;
                    want_cells(secrets, asked << 8 | 1, state, 0, 1 << 17)
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
    let ledger = besiege("wishes in a loop", 20_000, wide, &mut |secrets, message| {
        if message.is_some() {
            return vec![];
        }
        asked += 1;
        let first = (asked % 500 == 1).then(|| wishes(secrets, 257, 0, 0, 1 << 17));
        let more = (0..20).map(|more| wishes(secrets, 257, 0, (1 << 20) + 1_000 * asked + more, 1));
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
    recorded.retain(|message| !is(message, MessageKind::Repair) && !is(message, MessageKind::Give));
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
    let earn = |count: u64, make: &dyn Fn(&Secrets) -> Vec<u8>| {
        let mut siege = Siege::with(&Config::default(), count, |number: u64| number);
        // Its own rounds are none of this.
        siege.net.machines[VICTIM].remove_peer(&HONEST);
        let message = make(&siege.secrets);
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
    let [len, messages, bytes] = earn(N, &|secrets| probe(secrets, 257, N, 1));
    assert!(len == 28 && messages == 1 && bytes <= 42 + 64 + 2 + 264);
    let [len, messages, bytes] = earn(31, &|secrets| probe(secrets, 257, 31, 1));
    // A tiny set goes out whole: up to 256 bytes, or what the first cells would be.
    assert!(len == 26 && messages == 1 && bytes <= 50 + 256);
    let [len, _, bytes] = earn(N, &|secrets| request(1, secrets, 257, &[&secrets.digest]));
    assert_eq!([len, bytes], [28, 13]);
    let [len, messages, bytes] = earn(N, &|secrets| want_cells(secrets, 257, secrets.state, 0, 1 << 20));
    assert!(len == 21 && messages <= WINDOW && bytes <= (1 << 17) * 66 / 8 + WINDOW * 16);
    let [len, messages, _] = earn(N, &|secrets| want_cells(secrets, 257, [3; 8], 0, 1 << 20));
    assert!(len == 21 && messages == 1);
    let [_, messages, bytes] = earn(N, &|secrets| page(secrets, 257));
    assert!(messages <= WINDOW && bytes <= WINDOW * MESSAGE_LIMIT);
    let [_, messages, bytes] = earn(N, &|secrets| wishes(secrets, 257, 2, 0, 1 << 17));
    assert!(messages <= WINDOW && bytes <= WINDOW * MESSAGE_LIMIT);
    let [_, messages, _] = earn(N, &|secrets| request(5, secrets, 257, &[&[0], &[0], &secrets.elements]));
    assert_eq!(messages, 0, "elements alone earn nothing");
}

#[test]
fn room_for_cells_that_others_hold_for_ever_costs_one_round() {
    // Two peers have us ask for all the cells there is room for, and stay silent.
    let mut net = Network::new([Config::default(), Config::default()], 1);
    let shifted = |by: u64| by..by + 1_000_000;
    let replica = |by| {
        let mut replica = net.machines[HONEST].clone();
        replica.extend(shifted(by)).expect("they are small");
        replica
    };
    let silent = [replica(50_000), replica(51_000)];
    net.machines[HONEST] = replica(60_000);
    net.machines[VICTIM].extend(shifted(0)).expect("they are small");
    for (peer, mut silent) in (HOSTILE..).zip(silent) {
        net.machines[VICTIM].add_peer(peer);
        net.machines[VICTIM].sync_now(&peer);
        net.drain(VICTIM);
        silent.receive_bytes(&VICTIM, &net.wire.remove(0).bytes).expect("it is sound");
        let Output::Send { message, .. } = silent.poll(Time::ZERO) else { panic!("it is answered") };
        net.machines[VICTIM].receive(&peer, message).expect("it is sound");
        net.drain(VICTIM);
        assert!(is(&net.wire.remove(0).bytes, MessageKind::WantCells));
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
        for message in [page(&siege.secrets, nonce), probe(&siege.secrets, nonce, 1, 1), vec![]] {
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
