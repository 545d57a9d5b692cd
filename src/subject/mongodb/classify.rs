//! What mongorestore's lines mean, and who is to blame: the one place that decides it for `MongoDB`. Pure, and tested over recorded
//! output of the real tools.

use super::class::{Class, without_values};
use crate::check::{Outcome, Status};
use crate::error::{Blame, Error};
use crate::report::text::counted;
use crate::runtime::local::Said;
use crate::subject::LogLine;
use regex::Regex;
use std::process::ExitStatus;
use std::sync::LazyLock;

/// The name of the overall outcome; those of the classes start with it.
pub const RESTORE: &str = "restore";

const TOOL: &str = "mongorestore";

/// What a run came to.
#[derive(Debug)]
pub struct Judgement {
    /// Every complaint, classified, values left out.
    pub log: Vec<LogLine>,
    /// The overall outcome and one per class of trouble.
    pub outcomes: Vec<Outcome>,
    /// The tool's closing line.
    pub closing: Option<Closing>,
    /// The restore is no base for measuring: unfinished, or incomplete through no fault of the backup.
    pub stop: Option<Error>,
}

/// "N document(s) restored successfully. M document(s) failed to restore."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// N.
    pub restored: u64,
    /// M.
    pub failed: u64,
}

/// Judges mongorestore by what it said and how it ended. Its exit code alone proves nothing: it is 0 when documents were refused.
#[must_use]
pub fn judge(said: &Said, exit: ExitStatus) -> Judgement {
    let lines: Vec<&str> = said.lines.iter().map(|line| without_time(line)).collect();
    let closing = lines.iter().rev().find_map(|line| closing(line));
    let complaints: Vec<(Class, String)> =
        lines.iter().filter_map(|line| complaint(line)).map(|text| (Class::of(text), without_values(text))).collect();
    let log = complaints.iter().map(|(class, line)| LogLine { class: class.name().to_owned(), line: line.clone() });
    let log: Vec<LogLine> = log.collect();
    let stop = stop(&complaints, closing, exit).map(|error| {
        let left_out = (said.left_out > 0).then(|| format!("({} more lines were left out)", said.left_out));
        error.evidence(left_out)
    });
    let outcomes = outcomes(&complaints, closing, exit);
    Judgement { log, outcomes, closing, stop }
}

/// Lines begin with `2026-11-21T13:14:37.911+0000` and a tab.
fn without_time(line: &str) -> &str {
    match line.split_once('\t') {
        Some((time, rest)) if time.starts_with(|c: char| c.is_ascii_digit()) && time.contains('T') => rest.trim_start(),
        _ => line.trim(),
    }
}

fn closing(line: &str) -> Option<Closing> {
    static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(\d+) document\(s\) restored successfully\. (\d+) document\(s\) failed to restore\.$")
            .expect("a valid pattern")
    });
    let found = CLOSING.captures(line)?;
    let number = |group: usize| found.get(group)?.as_str().parse().ok();
    Some(Closing { restored: number(1)?, failed: number(2)? })
}

/// What a line complains of; `None` when it only tells of progress.
fn complaint(line: &str) -> Option<&str> {
    const SIGNS: [&str; 6] = ["Failed: ", "continuing through error: ", "error ", "demux finishing ", "panic: ", "fatal error: "];
    let sign = SIGNS.iter().find(|sign| line.starts_with(*sign))?;
    let bare = matches!(*sign, "Failed: " | "continuing through error: ");
    let text = if bare { line.strip_prefix(*sign).unwrap_or(line) } else { line };
    // It follows from a damage that is told in another line.
    (*sign != "demux finishing ").then_some(text)
}

/// Damage to the archive is certain whatever else went wrong. After that comes the environment, because the complaints that
/// follow from it look like the backup's.
fn stop(complaints: &[(Class, String)], closing: Option<Closing>, exit: ExitStatus) -> Option<Error> {
    let first = |is: &dyn Fn(Class) -> bool| complaints.iter().map(|(class, _)| *class).find(|class| is(*class));
    let harness = |class: Class| class.blame() != Blame::Backup;
    let decisive = first(&|class| class == Class::CorruptArchive)
        .or_else(|| first(&|class| class != Class::Rejected && harness(class)))
        .or_else(|| first(&harness));
    if let Some(class) = decisive {
        return Some(error(class, complaints));
    }
    // What is left of complaints speaks against the data; the tool has gone through all of it.
    if closing.is_some() && (exit.success() || !complaints.is_empty()) {
        return None;
    }
    let signal = std::os::unix::process::ExitStatusExt::signal(&exit);
    Some(match (signal, complaints.first()) {
        (Some(signal), _) => {
            Error::harness(format!("{TOOL} was ended by signal {signal}")).hint("Look for memory that ran out (dmesg).")
        }
        (None, Some((class, _))) => error(*class, complaints),
        (None, None) => Error::harness(format!("{TOOL} did not say how many documents it restored ({exit})"))
            .hint("Install the MongoDB Database Tools 100.6 or newer."),
    })
}

