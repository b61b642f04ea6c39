//! Whole rounds, message by message.

use core::num::NonZeroU16;
use core::ops::Range;

use gossip_core::sim::forge;
use gossip_core::{AntiEntropy, Config, Economy, Element, Key, Message, MessageBudget, MessageKind};

use super::{bytes, config, hex, keys, row};
use crate::common::Network;

/// The files that hold one round each.
pub(crate) const ROUNDS: [&str; 10] = [
    "round-of-numbers",
    "round-of-bytes",
    "round-of-bursts",
    "round-of-pages",
    "round-of-one-fingerprint",
    "round-of-tiny-sets",
    "round-of-crossing-probes",
    "round-of-changed-parts",
    "round-of-a-changed-set",
    "round-after-a-proof",
];

pub(crate) fn round(file: &str) -> String {
    let [(_, open), (_, secret)] = keys();
    let open = small(&open);
    let numbers = |range: Range<u64>| range.collect::<Vec<_>>();
    match file {
        "round-of-numbers" => Exchange::between(&open, [numbers(0..100), numbers(25..125)])
            .told("A holds the numbers 0 to 99, B 25 to 124. Open key, element limit 64."),
        "round-of-bytes" => Exchange::between(&small(&secret), [0..12, 2..15].map(|range| range.map(bytes).collect()))
            .told(
                "[u8;32]: i in 8 bytes, little-endian, four times. A holds those of 0 to 11, B of 2 to 14. The secret\n\
                 # key is the bytes 00 to 0f, the element limit 64.",
            ),
        "round-of-bursts" => {
            let mut config = open;
            config.window = NonZeroU16::new(2).expect("from 1");
            Exchange::between(&config, [0..100, 12..112].map(|range| range.map(bytes).collect())).told(
                "[u8;32]: i in 8 bytes, little-endian, four times. A holds those of 0 to 99, B of 12 to 111; bursts\n\
                 # and answers of two messages. Open key, element limit 64.",
            )
        }
        "round-of-pages" => {
            let mut config = open;
            config.economy = Economy::Pages;
            let texts = |range: Range<u64>| range.map(|i| format!("element {i}")).collect();
            Exchange::between(&config, [texts(0..30), texts(5..40)]).told(
                "string. A holds \"element 0\" to \"element 29\", B 5 to 39; no sketches. Open key, element limit 64.",
            )
        }
        "round-of-one-fingerprint" => alike().told(
            "[u8;32], under a key for tests alone: as under the open one, but H is XXH3-128 for all lengths, and the key in\n\
             # the cluster tag is 1. Element i is four numbers of 64 bits, little-endian: s, f - s, i, -i. s is\n\
             # be4ba423396cfeb8; f is both halves of the product of i ^ db979083e96dd4de and -i ^ 1f67b3b7a4a44072, ^ed.\n\
             # These have one XXH3-128. A holds 0 to 19, B 10 to 34, and one of 32 times ff. No sketches, element limit 64.",
        ),
        "round-of-tiny-sets" => Exchange::between(&open, [numbers(0..5), numbers(3..9)])
            .told("A holds the numbers 0 to 4, B 3 to 8. Open key, element limit 64."),
        "round-of-crossing-probes" => Exchange::between(&open, [numbers(0..5), numbers(3..9)])
            .begun_by_both()
            .told("A holds the numbers 0 to 4, B 3 to 8; both begin a round. Open key, element limit 64."),
        "round-of-changed-parts" => Exchange::between(&open, [numbers(0..100), numbers(0..80)])
            .told("A holds the numbers 0 to 99, B 0 to 79, and takes the round over. Open key, element limit 64."),
        "round-of-a-changed-set" => {
            Exchange::between(&open, [numbers(0..100), numbers(25..125)]).inserting(1_000).told(
                "A holds the numbers 0 to 99, B 25 to 124, and inserts 1000 once its first cells are sent. Open key,\n\
                 # element limit 64.",
            )
        }
        "round-after-a-proof" => Exchange::between(&open, [numbers(0..100), numbers(0..100)])
            .then([numbers(100..103), numbers(102..106)])
            .told("A and B have proven that they hold 0 to 99; A gets 100 to 102, B 102 to 105. Open key, element limit 64."),
        other => panic!("there is no {other}"),
    }
}

