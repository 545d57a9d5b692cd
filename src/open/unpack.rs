//! From the store to a file: the stored bytes are hashed as they come, opened layer by layer, and what comes out is written
//! to scratch. One thread decodes and writes while the network goes on; between them lie a few chunks, never more.

use super::{Layer, Opened, open};
use crate::error::{Error, Result};
use crate::run::progress::Progress;
use crate::secret::Secrets;
use crate::store::Chunks;
use crate::subject::HEAD;
use crate::units;
use bytes::Bytes;
use futures_util::StreamExt;
use openssl::sha::Sha256;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Tells by its head whether a payload is of the subject.
pub type Recognises = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What is to be unpacked, and where to.
pub struct Unpack {
    /// The stored bytes, from [`fetch`](crate::store::fetch::fetch).
    pub stored: Chunks,
    /// The layers around the payload, outermost first.
    pub layers: Vec<Layer>,
    /// For the layers that need a key.
    pub secrets: Secrets,
    /// The subject's own eye.
    pub recognises: Recognises,
    /// The file to write; one that is there is overwritten. Removing it is the caller's.
    pub target: PathBuf,
    /// No more than this many bytes are written.
    pub max: Option<u64>,
}

/// The payload in its file, and what was seen on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The file, mode 0600.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its first bytes, at most [`HEAD`].
    pub head: Vec<u8>,
    /// The layers that were opened, outermost first.
    pub layers: Vec<String>,
    /// SHA-256 of the stored bytes, in hex.
    pub sha256: String,
    /// How many stored bytes there were.
    pub stored: u64,
}

/// Chunks that wait between the network and the thread that decodes.
const WAITING: usize = 4;
/// Bytes per write.
const PIECE: usize = 128 << 10;

/// Reads the stored bytes to their end, through every layer, into the file. `progress` counts stored bytes.
/// Dropping the future ends the work with the next chunk.
///
/// # Errors
/// Backup: damaged, not what the layers say, or empty. Scenario: a wrong key. Harness: the store, a secret, the disk, or
/// more than `max` bytes.
pub async fn unpack(unpack: Unpack, progress: &Progress) -> Result<Unpacked> {
    let Unpack { mut stored, layers, secrets, recognises, target, max } = unpack;
    let (sender, receiver) = mpsc::channel(WAITING);
    let feed = async move {
        while let Some(chunk) = stored.next().await {
            let piece = match chunk {
                Ok(chunk) => {
                    progress.add(chunk.len() as u64);
                    Piece::Bytes(chunk)
                }
                Err(error) => Piece::Failed(error.into_error()),
            };
            // The thread hung up: it has failed, and its error is told.
            if sender.send(piece).await.is_err() {
                return;
            }
        }
        let _ = sender.send(Piece::End).await;
    };
    let work = tokio::task::spawn_blocking(move || {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stored = Stored { receiver, chunk: Bytes::new(), ended: None, seen: seen.clone() };
        let opened = open(Box::new(stored), &layers, &secrets, &*recognises)?;
        write(opened, &target, max, &seen)
    });
    tokio::pin!(work);
    let result = tokio::select! {
        // Where the thread has failed, nobody waits for the store any more.
        result = &mut work => result,
        () = feed => work.await,
    };
    result.unwrap_or_else(|e| Err(Error::harness(format!("unpacking ended: {e}"))))
}

/// What goes from the network to the thread. Without [`Piece::End`] the end of the channel is no end of the object.
enum Piece {
    Bytes(Bytes),
    Failed(Error),
    End,
}

/// What passed on its way in.
#[derive(Default)]
struct Seen {
    sha256: Sha256,
    bytes: u64,
    to_the_end: bool,
}

/// The stored bytes as a reader, hashed as they pass.
struct Stored {
    receiver: mpsc::Receiver<Piece>,
    chunk: Bytes,
    ended: Option<Result<()>>,
    seen: Arc<Mutex<Seen>>,
}

impl Stored {
    /// Takes the next chunk; at the end `ended` is set.
    fn advance(&mut self) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match self.receiver.blocking_recv() {
            Some(Piece::Bytes(chunk)) => {
                seen.sha256.update(&chunk);
                seen.bytes += chunk.len() as u64;
                self.chunk = chunk;
            }
            Some(Piece::End) => {
                seen.to_the_end = true;
                self.ended = Some(Ok(()));
            }
            Some(Piece::Failed(error)) => self.ended = Some(Err(error)),
            None => self.ended = Some(Err(Error::harness("the download was given up"))),
        }
    }
}

impl Read for Stored {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.chunk.is_empty() {
                let n = self.chunk.len().min(buf.len());
                buf[..n].copy_from_slice(&self.chunk.split_to(n));
                return Ok(n);
            }
            match &self.ended {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(error.clone().into()),
                None => self.advance(),
            }
        }
    }
}

fn write(opened: Opened, target: &Path, max: Option<u64>, seen: &Mutex<Seen>) -> Result<Unpacked> {
    let Opened { mut payload, layers } = opened;
    let failed = |e: &io::Error| cannot_write(target, e);
    let options = File::options().write(true).create(true).truncate(true).mode(0o600).open(target);
    let mut file = options.map_err(|e| failed(&e))?;
    let (mut size, mut head, mut piece) = (0u64, Vec::new(), vec![0; PIECE]);
    loop {
        let n = match payload.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        size += n as u64;
        if let Some(max) = max.filter(|max| size > *max) {
            return Err(too_large(size, max));
        }
        head.extend_from_slice(&piece[..n.min(HEAD - head.len())]);
        file.write_all(&piece[..n]).map_err(|e| failed(&e))?;
    }
    finish(Unpacked { path: target.to_owned(), size, head, layers, sha256: String::new(), stored: 0 }, seen)
}

