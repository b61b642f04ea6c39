//! The driver: one task that owns a machine's inputs, and sees that what it says rests on what is kept.

mod links;
mod waiters;

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use gossip_core::{Digest, Output, Place, Time, TooLarge};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::bytes::BytesMut;

use super::driven::{Driven, Step};
use super::link::Queue;
use super::peer_id::PeerId;
use super::persist::Persist;
use super::replica::Quorum;
use super::status::PeerStatus;
use super::targets::Targets;
use crate::store::StoreError;
use links::Links;
use waiters::Waiters;

/// An input of the driver.
pub(super) enum Input<D: Driven> {
    /// A write, and whom to tell once it is kept.
    Write {
        write: D::Write,
        done: oneshot::Sender<Result<D::Wrote, TooLarge>>,
    },
    /// A wait for proofs.
    Await {
        quorum: Quorum,
        done: oneshot::Sender<()>,
    },
    Message {
        peer: PeerId,
        link: u64,
        message: BytesMut,
        _permit: OwnedSemaphorePermit,
    },
    /// A connection that both sides have welcomed.
    Arrive(Arrival),
    /// Its queue has room again.
    Free {
        peer: PeerId,
        link: u64,
    },
    /// It has ended.
    Leave {
        peer: PeerId,
        link: u64,
    },
    /// Other addresses are dialled, or somebody was found at one.
    Targets,
    Status(oneshot::Sender<Vec<PeerStatus>>),
    Stop(oneshot::Sender<()>),
}

/// A connection that asks to be let in.
pub(super) struct Arrival {
    pub(super) peer: PeerId,
    pub(super) life: u64,
    pub(super) dialled: bool,
    pub(super) queue: Queue,
    /// Gets the number of the link; dropped if another one is kept.
    pub(super) admit: oneshot::Sender<u64>,
}

/// What the driver is made of.
pub(super) struct Driver<D: Driven> {
    pub(super) me: PeerId,
    pub(super) machine: Arc<RwLock<D>>,
    pub(super) inbox: mpsc::Receiver<Input<D>>,
    pub(super) store: Option<Box<dyn Persist>>,
    pub(super) changes: broadcast::Sender<D::Change>,
    pub(super) connected: watch::Sender<BTreeSet<PeerId>>,
    pub(super) targets: Arc<Targets>,
    /// Bytes that the store has beside the last state that it keeps whole.
    pub(super) appended: u64,
    /// Whether the machine pushes along an overlay of its peers.
    pub(super) pushes: bool,
}

/// A driver at work.
struct Run<D: Driven> {
    driver: Driver<D>,
    links: Links,
    waiters: Waiters<D>,
    /// When peers are asked again that somebody waits for.
    ask_at: Option<Instant>,
    start: Instant,
    /// How much of the log is kept.
    kept: Place,
    /// Bytes of the last state that the store was given whole.
    whole: u64,
    /// Answers, changes and messages that wait until all they rest on is kept.
    answers: Vec<Answer<D>>,
    told: Vec<D::Change>,
    messages: Vec<(PeerId, u64, Vec<u8>)>,
    /// Encodings to keep that the log does not tell.
    keep: Vec<Vec<u8>>,
    /// Set once it is to stop.
    stopping: Option<Stopping>,
}

/// The end of a driver.
struct Stopping {
    /// Whom to tell that it has stopped.
    done: oneshot::Sender<()>,
    /// When it stops, whatever peers still lack.
    by: Instant,
}

/// The answer to a write, and whom to tell.
struct Answer<D: Driven> {
    done: oneshot::Sender<Result<D::Wrote, TooLarge>>,
    answer: Result<D::Wrote, TooLarge>,
}

/// How often those peers are asked that somebody waits for. A round may end without a proof, since something was under way as it
/// began: without this the next one began 25 s later, with the audit.
const ASKS_EVERY: Duration = Duration::from_millis(300);

/// By how many bytes more than the last whole state changes are kept, before a whole one takes their place.
const PACKS_BEYOND: u64 = 1 << 20;

/// For how long a replica that stops hands over what peers lack. To one that answers that takes a round trip.
const HANDS_OVER: Duration = Duration::from_secs(1);

/// How many inputs are taken in between two polls, and so about how many writes share a sync.
const BATCH: usize = 1_024;

impl<D: Driven> Driver<D> {
    /// Runs until it is told to stop.
    pub(super) async fn run(self) -> Result<(), StoreError> {
        let kept = self.machine.read().unwrap_or_else(std::sync::PoisonError::into_inner).end();
        let mut run = Run {
            links: Links::default(),
            waiters: Waiters::default(),
            ask_at: None,
            start: Instant::now(),
            kept,
            whole: 0,
            answers: Vec::new(),
            told: Vec::new(),
            messages: Vec::new(),
            keep: Vec::new(),
            stopping: None,
            driver: self,
        };
        run.run().await.inspect_err(|error| tracing::error!(%error, "the replica ends"))
    }
}

