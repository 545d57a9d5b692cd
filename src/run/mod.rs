//! A run: many scenarios ([`many`]), each of which goes one way ([`one`]).

pub mod event;
pub mod many;
pub mod one;
pub mod progress;
pub mod record;
pub mod redact;
pub mod reference;
pub mod sides;
pub mod signals;

use crate::history::History;
use crate::runtime::local::{LocalRuntime, Scratch};
use crate::secret::Secrets;
use crate::store::select::Want;
use event::Event;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// What all scenarios of a run share.
#[derive(Debug)]
pub struct RunContext {
    /// Starts disposable servers.
    pub runtime: LocalRuntime,
    /// The run's folder.
    pub scratch: Scratch,
    /// The most bytes that an opened artifact may take there.
    pub scratch_max: Option<u64>,
    /// What is known of earlier runs.
    pub history: History,
    /// Reads secrets and redacts them.
    pub secrets: Secrets,
    /// Which artifact is asked for.
    pub want: Want,
    /// Whether restored instances are left running.
    pub keep: bool,
    /// Whether the references of `schema` checks are written instead of compared.
    pub write_reference: bool,
    /// Ends what is under way, through its teardown.
    pub stop: CancellationToken,
    /// The time that ages are measured from: the run's beginning.
    pub now: Timestamp,
    /// Who wants to know what happens.
    pub events: UnboundedSender<Event>,
}

/// The steps of a scenario, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Find the artifact in the store's listing.
    Select,
    /// Read it to its end through every layer.
    Open,
    /// Start a disposable server.
    Start,
    /// Restore the payload into it.
    Restore,
    /// Count what is there.
    Measure,
    /// Evaluate the checks.
    Check,
    /// Remove everything again.
    Teardown,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [Self::Select, Self::Open, Self::Start, Self::Restore, Self::Measure, Self::Check, Self::Teardown];

    /// The word for it in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Open => "open",
            Self::Start => "start",
            Self::Restore => "restore",
            Self::Measure => "measure",
            Self::Check => "check",
            Self::Teardown => "teardown",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
