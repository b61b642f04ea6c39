//! What 10^5 messages of a kind leave behind that come without a pause.

use gossip_core::sim::forge::{self, Forger};
use gossip_core::{AntiEntropy, Config, Output, Time};

use gossip_core::MessageKind::{Cells, Give, Page, Probe, Proof, Repair};

/// How many messages of a kind come between two polls.
const FLOOD: u32 = 100_000;

/// What requests and answers without elements may leave: nothing that grows with their number.
const KEPT: i64 = 16 << 10;

/// What wishes and listed elements may leave: those of the last request, or of a burst of 2^17, and as much as a list
/// that grows has in reserve.
const LISTED: i64 = 2 * 8 * (2 << 17);

/// What all that may have sent, in messages: a window.
const WINDOW: u32 = 32;

#[test]
fn a_flood_leaves_one_answer_behind() {
    let mut victim = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    victim.extend(0..20_000).expect("they are small");
    victim.add_peer(2);
    let forger = Forger::of(&victim, &2);
    let digest = forge::digest(20_000, forge::sum(forger.digest));
    let state = forge::state(forger.digest);
    let listed = forge::elements(&(0..1_000_u64).collect::<Vec<_>>());
    let known = forge::elements(&[600_u64]);
    let flood = |name: &str, limit: i64, message: &dyn Fn(u32) -> Vec<u8>| {
        let mut victim = victim.clone();
        let flood = if name.contains("list") { FLOOD / 100 } else { FLOOD };
        victim.receive_bytes(&2, &message(0)).expect("it is sound");
        let counted = allocation_counter::measure(|| {
            for n in 1..flood {
                victim.receive_bytes(&2, &message(n)).expect("it is sound");
            }
        });
        let kept = counted.bytes_current;
        let (mut sent, mut events) = (0, 0);
        loop {
            match victim.poll(Time::ZERO) {
                Output::Send { .. } => sent += 1,
                Output::Event(_) => events += 1,
                Output::Wait(_) => break,
            }
        }
        let work = victim.stats().total.work;
        println!("{flood} {name}: {kept} bytes kept, {sent} messages, {events} events, work {work}");
        assert!(kept <= limit && sent <= WINDOW && events <= 1, "{name}");
        assert_eq!(victim.len(), 20_000);
    };
    flood("probes that differ", KEPT, &|n| forger.probe(n, 20_000, n.into()));
    flood("probes of far more", KEPT, &|n| forger.probe(n, 1 << 40, n.into()));
    flood("probes that are equal", KEPT, &|n| forger.message(Probe, n, &[&digest]));
    flood("proofs", KEPT, &|n| forger.message(Proof, n, &[&state]));
    flood("wishes for cells", KEPT, &|n| forger.want_cells(n, state, 0, 1 << 17));
    flood("wishes for cells of unknown states", KEPT, &|n| forger.want_cells(n, [3; 8], 0, 1 << 17));
    flood("cells", KEPT, &|n| forger.message(Cells, n, &[&[8, 0, 1], &[7; 8], &[1]]));
    flood("repairs", KEPT, &|n| forger.message(Repair, n, &[&[2], &[0], &known]));
    flood("wishes of one burst", LISTED, &|n| forger.wishes(257, 0, 1_000 * (n % 1_000), 300));
    flood("pages of all", KEPT, &|n| forger.page(n));
    flood("pages that list much", LISTED, &|n| forger.message(Page, n / 100, &[&[65], &[0], &[17], &listed]));
    flood("gives", KEPT, &|n| forger.message(Give, n, &[&[0, 17, 2], &known]));
}
