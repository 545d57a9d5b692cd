//! What is known of earlier runs: one JSON file per scenario and run, `<dir>/<scenario>/<time>-<random>.json`.
//!
//! Two runs at once do not hinder each other: a file is written beside and renamed, each run has names of its own, and nothing
//! is ever changed. What cannot be read (damaged, or of a newer version) is passed over, and whoever asks is told so.

mod past;

pub use past::{FORMAT, Past, PastArtifact, PastRecord};

use crate::error::{Error, Result};
use crate::report::evidence::{RunRecord, ScenarioRecord};
use crate::scenario::HistorySettings;
use jiff::Timestamp;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The history of all scenarios.
#[derive(Debug, Clone)]
pub struct History {
    dir: PathBuf,
    keep: usize,
}

/// What was looked for, and what could not be read on the way.
#[derive(Debug, Default)]
pub struct Found<T> {
    /// What was found.
    pub found: T,
    /// Files that were passed over, each with its reason.
    pub passed_over: Vec<String>,
}

impl History {
    /// The history in a folder, which need not be there yet.
    #[must_use]
    pub fn new(settings: &HistorySettings) -> Self {
        Self { dir: settings.dir.clone(), keep: settings.keep }
    }

    /// Keeps what a scenario came to, and removes what is more than enough: the oldest runs, but never the last good one. `asked`:
    /// its artifact was asked for (`--at`, `--artifact`), so later runs are not compared with it.
    ///
    /// # Errors
    /// Harness: it cannot be written. Nothing that was there is lost then.
    pub fn keep(&self, run: &RunRecord, asked: bool, record: &ScenarioRecord) -> Result<()> {
        let folder = self.folder(&record.name);
        let json = past::to_json(run, asked, record)?;
        write(&folder, &name(run), json.as_bytes()).map_err(|e| unwritable(&folder, &e))?;
        self.prune(&record.name).map_err(|e| unwritable(&folder, &e))
    }

    /// The run that an artifact, taken then, is to be compared with: the last good one over an artifact that was taken before, so
    /// that proving the same artifact twice gives the same answer; the last good one over the same artifact when there is no other.
    ///
    /// # Errors
    /// Harness: the folder cannot be read.
    pub fn last_good(&self, scenario: &str, taken: Timestamp) -> Result<Found<Option<Past>>> {
        let mut same = None;
        let found = self.newest(scenario, |past| {
            let Some(artifact) = past.record.artifact.as_ref().filter(|_| past.is_good()) else { return false };
            if artifact.taken == taken && same.is_none() {
                same = Some(past.clone());
            }
            artifact.taken < taken
        })?;
        Ok(Found { found: found.found.or(same), ..found })
    }

    /// The newest run that proved the scenario's newest artifact.
    ///
    /// # Errors
    /// Harness: the folder cannot be read.
    pub fn last_proof(&self, scenario: &str) -> Result<Found<Option<Past>>> {
        self.newest(scenario, Past::is_good)
    }

    /// The newest run of all, proven or not. Runs over an artifact that was asked for say nothing of today's.
    ///
    /// # Errors
    /// Harness: the folder cannot be read.
    pub fn latest(&self, scenario: &str) -> Result<Found<Option<Past>>> {
        self.newest(scenario, |past| !past.asked)
    }

    /// The newest runs, newest first, at most so many.
    ///
    /// # Errors
    /// Harness: the folder cannot be read.
    pub fn runs(&self, scenario: &str, most: usize) -> Result<Found<Vec<Past>>> {
        let mut runs = Vec::new();
        let found = self.newest(scenario, |past| {
            if runs.len() < most {
                runs.push(past.clone());
            }
            runs.len() >= most
        })?;
        Ok(Found { found: runs, passed_over: found.passed_over })
    }

    /// The newest run that is looked for.
    fn newest(&self, scenario: &str, mut is_it: impl FnMut(&Past) -> bool) -> Result<Found<Option<Past>>> {
        let folder = self.folder(scenario);
        let mut passed_over = Vec::new();
        let files = files(&folder).map_err(|e| unreadable(&folder, &e))?;
        for name in files.into_iter().rev() {
            match past::read(&folder.join(&name)) {
                Ok(past) if is_it(&past) => return Ok(Found { found: Some(past), passed_over }),
                Ok(_) => {}
                Err(reason) => passed_over.push(format!("{name}: {reason}")),
            }
        }
        Ok(Found { found: None, passed_over })
    }

    /// A scenario's name is a legal name of a folder: letters, digits, `-`, `_` and `.`, and it begins with none of the last three.
    fn folder(&self, scenario: &str) -> PathBuf {
        self.dir.join(scenario)
    }

    fn prune(&self, scenario: &str) -> io::Result<()> {
        let folder = self.folder(scenario);
        let files = files(&folder)?;
        let Some(too_many) = files.len().checked_sub(self.keep).filter(|too_many| *too_many > 0) else { return Ok(()) };
        let good = files.iter().rev().find(|name| past::read(&folder.join(name)).is_ok_and(|past| past.is_good()));
        for name in files.iter().take(too_many).filter(|name| Some(*name) != good) {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                // Another run was faster.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Sorts by time, where run ids do so only from second to second; what follows the id's time tells runs of one moment apart.
fn name(run: &RunRecord) -> String {
    let random = run.id.rsplit('-').next().unwrap_or_default();
    format!("{}-{random}.json", run.started.strftime("%Y%m%d-%H%M%S.%6f"))
}

/// The names of all runs, oldest first. A folder that is not there has none.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(".json").is_some_and(|stem| !stem.starts_with('.')) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Readers see the whole file or none. What a full disk has cut goes again.
fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let (temporary, target) = (folder.join(format!(".{name}.new")), folder.join(name));
    let written = fs::File::create(&temporary).and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&temporary, &target)).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

fn unwritable(folder: &Path, error: &io::Error) -> Error {
    Error::harness(format!("cannot write the history {}: {error}", folder.display()))
        .hint("Make the folder writable, or choose another one with `history.dir` in assay.yaml. The next run has nothing new to compare with.")
}

fn unreadable(folder: &Path, error: &io::Error) -> Error {
    Error::harness(format!("cannot read the history {}: {error}", folder.display()))
        .hint("Make the folder readable, or choose another one with `history.dir` in assay.yaml.")
}

#[cfg(test)]
mod tests;
