//! `Transport`: where connections come from. TCP, or a network that is simulated.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::peer_id::PeerId;

/// Where connections come from. [`Tcp`] is what services use; a simulated network is another.
///
/// ```
/// use std::{io, net::SocketAddr, time::Duration};
/// use gossip_node::net::{Tcp, Transport};
/// use tokio::net::{TcpListener, TcpStream};
/// use tokio::time::{Instant, sleep};
///
/// /// TCP, each connection of which takes so long.
/// #[derive(Clone)]
/// struct Far(Duration);
///
/// impl Transport for Far {
///     type Stream = TcpStream;
///     type Listener = TcpListener;
///
///     async fn listen(&self, address: &str) -> io::Result<(TcpListener, SocketAddr)> {
///         Tcp.listen(address).await
///     }
///
///     async fn accept(listener: &mut TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
///         Tcp::accept(listener).await
///     }
///
///     async fn connect(&self, address: &str) -> io::Result<TcpStream> {
///         sleep(self.0).await;
///         Tcp.connect(address).await
///     }
///
///     async fn look_up(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
///         Tcp.look_up(address).await
///     }
/// }
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let far = Far(Duration::from_millis(20));
/// let (_listener, address) = far.listen("127.0.0.1:0").await?;
/// let start = Instant::now();
/// far.connect(&address.to_string()).await?;
/// assert!(start.elapsed() >= far.0);
/// # Ok::<(), io::Error>(())
/// # })?;
/// # Ok::<(), io::Error>(())
/// ```
pub trait Transport: Clone + Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// What connections come in at.
    type Listener: Send + 'static;

    /// Whether connections are encrypted, and the transport knows [who is at their other end](Self::peer). Then nothing has to be
    /// said of how they are secured.
    const IS_SECURE: bool = false;

    /// Who is at the other end, where the transport knows: no other name is taken from there then.
    fn peer(_stream: &Self::Stream) -> Option<PeerId> {
        None
    }

    /// Listens at `address`, a host and a port. Returns the address with the port that it was given.
    fn listen(&self, address: &str) -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;
    /// The next connection that comes in, and from where.
    fn accept(listener: &mut Self::Listener) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
    /// A connection to `address`, a host and a port.
    fn connect(&self, address: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// The addresses that a host and a port stand for.
    fn look_up(&self, address: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// TCP, over the network of this machine.
///
/// ```
/// use gossip_node::net::{Tcp, Transport};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let (mut listener, address) = Tcp.listen("127.0.0.1:0").await?;
/// let dialled = Tcp.connect(&address.to_string()).await?;
/// let (_accepted, from) = Tcp::accept(&mut listener).await?;
/// assert_eq!(dialled.local_addr()?, from);
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

/// How long data may be under way without an acknowledgement before a connection is given up. Left to the kernel's own
/// patience a connection that was cut for 40 s carried its next message 14 to 15 s after the heal, since retries are up to
/// half a minute apart by then.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is idle before the kernel asks whether the other end is there, and how often it asks.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1_024;

/// How much may wait in the kernel that was not sent yet: what is behind it we can still choose not to build.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 64 << 10;

impl Transport for Tcp {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn listen(&self, address: &str) -> io::Result<(TcpListener, SocketAddr)> {
        let address = first(self.look_up(address).await?)?;
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        // Or a restart would wait for a minute until the kernel has forgotten the last connections.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &mut TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = listener.accept().await?;
        configure(&stream)?;
        Ok((stream, from))
    }

    async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        configure(&stream)?;
        Ok(stream)
    }

    async fn look_up(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host(address).await?.collect())
    }
}

fn first(addresses: Vec<SocketAddr>) -> io::Result<SocketAddr> {
    addresses.into_iter().next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

fn configure(stream: &TcpStream) -> io::Result<()> {
    // A message is written whole, and the next may be an answer to what comes back: nothing is gained by waiting for it.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 2))?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}
