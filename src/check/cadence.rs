//! `cadence`: whether a backup was made whenever one was due.

use crate::check::{Outcome, Status};
use crate::units::{Span, utc};
use jiff::Timestamp;
use std::time::Duration;

/// So many holes are named.
const HOLES_TOLD: usize = 5;

/// A time without a backup.
struct Hole {
    from: Timestamp,
    to: Timestamp,
    length: Duration,
}

/// Judges the gaps between the backups, and that from the newest to `now`. A gap is a hole when it is longer than one and
/// a half times the cadence: jobs start late and run for a while, but a whole one left out always shows. `times` ascend;
/// gaps that ended before `since` are past what anybody keeps.
#[must_use]
pub fn judge(times: impl Iterator<Item = Timestamp>, now: Timestamp, cadence: Duration, since: Option<Timestamp>) -> Outcome {
    let allowed = cadence + cadence / 2;
    let (mut holes, mut largest, mut last) = (Vec::new(), Duration::ZERO, None);
    for to in times.chain([now]) {
        if let Some(from) = last.replace(to)
            && since.is_none_or(|since| to > since)
        {
            let length = Duration::try_from(to.duration_since(from)).unwrap_or_default();
            largest = largest.max(length);
            if length > allowed {
                holes.push(Hole { from, to, length });
            }
        }
    }
    let expected = format!("one every {}, gaps up to {}", Span(cadence), Span(allowed));
    outcome(&holes, now, largest).values(Span(largest).to_string(), expected)
}

fn outcome(holes: &[Hole], now: Timestamp, largest: Duration) -> Outcome {
    let Some(last) = holes.last() else {
        return Outcome::new("cadence", Status::Pass, format!("no hole in the series; the largest gap is {}", Span(largest)));
    };
    let message = if last.to == now && holes.len() == 1 {
        format!("the last backup was made {} ago", Span(last.length))
    } else {
        let holes_are = if holes.len() == 1 { "1 hole".to_owned() } else { format!("{} holes", holes.len()) };
        format!("{holes_are} in the series, the latest from {} to {} ({})", utc(last.from), until(last, now), Span(last.length))
    };
    let told = holes.iter().rev().take(HOLES_TOLD).map(|h| format!("{} to {}: {}", utc(h.from), until(h, now), Span(h.length)));
    let more = holes.len().checked_sub(HOLES_TOLD + 1).map(|more| format!("and {} more", more + 1));
    Outcome::new("cadence", Status::Warn, message)
        .evidence(told.chain(more))
        .hint("Look at the log of the job for those times: it did not run, failed, or its backup was removed.")
}

fn until(hole: &Hole, now: Timestamp) -> String {
    if hole.to == now { "now".to_owned() } else { utc(hole.to) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().expect("now")
    }

    /// Backups so many hours before now, from the oldest to the newest.
    fn judged(hours: &[i64], since: Option<i64>) -> Outcome {
        let ago = |h: i64| now().checked_sub(h.hours()).expect("time");
        judge(hours.iter().copied().map(ago), now(), DAY, since.map(ago))
    }

    #[test]
    fn lateness_is_let_pass_and_a_left_out_one_is_not() {
        for (hours, status) in [
            (vec![60, 36, 12], Status::Pass),
            (vec![71, 36], Status::Pass),
            (vec![73, 36], Status::Warn),
            (vec![48, 37], Status::Warn),
            (vec![36], Status::Pass),
        ] {
            assert_eq!(judged(&hours, None).status, status, "{hours:?}");
        }
    }

    #[test]
    fn holes_are_named_with_their_dates_the_latest_first() {
        let outcome = judged(&[240, 144, 120, 60, 36, 12], None);
        let latest = "2026-11-16 12:00:00 UTC to 2026-11-19 00:00:00 UTC";
        assert_eq!(
            outcome.message,
            "2 holes in the series, the latest from 2026-11-16 12:00:00 UTC to 2026-11-19 00:00:00 UTC (2d12h)"
        );
        assert_eq!(outcome.evidence[0], format!("{latest}: 2d12h"));
        assert_eq!(
            (outcome.measured.as_deref(), outcome.expected.as_deref()),
            (Some("4d"), Some("one every 1d, gaps up to 1d12h"))
        );
        assert_eq!(judged(&[60], None).message, "the last backup was made 2d12h ago");
        let many: Vec<i64> = (1..=9).rev().map(|n| n * 48).collect();
        let outcome = judged(&many, None);
        assert_eq!((outcome.evidence.len(), outcome.evidence[5].as_str()), (6, "and 4 more"));
        assert!(outcome.evidence[0].contains("to now: 2d"), "{:?}", outcome.evidence);
    }

    #[test]
    fn holes_before_the_retention_are_past() {
        assert_eq!(judged(&[240, 72, 48, 24], Some(60)).status, Status::Pass);
        assert_eq!(judged(&[240, 72, 48, 24], Some(73)).status, Status::Warn);
    }
}
