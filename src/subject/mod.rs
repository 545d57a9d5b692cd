//! Subjects: what a payload is, how it is restored and how it is measured. One folder each.

pub mod dns_zone;
pub mod postgres;

use crate::census::Census;
use crate::check::Outcome;
use crate::error::Result;
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::{SqlCheck, SubjectSpec};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// The opened artifact, in scratch.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Where it lies. The instance's user can read it.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its first bytes, at most [`HEAD`].
    pub head: Vec<u8>,
}

/// How much of a payload's head is kept for telling what it is.
pub const HEAD: usize = 64 * 1024;

/// What a payload says of itself, for the report and for choosing a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// The format: `custom`, `plain`.
    pub format: String,
    /// What else it says, in the order in which people want to read it: `dumped from`, `database`.
    pub facts: Vec<Fact>,
}

impl Facts {
    /// What it says under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str())
    }
}

/// One thing that a payload says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// What the restore left behind: findings, the tool's own words, and where to measure.
#[derive(Debug)]
pub struct Restored {
    /// The database (or the like) inside the instance.
    pub database: String,
    /// What the restore itself showed: errors, warnings, classified.
    pub outcomes: Vec<Outcome>,
    /// The tools that were used.
    pub tools: Vec<Tool>,
    /// The tool's lines, classified.
    pub log: Vec<LogLine>,
}

/// A tool that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name: `pg_restore`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it was called, without secrets.
    pub call: String,
    /// How it ended.
    pub exit: String,
}

/// One line of a tool, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// What kind of trouble it is: `missing_role`, `disk_full`, `corrupt_archive`.
    pub class: String,
    /// The line.
    pub line: String,
}

/// What the checks want measured beyond the plain counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Group and time field, for `fresh`.
    pub newest: Vec<(String, String)>,
}

/// A kind of payload.
///
/// Required of an implementation: its errors blame the right one (the backup only for what is wrong with the bytes), it
/// ends every tool it started when its future is dropped, and it never shows a value out of the restored data.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Its key in scenario files.
    fn kind(&self) -> &'static str;

    /// Whether these first bytes can be such a payload. Also tells a wrong key from a damaged file.
    fn recognises(&self, head: &[u8]) -> bool;

    /// Reads what the payload says of itself.
    ///
    /// # Errors
    /// Backup: it is no such payload; the message says what it is instead. Scenario: it must be opened first.
    fn inspect(&self, payload: &Payload) -> Result<Facts>;

    /// The server that can take this payload.
    fn recipe(&self, facts: &Facts) -> Box<dyn Recipe>;

    /// Restores the payload.
    ///
    /// # Errors
    /// It could not be finished. What the tool merely complained of is in [`Restored::outcomes`].
    async fn restore(&self, payload: &Payload, facts: &Facts, instance: &Instance) -> Result<Restored>;

    /// Counts what is there.
    ///
    /// # Errors
    /// Harness: the server does not answer.
    async fn census(&self, restored: &Restored, instance: &Instance, wanted: &Wanted) -> Result<Census>;

    /// Answers one read-only question with one value; `None` is SQL's NULL or no row.
    ///
    /// # Errors
    /// Scenario: the query is wrong. Harness: it took too long.
    async fn query(&self, restored: &Restored, instance: &Instance, query: &SqlCheck) -> Result<Option<String>>;

    /// What this proof leaves open, for the report.
    fn not_tested(&self, facts: &Facts) -> Vec<String>;

    /// How a person connects to a kept instance.
    fn connect_hint(&self, restored: &Restored, instance: &Instance) -> String;
}

/// The subject behind a scenario's key. One line per subject.
#[must_use]
pub fn subject(spec: &SubjectSpec) -> Arc<dyn Subject> {
    match spec {
        SubjectSpec::Postgres(spec) => Arc::new(postgres::Postgres::new(spec.clone())),
    }
}
