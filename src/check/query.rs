//! `query`: a question to a restored `MongoDB`. [`Subject::find`](crate::subject::Subject::find) asks it; this judges.

use super::{Outcome, sql};
use crate::error::Result;
use crate::scenario::QueryCheck;

/// The name of this check in reports.
#[must_use]
pub fn name(check: &QueryCheck) -> String {
    format!("query {}", check.name)
}

/// Judges the answer; one that could not be had, or cannot be compared, is an error and never a pass.
#[must_use]
pub fn judge(check: &QueryCheck, answer: Result<Option<String>>) -> Outcome {
    sql::answered(name(check), &check.expect, answer)
}
