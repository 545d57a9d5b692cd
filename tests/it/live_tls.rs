//! The way to a live database on another machine: encrypted, and to a server that was verified. The server here speaks as much of
//! the protocol as it takes to see whether anything is said to it.

use assay::scenario::{Counts, LivePostgres, LiveSpec};
use assay::secret::{SecretRef, Secrets};
use assay::subject;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority, and a server with a certificate of it for one name.
struct Tls {
    dir: tempfile::TempDir,
    port: u16,
    heard: tokio::task::JoinHandle<Option<Vec<u8>>>,
}

impl Tls {
    async fn of(name: &str) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        // A certificate that is named like its issuer would pass for self-signed.
        authority.distinguished_name.push(DnType::CommonName, "the authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = authority.self_signed(&key).expect("a root");
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::write(dir.path().join("ca.pem"), root.pem()).expect("write");
        let server_key = KeyPair::generate().expect("a key");
        let issuer = Issuer::new(authority, key);
        let server = CertificateParams::new(vec![name.to_owned()])
            .expect("parameters")
            .signed_by(&server_key, &issuer)
            .expect("a certificate");
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let config = config.with_no_client_auth().with_single_cert(vec![server.der().clone()], private).expect("a server");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let heard = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        Self { dir, port, heard }
    }

    /// Looks at a database there; returns the error, and what the server heard behind the encryption.
    async fn look(self, url: &str, with_ca: bool) -> (String, Option<Vec<u8>>) {
        let url_file = self.dir.path().join("url");
        std::fs::write(&url_file, url.replace("PORT", &self.port.to_string())).expect("write");
        let ca: Option<PathBuf> = with_ca.then(|| self.dir.path().join("ca.pem"));
        let (counts, timeout, older_than_backup) = (Counts::Exact, Duration::from_secs(10), Vec::new());
        let live = LiveSpec::Postgres(LivePostgres { url: SecretRef::File(url_file), ca, counts, timeout, older_than_backup });
        let error =
            subject::live(&live, &Secrets::default(), jiff::Timestamp::now()).await.expect_err("no database answers there");
        (format!("{} {:?}", error.message, error.hint), self.heard.await.expect("the server"))
    }
}

/// Says yes to encryption and returns what is said then: nothing when the client did not trust it.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) -> Option<Vec<u8>> {
    let (mut stream, _) = listener.accept().await.ok()?;
    let mut request = [0; 8];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "an SSLRequest comes first");
    stream.write_all(b"S").await.ok()?;
    let mut tls = acceptor.accept(stream).await.ok()?;
    let mut startup = vec![0; 1024];
    let count = tls.read(&mut startup).await.ok().filter(|count| *count > 0)?;
    startup.truncate(count);
    Some(startup)
}

#[tokio::test]
async fn a_server_of_a_known_authority_and_the_right_name_is_spoken_to() {
    for (name, url) in [
        ("localhost", "postgres://assay:secret@localhost:PORT/shop?sslmode=require"),
        ("127.0.0.1", "postgres://assay:secret@127.0.0.1:PORT/shop?sslmode=verify-full"),
        ("db.example.net", "postgres://assay:secret@127.0.0.1:PORT/shop?sslmode=verify-ca"),
    ] {
        let (error, heard) = Tls::of(name).await.look(url, true).await;
        let heard = heard.unwrap_or_else(|| panic!("{name}: {error}"));
        assert!(heard.windows(5).any(|part| part == b"assay"), "{heard:?}");
    }
}

#[tokio::test]
async fn any_other_server_is_told_nothing() {
    for (name, url, with_ca) in [
        ("localhost", "postgres://assay:secret@localhost:PORT/shop?sslmode=require", false),
        ("db.example.net", "postgres://assay:secret@localhost:PORT/shop?sslmode=require", true),
        ("localhost", "postgres://assay:secret@127.0.0.1:PORT/shop?sslmode=verify-full", true),
        ("localhost", "postgres://assay:secret@localhost:PORT/shop?sslmode=verify-ca", false),
    ] {
        let (error, heard) = Tls::of(name).await.look(url, with_ca).await;
        assert_eq!(heard, None, "{name} {url}");
        assert!(error.contains("certificate") && error.contains("`ca` of `live`") && !error.contains("secret@"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_encryption_is_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("address").port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.expect("a request");
        stream.write_all(b"N").await.expect("no");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.map(|_| rest).unwrap_or_default()
    });
    let dir = tempfile::tempdir().expect("tempdir");
    let url_file = dir.path().join("url");
    std::fs::write(&url_file, format!("postgres://assay:secret@localhost:{port}/shop?sslmode=require")).expect("write");
    let (counts, timeout, older_than_backup) = (Counts::Exact, Duration::from_secs(10), Vec::new());
    let live = LiveSpec::Postgres(LivePostgres { url: SecretRef::File(url_file), ca: None, counts, timeout, older_than_backup });
    let error = subject::live(&live, &Secrets::default(), jiff::Timestamp::now()).await.expect_err("no encryption");
    assert!(error.message.contains("TLS"), "{error:?}");
    assert_eq!(heard.await.expect("the server"), b"");
}
