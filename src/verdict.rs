//! The verdict: a pure function over the outcomes. Nothing checked is never passed; a skipped check is never green.

use crate::check::{Outcome, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a scenario's outcomes come to, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The data would come back.
    Pass,
    /// The data would come back, but something wants attention.
    Warn,
    /// It could not be verified.
    Error,
    /// The backup is bad. Beats `error`: what was seen of the backup is enough.
    Fail,
}

/// How far the proof went. A report never claims more than it reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Not even an artifact.
    Nothing,
    /// An artifact was found in the store.
    Found,
    /// It was read to its end through every layer.
    Opened,
    /// It was restored into a server.
    Restored,
    /// The restored data was measured and checked.
    Checked,
    /// It was compared with another vantage.
    Compared,
}

/// The worst of the outcomes.
#[must_use]
pub fn verdict(outcomes: &[Outcome]) -> Verdict {
    outcomes
        .iter()
        .map(|outcome| match outcome.status {
            Status::Pass => Verdict::Pass,
            Status::Warn => Verdict::Warn,
            Status::Fail => Verdict::Fail,
            // What was skipped was not proven.
            Status::Error | Status::Skipped => Verdict::Error,
        })
        .max()
        .unwrap_or(Verdict::Error)
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fail => "fail",
        })
    }
}

impl std::fmt::Display for Depth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Nothing => "nothing",
            Self::Found => "found",
            Self::Opened => "opened",
            Self::Restored => "restored",
            Self::Checked => "checked",
            Self::Compared => "compared",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statuses: &[Status]) -> Verdict {
        let outcomes: Vec<_> = statuses.iter().map(|s| Outcome::new("x", *s, "")).collect();
        verdict(&outcomes)
    }

    #[test]
    fn the_worst_outcome_decides() {
        assert_eq!(of(&[Status::Pass, Status::Pass]), Verdict::Pass);
        assert_eq!(of(&[Status::Pass, Status::Warn]), Verdict::Warn);
        assert_eq!(of(&[Status::Warn, Status::Error]), Verdict::Error);
        assert_eq!(of(&[Status::Error, Status::Fail]), Verdict::Fail);
    }

    #[test]
    fn nothing_checked_and_skipped_are_never_green() {
        assert_eq!(of(&[]), Verdict::Error);
        assert_eq!(of(&[Status::Pass, Status::Skipped]), Verdict::Error);
    }
}
