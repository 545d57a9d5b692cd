//! `count`: how many of something came back.

use super::{Outcome, Status};
use crate::census::Census;
use crate::scenario::CountCheck;
use crate::units::grouped;

/// The name of this check in reports.
#[must_use]
pub fn name(check: &CountCheck) -> String {
    format!("count {}", check.of)
}

/// Compares a count of the census with its bounds. What is not there at all has come back zero times only if the
/// census knows the word; an unknown name fails too, because a table that is not there did not come back.
#[must_use]
pub fn judge(check: &CountCheck, census: &Census) -> Outcome {
    let expected = bounds(check);
    let Some(count) = census.count_of(&check.of) else {
        return Outcome::new(name(check), Status::Fail, format!("{} did not come back", check.of))
            .values("not there", expected)
            .hint(super::did_you_mean(&check.of, census.names()));
    };
    let too_few = check.min.is_some_and(|min| count < min);
    let too_many = check.max.is_some_and(|max| count > max);
    let measured = grouped(count);
    let what = match census.group(&check.of) {
        Some(group) => format!("{measured} {} of {}", census.counted_in, group.name),
        None => format!("{measured} {}", check.of),
    };
    let (status, message) = match (too_few, too_many) {
        (true, _) => (Status::Fail, format!("only {what} came back")),
        (_, true) => (Status::Fail, format!("{what} came back, more than expected")),
        (false, false) => (Status::Pass, format!("{what} came back")),
    };
    Outcome::new(name(check), status, message).values(measured, expected)
}

fn bounds(check: &CountCheck) -> String {
    match (check.min, check.max) {
        (Some(min), Some(max)) => format!("{} to {}", grouped(min), grouped(max)),
        (Some(min), None) => format!("at least {}", grouped(min)),
        (None, Some(max)) => format!("at most {}", grouped(max)),
        (None, None) => "any number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::census;

    fn status(of: &str, min: Option<u64>, max: Option<u64>) -> Status {
        judge(&CountCheck { of: of.into(), min, max }, &census(&[("public.users", 3), ("public.orders", 4)])).status
    }

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(status("public.users", Some(3), Some(3)), Status::Pass);
        assert_eq!(status("public.users", Some(4), None), Status::Fail);
        assert_eq!(status("public.users", None, Some(2)), Status::Fail);
        assert_eq!(status("tables", Some(2), None), Status::Pass);
        assert_eq!(status("rows", Some(8), None), Status::Fail);
    }

    #[test]
    fn a_table_that_is_not_there_fails_and_names_a_near_one() {
        let outcome = judge(&CountCheck { of: "public.user".into(), min: Some(1), max: None }, &census(&[("public.users", 3)]));
        assert_eq!(outcome.status, Status::Fail);
        assert!(outcome.hint.expect("hint").contains("`public.users`"));
    }
}
