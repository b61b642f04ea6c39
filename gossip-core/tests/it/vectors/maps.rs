//! Rounds of maps.

use gossip_core::{Config, Economy, Map, MapOutput, ReplicaId, Time};

use super::{hex, row};

/// A round after a removal: both hold three keys, the first removes one, starts anew, and asks.
pub(super) fn removal() -> String {
    let ids = [7_u64, 9].map(|bits| ReplicaId::from_random(bits.to_le_bytes()));
    let mut maps = ids.map(|id| {
        let mut config = Config::default();
        (config.max_element_bytes, config.economy) = (128, Economy::FewestBytes);
        Map::<usize, String, u64>::new(config, id, id.to_string().len() as u64)
    });
    maps[0].add_peer(1);
    maps[1].add_peer(0);
    for (key, value) in [("milk", 90), ("rice", 120), ("tea", 250)] {
        maps[0].insert(key.into(), value).expect("it is short");
    }
    let mut found = String::from(
        "# A and B hold milk, rice and tea, of replica id 7. A removes tea, starts anew with what it saved, and asks. Open key, element limit 128.\n\
         # When and how much to ask for is a choice, and may change; what is said by each message is not.\n\
         # number, sender, kind, message\n",
    );
    messages(&mut maps, &mut |_, _, _| {});
    maps[0].remove("tea");
    // Else A would know from its log what differs, and ask for no cells.
    let saved = maps[0].save();
    maps[0] = Map::restore(maps[0].config().clone(), ids[0], 1, &saved).expect("it was saved");
    maps[0].add_peer(1);
    let mut number = 0;
    for (name, map) in ["A", "B"].iter().zip(&maps) {
        row(&mut found, format_args!("{name}-before {}", map.digest()));
    }
    messages(&mut maps, &mut |sender, kind, bytes| {
        number += 1;
        row(&mut found, format_args!("{number} {} {kind} {}", ["A", "B"][sender], hex(bytes)));
    });
    assert!(maps[1].get("tea").is_none() && maps[0].digest() == maps[1].digest());
    row(&mut found, format_args!("both-after {}", maps[0].digest()));
    found
}

/// A round that the first begins.
fn messages(maps: &mut [Map<usize, String, u64>; 2], see: &mut dyn FnMut(usize, &str, &[u8])) {
    maps[0].sync_now(&1);
    for _ in 0..8 {
        for sender in [0, 1] {
            loop {
                match maps[sender].poll(Time::ZERO) {
                    MapOutput::Send { to, message } => {
                        see(sender, message.kind().name(), &message.encode());
                        maps[to].receive(&sender, message).expect("it is sound");
                    }
                    MapOutput::Event(_) => {}
                    MapOutput::Wait(_) => break,
                }
            }
        }
    }
}
