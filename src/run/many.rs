//! Many scenarios: how many at once, what stops them, and the evidence after each.

use super::record::blank;
use super::{RunContext, one};
use crate::check::{Outcome, Status};
use crate::report::evidence::{Evidence, FORMAT, RunRecord, ScenarioRecord, Summary};
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
    /// Scenarios at once.
    pub jobs: usize,
    /// Whether the first scenario that is not passed ends the run.
    pub fail_fast: bool,
}

/// Proves scenarios and hands out the evidence after each, in the order in which the scenarios were selected. Scenarios that
/// a signal or `fail_fast` kept from running are in it as not verified.
pub async fn prove_all(
    scenarios: Vec<Scenario>,
    cx: Arc<RunContext>,
    policy: Policy,
    run: RunRecord,
    mut written: impl FnMut(&Evidence),
) -> Evidence {
    let mut records: Vec<ScenarioRecord> = scenarios.iter().map(not_run).collect();
    let mut waiting = scenarios.into_iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut enough = false;
    loop {
        while running.len() < policy.jobs && !enough && !cx.stop.is_cancelled() {
            let Some((place, scenario)) = waiting.next() else { break };
            running.push(one_task(place, scenario, cx.clone()));
        }
        let Some((place, record)) = running.next().await else { break };
        let record = redacted(record, &cx.secrets);
        enough |= policy.fail_fast && !matches!(record.verdict, Verdict::Pass | Verdict::Warn);
        let _ = cx.events.send(Event::Finished { record: Box::new(record.clone()) });
        records[place] = record;
        written(&evidence(&run, &records, false));
    }
    evidence(&run, &records, true)
}

/// One scenario in a task of its own, so that a panic in it ends it and not the run.
async fn one_task(place: usize, scenario: Scenario, cx: Arc<RunContext>) -> (usize, ScenarioRecord) {
    let fallback = not_run(&scenario);
    let _ = cx.events.send(Event::Started { scenario: scenario.name.clone() });
    let task = tokio::spawn(async move { one::prove(&scenario, &cx).await });
    let record = task.await.unwrap_or_else(|panic| ScenarioRecord {
        checks: vec![
            Outcome::new("assay", Status::Error, format!("assay itself broke: {panic}"))
                .hint("This is a fault in assay; please report it with the line that it wrote to stderr."),
        ],
        ..fallback
    });
    (place, record)
}

/// A scenario that was selected and did not run is not proven.
fn not_run(scenario: &Scenario) -> ScenarioRecord {
    let outcome = Outcome::new("assay", Status::Skipped, "not run, because the run was stopped before it");
    ScenarioRecord { checks: vec![outcome], ..blank(scenario, scenario.subject.kind()) }
}

/// The one place where secrets leave the records: every report is made from what this returns.
fn redacted(record: ScenarioRecord, secrets: &Secrets) -> ScenarioRecord {
    let Ok(mut json) = serde_json::to_value(&record) else { return record };
    secrets.redact_json(&mut json);
    serde_json::from_value(json).unwrap_or(record)
}
