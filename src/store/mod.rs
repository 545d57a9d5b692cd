//! Stores: where artifacts lie. Read only, always: the trait has no call that writes.

pub mod dir;
pub mod fetch;
pub mod pattern;
pub mod retry;
pub mod s3;
pub mod select;

use crate::error::Error;
use crate::scenario::StoreSpec;
use crate::secret::Secrets;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use std::ops::Range;
use std::sync::Arc;

/// One object as a listing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key, with `/` between folders, without the store's own prefix.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// When the store last took it in (`LastModified`, or a file's mtime).
    pub modified: Timestamp,
    /// What changes when the content does: an S3 `ETag` with its quotes, or a file's inode, size and mtime.
    pub etag: Option<String>,
}

/// Why a read did not work, as far as going on depends on it.
#[derive(Debug)]
pub enum ReadError {
    /// It may work if it is tried again from where it stood: 5xx, `SlowDown`, timeouts, broken bodies.
    Transient(Error),
    /// Trying again cannot help: gone, overwritten, forbidden.
    Final(Error),
}

impl ReadError {
    /// The error itself.
    #[must_use]
    pub fn into_error(self) -> Error {
        match self {
            Self::Transient(error) | Self::Final(error) => error,
        }
    }
}

/// The chunks of one range, in order.
pub type Chunks = BoxStream<'static, Result<Bytes, ReadError>>;

/// A place that holds artifacts.
///
/// Implementations bound every wait themselves (connect, first byte, stall), retry what is transient inside a listing, and
/// leave the retries of a read to [`fetch`]. Their errors never blame the backup: [`Error::harness`] for what may go away,
/// [`Error::scenario`] for a bucket or folder that is not there.
#[async_trait]
pub trait Store: Send + Sync {
    /// What people call it: `s3://bucket/prefix` or the folder.
    fn location(&self) -> String;

    /// Visits every object whose key starts with `prefix` and sorts after `start_after`, page by page, in no promised
    /// order. Guards against listings that loop.
    ///
    /// # Errors
    /// See the trait.
    async fn list(&self, prefix: &str, start_after: Option<&str>, visit: &mut (dyn FnMut(Object) + Send)) -> Result<(), Error>;

    /// Opens one range of an object for reading, in one attempt.
    ///
    /// # Errors
    /// [`ReadError::Final`] when the object is no longer the one that `object` names.
    async fn read(&self, object: &Object, range: Range<u64>) -> Result<Chunks, ReadError>;
}

/// Connects to a store. No call goes out before the first listing.
///
/// # Errors
/// Harness: its secrets or its certificate authority cannot be read.
#[expect(clippy::unused_async, reason = "a store of a later kind may ask the network")]
pub async fn connect(spec: &StoreSpec, secrets: &Secrets) -> Result<Arc<dyn Store>, Error> {
    Ok(match spec {
        StoreSpec::S3(spec) => Arc::new(s3::S3Store::connect(spec, secrets)?),
        StoreSpec::Dir(folder) => Arc::new(dir::DirStore::new(folder.clone())),
    })
}

/// The object is not the one any more that the listing told of.
fn overwritten(key: &str) -> Error {
    Error::harness(format!("{key} was overwritten while it was read"))
        .hint("Run again; if it happens every time, give each backup a key of its own, with the time in it.")
}

/// The object went away after the listing told of it.
fn gone(key: &str) -> Error {
    Error::harness(format!("{key} went away between the listing and the reading"))
        .hint("Look whether a retention rule removes backups at this hour, and run again.")
}
