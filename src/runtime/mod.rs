//! Runtimes: how disposable servers are started and removed again. A subject's [`Recipe`] says what to start; a runtime
//! knows how. [`local`] starts child processes.

pub mod local;

use crate::error::Result;
use crate::secret::Secret;
use async_trait::async_trait;
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
}

/// A program call, as a recipe describes it: the runtime adds user, environment and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program's name inside the installation.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its environment, beside a minimal one.
    pub env: Vec<(&'static str, OsString)>,
}

/// Where an instance lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The server's data folder.
    pub data: PathBuf,
    /// The folder of its Unix socket.
    pub socket: PathBuf,
}

/// What a subject needs to be started: the declaration, apart from the execution. One per subject.
#[async_trait]
pub trait Recipe: Send + Sync {
    /// The engine's name: it appears in messages, in the cache and in the evidence.
    fn engine(&self) -> &'static str;

    /// The program whose `--version` tells the version; the other programs lie beside it.
    fn server_program(&self) -> &'static str;

    /// Folders where packages put versions of this engine, as globs, besides `PATH`.
    fn usual_places(&self) -> &'static [&'static str];

    /// Chooses among what was found.
    ///
    /// # Errors
    /// Harness: none of them can do it; the message names what is missing and the hint how to get it.
    fn choose<'f>(&self, found: &'f [Installation]) -> Result<&'f Installation>;

    /// The call that makes an empty data folder at `place.data`, with the password in a file. The runtime caches the result.
    fn initialise(&self, place: &Place, password_file: &Path) -> Call;

    /// Writes the server's configuration into the data folder: tuned for restoring, listening on the socket alone.
    ///
    /// # Errors
    /// Harness: the folder cannot be written.
    fn configure(&self, place: &Place) -> Result<()>;

    /// The call that runs the server in the foreground.
    fn server(&self, place: &Place) -> Call;

    /// Waits until the server answers, then replaces the cached password by `password`. The runtime bounds the wait
    /// and notices a server that dies meanwhile.
    ///
    /// # Errors
    /// Harness: it answers, but not as it should.
    async fn ready(&self, place: &Place, cached_password: &Secret, password: &Secret) -> Result<()>;
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
