//! The evidence: the JSON record of a run. Every other report is made from it.

use crate::census::Census;
use crate::check::{Outcome, Status};
use crate::exit::Exit;
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
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// When this record was written; the run's end when `complete`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub written: Timestamp,
    /// Whether every selected scenario was done.
    pub complete: bool,
    /// The signal that stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<Signal>,
    /// What could not be delivered: a history that cannot be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<String>,
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
    /// How to reach and remove the instance, when it was left running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptRecord>,
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
    #[schemars(with = "String", extend("format" = "date-time"))]
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
    /// Objects that were not chosen although they lie where the series lies; at most 20.
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
    /// Bytes behind all layers, once they were read to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
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

/// An instance that was left running on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptRecord {
    /// The command that connects to the restored data.
    pub connect: String,
    /// The command that ends the server and removes all of it.
    pub remove: String,
}

/// One phase of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRecord {
    /// Which one.
    pub phase: Phase,
    /// How it ended. What speaks against the backup or us is in the scenario's `checks`.
    pub status: Status,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl ScenarioRecord {
    /// The record of a scenario that has gone no step yet: not verified.
    #[must_use]
    pub fn new(name: &str, kind: &str, tags: &[String], file: String) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            tags: tags.to_vec(),
            file,
            verdict: Verdict::Error,
            depth: Depth::Nothing,
            artifact: None,
            payload: None,
            instance: None,
            kept: None,
            phases: Vec::new(),
            checks: Vec::new(),
            censuses: Vec::new(),
            tools: Vec::new(),
            tool_log: Vec::new(),
            rto_seconds: None,
            rpo_seconds: None,
            seconds: 0.0,
            not_tested: Vec::new(),
        }
    }
}

impl Summary {
    /// Counts the verdicts. The exit code is the one of a run that ended by itself, with warnings allowed; whoever knows
    /// better sets it from [`exit`].
    #[must_use]
    pub fn of(records: &[ScenarioRecord]) -> Self {
        let count = |verdict| records.iter().filter(|record| record.verdict == verdict).count();
        let mut summary = Self {
            scenarios: records.len(),
            passed: count(Verdict::Pass),
            warned: count(Verdict::Warn),
            failed: count(Verdict::Fail),
            errors: count(Verdict::Error),
            exit_code: 0,
        };
        summary.exit_code = exit(&summary, false, None).code();
        summary
    }
}

/// How the run ends: a signal that stopped it wins, a bad backup beats one that could not be verified, and a run without a
/// scenario has proven nothing. With `deny_warnings` a warning is as bad as a failure.
#[must_use]
pub fn exit(summary: &Summary, deny_warnings: bool, stopped_by: Option<Signal>) -> Exit {
    match stopped_by {
        Some(Signal::Interrupt) => Exit::Interrupted,
        Some(Signal::Terminate) => Exit::Terminated,
        None if summary.scenarios == 0 => Exit::NothingRan,
        None if summary.failed > 0 || (deny_warnings && summary.warned > 0) => Exit::BackupFailed,
        None if summary.errors > 0 => Exit::Unverified,
        None => Exit::Passed,
    }
}

/// The JSON Schema (draft 2020-12) of the evidence as it is written, generated from these types.
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Evidence>();
    schema.insert("$id".into(), SCHEMA_ID.into());
    schema.insert("title".into(), "Evidence of one run of assay".into());
    schema.to_value()
}

/// What the schema is called: a name, not a place, since it comes with the program.
const SCHEMA_ID: &str = "urn:assay:evidence:1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use serde_json::Value;

    fn summary(passed: usize, warned: usize, failed: usize, errors: usize) -> Summary {
        Summary { scenarios: passed + warned + failed + errors, passed, warned, failed, errors, exit_code: 0 }
    }

    #[test]
    fn verdicts_are_counted() {
        let counted = Summary::of(&sample::evidence().scenarios);
        assert_eq!(counted, Summary { exit_code: 1, ..summary(1, 1, 1, 1) });
        assert_eq!(Summary::of(&[]), Summary { exit_code: 4, ..Summary::default() });
    }

    #[test]
    fn the_exit_follows_from_the_counts() {
        for (counts, deny_warnings, stopped_by, expected) in [
            (summary(2, 0, 0, 0), false, None, Exit::Passed),
            (summary(1, 1, 0, 0), false, None, Exit::Passed),
            (summary(1, 1, 0, 0), true, None, Exit::BackupFailed),
            (summary(1, 0, 1, 0), false, None, Exit::BackupFailed),
            (summary(1, 0, 1, 1), false, None, Exit::BackupFailed),
            (summary(1, 0, 0, 1), false, None, Exit::Unverified),
            (summary(0, 1, 0, 1), true, None, Exit::BackupFailed),
            (summary(0, 0, 0, 0), false, None, Exit::NothingRan),
            (summary(1, 0, 1, 0), false, Some(Signal::Interrupt), Exit::Interrupted),
            (summary(0, 0, 0, 0), false, Some(Signal::Terminate), Exit::Terminated),
        ] {
            assert_eq!(exit(&counts, deny_warnings, stopped_by), expected, "{counts:?} {deny_warnings} {stopped_by:?}");
        }
    }

    #[test]
    fn the_schema_describes_every_property_and_every_value() {
        let schema = schema();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], SCHEMA_ID);
        let mut seen = 0;
        described("", &schema, &mut seen);
        assert!(seen > 70, "only {seen} properties and values were looked at");
    }

    /// Every entry of `properties` and every alternative of an enumeration says what it is.
    fn described(at: &str, schema: &Value, seen: &mut usize) {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let alternatives = schema["oneOf"].as_array().into_iter().flatten().map(|value| (&value["const"], value));
        let named = properties.map(|(name, value)| (name.clone(), value));
        for (name, value) in named.chain(alternatives.map(|(constant, value)| (constant.to_string(), value))) {
            *seen += 1;
            let text = value["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("[`"), "{at}.{name} is not described for readers: {text:?}");
            described(&format!("{at}.{name}"), value, seen);
        }
        for (name, value) in schema["$defs"].as_object().into_iter().flatten() {
            described(name, value, seen);
        }
    }

    #[test]
    fn the_evidence_reads_back_as_it_was() {
        let evidence = sample::evidence();
        let text = serde_json::to_string(&evidence).expect("serialise");
        assert_eq!(serde_json::from_str::<Evidence>(&text).expect("deserialise"), evidence);
    }
}
