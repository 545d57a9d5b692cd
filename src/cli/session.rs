//! One run from its first report to its exit code: what `assay run` and `assay demo` share.

use super::Global;
use super::run::{Format, RunArgs};
use super::say::print_as_it_is;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::History;
use crate::report::console::{Live, Style, Verbosity, summary};
use crate::report::evidence::{Evidence, FORMAT, RunRecord, ScenarioRecord, Signal, Summary, exit};
use crate::report::write::{ReportDir, run_id};
use crate::run::RunContext;
use crate::run::event::Event;
use crate::run::many::{Policy, none_of, prove_all};
use crate::run::signals::Signals;
use crate::runtime::local::{LocalRuntime, Scratch, sweep};
use crate::scenario::Settings;
use crate::scenario::load::Loaded;
use crate::store::select::Want;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Proves scenarios, writes the reports after each of them, and prints the summary.
///
/// # Errors
/// Harness: there is no place for the reports.
pub async fn prove_and_report(loaded: Loaded, args: &RunArgs, global: &Global, cx: &Context) -> Result<(Evidence, Exit)> {
    let Loaded { settings, scenarios } = loaded;
    let stop = CancellationToken::new();
    let signals = Signals::watch(stop.clone())?;
    let mut evidence = blank_evidence()?;
    let out = args.out.as_ref().map_or_else(|| settings.reports.clone(), |out| cx.cwd.join(out));
    let mut reports = Reports { dir: ReportDir::create(&out, &evidence.run.id)?, undelivered: None };
    let mut keeper = Keeper::new(&settings, args);
    let (events, happened) = unbounded_channel();
    let live = show_live(happened, args, global, cx);
    let context = run_context(&settings, args, cx, stop, &evidence.run, events);
    let policy = Policy { jobs: args.jobs.into(), fail_fast: args.fail_fast };
    let mut tell = |records: &[ScenarioRecord], complete| {
        keeper.keep(&mut evidence.run, records, complete, cx);
        update(&mut evidence, records, complete, args.deny_warnings, signals.first());
        reports.write(&evidence);
    };
    let records = match context {
        Ok(context) => prove_all(scenarios, Arc::new(context), policy, |records| tell(records, false)).await,
        // The reports must not go on showing the run before.
        Err(error) => none_of(&scenarios, &error, &cx.secrets),
    };
    tell(&records, true);
    live.finish().await;
    let exit = show(&evidence, &reports, args, global, cx);
    Ok((evidence, exit))
}

/// What the scenarios share. What a killed run left is removed first.
fn run_context(
    settings: &Settings,
    args: &RunArgs,
    cx: &Context,
    stop: CancellationToken,
    run: &RunRecord,
    events: UnboundedSender<Event>,
) -> Result<RunContext> {
    for swept in sweep(&settings.scratch) {
        let what = swept.failure.map_or_else(
            || format!("removed what run {} had left behind when it was killed", swept.run),
            |failure| {
                format!("run {} was killed, and what it left in {} cannot be removed: {failure}", swept.run, swept.dir.display())
            },
        );
        let _ = events.send(Event::Note { text: what });
    }
    let runtime = LocalRuntime::new(&settings.runtime, &cx.secrets)?;
    let scratch = Scratch::create(&settings.scratch, &run.id, runtime.user())?;
    let want = match (&args.artifact, args.at) {
        (Some(key), _) => Want::Key(key.clone()),
        (None, Some(time)) => Want::At(time),
        (None, None) => Want::Newest,
    };
    Ok(RunContext {
        runtime,
        scratch,
        scratch_max: settings.scratch_max,
        history: History::new(&settings.history),
        secrets: cx.secrets.clone(),
        want,
        keep: args.keep,
        write_reference: args.write_reference,
        stop,
        now: run.started,
        events,
    })
}

