//! `age`: how old the artifact is. Always there, with limits or without.

use crate::check::{Outcome, Status};
use crate::scenario::Limits;
use crate::units::{Span, utc};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Clocks differ by this much without anybody minding.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);
/// Uploads take their time, and some stores tell the time of a copy.
const UPLOADS_TAKE: SignedDuration = SignedDuration::from_hours(24);

/// The times of an artifact.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When the backup was taken.
    pub taken: Timestamp,
    /// Whether that is from its key.
    pub from_key: bool,
    /// When the store took it in.
    pub modified: Timestamp,
}

/// Judges the artifact's age at `now`. A time in the future warns: it is a clock or a time zone, and hides the real age.
#[must_use]
pub fn judge(times: Times, now: Timestamp, limits: Limits<Duration>) -> Outcome {
    let age = now.duration_since(times.taken);
    if age < -CLOCKS_DIFFER {
        return future(times, age.unsigned_abs());
    }
    let age = Duration::try_from(age).unwrap_or_default();
    let over = |limit: Option<Duration>| limit.filter(|limit| age > *limit);
    let (status, limit) = match (over(limits.fail), over(limits.warn)) {
        (Some(limit), _) => (Status::Fail, Some(limit)),
        (None, Some(limit)) => (Status::Warn, Some(limit)),
        (None, None) => (Status::Pass, None),
    };
    let older = limit.map(|limit| format!(", which is more than {}", Span(limit))).unwrap_or_default();
    let message = format!("taken {} ago, at {}{older}{}", Span(age), utc(times.taken), taken_in(times));
    let mut outcome = Outcome::new("age", status, message);
    outcome.measured = Some(Span(age).to_string());
    outcome.expected = expected(limits);
    if status == Status::Pass { outcome } else { outcome.hint("Look whether the job that makes the backups still runs.") }
}

/// For an artifact that was asked for by its key or time: nobody expects it to be young.
#[must_use]
pub fn tell(times: Times, now: Timestamp) -> Outcome {
    let outcome = judge(times, now, Limits::default());
    Outcome { message: format!("{}; asked for, so its age is not judged", outcome.message), ..outcome }
}

fn future(times: Times, ahead: Duration) -> Outcome {
    let message = format!("dated {} in the future, {}{}", Span(ahead), utc(times.taken), taken_in(times));
    let hint = if times.from_key {
        "A time in a key is read as UTC: let the job write UTC (date -u), or name the time zone in the pattern's format."
    } else {
        "The clock of this machine or that of the store is wrong."
    };
    let mut outcome = Outcome::new("age", Status::Warn, message).hint(hint);
    outcome.measured = Some(format!("-{}", Span(ahead)));
    outcome
}

/// What the store says, when that is another story.
fn taken_in(times: Times) -> String {
    let apart = times.modified.duration_since(times.taken);
    if times.from_key && apart.abs() > UPLOADS_TAKE {
        format!(" (by its key; the store took it in at {})", utc(times.modified))
    } else {
        String::new()
    }
}

fn expected(limits: Limits<Duration>) -> Option<String> {
    let parts = [("warn", limits.warn), ("fail", limits.fail)];
    let parts: Vec<_> = parts.iter().filter_map(|(name, limit)| Some(format!("{} ({name})", Span((*limit)?)))).collect();
    (!parts.is_empty()).then(|| format!("at most {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(taken: &str) -> Times {
        let taken = taken.parse().expect(taken);
        Times { taken, from_key: true, modified: taken }
    }

    fn at(taken: &str, warn: Option<u64>, fail: Option<u64>) -> Outcome {
        let hours = |h: Option<u64>| h.map(|h| Duration::from_secs(h * 3600));
        let now = "2026-11-21T12:00:00Z".parse().expect("now");
        judge(times(taken), now, Limits { warn: hours(warn), fail: hours(fail) })
    }

    #[test]
    fn limits_are_kept_up_to_the_second() {
        for (taken, status) in [
            ("2026-11-20T12:00:00Z", Status::Pass),
            ("2026-11-20T11:59:59Z", Status::Warn),
            ("2026-11-19T12:00:00Z", Status::Warn),
            ("2026-11-19T11:59:59Z", Status::Fail),
        ] {
            assert_eq!(at(taken, Some(24), Some(48)).status, status, "{taken}");
        }
        let outcome = at("2026-11-18T12:00:00Z", Some(24), Some(48));
        assert_eq!(outcome.message, "taken 3d ago, at 2026-11-18 12:00:00 UTC, which is more than 2d");
        assert_eq!(
            (outcome.measured.as_deref(), outcome.expected.as_deref()),
            (Some("3d"), Some("at most 1d (warn), 2d (fail)"))
        );
    }

    #[test]
    fn without_limits_the_age_is_told() {
        let outcome = at("2025-11-21T12:00:00Z", None, None);
        assert_eq!((outcome.status, outcome.measured.as_deref(), outcome.expected), (Status::Pass, Some("365d"), None));
    }

    #[test]
    fn the_future_warns_and_speaks_of_time_zones() {
        assert_eq!(at("2026-11-21T12:04:00Z", Some(1), None).status, Status::Pass);
        let outcome = at("2026-11-21T14:00:00Z", Some(1), None);
        assert_eq!(outcome.status, Status::Warn);
        assert!(outcome.message.starts_with("dated 2h in the future"), "{}", outcome.message);
        assert!(outcome.hint.expect("hint").contains("time zone"));
    }

    #[test]
    fn another_story_of_the_store_is_told() {
        let now = "2026-11-21T12:00:00Z".parse().expect("now");
        let copied = Times { modified: "2026-11-21T00:00:00Z".parse().expect("time"), ..times("2026-10-21T00:00:00Z") };
        let message = judge(copied, now, Limits::default()).message;
        assert!(message.ends_with("(by its key; the store took it in at 2026-11-21 00:00:00 UTC)"), "{message}");
        assert!(tell(copied, now).message.ends_with("its age is not judged"));
    }
}
