//! Anti-entropy as a pure state machine.
//!
//! Replicas that hold the same set drift apart: messages are lost, nodes restart, networks split. [`AntiEntropy`]
//! brings them back together. It sends a digest first, and only where digests differ it pays, for the difference and
//! not for the state ([`sketch`]). It keeps a [`Ledger`] of the bytes that this costs and saves. It does no IO:
//! messages go in and come out, over any transport, with threads or without. The crate is `no_std` (it needs `alloc`)
//! and has no unsafe code. `PROTOCOL.md` has the protocol, byte by byte, for other implementations. `docs/GLOSSARY.md`
//! has each term once, and a table of what papers call it.
//!
//! # Embedding
//!
//! Three verbs: [`insert`](AntiEntropy::insert) elements of your own, [`receive`](AntiEntropy::receive) the messages of
//! peers, and [`poll`](AntiEntropy::poll) until it says [`Wait`](Output::Wait), or have [`drive`](AntiEntropy::drive) do that.
//! This is the whole loop:
//!
//! ```
//! use gossip_core::{AntiEntropy, Event};
//! use std::{sync::mpsc, time::Instant};
//!
//! enum Input { Bytes { from: u32, bytes: Vec<u8> }, Write(String), Stop }
//!
//! fn run(mut machine: AntiEntropy<u32, String>, inbox: mpsc::Receiver<Input>, send: impl Fn(u32, Vec<u8>)) {
//!     let start = Instant::now();
//!     loop {
//!         let wait = machine.drive(
//!             start.elapsed(),
//!             |_, to, message| send(to, message.encode()), // may be lost
//!             |_, event| if let Event::Learned { element, .. } = event { println!("learned {element}") },
//!         );
//!         match inbox.recv_timeout(wait) {
//!             Ok(Input::Bytes { from, bytes }) => machine.receive_bytes(&from, &bytes).unwrap_or_else(|e| eprintln!("{e}")),
//!             Ok(Input::Write(text)) => drop(machine.insert(text)),
//!             Ok(Input::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
//!             Err(mpsc::RecvTimeoutError::Timeout) => {}
//!         }
//!     }
//! }
//! # let (sender, inbox) = mpsc::channel();
//! # for input in [Input::Write("a".into()), Input::Bytes { from: 1, bytes: vec![] }, Input::Stop] { sender.send(input).unwrap(); }
//! # let mut machine = AntiEntropy::new(gossip_core::Config::default(), 1);
//! # machine.add_peer(1);
//! # run(machine, inbox, |_, _| {});
//! ```
//!
//! # Pushing
//!
//! Rounds bring two replicas together, and cost the same whether an element is fresh or old. To have fresh elements
//! everywhere soon, set [`Config::batch_every`] and an [`Overlay`]: elements are then pushed in batches along a star, a
//! tree or a graph. Rounds repair what pushes do not reach, and begin by themselves on a link that has lost something,
//! is silent, or is gone; and every [`Config::audit_every`], whatever flows.
//!
//! ```
//! use core::time::Duration;
//! use gossip_core::{AntiEntropy, Config, Overlay};
//!
//! let nodes = ["n1", "n2", "n3", "n4"];
//! let mut config = Config::default();
//! config.batch_every = Some(Duration::from_millis(200));
//! let mut machine = AntiEntropy::<&str, u64>::new(config, 7);
//! for peer in nodes.into_iter().filter(|&node| node != "n2") {
//!     machine.add_peer(peer);
//! }
//! machine.set_overlay(Overlay::star(&"n2", nodes)); // the others do the same, each as itself
//! ```
//!
//! For each peer the machine keeps a [`Place`] in the log, up to which the peer was pushed its elements.
//! Acknowledgements travel with the batches of the other direction, and lost elements are read from the log again.
//!
//! # A set that only grows, and a map that forgets
//!
//! Elements of a set are never removed: what one replica holds, all will hold. That is for what happened, and stays true.
//! What is true now, and is updated and removed, is for a [`Map`], which is the same machine over another kind of set:
//!
//! ```
//! use gossip_core::{Config, Map, ReplicaId};
//!
//! let id = ReplicaId::from_random(*b"8 random"); // of the operating system, another one for each life of a replica
//! let mut map = Map::<&str, String, u64>::new(Config::default(), id, 1);
//! map.insert("tea".into(), 250).unwrap();
//! map.insert("tea".into(), 270).unwrap();
//! assert_eq!(map.get("tea"), Some(&270));
//! assert_eq!((map.remove("tea"), map.len()), (1, 0));
//! ```
//!
//! A removed entry leaves nothing behind and never comes back. The laws below hold of it, with one word more in two of
//! them: a map converges to what was inserted and *neither removed nor replaced by whoever had seen it*, and nothing is lost
//! but that.
//!
//! # Who may write
//!
//! A hostile writer, whose elements some replica inserts, can break laws 1 and 3 but no others, unless the cluster has
//! a secret [`Key`]. The page of `Key` says how far that goes.
//!
//! # What a peer can cost
//!
//! Only requests are answered. Messages from non-peers, refused messages and unsolicited answers get no reply. The most
//! that one request earns, by default, from a replica of any size:
//!
//! | request | bytes | earns | bytes |
//! |---|---|---|---|
//! | a probe of an equal digest | 28 | the proof | 13 |
//! | of a state that was | 28 | what has come since, 2^17 elements at most, in `window` × `max_message` | 2 MiB |
//! | of another one | 28 | the first cells, or a tiny set whole | 372 |
//! | of another one, with deep bits | 92 | as many cells as it seems to take, in `window` × `max_message` | 2 MiB |
//! | for more cells | 21 | what all elements of two such sets take, 2^20 at most, in `window` × `max_message` | 2 MiB |
//! | for those of a forgotten state | 21 | the first cells | 372 |
//! | a page of everything that lists nothing, or ids | 15, or 2 an id | `window` × `max_message` | 2 MiB |
//! | a push that asks for what it lacks | 22 | 4 × `max_message`, or a round | 256 KiB |
//! | a repair with wishes | 1 to 5 a wish | what is wished for, in `window` × `max_message` | 2 MiB |
//!
//! Asking more often earns no more: one answer is owed to each peer, and over time a peer earns at most
//! [`Config::work_per_second`], in which look-ups and the reading of its cells count as well. A peer also pays for what
//! is pushed to it again, and for the rounds of our own that it draws us into. Each of them takes at most 12 steps, pages
//! aside, sends a request at most 3 times (23 where answers take a minute) and reads a sketch at most ten times; pages go
//! on for as long as they are answered. What is pushed for the first time costs the peer nothing. No other peer waits for this.
//!
//! A unit of work takes 1 to 19 ns, so 16 MiB a second are 2 to 31 % of a core. No work grows with the set or the log
//! without being charged: a push passes over what came from its receiver in runs, and what is too much to push is measured
//! once. This prints what each request takes, beside what it is charged:
//!
//! ```sh
//! cargo test --release -p gossip-core --features sim --test hostile work -- --ignored --nocapture
//! ```
//!
//! Between two polls the machine keeps one answer owed to a peer, at most 16 times the bytes of one of its messages,
//! and one round of ours. Elements of a peer are kept for good, and to merge them takes time in proportion to their
//! bytes. The embedder bounds that: it reads less from the peer, or calls [`remove_peer`](AntiEntropy::remove_peer). What waits
//! for a transport that is slower than its machine, and [says so](AntiEntropy::set_writable), is that answer as a cursor: 5 MB
//! go over 100 kB a second as 5.1 MB in 54 s. A queue of 64 messages that drops what is too much is offered 9.2 MB and takes
//! 76 s, and one of 4 messages is offered 17 MB.
//! [`PeerStats`] show which peer it is: [`work`](Ledger::work), [`deferred`](Ledger::deferred),
//! [`rejected`](Ledger::rejected), [`ignored`](Ledger::ignored).
//!
//! # The laws
//!
//! 1. **Convergence.** Whatever is lost, duplicated, reordered or delayed, once messages flow again every replica ends
//!    with the union of what live replicas held, and each pair that talks ends with a proof: equal digests, echoed to
//!    the probe that asked. (Provided different sets have different digests: overwhelmingly so while the [`Key`] is
//!    secret or writers are honest.)
//! 2. **Nothing lost, nothing invented.** While it lives, a replica's set only grows, and only by elements that some
//!    replica inserted, whether or not it can [decode](AntiEntropy::undecoded) them. Two elements with one fingerprint are
//!    both kept.
//! 3. **Never worse than full state.** A round without loss, concurrent inserts or crossing probes costs at most what
//!    paging both full states at the same message budget would cost, framing included, plus 512 bytes; where the
//!    estimate of the difference erred by more than three standard errors, at most 10 % more. (Ids that turn out to be
//!    listed in vain are a 256th at the most. How well elements fill messages that hold fewer than 16 is luck, and up to
//!    6 %. Elements made to be alike to sketches, which an open [`Key`] allows, can cost half as much again.)
//! 4. **Eager to learn, lazy to speak.** `receive` merges at once; answers are built in `poll`, from the newest state.
//!    Per peer there is one slot for our own round and one for the answer owed; a newer request replaces an older.
//! 5. **No sessions on the wire.** Any replica can answer any request from what the request holds. The state of a peer
//!    is pacing, one cursor, the last state told and statistics; with pushes, places in two logs; and sketches under way,
//!    for all peers together at most 4 MiB, or two of the longest that sets like ours take: 144 bytes an element, up to 32
//!    MiB. Losing it costs a round, never correctness.
//! 6. **Progress.** Every completed round without concurrent inserts ends in a proof, or moves on to the next, stronger
//!    strategy: from the first cells to more of them, and to pages. A sketch that cannot be read is a cost, never a
//!    stall and never a wrong element.
//! 7. **`Wait` is truthful.** `Wait(Some(t))` has `t > now`; polling at `t` yields something else than `Wait`, or a
//!    later deadline or none once. Nothing queued is ever later than it. A clock that runs backwards counts as standing
//!    still; one that jumps forward costs at most one round.
//! 8. **Bounded.** Every message sent fits [`Config::max_message`], or holds a single element; decoding accepts up to 1
//!    MiB, so unequal budgets still converge. An element over the cluster's limit is refused by `insert`. A peer's
//!    numbers never size an allocation. What cannot be decoded is held up to [`Config::max_undecoded_bytes`]. A request earns at most `window` messages, no more are pushed before some are
//!    acknowledged, and a peer earns at most [`Config::work_per_second`]: beyond that answers are deferred, while
//!    merging is not. Events queue at most what was received. Hostile bytes get an error and change nothing.
//! 9. **Deterministic.** Equal seeds and inputs give equal outputs, byte for byte, on every platform.
//! 10. **Bounded staleness.** What one live replica holds, every replica that its messages reach holds within 30 s, whether
//!     or not writes go on, and whatever befell either before: losses, restarts with and without memory or under the same
//!     seed, messages of a former life, peers removed and added, differing overlays. (With the default
//!     [`Config::audit_every`]; the bound is that and a round, for each link on the way that such a fault has hit. With
//!     rounds alone it is a few times [`Config::round_every`].)
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod agenda;
mod anti_entropy;
mod codec;
mod config;
mod digest;
mod element;
mod error;
mod event;
mod forgetting;
mod key;
mod kind;
mod known;
mod machine;
mod map;
mod message;
mod pacing;
mod peer;
mod push;
mod rng;
mod round;
mod set;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sketch;
mod stats;
mod time;
mod wire;

