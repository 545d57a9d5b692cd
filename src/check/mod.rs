//! Checks: each is one statement about a census, a listing or a timing; one file each, pure. Their outcomes are data.

pub mod age;
pub mod cadence;
pub mod count;
pub mod drift;
pub mod expect;
pub mod fresh;
pub mod indexes;
pub mod integrity;
pub mod matches;
pub mod objectives;
pub mod query;
pub mod restored;
pub mod retention;
pub mod schema;
pub mod size;
pub mod sql;
pub mod validate;

use crate::error::{Blame, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Pass,
    /// It wants attention.
    Warn,
    /// It does not hold: the backup is bad.
    Fail,
    /// It could not be evaluated.
    Error,
    /// It was not evaluated, because an earlier step could not go on.
    Skipped,
}

/// The outcome of one check or one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What was checked, unique in its scenario and stable over time: `count public.users`.
    pub check: String,
    /// How it came out.
    pub status: Status,
    /// What was found, in a sentence fragment.
    pub message: String,
    /// The measured value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// What was expected of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Lines that prove it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// How long it took, in seconds; absent where there was nothing to wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl Outcome {
    /// An outcome with its message; the rest is added by the methods below.
    pub fn new(check: impl Into<String>, status: Status, message: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            status,
            message: message.into(),
            measured: None,
            expected: None,
            hint: None,
            evidence: Vec::new(),
            seconds: None,
        }
    }

    /// A step that could not be finished: `fail` when the backup is to blame, else `error`.
    pub fn from_error(check: impl Into<String>, error: Error) -> Self {
        let status = match error.blame {
            Blame::Backup => Status::Fail,
            Blame::Harness | Blame::Scenario => Status::Error,
        };
        Self { hint: error.hint, evidence: error.evidence, ..Self::new(check, status, error.message) }
    }

    /// Adds the measured and the expected value.
    #[must_use]
    pub fn values(mut self, measured: impl Into<String>, expected: impl Into<String>) -> Self {
        self.measured = Some(measured.into());
        self.expected = Some(expected.into());
        self
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
}

/// A hint that names what is there and sounds like what was asked for.
#[must_use]
pub fn did_you_mean<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> String {
    let likeness = |name: &str| {
        // `users` means `public.users` rather than `schemas`.
        let last = name.rsplit('.').next().unwrap_or(name);
        strsim::jaro_winkler(asked, name).max(strsim::jaro_winkler(asked, last))
    };
    let mut near: Vec<(f64, &str)> = known.map(|name| (likeness(name), name)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by_key(|(_, name)| *name);
    match near.first() {
        None => "Nothing came back that could be meant.".to_owned(),
        Some((_, best)) => {
            let others: Vec<_> = near.iter().skip(1).take(4).map(|(_, name)| format!("`{name}`")).collect();
            let others = if others.is_empty() { String::new() } else { format!(" Also there: {}.", others.join(", ")) };
            format!("Did you mean `{best}`?{others}")
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::census::{Census, Group, Vantage};

    #[test]
    fn a_name_without_its_schema_is_understood_and_nothing_is_named_twice() {
        let known = ["schemas", "public.users", "public.orders", "public.orders"];
        assert_eq!(
            super::did_you_mean("users", known.into_iter()),
            "Did you mean `public.users`? Also there: `schemas`, `public.orders`."
        );
    }

    /// A restored census of these tables, for the tests of the checks.
    pub fn census(tables: &[(&str, u64)]) -> Census {
        let group = |(name, count): &(&str, u64)| Group { name: (*name).into(), count: *count, newest: Vec::new() };
        Census {
            vantage: Vantage::Restored,
            groups_are: "tables".into(),
            counted_in: "rows".into(),
            groups: tables.iter().map(group).collect(),
            inventory: Vec::new(),
            partitions: std::collections::BTreeMap::new(),
        }
    }
}
