//! `Link`: one connection, from the welcome to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::bytes::BytesMut;

use super::driven::Driven;
use super::driver::Input;
use super::handshake::{Frames, encode};
use super::peer_id::PeerId;

/// How many bytes wait for a connection before its peer is no longer writable, and with how few it is again. Two messages of
/// the default 64 KiB: with less a link would idle between two; what waits is what cannot be taken back.
const FULL: usize = 128 << 10;
const FREE: usize = FULL / 2;

/// How long a peer may take nothing of what is written to it.
const STALLED: Duration = Duration::from_secs(30);

/// How long a peer is told nothing: then it is told that we are there, by an empty frame.
const PULSE: Duration = Duration::from_secs(2);

/// How many messages of a peer wait for the driver.
const WAITING: usize = 4;

/// How much is handed to the connection at once.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// A queue's end at the driver.
#[derive(Debug)]
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Vec<u8>>,
    load: Arc<Load>,
}

/// A queue's end at the connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    messages: mpsc::UnboundedReceiver<Vec<u8>>,
    load: Arc<Load>,
}

/// What waits in a queue. Not bounded by itself: the machine gives nothing more once it is full.
#[derive(Debug, Default)]
struct Load {
    bytes: AtomicUsize,
    is_full: AtomicBool,
}

/// A queue of messages to a peer.
pub(super) fn queue() -> (Queue, Outgoing) {
    let ((sender, receiver), load) = (mpsc::unbounded_channel(), Arc::new(Load::default()));
    (Queue { messages: sender, load: load.clone() }, Outgoing { messages: receiver, load })
}

impl Queue {
    /// Notes that a message of so many bytes is to be queued. Returns whether the queue is full by that.
    pub(super) fn reserve(&self, len: usize) -> bool {
        let bytes = self.load.bytes.fetch_add(len, Ordering::AcqRel) + len;
        bytes >= FULL && !self.load.is_full.swap(true, Ordering::AcqRel)
    }

    /// Queues a message that was reserved. If the connection has ended it is dropped, which is safe.
    pub(super) fn push(&self, message: Vec<u8>) {
        let _ = self.messages.send(message);
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.load.bytes.load(Ordering::Acquire)
    }
}

/// Carries messages both ways until the connection ends, or the driver lets go of the queue. Returns why it ended, in words.
pub(super) async fn carry<D: Driven, S: AsyncRead + AsyncWrite>(
    frames: Frames<S>,
    peer: PeerId,
    link: u64,
    outgoing: Outgoing,
    inbox: mpsc::Sender<Input<D>>,
) -> String {
    let mut writer = None;
    let frames = frames.map(|stream| {
        let (reader, half) = split(stream);
        writer = Some(half);
        reader
    });
    let Some(writer) = writer else { return String::new() };
    let ended = tokio::select! {
        ended = read(frames, &peer, link, &inbox) => ended,
        ended = write(writer, outgoing, &peer, link, &inbox) => ended,
    };
    match ended {
        Ok(why) => why.to_owned(),
        Err(error) => error.to_string(),
    }
}

async fn read<D: Driven>(
    mut frames: Frames<impl AsyncRead + Unpin>,
    peer: &PeerId,
    link: u64,
    inbox: &mpsc::Sender<Input<D>>,
) -> io::Result<&'static str> {
    let room = Arc::new(Semaphore::new(WAITING));
    while let Some(message) = frames.next().await? {
        if message.is_empty() {
            continue;
        }
        // Until there is room nothing more is read, and the peer finds its connection full: it builds nothing then.
        let Ok(permit) = room.clone().acquire_owned().await else { break };
        let message = Input::Message { peer: peer.clone(), link, message, _permit: permit };
        if inbox.send(message).await.is_err() {
            return Ok("this replica has stopped");
        }
    }
    Ok("the peer has closed it")
}

async fn write<D: Driven>(
    mut stream: impl AsyncWrite + Unpin,
    mut outgoing: Outgoing,
    peer: &PeerId,
    link: u64,
    inbox: &mpsc::Sender<Input<D>>,
) -> io::Result<&'static str> {
    let mut bytes = BytesMut::with_capacity(WRITTEN_AT_ONCE);
    loop {
        let message = match timeout(PULSE, outgoing.messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(_) => Vec::new(),
        };
        let mut taken = message.len();
        encode(&message, &mut bytes)?;
        // What waits goes with it: one write, and one record of TLS, for many short messages.
        while bytes.len() < WRITTEN_AT_ONCE
            && let Ok(message) = outgoing.messages.try_recv()
        {
            taken += message.len();
            encode(&message, &mut bytes)?;
        }
        while !bytes.is_empty() {
            within(stream.write_buf(&mut bytes)).await?;
        }
        within(stream.flush()).await?;
        let left = outgoing.load.bytes.fetch_sub(taken, Ordering::AcqRel) - taken;
        if left <= FREE && outgoing.load.is_full.swap(false, Ordering::AcqRel) {
            let _ = inbox.send(Input::Free { peer: peer.clone(), link }).await;
        }
    }
    let _ = within(stream.shutdown()).await;
    Ok("this replica has closed it")
}

/// A slow peer is one thing, and one that takes nothing at all is another.
async fn within<T>(io: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let stalled = |_| io::Error::new(io::ErrorKind::TimedOut, "the peer has taken nothing for 30 s");
    timeout(STALLED, io).await.map_err(stalled)?
}
