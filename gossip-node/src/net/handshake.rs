//! The handshake: hellos cross, then verdicts on them.

use std::fmt;
use std::io;
use std::time::Duration;

use gossip_core::{Foreign, MessageBudget};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::bytes::{BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec, LengthDelimitedCodecError};

use super::peer_id::{PeerId, PeerIdError};
use super::tls::{Certificate, TlsError};

/// What a replica says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) peer: PeerId,
    /// A random number of this life of the process: two lives of one name are told apart by it.
    pub(super) life: u64,
    pub(super) cluster_tag: [u8; 4],
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("it said no hello of this protocol")]
    NoHello,
    #[error("it speaks version {0} of the connection, and this replica version {VERSION}")]
    Version(u16),
    #[error("{0}")]
    Name(#[from] PeerIdError),
    #[error("it calls itself {peer}, and is shown to be {shown}")]
    Impostor { peer: PeerId, shown: String },
    #[error("{0} is not on the roster")]
    NotOnRoster(PeerId),
    #[error("{peer} is of another cluster: {foreign}")]
    Foreign { peer: PeerId, foreign: Foreign },
    #[error("it is this replica itself")]
    Ourselves,
    #[error("another replica is called {0}, as this one is")]
    Namesake(PeerId),
    #[error("it took too long")]
    TooLong,
    #[error("it refuses: {0}")]
    Refused(String),
    #[error("this replica has stopped")]
    Stopped,
}

/// What our own side knows of the connection and of who is welcome.
pub(super) struct Checks<'a> {
    pub(super) us: &'a Hello,
    pub(super) roster: Option<&'a [PeerId]>,
    pub(super) certificate: Option<Certificate>,
    /// Who the transport says is there.
    pub(super) known: Option<PeerId>,
    pub(super) difference: &'a (dyn Fn([u8; 4]) -> Option<Foreign> + Send + Sync),
}

const MAGIC: &[u8] = b"gossip";
const VERSION: u16 = 1;

/// A hello has 273 bytes at the most. A stranger's frames are no longer.
const LONGEST_OF_STRANGERS: usize = 1 << 10;

/// How long nothing may come of a peer, which sends an empty frame every 2 s if it has nothing to say. Without that a connection
/// whose other end had gone without a word was left once two rounds had failed, 14 s later.
const SILENCE: Duration = Duration::from_secs(6);

/// A byte of a verdict before the words of a refusal.
const REFUSED: u8 = 1;
const WELCOME: u8 = 0;

/// Frames over a stream.
pub(super) struct Frames<S> {
    pub(super) stream: S,
    codec: LengthDelimitedCodec,
    read: BytesMut,
    /// How long nothing may come.
    silence: Duration,
}

impl<S: AsyncRead + Unpin> Frames<S> {
    /// The next frame; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.read)? {
                return Ok(Some(frame));
            }
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "nothing came for 6 s");
            // Of part of a frame, which may take longer on a slow link.
            if timeout(self.silence, self.stream.read_buf(&mut self.read)).await.map_err(silent)?? == 0 {
                return if self.read.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}

impl<S> Frames<S> {
    /// Frames of a stranger, which are short.
    pub(super) fn of_stranger(stream: S) -> Self {
        Self { stream, codec: codec(LONGEST_OF_STRANGERS), read: BytesMut::new(), silence: SILENCE }
    }

    /// Frames as long as messages may be.
    pub(super) fn of_peer(self) -> Self {
        Self { codec: codec(MessageBudget::MAX.bytes()), ..self }
    }

    /// The same over a part of the stream.
    pub(super) fn map<T>(self, part: impl FnOnce(S) -> T) -> Frames<T> {
        Frames { stream: part(self.stream), codec: self.codec, read: self.read, silence: self.silence }
    }
}

impl<S: AsyncWrite + Unpin> Frames<S> {
    async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        encode(frame, &mut bytes)?;
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }
}

fn codec(longest: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(longest).new_codec()
}

/// Appends a frame.
pub(super) fn encode(frame: &[u8], out: &mut BytesMut) -> io::Result<()> {
    codec(MessageBudget::MAX.bytes()).encode(tokio_util::bytes::Bytes::copy_from_slice(frame), out)
}

