//! From paths to scenarios that cannot be invalid, or to everything that is wrong with them, all files at once.

use super::de::{self, Typed};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::field::Spanned;
use super::find::{self, reason, shown};
use super::mask;
use super::resolve::{self, ResolvedSettings, Surroundings};
use super::source::{MOST_PROBLEMS, Place, Problem, Source};
use super::spec::SettingsSpec;
use super::yaml::{self, Parsed};
use super::{Scenario, Settings};
use crate::units::Bytes;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Scenario files, or folders with scenario files; the default folder when empty.
    pub paths: Vec<PathBuf>,
    /// The configuration file; `assay.yaml` upwards when absent.
    pub config: Option<PathBuf>,
    /// The working folder, absolute.
    pub cwd: PathBuf,
}

/// What was loaded. No scenario is no error here.
#[derive(Debug)]
pub struct Loaded {
    /// What scenarios share.
    pub settings: Settings,
    /// All scenarios, in the order of their files.
    pub scenarios: Vec<Scenario>,
}

/// Larger files are refused unread.
const MAX_FILE: u64 = 1 << 20;

/// Loads the configuration and all scenarios that were asked for.
///
/// # Errors
/// Everything that is wrong with any of the files.
pub fn load(request: &Request) -> Result<Loaded, Diagnostics> {
    let cwd = request.cwd.as_path();
    let config = request.config.as_ref().map(|path| cwd.join(path)).or_else(|| find::config(&request.paths, cwd));
    let folder = config.as_deref().and_then(Path::parent).unwrap_or(cwd);
    let mut loader = Loader { cwd, problems: Vec::new(), names: HashMap::new(), scenarios: Vec::new() };
    let settings = loader.settings(config.as_deref(), folder);
    for file in find::scenarios(&request.paths, folder, cwd, &mut loader.problems) {
        loader.scenarios(&file, &settings);
    }
    match Diagnostics::of(loader.problems) {
        Some(diagnostics) => Err(diagnostics),
        None => Ok(Loaded { settings: settings.settings, scenarios: loader.scenarios }),
    }
}

struct Loader<'a> {
    cwd: &'a Path,
    problems: Vec<Diagnostic>,
    /// Where each name was first met.
    names: HashMap<String, String>,
    scenarios: Vec<Scenario>,
}

impl Loader<'_> {
    /// Tells a file's problems, as many as anybody reads.
    fn tell(&mut self, source: &Source, problems: Vec<Problem>) {
        let more = problems
            .get(MOST_PROBLEMS)
            .map(|next| Problem::new(next.place, format!("there are more errors from here on; {MOST_PROBLEMS} are shown")));
        let shown = problems.into_iter().take(MOST_PROBLEMS).chain(more);
        self.problems.extend(shown.map(|problem| source.diagnostic(&problem)));
    }

    fn settings(&mut self, config: Option<&Path>, folder: &Path) -> ResolvedSettings {
        let temporary = std::env::var_os("TMPDIR").filter(|path| Path::new(path).is_absolute());
        let temporary = temporary.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let Some(path) = config else {
            let nothing = Typed { value: Some(SettingsSpec::default()), problems: Vec::new() };
            return resolve::settings(None, nothing, folder, &temporary).0;
        };
        let file = Some(shown(path, self.cwd));
        let unreadable = |problems| Typed { value: None, problems };
        let Some((source, parsed)) = self.read(path) else {
            return resolve::settings(file, unreadable(Vec::new()), folder, &temporary).0;
        };
        let typed = match parsed.documents.as_slice() {
            _ if !parsed.complete => unreadable(Vec::new()),
            [] => Typed { value: Some(SettingsSpec::default()), problems: Vec::new() },
            [document] => de::read(document),
            [_, second, ..] => {
                unreadable(vec![Problem::new(second.place, "the configuration is one document").hint("Remove the `---`.")])
            }
        };
        let (settings, problems) = resolve::settings(file, typed, folder, &temporary);
        self.tell(&source, problems);
        settings
    }

    fn scenarios(&mut self, path: &Path, settings: &ResolvedSettings) {
        let Some((source, parsed)) = self.read(path) else { return };
        if parsed.documents.is_empty() && parsed.complete && parsed.problems.is_empty() {
            let hint = "Write a scenario, or remove the file. `assay schema` and scenarios/examples show the format.";
            self.problems.push(Diagnostic::file(&source.file, "there is no scenario in this file").hint(hint));
        }
        let folder = path.parent().unwrap_or(self.cwd);
        let around = Surroundings { source: &source, folder, stores: &settings.stores, timeout: settings.scenario_timeout };
        for document in &parsed.documents {
            let mut resolved = resolve::scenario(de::read(document), document.place, around);
            resolved.problems.extend(resolved.name.and_then(|name| self.duplicate(name, &source)));
            self.tell(&source, resolved.problems);
            self.scenarios.extend(resolved.scenario);
        }
    }

    fn duplicate(&mut self, name: Spanned<String>, source: &Source) -> Option<Problem> {
        match self.names.entry(name.value) {
            Entry::Vacant(entry) => {
                entry.insert(source.position(name.place));
                None
            }
            Entry::Occupied(entry) => {
                let message = format!("there are two scenarios with the name `{}`", entry.key());
                let hint = format!("The other one is {}. Names are unique over all files: rename one.", entry.get());
                Some(Problem::new(name.place, message).hint(hint))
            }
        }
    }

    /// A file's documents; none when the file itself cannot be read. Problems with it as YAML are told here.
    fn read(&mut self, path: &Path) -> Option<(Source, Parsed)> {
        let shown = shown(path, self.cwd);
        let mut bytes = self.told(&shown, bytes(path))?;
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                self.problems.push(not_utf8(shown, text, error.utf8_error().valid_up_to()));
                return None;
            }
        };
        // UTF-16 of English text is UTF-8 of a kind.
        if let Some(nul) = text.find('\0') {
            self.problems.push(not_utf8(shown, text, nul));
            return None;
        }
        let mut parsed = yaml::parse(&text);
        let masks = mask::masks(&text, &parsed.documents);
        let source = Source::new(shown, text, masks);
        self.tell(&source, std::mem::take(&mut parsed.problems));
        Some((source, parsed))
    }

    fn told<T>(&mut self, file: &Path, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problems.push(Diagnostic::file(file, message))).ok()
    }
}

/// A file's bytes; refused by its metadata when it is too large, before anything is read.
fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("this file cannot be read: {}", reason(&error));
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("this file cannot be read: it is not a regular file".to_owned());
    }
    let too_large = |size: u64| format!("this file has {}, and more than {} are not read", Bytes(size), Bytes(MAX_FILE));
    if metadata.len() > MAX_FILE {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Points at the byte from which on a file is not UTF-8. Up to there, `text` has the file's own bytes.
fn not_utf8(file: PathBuf, text: String, start: usize) -> Diagnostic {
    let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let problem = Problem::new(Place { start, end: start + length }, "the file is not UTF-8").hint("Save the file as UTF-8.");
    let masks = mask::masks(&text, &[]);
    Source::new(file, text, masks).diagnostic(&problem)
}
