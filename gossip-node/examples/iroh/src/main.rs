//! Replicas over [iroh](https://docs.rs/iroh): QUIC between keys, for peers that are behind NATs. `cargo run` has three of them on
//! the loopback of this machine write, and prove that they hold the same. With [`presets::N0`] in place of `presets::Minimal`
//! endpoints find each other by their keys alone, through relays where they have to.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gossip_core::AntiEntropy;
use gossip_node::net::{Builder, PeerId, Peers, Quorum, Replica, Transport};
use iroh::endpoint::{Connection, RecvStream, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Mutex, mpsc};

const PROTOCOL: &[u8] = b"gossip/1";

/// An endpoint of iroh. An address is a key, or a key and where it was seen: `<key>@<ip>:<port>`.
#[derive(Clone, Debug)]
struct Iroh(Endpoint);

/// One stream of a connection, both ways. The connection ends with it.
#[derive(Debug)]
struct Stream {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
}

/// Connections whose stream is open. A stranger that opens none keeps nobody waiting.
type Listener = mpsc::Receiver<(Stream, SocketAddr)>;

impl Transport for Iroh {
    type Stream = Stream;
    type Listener = Arc<Mutex<Listener>>;

    const IS_SECURE: bool = true;

    fn peer(stream: &Stream) -> Option<PeerId> {
        PeerId::new(&stream.connection.remote_id().to_string()).ok()
    }

    async fn listen(&self, _address: &str) -> io::Result<(Self::Listener, SocketAddr)> {
        let (endpoint, (streams, listener)) = (self.0.clone(), mpsc::channel(16));
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let streams = streams.clone();
                tokio::spawn(async move {
                    let Ok(connection) = incoming.await else { return };
                    let Ok((send, receive)) = connection.accept_bi().await else { return };
                    let _ = streams.send((Stream { connection, send, receive }, nowhere())).await;
                });
            }
        });
        Ok((Arc::new(Mutex::new(listener)), self.0.bound_sockets().first().copied().unwrap_or_else(nowhere)))
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<(Stream, SocketAddr)> {
        listener.lock().await.recv().await.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn connect(&self, address: &str) -> io::Result<Stream> {
        let connection = self.0.connect(parse(address)?, PROTOCOL).await.map_err(io::Error::other)?;
        let (send, receive) = connection.open_bi().await.map_err(io::Error::other)?;
        Ok(Stream { connection, send, receive })
    }

    /// Keys are looked up by the endpoint itself.
    async fn look_up(&self, _address: &str) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A stream comes from a key, by whatever path is best now.
fn nowhere() -> SocketAddr {
    ([0, 0, 0, 0], 0).into()
}

fn parse(address: &str) -> io::Result<EndpointAddr> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{address} has no {what}"));
    let (id, seen) = address.split_once('@').map_or((address, None), |(id, seen)| (id, Some(seen)));
    let endpoint = EndpointAddr::new(id.parse::<EndpointId>().map_err(|_| invalid("key"))?);
    match seen {
        None => Ok(endpoint),
        Some(seen) => Ok(endpoint.with_ip_addr(seen.parse().map_err(|_| invalid("address"))?)),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.receive), context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.send), context)
    }
}

type Words = AntiEntropy<PeerId, String>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A replica whose name is its key. Returns its address too.
async fn start(peers: &[String]) -> Result<(Replica<Words>, String), Failure> {
    let endpoint = Endpoint::builder(presets::Minimal).alpns(vec![PROTOCOL.to_vec()]).bind().await?;
    let port = endpoint.bound_sockets().iter().find(|bound| bound.is_ipv4()).ok_or("no port of IPv4")?.port();
    let name = endpoint.id().to_string();
    let builder = Builder::<Words, _>::new(&name, Iroh(endpoint)).listen("").peers(Peers::fixed(peers));
    Ok((builder.spawn().await?, format!("{name}@127.0.0.1:{port}")))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let began = Instant::now();
    let (mut replicas, mut addresses) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let (replica, address) = start(&addresses).await?;
        replica.insert(format!("word {number}")).await?;
        replicas.push(replica);
        addresses.push(address);
    }
    for replica in &replicas {
        replica.synced(Quorum::AtLeast(2)).await?;
        println!("{} holds {} words", replica.id(), replica.read(Words::len));
    }
    println!("in {:?}", began.elapsed());
    for replica in replicas {
        replica.shutdown().await?;
    }
    Ok(())
}
