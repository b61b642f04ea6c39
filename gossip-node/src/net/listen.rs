//! Listening: strangers come in, at most so many at once, and guests are let through.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::door::Door;
use super::driven::Driven;
use super::handshake::Refusal;
use super::transport::Transport;

/// How many strangers may be at their handshakes. The oldest makes way for one more: a handshake takes milliseconds, so it is
/// the one that holds out on us. A process has 1 024 files by default, and its peers need some.
const STRANGERS: usize = 256;

/// The pause after the system has refused to accept a connection, say for want of files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections for as long as the driver runs.
pub(super) async fn listen<T: Transport, D: Driven>(door: Arc<Door<D>>, mut listener: T::Listener) {
    let mut strangers: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = T::accept(&mut listener) => accepted,
            // The driver has ended, since its store has failed: who knocks is to find nobody.
            () = door.inbox.closed() => return,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        strangers.retain(|stranger| !stranger.is_finished());
        if strangers.len() >= STRANGERS
            && let Some(oldest) = strangers.pop_front()
        {
            oldest.abort();
        }
        let stranger = tokio::spawn(receive::<T, D>(door.clone(), stream, from));
        strangers.push_back(stranger.abort_handle());
    }
}

async fn receive<T: Transport, D: Driven>(door: Arc<Door<D>>, stream: T::Stream, from: SocketAddr) {
    match door.enter::<T>(stream, false).await {
        // A list of peers that names the replica too is as good as one that does not.
        Ok(_) | Err(Refusal::Ourselves) => {}
        Err(refusal) => door.complaints.note(&from, &refusal),
    }
}
