//! A node that has its id and its peers: the machine, and its set in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use gossip_core::{AntiEntropy, Event, Message, Overlay, Place, Time};
use serde_json::value::RawValue;

use super::Output;
use crate::json::{Json, JsonError, spaced};
use crate::protocol::{Read, Refusal, Reply, Request, Shown, Skipped, gossip_line, id_len};
use crate::settings::{MAX_ID, Settings, Shape};
use crate::watch::{Report, Rounds};
use crate::workload::counter::{Increment, growth};
use crate::workload::{Row, Workload};

/// What the log calls this, wherever the code stands: people filter by it.
const TARGET: &str = "gossip_node::member";

/// The part of a node that there is from `init` on.
#[derive(Debug)]
pub(crate) struct Member {
    id: Arc<str>,
    /// The `node_ids` of `init`, to recognise the same `init` again.
    node_ids: Vec<String>,
    peers: BTreeSet<Arc<str>>,
    machine: AntiEntropy<Arc<str>, Json>,
    /// The machine's set in the order of replies.
    values: BTreeSet<Json>,
    /// How far in the machine's log `values` has come.
    taken_in: Place,
    /// Where the log ended once it held what a persistence had kept.
    restored: Place,
    workload: Workload,
    /// The sum of the increments among `values`; 0 unless the workload counts.
    sum: i128,
    rounds: Rounds,
}

impl Member {
    /// Sets up the machine of the node `id`. Its peers are the other ids of `node_ids`.
    pub(crate) fn new(id: String, node_ids: Vec<String>, settings: &Settings) -> Result<Self, Refusal> {
        // Two ids frame every line between nodes, and `LINE_FRAME` reserves 256 bytes for each. They are counted as
        // JSON, where a control character takes six.
        if node_ids.iter().chain([&id]).any(|id| id_len(id) > MAX_ID) {
            return Err(Refusal::LongId);
        }
        // Equal seeds would have all nodes choose the same peers at the same moments, so the cluster's seed is mixed
        // with the id.
        let mut machine = AntiEntropy::new(settings.config(), seed(settings.seed, &id));
        let peers: BTreeSet<Arc<str>> =
            node_ids.iter().filter(|&peer| *peer != id).map(|peer| Arc::from(peer.as_str())).collect();
        for peer in &peers {
            machine.add_peer(peer.clone());
        }
        let id: Arc<str> = id.into();
        // After the peers, since only a peer can be pushed to.
        if let Some(overlay) = settings.overlay.overlay(&id, peers.clone()) {
            machine.set_overlay(overlay);
        }
        Ok(Self {
            rounds: Rounds::of(&id),
            id,
            node_ids,
            peers,
            machine,
            values: BTreeSet::new(),
            taken_in: Place::START,
            restored: Place::START,
            workload: settings.workload,
            sum: 0,
        })
    }

    /// Holds the elements that a persistence kept.
    pub(crate) fn restore(&mut self, elements: Vec<Json>) {
        self.machine.extend(elements).expect("`Node::restored` has checked their lengths");
        self.take_in();
        self.restored = self.machine.end();
    }

    /// The elements that came since the log ended at a place, learned from peers or written by clients; none of those that
    /// it was [restored](Self::restore) with.
    pub(crate) fn since(&self, place: Place) -> impl Iterator<Item = &Json> {
        self.machine.since(place.max(self.restored))
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> Place {
        self.machine.end()
    }

    pub(crate) fn handle(&mut self, request: Request, settings: &Settings) -> Result<Reply<'_>, Refusal> {
        match request {
            Request::Init { node_id, node_ids } if *node_id == *self.id && node_ids == self.node_ids => {
                Ok(Reply::InitOk {})
            }
            Request::Init { .. } => Err(Refusal::InitAgain),
            Request::Topology { mut neighbours } => {
                if settings.overlay == Shape::Topology {
                    let neighbours = neighbours.remove(&*self.id).unwrap_or_default();
                    // A topology may name nodes that `init` did not. They are left out, as nothing can be sent to them.
                    self.machine.set_overlay(Overlay::of(neighbours.iter().filter_map(|id| self.peer(id))));
                }
                Ok(Reply::TopologyOk {})
            }
            Request::Write { key, element } => {
                self.check_increment(&element)?;
                self.insert(key, element)?;
                Ok(Reply::WriteOk { request: self.workload.row().write })
            }
            Request::Read => {
                // The sum is kept as elements come: to add it up at each read would cost as much as the set is large.
                let Row { shown: key, least_delta, .. } = self.workload.row();
                let shown = if least_delta.is_some() { Shown::Sum(self.sum) } else { Shown::Elements(&self.values) };
                Ok(Reply::ReadOk(Read { key, shown }))
            }
            Request::Digest => {
                let digest = self.machine.digest();
                Ok(Reply::DigestOk { digest: digest.to_string(), count: digest.count() })
            }
            Request::DigestSync { remote_digest, remote_messages } => self.sync(&remote_digest, remote_messages),
            Request::Echo { echo } => Ok(Reply::EchoOk { echo }),
            Request::Stats => Ok(Reply::StatsOk(Box::new(Report::of(&self.machine)))),
        }
    }

