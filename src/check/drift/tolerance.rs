//! How far a count may be off.

use crate::check::Status;
use crate::scenario::{Against, Limits, Tolerance, Tolerances};
use crate::units::Percent;

/// What holds for counts where a check names no tolerance. The last good run is of another day: what is gone matters, what is new
/// does not. The live system goes on while it is looked at, in both directions.
pub fn usual(against: Against) -> Tolerances {
    let shares = |warn, fail| Limits { warn: Some(Tolerance::Share(Percent(warn))), fail: Some(Tolerance::Share(Percent(fail))) };
    match against {
        Against::LastGood => Tolerances { drop: shares(5.0, 20.0), ..Tolerances::default() },
        Against::Live => Tolerances { change: shares(2.0, 10.0), ..Tolerances::default() },
    }
}

/// How a count is judged; none when it keeps to its tolerances.
pub fn status(left: u64, right: u64, tolerances: Tolerances, at_least: u64) -> Option<Status> {
    let (gone, new) = (left.saturating_sub(right), right.saturating_sub(left));
    // Of a group that lost everything nothing is noise.
    let at_least = if right == 0 { 0 } else { at_least };
    worst([(gone, tolerances.drop), (new, tolerances.growth), (gone.max(new), tolerances.change)], left, at_least)
}

/// How lists of names are judged by how many are gone, new and changed.
pub fn of_names(left: u64, gone: u64, new: u64, changed: u64, tolerances: Tolerances) -> Option<Status> {
    worst([(gone, tolerances.drop), (new, tolerances.growth), (gone + new + changed, tolerances.change)], left, 0)
}

fn worst(rules: [(u64, Limits<Tolerance>); 3], of: u64, at_least: u64) -> Option<Status> {
    let over = |limit: fn(&Limits<Tolerance>) -> Option<Tolerance>| {
        rules.iter().any(|(apart, limits)| limit(limits).is_some_and(|limit| exceeds(*apart, of, limit, at_least)))
    };
    if over(|limits| limits.fail) { Some(Status::Fail) } else { over(|limits| limits.warn).then_some(Status::Warn) }
}

#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 members are compared to a part in 10^15")]
fn exceeds(apart: u64, of: u64, limit: Tolerance, at_least: u64) -> bool {
    match limit {
        Tolerance::Number(number) => apart > number,
        Tolerance::Share(_) if apart == 0 || apart < at_least => false,
        // Where there was nothing, everything is new.
        Tolerance::Share(share) if of == 0 => share.0 < 100.0,
        Tolerance::Share(share) => apart as f64 * 100.0 > share.0 * of as f64,
    }
}

/// In percent; of nothing, everything is 100%.
#[expect(clippy::cast_precision_loss, reason = "one decimal of a percentage is shown")]
pub fn share(apart: u64, of: u64) -> f64 {
    match (apart, of) {
        (0, _) => 0.0,
        (_, 0) => 100.0,
        _ => 100.0 * apart as f64 / of as f64,
    }
}

/// What is let pass, in words; none without any limit.
pub fn allowed(tolerances: Tolerances) -> Option<String> {
    let rule = |(limits, word): (Limits<Tolerance>, &str)| {
        let parts = [("warn", limits.warn), ("fail", limits.fail)];
        let parts: Vec<_> = parts.iter().filter_map(|(name, limit)| Some(format!("{} ({name})", (*limit)?))).collect();
        (!parts.is_empty()).then(|| format!("at most {} {word}", parts.join(", ")))
    };
    let rules = [(tolerances.drop, "fewer"), (tolerances.growth, "more"), (tolerances.change, "fewer or more")];
    let rules: Vec<_> = rules.into_iter().filter_map(rule).collect();
    (!rules.is_empty()).then(|| rules.join("; "))
}
