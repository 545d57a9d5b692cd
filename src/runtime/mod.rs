//! Runtimes: how disposable servers are started and removed again. A subject's [`Recipe`] says what to start; a runtime
//! knows how. [`local`] starts child processes.

pub mod local;

use crate::error::Result;
use crate::secret::Secret;
use async_trait::async_trait;
use rustix::process::Signal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The programs of one version of an engine, found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder with the programs.
    pub bin: PathBuf,
    /// The version that the server program tells: `15.18`.
    pub version: String,
    /// Its first number.
    pub major: u32,
    /// Where else its programs may lie: an engine's tools can come in a package of their own.
    pub elsewhere: Vec<PathBuf>,
}

impl Installation {
    /// Where a program of it lies; where it should lie, when it is nowhere.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        let folders = std::iter::once(&self.bin).chain(&self.elsewhere);
        let there = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
        there.unwrap_or_else(|| self.bin.join(name))
    }
}

/// A program call, as a recipe describes it: the runtime adds user, environment and limits.
#[derive(Debug, Clone)]
pub struct Call {
    /// The program's name inside the installation.
    pub program: &'static str,
    /// Its arguments. Never a secret: every user of the machine can read them.
    pub args: Vec<OsString>,
    /// Its environment, beside a minimal one.
    pub env: Vec<(&'static str, OsString)>,
    /// The part of its environment that must not be shown.
    pub secret_env: Vec<(&'static str, Secret)>,
}

impl Call {
    /// A call without arguments and environment of its own.
    #[must_use]
    pub const fn new(program: &'static str) -> Self {
        Self { program, args: Vec::new(), env: Vec::new(), secret_env: Vec::new() }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Adds an environment variable that must not be shown.
    #[must_use]
    pub fn secret_env(mut self, name: &'static str, value: &Secret) -> Self {
        self.secret_env.push((name, value.clone()));
        self
    }
}

/// The program and its arguments, as the evidence shows a call.
impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", arg.display()))
    }
}

/// Where an instance lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The server's data folder.
    pub data: PathBuf,
    /// The folder of its Unix socket.
    pub socket: PathBuf,
    /// The port on 127.0.0.1 of a server that cannot listen on a socket alone.
    pub port: Option<u16>,
}

/// What one instance may use of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Processors.
    pub cpus: usize,
    /// Bytes of memory.
    pub memory: u64,
}

/// What a subject needs to be started: the declaration, apart from the execution. One per subject.
#[async_trait]
pub trait Recipe: Send + Sync {
    /// The engine's name: it appears in messages, in the cache and in the evidence.
    fn engine(&self) -> &'static str;

    /// The program whose `--version` tells the version; the other programs lie beside it.
    fn server_program(&self) -> &'static str;

    /// Tools that must be there too, but need not lie beside the server: they come in a package of their own.
    fn tools(&self) -> &'static [&'static str] {
        &[]
    }

    /// Folders where packages put versions of this engine, as globs, besides `PATH`.
    fn usual_places(&self) -> &'static [&'static str];

    /// Chooses among what was found.
    ///
    /// # Errors
    /// Harness: none of them can do it; the message names what is missing and the hint how to get it.
    fn choose<'f>(&self, found: &'f [Installation]) -> Result<&'f Installation>;

    /// The calls that make an empty data folder at `place.data`, with the password in a file: the first that works is
    /// enough. The runtime caches the result. None: the server fills an empty folder by itself.
    fn initialise(&self, place: &Place, password_file: &Path) -> Vec<Call>;

    /// Writes the server's configuration into the data folder: tuned for restoring, listening on the socket alone.
    ///
    /// # Errors
    /// Harness: the folder cannot be written.
    fn configure(&self, place: &Place, limits: &Limits) -> Result<()>;

    /// The call that runs the server in the foreground.
    fn server(&self, place: &Place) -> Call;

    /// The name of the server's socket inside `place.socket`. The whole path must fit into what the system allows.
    fn socket_name(&self) -> &'static str;

    /// The signal that makes the server end at once, its shared memory removed.
    fn stop_signal(&self) -> Signal;

    /// Waits until the server answers, then replaces the cached password by `password`. The runtime bounds the wait
    /// and notices a server that dies meanwhile.
    ///
    /// # Errors
    /// Harness: it answers, but not as it should.
    async fn ready(&self, place: &Place, cached_password: &Secret, password: &Secret) -> Result<()>;

    /// The version that a server tells which was started by a configured command line; `None` where it tells none.
    ///
    /// # Errors
    /// Harness: a server of this version cannot do it.
    async fn told_version(&self, _place: &Place) -> Result<Option<String>> {
        Ok(None)
    }
}

/// How far an instance is cut off, as it was reached and not as it was wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Isolation {
    /// What the server listens on: `unix socket`.
    pub listens: String,
    /// The user that server and tools run as.
    pub user: String,
    /// Whether restored code could reach the network.
    pub network: String,
}