    pub(crate) fn receive(&mut self, from: &Arc<str>, message: Option<&RawValue>) -> Result<(), Skipped> {
        // Two keys `message` are as bad as none: nobody can tell which one the sender meant.
        let text = message.ok_or_else(|| Skipped::NotAMessage("it has no `message`, or several".into()))?.get();
        let message: Message<Json> =
            serde_json::from_str(text).map_err(|error| Skipped::NotAMessage(error.to_string()))?;
        let _entered = self.rounds.span_of(from).entered();
        tracing::trace!(target: TARGET, kind = message.kind().name(), bytes = message.encoded_len(), "received");
        self.machine.receive(from, message)?;
        self.take_in();
        Ok(())
    }

    pub(crate) fn poll(&mut self, now: Time) -> Output {
        loop {
            match self.machine.poll(now) {
                gossip_core::Output::Event(event) => self.on(event),
                gossip_core::Output::Send { to, message } => return self.send(&to, &message),
                gossip_core::Output::Wait(until) => {
                    // A round may end with a message that came in, and then nothing is sent that would show it.
                    self.rounds.end_all(|peer| self.machine.peer_stats(peer).map(|stats| stats.ledger));
                    return Output::Wait(until);
                }
            }
        }
    }

    fn send(&mut self, to: &Arc<str>, message: &Message<Json>) -> Output {
        if let Some(stats) = self.machine.peer_stats(to) {
            self.rounds.sent(to, message.kind(), message.encoded_len(), &stats.ledger);
        }
        Output::Line(gossip_line(&self.id, to, message))
    }

    /// The ledger, as one JSON object.
    pub(crate) fn ledger(&self) -> String {
        spaced(&Report::of(&self.machine))
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn peer(&self, id: &str) -> Option<Arc<str>> {
        self.peers.get(id).cloned()
    }

    fn insert(&mut self, key: &str, value: Json) -> Result<(), Refusal> {
        self.machine.insert(value).map_err(|error| too_long(key, error.limit))?;
        self.take_in();
        Ok(())
    }

    /// Adds what has come to the machine to `values` and to the sum. It follows whatever may bring the machine elements, so
    /// that a read shows no less than a digest counts.
    fn take_in(&mut self) {
        // A clone shares its text, so the machine and `values` hold every text once.
        for value in self.machine.since(self.taken_in).cloned() {
            // Before the value is among the others: its own delta must not count as one that was there.
            self.sum += growth(&self.values, &value, self.workload);
            self.values.insert(value);
        }
        self.taken_in = self.machine.end();
    }

    /// Refuses an increment if its client used the `msg_id` for another delta. A repeated request passes: it is an element
    /// already.
    fn check_increment(&self, element: &Json) -> Result<(), Refusal> {
        let rival = Increment::read(element, self.workload).and_then(|new| new.rival(&self.values, self.workload));
        rival.map_or(Ok(()), |delta| Err(Refusal::MsgIdUsed(delta)))
    }

    /// Answers `digest_sync`: compares digests, then merges. The reply holds the union; which part of it the requester lacks is
    /// for it to find.
    fn sync(&mut self, remote_digest: &str, remote: Vec<Json>) -> Result<Reply<'_>, Refusal> {
        // A digest is hexadecimal, and clients may write it in capitals.
        if self.machine.digest().to_string().eq_ignore_ascii_case(remote_digest) {
            return Ok(Reply::InSync { r#match: true, transferred: 0 });
        }
        let mut listed = BTreeSet::new();
        for value in remote {
            // None is refused, and so nothing is left half done: their lengths were checked as the request was read.
            self.insert("remote_messages", value.clone())?;
            listed.insert(value);
        }
        let local_messages = &self.values;
        // All that was listed is held by now, so what is beyond it is what the requester lacks. What it listed twice
        // counts once.
        let transferred = local_messages.len() - listed.len();
        Ok(Reply::OutOfSync { r#match: false, transferred, local_messages })
    }

    fn on(&self, event: Event<Arc<str>, Json>) {
        match event {
            Event::Learned { element, from } => {
                self.rounds.span_of(&from).in_scope(|| tracing::trace!(target: TARGET, %element, %from, "learned"));
            }
            Event::Undecoded { encoded, from } => {
                tracing::warn!(target: TARGET, bytes = encoded.len(), %from, "an element is no value of this version");
            }
            Event::InSync { peer, digest, again } => {
                self.rounds
                    .span_of(&peer)
                    .in_scope(|| tracing::debug!(target: TARGET, %peer, %digest, again, "in sync"));
            }
            Event::Unreachable { peer } => tracing::info!(target: TARGET, %peer, "unreachable"),
            Event::Reachable { peer } => tracing::info!(target: TARGET, %peer, "reachable"),
            // Events are non-exhaustive: a new one is seen in the log before anybody acts on it.
            other => tracing::debug!(target: TARGET, ?other, "event"),
        }
    }
}

fn too_long(key: &str, limit: usize) -> Refusal {
    Refusal::Value { key: key.into(), error: JsonError::TooLong { limit } }
}

/// A node's own seed, from that of its cluster: FNV-1a, equal on every platform and in every version, which no hasher of the
/// standard library is.
fn seed(cluster: u64, id: &str) -> u64 {
    let bytes = cluster.to_le_bytes();
    bytes
        .iter()
        .chain(id.as_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