impl Hello {
    fn encode(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(LONGEST_OF_STRANGERS);
        out.put_slice(MAGIC);
        out.put_u16(VERSION);
        out.put_u64(self.life);
        out.put_slice(&self.cluster_tag);
        out.put_slice(self.peer.as_str().as_bytes());
        out
    }

    fn decode(frame: &[u8]) -> Result<Self, Refusal> {
        let rest = frame.strip_prefix(MAGIC).ok_or(Refusal::NoHello)?;
        // The version first: what follows may mean something else in another.
        let (version, rest) = rest.split_first_chunk().ok_or(Refusal::NoHello)?;
        let version = u16::from_be_bytes(*version);
        if version != VERSION {
            return Err(Refusal::Version(version));
        }
        let (life, rest) = rest.split_first_chunk().ok_or(Refusal::NoHello)?;
        let (tag, name) = rest.split_first_chunk().ok_or(Refusal::NoHello)?;
        let peer = PeerId::new(&String::from_utf8_lossy(name))?;
        Ok(Self { peer, life: u64::from_be_bytes(*life), cluster_tag: *tag })
    }
}

impl Checks<'_> {
    /// Whether who said this hello is welcome.
    fn judge(&self, hello: &Hello) -> Result<(), Refusal> {
        let peer = || hello.peer.clone();
        if let Some(known) = self.known.as_ref().filter(|known| **known != hello.peer) {
            return Err(Refusal::Impostor { peer: peer(), shown: known.to_string() });
        }
        if let Some(certificate) = &self.certificate
            && !certificate.is_for(&hello.peer)
        {
            return Err(Refusal::Impostor { peer: peer(), shown: certificate.names() });
        }
        if hello.peer == self.us.peer {
            return Err(if hello.life == self.us.life { Refusal::Ourselves } else { Refusal::Namesake(peer()) });
        }
        if self.roster.is_some_and(|roster| !roster.contains(&hello.peer)) {
            return Err(Refusal::NotOnRoster(peer()));
        }
        match (self.difference)(hello.cluster_tag) {
            Some(foreign) => Err(Refusal::Foreign { peer: peer(), foreign }),
            None => Ok(()),
        }
    }
}

/// Exchanges hellos and verdicts. Returns the peer's hello once both sides are welcome.
pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    frames: &mut Frames<S>,
    checks: &Checks<'_>,
) -> Result<Hello, Refusal> {
    frames.send(&checks.us.encode()).await?;
    let no_hello = |error: io::Error| {
        // Of a frame that is too long: whoever speaks another protocol begins with what reads as a length.
        let is_length = error.get_ref().is_some_and(|error| error.is::<LengthDelimitedCodecError>());
        if is_length { Refusal::NoHello } else { error.into() }
    };
    let frame = frames.next().await.map_err(no_hello)?.ok_or(Refusal::NoHello)?;
    let hello = Hello::decode(&frame).and_then(|hello| checks.judge(&hello).map(|()| hello));
    let verdict = match &hello {
        Ok(_) => vec![WELCOME],
        Err(refusal) => [&[REFUSED], refusal.to_string().as_bytes()].concat(),
    };
    // Said before anything else: whoever is refused learns why, at its own end.
    let said = frames.send(&verdict).await;
    let hello = hello?;
    said?;
    let verdict =
        frames.next().await.map_err(no_hello)?.ok_or(io::ErrorKind::UnexpectedEof).map_err(io::Error::from)?;
    match verdict.split_first() {
        Some((&WELCOME, _)) => Ok(hello),
        Some((&REFUSED, words)) => Err(Refusal::Refused(printable(words))),
        _ => Err(Refusal::NoHello),
    }
}

/// A stranger's words, as far as they can be logged.
fn printable(words: &[u8]) -> String {
    String::from_utf8_lossy(words).chars().filter(|symbol| !symbol.is_control()).collect()
}

