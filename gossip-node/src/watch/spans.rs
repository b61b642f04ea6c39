//! Rounds and peers in the log, as spans.

use std::collections::BTreeMap;
use std::sync::Arc;

use gossip_core::{Ledger, MessageKind};
use tracing::{Level, Span};

/// What the log calls this, wherever the code stands: people filter by it.
const TARGET: &str = "gossip_node::rounds";

/// A node's span, and those of its rounds that are under way: `node{id}:peer{id}:round{number}`. What a level below DEBUG
/// asks for costs nothing but a look at the level.
#[derive(Debug)]
pub(crate) struct Rounds {
    node: Span,
    under_way: BTreeMap<Arc<str>, Round>,
}

#[derive(Debug)]
struct Round {
    span: Span,
    before: Ledger,
}

impl Rounds {
    pub(crate) fn of(node: &str) -> Self {
        Self { node: tracing::debug_span!(target: TARGET, "node", id = node), under_way: BTreeMap::new() }
    }

    /// The span of whatever is done with `peer`: its round, or the peer's own between rounds.
    pub(crate) fn span_of(&self, peer: &str) -> Span {
        match self.under_way.get(peer) {
            Some(round) => round.span.clone(),
            None => tracing::debug_span!(target: TARGET, parent: &self.node, "peer", id = peer),
        }
    }

    /// Logs a message to `peer`. A probe begins a round, unless one is under way: then it is sent again.
    pub(crate) fn sent(&mut self, peer: &Arc<str>, kind: MessageKind, bytes: usize, ledger: &Ledger) {
        // What follows looks a peer up and may copy its ledger, for each message, and nobody would see it.
        if !tracing::enabled!(Level::DEBUG) {
            return;
        }
        self.end(peer, ledger);
        // A probe that is sent again belongs to the round that it began.
        if kind == MessageKind::Probe && !self.under_way.contains_key(peer) {
            let within = self.span_of(peer);
            // Counted from 1: the ledger counts the rounds that ended, and this is the next to end.
            let span = tracing::debug_span!(target: TARGET, parent: &within, "round", number = ledger.rounds + 1);
            self.under_way.insert(peer.clone(), Round { span, before: *ledger });
        }
        self.span_of(peer).in_scope(|| tracing::trace!(target: TARGET, kind = kind.name(), bytes, "sent"));
    }

    /// Ends the rounds that are over.
    pub(crate) fn end_all(&mut self, ledger: impl Fn(&str) -> Option<Ledger>) {
        let peers: Vec<_> = self.under_way.keys().cloned().collect();
        for peer in peers {
            if let Some(ledger) = ledger(&peer) {
                self.end(&peer, &ledger);
            }
        }
    }

    fn end(&mut self, peer: &Arc<str>, now: &Ledger) {
        let Some(Round { before, .. }) = self.under_way.get(peer) else { return };
        // The ledger is what tells of an end, whatever it was: a message that came in, one that went out, or a
        // deadline.
        if now.rounds == before.rounds {
            return;
        }
        let Some(Round { span, before }) = self.under_way.remove(peer) else { return };
        span.in_scope(|| {
            tracing::debug!(
                target: TARGET, proof = now.proofs > before.proofs,
                bytes = now.round_bytes - before.round_bytes,
                learned = now.learned - before.learned,
                sketches = now.sketches - before.sketches,
                walks = now.walks - before.walks,
                resent = now.resent - before.resent,
                "round over"
            );
        });
    }
}
