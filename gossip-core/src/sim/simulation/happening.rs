//! `Happening`: an event of a run.

use alloc::vec::Vec;
use core::time::Duration;

use crate::sim::node::Packet;
use crate::sim::{Fault, Memory};

/// Event of a run.
#[derive(Debug)]
pub(super) enum Happening {
    /// First poll. Twins are made here, once it is known whether there are any.
    Start {
        replica: usize,
        seed: u64,
    },
    Arrive {
        to: usize,
        packet: Packet,
    },
    Insert {
        replica: usize,
        number: usize,
    },
    Remove {
        replica: usize,
        key: Vec<u8>,
    },
    /// A deadline.
    Wake(usize),
    /// A poll that was put off.
    Poll {
        replica: usize,
        life: u64,
    },
    /// A poll before the deadline.
    Early {
        replica: usize,
        life: u64,
    },
    Begin {
        fault: Fault,
        lasting: Duration,
    },
    Heal(u64),
    Resume {
        replica: usize,
        life: u64,
    },
    /// The end of a transport's standstill.
    Flow {
        from: usize,
        to: usize,
        life: u64,
    },
    Restart {
        replica: usize,
        memory: Memory,
    },
}
