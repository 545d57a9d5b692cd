//! Whom TLS trusts: the machine's authorities, and one of the user's own.

use crate::error::{Error, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Reads the PEM file and looks at each certificate: the SDK's client panics over one that it cannot use.
///
/// # Errors
/// Harness: it cannot be read, or holds no usable certificate.
pub fn read_ca(path: &Path) -> Result<Vec<u8>> {
    let name = path.display();
    let pem = std::fs::read(path).map_err(|e| {
        Error::harness(format!("cannot read the `ca` file {name}: {e}")).hint("Check the path and its permissions.")
    })?;
    let bad = |why: String| {
        Error::harness(format!("the `ca` file {name} is no usable PEM file: {why}"))
            .hint("It must hold the certificate of the authority, between BEGIN CERTIFICATE and END CERTIFICATE.")
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|e| bad(e.to_string()))?;
    let mut roots = RootCertStore::empty();
    certificates.into_iter().try_for_each(|c| roots.add(c)).map_err(|e| bad(e.to_string()))?;
    if roots.is_empty() { Err(bad("there is no certificate in it".to_owned())) } else { Ok(pem) }
}

/// A client that trusts the machine's authorities and those of a `ca` file.
///
/// # Errors
/// Harness: the file is unusable, or the machine has no authorities and there is no file.
pub fn client(ca: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let pem = read_ca(path)?;
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|e| Error::harness(format!("TLS cannot be used: {e}")))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_that_is_none_is_told_and_never_a_panic() {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("ca.pem");
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (content, words) in [("", "no certificate in it"), ("no pem", "no certificate in it"), (garbage, "no usable PEM")] {
            std::fs::write(&file, content).expect("write");
            let error = read_ca(&file).expect_err(content);
            assert!(error.message.contains(words), "{error}");
        }
        assert!(read_ca(&dir.path().join("none")).expect_err("missing").message.starts_with("cannot read the `ca` file"));
    }
}
