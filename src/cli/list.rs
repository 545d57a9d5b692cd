//! `assay list`: the newest artifact of each scenario, from the listing alone; nothing is fetched.

use super::Global;
use super::selection::{SelectionArgs, selected};
use crate::check::{Outcome, Status};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::history::History;
use crate::scenario::Scenario;
use crate::secret::Secrets;
use crate::store;
use crate::store::select::{Selection, Want, find};
use crate::units::{Bytes, Span};
use crate::verdict::{Verdict, verdict};
use clap::Args;
use comfy_table::{Table, presets};
use futures_util::StreamExt;
use jiff::Timestamp;
use std::time::Duration;

/// Options of `assay list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which scenarios
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Listings at once.
const PARALLEL: usize = 8;

/// Shows what a run would take, and what the listings already say against it.
pub async fn list(args: ListArgs, global: &Global, cx: &Context) -> Exit {
    let loaded = match selected(&args.selection, global, cx) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let now = Timestamp::now();
    let history = History::new(&loaded.settings.history);
    let look = |scenario: Scenario| async move { (look(&scenario, &cx.secrets, now).await, scenario) };
    let found: Vec<_> = futures_util::stream::iter(loaded.scenarios).map(look).buffered(PARALLEL).collect().await;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["", "SCENARIO", "NEWEST ARTIFACT", "AGE", "SIZE", "OF", "PROVEN"]);
    let mut findings = String::new();
    let mut worst = Verdict::Pass;
    for (selection, scenario) in found {
        let outcomes = judge(&selection);
        let verdict = verdict(&outcomes);
        worst = worst.max(verdict);
        let proven = proven(&history, &scenario.name, now);
        table.add_row(row(&scenario.name, verdict, selection.as_ref().ok(), proven, now));
        findings.extend(outcomes.iter().filter(|o| o.status != Status::Pass).map(|outcome| finding(&scenario.name, outcome)));
    }
    let printed = cx.print(&format!("{}\n{findings}", table.trim_fmt()));
    match worst {
        Verdict::Pass | Verdict::Warn => printed,
        Verdict::Fail => Exit::BackupFailed,
        Verdict::Error => Exit::Unverified,
    }
}

async fn look(scenario: &Scenario, secrets: &Secrets, now: Timestamp) -> Result<Selection> {
    let store = store::connect(&scenario.artifact.store_spec, secrets).await?;
    find(store.as_ref(), &scenario.artifact, &Want::Newest, now).await
}

fn judge(selection: &Result<Selection>) -> Vec<Outcome> {
    match selection {
        Ok(selection) => selection.outcomes.clone(),
        Err(error) => vec![Outcome::from_error("select", error.clone())],
    }
}

fn row(name: &str, verdict: Verdict, selection: Option<&Selection>, proven: String, now: Timestamp) -> Vec<String> {
    // A listing proves nothing, so nothing passes here.
    let word = if verdict == Verdict::Pass { "ok".to_owned() } else { verdict.to_string().to_uppercase() };
    let mut row = vec![word, name.to_owned()];
    let artifact = selection.and_then(|s| s.artifact.as_ref().map(|artifact| (s, artifact)));
    match artifact {
        None => row.extend(["-"; 4].map(str::to_owned)),
        Some((selection, artifact)) => row.extend([
            artifact.object.key.clone(),
            since(artifact.taken, now),
            Bytes(artifact.object.size).to_string(),
            selection.candidates.to_string(),
        ]),
    }
    row.push(proven);
    row
}

/// How long ago the data came back the last time.
fn proven(history: &History, scenario: &str, now: Timestamp) -> String {
    match history.last_proof(scenario) {
        Ok(found) => found.found.map_or_else(|| "never".to_owned(), |past| format!("{} ago", since(past.started, now))),
        Err(_) => "unknown".to_owned(),
    }
}

fn since(then: Timestamp, now: Timestamp) -> String {
    Span(Duration::try_from(now.duration_since(then)).unwrap_or_default()).to_string()
}

fn finding(scenario: &str, outcome: &Outcome) -> String {
    let hint = outcome.hint.as_ref().map(|hint| format!("  = help: {hint}\n")).unwrap_or_default();
    format!("{scenario}: {}: {}\n{hint}", outcome.check, outcome.message)
}