impl<D: Driven> Run<D> {
    async fn run(&mut self) -> Result<(), StoreError> {
        loop {
            let until = self.poll();
            self.save().await?;
            self.let_out();
            if self.has_handed_over()
                && let Some(Stopping { done, .. }) = self.stopping.take()
            {
                let _ = done.send(());
                return Ok(());
            }
            let mut next = self.receive_until(until).await;
            let mut room = BATCH;
            // What waits already is taken in first: the more share a sync, the fewer there are.
            while let Some(input) = next {
                self.take_in(input);
                room -= 1;
                next = if room == 0 { None } else { self.driver.inbox.try_recv().ok() };
            }
        }
    }

    /// Whether it is to stop and has handed over what peers lacked, or has no more time for it.
    fn has_handed_over(&self) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let machine = self.driver.machine.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        stopping.by <= Instant::now() || !self.links.lag(&*machine)
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// The next input, if one comes before the deadline.
    async fn receive_until(&mut self, until: Option<Time>) -> Option<Input<D>> {
        let deadline = until.and_then(|until| self.start.checked_add(until.saturating_since(Time::ZERO)));
        let stop_at = self.stopping.as_ref().map(|stopping| stopping.by);
        match deadline.into_iter().chain(self.ask_at).chain(stop_at).min() {
            None => self.driver.inbox.recv().await,
            Some(deadline) => tokio::select! {
                input = self.driver.inbox.recv() => input,
                () = sleep_until(deadline) => None,
            },
        }
    }

    fn take_in(&mut self, input: Input<D>) {
        let shared = self.driver.machine.clone();
        let mut machine = shared.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match input {
            // Dropped, which tells whoever asks: who stops begins nothing more.
            Input::Write { .. } | Input::Await { .. } | Input::Arrive(_) if self.stopping.is_some() => {}
            Input::Write { write, done } => {
                let answer = machine.write(write).map(|(wrote, change)| {
                    self.told.extend(change);
                    wrote
                });
                self.answers.push(Answer { done, answer });
            }
            Input::Await { quorum, done } => {
                self.waiters.add(quorum, machine.engine().digest(), done);
                self.ask_at = Some(Instant::now());
                self.check_waiters();
            }
            Input::Message { peer, link, message, .. } => {
                // Of a connection that another has replaced it would be as good as any: but the machine's say is final on who
                // is a peer, and a peer that was removed is none.
                if self.links.is_current(&peer, link)
                    && let Err(refused) = machine.engine_mut().receive_bytes(&peer, &message)
                {
                    tracing::debug!(%peer, %refused, "refused a message");
                }
            }
            Input::Arrive(arrival) => self.arrive(arrival, &mut machine),
            Input::Free { peer, link } if self.links.is_current(&peer, link) => {
                machine.engine_mut().set_writable(&peer, true)
            }
            Input::Leave { peer, link } if self.links.is_current(&peer, link) => self.leave(&peer, &mut machine),
            Input::Free { .. } | Input::Leave { .. } => {}
            Input::Targets => self.review(&mut machine),
            Input::Status(done) => _ = done.send(self.links.status(&*machine)),
            Input::Stop(done) => {
                machine.engine_mut().flush();
                self.stopping = Some(Stopping { done, by: Instant::now() + HANDS_OVER });
            }
        }
        self.waiters.note(machine.engine().digest());
    }

    fn arrive(&mut self, arrival: Arrival, machine: &mut D) {
        let peer = arrival.peer.clone();
        let Some(is_new) = self.links.admit(arrival, &self.driver.me) else { return };
        tracing::info!(%peer, "connected");
        if is_new {
            machine.engine_mut().add_peer(peer.clone());
            self.reshape(machine);
        }
        // The queue is another, and empty.
        machine.engine_mut().set_writable(&peer, true);
        machine.engine_mut().sync_now(&peer);
        self.driver.connected.send_modify(|connected| _ = connected.insert(peer));
    }

    /// A peer's connection has ended. What is built for it from now on is lost, which is little: it is found unreachable.
    fn leave(&mut self, peer: &PeerId, machine: &mut D) {
        self.links.part(peer);
        machine.engine_mut().set_writable(peer, true);
        self.driver.connected.send_modify(|connected| _ = connected.remove(peer));
        self.review(machine);
    }

    /// Forgets peers that are neither connected nor dialled any more.
    fn review(&mut self, machine: &mut D) {
        let gone = self.links.forget_unless(|peer| self.driver.targets.has(peer));
        for peer in &gone {
            tracing::info!(%peer, "forgotten");
            machine.engine_mut().remove_peer(peer);
        }
        if !gone.is_empty() {
            self.reshape(machine);
        }
        self.check_waiters();
    }

    /// Sets the overlay of those who are peers now.
    fn reshape(&self, machine: &mut D) {
        if self.driver.pushes {
            machine.engine_mut().set_overlay(self.links.overlay(&self.driver.me));
        }
    }

