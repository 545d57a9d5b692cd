//! The cache of initialised, empty data folders: making one takes ten times as long as copying it.
//!
//! An entry is a folder with `data/` and `entry.json`. It appears by a rename, so two runs at once and a run that is killed
//! leave a whole one or none; one that is damaged all the same is noticed by its size and made anew.

use super::scratch::beside;
use crate::error::{Error, Result};
use crate::runtime::{Installation, Place, Recipe};
use crate::secret::{Secret, Secrets};
use crate::units;
use serde::{Deserialize, Serialize};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const DATA: &str = "data";
const ENTRY: &str = "entry.json";

/// What an entry says of its data folder. Its file is readable for the owner alone; each instance replaces the password.
#[derive(Serialize, Deserialize)]
struct Entry {
    password: String,
    size: Size,
}

/// How much lies in a data folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Size {
    files: u64,
    bytes: u64,
}

/// `$XDG_CACHE_HOME/assay` or `~/.cache/assay`. `None`: there is no home, so there is no cache.
#[must_use]
pub fn default_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache"))).map(|dir| dir.join("assay"))
}

/// The entry of one recipe for one installation: `postgres-15.18-a1b2c3d4e5f6`.
pub(super) fn entry_dir(cache: &Path, recipe: &dyn Recipe, installation: &Installation) -> PathBuf {
    let place = Place { data: DATA.into(), socket: "socket".into(), port: None };
    let calls: Vec<String> = recipe.initialise(&place, Path::new("password")).iter().map(ToString::to_string).collect();
    let made_by = format!("{}\n{}\n{}", installation.bin.display(), installation.version, calls.join("\n"));
    let hash = openssl::sha::sha256(made_by.as_bytes());
    let hash = hash.get(..6).unwrap_or(&hash);
    cache.join(format!("{}-{}-{}", recipe.engine(), installation.version, units::hex(hash)))
}

/// Copies an entry to `data` and returns its password. `None`: there is none, or it was damaged and is gone now.
pub(super) async fn take(entry: &Path, data: &Path, secrets: &Secrets) -> Result<Option<Secret>> {
    let Ok(text) = std::fs::read(entry.join(ENTRY)) else {
        return Ok(discard(entry));
    };
    let Ok(known) = serde_json::from_slice::<Entry>(&text) else { return Ok(discard(entry)) };
    match copy(&entry.join(DATA), data).await {
        Ok(copied) if copied == known.size => return Ok(Some(secrets.known(&known.password))),
        // Half an entry, or one that another run has just thrown away.
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::from(e).context("cannot copy the cached data folder")),
    }
    if data.exists() {
        std::fs::remove_dir_all(data).map_err(Error::from)?;
    }
    Ok(discard(entry))
}

fn discard<T>(entry: &Path) -> Option<T> {
    // Renamed first, so that nobody finds half of it.
    let rubbish = beside(entry, &format!("old-{}", std::process::id()));
    if std::fs::rename(entry, &rubbish).is_ok() {
        tracing::debug!(entry = %entry.display(), "a damaged cache entry is made anew");
        let _ = std::fs::remove_dir_all(rubbish);
    }
    None
}

/// Stores a copy of a fresh data folder. Another run that was faster wins.
///
/// # Errors
/// The cache cannot be written: the caller can do without.
pub(super) async fn store(entry: &Path, data: &Path, password: &Secret) -> io::Result<()> {
    let cache = entry.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(cache)?;
    let draft = Draft(beside(entry, &format!("new-{}", *random(8)?)));
    DirBuilder::new().mode(0o700).create(&draft.0)?;
    let size = copy(data, &draft.0.join(DATA)).await?;
    let known = Entry { password: password.expose().to_owned(), size };
    write_private(&draft.0.join(ENTRY), &serde_json::to_vec(&known)?)?;
    match std::fs::rename(&draft.0, entry) {
        Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => Ok(()),
        result => result,
    }
}

