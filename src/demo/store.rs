//! The demo's store: an S3 server in this process, over a folder.

use crate::error::{Error, Result};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;

/// A running S3 server. It ends when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    /// Where it listens, on this machine only.
    pub address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves the folders below `root` as buckets, on `127.0.0.1` and the given port (0: any free one).
///
/// # Errors
/// Harness: the folder cannot be served, or the port is taken.
pub async fn serve(root: &Path, port: u16, access_key: &str, secret_key: &str) -> Result<S3Server> {
    let files = s3s_fs::FileSystem::new(root)
        .map_err(|error| Error::harness(format!("the folder {} cannot be served: {error:?}", root.display())))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| Error::harness(format!("port {port} of 127.0.0.1 cannot be had: {error}")))?;
    let address = listener.local_addr()?;
    let accepting = tokio::spawn(accept(listener, builder.build()));
    Ok(S3Server { address, accepting })
}

async fn accept(listener: TcpListener, service: S3Service) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let http = auto::Builder::new(TokioExecutor::new());
            // A client that goes away is its own affair.
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
