//! `assay validate`: everything that is wrong with the files, at once.

use super::{Global, load_or_explain};
use crate::context::Context;
use crate::exit::Exit;
use clap::Args;
use std::path::PathBuf;

/// Options of `assay validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Files or folders; the default scenario folder when left out
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Checks the files and says so.
#[must_use]
pub fn validate(args: ValidateArgs, global: &Global, cx: &Context) -> Exit {
    let loaded = match load_or_explain(args.paths, global, cx) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if loaded.scenarios.is_empty() {
        cx.complain("error: no scenario was found\n  = help: Name a file or a folder that holds some.");
        return Exit::NothingRan;
    }
    if global.quiet {
        return Exit::Passed;
    }
    let word = if loaded.scenarios.len() == 1 { "scenario is" } else { "scenarios are" };
    cx.print(&format!("{} {word} valid", loaded.scenarios.len()))
}