/// How many lines prove an outcome.
const MOST_EVIDENCE: usize = 20;

fn error(class: Class, complaints: &[(Class, String)]) -> Error {
    let (message, evidence) = words(class, complaints);
    let message = format!("{}: {message}", class.title());
    let error = match class.blame() {
        Blame::Backup => Error::backup(message),
        Blame::Harness => Error::harness(message),
        Blame::Scenario => Error::scenario(message),
    };
    let others = complaints.iter().filter(|(other, _)| *other != class).map(|(other, line)| format!("{}: {line}", other.name()));
    error.hint(class.hint()).evidence(evidence).evidence(others.take(MOST_EVIDENCE))
}

fn words(class: Class, complaints: &[(Class, String)]) -> (String, Vec<String>) {
    let all: Vec<&String> = complaints.iter().filter(|(c, _)| *c == class).map(|(_, line)| line).collect();
    let first = all.first().map(|line| line.as_str()).unwrap_or_default();
    let more = if all.len() > 1 { format!(" (and {} more)", all.len() - 1) } else { String::new() };
    (format!("{first}{more}"), all.into_iter().take(MOST_EVIDENCE).cloned().collect())
}

fn outcomes(complaints: &[(Class, String)], closing: Option<Closing>, exit: ExitStatus) -> Vec<Outcome> {
    let mut classes: Vec<Class> = complaints.iter().map(|(class, _)| *class).collect();
    classes.sort();
    classes.dedup();
    let mut outcomes = vec![overall(!complaints.is_empty(), closing, exit)];
    outcomes.extend(classes.into_iter().map(|class| {
        let (message, evidence) = words(class, complaints);
        let status = if class.blame() == Blame::Backup { Status::Fail } else { Status::Error };
        Outcome::new(format!("{RESTORE}: {}", class.title()), status, message).hint(class.hint()).evidence(evidence)
    }));
    outcomes
}

