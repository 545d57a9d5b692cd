//! The one error type of a scenario's way, and who is to blame for it.
//!
//! A false check is not an error: it is an [`Outcome`](crate::check::Outcome). An [`Error`] means that a step could not
//! be finished, and its [`Blame`] decides whether that speaks against the backup or against us.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who must act on an error. Never guessed twice: each subject has one function that decides it for its tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The stored backup is bad: the verdict is `fail`.
    Backup,
    /// We could not verify it (store, network, disk, server, tool): the verdict is `error`.
    Harness,
    /// The scenario asks for what is not there (a wrong name, a wrong key): the verdict is `error`.
    Scenario,
}

/// A step that could not be finished: what happened, who must act, how to mend it, and the evidence.
///
/// Messages are lowercase fragments without a full stop; hints are sentences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Who must act.
    pub blame: Blame,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Lines that prove it: a tool's stderr, a server's log.
    pub evidence: Vec<String>,
}

/// What the steps of a scenario return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(blame: Blame, message: impl Into<String>) -> Self {
        Self { blame, message: message.into(), hint: None, evidence: Vec::new() }
    }

    /// The backup is bad.
    pub fn backup(message: impl Into<String>) -> Self {
        Self::new(Blame::Backup, message)
    }

    /// It could not be verified.
    pub fn harness(message: impl Into<String>) -> Self {
        Self::new(Blame::Harness, message)
    }

    /// The scenario asks for what cannot be.
    pub fn scenario(message: impl Into<String>) -> Self {
        Self::new(Blame::Scenario, message)
    }

    /// Adds what to do about it: a full sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds lines that prove it.
    #[must_use]
    pub fn evidence<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.evidence.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl std::fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

/// An [`Error`] travels through `std::io` (the readers of [`open`](crate::open)) unchanged; any other I/O error is ours.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Error>() {
            Ok(inner) => inner,
            Err(io) if io.kind() == std::io::ErrorKind::StorageFull => {
                Self::harness("the disk is full").hint("Free some space, or point `scratch.dir` in assay.yaml to a larger disk.")
            }
            Err(io) => Self::harness(io.to_string()),
        }
    }
}

/// The other direction, for code behind a `Read` or `Write`.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}
