//! `size`: whether the artifact is as large as its predecessors let expect.

use crate::check::{Outcome, Status};
use crate::scenario::{Limits, SizeRule};
use crate::units::{Bytes, Percent};

/// How many predecessors the median is of.
pub const PREDECESSORS: usize = 10;
/// Without a rule for `drop`, a drop by more than half warns ...
const DEFAULT_DROP: Percent = Percent(50.0);
/// ... when at least so many predecessors are known.
const ENOUGH_PREDECESSORS: usize = 3;

/// Judges the stored size, in bytes, beside those of the backups before it, at most [`PREDECESSORS`] of them.
#[must_use]
pub fn judge(size: u64, before: &[u64], rule: &SizeRule) -> Outcome {
    let mut outcome = verdict(size, before, rule);
    outcome.measured = Some(Bytes(size).to_string());
    outcome.expected = rule.min.map(|min| format!("at least {}", Bytes(min)));
    outcome
}

fn verdict(size: u64, before: &[u64], rule: &SizeRule) -> Outcome {
    let outcome = |status, message: String| Outcome::new("size", status, message);
    let job = "Look at the log of the job that made it: it may have failed half-way.";
    if size == 0 {
        return outcome(Status::Fail, "it is empty".to_owned()).hint(job);
    }
    if let Some(min) = rule.min.filter(|min| size < *min) {
        return outcome(Status::Fail, format!("{} is less than {}", Bytes(size), Bytes(min))).hint(job);
    }
    let Some(median) = median(before) else {
        return outcome(Status::Pass, format!("{}; nothing before it to compare with", Bytes(size)));
    };
    let against = format!("the median of the {} before it, {}", before.len(), Bytes(median));
    let drop = drop(size, median);
    let limits = limits(rule, before.len());
    let over = |limit: Option<Percent>| limit.filter(|limit| drop > *limit);
    let (status, limit) = match (over(limits.fail), over(limits.warn)) {
        (Some(limit), _) => (Status::Fail, limit),
        (None, Some(limit)) => (Status::Warn, limit),
        (None, None) => return outcome(Status::Pass, format!("{}; {against}", Bytes(size))),
    };
    let message = format!("{} is {drop} below {against}, and {limit} is the most that is let pass", Bytes(size));
    outcome(status, message)
        .hint("See what is missing; if it shrank for a good reason, widen `size.drop` or wait until the median follows.")
}

fn limits(rule: &SizeRule, known: usize) -> Limits<Percent> {
    let asked = rule.drop.warn.is_some() || rule.drop.fail.is_some();
    if asked || known < ENOUGH_PREDECESSORS { rule.drop } else { Limits { warn: Some(DEFAULT_DROP), fail: None } }
}

/// How much smaller it is; nothing when it grew.
#[expect(clippy::cast_precision_loss, reason = "one decimal of a percentage is shown")]
fn drop(size: u64, median: u64) -> Percent {
    Percent(if size >= median { 0.0 } else { 100.0 * (median - size) as f64 / median as f64 })
}

/// The middle one, or the mean of the two middle ones.
fn median(sizes: &[u64]) -> Option<u64> {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len().is_multiple_of(2) { Some(sorted.get(middle - 1)?.midpoint(upper)) } else { Some(upper) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(min: Option<u64>, warn: Option<f64>, fail: Option<f64>) -> SizeRule {
        SizeRule { min, drop: Limits { warn: warn.map(Percent), fail: fail.map(Percent) } }
    }

    #[test]
    fn every_rule_draws_its_line() {
        let (none, min) = (rule(None, None, None), rule(Some(100), None, None));
        let drop = rule(None, Some(10.0), Some(20.0));
        for (size, before, rule, status) in [
            (0, vec![], none, Status::Fail),
            (1, vec![], none, Status::Pass),
            (99, vec![], min, Status::Fail),
            (100, vec![], min, Status::Pass),
            (90, vec![100], drop, Status::Pass),
            (89, vec![100], drop, Status::Warn),
            (79, vec![100], drop, Status::Fail),
            (900, vec![100], drop, Status::Pass),
            (1, vec![100, 100], none, Status::Pass),
            (50, vec![100, 100, 100], none, Status::Pass),
            (49, vec![100, 100, 100], none, Status::Warn),
            (49, vec![100, 100, 100], rule(None, None, Some(60.0)), Status::Pass),
        ] {
            assert_eq!(judge(size, &before, &rule).status, status, "{size} after {before:?} with {rule:?}");
        }
    }

    #[test]
    fn one_odd_predecessor_does_not_move_the_median() {
        assert_eq!(median(&[5, 1_000_000, 7]), Some(7));
        assert_eq!(median(&[4, 8]), Some(6));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[u64::MAX, u64::MAX]), Some(u64::MAX));
    }

    #[test]
    fn the_words_name_the_numbers() {
        let outcome = judge(512, &[2048, 2048, 2048], &rule(Some(100), None, Some(50.0)));
        let expected = "512 B is 75% below the median of the 3 before it, 2 KiB, and 50% is the most that is let pass";
        assert_eq!(outcome.message, expected);
        assert_eq!((outcome.measured.as_deref(), outcome.expected.as_deref()), (Some("512 B"), Some("at least 100 B")));
    }
}
