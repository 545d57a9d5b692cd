//! An HTTP server in the process that answers as it is told, and misbehaves on purpose.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, IF_NONE_MATCH};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub if_none_match: Option<String>,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub fault: Fault,
}

/// How an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The body breaks off after so many bytes.
    Cut(usize),
    /// Nothing comes, for ever.
    Silence,
}

impl Reply {
    pub fn json(status: u16, body: impl std::fmt::Display) -> Self {
        Self { status, headers: vec![("content-type", "application/json".into())], body: body.to_string(), fault: Fault::None }
    }

    pub fn page(status: u16) -> Self {
        let body = format!("<html><head><title>{status}</title></head><body>cloud trouble</body></html>");
        Self { status, headers: vec![("content-type", "text/html".into())], body, fault: Fault::None }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn fault(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }
}

type Rule = Box<dyn FnMut(&Asked, usize) -> Reply + Send>;
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The running server. It ends when it is dropped.
pub struct Double {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: AbortOnDropHandle<()>,
}

struct Shared {
    rule: Mutex<Rule>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Double {
    /// Answers by a rule that gets each question and how many came before it.
    pub async fn start(rule: impl FnMut(&Asked, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let shared = Arc::new(Shared { rule: Mutex::new(Box::new(rule)), asked: asked.clone() });
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, shared.clone()));
                    // A connection that breaks is what the test wants.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(Io(stream), service).await;
                });
            }
        };
        Self { url, asked, _server: AbortOnDropHandle::new(tokio::spawn(accept)) }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("lock").clone()
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, io::Error> {
    let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let asked = Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        authorization: header(AUTHORIZATION),
        if_none_match: header(IF_NONE_MATCH),
    };
    let before = {
        let mut all = shared.asked.lock().expect("lock");
        all.push(asked.clone());
        all.len() - 1
    };
    let reply = (shared.rule.lock().expect("lock"))(&asked, before);
    if reply.fault == Fault::Silence {
        std::future::pending::<()>().await;
    }
    let mut builder = Response::builder().status(StatusCode::from_u16(reply.status).expect("status"));
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    let body = match reply.fault {
        Fault::Cut(at) => {
            builder = builder.header("content-length", reply.body.len());
            let first = stream::iter([Ok(Frame::data(Bytes::from(reply.body).slice(..at)))]);
            let then = stream::once(async {
                tokio::task::yield_now().await;
                Err(io::Error::other("cut"))
            });
            StreamBody::new(first.chain(then)).boxed_unsync()
        }
        Fault::None | Fault::Silence => Full::new(Bytes::from(reply.body)).map_err(|never| match never {}).boxed_unsync(),
    };
    Ok(builder.body(body).expect("response"))
}

/// tokio's stream in hyper's traits: hyper-util, which has the same, comes with a feature that these tests can do without.
struct Io(TcpStream);

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut buffer = [0; 4096];
        let mut read = ReadBuf::new(&mut buffer);
        let most = cursor.remaining().min(read.capacity());
        let mut read = read.take(most);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut read))?;
        cursor.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
