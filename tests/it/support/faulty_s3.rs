//! An S3 server in the process (s3s over a folder) behind a proxy that misbehaves on purpose.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

pub const ACCESS_KEY: &str = "assay-test-key";
pub const SECRET_KEY: &str = "assay-test-secret";
pub const BUCKET: &str = "backups";

/// What a request asks for, as far as faults depend on it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A listing, else the reading of an object.
    pub list: bool,
    /// How many requests of its kind came before it.
    pub nth: usize,
    /// Whether it carries `If-Match`.
    pub if_match: bool,
    /// The continuation token of a listing.
    pub token: Option<String>,
}

/// What the proxy does with a request.
pub enum Fault {
    /// Nothing wrong.
    Pass,
    /// This status and body instead of an answer, with these headers.
    Answer(u16, Vec<(&'static str, &'static str)>, String),
    /// The answer, whose body breaks off after so many bytes.
    Cut(usize),
    /// The answer, whose body stands still after so many bytes.
    Stall(usize),
    /// Nothing, for ever.
    Silence,
    /// The whole object, whatever range was asked for.
    IgnoreRange,
    /// `If-Match` is honoured, as S3 does and s3s-fs does not.
    Honour,
    /// The answer's text (a listing's XML), changed.
    Edit(fn(String) -> String),
}

/// An error as S3 writes it.
pub fn refuse(status: u16, code: &str, more: &str) -> Fault {
    let body = format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>made up</Message>{more}</Error>");
    Fault::Answer(status, vec![("content-type", "application/xml")], body)
}

type Rule = Box<dyn FnMut(&Asked) -> Fault + Send>;
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The running server. It ends when it is dropped.
pub struct FaultyS3 {
    folder: TempDir,
    port: u16,
    /// The authority's certificate, when it speaks TLS.
    pub ca: Option<PathBuf>,
    proxy: Arc<Proxy>,
    _server: AbortOnDropHandle<()>,
}

struct Proxy {
    s3: S3Service,
    root: PathBuf,
    rule: Mutex<Rule>,
    counts: Mutex<HashMap<bool, usize>>,
}

impl FaultyS3 {
    /// Plain HTTP.
    pub async fn start(rule: impl FnMut(&Asked) -> Fault + Send + 'static) -> Self {
        Self::serve(Box::new(rule), None).await
    }

    /// TLS with a certificate of an authority that nobody knows.
    pub async fn start_tls() -> Self {
        Self::serve(Box::new(|_| Fault::Pass), Some(certificates())).await
    }

    async fn serve(rule: Rule, tls: Option<(TlsAcceptor, String)>) -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join(BUCKET)).expect("bucket");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&root).expect("s3s-fs"));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let proxy = Arc::new(Proxy { s3: builder.build(), root, rule: Mutex::new(rule), counts: Mutex::default() });
        let ca = tls.as_ref().map(|(_, pem)| {
            let file = folder.path().join("ca.pem");
            std::fs::write(&file, pem).expect("ca");
            file
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let accept = accept(listener, proxy.clone(), tls.map(|(acceptor, _)| acceptor));
        Self { folder, port, ca, proxy, _server: AbortOnDropHandle::new(tokio::spawn(accept)) }
    }

    pub fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.ca.is_some() { "https" } else { "http" }, self.port)
    }

    /// The file behind an object.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join("root").join(BUCKET).join(key)
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        std::fs::write(self.file(key), bytes).expect("put");
    }

    /// How many objects were read, ranges counted one by one.
    pub fn reads(&self) -> usize {
        self.proxy.counts.lock().expect("lock").get(&false).copied().unwrap_or(0)
    }

    /// How many listings were asked for, pages counted one by one.
    pub fn lists(&self) -> usize {
        self.proxy.counts.lock().expect("lock").get(&true).copied().unwrap_or(0)
    }
}