/// Everything was read: to the end of what is stored, and not nothing.
fn finish(unpacked: Unpacked, seen: &Mutex<Seen>) -> Result<Unpacked> {
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    if !seen.to_the_end {
        return Err(Error::backup("behind the end of the payload there are more bytes in the stored object"));
    }
    if unpacked.size == 0 {
        let inside = if unpacked.layers.is_empty() { String::new() } else { format!(" inside {}", unpacked.layers.join(", ")) };
        let hint = "The job that made it failed before it wrote anything: look at its log.";
        return Err(Error::backup(format!("the payload{inside} is empty")).hint(hint));
    }
    Ok(Unpacked { sha256: units::hex(&seen.sha256.finish()), stored: seen.bytes, ..unpacked })
}

fn cannot_write(target: &Path, error: &io::Error) -> Error {
    let folder = target.parent().unwrap_or(target).display();
    let hint = "Free some space, or point `scratch.dir` in assay.yaml to a larger disk.";
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::harness(format!("the disk of the scratch folder {folder} is full")).hint(hint)
        }
        _ => Error::harness(format!("cannot write to the scratch folder {folder}: {error}"))
            .hint("Check that `scratch.dir` in assay.yaml exists and can be written."),
    }
}

fn too_large(size: u64, max: u64) -> Error {
    let (needed, max) = (units::Bytes(size), units::Bytes(max));
    Error::harness(format!("the payload needs more scratch space than the {max} that are allowed: {needed} and more"))
        .hint("Raise `scratch.max` in assay.yaml.")
}

#[cfg(test)]
mod tests {
    use super::super::gzip::tests::gzip;
    use super::super::tests::noise;
    use super::*;
    use crate::error::Blame;
    use crate::store::ReadError;
    use futures_util::stream;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn progress() -> Progress {
        Progress::new("test", mpsc::unbounded_channel().0)
    }

    fn chunks(bytes: &[u8], last: Option<Error>) -> Chunks {
        let chunks: Vec<_> = bytes.chunks(1000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        stream::iter(chunks.into_iter().chain(last.map(|e| Err(ReadError::Final(e))))).boxed()
    }

    fn job(stored: Chunks, folder: &Path) -> Unpack {
        Unpack {
            stored,
            layers: Vec::new(),
            secrets: Secrets::default(),
            recognises: Arc::new(|_| true),
            target: folder.join("payload"),
            max: None,
        }
    }

    #[tokio::test]
    async fn stored_bytes_become_a_private_file() {
        let dir = tempfile::tempdir().expect("tempdir");
        let payload = noise(300_000);
        let stored = gzip(&payload);
        let progress = progress();
        let unpacked = unpack(job(chunks(&stored, None), dir.path()), &progress).await.expect("unpack");
        assert_eq!(std::fs::read(&unpacked.path).expect("read"), payload);
        assert_eq!((unpacked.size, unpacked.stored, progress.done()), (300_000, stored.len() as u64, stored.len() as u64));
        assert_eq!(unpacked.head, payload[..HEAD]);
        assert_eq!(unpacked.layers, ["gzip"]);
        assert_eq!(unpacked.sha256, units::hex(&openssl::sha::sha256(&stored)));
        let mode = std::fs::metadata(&unpacked.path).expect("meta").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn an_empty_payload_is_a_bad_backup() {
        let dir = tempfile::tempdir().expect("tempdir");
        for (stored, words) in [(Vec::new(), "the payload is empty"), (gzip(b""), "the payload inside gzip is empty")] {
            let error = unpack(job(chunks(&stored, None), dir.path()), &progress()).await.expect_err("empty");
            assert_eq!((error.blame, error.message.as_str()), (Blame::Backup, words));
        }
    }

    #[tokio::test]
    async fn a_store_that_fails_a_budget_and_a_disk_are_not_the_backups_fault() {
        let dir = tempfile::tempdir().expect("tempdir");
        let stored = gzip(&noise(300_000));
        let failed = chunks(&stored[..100_000], Some(Error::harness("the network broke")));
        let error = unpack(job(failed, dir.path()), &progress()).await.expect_err("broken");
        assert_eq!(error, Error::harness("the network broke"));
        let small = Unpack { max: Some(1000), ..job(chunks(&stored, None), dir.path()) };
        let error = unpack(small, &progress()).await.expect_err("budget");
        assert!(error.message.contains("1000 B that are allowed"), "{error}");
        let nowhere = Unpack { target: dir.path().join("none/payload"), ..job(chunks(&stored, None), dir.path()) };
        let error = unpack(nowhere, &progress()).await.expect_err("no folder");
        assert!(error.message.contains("scratch folder") && error.blame == Blame::Harness, "{error}");
        let full = Unpack { target: "/dev/full".into(), ..job(chunks(&stored, None), dir.path()) };
        let error = unpack(full, &progress()).await.expect_err("full");
        assert_eq!(error.message, "the disk of the scratch folder /dev is full");
    }

    #[tokio::test]
    async fn dropping_it_ends_the_thread() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (dropped, mut ended) = mpsc::channel::<()>(1);
        let recognises: Recognises = Arc::new(move |_| {
            let _held = &dropped;
            true
        });
        let stored = chunks(b"some", None).chain(stream::pending()).boxed();
        let progress = progress();
        let work = unpack(Unpack { recognises, ..job(stored, dir.path()) }, &progress);
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        // The closure goes away with the thread.
        tokio::time::timeout(Duration::from_secs(5), ended.recv()).await.expect("the thread ended");
    }
}
