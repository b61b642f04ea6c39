//! `Peers`: the addresses that a replica dials.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::transport::Transport;

/// The addresses that a replica dials, each a host and a port. It may name the replica itself, which then leaves that out.
///
/// Who dials in needs not be among them: the certificate says who it is, and a [roster](super::Builder::roster) who is
/// welcome.
///
/// ```
/// use std::collections::BTreeSet;
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Peers, Quorum, Replica};
/// use tokio::sync::watch;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// type Words = AntiEntropy<PeerId, String>;
/// let (addresses, watched) = watch::channel(BTreeSet::new());
/// let one = Replica::<Words>::builder("n1").peers(Peers::watched(watched)).insecure().spawn().await?;
/// let two = Replica::<Words>::builder("n2").listen("127.0.0.1:0").insecure().spawn().await?;
/// // Found out only now: the first one dials it.
/// addresses.send_replace([two.address().expect("it listens").to_string()].into());
/// one.synced(Quorum::AtLeast(1)).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Peers(Source);

#[derive(Clone, Debug)]
enum Source {
    Fixed(BTreeSet<String>),
    Dns(String),
    Watched(watch::Receiver<BTreeSet<String>>),
}

/// How often a name is looked up again.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

/// After how many look-ups in a row without it an address is dialled no more. One may miss for a moment: a server that has
/// restarted, or a pod that is not ready, drops out of a headless service.
const MISSES: u32 = 6;

impl Peers {
    /// These addresses.
    pub fn fixed(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Source::Fixed(addresses.into_iter().map(Into::into).collect()))
    }

    /// All addresses that a host stands for, with its port, looked up again every 5 s. An address that was missing for 30 s is
    /// dialled no more.
    pub fn dns(host_and_port: impl Into<String>) -> Self {
        Self(Source::Dns(host_and_port.into()))
    }

    /// Those that somebody else finds out: whatever the latest value is.
    pub const fn watched(addresses: watch::Receiver<BTreeSet<String>>) -> Self {
        Self(Source::Watched(addresses))
    }

    /// The addresses as they come to be known; `None` until the first are. Ends with its receiver.
    pub(super) async fn run(self, transport: impl Transport, out: watch::Sender<Option<BTreeSet<String>>>) {
        match self.0 {
            Source::Fixed(addresses) => {
                out.send_replace(Some(addresses));
                out.closed().await;
            }
            Source::Watched(mut addresses) => loop {
                out.send_replace(Some(addresses.borrow_and_update().clone()));
                tokio::select! {
                    changed = addresses.changed() => if changed.is_err() { return out.closed().await },
                    () = out.closed() => return,
                }
            },
            Source::Dns(name) => {
                let mut found = Found::default();
                loop {
                    match transport.look_up(&name).await {
                        Ok(addresses) => {
                            found.note(addresses.iter().map(ToString::to_string));
                            let addresses = found.addresses();
                            out.send_if_modified(|known| {
                                let is_news = known.as_ref() != Some(&addresses);
                                *known = Some(addresses);
                                is_news
                            });
                        }
                        // It says nothing of who is there: what is known stays.
                        Err(error) => tracing::warn!(%name, %error, "cannot look up the peers"),
                    }
                    tokio::select! {
                        () = sleep(LOOK_UP_EVERY) => {}
                        () = out.closed() => return,
                    }
                }
            }
        }
    }
}

/// Addresses that were found, and for how many look-ups each has been missing.
#[derive(Debug, Default)]
struct Found(BTreeMap<String, u32>);

impl Found {
    fn note(&mut self, addresses: impl Iterator<Item = String>) {
        self.0.values_mut().for_each(|misses| *misses += 1);
        self.0.extend(addresses.map(|address| (address, 0)));
        self.0.retain(|_, misses| *misses < MISSES);
    }

    fn addresses(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_dialled_until_it_was_missing_for_half_a_minute() {
        let mut found = Found::default();
        let mut note = |addresses: &[&str]| {
            found.note(addresses.iter().map(ToString::to_string));
            found.addresses().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(note(&["a:1", "b:1"]), ["a:1", "b:1"]);
        for _ in 1..MISSES {
            assert_eq!(note(&["b:1"]), ["a:1", "b:1"]);
        }
        assert_eq!(note(&["b:1"]), ["b:1"]);
        assert_eq!(note(&["a:1"]), ["a:1", "b:1"], "it counts anew");
    }
}
