//! A running disposable server, and what may be done with it.

use super::process::{self, Server, ToolRun};
use super::scratch::beside;
use super::stall::Watch;
use super::sweep::{self, KEPT, LOG, PASSWORD};
use super::user::User;
use super::{cache, find};
use crate::error::{Error, Result};
use crate::runtime::{Call, Installation, Isolation, Limits, Place};
use crate::secret::Secret;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running disposable server. It ends with [`Instance::stop`], and also when it is dropped.
#[derive(Debug)]
pub struct Instance {
    pub(super) engine: &'static str,
    pub(super) installation: Installation,
    pub(super) place: Place,
    pub(super) room: PathBuf,
    pub(super) password: Secret,
    pub(super) limits: Limits,
    pub(super) user: User,
    pub(super) no_progress: Duration,
    pub(super) server: Server,
}

/// A server that was left running on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The command that ends it and removes all of it.
    pub remove: String,
}

impl Instance {
    /// The engine's name: `postgres`.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        self.engine
    }

    /// The programs that it was started from.
    #[must_use]
    pub const fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Where it lives.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Its superuser's password, made for this one instance.
    #[must_use]
    pub const fn password(&self) -> &Secret {
        &self.password
    }

    /// What it may use of the machine.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its server's process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// How far it is cut off.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        Isolation {
            listens: self.place.port.map_or_else(|| "unix socket".into(), |port| format!("127.0.0.1:{port}")),
            user: self.user.name().to_owned(),
            network: "not cut off: restored code could open connections as this user".into(),
        }
    }

    /// Runs one of the installation's programs to its end, as the server's user. Dropping the future kills it.
    ///
    /// # Errors
    /// Harness: it cannot be started, or it made no progress for too long and was ended.
    pub async fn run(&self, call: &Call) -> Result<ToolRun> {
        let command = process::command(&self.installation, call, &self.user, &self.room);
        process::run_tool(command, &self.room, Some(self.watch())).await
    }

    /// Hands a file or folder over to the user that its tools run as.
    ///
    /// # Errors
    /// Harness: the system refuses.
    pub fn give(&self, path: &Path) -> Result<()> {
        self.user.give_tree(path).map_err(|e| Error::from(e).context(format!("cannot hand over {}", path.display())))
    }

    /// What its tools are watched against.
    fn watch(&self) -> Watch {
        Watch { server: self.pid(), uid: self.user.uid(), limit: self.no_progress }
    }

    /// The same with something to read: `feed` writes it, in a thread of its own that may block, and is waited for also when the
    /// program has ended before: what it reads is read to the end.
    ///
    /// # Errors
    /// Harness: it cannot be started, or it made no progress for too long and was ended.
    pub async fn run_fed<T, F>(&self, call: &Call, feed: F) -> Result<(ToolRun, T)>
    where
        T: Send + 'static,
        F: FnOnce(ToolInput) -> T + Send + 'static,
    {
        let (reader, writer) = io::pipe().map_err(Error::from)?;
        let mut command = process::command(&self.installation, call, &self.user, &self.room);
        command.stdin(reader);
        let feeding = tokio::task::spawn_blocking(move || feed(ToolInput(Some(writer))));
        let run = process::run_tool(command, &self.room, Some(self.watch())).await?;
        let told = feeding.await.map_err(|e| Error::harness(format!("feeding {} failed: {e}", call.program)))?;
        Ok((run, told))
    }

    /// The version of one of the installation's programs; `None` where it does not tell one.
    pub async fn version_of(&self, program: &str) -> Option<String> {
        find::version(&self.installation.program(program), &self.user).await.map(|(version, _)| version)
    }

    /// The last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self) -> Vec<String> {
        log_tail(&self.room)
    }

    /// The file that will hold the password if the instance is kept.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        beside(&self.room, PASSWORD)
    }

    /// Ends the server and everything that it started.
    ///
    /// # Errors
    /// Harness: it had ended before, or did not end by itself.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(exit) = self.server.exit() {
            return Err(Error::harness(format!("the {} server had ended before it was told to: {exit}", self.engine))
                .evidence(self.log_tail()));
        }
        let engine = self.engine;
        let ending = tokio::task::spawn_blocking(move || self.end());
        let killed = ending.await.map_err(|e| Error::harness(format!("stopping the {engine} server failed: {e}")))?;
        if killed {
            return Err(Error::harness(format!("the {engine} server did not end by itself and was killed")));
        }
        Ok(())
    }

    fn end(&mut self) -> bool {
        let killed = self.server.end();
        // What left its group or lost its parent; after a clean end there is nothing.
        sweep::end_leftovers(&self.room) > 0 || killed
    }

    /// Leaves the server running after this process. Its room is not swept any more.
    ///
    /// # Errors
    /// Harness: the marks that keep it cannot be written; then it ends as if it had been dropped.
    pub fn keep(mut self) -> Result<Kept> {
        let marks = || -> io::Result<()> {
            cache::write_private(&self.password_file(), self.password.expose().as_bytes())?;
            std::fs::write(beside(&self.room, KEPT), "")
        };
        marks().map_err(|e| Error::from(e).context("cannot keep the instance"))?;
        self.server.release();
        let room = self.room.display();
        let pid = self.pid();
        // The folder goes only after the server, which takes its shared memory with it.
        let ended = format!("kill -QUIT {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.1; done");
        Ok(Kept { remove: format!("{ended}; rm -rf '{room}' '{room}'.*") })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if !self.server.is_over() {
            self.end();
        }
    }
}

/// A program's standard input. Writing always works: what comes after the program's end is dropped, and how it ended is told by
/// its [`ToolRun`].
#[derive(Debug)]
pub struct ToolInput(Option<io::PipeWriter>);

impl Write for ToolInput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.as_mut().map(|pipe| pipe.write(bytes)) {
            Some(Err(e)) if e.kind() == ErrorKind::BrokenPipe => self.0 = None,
            Some(written) => return written,
            None => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much of a log is evidence.
const TAIL_LINES: usize = 50;
const TAIL_BYTES: u64 = 64 * 1024;

/// The last lines of a room's server log.
pub(super) fn log_tail(room: &Path) -> Vec<String> {
    let read = || -> io::Result<String> {
        let mut file = std::fs::File::open(beside(room, LOG))?;
        let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(TAIL_LINES)).map(ToString::to_string).collect()
}
