//! From the store to the payload: the stored bytes are hashed as they come and opened layer by layer. One thread decodes while
//! the network goes on; between them lie a few chunks, never more. What comes out is a [`Stream`]: read as it comes, or written to a
//! file by [`unpack`](super::unpack::unpack).

use super::{Layer, open};
use crate::check::Outcome;
use crate::error::{Error, Result};
use crate::run::progress::Progress;
use crate::secret::Secrets;
use crate::store::Chunks;
use crate::subject::HEAD;
use crate::units;
use bytes::Bytes;
use futures_util::StreamExt;
use openssl::sha::Sha256;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// Tells by its head whether a payload is of the subject.
pub type Recognises = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What is to be opened.
pub struct Order {
    /// The stored bytes, from [`fetch`](crate::store::fetch::fetch).
    pub stored: Chunks,
    /// The layers around the payload, outermost first.
    pub layers: Vec<Layer>,
    /// For the layers that need a key.
    pub secrets: Secrets,
    /// The subject's own eye.
    pub recognises: Recognises,
}

/// A payload on its way: its first bytes are known, the others come as they are read.
pub struct Arriving {
    /// Its first bytes, at most [`HEAD`].
    pub head: Zeroizing<Vec<u8>>,
    /// Its size in bytes, known when the head is all of it.
    pub size: Option<u64>,
    /// The layers that were opened, outermost first.
    pub layers: Vec<String>,
    /// What opening them showed.
    pub outcomes: Vec<Outcome>,
    /// All of it, from the first byte on.
    pub stream: Stream,
    /// What passes on its way in. The download ends when this is dropped.
    pub intake: Intake,
}

/// Chunks that wait between the network and the thread that decodes.
const WAITING: usize = 4;

/// Opens the layers and reads the payload's head. `progress` counts stored bytes, also those that come later.
/// Dropping the future, or what it gives, ends the download with the next chunk.
///
/// # Errors
/// Backup: damaged, not what the layers say, or empty. Scenario: a wrong key. Harness: the store or a secret.
pub async fn arrive(order: Order, progress: &Progress) -> Result<Arriving> {
    let Order { stored, layers, secrets, recognises } = order;
    let (sender, receiver) = mpsc::channel(WAITING);
    let feed = Feed(tokio::spawn(feed(stored, sender, progress.clone())));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let intake = Intake { _feed: feed, seen: seen.clone() };
    let work = tokio::task::spawn_blocking(move || {
        let stored = Stored { receiver, chunk: Bytes::new(), ended: None, seen: seen.clone() };
        let opened = open(Box::new(stored), &layers, &secrets, &*recognises)?;
        let mut stream =
            Stream { head: Cursor::default(), payload: opened.payload, layers: opened.layers.clone(), size: 0, seen };
        let head = stream.read_head()?;
        Ok((head, opened.layers, opened.outcomes, stream))
    });
    let (head, layers, outcomes, stream) = work.await.unwrap_or_else(|e| Err(Error::harness(format!("opening ended: {e}"))))?;
    let size = (head.len() < HEAD).then_some(head.len() as u64);
    Ok(Arriving { head, size, layers, outcomes, stream, intake })
}

/// Hands the network's chunks to the thread that decodes, as long as it wants them.
async fn feed(mut stored: Chunks, sender: mpsc::Sender<Piece>, progress: Progress) {
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
}

/// The task that downloads. It ends when this is dropped.
struct Feed(JoinHandle<()>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The way in: what passed on it so far.
pub struct Intake {
    _feed: Feed,
    seen: Arc<Mutex<Seen>>,
}

/// What was read, to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// SHA-256 of the stored bytes, in hex.
    pub sha256: String,
    /// How many stored bytes there were.
    pub stored: u64,
    /// The payload's size in bytes.
    pub size: u64,
}

impl Intake {
    /// What was read; `None` as long as the payload was not read to its end.
    #[must_use]
    pub fn taken(&self) -> Option<Taken> {
        let seen = unpoisoned(&self.seen);
        let sha256 = units::hex(&seen.sha256.clone().finish());
        seen.payload.map(|size| Taken { sha256, stored: seen.stored, size })
    }
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
    stored: u64,
    to_the_end: bool,
    /// The payload's size, once it was read to its end.
    payload: Option<u64>,
}

