//! The command line: one file per command. Nothing here proves anything; it only translates.

pub mod completions;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod history;
pub mod list;
mod log;
pub mod run;
mod say;
pub mod schema;
pub mod selection;
pub mod session;
pub mod validate;

use crate::context::Context;
use crate::exit::Exit;
use crate::scenario::load::{Loaded, Request, load};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Restores real backups into disposable servers, measures what came back and proves it.
#[derive(Debug, Parser)]
#[command(
    name = "assay",
    version,
    about,
    long_about = "assay answers one question with evidence: if today were the disaster, would the data come back?\n\n\
        It takes the newest backup of each scenario out of its store, restores it into a disposable server, counts what came \
        back, judges it and reports it. Nothing is ever written to a store.",
    after_help = "Exit codes:\n  0  all passed; warnings are allowed\n  1  a backup is bad\n  2  wrong usage, or an invalid file\n  \
        3  could not be verified, or a report could not be written\n  4  nothing ran\n  130, 143  stopped by a signal, after teardown\n\n\
        New here? `assay demo` shows the whole way in seconds, `assay doctor` what is missing on this machine."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The configuration file; otherwise assay.yaml is looked for upwards from here
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Show problems only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show more; twice shows what the libraries say too (`ASSAY_LOG` sets a filter of your own)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove backups: fetch, restore, measure, judge, report
    Run(run::RunArgs),
    /// Show the newest artifact of each scenario; nothing is fetched
    List(list::ListArgs),
    /// Show the last runs of each scenario
    History(history::HistoryArgs),
    /// Check scenario files and assay.yaml; everything wrong is shown at once
    Validate(validate::ValidateArgs),
    /// Check what this machine and the stores have: servers, tools, scratch, credentials
    Doctor(doctor::DoctorArgs),
    /// Show the whole way on two small databases, with a store of its own; needs no account
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Print a JSON Schema, for completion in an editor
    Schema(schema::SchemaArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
}

/// Does what the command line says.
pub async fn dispatch(cli: Cli, cx: &Context) -> Exit {
    let global = cli.global;
    log::start(&global, cx.colour_stderr, cx.secrets.clone());
    match cli.command {
        Command::Run(args) => run::run(args, &global, cx).await,
        Command::List(args) => list::list(args, &global, cx).await,
        Command::History(args) => history::history(&args, &global, cx),
        Command::Validate(args) => validate::validate(args, &global, cx),
        Command::Doctor(args) => doctor::doctor(args, &global, cx).await,
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::demo(args, &global, cx).await,
        Command::Schema(args) => schema::schema(&args),
        Command::Completions(args) => completions::completions(&args),
    }
}

/// Loads files, or shows everything that is wrong with them.
fn load_or_explain(paths: Vec<PathBuf>, global: &Global, cx: &Context) -> Result<Loaded, Exit> {
    load(&Request { paths, config: global.config.clone(), cwd: cx.cwd.clone() }).map_err(|diagnostics| {
        cx.complain(&diagnostics.render(cx.colour_stderr));
        Exit::Usage
    })
}
