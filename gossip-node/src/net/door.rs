//! `Door`: the way in for connections, whoever dialled them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gossip_core::Foreign;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::driven::Driven;
use super::driver::{Arrival, Input};
use super::handshake::{Checks, Frames, Hello, Refusal, shake};
use super::link::{carry, queue};
use super::peer_id::PeerId;
use super::tls::Tls;
use super::transport::Transport;

/// How long TLS and hellos may take together.
const WITHIN: Duration = Duration::from_secs(5);

/// How often refusals are logged.
const COMPLAINS_EVERY: Duration = Duration::from_secs(1);

/// All that it takes to let a connection in.
pub(super) struct Door<D: Driven> {
    pub(super) us: Hello,
    pub(super) roster: Option<Vec<PeerId>>,
    /// `None` for connections that anybody on the way can read and change.
    pub(super) tls: Option<Tls>,
    pub(super) difference: Box<dyn Fn([u8; 4]) -> Option<Foreign> + Send + Sync>,
    pub(super) inbox: mpsc::Sender<Input<D>>,
    /// Connections that are let in, to be waited for.
    pub(super) links: TaskTracker,
    pub(super) complaints: Complaints,
}

/// A stream of any kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A peer that was let in.
pub(super) struct Guest {
    pub(super) peer: PeerId,
    /// Resolves at the end of the connection.
    pub(super) ended: oneshot::Receiver<()>,
}

impl<D: Driven> Door<D> {
    /// Lets a connection in, if both sides are welcome to each other. It is carried from then on.
    pub(super) async fn enter<T: Transport>(&self, stream: T::Stream, dialled: bool) -> Result<Guest, Refusal> {
        let (hello, frames) =
            timeout(WITHIN, self.meet::<T>(stream, dialled)).await.map_err(|_| Refusal::TooLong)??;
        let ((queue, outgoing), (admit, admitted)) = (queue(), oneshot::channel());
        let (peer, life) = (hello.peer.clone(), hello.life);
        let arrival = Arrival { peer: peer.clone(), life, dialled, queue, admit };
        self.inbox.send(Input::Arrive(arrival)).await.map_err(|_| Refusal::Stopped)?;
        let (over, ended) = oneshot::channel();
        let (inbox, guest) = (self.inbox.clone(), peer.clone());
        self.links.spawn(async move {
            // Another connection to the same peer may have been kept in its place.
            if let Ok(link) = admitted.await {
                let why = carry(frames, guest.clone(), link, outgoing, inbox.clone()).await;
                tracing::info!(peer = %guest, %why, "disconnected");
                let _ = inbox.send(Input::Leave { peer: guest, link }).await;
            }
            let _ = over.send(());
        });
        Ok(Guest { peer, ended })
    }

    async fn meet<T: Transport>(
        &self,
        stream: T::Stream,
        dialled: bool,
    ) -> Result<(Hello, Frames<Box<dyn Stream>>), Refusal> {
        let known = T::peer(&stream);
        let (stream, certificate): (Box<dyn Stream>, _) = match &self.tls {
            None => (Box::new(stream), None),
            Some(tls) => {
                let tls = if dialled { tls.connect(stream).await } else { tls.accept(stream).await };
                let (stream, certificate) = tls?;
                (Box::new(stream), Some(certificate))
            }
        };
        let mut frames = Frames::of_stranger(stream);
        let (roster, difference) = (self.roster.as_deref(), &*self.difference);
        let checks = Checks { us: &self.us, roster, certificate, known, difference };
        let hello = shake(&mut frames, &checks).await?;
        Ok((hello, frames.of_peer()))
    }
}

/// Refusals, logged once a second at the most: of 10 000 connections of strangers nobody reads 10 000 lines.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<(Option<Instant>, u64)>);

impl Complaints {
    /// Logs a refusal, or counts it with the next that is logged.
    pub(super) fn note(&self, whom: &dyn std::fmt::Display, refusal: &Refusal) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, others) = &mut *noted;
        let now = Instant::now();
        if last.is_some_and(|last| now < last + COMPLAINS_EVERY) {
            *others += 1;
            return;
        }
        *last = Some(now);
        tracing::warn!(%whom, %refusal, others = std::mem::take(others), "no connection");
    }
}
