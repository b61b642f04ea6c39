use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        Self::called("ours")
    }

    fn called(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("chance")).expect("it signs"))
    }

    /// A certificate for this name, good until this year.
    fn certificate(&self, name: &str, until: i32) -> Tls {
        let key = KeyPair::generate().expect("chance");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &*self.0).expect("it signs");
        let authority = self.0.pem();
        Tls::from_pem(authority.as_bytes(), certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
            .expect("they go together")
    }
}

/// What becomes of a connection, at the side that dialled and at the other: the name of the peer, or what is wrong.
async fn meet(dials: &Tls, accepts: &Tls) -> [Result<String, String>; 2] {
    let (left, right) = duplex(1 << 16);
    let dialled = async {
        let (mut stream, certificate) = dials.connect(left).await.map_err(|error| error.to_string())?;
        // In TLS 1.3 whoever dialled learns with the first bytes whether its own certificate is accepted.
        stream.read_u8().await.map_err(|error| error.to_string())?;
        Ok(certificate.names())
    };
    let accepted = async {
        let (mut stream, certificate) = accepts.accept(right).await.map_err(|error| error.to_string())?;
        stream.write_u8(7).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        Ok(certificate.names())
    };
    let (one, other) = tokio::join!(dialled, accepted);
    [one, other]
}

#[tokio::test]
async fn each_side_knows_the_others_name() {
    let authority = Authority::new();
    let [n1, n2] = ["n1", "n2"].map(|name| authority.certificate(name, 2_100));
    assert_eq!(meet(&n1, &n2).await, [Ok("n2".to_owned()), Ok("n1".to_owned())]);
}

#[tokio::test]
async fn a_certificate_is_for_its_name_alone() {
    let authority = Authority::new();
    let (left, right) = duplex(1 << 16);
    let [n1, wild] = ["n1", "*.registry.svc"].map(|name| authority.certificate(name, 2_100));
    let (one, other) = tokio::join!(n1.connect(left), wild.accept(right));
    let (wild, n1) = (one.expect("it is accepted").1, other.expect("it is accepted").1);
    let is_for = |certificate: &Certificate, name| certificate.is_for(&PeerId::new(name).expect("a name"));
    assert!(is_for(&n1, "n1") && !is_for(&n1, "n2") && !is_for(&n1, "n1.registry.svc"));
    assert!(is_for(&wild, "n7.registry.svc") && !is_for(&wild, "n7") && !is_for(&wild, "a_b|c"));
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_at_both_ends() {
    let (ours, other) = (Authority::new(), Authority::called("other"));
    let good = ours.certificate("n1", 2_100);
    for (bad, what, told) in [
        (other.certificate("n2", 2_100), "UnknownIssuer", "UnknownCA"),
        (ours.certificate("n2", 2_020), "certificate expired", "CertificateExpired"),
    ] {
        // Whoever trusts another authority finds the certificate of the other side wrong, too: the one that looks first says.
        let [_, accepts] = meet(&bad, &good).await;
        let [dials, _] = meet(&good, &bad).await;
        for (end, said) in [("accepts", accepts), ("dials", dials)] {
            let said = said.expect_err("it is bad");
            assert!(said.contains(what) || said.contains(told), "{end}: {said}");
        }
    }
}

/// A hello of TLS as it was in 1999: version 1.0, one cipher, no extensions.
fn old_hello() -> Vec<u8> {
    let body = [&[3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let len = u8::try_from(body.len()).expect("it is short");
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len][..], &body].concat()
}

async fn accept(bytes: &[u8]) -> (String, DuplexStream) {
    let tls = Authority::new().certificate("n1", 2_100);
    let (mut left, right) = duplex(1 << 16);
    left.write_all(bytes).await.expect("it fits");
    let refused = tls.accept(right).await.map(drop).expect_err("it is no hello of TLS 1.3");
    (refused.to_string(), left)
}

#[tokio::test]
async fn old_versions_and_garbage_are_refused() {
    let (said, mut stranger) = accept(&old_hello()).await;
    assert!(said.contains("peer is incompatible"), "{said}");
    let mut alert = Vec::new();
    stranger.read_to_end(&mut alert).await.expect("it ends");
    assert_eq!(alert.first(), Some(&21), "an alert: {alert:?}");
    let (said, _) = accept(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(said.contains("corrupt message"), "{said}");
}

#[test]
fn what_is_no_certificate_is_refused() {
    let wrong = |authority: &str, chain: &str, key: &str| {
        Tls::from_pem(authority.as_bytes(), chain.as_bytes(), key.as_bytes()).expect_err("it is none").to_string()
    };
    let authority = Authority::new();
    let (pem, key) = (authority.0.pem(), KeyPair::generate().expect("chance").serialize_pem());
    assert_eq!(wrong("", &pem, &key), "no PEM of an authority's certificate");
    assert_eq!(wrong(&pem, &key, &key), "no PEM of a certificate");
    assert_eq!(wrong(&pem, &pem, "-----BEGIN"), "no PEM of a private key");
    assert!(wrong(&pem, &pem, &key).contains("key"), "the key is of another certificate");
    let missing = Tls::from_files("/no/authority.pem", "/no/chain.pem", "/no/key.pem").expect_err("there is none");
    assert!(missing.to_string().starts_with("/no/authority.pem: "), "{missing}");
}

#[tokio::test]
async fn certificates_are_replaced_while_a_replica_runs() {
    let (old, new) = (Authority::new(), Authority::called("new"));
    let (n1, n2) = (old.certificate("n1", 2_100), old.certificate("n2", 2_100));
    let copy = n1.clone();
    assert!(meet(&n1, &n2).await.iter().all(Result::is_ok));
    let key = KeyPair::generate().expect("chance");
    let certificate =
        CertificateParams::new(["n1".to_owned()]).expect("a name").signed_by(&key, &*new.0).expect("it signs");
    n1.replace(new.0.pem().as_bytes(), certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .expect("they go together");
    assert!(meet(&copy, &n2).await.iter().any(Result::is_err), "copies have the same");
    assert!(meet(&copy, &new.certificate("n2", 2_100)).await.iter().all(Result::is_ok));
    assert!(
        n1.replace(b"", b"", b"").is_err() && meet(&n1, &new.certificate("n2", 2_100)).await.iter().all(Result::is_ok)
    );
    assert!(matches!(n1.reload(), Err(TlsError::NoFiles)));
}
