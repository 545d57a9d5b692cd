//! Child processes: started as the unprivileged user in a process group of their own, ended with it.

use super::proc::Identity;
use super::stall::{self, Watch};
use super::sweep::{self, END_LIMIT, Started};
use super::user::User;
use crate::error::{Error, Result};
use crate::runtime::{Call, Installation};
use rustix::process::{Pid, Signal};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A command for a call of a recipe: the program inside the installation, the user, a minimal environment.
///
/// The group of its own keeps a terminal's Ctrl-C away from it: assay ends it in order.
pub(super) fn command(installation: &Installation, call: &Call, user: &User, room: &Path) -> Command {
    let mut path = installation.bin.clone().into_os_string();
    path.push(":/usr/local/bin:/usr/bin:/bin");
    let mut command = Command::new(installation.program(call.program));
    command.args(&call.args).env_clear().current_dir(room).process_group(0).stdin(Stdio::null());
    // LC_ALL: messages in English, because they are classified by their text.
    command.envs([("LANG", "C.UTF-8"), ("LC_ALL", "C"), ("TZ", "UTC")]).env("PATH", path).env("HOME", room);
    command.envs(call.env.iter().map(|(name, value)| (name, value)));
    command.envs(call.secret_env.iter().map(|(name, value)| (name, value.expose())));
    user.apply(&mut command);
    command
}

fn not_started(program: &Path, e: &std::io::Error) -> Error {
    let error = Error::harness(format!("cannot start {}: {e}", program.display()));
    if e.kind() == std::io::ErrorKind::NotFound { error.hint("Install the package that holds this program.") } else { error }
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    identity: Option<Identity>,
    signal: Signal,
    ended: bool,
}

impl Server {
    /// Starts it, its output going to a log, and writes it down beside the room.
    pub fn start(mut command: Command, room: &Path, log: &File, signal: Signal) -> Result<Self> {
        let program = Path::new(command.get_program()).to_path_buf();
        command.stdout(log.try_clone().map_err(Error::from)?).stderr(log.try_clone().map_err(Error::from)?);
        let child = command.spawn().map_err(|e| not_started(&program, &e))?;
        let identity = i32::try_from(child.id()).ok().and_then(Identity::of);
        let server = Self { child, identity, signal, ended: false };
        if let Some(process) = identity {
            let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            sweep::record(room, &Started { process, program, signal: signal.as_raw() }).map_err(Error::from)?;
        }
        Ok(server)
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        let exit = self.child.try_wait().ok().flatten();
        self.ended |= exit.is_some();
        exit
    }

    /// Whether there is nothing to end any more.
    pub const fn is_over(&self) -> bool {
        self.ended
    }

    /// Lets it run on after this process.
    pub fn release(&mut self) {
        self.ended = true;
    }

    /// Ends it with its group: first as it likes best, after a while by force. Whether force was needed.
    ///
    /// Our own child keeps its number until it is waited for, so no signal can hit anybody else.
    pub fn end(&mut self) -> bool {
        if self.ended || self.exit().is_some() {
            return false;
        }
        let pid = Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, self.signal);
        let gone = self.identity.is_some_and(|identity| identity.wait(END_LIMIT)) || self.exit().is_some();
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        let _ = self.child.wait();
        self.ended = true;
        !gone
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// How many lines of a tool are kept from its beginning, and as many from its end.
const KEPT_LINES: usize = 200;

/// How many bytes of a line are kept: a tool may repeat a whole row.
const KEPT_BYTES: usize = 2000;

/// What a tool said: bounded, however much it was.
#[derive(Debug, Default)]
pub struct Lines {
    first: Vec<String>,
    last: VecDeque<String>,
    total: usize,
    unfinished: Vec<u8>,
}

impl Lines {
    /// Takes in the next bytes, wherever they were cut.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = KEPT_BYTES.saturating_sub(self.unfinished.len());
            self.unfinished.extend(text.iter().take(room));
            if ends {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.unfinished).trim_end().to_owned();
        self.unfinished.clear();
        self.total += 1;
        if self.first.len() < KEPT_LINES {
            self.first.push(line);
            return;
        }
        if self.last.len() == KEPT_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// The kept lines: the first and the last ones.
    #[must_use]
    pub fn into_said(mut self) -> Said {
        if !self.unfinished.is_empty() {
            self.end_line();
        }
        let left_out = self.total - self.first.len() - self.last.len();
        self.first.extend(self.last);
        Said { lines: self.first, left_out }
    }
}

/// A tool's lines, and how many between the first and the last ones were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The lines.
    pub lines: Vec<String>,
    /// How many are missing in the middle.
    pub left_out: usize,
}

