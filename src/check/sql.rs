//! `sql`: a question to the restored database. [`Subject::query`](crate::subject::Subject::query) asks it; this judges.

use super::expect::Expect;
use super::{Outcome, Status};
use crate::error::Result;
use crate::report::text::counted;
use crate::scenario::SqlCheck;

/// The name of this check in reports.
#[must_use]
pub fn name(check: &SqlCheck) -> String {
    format!("sql {}", check.name)
}

/// Judges the answer; one that could not be had, or cannot be compared, is an error and never a pass.
#[must_use]
pub fn judge(check: &SqlCheck, answer: Result<Option<String>>) -> Outcome {
    answered(name(check), &check.expect, answer)
}

/// The same for any question with one value as its answer.
pub(super) fn answered(name: String, expect: &Expect, answer: Result<Option<String>>) -> Outcome {
    let expected = expect.to_string();
    let answer = match answer {
        Ok(Some(answer)) => answer,
        Ok(None) => return Outcome::new(name, Status::Fail, "the query gave no value").values("NULL", expected),
        Err(error) => return Outcome { expected: Some(expected), ..Outcome::from_error(name, error) },
    };
    let shown = shown(&answer);
    let outcome = match expect.holds(&answer) {
        Some(true) => Outcome::new(name, Status::Pass, format!("the query gave {shown}, as expected")),
        Some(false) => Outcome::new(name, Status::Fail, format!("the query gave {shown}, expected {expected}")),
        None => Outcome::new(name, Status::Error, format!("the query gave {shown}, which is not a number"))
            .hint("Let the query return a number, or expect `matches /.../`."),
    };
    outcome.values(shown, expected)
}

/// Numbers and truth values are shown. Any other text may be somebody's data: its length must do.
fn shown(answer: &str) -> String {
    if answer.parse::<f64>().is_ok() || matches!(answer, "t" | "f" | "true" | "false") {
        return answer.to_owned();
    }
    format!("a text of {}", counted(answer.chars().count(), "character"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::time::Duration;

    fn check() -> SqlCheck {
        SqlCheck {
            database: None,
            name: "orders below zero".into(),
            query: "select 1".into(),
            expect: "= 0".parse().expect("expect"),
            timeout: Duration::from_secs(1),
        }
    }

    fn status(answer: Result<Option<&str>>) -> Status {
        judge(&check(), answer.map(|a| a.map(str::to_owned))).status
    }

    #[test]
    fn a_text_out_of_the_database_is_not_shown() {
        let outcome = judge(&check(), Ok(Some("jane.doe@example.net".into())));
        assert!(!format!("{outcome:?}").contains("jane"), "{outcome:?}");
        assert_eq!(outcome.measured.as_deref(), Some("a text of 20 characters"));
    }

    #[test]
    fn only_the_expected_answer_passes() {
        assert_eq!(status(Ok(Some("0"))), Status::Pass);
        assert_eq!(status(Ok(Some("3"))), Status::Fail);
        assert_eq!(status(Ok(None)), Status::Fail);
        assert_eq!(status(Err(Error::scenario("syntax error"))), Status::Error);
    }
}
