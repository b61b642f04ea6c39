//! Rounds between two machines, counted and checked.

use gossip_core::{AntiEntropy, Element, Event, Output, Time};

/// What a round cost, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Messages.
    pub messages: usize,
    /// Their encoded bytes.
    pub bytes: usize,
}

/// Two machines that know each other as 0 and 1.
#[derive(Clone, Debug)]
pub struct Pair<E> {
    machines: [AntiEntropy<usize, E>; 2],
}

impl<E: Element> Pair<E> {
    /// A pair of machines, which are made each other's peers.
    pub fn new(mut machines: [AntiEntropy<usize, E>; 2]) -> Self {
        machines[0].add_peer(1);
        machines[1].add_peer(0);
        Self { machines }
    }

    /// A round that the first machine begins, until nothing moves.
    ///
    /// # Panics
    ///
    /// If it does not end with equal digests and a proof for both.
    pub fn round(&mut self) -> Cost {
        let (mut cost, mut proven) = (Cost::default(), [false; 2]);
        self.machines[0].sync_now(&1);
        let mut turn = 0;
        let mut idle = 0;
        while idle < 2 {
            match self.machines[turn].poll(Time::ZERO) {
                Output::Send { to, message } => {
                    cost.messages += 1;
                    cost.bytes += message.encoded_len();
                    self.machines[to].receive(&turn, message).expect("a pair understands each other");
                    idle = 0;
                }
                Output::Event(Event::InSync { .. }) => proven[turn] = true,
                Output::Event(_) => {}
                Output::Wait(_) => {
                    turn = 1 - turn;
                    idle += 1;
                }
            }
        }
        assert_eq!(proven, [true; 2], "both have a proof");
        assert_eq!(self.machines[0].digest(), self.machines[1].digest());
        cost
    }

    /// The machines.
    pub fn machines(&self) -> &[AntiEntropy<usize, E>; 2] {
        &self.machines
    }
}

/// The `index`-th of a sequence of well-spread distinct integers.
pub fn spread(index: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}