/// Two sets of elements of one fingerprint, by pages. A digest only counts these, so there is another.
pub(crate) fn alike() -> Exchange<[u8; 32]> {
    let mut config = small(&Key::weak());
    config.economy = Economy::Pages;
    let [ours, theirs] = [0..20, 10..35].map(|range| range.map(|number| forge::alike(0, number)));
    Exchange::between(&config, [ours.collect(), theirs.chain([[255; 32]]).collect()])
}

/// Short messages, little asked for at a time.
pub(crate) fn small(key: &Key) -> Config {
    let mut config = config(key);
    config.economy = Economy::FewestBytes;
    config.max_message = MessageBudget::MIN;
    config.max_element_bytes = 64;
    config
}

const CHOICE: &str =
    "# When and how much to ask for is a choice, and may change; what is said by each message is not.\n";

/// What A and B send each other once A begins a round.
pub(crate) struct Exchange<E> {
    net: Network<E>,
    /// What B inserts once its first cells are sent.
    late: Option<E>,
}

impl<E: Element> Exchange<E> {
    pub(crate) fn between(config: &Config, sets: [Vec<E>; 2]) -> Self {
        let mut net = Network::pair(config, sets);
        net.machines[0].sync_now(&1);
        Self { net, late: None }
    }

    fn begun_by_both(mut self) -> Self {
        self.net.machines[1].sync_now(&0);
        self
    }

    /// Once that round is through, both get more, and A begins another.
    fn then(mut self, sets: [Vec<E>; 2]) -> Self {
        self.messages();
        self.net.proofs.clear();
        for (machine, set) in self.net.machines.iter_mut().zip(sets) {
            machine.extend(set).expect("small elements");
        }
        self.net.machines[0].sync_now(&1);
        self
    }

    fn inserting(mut self, element: E) -> Self {
        self.late = Some(element);
        self
    }

    /// Sender, kind and bytes of every message, in order.
    pub(crate) fn messages(&mut self) -> Vec<(usize, MessageKind, Vec<u8>)> {
        let mut messages = vec![];
        loop {
            self.net.drain_all();
            if self.net.wire.is_empty() {
                assert_eq!(self.net.machines[0].digest(), self.net.machines[1].digest());
                assert_eq!(self.net.proofs.len(), 2, "both know");
                return messages;
            }
            for datagram in std::mem::take(&mut self.net.wire) {
                let kind = Message::<E>::decode(&datagram.bytes).expect("what was sent decodes").kind();
                if let Some(element) = self.late.take_if(|_| kind == MessageKind::Cells) {
                    self.net.machines[1].insert(element).expect("a small element");
                }
                self.net.deliver(&datagram);
                messages.push((datagram.from, kind, datagram.bytes));
            }
        }
    }

    fn told(mut self, sets: &str) -> String {
        let mut text = format!("# {sets}\n{CHOICE}# number, sender, kind, message\n");
        let digest = |machine: &AntiEntropy<usize, E>| machine.digest();
        for (name, machine) in ["A-before", "B-before"].into_iter().zip(&self.net.machines) {
            row(&mut text, format_args!("{name} {}", digest(machine)));
        }
        for (number, (from, kind, bytes)) in (1..).zip(self.messages()) {
            row(&mut text, format_args!("{number} {} {} {}", ["A", "B"][from], kind.name(), hex(&bytes)));
        }
        row(&mut text, format_args!("both-after {}", digest(&self.net.machines[0])));
        text
    }
}
