//! Certificates of a cluster, as files.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Writes `ca.pem`, and of each name a certificate and its key.
pub(crate) fn write(directory: &Path, names: &[String]) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("chance")).expect("it signs");
    std::fs::write(directory.join("ca.pem"), authority.pem()).expect("it can");
    for name in names {
        let key = KeyPair::generate().expect("chance");
        let params = CertificateParams::new([name.clone()]).expect("a name");
        let certificate = params.signed_by(&key, &authority).expect("it signs");
        std::fs::write(file(directory, name, "pem"), certificate.pem()).expect("it can");
        std::fs::write(file(directory, name, "key"), key.serialize_pem()).expect("it can");
    }
}

/// The file of a name.
pub(crate) fn file(directory: &Path, name: &str, kind: &str) -> PathBuf {
    directory.join(format!("{name}.{kind}"))
}