/// A panic in another thread does not make the counts wrong.
fn unpoisoned(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
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
        match self.receiver.blocking_recv() {
            Some(Piece::Bytes(chunk)) => {
                let mut seen = unpoisoned(&self.seen);
                seen.sha256.update(&chunk);
                seen.stored += chunk.len() as u64;
                self.chunk = chunk;
            }
            Some(Piece::End) => {
                unpoisoned(&self.seen).to_the_end = true;
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

/// A payload as it comes. Its end is told only when every stored byte was read; what is wrong is an [`Error`] inside `io::Error`.
/// It blocks: read it in a thread of its own.
pub struct Stream {
    /// What was read already to know what it is.
    head: Cursor<Zeroizing<Vec<u8>>>,
    payload: Box<dyn Read + Send>,
    layers: Vec<String>,
    size: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Stream {
    /// Reads the first bytes, which will be read again.
    fn read_head(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        // It may be a secret: nothing of it stays behind where a buffer grew.
        let mut head = Zeroizing::new(Vec::with_capacity(HEAD));
        self.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        self.head = Cursor::new(head.clone());
        Ok(head)
    }

    /// The payload ends: so must what is stored, and it must not have been nothing.
    fn end(&self) -> Result<()> {
        let mut seen = unpoisoned(&self.seen);
        if !seen.to_the_end {
            return Err(Error::backup("behind the end of the payload there are more bytes in the stored object"));
        }
        if self.size == 0 {
            let inside = if self.layers.is_empty() { String::new() } else { format!(" inside {}", self.layers.join(", ")) };
            let hint = "The job that made it failed before it wrote anything: look at its log.";
            return Err(Error::backup(format!("the payload{inside} is empty")).hint(hint));
        }
        seen.payload = Some(self.size);
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let again = self.head.read(buf)?;
        if again > 0 || buf.is_empty() {
            return Ok(again);
        }
        let n = self.payload.read(buf)?;
        self.size += n as u64;
        if n == 0 {
            self.end()?;
        }
        Ok(n)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::gzip::tests::gzip;
    use super::super::tests::noise;
    use super::*;
    use crate::error::Blame;
    use crate::store::ReadError;
    use futures_util::stream;
    use std::time::Duration;

    pub fn progress() -> Progress {
        Progress::new("test", mpsc::unbounded_channel().0)
    }

    pub fn chunks(bytes: &[u8], last: Option<Error>) -> Chunks {
        let chunks: Vec<_> = bytes.chunks(1000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        stream::iter(chunks.into_iter().chain(last.map(|e| Err(ReadError::Final(e))))).boxed()
    }

    pub fn order(stored: Chunks) -> Order {
        Order { stored, layers: Vec::new(), secrets: Secrets::default(), recognises: Arc::new(|_| true) }
    }

    /// Everything that is left, read in a thread that may block.
    async fn rest(mut stream: Stream) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        let reading = tokio::task::spawn_blocking(move || stream.read_to_end(&mut all).map(|_| all));
        reading.await.expect("no panic")
    }

    #[tokio::test]
    async fn the_head_comes_first_and_again_with_the_rest() {
        let payload = noise(300_000);
        let stored = gzip(&payload);
        let progress = progress();
        let arriving = arrive(order(chunks(&stored, None)), &progress).await.expect("arrive");
        assert_eq!((arriving.head.as_slice(), arriving.size), (&payload[..HEAD], None));
        assert_eq!(arriving.layers, ["gzip"]);
        assert_eq!(arriving.intake.taken(), None, "not read to its end");
        assert_eq!(rest(arriving.stream).await.expect("rest"), payload);
        let sha256 = units::hex(&openssl::sha::sha256(&stored));
        let taken = Taken { sha256, stored: stored.len() as u64, size: 300_000 };
        assert_eq!(arriving.intake.taken(), Some(taken));
        assert_eq!(progress.done(), stored.len() as u64);
    }

    #[tokio::test]
    async fn a_small_payload_is_known_whole() {
        let arriving = arrive(order(chunks(b"select 1;", None)), &progress()).await.expect("arrive");
        assert_eq!(arriving.size, Some(9));
        assert_eq!(rest(arriving.stream).await.expect("rest"), b"select 1;");
        assert_eq!(arriving.intake.taken().expect("to the end").size, 9);
    }

    #[tokio::test]
    async fn an_empty_payload_is_a_bad_backup() {
        for (stored, words) in [(Vec::new(), "the payload is empty"), (gzip(b""), "the payload inside gzip is empty")] {
            let error = arrive(order(chunks(&stored, None)), &progress()).await.err().expect("empty");
            assert_eq!((error.blame, error.message.as_str()), (Blame::Backup, words));
        }
    }

    #[tokio::test]
    async fn a_store_that_fails_is_not_the_backups_fault() {
        let stored = gzip(&noise(300_000));
        let failed = chunks(&stored[..100_000], Some(Error::harness("the network broke")));
        let arriving = arrive(order(failed), &progress()).await.expect("the head is there");
        let error = Error::from(rest(arriving.stream).await.expect_err("broken"));
        assert_eq!(error, Error::harness("the network broke"));
        assert_eq!(arriving.intake.taken(), None);
    }

    #[tokio::test]
    async fn dropping_it_ends_the_thread() {
        let (dropped, mut ended) = mpsc::channel::<()>(1);
        let recognises: Recognises = Arc::new(move |_| {
            let _held = &dropped;
            true
        });
        let stored = chunks(b"some", None).chain(stream::pending()).boxed();
        let progress = progress();
        let work = arrive(Order { recognises, ..order(stored) }, &progress);
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        // The closure goes away with the thread.
        tokio::time::timeout(Duration::from_secs(5), ended.recv()).await.expect("the thread ended");
    }

    #[tokio::test]
    async fn dropping_the_intake_ends_the_stream() {
        let stored = chunks(&noise(2 * HEAD), None).chain(stream::pending()).boxed();
        let Arriving { stream, intake, .. } = arrive(order(stored), &progress()).await.expect("arrive");
        drop(intake);
        let error = Error::from(rest(stream).await.expect_err("given up"));
        assert_eq!(error, Error::harness("the download was given up"));
    }
}
