//! `Tls`: certificates on both sides of a connection.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::peer_id::PeerId;

/// Certificates for both sides of a connection, which is of TLS 1.3. Who a peer is, its certificate says: it has to be signed
/// by the cluster's authority, and to be for the name that the peer says in its hello.
///
/// Copies share what they have, so that certificates can be [reloaded](Self::reload) while a replica runs.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Replica, Tls};
/// # use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
/// #
/// # let directory = tempfile::tempdir()?;
/// # let [ca, certificate, key] = ["ca.pem", "n1.pem", "n1.key"].map(|name| directory.path().join(name));
/// # let mut params = CertificateParams::default();
/// # params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
/// # let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
/// # let of_n1 = KeyPair::generate()?;
/// # std::fs::write(&ca, authority.pem())?;
/// # std::fs::write(&certificate, CertificateParams::new(["n1".to_owned()])?.signed_by(&of_n1, &authority)?.pem())?;
/// # std::fs::write(&key, of_n1.serialize_pem())?;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let tls = Tls::from_files(&ca, &certificate, &key)?;
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").tls(tls.clone()).spawn().await?;
/// // A file that makes no sense is refused, and the replica goes on with what was read.
/// std::fs::write(&certificate, "")?;
/// assert_eq!(tls.reload().unwrap_err().to_string(), "no PEM of a certificate");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    configs: Arc<RwLock<Configs>>,
    files: Option<[PathBuf; 3]>,
}

/// Why there is no TLS.
///
/// ```
/// use gossip_node::net::{Tls, TlsError};
///
/// let error = Tls::from_pem(b"no certificate", b"", b"").unwrap_err();
/// assert!(matches!(error, TlsError::Pem(_)));
/// assert_eq!(error.to_string(), "no PEM of an authority's certificate");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// There is no PEM of what there should be.
    #[error("no PEM of {0}")]
    Pem(&'static str),
    /// What there is does not go together, or is not accepted by the other side.
    #[error("{0}")]
    Refused(String),
    /// It was not read from files.
    #[error("these certificates are from memory: replace them instead")]
    NoFiles,
}

#[derive(Clone)]
struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// The certificate of a peer.
#[derive(Clone, Debug)]
pub(super) struct Certificate(CertificateDer<'static>);

impl Tls {
    /// Certificates as PEM: the authority's, our own with those between the two, and the key of our own.
    ///
    /// # Errors
    ///
    /// They are none, or do not go together.
    pub fn from_pem(authority: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let configs = Configs::from_pem(authority, chain, key)?;
        Ok(Self { configs: Arc::new(RwLock::new(configs)), files: None })
    }

    /// The same from files, which can be [reloaded](Self::reload).
    ///
    /// # Errors
    ///
    /// They cannot be read, or as [`from_pem`](Self::from_pem).
    pub fn from_files(
        authority: impl AsRef<Path>,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        let files = [authority.as_ref(), chain.as_ref(), key.as_ref()].map(Path::to_path_buf);
        let configs = Configs::from_files(&files)?;
        Ok(Self { configs: Arc::new(RwLock::new(configs)), files: Some(files) })
    }

    /// Reads the files again. Connections that there are stay; new ones go by what was read.
    ///
    /// # Errors
    ///
    /// As [`from_files`](Self::from_files). What was there before stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let configs = Configs::from_files(self.files.as_ref().ok_or(TlsError::NoFiles)?)?;
        self.set(configs);
        Ok(())
    }

    /// Takes other certificates in place of those that there are.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem). What was there before stays.
    pub fn replace(&self, authority: &[u8], chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.set(Configs::from_pem(authority, chain, key)?);
        Ok(())
    }

    fn set(&self, configs: Configs) {
        *self.configs.write().unwrap_or_else(std::sync::PoisonError::into_inner) = configs;
    }

    fn configs(&self) -> Configs {
        self.configs.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Makes a connection that came in one of TLS.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<(TlsStream<S>, Certificate), TlsError> {
        let stream = TlsAcceptor::from(self.configs().server).accept(stream).await.map_err(refused)?;
        let certificate = Certificate::of(stream.get_ref().1.peer_certificates())?;
        Ok((stream.into(), certificate))
    }

    /// Makes a connection that we dialled one of TLS.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<(TlsStream<S>, Certificate), TlsError> {
        // The name is that of the hello, which is not said yet. TLS sends this one, and nobody looks at it.
        let nobody = ServerName::try_from("gossip.invalid").map_err(|_| TlsError::Pem("a name"))?;
        let stream = TlsConnector::from(self.configs().client).connect(nobody, stream).await.map_err(refused)?;
        let certificate = Certificate::of(stream.get_ref().1.peer_certificates())?;
        Ok((stream.into(), certificate))
    }
}

fn refused(error: impl fmt::Display) -> TlsError {
    TlsError::Refused(error.to_string())
}

impl Configs {
    fn from_files(files: &[PathBuf; 3]) -> Result<Self, TlsError> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| TlsError::File { path: path.clone(), error });
        let [authority, chain, key] = files;
        Self::from_pem(&read(authority)?, &read(chain)?, &read(key)?)
    }

    fn from_pem(authority: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authority, "an authority's certificate")? {
            roots.add(certificate).map_err(refused)?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(chain, "a certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Pem("a private key"))?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .with_client_cert_verifier(clients.build().map_err(refused)?)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(refused)?;
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OfAuthority { roots, provider }))
            .with_client_auth_cert(chain, key)
            .map_err(refused)?;
        Ok(Self { server: Arc::new(server), client: Arc::new(client) })
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty()).ok_or(TlsError::Pem(what))
}

/// Accepts what the authority has signed, whatever name it is for. That it is for the name of the hello is seen to once the
/// hello is there: who is dialled by an address has not said a name yet.
#[derive(Debug)]
struct OfAuthority {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl OfAuthority {
    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl ServerCertVerifier for OfAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.algorithms().all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, between, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

impl Certificate {
    fn of(chain: Option<&[CertificateDer<'_>]>) -> Result<Self, TlsError> {
        let first = chain.and_then(|chain| chain.first()).ok_or(TlsError::Pem("the peer's certificate"))?;
        Ok(Self(first.clone().into_owned()))
    }

    /// Whether it is for a replica of this name.
    pub(super) fn is_for(&self, peer: &PeerId) -> bool {
        let (Ok(certificate), Ok(name)) =
            (webpki::EndEntityCert::try_from(&self.0), ServerName::try_from(peer.as_str()))
        else {
            return false;
        };
        certificate.verify_is_valid_for_subject_name(&name).is_ok()
    }

    /// The names that it is for.
    pub(super) fn names(&self) -> String {
        let names = webpki::EndEntityCert::try_from(&self.0).map(|certificate| {
            let names: Vec<&str> = certificate.valid_dns_names().collect();
            names.join(", ")
        });
        names.ok().filter(|names| !names.is_empty()).unwrap_or_else(|| "no name".to_owned())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of the key.
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
