//! A run: many scenarios ([`many`]), each of which goes one way ([`one`]).

pub mod event;
pub mod many;
pub mod one;
pub mod progress;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
