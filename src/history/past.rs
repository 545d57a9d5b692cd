//! The files of the history.

use crate::census::{Census, Vantage};
use crate::error::{Error, Result};
use crate::report::evidence::{RunRecord, ScenarioRecord};
use crate::verdict::{Depth, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The version of this format. It grows when a field changes its meaning or goes away; new fields are no new version.
pub const FORMAT: &str = "assay.history/1";
/// What every version begins with.
const FAMILY: &str = "assay.history/";
/// Larger files are none of ours.
const LARGEST: u64 = 256 << 20;

/// A file as it is written: the scenario's whole record.
#[derive(Serialize)]
struct Kept<'a> {
    format: &'a str,
    run: &'a str,
    started: Timestamp,
    asked: bool,
    record: &'a ScenarioRecord,
}

/// One earlier run of a scenario: of its record what is compared and told. Everything else in a file is left unread, so that older
/// and newer records are understood.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Past {
    /// The run's id.
    pub run: String,
    /// When the run began.
    pub started: Timestamp,
    /// Whether its artifact was asked for, instead of being the newest.
    pub asked: bool,
    /// What the scenario came to.
    pub record: PastRecord,
}

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PastRecord {
    /// Its verdict.
    pub verdict: Verdict,
    /// How far the proof went.
    pub depth: Depth,
    /// Its artifact, when one was found.
    pub artifact: Option<PastArtifact>,
    /// What was counted.
    #[serde(default)]
    pub censuses: Vec<Census>,
    /// Measured recovery time.
    pub rto_seconds: Option<f64>,
    /// The whole scenario.
    pub seconds: f64,
}

/// The artifact of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastArtifact {
    /// Its key.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// When the backup was taken.
    pub taken: Timestamp,
}

impl Past {
    /// Whether the next run can be compared with it, and whether it is a proof: the data of the newest artifact came back, was
    /// counted and passed, with warnings or without.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let passed = matches!(self.record.verdict, Verdict::Pass | Verdict::Warn);
        passed && !self.asked && self.record.depth >= Depth::Checked && self.restored().is_some()
    }

    /// What was counted after its restore.
    #[must_use]
    pub fn restored(&self) -> Option<&Census> {
        self.record.censuses.iter().find(|census| census.vantage == Vantage::Restored)
    }
}

/// The file of one run. What that run was compared with has a file of its own and is left out.
pub fn to_json(run: &RunRecord, asked: bool, record: &ScenarioRecord) -> Result<String> {
    let mut record = record.clone();
    record.censuses.retain(|census| census.vantage != Vantage::LastGood);
    let kept = Kept { format: FORMAT, run: &run.id, started: run.started, asked, record: &record };
    let json = serde_json::to_string(&kept).map_err(|e| Error::harness(format!("the history cannot be rendered: {e}")))?;
    Ok(json + "\n")
}

/// Reads a file; the error says why it is passed over.
pub fn read(path: &Path) -> Result<Past, String> {
    let cannot = |e: std::io::Error| format!("it cannot be read: {e}");
    let size = fs::metadata(path).map_err(cannot)?.len();
    if size > LARGEST {
        return Err(format!("it is damaged: {}", crate::units::Bytes(size)));
    }
    parse(&fs::read(path).map_err(cannot)?)
}

fn parse(json: &[u8]) -> Result<Past, String> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let head: Head = serde_json::from_slice(json).map_err(|e| damaged(&e))?;
    match head.format.strip_prefix(FAMILY) {
        _ if head.format == FORMAT => serde_json::from_slice(json).map_err(|e| damaged(&e)),
        Some(version) if version.bytes().all(|b| b.is_ascii_digit()) => {
            Err(format!("it is of version {version}, and this assay knows version 1"))
        }
        _ => Err("it is no history of assay's".to_owned()),
    }
}

/// Where, and not what: a message of the parser's may repeat a value.
fn damaged(error: &serde_json::Error) -> String {
    format!("it is damaged at line {}, column {}", error.line(), error.column())
}
