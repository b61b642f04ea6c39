//! Machines that exchange messages, in virtual time.

use std::collections::VecDeque;

use gossip_core::{Engine, Kind, Output, Time};

/// Has machines exchange messages from one time to another. Each is known to the others by its index, and messages arrive
/// at once.
///
/// # Panics
///
/// If one refuses a message.
pub fn exchange<S: Kind>(machines: &mut [Engine<usize, S>], from: Time, to: Time) {
    let mut now = from;
    while now <= to {
        let mut next = vec![Time::MAX; machines.len()];
        let mut awake: VecDeque<usize> = (0..machines.len()).collect();
        while let Some(me) = awake.pop_front() {
            match machines[me].poll(now) {
                Output::Send { to, message } => {
                    machines[to].receive_bytes(&me, &message.encode()).expect("they understand each other");
                    awake.extend([me, to]);
                }
                Output::Event(_) => awake.push_front(me),
                Output::Wait(until) => next[me] = until.unwrap_or(Time::MAX),
            }
        }
        now = next.into_iter().min().unwrap_or(Time::MAX);
    }
}
