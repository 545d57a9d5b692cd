//! `retention`: whether the series reaches back as far as it is promised to.

use crate::check::{Outcome, Status};
use crate::units::{Span, grouped, utc};
use jiff::Timestamp;
use std::time::Duration;

/// How much shorter a series without a cadence may be.
const TOLERANCE: Duration = Duration::from_hours(24);

/// Judges how far back the oldest of `count` backups reaches. It may be short of the retention by one cadence (a day when
/// there is none): the oldest was just removed and the next is not due yet.
#[must_use]
pub fn judge(oldest: Timestamp, count: u64, now: Timestamp, retention: Duration, cadence: Option<Duration>) -> Outcome {
    let reach = Duration::try_from(now.duration_since(oldest)).unwrap_or_default();
    let backups = if count == 1 { "1 backup".to_owned() } else { format!("{} backups", grouped(count)) };
    let series = format!("{backups} back to {} ({})", utc(oldest), Span(reach));
    let enough = reach + cadence.unwrap_or(TOLERANCE) >= retention;
    let outcome = if enough {
        Outcome::new("retention", Status::Pass, series)
    } else {
        Outcome::new("retention", Status::Warn, format!("{series}, which is less than {}", Span(retention)))
            .hint("A new series has to grow; otherwise look what removes backups early: a lifecycle rule, a job, a person.")
    };
    outcome.values(Span(reach).to_string(), format!("at least {}", Span(retention)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(oldest: &str, cadence: Option<u64>) -> Outcome {
        let day = |n: u64| Duration::from_secs(n * 86_400);
        let now = "2026-11-30T00:00:00Z".parse().expect("now");
        judge(oldest.parse().expect(oldest), 12, now, day(14), cadence.map(day))
    }

    #[test]
    fn one_cadence_short_is_enough_and_more_is_not() {
        for (oldest, cadence, status) in [
            ("2026-11-01T00:00:00Z", None, Status::Pass),
            ("2026-11-17T00:00:00Z", None, Status::Pass),
            ("2026-11-17T00:00:01Z", None, Status::Warn),
            ("2026-11-23T00:00:00Z", Some(7), Status::Pass),
            ("2026-11-23T00:00:01Z", Some(7), Status::Warn),
            ("2026-12-01T00:00:00Z", None, Status::Warn),
        ] {
            assert_eq!(judged(oldest, cadence).status, status, "{oldest} {cadence:?}");
        }
        let outcome = judged("2026-11-20T00:00:00Z", None);
        assert_eq!(outcome.message, "12 backups back to 2026-11-20 00:00:00 UTC (10d), which is less than 14d");
    }
}
