//! A directory as a store. Keys are paths below it, with `/` between folders; nothing outside of it is ever read.

use super::{Chunks, Object, ReadError, Store, gone, overwritten};
use crate::error::{Error, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// A folder on this machine.
#[derive(Debug, Clone)]
pub struct DirStore {
    root: PathBuf,
}

const NOT_MOUNTED: &str = "Check the store's `dir` in assay.yaml, and whether the disk or share is mounted.";

/// Objects that go from the walking thread to the visitor at once.
const BATCH: usize = 1000;
/// Bytes per read.
const PIECE: u64 = 1 << 20;

impl DirStore {
    /// The folder is first looked at by the first listing.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The real path of the folder, that every file must lie below.
    fn real_root(&self) -> Result<PathBuf> {
        self.root.canonicalize().map_err(|e| self.unreadable(&e))
    }

    /// An empty folder is what a mount point looks like when nothing is mounted on it.
    fn refuse_empty(&self, real_root: &Path) -> Result<()> {
        match real_root.read_dir().map_err(|e| self.unreadable(&e))?.next() {
            Some(_) => Ok(()),
            None => Err(Error::harness(format!("the folder {} is empty", self.location())).hint(NOT_MOUNTED)),
        }
    }

    fn unreadable(&self, e: &std::io::Error) -> Error {
        match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                Error::scenario(format!("there is no folder {}", self.location())).hint(NOT_MOUNTED)
            }
            _ => Error::harness(format!("cannot look into {}: {e}", self.location())),
        }
    }
}

