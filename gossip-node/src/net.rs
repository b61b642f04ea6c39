//! A replica that crosses networks (feature `net`): tokio, TCP, TLS with a certificate on both sides.
//!
//! [`Replica`] drives a machine, a set as of [`AntiEntropy`](gossip_core::AntiEntropy) or whatever else is [`Driven`], over
//! connections to its peers: one to each, whoever dialled it.
//!
//! ```
//! use gossip_core::AntiEntropy;
//! use gossip_node::net::{PeerId, Peers, Quorum, Replica};
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! type Words = AntiEntropy<PeerId, String>;
//! let one = Replica::<Words>::builder("n1").listen("127.0.0.1:0").insecure().spawn().await?;
//! let address = one.address().expect("it listens").to_string();
//! let two = Replica::<Words>::builder("n2").peers(Peers::fixed([address])).insecure().spawn().await?;
//!
//! let mut changes = two.subscribe();
//! one.insert("tea".to_owned()).await?;
//! assert_eq!(changes.next().await?.element, "tea");
//! two.synced(Quorum::AtLeast(1)).await?; // a proof of equality
//! assert!(two.read(|words| words.contains(&"tea".to_owned())));
//!
//! one.shutdown().await?;
//! two.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # }).unwrap();
//! ```
//!
//! A map is driven the same way: `Replica::<Map<PeerId, String, u64>>`, with `insert(key, value)` and `remove(key)`, and
//! [changes](KeyChange) that name a key. It is kept change by change, and goes on under its id after a restart.
//!
//! # What goes over a connection
//!
//! Frames: four bytes of length, the most significant first, then as many bytes. Each side sends its hello, and once it has
//! read the other's, its verdict on it: a welcome, or what is wrong, in words. Then frames are messages of the machine; an
//! empty one, every 2 s without another, says no more than that its sender is there.
//!
//! # What may fail, and what then
//!
//! | what | then |
//! |---|---|
//! | a peer is down, or its address is wrong | it is dialled again, a tenth of a second later at first and a second at the most |
//! | a connection is cut without a word | it is given up after 5 s with data under way, or 6 s in which nothing came, or once the machine finds the peer unreachable; and another is dialled |
//! | a peer reads slowly | nothing is built for it while 128 KiB wait; after 30 s without a byte taken, its connection ends |
//! | a peer sends more than is worked off | it is read no further while four of its messages wait |
//! | a stranger connects | five seconds for its handshake, in frames of 1 KiB; of more than 1 024 at once the oldest ends |
//! | two connections join the same two replicas | the one dialled by the name that comes first stays |
//! | the store fails | the replica ends: nothing is told that is not kept |

mod builder;
mod change;
mod dial;
mod door;
mod driven;
mod driver;
mod handshake;
#[cfg(feature = "http")]
mod http;
mod link;
mod listen;
mod peer_id;
mod peers;
mod persist;
mod replica;
mod status;
#[cfg(feature = "store")]
mod store;
mod targets;
mod tls;
mod transport;

pub use builder::{Builder, SpawnError};
pub use change::{Change, Changes, KeyChange, Missed};
pub use driven::{Driven, MapWrite, Step};
pub use peer_id::{PeerId, PeerIdError};
pub use peers::Peers;
pub use persist::Persist;
pub use replica::{Handle, InsertError, Quorum, Replica, Stopped};
pub use status::PeerStatus;
#[cfg(feature = "store")]
pub use store::Store;
pub use tls::{Tls, TlsError};
pub use transport::{Tcp, Transport};
