//! `rto` and `rpo`: whether a recovery keeps to its objectives, by what this run measured.

use super::{Outcome, Status};
use crate::scenario::Objectives;
use crate::units::Span;
use std::time::Duration;

/// The name of the check on the recovery time.
pub const RTO: &str = "rto";
/// The name of the check on the recovery point.
pub const RPO: &str = "rpo";

/// The recovery point: `age` is what a disaster now would lose. Nothing when no objective is set.
#[must_use]
pub fn rpo(objectives: &Objectives, age: Duration) -> Option<Outcome> {
    let measured = Span(age);
    let outcome = judge(RPO, objectives.rpo?, age, format!("a disaster now would lose {measured}"));
    Some(if outcome.status == Status::Fail {
        outcome.hint("Take backups more often, or look why the last ones are missing.")
    } else {
        outcome
    })
}

/// The recovery time: start and restore. Nothing when no objective is set.
#[must_use]
pub fn rto(objectives: &Objectives, took: Duration) -> Option<Outcome> {
    let measured = Span(took);
    let outcome = judge(RTO, objectives.rto?, took, format!("start and restore took {measured}"));
    Some(if outcome.status == Status::Fail {
        outcome.hint("Restore with more processors, or rethink the objective.")
    } else {
        outcome
    })
}

fn judge(name: &str, objective: Duration, measured: Duration, message: String) -> Outcome {
    let status = if measured > objective { Status::Fail } else { Status::Pass };
    Outcome::new(name, status, message).values(Span(measured).to_string(), format!("at most {}", Span(objective)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objective_itself_is_still_kept() {
        let minute = Duration::from_mins(1);
        let objectives = Objectives { rto: Some(minute), rpo: Some(minute) };
        for check in [rto, rpo] {
            assert_eq!(check(&objectives, minute).expect("set").status, Status::Pass);
            let missed = check(&objectives, minute + Duration::from_millis(1)).expect("set");
            assert_eq!(missed.status, Status::Fail);
            assert!(missed.hint.is_some());
        }
        assert_eq!(rto(&Objectives::default(), minute), None);
        assert_eq!(rpo(&Objectives::default(), minute), None);
    }
}
