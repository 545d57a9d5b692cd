//! Which scenarios a command line means: paths say where to look, names, globs and tags say which.

use super::{Global, load_or_explain};
use crate::context::Context;
use crate::exit::Exit;
use crate::scenario::Scenario;
use crate::scenario::load::Loaded;
use clap::Args;
use globset::{Glob, GlobMatcher};
use std::path::{Path, PathBuf};

/// Scenarios by name, path, glob or tag.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectionArgs {
    /// Scenarios by name, glob or tag; files and folders of scenarios by path. Everything when left out
    #[arg(value_name = "NAME|PATH|GLOB|TAG")]
    pub which: Vec<String>,
    /// Only scenarios with this tag; several are alternatives
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

/// Loads the files that the arguments mean and keeps the scenarios that they select.
///
/// # Errors
/// [`Exit::Usage`]: a file is invalid, or one of several words selects nothing. [`Exit::NothingRan`]: nothing is left.
/// The reason has been shown then.
pub fn selected(args: &SelectionArgs, global: &Global, cx: &Context) -> Result<Loaded, Exit> {
    let (paths, words): (Vec<_>, Vec<_>) = args.which.iter().cloned().partition(|word| is_path(word, &cx.cwd));
    let mut loaded = load_or_explain(paths.into_iter().map(PathBuf::from).collect(), global, cx)?;
    let all = std::mem::take(&mut loaded.scenarios);
    if all.is_empty() {
        cx.complain(
            "error: no scenario was found\n  = help: Write one into scenarios/, or name a file; scenarios/examples shows how.",
        );
        return Err(Exit::NothingRan);
    }
    let matchers = words.iter().map(|word| Word::new(word, cx)).collect::<Result<Vec<_>, Exit>>()?;
    let unmatched: Vec<_> = matchers.iter().filter(|word| !all.iter().any(|scenario| word.means(scenario))).collect();
    for word in &unmatched {
        cx.complain(&format!("error: no scenario is called, or tagged, `{}`\n  = help: {}", word.text, known(&word.text, &all)));
    }
    if !unmatched.is_empty() && unmatched.len() < matchers.len() {
        return Err(Exit::Usage);
    }
    loaded.scenarios = all
        .into_iter()
        .filter(|scenario| matchers.is_empty() || matchers.iter().any(|word| word.means(scenario)))
        .filter(|scenario| args.tag.is_empty() || args.tag.iter().any(|tag| scenario.tags.contains(tag)))
        .collect();
    if loaded.scenarios.is_empty() {
        if unmatched.is_empty() {
            cx.complain(&format!("error: no scenario has the tag {}", args.tag.join(" or ")));
        }
        return Err(Exit::NothingRan);
    }
    Ok(loaded)
}

/// A word is a path when it looks like one, or when there is such a file and no slash is needed to say so.
fn is_path(word: &str, cwd: &Path) -> bool {
    let looks_like_one = word.contains('/') || Path::new(word).extension().is_some_and(|e| e == "yaml" || e == "yml");
    looks_like_one || (cwd.join(word).is_dir() && !word.contains('*'))
}

/// One word that selects by name, glob or tag.
struct Word {
    text: String,
    glob: GlobMatcher,
}

impl Word {
    fn new(text: &str, cx: &Context) -> Result<Self, Exit> {
        let glob = Glob::new(text).map_err(|error| {
            cx.complain(&format!("error: `{text}` is not a glob: {}", error.kind()));
            Exit::Usage
        })?;
        Ok(Self { text: text.to_owned(), glob: glob.compile_matcher() })
    }

    fn means(&self, scenario: &Scenario) -> bool {
        self.glob.is_match(&scenario.name) || scenario.tags.contains(&self.text)
    }
}

fn known(word: &str, all: &[Scenario]) -> String {
    let tags = all.iter().flat_map(|s| s.tags.iter().map(String::as_str));
    crate::check::did_you_mean(word, all.iter().map(|s| s.name.as_str()).chain(tags))
}
