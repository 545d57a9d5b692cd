//! Subjects: what a payload is, how it is restored and how it is measured. One folder each.

pub mod alongside;
pub mod dns_zone;
pub mod mongodb;
pub mod postgres;
pub mod secrets;

use crate::census::Census;
use crate::check::Outcome;
use crate::check::integrity::{Examined, IntegrityCheck};
use crate::check::schema::Shape;
use crate::error::{Error, Result};
use crate::open::arrive::Stream;
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::{LiveSpec, QueryCheck, SqlCheck, SubjectSpec};
use crate::secret::Secrets;
use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The opened artifact.
pub struct Payload {
    /// Its first bytes, at most [`HEAD`].
    pub head: Zeroizing<Vec<u8>>,
    /// All of it.
    pub body: Body,
}

/// All bytes of a payload.
pub enum Body {
    /// In a file in scratch that the instance's user can read.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// On their way from the store, to be read once and to the end, whatever becomes of the restore: only then the artifact was read.
    Stream(Stream),
}

/// How a subject wants its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// As a file: it is read twice, or out of order.
    File,
    /// As it comes, with nothing on the disk.
    Stream,
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

/// A restore, however it ended, and what the same bytes told without a server meanwhile.
#[derive(Debug)]
pub struct Attempt {
    /// What the artifact's own bytes tell.
    pub surveyed: Surveyed,
    /// The restore. An error: it could not be finished.
    pub restored: Result<Restored>,
}

/// What the artifact's own bytes tell, without a server.
#[derive(Debug, Default)]
pub struct Surveyed {
    /// What it holds, where the bytes tell.
    pub census: Option<Census>,
    /// What is wrong with the bytes.
    pub outcomes: Vec<Outcome>,
    /// What no look at these bytes can tell.
    pub not_tested: Vec<String>,
}

/// What the restore left behind: findings, the tool's own words, and where to measure.
#[derive(Debug)]
pub struct Restored {
    /// The databases (or the like) inside the instance.
    pub databases: Vec<String>,
    /// Whether every name begins with that of its database, because the artifact may hold several.
    pub prefixed: bool,
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

/// What the server itself says of one restored group. Never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated {
    /// The group's name.
    pub name: String,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

/// What the checks want measured beyond the plain counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Group and time field, for `fresh`.
    pub newest: Vec<(String, String)>,
    /// Only some groups, and of these only some members; everything when absent.
    pub before: Option<Before>,
}

/// A census of what was there before a time, to compare with a system that has gone on since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Members with a later time do not count, nor do those without a time.
    pub time: Timestamp,
    /// The groups that are counted, each with its time field.
    pub fields: Vec<(String, String)>,
}

impl Wanted {
    /// What of it concerns one of several databases, whose name stands before that of the group.
    #[must_use]
    pub fn within(&self, database: &str) -> Self {
        let inside = |group: &str| group.strip_prefix(database)?.strip_prefix('.').map(str::to_owned);
        let within = |pairs: &[(String, String)]| -> Vec<(String, String)> {
            pairs.iter().filter_map(|(group, field)| Some((inside(group)?, field.clone()))).collect()
        };
        let before = self.before.as_ref().map(|before| Before { fields: within(&before.fields), ..before.clone() });
        Self { newest: within(&self.newest), before }
    }
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

    /// Reads what the payload's first bytes say of it. `size` is absent as long as it is not known.
    ///
    /// # Errors
    /// Backup: it is no such payload; the message says what it is instead. Scenario: it must be opened first.
    fn inspect(&self, head: &[u8], size: Option<u64>) -> Result<Facts>;

    /// Reads what a payload in a file says of it: more than its first bytes do where what tells stands further behind.
    ///
    /// # Errors
    /// As those of [`Subject::inspect`].
    fn inspect_file(&self, _path: &Path, head: &[u8], size: u64) -> Result<Facts> {
        self.inspect(head, Some(size))
    }

    /// How this payload is wanted.
    fn intake(&self, facts: &Facts) -> Intake;

    /// The server that can take this payload; `None` where none is needed.
    fn recipe(&self, facts: &Facts) -> Option<Box<dyn Recipe>>;

    /// Restores the payload, and looks through the same bytes meanwhile. The instance is of the recipe.
    ///
    /// A body that is a stream is read to its end in any case. What the tool merely complained of is in [`Restored::outcomes`].
    async fn restore(&self, payload: Payload, facts: &Facts, instance: Option<&Instance>) -> Attempt;

    /// Counts what is there.
    ///
    /// # Errors
    /// Harness: the server does not answer.
    async fn census(&self, restored: &Restored, instance: Option<&Instance>, wanted: &Wanted) -> Result<Census>;