/// Only used when the restore is worth measuring, so what is left of complaints speaks against the backup.
fn overall(complained: bool, closing: Option<Closing>, exit: ExitStatus) -> Outcome {
    let documents = |count: u64| counted(usize::try_from(count).unwrap_or(usize::MAX), "document");
    let outcome = |status, message: String| Outcome::new(RESTORE, status, message);
    match closing {
        Some(Closing { restored, failed: failed @ 1.. }) => {
            let message = format!("{TOOL} restored {}, and {failed} failed to restore", documents(restored));
            outcome(Status::Fail, message).values(format!("{failed} failed"), "0 failed")
        }
        Some(Closing { restored, failed: 0 }) if exit.success() && !complained => {
            outcome(Status::Pass, format!("{TOOL} restored {}", documents(restored)))
        }
        Some(Closing { restored, .. }) => {
            outcome(Status::Fail, format!("{TOOL} restored {}, but not all that belongs to them", documents(restored)))
        }
        None => outcome(Status::Error, format!("{TOOL} ended with {exit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::Class::{
        CorruptArchive, DiskFull, DuplicateKey, IndexNotBuilt, IndexRefused, NoOplog, OptionRefused, Rejected, ServerGone,
        ValidationFailed, WrongCall,
    };
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::path::{Path, PathBuf};

    const FAILED: i32 = 1 << 8;

    /// What the recorded runs must come to: the class that decides, and whether the restore stops there.
    const RECORDED: &[(&str, Class, bool)] = &[
        ("crc_changed", CorruptArchive, true),
        ("cut_half", CorruptArchive, true),
        ("cut_last_byte", CorruptArchive, true),
        ("duplicate_key", DuplicateKey, false),
        ("glued", CorruptArchive, true),
        ("index_not_built", IndexNotBuilt, false),
        ("no_oplog", NoOplog, true),
        ("no_server", ServerGone, true),
        ("not_an_archive", CorruptArchive, true),
        ("prelude_only", CorruptArchive, true),
        ("wrong_call", WrongCall, true),
    ];

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stderr/mongodb")
    }

    fn lines(text: &str) -> Said {
        Said { lines: text.lines().map(str::to_owned).collect(), left_out: 0 }
    }

    fn recorded(name: &str) -> Said {
        lines(&std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect(name))
    }

    #[test]
    fn recorded_runs_are_blamed_on_the_right_one() {
        for (name, class, stops) in RECORDED {
            let exit = if *class == DuplicateKey { 0 } else { FAILED };
            let Judgement { log, outcomes, stop, .. } = judge(&recorded(name), ExitStatus::from_raw(exit));
            assert!(log.iter().any(|line| line.class == class.name()), "{name}: {log:#?}");
            assert_eq!(stop.is_some(), *stops, "{name}: {stop:#?}");
            if let Some(stop) = stop {
                assert_eq!(stop.blame, class.blame(), "{name}: {stop:#?}");
                assert!(
                    stop.message.starts_with(&class.title()) && stop.hint.is_some() && !stop.evidence.is_empty(),
                    "{stop:#?}"
                );
            } else {
                let check = format!("restore: {}", class.title());
                let outcome = outcomes.iter().find(|outcome| outcome.check == check).expect(name);
                assert_eq!((outcome.status, outcomes[0].status), (Status::Fail, Status::Fail), "{name}: {outcomes:#?}");
            }
        }
    }

    #[test]
    fn every_recorded_run_is_judged_above() {
        for entry in folder().read_dir().expect("fixtures") {
            let name = entry.expect("entry").file_name().into_string().expect("UTF-8");
            let Some(name) = name.strip_suffix(".txt").filter(|name| *name != "ok") else { continue };
            assert!(RECORDED.iter().any(|(recorded, _, _)| *recorded == name), "{name} is recorded but not judged");
        }
    }

    #[test]
    fn a_clean_run_passes_and_is_counted() {
        let ok = judge(&recorded("ok"), ExitStatus::from_raw(0));
        assert_eq!(ok.closing, Some(Closing { restored: 2301, failed: 0 }));
        assert!(ok.stop.is_none() && ok.log.is_empty());
        assert_eq!(ok.outcomes, [Outcome::new(RESTORE, Status::Pass, "mongorestore restored 2301 documents")]);
    }

    /// Lines of `mongod` in the shapes that its manual and its sources give.
    #[test]
    fn what_mongod_says_is_told_apart_and_no_value_is_repeated() {
        for (line, class) in [
            (
                "continuing through error: E11000 duplicate key error collection: shop.users index: email_1 dup key: { email: \"jane@x\" }",
                DuplicateKey,
            ),
            ("continuing through error: Document failed validation", ValidationFailed),
            (
                "Failed: shop.users: error creating indexes for shop.users: createIndex error: (DuplicateKey) E11000 duplicate key \
                 error collection: shop.users index: email_1 dup key: { email: \"jane@x\" }",
                IndexNotBuilt,
            ),
            (
                "Failed: shop.places: error creating indexes for shop.places: createIndex error: (CannotCreateIndex) Unknown index \
                 plugin 'geoHaystack'",
                IndexRefused,
            ),
            (
                "Failed: shop.t: error creating collection shop.t: error running create command: (InvalidOptions) no",
                OptionRefused,
            ),
            ("Failed: shop.t: error restoring from archive on stdin: (OutOfDiskSpace) No space left on device", DiskFull),
            ("Failed: shop.t: error restoring: connection(127.0.0.1) socket was unexpectedly closed: EOF", ServerGone),
            ("Failed: something that nobody has seen yet", Rejected),
        ] {
            let said = format!(
                "2026-11-21T03:30:00.000+0000\t{line}\n1 document(s) restored successfully. 1 document(s) failed to restore."
            );
            let judged = judge(&lines(&said), ExitStatus::from_raw(FAILED));
            assert_eq!(judged.log[0].class, class.name(), "{line}");
            assert_eq!(judged.stop.is_some(), class.blame() != Blame::Backup, "{line}");
            assert!(!format!("{judged:?}").contains("jane"), "{judged:?}");
        }
    }

    #[test]
    fn a_tool_that_was_killed_or_is_silent_is_ours() {
        for status in [9, FAILED, 0] {
            let stop = judge(&Said::default(), ExitStatus::from_raw(status)).stop.expect("stops");
            assert_eq!(stop.blame, Blame::Harness, "{status}");
        }
    }
}
