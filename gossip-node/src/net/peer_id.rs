//! `PeerId`: what a replica is called.

use std::fmt;
use std::sync::Arc;

/// What a replica is called, in the whole cluster: 1 to 253 visible ASCII characters. With TLS its certificate has to be for
/// this name.
///
/// Names have an order, which decides between two connections, and who pushes to whom.
///
/// ```
/// use gossip_node::net::PeerId;
///
/// let peer = PeerId::new("n1.gossip.example")?;
/// assert_eq!(peer.as_str(), "n1.gossip.example");
/// assert!(peer < PeerId::new("n2.gossip.example")?);
/// # Ok::<(), gossip_node::net::PeerIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<str>);

/// A name that is none.
///
/// ```
/// use gossip_node::net::PeerId;
///
/// let error = PeerId::new("two words").unwrap_err();
/// assert_eq!(error.to_string(), r#"a replica's name has 1 to 253 visible ASCII characters, and "two words" does not"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a replica's name has 1 to 253 visible ASCII characters, and {0:?} does not")]
pub struct PeerIdError(String);

/// As long as a name in the DNS may be.
const LONGEST: usize = 253;

impl PeerId {
    /// The replica of this name.
    ///
    /// # Errors
    ///
    /// It is no name.
    pub fn new(name: &str) -> Result<Self, PeerIdError> {
        if (1..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(name.into()))
        } else {
            // Cut, since it may be a stranger's.
            Err(PeerIdError(name.chars().take(LONGEST).collect()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