pub use anti_entropy::AntiEntropy;
pub use config::{Config, Economy, MessageBudget};
pub use digest::{Digest, ParseDigestError};
pub use element::{BrokenElementLaw, Element, Foreign, Numbers, ReplicaId, TypeTag, element_laws};
#[cfg(feature = "serde")]
pub use element::{Serde, Tagged};
pub use error::{NotKept, Reject, RestoreError, TooLarge};
pub use event::{Event, MapEvent, Output};
#[cfg(feature = "sim")]
#[doc(hidden)]
pub use forgetting::Rule;
pub use forgetting::{Forgetting, Item};
#[cfg(feature = "derive")]
pub use gossip_core_derive::Element;
pub use key::Key;
pub use kind::{Content, Kind};
pub use machine::Engine;
#[cfg(feature = "model")]
pub use machine::ModelState;
pub use map::{Map, MapOutput};
pub use message::{DecodeError, Message, MessageKind};
pub use push::Overlay;
pub use set::Set;
pub use stats::{ByKind, Counter, Ledger, PeerStats, Stats, Traffic};
pub use time::Time;
pub use wire::Place;

/// What derived code names, in crates without std as well.
#[cfg(feature = "derive")]
#[doc(hidden)]
pub mod derived {
    pub use alloc::vec::Vec;
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/RECIPES.md")]
pub mod recipes {}

/// The examples of both READMEs compile, one of them with `derive`.
#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