/// How a tool ended and what it said.
#[derive(Debug)]
pub struct ToolRun {
    /// Its exit code or the signal that ended it.
    pub exit: ExitStatus,
    /// Its standard error.
    pub stderr: Said,
}

/// What a tool's descendants may hold its standard error open for.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// A running tool: dropping it kills its whole group.
struct Tool {
    child: tokio::process::Child,
    group: Option<Pid>,
}

impl Tool {
    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Tool {
    /// Waits for the whole group, so that nothing of it is left when the caller goes on to remove its folder.
    fn drop(&mut self) {
        let Some(group) = self.group.take() else { return };
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let until = Instant::now() + DRAIN_LIMIT;
        let runs = |child: &mut tokio::process::Child| matches!(child.try_wait(), Ok(None));
        while (runs(&mut self.child) || rustix::process::test_kill_process_group(group).is_ok()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Runs a tool to its end, its standard output discarded. Dropping the future kills it.
///
/// # Errors
/// Harness: it cannot be started or waited for, or it made no progress for the watch's limit and was ended with its whole group.
pub(super) async fn run_tool(mut command: Command, room: &Path, watch: Option<Watch>) -> Result<ToolRun> {
    let program = Path::new(command.get_program()).to_path_buf();
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = tokio::process::Command::from(command).spawn().map_err(|e| not_started(&program, &e))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut tool = Tool { child, group };
    if let Some(process) = group.and_then(|pid| Identity::of(pid.as_raw_nonzero().get())) {
        let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        sweep::record(room, &Started { process, program, signal: Signal::KILL.as_raw() }).map_err(Error::from)?;
    }
    let mut lines = Lines::default();
    let mut stderr = tool.child.stderr.take();
    let exit = until_end(&mut tool.child, &mut stderr, &mut lines, watch.zip(group)).await;
    tool.kill_group();
    if let Some(pipe) = &mut stderr {
        // Cut off only if something that left the group holds the pipe open.
        let _ = tokio::time::timeout(DRAIN_LIMIT, read_lines(pipe, &mut lines)).await;
    }
    let name = || program.file_name().unwrap_or_default().display();
    match exit {
        End::Exit(exit) => Ok(ToolRun { exit, stderr: lines.into_said() }),
        // What it said may hold values of the data, and only a subject can leave them out.
        End::Stalled(error) => Err(error.context(name())),
        End::Lost(e) => Err(Error::from(e).context(format!("cannot wait for {}", program.display()))),
    }
}

/// How the wait for a tool ended.
enum End {
    Exit(ExitStatus),
    Stalled(Error),
    Lost(std::io::Error),
}

async fn until_end(
    child: &mut tokio::process::Child,
    stderr: &mut Option<tokio::process::ChildStderr>,
    lines: &mut Lines,
    watch: Option<(Watch, Pid)>,
) -> End {
    let reading = async {
        if let Some(pipe) = stderr {
            read_lines(pipe, lines).await;
        }
        // Nothing more will come; the end is for the others to tell.
        std::future::pending().await
    };
    let stalled = async {
        match watch {
            Some((watch, group)) => stall::stalled(group.as_raw_nonzero().get(), watch).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        exit = child.wait() => exit.map_or_else(End::Lost, End::Exit),
        error = stalled => End::Stalled(error),
        end = reading => end,
    }
}

async fn read_lines(pipe: &mut (impl AsyncRead + Unpin), lines: &mut Lines) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        lines.push(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let mut lines = Lines::default();
        for i in 0..1000 {
            lines.push(format!("line {i}\n").as_bytes());
        }
        lines.push(&vec![b'x'; 1_000_000]);
        let kept = lines.into_said();
        assert_eq!((kept.lines.len(), kept.left_out), (400, 601));
        assert_eq!(kept.lines.first().map(String::as_str), Some("line 0"));
        assert_eq!(kept.lines.get(200).map(String::as_str), Some("line 801"));
        assert_eq!(kept.lines.last().map(String::len), Some(KEPT_BYTES));
    }

    #[test]
    fn lines_are_the_same_wherever_the_pipe_was_cut() {
        let text = "one\r\ntwo \u{e9}\n\nlast".as_bytes();
        for cut in 0..=text.len() {
            let mut lines = Lines::default();
            lines.push(&text[..cut]);
            lines.push(&text[cut..]);
            assert_eq!(lines.into_said().lines, ["one", "two \u{e9}", "", "last"], "cut at {cut}");
        }
    }
}