    /// Answers one read-only question with one value; `None` is SQL's NULL or no row.
    ///
    /// # Errors
    /// Scenario: the query is wrong. Harness: it took too long.
    async fn query(&self, restored: &Restored, instance: Option<&Instance>, query: &SqlCheck) -> Result<Option<String>>;

    /// Answers one question in a subject's own query language with one value; `None`: no value. Only `MongoDB` has one so far.
    ///
    /// # Errors
    /// Scenario: the query is wrong, or nothing here understands it. Harness: it took too long.
    async fn find(&self, _restored: &Restored, _instance: Option<&Instance>, _query: &QueryCheck) -> Result<Option<String>> {
        Err(Error::scenario(format!("{} does not answer `query`", self.kind())))
    }

    /// Lets the server look through everything that was restored.
    ///
    /// # Errors
    /// Scenario: nothing here can. Harness: the server does not answer.
    async fn validate(&self, _restored: &Restored, _instance: Option<&Instance>) -> Result<Vec<Validated>> {
        Err(Error::scenario(format!("{} has no `validate`", self.kind())))
    }

    /// Looks at one aspect of a restored database's inside.
    ///
    /// # Errors
    /// Scenario: this subject has no such aspects. Harness: it could not be looked at, or took too long.
    async fn examine(&self, _restored: &Restored, _instance: Option<&Instance>, _check: &IntegrityCheck) -> Result<Examined> {
        Err(unknown_to(self.kind(), "integrity"))
    }

    /// Reads the shape of a restored database, for [`schema`](crate::check::schema).
    ///
    /// # Errors
    /// Scenario: this subject has no shape. Harness: the server does not answer.
    async fn shape(&self, _restored: &Restored, _instance: Option<&Instance>) -> Result<Shape> {
        Err(unknown_to(self.kind(), "schema"))
    }

    /// The census of the live system behind a payload that was restored.
    ///
    /// # Errors
    /// As those of [`live`].
    async fn live(&self, spec: &LiveSpec, secrets: &Secrets, taken: Timestamp) -> Result<Census> {
        live(spec, secrets, taken).await
    }

    /// What this proof leaves open, for the report.
    fn not_tested(&self, facts: &Facts) -> Vec<String>;

    /// How a person connects to a kept instance.
    fn connect_hint(&self, restored: &Restored, instance: &Instance) -> String;
}

/// A check that looks into a database, asked of what is none.
fn unknown_to(kind: &str, check: &str) -> Error {
    Error::scenario(format!("there is no check `{check}` for `{kind}`")).hint("Leave it out of this scenario.")
}

/// The subject behind a scenario's key. One line per subject.
#[must_use]
pub fn subject(spec: &SubjectSpec) -> Arc<dyn Subject> {
    match spec {
        SubjectSpec::Mongodb(spec) => Arc::new(mongodb::Mongodb::new(spec.clone())),
        SubjectSpec::DnsZone(spec) => Arc::new(dns_zone::DnsZone::new(spec.clone())),
        SubjectSpec::Secrets(spec) => Arc::new(secrets::SecretExport::new(spec.clone())),
        SubjectSpec::Postgres(spec) => Arc::new(postgres::Postgres::new(spec.clone())),
    }
}

/// The census of a live system, which is only read. Fields with a time limit count what was there when the backup was taken. One
/// line per kind.
///
/// # Errors
/// Harness: it cannot be reached or read in time. Scenario: something that the scenario names is not there.
pub async fn live(spec: &LiveSpec, secrets: &Secrets, taken: Timestamp) -> Result<Census> {
    match spec {
        LiveSpec::Mongodb(live) => mongodb::live::census(live, secrets, taken).await,
        LiveSpec::Postgres(live) => postgres::live::census(live, secrets, taken).await,
        LiveSpec::Cloudflare(live) => dns_zone::live::census(live, secrets).await,
        LiveSpec::Doppler(live) => secrets::live::census(live, secrets).await,
    }
}

/// What of the restored side is comparable with a live census. One line per kind.
#[must_use]
pub fn live_limits(spec: &LiveSpec, taken: Timestamp) -> Before {
    match spec {
        LiveSpec::Mongodb(live) => mongodb::live::before(live, taken),
        LiveSpec::Postgres(live) => postgres::live::before(live, taken),
        LiveSpec::Cloudflare(_) | LiveSpec::Doppler(_) => Before { time: taken, fields: Vec::new() },
    }
}

/// The instance that a subject's own recipe asked for.
///
/// # Errors
/// Harness: there is none, which is a mistake in assay.
pub fn needed(instance: Option<&Instance>) -> Result<&Instance> {
    instance.ok_or_else(|| Error::harness("there is no server to restore into; this is a mistake in assay"))
}
