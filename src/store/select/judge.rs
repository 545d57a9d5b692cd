//! What the listing alone shows: the checks on the artifact and its series, and why there is no artifact.

use super::series::Series;
use super::{Artifact, Want};
use crate::check::{Outcome, Status, age, cadence, retention, size};
use crate::units::{grouped, utc};
use jiff::Timestamp;

/// So many names are told when none matches.
const NAMES_TOLD: usize = 3;

pub(super) fn outcomes(series: &Series<'_>) -> Vec<Outcome> {
    let Some(artifact) = &series.best else { return vec![missing(series)] };
    let size = size::judge(artifact.object.size, &sizes_before(series, artifact), &series.rule.size);
    if let Want::At(_) = series.want {
        return vec![age::tell(artifact.times(), series.now), size];
    }
    let mut outcomes = vec![age::judge(artifact.times(), series.now, series.rule.age), size];
    outcomes.extend(newer(series, artifact));
    outcomes.extend(cadence(series));
    outcomes.extend(retention(series));
    outcomes
}

/// The sizes of the last backups before the artifact.
fn sizes_before(series: &Series<'_>, artifact: &Artifact) -> Vec<u64> {
    let end = series.backups.partition_point(|(taken, _)| *taken < artifact.taken.as_second());
    let start = end.saturating_sub(size::PREDECESSORS);
    series.backups[start..end].iter().map(|(_, size)| *size).collect()
}

/// A newer object that is empty or dated in the future: the last run of the job went wrong, and an older backup that is
/// fine must not hide that.
fn newer(series: &Series<'_>, artifact: &Artifact) -> Option<Outcome> {
    let mut newer: Vec<_> = series.unusable.iter().filter(|(other, _)| other.taken > artifact.taken).collect();
    newer.sort_by_key(|(other, _)| std::cmp::Reverse(other.taken));
    let (first, reason) = newer.first()?;
    let message = format!("{} is newer but no backup: {reason}", first.object.key);
    let evidence = newer.iter().map(|(other, reason)| format!("{}: {reason}", other.object.key));
    let hint = if first.object.size == 0 {
        "The last run of the backup job failed: look at its log."
    } else {
        "Look at the clock of the machine that makes the backups, and at the name of the object."
    };
    Some(Outcome::new("newest", Status::Fail, message).evidence(evidence).hint(hint))
}

fn times<'s>(series: &'s Series<'_>) -> impl Iterator<Item = Timestamp> + 's {
    series.backups.iter().filter_map(|(second, _)| Timestamp::from_second(*second).ok())
}

fn cadence(series: &Series<'_>) -> Option<Outcome> {
    let cadence = series.rule.cadence?;
    let since = series.rule.retention.and_then(|retention| series.now.checked_sub(retention).ok());
    Some(cadence::judge(times(series), series.now, cadence, since))
}

fn retention(series: &Series<'_>) -> Option<Outcome> {
    let retention = series.rule.retention?;
    let oldest = times(series).next()?;
    Some(retention::judge(oldest, series.backups.len() as u64, series.now, retention, series.rule.cadence))
}

/// No artifact: nothing there at all, nothing that matches, or nothing that can be used.
fn missing(series: &Series<'_>) -> Outcome {
    let (prefix, pattern, store) = (series.rule.key.prefix(), &series.rule.key, &series.rule.store);
    let fail = |message: String| Outcome::new("artifact", Status::Fail, message);
    if series.seen == 0 {
        return fail(format!("no backup: nothing in the store {store} starts with `{prefix}`"))
            .hint("Check `key` and the store's `prefix`; if both are right, no backup was ever made, or all were removed.");
    }
    if series.matched == 0 {
        let names = series.rejects().names(NAMES_TOLD);
        let none = match series.seen {
            1 => format!("the only object that starts with `{prefix}` does not match"),
            many => format!("none of the {} objects that start with `{prefix}` matches", grouped(many)),
        };
        return fail(format!("no backup: {none} {pattern}"))
            .evidence(names.iter().map(|name| format!("near: {name}")))
            .hint("Compare `key` with these names; `{timestamp}` stands for YYYYMMDD-HHMMSS unless it says otherwise.");
    }
    if let (Want::At(time), Some((oldest, _))) = (series.want, series.backups.first()) {
        let oldest = Timestamp::from_second(*oldest).map(utc).unwrap_or_default();
        let message = format!("no backup of {} or before: the oldest is of {oldest}", utc(*time));
        return Outcome::new("artifact", Status::Error, message).hint("Ask for a later time; `assay list` shows the newest.");
    }
    let reasons = series.unusable.iter().map(|(other, reason)| format!("{}: {reason}", other.object.key));
    let none = match (series.matched, series.unusable.first()) {
        (1, Some((_, reason))) => format!("the only object of the series cannot be used: {reason}"),
        (many, Some((_, reason))) => format!("none of the {} objects of the series can be used: {reason}", grouped(many)),
        (many, None) => format!("none of the {} objects of the series can be used", grouped(many)),
    };
    fail(format!("no backup: {none}")).evidence(reasons).hint("Look at the log of the job that makes them.")
}