#[async_trait]
impl Store for DirStore {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, visit: &mut (dyn FnMut(Object) + Send)) -> Result<()> {
        let (store, prefix, start_after) = (self.clone(), prefix.to_owned(), start_after.map(str::to_owned));
        let (sender, mut batches) = mpsc::channel::<Vec<Object>>(4);
        let walk = tokio::task::spawn_blocking(move || {
            let real_root = store.real_root()?;
            store.refuse_empty(&real_root)?;
            Walk { real_root, prefix, start_after, batch: Vec::new(), sender }.run()
        });
        while let Some(batch) = batches.recv().await {
            batch.into_iter().for_each(&mut *visit);
        }
        walk.await.map_err(|e| Error::harness(format!("the listing ended: {e}")))?
    }

    async fn read(&self, object: &Object, range: Range<u64>) -> Result<Chunks, ReadError> {
        let (store, object) = (self.clone(), object.clone());
        let reading = blocking(move || store.open(&object, range)).await?;
        Ok(stream::unfold(Some(reading), |reading| async move {
            let reading = reading?;
            match blocking(move || reading.next()).await {
                Ok(None) => None,
                Ok(Some((piece, reading))) => Some((Ok(piece), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}

/// File I/O waits for disks and shares: never on the threads that serve everything else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ReadError> + Send + 'static) -> Result<T, ReadError> {
    let result = tokio::task::spawn_blocking(work).await;
    result.unwrap_or_else(|e| Err(ReadError::Final(Error::harness(format!("a read ended: {e}")))))
}

impl DirStore {
    fn open(&self, object: &Object, range: Range<u64>) -> Result<Reading, ReadError> {
        let key = &object.key;
        let failed = |e: std::io::Error| {
            ReadError::Final(match e.kind() {
                ErrorKind::NotFound => gone(key),
                _ => Error::harness(format!("cannot read {key}: {e}")).hint("Check the permissions of the file and its folder."),
            })
        };
        let real_root = self.real_root().map_err(ReadError::Final)?;
        let path = real_root.join(key).canonicalize().map_err(failed)?;
        if !path.starts_with(&real_root) {
            return Err(ReadError::Final(Error::scenario(format!("{key} lies outside of {}", self.location()))));
        }
        let file = File::open(path).map_err(failed)?;
        let reading = Reading { file, object: object.clone(), range };
        reading.still_the_same()?;
        Ok(reading)
    }
}

/// An open file and what of it is still to be read.
struct Reading {
    file: File,
    object: Object,
    range: Range<u64>,
}

impl Reading {
    fn next(mut self) -> Result<Option<(Bytes, Self)>, ReadError> {
        if self.range.is_empty() {
            self.still_the_same()?;
            return Ok(None);
        }
        let wanted = (self.range.end - self.range.start).min(PIECE);
        let mut piece = vec![0; usize::try_from(wanted).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut piece, self.range.start).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => ReadError::Final(overwritten(&self.object.key)),
            _ => ReadError::Transient(Error::harness(format!("cannot read {}: {e}", self.object.key))),
        })?;
        self.range.start += wanted;
        Ok(Some((piece.into(), self)))
    }

    fn still_the_same(&self) -> Result<(), ReadError> {
        let meta = self.file.metadata().map_err(|e| ReadError::Transient(Error::harness(e.to_string())))?;
        if self.object.etag.as_deref().is_some_and(|known| known != etag(&meta)) || meta.len() != self.object.size {
            return Err(ReadError::Final(overwritten(&self.object.key)));
        }
        Ok(())
    }
}

fn etag(meta: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}.{:09}", meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec())
}

/// A listing under way.
struct Walk {
    real_root: PathBuf,
    prefix: String,
    start_after: Option<String>,
    batch: Vec<Object>,
    sender: mpsc::Sender<Vec<Object>>,
}

impl Walk {
    /// Goes through the folder that the prefix names; a folder that is not there holds nothing.
    fn run(mut self) -> Result<()> {
        let folder = self.prefix.rfind('/').map_or("", |end| &self.prefix[..end]).to_owned();
        match self.real_root.join(&folder).canonicalize() {
            Ok(path) if !path.starts_with(&self.real_root) => {
                return Err(Error::scenario(format!("{folder} lies outside of {}", self.real_root.display())));
            }
            Ok(path) => self.folder(&path, &folder)?,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(e) => return Err(cannot_look(&self.real_root.join(&folder), &e)),
        }
        self.send();
        Ok(())
    }

    /// One folder and those below it. Symbolic links to folders are not followed: they may lead in circles.
    fn folder(&mut self, path: &Path, key: &str) -> Result<()> {
        let entries = match path.read_dir() {
            Ok(entries) => entries,
            // It may go away while we walk, or the prefix names a file; and only root may look into ext4's `lost+found`.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            Err(_) if path.ends_with("lost+found") => return Ok(()),
            Err(e) => return Err(cannot_look(path, &e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| cannot_look(path, &e))?;
            let Ok(name) = entry.file_name().into_string() else {
                tracing::warn!(path = %entry.path().display(), "skipped: its name is not UTF-8");
                continue;
            };
            let key = if key.is_empty() { name } else { format!("{key}/{name}") };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    let below = format!("{key}/");
                    if below.starts_with(&self.prefix) || self.prefix.starts_with(&below) {
                        self.folder(&entry.path(), &key)?;
                    }
                }
                kind => self.file(&entry.path(), key, kind.is_ok_and(|k| k.is_symlink()))?,
            }
            if self.sender.is_closed() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, key: String, link: bool) -> Result<()> {
        if !key.starts_with(&self.prefix) || self.start_after.as_ref().is_some_and(|after| key <= *after) {
            return Ok(());
        }
        let meta = match path.canonicalize().and_then(|real| Ok((path.metadata()?, real))) {
            Ok((meta, real)) if meta.is_file() && real.starts_with(&self.real_root) => meta,
            // No file, or one elsewhere, or one that went away since, or a link that leads nowhere.
            Ok(_) => return Ok(()),
            Err(e) if link || e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(cannot_look(path, &e)),
        };
        let modified = meta.modified().ok().and_then(|t| Timestamp::try_from(t).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        self.batch.push(Object { key, size: meta.len(), modified, etag: Some(etag(&meta)) });
        if self.batch.len() >= BATCH {
            self.send();
        }
        Ok(())
    }

    fn send(&mut self) {
        // Nobody listens any more: the listing was given up, and the walk sees that for itself.
        let _ = self.sender.blocking_send(std::mem::take(&mut self.batch));
    }
}

fn cannot_look(path: &Path, error: &std::io::Error) -> Error {
    Error::harness(format!("cannot look into {}: {error}", path.display())).hint("Check the permissions of the folder.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use futures_util::TryStreamExt;
    use std::os::unix::fs::symlink;

    async fn keys(store: &DirStore, prefix: &str, after: Option<&str>) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        store.list(prefix, after, &mut |object| keys.push(object.key)).await?;
        keys.sort();
        Ok(keys)
    }

    async fn only(store: &DirStore, prefix: &str) -> Object {
        let mut found = None;
        store.list(prefix, None, &mut |object| found = Some(object)).await.expect("list");
        found.expect("an object")
    }

    async fn bytes(store: &DirStore, object: &Object, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let chunks = store.read(object, range).await.map_err(ReadError::into_error)?;
        let chunks: Vec<_> = chunks.map_err(ReadError::into_error).try_collect().await?;
        Ok(chunks.concat())
    }

    fn write(dir: &Path, key: &str, content: &str) {
        let path = dir.join(key);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        std::fs::write(path, content).expect("write");
    }

    #[tokio::test]
    async fn lists_what_starts_with_the_prefix() {
        let dir = tempfile::tempdir().expect("tempdir");
        for key in ["db/a-1", "db/a-2", "db/b-1", "db/a-sub/x", "top"] {
            write(dir.path(), key, key);
        }
        let store = DirStore::new(dir.path().into());
        assert_eq!(keys(&store, "db/a-", None).await.expect("list"), ["db/a-1", "db/a-2", "db/a-sub/x"]);
        assert_eq!(keys(&store, "db/a-", Some("db/a-1")).await.expect("list"), ["db/a-2", "db/a-sub/x"]);
        assert_eq!(keys(&store, "", None).await.expect("list").len(), 5);
        assert!(keys(&store, "none/", None).await.expect("list").is_empty());
        assert!(keys(&store, "top/x", None).await.expect("list").is_empty());
    }

    #[tokio::test]
    async fn links_inside_are_followed_and_links_out_are_not() {
        let (dir, outside) = (tempfile::tempdir().expect("tempdir"), tempfile::tempdir().expect("tempdir"));
        write(dir.path(), "real/a", "inside");
        write(outside.path(), "secret", "outside");
        symlink(dir.path().join("real/a"), dir.path().join("latest")).expect("link");
        symlink(outside.path().join("secret"), dir.path().join("stolen")).expect("link");
        symlink(outside.path(), dir.path().join("folder")).expect("link");
        symlink("nowhere", dir.path().join("dangling")).expect("link");
        let store = DirStore::new(dir.path().into());
        assert_eq!(keys(&store, "", None).await.expect("list"), ["latest", "real/a"]);
        let latest = only(&store, "latest").await;
        assert_eq!(bytes(&store, &latest, 0..6).await.expect("read"), b"inside");
        for key in ["stolen", "../x", "folder/secret"] {
            let object = Object { key: key.into(), ..latest.clone() };
            assert_ne!(bytes(&store, &object, 0..6).await.expect_err(key).blame, Blame::Backup);
        }
        let error = keys(&store, "folder/", None).await.expect_err("outside");
        assert!(error.message.contains("lies outside of"), "{error}");
    }

    #[tokio::test]
    async fn a_range_is_that_range_and_a_changed_file_is_noticed() {
        let dir = tempfile::tempdir().expect("tempdir");
        write(dir.path(), "a", "0123456789");
        let store = DirStore::new(dir.path().into());
        let object = only(&store, "a").await;
        assert_eq!(bytes(&store, &object, 3..7).await.expect("read"), b"3456");
        write(dir.path(), "a", "0123456789 and more");
        let error = bytes(&store, &object, 0..10).await.expect_err("changed");
        assert_eq!(error.message, "a was overwritten while it was read");
        std::fs::remove_file(dir.path().join("a")).expect("remove");
        assert!(bytes(&store, &object, 0..10).await.expect_err("gone").message.contains("went away"));
    }

    #[tokio::test]
    async fn a_file_that_grows_during_the_read_is_noticed_at_its_end() {
        let dir = tempfile::tempdir().expect("tempdir");
        write(dir.path(), "a", "0123456789");
        let store = DirStore::new(dir.path().into());
        let object = only(&store, "a").await;
        let mut chunks = store.read(&object, 0..10).await.expect("open");
        assert_eq!(chunks.next().await.expect("piece").expect("bytes"), b"0123456789".as_slice());
        write(dir.path(), "a", "0123456789 and more");
        let Some(Err(error)) = chunks.next().await else { panic!("not noticed") };
        assert!(error.into_error().message.contains("overwritten"));
    }

    #[tokio::test]
    async fn a_missing_folder_is_the_scenarios_fault() {
        let error = keys(&DirStore::new("/nonexistent/backups".into()), "", None).await.expect_err("missing");
        assert_eq!((error.blame, error.message.as_str()), (Blame::Scenario, "there is no folder /nonexistent/backups"));
    }
}
