//! Two machines converge in a program that has no std: it brings its own allocator, panic handler and entry point.
//!
//! It ends with 0 if they did; with 1 if they did not; on a panic it is aborted.
#![no_std]
#![no_main]

extern crate alloc;

mod heap;

use alloc::format;
use alloc::string::String;
use core::ffi::{c_char, c_int};
use core::panic::PanicInfo;

use gossip_core::{AntiEntropy, Config, Digest, Event, MessageBudget, Output, Time};

#[global_allocator]
static HEAP: heap::Heap = heap::Heap::new();

// Nothing but the C library is linked, for its start code and the functions that move memory.
#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

/// What the compiled `alloc` refers to for the case of an unwinding panic. There is none, so neither is ever called.
mod unwinding {
    // SAFETY: the one symbol of this name in the program.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    // SAFETY: the one symbol of this name in the program.
    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        super::abort()
    }
}

// SAFETY: the one symbol of this name in the program, with the type that the C runtime calls it by.
#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    c_int::from(!converges())
}

/// Whether two replicas that hold 300 elements each, 100 of them common, end with all 500 and a proof of it each.
fn converges() -> bool {
    let mut config = Config::default();
    config.max_message = MessageBudget::MIN;
    let mut machines = [(0..300, 1), (200..500, 2)].map(|(range, seed)| {
        let mut machine = AntiEntropy::<usize, String>::new(config.clone(), seed);
        let loaded = machine.extend(range.map(|i: u32| format!("element {i}")));
        assert_eq!(loaded, Ok(300));
        machine
    });
    machines[0].add_peer(1);
    machines[1].add_peer(0);
    let mut proofs = [None; 2];
    for second in 0..60 {
        exchange(&mut machines, &mut proofs, Time::from_millis(1_000 * second));
        let [left, right] = machines.each_ref().map(AntiEntropy::digest);
        if left == right && proofs == [Some(left); 2] {
            return left.count() == 500;
        }
    }
    false
}

/// Lets both speak until both are silent.
fn exchange(machines: &mut [AntiEntropy<usize, String>; 2], proofs: &mut [Option<Digest>; 2], now: Time) {
    let mut silent = [false; 2];
    while silent != [true; 2] {
        for name in [0, 1] {
            let output = machines[name].poll(now);
            silent[name] = matches!(output, Output::Wait(_));
            match output {
                Output::Send { to, message } => {
                    let taken = machines[to].receive_bytes(&name, &message.encode());
                    assert_eq!(taken, Ok(()));
                    silent[to] = false;
                }
                Output::Event(Event::InSync { digest, .. }) => proofs[name] = Some(digest),
                Output::Event(_) | Output::Wait(_) => {}
            }
        }
    }
}