    fn check_waiters(&mut self) {
        let are_found = self.driver.targets.are_peers(|peer| self.links.has(peer));
        self.waiters.check(self.links.peers(), are_found);
    }

    /// Polls the machine until it waits; returns until when. What it says waits to be let out.
    fn poll(&mut self) -> Option<Time> {
        let shared = self.driver.machine.clone();
        let mut machine = shared.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.ask_at.is_some_and(|at| at <= Instant::now()) {
            self.check_waiters();
            self.links
                .peers()
                .filter(|peer| self.waiters.lack(peer))
                .for_each(|peer| machine.engine_mut().sync_now(peer));
            self.ask_at = (!self.waiters.are_none()).then(|| Instant::now() + ASKS_EVERY);
        }
        let now = self.now();
        loop {
            let event = match machine.engine_mut().poll(now) {
                Output::Send { to, message } => {
                    let message = message.encode();
                    // Without a connection it is lost, and the machine finds that out.
                    if let Some((link, is_full)) = self.links.reserve(&to, message.len()) {
                        if is_full {
                            machine.engine_mut().set_writable(&to, false);
                        }
                        self.messages.push((to, link, message));
                    }
                    continue;
                }
                Output::Wait(until) => return until,
                Output::Event(event) => event,
            };
            let Some(step) = D::step(event) else { continue };
            match step {
                Step::Change(change) => self.told.push(change),
                Step::Keep(encoded) => self.keep.push(encoded),
                Step::InSync { peer, digest } => self.prove(&peer, digest),
                Step::Unreachable(peer) => {
                    tracing::info!(%peer, "unreachable");
                    // Whatever became of its connection, another one is tried.
                    if self.links.is_connected(&peer) {
                        self.leave(&peer, &mut machine);
                    }
                }
                Step::Reachable(peer) => tracing::info!(%peer, "reachable"),
            }
        }
    }

    fn prove(&mut self, peer: &PeerId, digest: Digest) {
        self.links.prove(peer, digest);
        self.waiters.prove(peer, digest);
        self.check_waiters();
    }

    /// Keeps what has come since the last time. Nothing is taken in meanwhile.
    async fn save(&mut self) -> Result<(), StoreError> {
        let Some(mut store) = self.driver.store.take() else {
            self.keep.clear();
            return Ok(());
        };
        let (mut new, whole) = {
            let machine = self.driver.machine.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            let new = machine.since(self.kept);
            self.kept = machine.end();
            self.driver.appended += new.iter().map(|kept| kept.len() as u64).sum::<u64>();
            // What is kept change by change grows with the changes, and what is held may not.
            let is_grown = !new.is_empty() && self.driver.appended > self.whole + PACKS_BEYOND;
            (new, if is_grown { machine.whole() } else { None })
        };
        new.append(&mut self.keep);
        if let Some(whole) = &whole {
            (self.driver.appended, self.whole) = (0, whole.len() as u64);
        }
        if !new.is_empty() {
            let keep = move || match whole {
                Some(whole) => store.replace(&whole).map(|()| store),
                None => store.append(&new).map(|()| store),
            };
            // A sync takes milliseconds, and other tasks have the thread meanwhile.
            let kept = tokio::task::spawn_blocking(keep).await;
            store = kept.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        }
        self.driver.store = Some(store);
        Ok(())
    }

    /// Lets out what waited for what it rests on.
    fn let_out(&mut self) {
        for Answer { done, answer } in self.answers.drain(..) {
            let _ = done.send(answer);
        }
        for change in self.told.drain(..) {
            // Nobody may listen.
            let _ = self.driver.changes.send(change);
        }
        for (peer, link, message) in self.messages.drain(..) {
            self.links.send(&peer, link, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::{AntiEntropy, Config};

    use super::*;
    use crate::net::targets::Found;

    #[tokio::test]
    async fn who_was_found_and_is_not_let_in_yet_is_waited_for() {
        let id = |name| PeerId::new(name).expect("a name");
        let machine = AntiEntropy::<PeerId, u64>::new(Config::default(), 0);
        let (inbox, inputs) = mpsc::channel(2);
        let targets = Arc::new(Targets::default());
        targets.set(&["n2:1".to_owned()].into());
        targets.find("n2:1", Found::Peer(id("n2")));
        let driver = Driver {
            me: id("n1"),
            machine: Arc::new(RwLock::new(machine)),
            inbox: inputs,
            store: None,
            changes: broadcast::channel(1).0,
            connected: watch::channel(BTreeSet::new()).0,
            targets,
            appended: 0,
            pushes: true,
        };
        let ((done, mut synced), (stop, _stopped)) = (oneshot::channel(), oneshot::channel());
        inbox.try_send(Input::Await { quorum: Quorum::All, done }).expect("there is room");
        inbox.try_send(Input::Stop(stop)).expect("there is room");
        driver.run().await.expect("it has no store");
        assert_eq!(synced.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
