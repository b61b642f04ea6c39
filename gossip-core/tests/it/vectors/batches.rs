//! Elements pushed up and down, message by message.

use core::time::Duration;

use gossip_core::{AntiEntropy, MessageKind, Output, Overlay, Time};

use super::exchanges::small;
use super::{hex, keys, row};

/// How long a message takes, in milliseconds.
const LATENCY: u64 = 50;

/// What A, which is above, and B push to each other as they get numbers.
pub(crate) fn pushes() -> String {
    let mut text = String::from(
        "# B gets the numbers 0 to 2 at 1000 ms, A 3 at 1020, B 4 at 1300. A is above B, the interval is 200 ms, a message\n\
         # takes 50. Open key, element limit 64. When to push is a choice, and may change; what each message says is not.\n\
         # number, milliseconds, sender, kind, message\n",
    );
    let [(_, open), _] = keys();
    let mut config = small(&open);
    config.batch_every = Some(Duration::from_millis(200));
    let mut machines = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(config.clone(), seed));
    for (name, machine) in machines.iter_mut().enumerate() {
        machine.add_peer(1 - name);
        machine.set_overlay(Overlay::star(&name, [0, 1]));
    }
    let mut under_way: Vec<(u64, usize, Vec<u8>)> = vec![];
    let mut number = 0;
    for now in 0..3_500 {
        let inserted: &[_] = match now {
            1_000 => &[(1, 0), (1, 1), (1, 2)],
            1_020 => &[(0, 3)],
            1_300 => &[(1, 4)],
            _ => &[],
        };
        inserted.iter().for_each(|&(name, element)| assert_eq!(machines[name].insert(element), Ok(true)));
        for (_, to, bytes) in under_way.extract_if(.., |(at, ..)| *at == now) {
            assert_eq!(machines[to].receive_bytes(&(1 - to), &bytes), Ok(()));
        }
        for from in [0, 1] {
            loop {
                match machines[from].poll(Time::from_millis(now)) {
                    Output::Send { to, message } if message.kind() == MessageKind::Push => {
                        number += 1;
                        let (bytes, kind) = (message.encode(), message.kind().name());
                        row(&mut text, format_args!("{number} {now} {} {kind} {}", ["A", "B"][from], hex(&bytes)));
                        under_way.push((now + LATENCY, to, bytes));
                    }
                    // A silence leads to a round.
                    Output::Send { to, message } => under_way.push((now + LATENCY, to, message.encode())),
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                }
            }
        }
    }
    assert_eq!(machines[0].digest(), machines[1].digest());
    text
}
