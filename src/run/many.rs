//! Many scenarios: how many at once, what stops them, and the evidence after each.

use super::record::blank;
use super::redact::redacted;
use super::{RunContext, one};
use crate::check::{Outcome, Status};
use crate::error::Error;
use crate::report::evidence::ScenarioRecord;
use crate::run::event::Event;
use crate::scenario::Scenario;
use crate::secret::Secrets;
use crate::verdict::Verdict;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;

/// How a run goes on.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Scenarios at once, at least one.
    pub jobs: usize,
    /// Whether the first scenario that is not passed keeps the others from starting.
    pub fail_fast: bool,
}

/// Proves scenarios and returns their records, in the order in which they were selected; `after_each` sees all records,
/// each time one more of them is final. Scenarios that a signal or `fail_fast` kept from running are among them, as not verified.
pub async fn prove_all(
    scenarios: Vec<Scenario>,
    cx: Arc<RunContext>,
    policy: Policy,
    mut after_each: impl FnMut(&[ScenarioRecord]),
) -> Vec<ScenarioRecord> {
    let mut records: Vec<ScenarioRecord> = scenarios.iter().map(not_run).collect();
    let mut waiting = scenarios.into_iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut enough = false;
    loop {
        while running.len() < policy.jobs.max(1) && !enough && !cx.stop.is_cancelled() {
            let Some((place, scenario)) = waiting.next() else { break };
            running.push(one_task(place, scenario, cx.clone()));
        }
        let Some((place, record)) = running.next().await else { break };
        enough |= policy.fail_fast && !matches!(record.verdict, Verdict::Pass | Verdict::Warn);
        let _ = cx.events.send(Event::Finished { record: Box::new(record.clone()) });
        records[place] = record;
        after_each(&records);
    }
    records
}

/// One scenario in a task of its own, so that a panic in it ends it and not the run.
async fn one_task(place: usize, scenario: Scenario, cx: Arc<RunContext>) -> (usize, ScenarioRecord) {
    let untouched = not_run(&scenario);
    let _ = cx.events.send(Event::Started { scenario: scenario.name.clone() });
    let secrets = cx.secrets.clone();
    let task = tokio::spawn(async move { one::prove(&scenario, &cx).await });
    let record = match task.await {
        Ok(record) => record,
        Err(panic) => broken(untouched.clone(), &format!("assay itself broke: {panic}")),
    };
    (place, show(&record, untouched, &secrets))
}

/// A record that cannot be redacted is not shown at all.
fn show(record: &ScenarioRecord, untouched: ScenarioRecord, secrets: &Secrets) -> ScenarioRecord {
    redacted(record, secrets)
        .unwrap_or_else(|error| broken(untouched, &format!("its record could not be cleaned of secrets: {error}")))
}

/// The records of scenarios that cannot run, for a reason that is common to all.
#[must_use]
pub fn none_of(scenarios: &[Scenario], error: &Error, secrets: &Secrets) -> Vec<ScenarioRecord> {
    let record = |scenario| {
        let untouched = not_run(scenario);
        let stopped = ScenarioRecord { checks: vec![Outcome::from_error("assay", error.clone())], ..untouched.clone() };
        show(&stopped, untouched, secrets)
    };
    scenarios.iter().map(record).collect()
}

/// A scenario that was selected and did not run is not proven.
fn not_run(scenario: &Scenario) -> ScenarioRecord {
    let outcome = Outcome::new("assay", Status::Skipped, "not run, because the run was stopped before it");
    ScenarioRecord { checks: vec![outcome], ..blank(scenario) }
}

fn broken(untouched: ScenarioRecord, what: &str) -> ScenarioRecord {
    let outcome = Outcome::new("assay", Status::Error, what)
        .hint("This is a fault in assay; please report it with what it wrote to stderr.");
    ScenarioRecord { checks: vec![outcome], ..untouched }
}
