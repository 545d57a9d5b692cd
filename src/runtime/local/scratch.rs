//! The place where restores happen: one folder per run, in it one room per scenario, gone afterwards.
//!
//! A room belongs to the user that foreign code runs as. Everything that assay itself relies on (who owns the run, which
//! processes were started, the server's log) lies beside the rooms, where that user cannot write.

use super::cache;
use super::proc::{self, Identity};
use super::sweep;
use super::user::User;
use crate::error::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The file that says whose a run's folder is.
pub(super) const OWNER: &str = "owner.json";

/// Whose a run's folder is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The process that made it.
    pub process: Identity,
    /// Where that process's number is valid: a container that shares the disk has numbers of its own.
    pub namespace: String,
    /// Its run.
    pub run: String,
    /// When.
    pub created: Timestamp,
}

/// The folder of one run. Dropping it removes it, except for rooms that are kept.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
    user: User,
    rooms: AtomicUsize,
}

impl Scratch {
    /// Makes the run's folder below `base` (`scratch.dir`), which is made as well.
    ///
    /// # Errors
    /// Harness: it cannot be written, belongs to somebody else, or lies where `user` cannot go.
    pub fn create(base: &Path, run: &str, user: &User) -> Result<Self> {
        let fail = |e: std::io::Error| {
            Error::harness(format!("cannot use the scratch folder {}: {e}", base.display()))
                .hint("Point `scratch.dir` in assay.yaml to a folder that assay may write.")
        };
        open_folder(base, 0o711, true).map_err(fail)?;
        let base = base.canonicalize().map_err(fail)?;
        refuse_foreign(&base)?;
        let dir = base.join(run);
        open_folder(&dir, 0o711, false).map_err(fail)?;
        spread_rooms(&dir);
        let scratch = Self { dir, user: user.clone(), rooms: AtomicUsize::new(0) };
        if let Some(closed) = user.blocked_at(&scratch.dir) {
            return Err(Error::harness(format!(
                "the scratch folder {} is out of reach for the user {}, who runs the servers: {} is closed to others",
                base.display(),
                user.name(),
                closed.display()
            ))
            .hint("Point `scratch.dir` in assay.yaml to a folder that every user can go through, such as /var/tmp/assay."));
        }
        scratch.write_owner(run).map_err(fail)?;
        Ok(scratch)
    }

    fn write_owner(&self, run: &str) -> std::io::Result<()> {
        // Without /proc nobody could tell later whether this process still lives: such a folder is never swept.
        let (Some(process), Some(namespace)) = (Identity::own(), proc::namespace()) else { return Ok(()) };
        let owner = Owner { process, namespace, run: run.to_owned(), created: Timestamp::now() };
        std::fs::write(self.dir.join(OWNER), serde_json::to_vec(&owner)?)
    }

    /// The run's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folder of one scenario: it belongs to the unprivileged user, and nobody else can look into it.
    ///
    /// # Errors
    /// Harness: it cannot be made.
    pub fn room(&self, scenario: &str) -> Result<Room> {
        let number = self.rooms.fetch_add(1, Ordering::Relaxed) + 1;
        // The random end makes ext4 choose another place for each run, see `spread_rooms`.
        let end = cache::random(2).map_err(Error::from)?;
        let path = self.dir.join(format!("{number}-{}-{}", plain_name(scenario), *end));
        let make = || {
            open_folder(&path, 0o700, false)?;
            self.user.give(&path)
        };
        make().map_err(|e| Error::from(e).context(format!("cannot make the folder {}", path.display())))?;
        Ok(Room { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = sweep::remove_run(&self.dir) {
            tracing::warn!(dir = %self.dir.display(), "cannot remove the run's scratch folder: {e}");
        }
    }
}

/// The folder of one scenario. Dropping it removes it, unless its instance is kept.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
}

impl Room {
    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder and what lies beside it, unless its instance is kept.
    ///
    /// # Errors
    /// Harness: something is left.
    pub fn remove(self) -> Result<()> {
        sweep::remove_room(&self.path)
            .map(|_| ())
            .map_err(|e| Error::harness(format!("cannot remove the scratch folder {}: {e}", self.path.display())))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(e) = sweep::remove_room(&self.path) {
            tracing::warn!(room = %self.path.display(), "cannot remove a scenario's scratch folder: {e}");
        }
    }
}

/// A file beside a room: `1-codetalk` + `log` is `1-codetalk.log`.
pub(super) fn beside(room: &Path, what: &str) -> PathBuf {
    let mut name = room.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// Makes a folder with exactly this mode, whatever the umask. One that is there already is fine only if `reuse`.
fn open_folder(path: &Path, mode: u32, reuse: bool) -> std::io::Result<()> {
    if reuse && path.is_dir() {
        return Ok(());
    }
    if reuse && let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        // Two first runs at once.
        Err(e) if reuse && e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(mode)),
    }
}

