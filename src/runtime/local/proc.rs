//! Processes as the system knows them: a number alone says nothing, because it is used again.

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A process that cannot be mistaken for another one: its number with the time it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its number.
    pub pid: i32,
    /// When it was started, in clock ticks since the machine was: field 22 of `/proc/<pid>/stat`.
    pub start: u64,
}

/// What is read of `/proc/<pid>/stat` (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    program: String,
    state: char,
    parent: i32,
    group: i32,
    terminal: i64,
    cpu: u64,
    start: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The program's name stands in parentheses and may contain some itself, so the last one counts.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(") ")?;
        let (_, program) = before.split_once(" (")?;
        // Field 3 is the first one here.
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = |number: usize| field(number)?.parse::<u64>().ok();
        Some(Self {
            program: program.to_owned(),
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            terminal: field(7)?.parse().ok()?,
            cpu: ticks(14)?.saturating_add(ticks(15)?),
            start: ticks(22)?,
        })
    }
}

impl Identity {
    /// The living process with this number. `None` also where there is no `/proc`.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        Stat::read(pid).map(|stat| Self { pid, start: stat.start })
    }

    /// This process.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(rustix::process::getpid().as_raw_nonzero().get())
    }

    /// Whether it still runs. One that ended and was not waited for does not.
    #[must_use]
    pub fn lives(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.start == self.start && stat.state != 'Z')
    }

    /// Sends it a signal, if it is still the same.
    pub(super) fn signal(&self, signal: Signal) {
        if self.lives()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Waits until it has ended, no longer than `limit`; whether it has.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.lives() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

/// The processes of one user that work inside a folder: an instance's own. A shell that a person left standing there has
/// a terminal and is not among them, unless it is called like one of the instance's `programs`.
pub(super) fn working_in(folder: &Path, uid: u32, programs: &[&str]) -> Vec<Identity> {
    let Ok(entries) = Path::new("/proc").read_dir() else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() == uid))
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| cwd(*pid).is_some_and(|cwd| cwd.starts_with(folder)))
        .filter_map(|pid| Stat::read(pid).map(|stat| (pid, stat)))
        .filter(|(_, stat)| stat.state != 'Z' && (stat.terminal == 0 || programs.contains(&stat.program.as_str())))
        .map(|(pid, stat)| Identity { pid, start: stat.start })
        .collect()
}

/// A process, and what it has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deeds {
    /// Which one.
    pub process: Identity,
    /// The process that it belongs to.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Processor time, in clock ticks (a hundredth of a second everywhere).
    pub cpu: u64,
    /// Bytes read and written by system calls on files and pipes, where the system tells. What goes through a socket's `send` and
    /// `recv` is not counted.
    pub moved: Option<u64>,
    /// It waits for a disk.
    pub waits_for_disk: bool,
}

/// Every living process of a user; none where there is no `/proc`.
pub(super) fn deeds(uid: u32) -> Vec<Deeds> {
    let Ok(entries) = Path::new("/proc").read_dir() else { return Vec::new() };
    let own = entries.flatten().filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() == uid));
    own.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter_map(done_by).collect()
}

fn done_by(pid: i32) -> Option<Deeds> {
    let moved = std::fs::read_to_string(format!("/proc/{pid}/io")).ok().and_then(|text| moved(&text));
    // After the bytes: one that is gone by now is not taken for one that does not tell.
    let Stat { parent, group, cpu, state, start, .. } = Stat::read(pid).filter(|stat| stat.state != 'Z')?;
    Some(Deeds { process: Identity { pid, start }, parent, group, cpu, moved, waits_for_disk: state == 'D' })
}

/// `rchar` and `wchar` of `/proc/<pid>/io` (proc(5)).
fn moved(text: &str) -> Option<u64> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse::<u64>().ok();
    Some(field("rchar:")?.saturating_add(field("wchar:")?))
}

/// Where the numbers that this process sees are valid: `pid:[4026531836]`.
pub(super) fn namespace() -> Option<String> {
    Some(std::fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned())
}

fn cwd(pid: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_whatever_the_program_is_called() {
        let stat = "4242 (a) b (c) S 1 4242 4242 34816 5 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3";
        let expected =
            Stat { program: "a) b (c".into(), state: 'S', parent: 1, group: 4242, terminal: 34816, cpu: 11, start: 987_654 };
        assert_eq!(Stat::parse(stat), Some(expected));
        for bad in ["", "1", "1 (x", "1 (x) S 1 2"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_process_did_is_told() {
        assert_eq!(moved("rchar: 40\nwchar: 2\nsyscr: 7\nsyscw: 8\nread_bytes: 9\n"), Some(42));
        assert_eq!(moved("rchar: 40\n"), None);
        let own = Identity::own().expect("/proc");
        let uid = rustix::process::getuid().as_raw();
        let before = deeds(uid).into_iter().find(|deeds| deeds.process == own).expect("this process");
        std::fs::read("/proc/self/stat").expect("some bytes");
        let after = deeds(uid).into_iter().find(|deeds| deeds.process == own).expect("this process");
        assert!(after.moved > before.moved && after.cpu >= before.cpu, "{before:?} {after:?}");
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let own = Identity::own().expect("/proc");
        assert!(own.lives());
        assert!(!Identity { start: own.start + 1, ..own }.lives());
    }
}
