//! Dialling: a task for each address, which comes back whenever its connection has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::door::{Door, Guest};
use super::driven::Driven;
use super::driver::Input;
use super::handshake::Refusal;
use super::peer_id::PeerId;
use super::targets::{Found, Targets};
use super::transport::Transport;

/// How long a connection may take to come about. Shorter than TCP would try: a first packet that a cut has swallowed is sent
/// again after 1, 3 and 7 s, and the cut may have healed meanwhile.
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);

/// The pause after a first failure; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: a packet a second to a peer that is down costs nothing, and the end of a cut is noticed soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a dialler needs.
pub(super) struct Dialler<T: Transport, D: Driven> {
    pub(super) door: Arc<Door<D>>,
    pub(super) transport: T,
    pub(super) targets: Arc<Targets>,
    /// Who is connected, whoever dialled.
    pub(super) connected: watch::Receiver<BTreeSet<PeerId>>,
    pub(super) seed: u64,
}

impl<T: Transport, D: Driven> Dialler<T, D> {
    /// Dials all addresses that there are, for as long as they are there.
    pub(super) async fn run(self, mut addresses: watch::Receiver<Option<BTreeSet<String>>>) {
        let (dialler, mut diallers) = (Arc::new(self), JoinSet::new());
        let mut dialled: BTreeMap<String, AbortHandle> = BTreeMap::new();
        loop {
            let wanted = addresses.borrow_and_update().clone();
            if let Some(wanted) = wanted {
                dialled.retain(|address, task| {
                    let stays = wanted.contains(address);
                    if !stays {
                        task.abort();
                    }
                    stays
                });
                dialler.targets.set(&wanted);
                for address in wanted {
                    let dialler = dialler.clone();
                    let dial = |address: String| diallers.spawn(async move { dialler.dial(&address).await });
                    dialled.entry(address.clone()).or_insert_with(|| dial(address));
                }
                dialler.report().await;
            }
            if addresses.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells the driver that other addresses are dialled, or somebody was found.
    async fn report(&self) {
        let _ = self.door.inbox.send(Input::Targets).await;
    }

    /// Connects to an address, again and again.
    async fn dial(&self, address: &str) {
        let mut connected = self.connected.clone();
        let mut chance = self.seed ^ address.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)));
        let (mut failures, mut last) = (0, String::new());
        let mut peer = None;
        loop {
            match self.try_once(address).await {
                Ok(guest) => {
                    self.targets.find(address, Found::Peer(guest.peer.clone()));
                    self.report().await;
                    peer = Some(guest.peer);
                    (failures, last) = (0, String::new());
                    let _ = guest.ended.await;
                }
                Err(Refusal::Ourselves) => {
                    self.targets.find(address, Found::Ourselves);
                    self.report().await;
                    // Nobody else will ever be there: where a name stands for other addresses, another task dials those.
                    return std::future::pending().await;
                }
                Err(Refusal::Stopped) => return,
                Err(refusal) => {
                    failures += 1;
                    // Once for each reason, and not for each time.
                    let reason = refusal.to_string();
                    if reason != last {
                        tracing::warn!(%address, %reason, "cannot connect");
                        last = reason;
                    }
                }
            }
            // Connected by another connection, which that peer has dialled: this one is not needed.
            if let Some(peer) = &peer
                && connected.wait_for(|connected| !connected.contains(peer)).await.is_err()
            {
                return;
            }
            chance = mix(chance);
            sleep(pause(failures, chance)).await;
        }
    }

    async fn try_once(&self, address: &str) -> Result<Guest, Refusal> {
        let stream =
            timeout(CONNECTS_WITHIN, self.transport.connect(address)).await.map_err(|_| Refusal::TooLong)??;
        self.door.enter::<T>(stream, true).await
    }
}

/// From half to all of a pause that doubles with each failure: peers that lost one at the same time do not all come back at
/// the same time.
fn pause(failures: u32, chance: u64) -> Duration {
    let all = PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
    all / 2 + all / 2 * u32::from(chance.to_le_bytes()[0]) / 255
}

/// The next of a sequence of numbers that look random (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
pub(super) const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_are_never_all_alike() {
        for (failures, longest) in [(0, 100), (1, 200), (3, 800), (4, 1_000), (u32::MAX, 1_000)] {
            let pauses: Vec<_> = (0..100).map(|number| pause(failures, mix(number)).as_millis()).collect();
            assert!(pauses.iter().all(|pause| (longest / 2..=longest).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses.iter().max() > pauses.iter().min());
        }
    }
}