/// Tells ext4 that the folders in this one have nothing to do with each other (`chattr +T`). Without it a room lies where
/// the one before it was just removed, and ext4 looks at each recently deleted inode before it takes a new one: copying a
/// data folder of a thousand files takes 650 ms instead of 35. Elsewhere it is refused, and nothing is lost.
fn spread_rooms(dir: &Path) {
    let Ok(folder) = std::fs::File::open(dir) else { return };
    if let Ok(flags) = rustix::fs::ioctl_getflags(&folder) {
        let _ = rustix::fs::ioctl_setflags(&folder, flags | rustix::fs::IFlags::TOPDIR);
    }
}

/// Whoever owns the folder above can exchange what lies in it under our hands.
fn refuse_foreign(base: &Path) -> Result<()> {
    let owner = base.metadata().map_err(Error::from)?.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::harness(format!("the scratch folder {} belongs to another user (uid {owner})", base.display()))
        .hint("Point `scratch.dir` in assay.yaml to a folder of one's own."))
}

/// A scenario's name as part of a path: short, because a socket's path may not be long.
fn plain_name(scenario: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    scenario.chars().take(24).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("chmod");
        dir
    }

    #[test]
    fn a_room_is_private_and_gone_with_its_run() {
        let base = base();
        let user = User::choose(None).expect("user");
        let scratch = Scratch::create(&base.path().join("new/scratch"), "run-1", &user).expect("create");
        let room = scratch.room("a/../b \u{e9} with a very long name indeed").expect("room");
        let name = room.path().file_name().and_then(|n| n.to_str()).expect("name");
        assert!(name.starts_with("1-a----b---with-a-very-lon-") && name.len() < 32, "{name}");
        let meta = room.path().metadata().expect("metadata");
        assert_eq!((meta.mode() & 0o7777, meta.uid()), (0o700, user.uid()));
        assert_eq!(scratch.dir().metadata().expect("metadata").mode() & 0o7777, 0o711);
        let run = scratch.dir().to_path_buf();
        drop(scratch);
        assert!(!run.exists());
        assert!(base.path().join("new/scratch").exists());
    }

    #[test]
    fn two_scenarios_of_one_name_have_rooms_of_their_own() {
        let base = base();
        let scratch = Scratch::create(base.path(), "run-1", &User::choose(None).expect("user")).expect("create");
        let (a, b) = (scratch.room("x").expect("a"), scratch.room("x").expect("b"));
        assert_ne!(a.path(), b.path());
        a.remove().expect("remove");
        assert!(b.path().exists());
    }

    #[test]
    fn the_same_run_twice_and_a_file_in_the_way_are_refused() {
        let base = base();
        let user = User::choose(None).expect("user");
        let _first = Scratch::create(base.path(), "run-1", &user).expect("first");
        assert!(Scratch::create(base.path(), "run-1", &user).is_err());
        std::fs::write(base.path().join("file"), "").expect("write");
        let error = Scratch::create(&base.path().join("file"), "run-2", &user).expect_err("a file");
        assert!(error.message.starts_with("cannot use the scratch folder"), "{error}");
    }
}
