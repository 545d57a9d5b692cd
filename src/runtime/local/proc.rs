//! Processes as the system knows them: a number alone says nothing, because it is used again.

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A process that cannot be mistaken for another one: its number with the time it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    terminal: i64,
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
        Some(Self {
            program: program.to_owned(),
            state: field(3)?.chars().next()?,
            terminal: field(7)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
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
        let expected = Stat { program: "a) b (c".into(), state: 'S', terminal: 34816, start: 987_654 };
        assert_eq!(Stat::parse(stat), Some(expected));
        for bad in ["", "1", "1 (x", "1 (x) S 1 2"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let own = Identity::own().expect("/proc");
        assert!(own.lives());
        assert!(!Identity { start: own.start + 1, ..own }.lives());
    }
}
