//! Removing what is left: of a room, of a run, of runs that were killed. Never anything else.

use super::proc::{self, Identity};
use super::scratch::{OWNER, Owner, beside};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a server may take to end by itself.
pub(super) const END_LIMIT: Duration = Duration::from_secs(5);

/// A process that was killed is gone after this, or the system is in trouble.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// Files beside a room: the processes started for it, its server's log, a kept instance's password, the mark of one.
pub(super) const PIDS: &str = "pids";
pub(super) const LOG: &str = "log";
pub(super) const PASSWORD: &str = "password";
pub(super) const KEPT: &str = "kept";

/// A run that was killed, and what became of its leavings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Its folder.
    pub dir: PathBuf,
    /// Its run.
    pub run: String,
    /// Why something of it is still there.
    pub failure: Option<String>,
}

/// A process that was started for a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Started {
    /// Which one.
    #[serde(flatten)]
    pub process: Identity,
    /// Its program.
    pub program: String,
    /// The number of the signal that ends it cleanly.
    pub signal: i32,
}

/// Writes a started process down, right after its start, so that it can be ended should this process be killed.
pub(super) fn record(room: &Path, started: &Started) -> io::Result<()> {
    let mut line = serde_json::to_vec(started)?;
    line.push(b'\n');
    std::fs::File::options().append(true).create(true).open(beside(room, PIDS))?.write_all(&line)
}

/// Removes what killed runs left below `base`: their servers, then their folders. A run whose process lives, rooms that
/// were kept and folders that no run of this user made are left alone.
#[must_use]
pub fn sweep(base: &Path) -> Vec<Swept> {
    let Ok(entries) = base.read_dir() else { return Vec::new() };
    let dead = entries.flatten().filter_map(|entry| dead_run(&entry.path()).map(|owner| (entry.path(), owner)));
    dead.filter_map(|(dir, owner)| match remove_run(&dir) {
        Ok(false) => None,
        Ok(true) => Some(Swept { dir, run: owner.run, failure: None }),
        Err(e) => Some(Swept { dir, run: owner.run, failure: Some(e.to_string()) }),
    })
    .collect()
}

/// The owner of a run's folder, if it is known to be gone.
fn dead_run(dir: &Path) -> Option<Owner> {
    let own = |path: &Path| path.symlink_metadata().ok().filter(|meta| meta.uid() == rustix::process::geteuid().as_raw());
    let file = dir.join(OWNER);
    let ours = own(dir)?.is_dir() && own(&file)?.is_file();
    let owner: Owner = serde_json::from_slice(&std::fs::read(file).ok().filter(|_| ours)?).ok()?;
    let known = proc::namespace().is_some_and(|here| here == owner.namespace);
    (known && !owner.process.lives()).then_some(owner)
}

/// Removes a run's folder; only its kept rooms stay. Whether anything was removed.
pub(super) fn remove_run(dir: &Path) -> io::Result<bool> {
    let entries = match dir.read_dir() {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let (mut kept, mut removed) = (false, false);
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let gone = remove_room(&entry.path())?;
            kept |= !gone;
            removed |= gone;
        }
    }
    if kept {
        return Ok(removed);
    }
    found(std::fs::remove_dir_all(dir))
}

/// Ends what still runs for a room, and removes it with the files beside it. `false`: it is kept.
pub(super) fn remove_room(room: &Path) -> io::Result<bool> {
    if beside(room, KEPT).exists() && room.exists() {
        return Ok(false);
    }
    end_leftovers(room);
    found(std::fs::remove_dir_all(room))?;
    for what in [PIDS, LOG, PASSWORD, KEPT] {
        found(std::fs::remove_file(beside(room, what)))?;
    }
    Ok(true)
}

/// Ends the processes that were started for a room and what they started themselves. How many had to be killed.
pub(super) fn end_leftovers(room: &Path) -> usize {
    let started = started(room);
    let mut killed = 0;
    for one in started.iter().filter(|one| one.process.lives()) {
        if let Some(signal) = Signal::from_named_raw(one.signal) {
            one.process.signal(signal);
        }
        killed += usize::from(!one.process.wait(END_LIMIT) && kill(&one.process));
    }
    let Ok(owner) = room.symlink_metadata().map(|meta| meta.uid()) else { return killed };
    let programs: Vec<&str> = started.iter().map(|one| one.program.as_str()).collect();
    killed + proc::working_in(room, owner, &programs).iter().filter(|process| kill(process)).count()
}

fn kill(process: &Identity) -> bool {
    process.signal(Signal::KILL);
    process.wait(KILL_LIMIT)
}

fn started(room: &Path) -> Vec<Started> {
    let text = std::fs::read_to_string(beside(room, PIDS)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Whether it was there to be removed; that it was gone already is no error.
fn found(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}
