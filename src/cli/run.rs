//! `assay run`: prove backups.

use super::selection::{SelectionArgs, selected};
use super::{Global, session};
use crate::context::Context;
use crate::exit::Exit;
use crate::scenario::CheckKind;
use crate::scenario::load::Loaded;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use std::path::PathBuf;

/// Options of `assay run`.
#[expect(clippy::struct_excessive_bools, reason = "they are the switches that people type")]
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Examples:\n  \
    assay run                            every scenario of scenarios/\n  \
    assay run codetalk 'book*'           by name and by glob\n  \
    assay run database                   by tag\n  \
    assay run scenarios/portfolio        those of a folder\n  \
    assay run codetalk --at 2026-11-01   the newest backup of that moment\n  \
    assay run codetalk --keep            and leave the restored database running, to look at it\n  \
    assay run codetalk --write-reference   write the reference file of its `schema` check")]
pub struct RunArgs {
    /// Which scenarios
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Prove this very object instead of the newest of the series
    #[arg(long, value_name = "KEY", conflicts_with = "at")]
    pub artifact: Option<String>,
    /// Prove the newest backup that was taken by then: 2026-11-01 (its end, UTC), or 2026-11-01T03:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// Leave the restored instances running, and say how to connect and how to remove them
    #[arg(long)]
    pub keep: bool,
    /// Write the references of the `schema` checks from what is restored now; says what changes in them
    #[arg(long)]
    pub write_reference: bool,
    /// Start no further scenario after the first that is not passed
    #[arg(long)]
    pub fail_fast: bool,
    /// Scenarios at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// Exit with 1 on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
    /// What to print: a summary for people, or the evidence
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Where the reports go, instead of the folder in assay.yaml
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What is printed on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A summary for people
    #[default]
    Human,
    /// The evidence
    Json,
}

/// A point in time, or the end of a day (UTC).
fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    let end_of_day = |date: jiff::civil::Date| date.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).map(|z| z.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<jiff::civil::Date>().and_then(end_of_day))
        .map_err(|_| "write a date like 2026-11-01 or a time like 2026-11-01T03:00:00Z".to_owned())
}

/// One key is the artifact of one scenario: of the selected one, or of the one among several whose series it belongs to.
fn of_artifact(mut loaded: Loaded, args: &RunArgs, cx: &Context) -> Result<Loaded, Exit> {
    let Some(key) = &args.artifact else { return Ok(loaded) };
    if loaded.scenarios.len() > 1 {
        loaded.scenarios.retain(|scenario| scenario.artifact.key.matches(key).is_some());
    }
    if loaded.scenarios.len() == 1 {
        return Ok(loaded);
    }
    cx.complain(&format!(
        "error: {key} belongs to the series of {} of the selected scenarios\n  = help: Name the one that it is for.",
        loaded.scenarios.len()
    ));
    Err(Exit::Usage)
}

/// Writing references is for scenarios that have one.
fn with_reference(mut loaded: Loaded, args: &RunArgs, cx: &Context) -> Result<Loaded, Exit> {
    if args.write_reference {
        loaded.scenarios.retain(|scenario| scenario.checks.iter().any(|check| matches!(check.kind, CheckKind::Schema(_))));
        if loaded.scenarios.is_empty() {
            let help = "Add one to the scenario: `- schema: { reference: NAME.schema }`.";
            cx.complain(&format!("error: none of the selected scenarios has a check `schema`\n  = help: {help}"));
            return Err(Exit::Usage);
        }
    }
    Ok(loaded)
}

/// Runs what the command line selects.
pub async fn run(args: RunArgs, global: &Global, cx: &Context) -> Exit {
    let chosen = selected(&args.selection, global, cx).and_then(|loaded| of_artifact(loaded, &args, cx));
    let loaded = match chosen.and_then(|loaded| with_reference(loaded, &args, cx)) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    match session::prove_and_report(loaded, &args, global, cx).await {
        Ok((_, exit)) => exit,
        Err(error) => {
            cx.explain(&error);
            Exit::Unverified
        }
    }
}
