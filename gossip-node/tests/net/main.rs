//! Replicas over networks: simulated in virtual time, and the loopback of this machine.

mod maps;
mod memory;
mod simulated;
mod strangers;
mod tcp;
