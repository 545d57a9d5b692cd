//! Keeps the record of one scenario while it goes its way: every step timed, bounded and interruptible, every error an
//! outcome, and whatever was not reached skipped with its reason.

use crate::check::{Outcome, Status};
use crate::error::{Error, Result};
use crate::report::evidence::{PhaseRecord, ScenarioRecord};
use crate::run::Phase;
use crate::run::progress::Progress;
use crate::scenario::Scenario;
use crate::verdict::verdict;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A step could not go on; why is in the record already.
#[derive(Debug)]
pub struct Stopped;

/// The record of one scenario, growing.
#[derive(Debug)]
pub struct Recorder {
    /// What is known so far.
    pub record: ScenarioRecord,
    progress: Progress,
    began: Instant,
    time_limit: Duration,
    stop: CancellationToken,
    stopped_at: Option<Phase>,
}

impl Recorder {
    /// Begins a record. `stop` ends the step that is under way; so does the scenario's time limit.
    #[must_use]
    pub fn begin(scenario: &Scenario, progress: Progress, stop: CancellationToken) -> Self {
        Self { record: blank(scenario), progress, began: Instant::now(), time_limit: scenario.timeout, stop, stopped_at: None }
    }

    /// Goes one step. Its error becomes an outcome named after the phase.
    ///
    /// # Errors
    /// [`Stopped`]: the step failed, was interrupted, or the scenario's time ran out.
    pub async fn step<T, F>(&mut self, phase: Phase, total: Option<u64>, work: impl FnOnce(Progress) -> F) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T>>,
    {
        let began = Instant::now();
        let time_left = self.time_limit.saturating_sub(self.began.elapsed());
        let result = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(interrupted()),
            () = tokio::time::sleep(time_left) => Err(out_of_time(self.time_limit)),
            result = work(self.progress.phase(phase, total)) => result,
        };
        self.end(phase, began, result)
    }

    /// Goes a step that neither a signal nor the time limit may end: the teardown.
    ///
    /// # Errors
    /// [`Stopped`]: the step failed.
    pub async fn unstoppable<T>(&mut self, phase: Phase, work: impl Future<Output = Result<T>>) -> Result<T, Stopped> {
        let began = Instant::now();
        let _ = self.progress.phase(phase, None);
        let result = work.await;
        self.end(phase, began, result)
    }

    fn end<T>(&mut self, phase: Phase, began: Instant, result: Result<T>) -> Result<T, Stopped> {
        let seconds = began.elapsed().as_secs_f64();
        let (status, result) = match result {
            Ok(value) => (Status::Pass, Ok(value)),
            Err(error) => {
                tracing::debug!(scenario = self.record.name, %phase, %error, "the step could not be finished");
                let outcome = Outcome { seconds: Some(seconds), ..Outcome::from_error(phase.name(), error) };
                let status = outcome.status;
                self.record.checks.push(outcome);
                self.stopped_at.get_or_insert(phase);
                (status, Err(Stopped))
            }
        };
        self.record.phases.push(PhaseRecord { phase, status, seconds });
        result
    }

    /// Ends the way at a phase, with what came to light before or behind its step.
    #[must_use]
    pub fn stop_at(&mut self, phase: Phase, error: Error) -> Stopped {
        let outcome = Outcome::from_error(phase.name(), error);
        let status = outcome.status;
        self.record.checks.push(outcome);
        self.stop(phase, status)
    }

    /// Ends the way at a phase; why is among the outcomes already.
    #[must_use]
    pub fn stop(&mut self, phase: Phase, status: Status) -> Stopped {
        match self.record.phases.iter_mut().find(|p| p.phase == phase) {
            Some(gone) => gone.status = status,
            None => self.record.phases.push(PhaseRecord { phase, status, seconds: 0.0 }),
        }
        self.stopped_at.get_or_insert(phase);
        Stopped
    }

    /// Adds outcomes.
    pub fn outcome(&mut self, outcome: impl IntoIterator<Item = Outcome>) {
        self.record.checks.extend(outcome);
    }

    /// How long a phase took, in seconds; nothing for one that was not gone.
    #[must_use]
    pub fn seconds(&self, phase: Phase) -> f64 {
        self.record.phases.iter().filter(|p| p.phase == phase).map(|p| p.seconds).sum()
    }

    /// Ends the record: phases and checks that were not reached are skipped with the reason, and the verdict is drawn.
    #[must_use]
    pub fn finish(mut self, planned: &[String]) -> ScenarioRecord {
        let reason = self
            .stopped_at
            .map_or_else(|| "not reached".to_owned(), |phase| format!("skipped, because {phase} could not be finished"));
        for phase in Phase::ALL {
            if !self.record.phases.iter().any(|p| p.phase == phase) {
                self.record.phases.push(PhaseRecord { phase, status: Status::Skipped, seconds: 0.0 });
            }
        }
        self.record.phases.sort_by_key(|p| p.phase);
        for check in planned {
            if !self.record.checks.iter().any(|outcome| outcome.check == *check) {
                self.record.checks.push(Outcome::new(check.clone(), Status::Skipped, reason.clone()));
            }
        }
        self.record.verdict = verdict(&self.record.checks);
        self.record.seconds = self.began.elapsed().as_secs_f64();
        self.record
    }
}

fn interrupted() -> Error {
    Error::harness("stopped by a signal").hint("Run it again.")
}

fn out_of_time(limit: Duration) -> Error {
    Error::harness(format!("the scenario's time limit of {} ran out", crate::units::Span(limit)))
        .hint("Give it more with `timeout:` in the scenario, or `timeouts: { scenario: ... }` in assay.yaml.")
}

/// The record of a scenario that has gone no step yet.
#[must_use]
pub fn blank(scenario: &Scenario) -> ScenarioRecord {
    let kind = crate::subject::subject(&scenario.subject).kind();
    let file = format!("{}:{}", scenario.file.display(), scenario.line);
    ScenarioRecord::new(&scenario.name, kind, &scenario.tags, file)
}
