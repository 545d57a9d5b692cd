//! One run from its first report to its exit code: what `assay run` and `assay demo` share.

use super::run::{Format, RunArgs};
use super::{Global, explain, print};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::console::{Live, Style, Verbosity, summary};
use crate::report::evidence::{Evidence, FORMAT, RunRecord, ScenarioRecord, Signal, Summary, exit};
use crate::report::write::{ReportDir, run_id};
use crate::run::RunContext;
use crate::run::event::Event;
use crate::run::many::{Policy, prove_all};
use crate::run::signals::Signals;
use crate::runtime::local::{LocalRuntime, Scratch};
use crate::scenario::Settings;
use crate::scenario::load::Loaded;
use crate::store::select::Want;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Proves scenarios, writes the reports after each of them, and prints the summary.
///
/// # Errors
/// Harness: the run could not begin (no scratch, no place for the reports).
pub async fn prove_and_report(loaded: Loaded, args: &RunArgs, global: &Global, cx: &Context) -> Result<(Evidence, Exit)> {
    let Loaded { settings, scenarios, .. } = loaded;
    let stop = CancellationToken::new();
    let signals = Signals::watch(stop.clone())?;
    let mut evidence = blank_evidence();
    let out = args.out.as_ref().map_or(settings.reports.clone(), |out| cx.cwd.join(out));
    let mut reports = Reports { dir: ReportDir::create(&out, &evidence.run.id)?, undelivered: None };
    let (events, listener) = unbounded_channel();
    let live = Live::start(listener, verbosity(args, global, cx));
    let context = Arc::new(run_context(&settings, args, cx, stop, &evidence.run, events)?);
    let policy = Policy { jobs: args.jobs.into(), fail_fast: args.fail_fast };
    let mut tell = |records: &[ScenarioRecord], complete| {
        update(&mut evidence, records, complete, args.deny_warnings, signals.first());
        reports.write(&evidence);
    };
    let records = prove_all(scenarios, context, policy, |records| tell(records, false)).await;
    tell(&records, true);
    live.finish().await;
    let exit = show(&evidence, &reports, args, global, cx);
    Ok((evidence, exit))
}

/// The reports of this run, and the first one that could not be written.
struct Reports {
    dir: ReportDir,
    undelivered: Option<Error>,
}

impl Reports {
    fn write(&mut self, evidence: &Evidence) {
        if let Err(error) = self.dir.write(evidence) {
            self.undelivered.get_or_insert(error);
        }
    }
}

/// Prints what stdout is asked for. A report that could not be delivered is never silent and never green.
fn show(evidence: &Evidence, reports: &Reports, args: &RunArgs, global: &Global, cx: &Context) -> Exit {
    match args.format {
        Format::Json => print(&serde_json::to_string_pretty(evidence).unwrap_or_default()),
        Format::Human => {
            let style = Style { colour: cx.colour, width: cx.width, quiet: global.quiet };
            print(&summary(evidence, style, reports.dir.path()));
        }
    }
    let exit = exit(&evidence.summary, args.deny_warnings, evidence.run.stopped_by);
    match &reports.undelivered {
        Some(error) => {
            explain(error);
            if exit == Exit::Passed { Exit::Unverified } else { exit }
        }
        None => exit,
    }
}

fn blank_evidence() -> Evidence {
    let started = Timestamp::now();
    let run = RunRecord {
        id: run_id(started, random()),
        started,
        written: started,
        complete: false,
        stopped_by: None,
        assay: env!("CARGO_PKG_VERSION").to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    Evidence { format: FORMAT.to_owned(), run, summary: Summary::of(&[]), scenarios: Vec::new() }
}

fn update(evidence: &mut Evidence, records: &[ScenarioRecord], complete: bool, deny_warnings: bool, stopped_by: Option<Signal>) {
    evidence.run.written = Timestamp::now();
    evidence.run.complete = complete && stopped_by.is_none();
    evidence.run.stopped_by = stopped_by;
    evidence.scenarios = records.to_vec();
    evidence.summary = Summary::of(records);
    evidence.summary.exit_code = exit(&evidence.summary, deny_warnings, stopped_by).code();
}
