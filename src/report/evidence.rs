//! The evidence: the JSON record of a run. Every other report is made from it.

use crate::census::Census;
use crate::check::{Outcome, Status};
use crate::run::Phase;
use crate::runtime::Isolation;
use crate::subject::{Fact, LogLine, Tool};
use crate::verdict::{Depth, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this format. It grows when a field changes its meaning or goes away.
pub const FORMAT: &str = "assay.evidence/1";

/// The record of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The format and its version: `assay.evidence/1`.
    pub format: String,
    /// The run itself.
    pub run: RunRecord,
    /// What the scenarios came to.
    pub summary: Summary,
    /// Every scenario, in the order in which they were selected.
    pub scenarios: Vec<ScenarioRecord>,
}

/// When, where and by what a run was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// Unique, and sorts by time: `20261121-063000-3f9a`.
    pub id: String,
    /// When it began.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When this record was written; the run's end when `complete`.
    #[schemars(with = "String")]
    pub written: Timestamp,
    /// Whether every selected scenario was done.
    pub complete: bool,
    /// The signal that stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<Signal>,
    /// The version of assay.
    pub assay: String,
    /// The machine's name.
    pub host: String,
}

/// A signal that ends a run early, after teardown and with the reports of what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Signal {
    /// Ctrl-C.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// What `kill`, systemd and Kubernetes send.
    #[serde(rename = "SIGTERM")]
    Terminate,
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// How many scenarios came to what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Scenarios that were selected.
    pub scenarios: usize,
    /// Passed without a warning.
    pub passed: usize,
    /// Passed with warnings.
    pub warned: usize,
    /// Backups that are bad.
    pub failed: usize,
    /// Could not be verified, scenarios that never ran among them.
    pub errors: usize,
    /// The exit code that this comes to.
    pub exit_code: u8,
}

/// Everything that is known of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// The subject's key: `postgres`.
    pub kind: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it is written: `scenarios/codetalk.yaml:1`.
    pub file: String,
    /// What it came to.
    pub verdict: Verdict,
    /// How far the proof went.
    pub depth: Depth,
    /// The artifact that was chosen, and those that were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactRecord>,
    /// What the opened artifact says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<PayloadRecord>,
    /// The server it was restored into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceRecord>,
    /// Every phase, in order; those that were not reached are skipped.
    pub phases: Vec<PhaseRecord>,
    /// Every check, asked for or not.
    pub checks: Vec<Outcome>,
    /// What was counted, per vantage.
    pub censuses: Vec<Census>,
    /// The tools that took part.
    pub tools: Vec<Tool>,
    /// What the tools complained of.
    pub tool_log: Vec<LogLine>,
    /// Measured recovery time: start and restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_seconds: Option<f64>,
    /// Measured recovery point: the artifact's age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_seconds: Option<f64>,
    /// The whole scenario.
    pub seconds: f64,
    /// What this proof leaves open.
    pub not_tested: Vec<String>,
}

/// The artifact's identity and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactRecord {
    /// The store's place: `s3://bucket/prefix`.
    pub store: String,
    /// Its key.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// When the backup was taken.
    #[schemars(with = "String")]
    pub taken: Timestamp,
    /// How that is known: `key` or `last_modified`.
    pub taken_from: String,
    /// The store's own mark of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// SHA-256 of the stored bytes, once they were read to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// How many objects of the series the listing showed.
    pub candidates: u64,
    /// Whether the listing went over the whole series, or only over its newest part.
    pub whole_series: bool,
    /// Objects that were not chosen although they lie where the series lies; at most [`MOST_REJECTED`].
    pub rejected: Vec<Rejected>,
}

/// How many rejected objects a record names.
pub const MOST_REJECTED: usize = 20;

/// An object that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// What the opened artifact is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PayloadRecord {
    /// The layers that were opened, outermost first.
    pub layers: Vec<String>,
    /// Bytes behind all layers.
    pub size: u64,
    /// The format: `custom`, `plain`.
    pub format: String,
    /// What it says of itself.
    pub facts: Vec<Fact>,
}

/// The server that it was restored into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceRecord {
    /// `local`.
    pub runtime: String,
    /// `postgres`.
    pub engine: String,
    /// The server's version.
    pub version: String,
    /// How far it was cut off.
    pub isolation: Isolation,
}

/// One phase of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRecord {
    /// Which one.
    pub phase: Phase,
    /// How it ended. What speaks against the backup or us is in [`ScenarioRecord::checks`].
    pub status: Status,
    /// How long it took, in seconds.
    pub seconds: f64,
}
