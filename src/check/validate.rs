//! `validate`: what the server says of everything that was restored into it.
//! [`Subject::validate`](crate::subject::Subject::validate) asks; this judges.

use super::{Outcome, Status};
use crate::error::Result;
use crate::report::text::counted;
use crate::subject::Validated;

/// The name of this check in reports.
pub const NAME: &str = "validate";

/// A group with an error fails. A warning warns: it may be older than the backup.
#[must_use]
pub fn judge(answer: Result<Vec<Validated>>) -> Outcome {
    let all = match answer {
        Ok(all) => all,
        Err(error) => return Outcome::from_error(NAME, error),
    };
    let lines = |of: fn(&Validated) -> &Vec<String>| -> Vec<String> {
        all.iter().flat_map(|one| of(one).iter().map(|line| format!("{}: {line}", one.name))).collect()
    };
    let (errors, warnings) = (lines(|one| &one.errors), lines(|one| &one.warnings));
    let bad = all.iter().filter(|one| !one.errors.is_empty()).count();
    let valid = (all.len() - bad).to_string();
    let outcome = match (errors.first(), warnings.first()) {
        (Some(first), _) => Outcome::new(NAME, Status::Fail, format!("{} not valid; {first}", counted(bad, "collection"))),
        (None, Some(first)) => Outcome::new(NAME, Status::Warn, first.clone()),
        (None, None) => {
            Outcome::new(NAME, Status::Pass, format!("the server found nothing wrong in {}", counted(all.len(), "collection")))
        }
    };
    outcome.values(valid, all.len().to_string()).evidence(errors).evidence(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn one(errors: &[&str], warnings: &[&str]) -> Validated {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Validated { name: "shop.users".into(), errors: texts(errors), warnings: texts(warnings) }
    }

    #[test]
    fn errors_fail_and_warnings_warn() {
        for (all, status) in [
            (vec![one(&[], &[])], Status::Pass),
            (vec![one(&[], &["odd"]), one(&[], &[])], Status::Warn),
            (vec![one(&[], &["odd"]), one(&["broken"], &[])], Status::Fail),
        ] {
            assert_eq!(judge(Ok(all)).status, status);
        }
        assert_eq!(judge(Err(Error::harness("gone"))).status, Status::Error);
    }
}
