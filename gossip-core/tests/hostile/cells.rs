//! Rounds by sketch with a peer whose cells are not what they should be.

use core::fmt::Debug;
use core::time::Duration;
use std::collections::BTreeSet;

use crate::common::{Datagram, Network, Rng, open_key, wide};
use gossip_core::sim::forge::{self, Sketch};
use gossip_core::sketch::Cell;
use gossip_core::{Config, Element, MessageKind};

use MessageKind::{Proof, Repair, WantCells};

/// A pair with 150 elements alone on either side, as machine 0 is to begin the only round.
fn pair<E: Element>(element: fn(u64) -> E) -> Network<E> {
    let mut config = Config::default();
    config.round_every = Duration::from_secs(1 << 20);
    let mut net = Network::pair(&config, [0..5_150, 150..5_300].map(|numbers| numbers.map(element)));
    net.machines[0].sync_now(&1);
    net
}

/// Runs machine 0's round to its end, with all cells that it gets put through `lie`; then an honest round, which must
/// find nothing amiss. Gives the network as the first round left it, by then without what was lied about.
fn lied_to<E: Element + Ord + Debug>(element: fn(u64) -> E, mut lie: impl FnMut(&mut Sketch)) -> Network<E> {
    let mut net = pair(element);
    while net.ledgers()[0].rounds == 0 {
        let deadline = net.drain_all();
        if net.wire.is_empty() {
            net.now = deadline.expect("a round under way has one");
        }
        for mut datagram in core::mem::take(&mut net.wire) {
            if let Some(mut sketch) = Sketch::read(&datagram.bytes) {
                // Of the first answer the first cells alone, so that more are asked for.
                if sketch.head.is_some() {
                    sketch.cells.truncate(32);
                }
                lie(&mut sketch);
                datagram.bytes = sketch.write();
            }
            net.deliver(&datagram);
        }
    }
    let known: BTreeSet<E> = (0..5_300).map(element).collect();
    for machine in &net.machines {
        assert_eq!(machine.iter().find(|&held| !known.contains(held)), None, "invented");
    }
    let mut honest =
        Network { machines: net.machines.clone(), now: net.now, wire: vec![], proofs: vec![], sent: vec![] };
    honest.machines[0].sync_now(&1);
    honest.settle();
    honest.assert_in_sync((0..5_300).map(element));
    net
}

fn noisy_cells(rng: &mut Rng, sketch: &mut Sketch) {
    let most = if sketch.flags & Sketch::NARROW_IDS > 0 { 16 } else { 0 };
    sketch.cells.iter_mut().for_each(|cell| *cell = Cell::new(rng.next() >> most, rng.next().to_le_bytes()[0]));
}

fn noise<E: Element + Ord + Debug>(element: fn(u64) -> E) {
    for seed in 0..32 {
        let mut rng = Rng(seed);
        lied_to(element, |sketch| {
            noisy_cells(&mut rng, sketch);
            let seen = sketch.flags & Sketch::SEEN > 0;
            if let Some(head) = &mut sketch.head {
                // Of all that is said, more and more is noise.
                if seed % 4 > 0 && seen {
                    let noise = [rng.next() >> (rng.next() % 64), rng.next() % 1_000_000];
                    head.deep = noise.map(forge::varint).concat();
                } else if seed % 4 > 0 {
                    head.deep.fill_with(|| rng.next().to_le_bytes()[0]);
                }
                if seed % 4 > 1 {
                    head.sum = u128::from_le_bytes([(); 16].map(|()| rng.next().to_le_bytes()[0]));
                }
                if seed % 4 > 2 {
                    (head.count, head.bytes) = (rng.next() >> (rng.next() % 64), rng.next() >> (rng.next() % 64));
                }
            }
        });
    }
}

#[test]
fn noise_is_never_merged() {
    noise(|number| number);
    noise(wide);
}

/// Sketches read, top-ups and walks of a round that ends in a proof nevertheless.
fn efforts<E: Element>(net: &Network<E>) -> [u64; 3] {
    let ledger = net.ledgers()[0];
    assert_eq!((ledger.rounds, ledger.proofs), (1, 1));
    [ledger.sketches, ledger.top_ups, ledger.walks]
}