/// An entry in the making. Dropping it removes what was not renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Copies a folder, giving way to other tasks after each file. Links are not followed and not copied.
async fn copy(from: &Path, to: &Path) -> io::Result<Size> {
    let mut size = Size::default();
    let mut folders = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = folders.pop() {
        DirBuilder::new().mode(0o700).create(&to)?;
        for entry in from.read_dir()? {
            let (entry, kind) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))?;
            let target = to.join(entry.file_name());
            if kind.is_dir() {
                folders.push((entry.path(), target));
            } else if kind.is_file() {
                size.bytes += std::fs::copy(entry.path(), target)?;
                size.files += 1;
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(size)
}

/// Writes a file that only its owner can read, and that was not there before.
pub(super) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, content)
}

/// Random bytes in hexadecimal.
pub(super) fn random(bytes: usize) -> io::Result<Zeroizing<String>> {
    let mut raw = Zeroizing::new(vec![0; bytes]);
    openssl::rand::rand_bytes(&mut raw).map_err(io::Error::other)?;
    Ok(Zeroizing::new(units::hex(&raw)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn stored() -> (tempfile::TempDir, PathBuf, Secrets) {
        let dir = tempfile::tempdir().expect("tempdir");
        let source = dir.path().join("source");
        std::fs::create_dir_all(source.join("base/1")).expect("mkdir");
        std::fs::write(source.join("PG_VERSION"), "15\n").expect("write");
        std::fs::write(source.join("base/1/112"), "table").expect("write");
        let (entry, secrets) = (dir.path().join("cache/postgres-15-x"), Secrets::default());
        store(&entry, &source, &secrets.known("sesame")).await.expect("store");
        (dir, entry, secrets)
    }

    #[tokio::test]
    async fn an_entry_is_copied_with_its_password() {
        let (dir, entry, secrets) = stored().await;
        let to = dir.path().join("to");
        let password = take(&entry, &to, &secrets).await.expect("take").expect("there");
        assert_eq!(password.expose(), "sesame");
        assert_eq!(std::fs::read_to_string(to.join("base/1/112")).expect("read"), "table");
        assert_eq!(secrets.redact("it is sesame"), "it is ***");
    }

    #[tokio::test]
    async fn a_damaged_entry_is_not_used_and_is_gone() {
        let damages: [fn(&Path); 4] = [
            |entry| std::fs::write(entry.join("data/base/1/112"), "tab").expect("write"),
            |entry| std::fs::remove_file(entry.join("data/PG_VERSION")).expect("remove"),
            |entry| std::fs::remove_dir_all(entry.join("data")).expect("remove"),
            |entry| std::fs::write(entry.join(ENTRY), "{").expect("write"),
        ];
        for (number, damage) in damages.iter().enumerate() {
            let (dir, entry, secrets) = stored().await;
            damage(&entry);
            let to = dir.path().join("to");
            assert!(take(&entry, &to, &secrets).await.expect("take").is_none(), "damage {number}");
            assert!(!to.exists() && !entry.exists(), "damage {number}");
        }
    }

    #[tokio::test]
    async fn the_faster_of_two_wins_and_no_draft_is_left() {
        let (dir, entry, secrets) = stored().await;
        store(&entry, &dir.path().join("source"), &secrets.known("other password")).await.expect("second");
        let to = dir.path().join("to");
        assert_eq!(take(&entry, &to, &secrets).await.expect("take").expect("there").expose(), "sesame");
        assert_eq!(dir.path().join("cache").read_dir().expect("read").count(), 1);
    }

    #[tokio::test]
    async fn a_cache_that_cannot_be_written_is_an_error_to_ignore() {
        let (dir, _, secrets) = stored().await;
        std::fs::write(dir.path().join("file"), "").expect("write");
        let entry = dir.path().join("file/cache/entry");
        assert!(store(&entry, &dir.path().join("source"), &secrets.known("x")).await.is_err());
        assert!(take(&entry, &dir.path().join("to"), &secrets).await.expect("no cache is fine").is_none());
    }
}
