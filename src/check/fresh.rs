//! `fresh`: how old the newest row was when the backup was taken. A backup that runs every night over a database that
//! nobody writes to any more is young and useless.

use super::{Outcome, Status};
use crate::census::Census;
use crate::scenario::FreshCheck;
use crate::units::{Span, utc};
use jiff::{SignedDuration, Timestamp};

/// More than time zones and clocks can be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(26);

/// The name of this check in reports.
#[must_use]
pub fn name(check: &FreshCheck) -> String {
    format!("fresh {}.{}", check.group, check.field)
}

/// Compares the newest time of a field with the time at which the backup was taken.
#[must_use]
pub fn judge(check: &FreshCheck, census: &Census, taken: Timestamp) -> Outcome {
    let name = name(check);
    let expected = format!("at most {} before the backup", Span(check.within));
    let Some(group) = census.group(&check.group) else {
        let hint = super::did_you_mean(&check.group, census.groups.iter().map(|g| g.name.as_str()));
        return Outcome::new(name, Status::Fail, format!("{} did not come back", check.group))
            .values("not there", expected)
            .hint(hint);
    };
    let Some(newest) = group.newest.iter().find(|n| n.field == check.field) else {
        return Outcome::new(name, Status::Error, format!("{} has no time field {}", check.group, check.field))
            .hint("Name a column that holds a date or a time.");
    };
    let Some(time) = newest.time else {
        return Outcome::new(name, Status::Fail, format!("{} holds no time at all", check.field)).values("none", expected);
    };
    let age = taken.duration_since(time);
    let within = SignedDuration::try_from(check.within).unwrap_or(SignedDuration::MAX);
    let shown = Span(age.unsigned_abs());
    let (status, message) = if age > within {
        (Status::Fail, format!("the newest row was {shown} old when the backup was taken"))
    } else if age < -CLOCKS_APART {
        (Status::Warn, format!("a row is dated {shown} after the backup, which hides how old the others are"))
    } else if age.is_negative() {
        (Status::Pass, format!("the newest row is {shown} younger than the backup's time"))
    } else {
        (Status::Pass, format!("the newest row was {shown} old when the backup was taken"))
    };
    Outcome::new(name, status, message).values(utc(time), expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Newest;
    use crate::check::tests::census;
    use std::time::Duration;

    /// Over a table with these time fields and their newest times.
    fn outcome(fields: &[(&str, Option<&str>)]) -> Outcome {
        let mut census = census(&[("public.messages", 3)]);
        for (field, time) in fields {
            let time = time.map(|t| t.parse().expect("time"));
            census.groups[0].newest.push(Newest { field: (*field).into(), time });
        }
        let check = FreshCheck { group: "public.messages".into(), field: "created_at".into(), within: Duration::from_hours(26) };
        judge(&check, &census, "2026-11-21T03:30:00Z".parse().expect("time"))
    }

    #[test]
    fn the_distance_to_the_backup_decides() {
        assert_eq!(outcome(&[("created_at", Some("2026-11-20T01:30:00Z"))]).status, Status::Pass);
        assert_eq!(outcome(&[("created_at", Some("2026-11-20T01:29:59Z"))]).status, Status::Fail);
        assert_eq!(outcome(&[("created_at", Some("2026-11-21T05:00:00Z"))]).status, Status::Pass);
    }

    #[test]
    fn a_row_from_the_future_is_not_freshness() {
        assert_eq!(outcome(&[("created_at", Some("2099-01-01T00:00:00Z"))]).status, Status::Warn);
    }

    #[test]
    fn an_empty_field_fails_and_a_missing_one_is_an_error() {
        assert_eq!(outcome(&[("created_at", None)]).status, Status::Fail);
        assert_eq!(outcome(&[]).status, Status::Error);
    }
}