/// Shows on stderr what happens, until [`Showing::finish`].
struct Showing {
    all_said: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn show_live(mut happened: UnboundedReceiver<Event>, args: &RunArgs, global: &Global, cx: &Context) -> Showing {
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let style = Style { colour: cx.colour_stderr, width: cx.width, quiet: global.quiet };
    // Moving lines and log lines would spoil each other.
    let moving = cx.live && global.verbose == 0 && args.format == Format::Human;
    let mut live = Live::stderr(moving, verbosity, style);
    let all_said = CancellationToken::new();
    let ended = all_said.clone();
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                event = happened.recv() => match event {
                    Some(event) => live.show(&event),
                    None => break,
                },
                () = ended.cancelled() => break,
            }
        }
    });
    Showing { all_said, task }
}

impl Showing {
    /// Everything that has happened is shown first: the channel is read before the token.
    async fn finish(self) {
        self.all_said.cancel();
        let _ = self.task.await;
    }
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

/// Keeps each scenario's record in the history, once.
struct Keeper {
    history: History,
    /// Whether the artifacts were asked for.
    asked: bool,
    kept: HashSet<String>,
}

impl Keeper {
    fn new(settings: &Settings, args: &RunArgs) -> Self {
        let asked = args.artifact.is_some() || args.at.is_some();
        Self { history: History::new(&settings.history), asked, kept: HashSet::new() }
    }

    /// Keeps what has become final: every scenario that ran, and in the end those that did not. A history that cannot be written stops
    /// no run.
    fn keep(&mut self, run: &mut RunRecord, records: &[ScenarioRecord], complete: bool, cx: &Context) {
        let is_final = |record: &&ScenarioRecord| complete || !record.phases.is_empty();
        for record in records.iter().filter(is_final) {
            if !self.kept.insert(record.name.clone()) {
                continue;
            }
            if let Err(error) = self.history.keep(run, self.asked, record) {
                cx.explain(&error);
                run.undelivered.push(cx.secrets.redact(&error.message));
            }
        }
    }
}

/// Prints what stdout is asked for. A report that could not be delivered is never silent and never green.
fn show(evidence: &Evidence, reports: &Reports, args: &RunArgs, global: &Global, cx: &Context) -> Exit {
    let printed = match args.format {
        Format::Json => print_as_it_is(&serde_json::to_string_pretty(evidence).unwrap_or_default()),
        Format::Human => {
            let style = Style { colour: cx.colour, width: cx.width, quiet: global.quiet };
            cx.print(&summary(evidence, Some(&reports.dir.path()), &style))
        }
    };
    let exit = exit(&evidence.summary, args.deny_warnings, evidence.run.stopped_by).or(printed);
    if let Some(error) = &reports.undelivered {
        cx.explain(error);
    }
    exit.or(undelivered(&evidence.run, reports.undelivered.is_some()))
}

/// What could not be delivered is never green.
fn undelivered(run: &RunRecord, report: bool) -> Exit {
    if report || !run.undelivered.is_empty() { Exit::Unverified } else { Exit::Passed }
}

fn blank_evidence() -> Result<Evidence> {
    let started = Timestamp::now();
    let mut random = [0; 2];
    openssl::rand::rand_bytes(&mut random).map_err(|error| Error::harness(format!("no random numbers: {error}")))?;
    let run = RunRecord {
        id: run_id(started, u16::from_be_bytes(random)),
        started,
        written: started,
        complete: false,
        stopped_by: None,
        undelivered: Vec::new(),
        assay: env!("CARGO_PKG_VERSION").to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    Ok(Evidence { format: FORMAT.to_owned(), run, summary: Summary::of(&[]), scenarios: Vec::new() })
}

fn update(evidence: &mut Evidence, records: &[ScenarioRecord], complete: bool, deny_warnings: bool, stopped_by: Option<Signal>) {
    evidence.run.written = Timestamp::now();
    // What no phase was gone of did not run.
    evidence.run.complete = complete && stopped_by.is_none() && records.iter().all(|record| !record.phases.is_empty());
    evidence.run.stopped_by = stopped_by;
    evidence.scenarios = records.to_vec();
    evidence.summary = Summary::of(records);
    let exit = exit(&evidence.summary, deny_warnings, stopped_by).or(undelivered(&evidence.run, false));
    evidence.summary.exit_code = exit.code();
}