/// A server's TLS, and the PEM of the authority that signed it.
fn certificates() -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("key");
    let pem = authority.self_signed(&authority_key).expect("authority").pem();
    let key = KeyPair::generate().expect("key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key)).expect("certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("server certificate");
    (TlsAcceptor::from(Arc::new(config)), pem)
}

async fn accept(listener: TcpListener, proxy: Arc<Proxy>, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, proxy.clone(), tls.clone()));
    }
}

async fn connection(stream: TcpStream, proxy: Arc<Proxy>, tls: Option<TlsAcceptor>) {
    match tls {
        None => http(stream, proxy).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                http(stream, proxy).await;
            }
        }
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, proxy: Arc<Proxy>) {
    let service = service_fn(move |request| {
        let proxy = proxy.clone();
        async move { proxy.answer(request).await }
    });
    // A connection that breaks is what the test wants.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Proxy {
    fn ask(&self, request: &Request<Incoming>) -> Asked {
        let query = request.uri().query().unwrap_or_default();
        let list = query.contains("list-type=2");
        let token = query.split('&').find_map(|part| part.strip_prefix("continuation-token=")).map(str::to_owned);
        let if_match = request.headers().contains_key(header::IF_MATCH);
        let mut counts = self.counts.lock().expect("lock");
        let count = counts.entry(list).or_default();
        *count += 1;
        Asked { list, nth: *count - 1, if_match, token }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let asked = self.ask(&request);
        let fault = (self.rule.lock().expect("lock"))(&asked);
        let wanted = request.headers().get(header::IF_MATCH).cloned();
        let file = self.root.join(request.uri().path().trim_start_matches('/'));
        match fault {
            Fault::Silence => std::future::pending().await,
            Fault::Answer(status, headers, body) => Ok(made_up(status, &headers, body)),
            Fault::Pass => self.real(request).await.map(|r| r.map(whole)),
            Fault::IgnoreRange => Ok(Response::new(whole(std::fs::read(file)?.into()))),
            Fault::Cut(at) => self.real(request).await.map(|r| r.map(|body| broken(&body, at, true))),
            Fault::Stall(at) => self.real(request).await.map(|r| r.map(|body| broken(&body, at, false))),
            Fault::Honour => {
                let response = self.real(request).await?;
                if wanted.is_some() && response.headers().get(header::ETAG) != wanted.as_ref() {
                    return Ok(made_up(412, &[], "<Error><Code>PreconditionFailed</Code></Error>".to_owned()));
                }
                Ok(response.map(whole))
            }
            Fault::Edit(edit) => {
                let (mut parts, body) = self.real(request).await?.into_parts();
                parts.headers.remove(header::CONTENT_LENGTH);
                let text = edit(String::from_utf8(body.to_vec()).expect("text"));
                Ok(Response::from_parts(parts, whole(text.into())))
            }
        }
    }

    async fn real(&self, request: Request<Incoming>) -> Result<Response<Bytes>, io::Error> {
        let response = self.s3.call(request.map(s3s::Body::from)).await.map_err(|e| io::Error::other(format!("{e:?}")))?;
        let (parts, body) = response.into_parts();
        let body = BodyExt::collect(body).await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn made_up(status: u16, headers: &[(&str, &str)], body: String) -> Response<Body> {
    let mut builder = Response::builder().status(StatusCode::from_u16(status).expect("status"));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(whole(body.into())).expect("response")
}

/// The first bytes of a body, then the end of the connection or silence. The headers still promise all of it.
fn broken(body: &Bytes, at: usize, cut: bool) -> Body {
    let first = stream::iter([Ok(Frame::data(body.slice(..at.min(body.len()))))]);
    let then = if cut {
        // A task's turn later, so that the first bytes are on their way.
        stream::once(async {
            tokio::task::yield_now().await;
            Err(io::Error::other("cut"))
        })
        .boxed()
    } else {
        stream::pending().boxed()
    };
    StreamBody::new(first.chain(then)).boxed_unsync()
}