#[test]
fn noise_after_an_honest_beginning_comes_to_pages() {
    let mut rng = Rng(1);
    let mut lie = |sketch: &mut Sketch| {
        if sketch.head.is_none() {
            noisy_cells(&mut rng, sketch);
        }
    };
    // The more noise has come, the more seems to differ.
    assert_eq!(efforts(&lied_to(|number| number, &mut lie)), [0, 2, 1]);
    assert_eq!(efforts(&lied_to(wide, &mut lie)), [0, 4, 1]);
}

fn claims<E: Element + Ord + Debug>(element: fn(u64) -> E) {
    for count in [0, 1, 5_149, 5_151, 1 << 32, 1 << 63, u64::MAX] {
        for bytes in [None, Some(0), Some(1), Some(u64::MAX)] {
            let net = lied_to(element, |sketch| {
                if let Some(head) = &mut sketch.head {
                    (head.count, head.bytes) = (count, bytes.unwrap_or(head.bytes));
                }
            });
            let [sketches, _, walks] = efforts(&net);
            assert_eq!((sketches, walks), (0, 1), "{count} elements, {bytes:?} bytes");
        }
    }
}

#[test]
fn a_peer_may_claim_any_count_and_any_bytes() {
    claims(|number| number);
    claims(wide);
}

/// The peer is asked for more cells of a state that it never had, and begins anew each time.
#[test]
fn a_sketch_that_always_begins_anew_ends_with_its_round() {
    let net = lied_to(wide, |sketch| {
        if let Some(head) = &mut sketch.head {
            head.sum ^= 1 << 120;
        }
    });
    let ledger = net.ledgers()[0];
    assert_eq!((ledger.rounds, ledger.proofs, ledger.sketches, ledger.walks), (1, 0, 0, 0));
    assert_eq!(net.count(WantCells), 12);
}

/// All cells are those of a set with one element more, of this name; so is the count if that is to agree.
fn one_more<E: Element + Ord + Debug>(element: fn(u64) -> E, name: u64, agrees: bool) -> [u64; 3] {
    efforts(&lied_to(element, |sketch| {
        let from = usize::try_from(sketch.from).expect("few");
        open_key().toggle_in_sequence(&mut sketch.cells, from, name);
        if let Some(head) = &mut sketch.head {
            head.count += u64::from(agrees);
        }
    }))
}

#[test]
fn an_element_that_is_in_the_cells_alone_is_never_merged() {
    assert_eq!([false, true].map(|agrees| one_more(|number| number, 1 << 60, agrees)), [[0, 3, 1]; 2]);
    // What is no number is asked for, if the count agrees, and nobody has it.
    assert_eq!([false, true].map(|agrees| one_more(wide, 1 << 40, agrees)), [[0, 4, 1], [1, 1, 0]]);
}

fn shapes<E: Element + Ord + Debug>(element: fn(u64) -> E) {
    assert_eq!(efforts(&lied_to(element, |sketch| sketch.cells.clear())), [0, 1, 1], "none");
    assert_eq!(efforts(&lied_to(element, |sketch| sketch.cells.resize(70_000, Cell::EMPTY))), [0, 0, 1], "many");
    assert_eq!(
        efforts(&lied_to(element, |sketch| sketch.flags ^= Sketch::NARROW_IDS)),
        [0, 0, 1],
        "of the other width"
    );
    let one_by_one = lied_to(element, |sketch| sketch.cells.truncate(1));
    assert_eq!((efforts(&one_by_one)[0], one_by_one.count(WantCells) > 300), (1, true), "one by one");
    let elsewhere = lied_to(element, |sketch| sketch.from += 1).ledgers()[0];
    assert_eq!((elsewhere.rounds, elsewhere.resent, elsewhere.proofs), (1, 2, 0), "not what was asked for");
}

#[test]
fn cells_may_come_in_any_shape() {
    shapes(|number| number);
    shapes(wide);
}

#[test]
fn a_proof_that_no_verdict_was_asked_for_proves_nothing() {
    let mut net = pair(wide);
    while net.count(Repair) == 0 {
        net.hop();
    }
    let repair = &net.wire[0];
    // Of a digest that neither ever had: that of no elements.
    let nonce = forge::nonce(&repair.bytes).expect("a request has one");
    let proof = forge::message(Proof, [0; 4], nonce, &[&[0; 8]]);
    net.deliver(&Datagram { from: 1, to: 0, bytes: proof });
    net.settle();
    net.assert_in_sync((0..5_300).map(wide));
    assert!(net.proofs.iter().all(|&(_, _, digest)| digest.count() == 5_300));
    assert_eq!(efforts(&net), [1, 1, 0]);
}