impl<S> fmt::Debug for Frames<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("read", &self.read.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(name: &str, life: u64) -> Hello {
        Hello { peer: PeerId::new(name).expect("a name"), life, cluster_tag: [1, 2, 3, 4] }
    }

    fn judge(ours: &Hello, roster: Option<&[PeerId]>, theirs: &Hello) -> Result<(), String> {
        let difference = |tag| (tag != ours.cluster_tag).then_some(Foreign::Key);
        let checks = Checks { us: ours, roster, certificate: None, known: None, difference: &difference };
        checks.judge(theirs).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_hello_comes_as_it_was_said() {
        for name in ["a", &"n".repeat(253)] {
            let said = hello(name, u64::MAX - 7);
            let bytes = said.encode();
            assert!(bytes.len() <= LONGEST_OF_STRANGERS);
            assert_eq!(Hello::decode(&bytes).expect("it is one"), said);
        }
    }

    #[test]
    fn what_is_wrong_with_a_hello_is_said() {
        let wrong = |frame: &[u8]| Hello::decode(frame).expect_err("it is none").to_string();
        let good = hello("n2", 7).encode();
        for short in [0, 5, 7, 15, 19] {
            assert_eq!(wrong(&good[..short]), "it said no hello of this protocol", "{short} bytes");
        }
        let mut other = good.clone();
        other[7] = 9;
        assert_eq!(wrong(&other), "it speaks version 9 of the connection, and this replica version 1");
        assert!(wrong(&good[..20]).contains("1 to 253 visible"));
        assert!(wrong(&[&good[..], b"\n"].concat()).contains("visible"));
    }

    #[test]
    fn only_who_is_welcome_is_let_in() {
        let (us, roster) = (hello("n1", 7), [PeerId::new("n2").expect("a name")]);
        assert_eq!(judge(&us, None, &hello("n9", 1)), Ok(()));
        assert_eq!(judge(&us, Some(&roster), &hello("n2", 1)), Ok(()));
        assert_eq!(judge(&us, Some(&roster), &hello("n9", 1)).unwrap_err(), "n9 is not on the roster");
        assert_eq!(judge(&us, None, &us).unwrap_err(), "it is this replica itself");
        assert_eq!(judge(&us, None, &hello("n1", 8)).unwrap_err(), "another replica is called n1, as this one is");
        let foreign = Hello { cluster_tag: [9; 4], ..hello("n2", 1) };
        assert_eq!(judge(&us, None, &foreign).unwrap_err(), "n2 is of another cluster: its key differs");
        let known = Some(roster[0].clone());
        let checks = Checks { us: &us, roster: None, certificate: None, known, difference: &|_| None };
        assert!(checks.judge(&hello("n2", 1)).is_ok());
        let impostor = checks.judge(&hello("n9", 1)).expect_err("the transport knows").to_string();
        assert_eq!(impostor, "it calls itself n9, and is shown to be n2");
    }

    #[tokio::test]
    async fn both_sides_hear_the_verdict() {
        let (left, right) = tokio::io::duplex(4_096);
        let (n1, n2, roster) = (hello("n1", 1), hello("n2", 2), [PeerId::new("n3").expect("a name")]);
        let difference = |_| None;
        let (mut left, mut right) = (Frames::of_stranger(left), Frames::of_stranger(right));
        let ours = Checks { us: &n1, roster: None, certificate: None, known: None, difference: &difference };
        let theirs = Checks { us: &n2, roster: Some(&roster), certificate: None, known: None, difference: &difference };
        let (one, other) = tokio::join!(shake(&mut left, &ours), shake(&mut right, &theirs));
        assert_eq!(one.unwrap_err().to_string(), "it refuses: n1 is not on the roster");
        assert_eq!(other.unwrap_err().to_string(), "n1 is not on the roster");
    }

    #[tokio::test]
    async fn another_protocol_is_told_from_ours_by_its_first_four_bytes() {
        let us = hello("n1", 1);
        let difference = |_| None;
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 3, 1, 2, 3], &[]] {
            let (left, mut right) = tokio::io::duplex(4_096);
            right.write_all(bytes).await.expect("it fits");
            right.shutdown().await.expect("it can");
            let checks = Checks { us: &us, roster: None, certificate: None, known: None, difference: &difference };
            let refusal = shake(&mut Frames::of_stranger(left), &checks).await.expect_err("no hello");
            assert!(matches!(refusal, Refusal::NoHello), "{bytes:?}: {refusal}");
        }
    }
}
