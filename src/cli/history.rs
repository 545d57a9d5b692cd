//! `assay history`: the last runs of each scenario, out of the history.

use super::Global;
use super::say::print_as_it_is;
use super::selection::{SelectionArgs, selected};
use crate::context::Context;
use crate::exit::Exit;
use crate::history::{Found, History, Past};
use crate::report::text::one_line;
use crate::units::{Bytes, Span, grouped, utc};
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use std::time::Duration;

/// Options of `assay history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Which scenarios
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// At most so many runs of each scenario
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Shows the last runs, newest first. Files that cannot be read are named, and the exit is not green then.
#[must_use]
pub fn history(args: &HistoryArgs, global: &Global, cx: &Context) -> Exit {
    let loaded = match selected(&args.selection, global, cx) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let history = History::new(&loaded.settings.history);
    let most = usize::try_from(args.last).unwrap_or(usize::MAX);
    let mut exit = Exit::Passed;
    let mut all = Vec::new();
    for scenario in &loaded.scenarios {
        match history.runs(&scenario.name, most) {
            Ok(Found { found, passed_over }) => {
                for file in &passed_over {
                    cx.complain(&format!("warning: a file of the history of {} is passed over: {file}", scenario.name));
                    exit = Exit::Unverified;
                }
                all.push((scenario.name.as_str(), found));
            }
            Err(error) => {
                cx.explain(&error);
                exit = Exit::Unverified;
            }
        }
    }
    let printed = if args.json { print_as_it_is(&format!("{:#}", json(&all))) } else { cx.print(&table(&all)) };
    exit.or(printed)
}

fn table(all: &[(&str, Vec<Past>)]) -> String {
    let mut table = Table::new();
    let header = ["", "SCENARIO", "RUN", "DEPTH", "ARTIFACT", "SIZE", "RESTORED", "RTO"];
    table.load_preset(presets::NOTHING).set_header(header);
    for (scenario, runs) in all {
        if runs.is_empty() {
            table.add_row(["-", scenario, "no runs yet"]);
        }
        for past in runs {
            table.add_row(row(scenario, past));
        }
    }
    table.trim_fmt()
}

fn row(scenario: &str, past: &Past) -> [String; 8] {
    let Past { record, started, asked, .. } = past;
    let dash = || "-".to_owned();
    let artifact = record.artifact.as_ref();
    let key = artifact.map(|artifact| one_line(artifact.key.rsplit('/').next().unwrap_or(&artifact.key)));
    let rto = record.rto_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    [
        record.verdict.to_string().to_uppercase(),
        scenario.to_owned(),
        utc(*started),
        record.depth.to_string(),
        key.map_or_else(dash, |key| if *asked { format!("{key} (asked for)") } else { key }),
        artifact.map_or_else(dash, |artifact| Bytes(artifact.size).to_string()),
        past.restored().map_or_else(dash, |census| format!("{} {}", grouped(census.total()), one_line(&census.counted_in))),
        rto.map_or_else(dash, |rto| Span(rto).to_string()),
    ]
}

fn json(all: &[(&str, Vec<Past>)]) -> Value {
    let run = |scenario: &str, past: &Past| {
        json!({
            "scenario": scenario,
            "run": past.run,
            "started": past.started,
            "verdict": past.record.verdict,
            "depth": past.record.depth,
            "asked": past.asked,
            "artifact": past.record.artifact,
            "groups": past.restored().map(|census| census.groups.len()),
            "members": past.restored().map(crate::census::Census::total),
            "rto_seconds": past.record.rto_seconds,
            "seconds": past.record.seconds,
        })
    };
    all.iter().flat_map(|(scenario, runs)| runs.iter().map(|past| run(scenario, past))).collect()
}
