//! What a tool's complaints mean, and who is to blame: the one place that decides it for `PostgreSQL`. Pure, and tested over
//! recorded output of the real tools.
//!
//! The environment's classes are listed one by one. An error that is none of them was caused by what the dump itself
//! says, so it speaks against the backup, except when the server is of another major than the dump's: then it may be the
//! difference.

use super::class::Class::{self, CorruptArchive, Note, Rejected, Warning};
use super::messages::{self, Message};
use super::scrub;
use crate::check::{Outcome, Status};
use crate::error::{Blame, Error};
use crate::runtime::local::{Said, ToolRun};
use crate::subject::LogLine;
use rustix::process::Signal;
use std::process::ExitStatus;

/// The name of the overall outcome; those of the classes start with it.
pub const RESTORE: &str = "restore";

/// What a tool's run came to.
#[derive(Debug)]
pub struct Judgement {
    /// Every line that means something, classified, values left out.
    pub log: Vec<LogLine>,
    /// The overall outcome and one per class of trouble.
    pub outcomes: Vec<Outcome>,
    /// The restore is no base for measuring: unfinished, or incomplete through no fault of the backup.
    pub stop: Option<Error>,
}

/// Judges a tool by what it said and how it ended.
///
/// `other_major`: the server's major is not the dump's.
#[must_use]
pub fn judge(tool: &str, said: &Said, exit: ExitStatus, other_major: bool) -> Judgement {
    let messages = messages::read(&said.lines);
    let classified: Vec<(Class, &Message)> = messages.iter().map(|message| (Class::of(message), message)).collect();
    let log = classified.iter().flat_map(|(class, message)| {
        message.lines.iter().map(|line| LogLine { class: class.name().to_owned(), line: line.clone() })
    });
    let log: Vec<LogLine> = log.collect();
    let stop = stop(tool, &classified, exit, other_major).map(|error| {
        let more = others(&log, &error);
        error.evidence(more).evidence(left_out(said))
    });
    Judgement { log, outcomes: outcomes(tool, &classified, exit, other_major), stop }
}

/// What else the tool said, with its class: an error has no log of its own.
fn others(log: &[LogLine], error: &Error) -> Vec<String> {
    let others = log.iter().filter(|line| !error.evidence.contains(&line.line));
    others.take(MOST_EVIDENCE).map(|LogLine { class, line }| format!("{class}: {line}")).collect()
}

fn left_out(said: &Said) -> Option<String> {
    (said.left_out > 0).then(|| format!("({} more lines were left out)", said.left_out))
}

fn errors<'m>(classified: &'m [(Class, &'m Message)]) -> impl Iterator<Item = &'m (Class, &'m Message)> {
    classified.iter().filter(|(class, _)| !matches!(class, Warning | Note))
}

/// Damage to the archive is certain whatever else went wrong. After that comes the environment, because the complaints
/// that follow from it look like the backup's.
fn stop(tool: &str, classified: &[(Class, &Message)], exit: ExitStatus, other_major: bool) -> Option<Error> {
    let first = |wanted: &dyn Fn(Class) -> bool| errors(classified).find(|(class, _)| wanted(*class)).map(|(class, _)| *class);
    let harness = |class: Class| class.blame(other_major) == Blame::Harness;
    let decisive = first(&|class| class == CorruptArchive).or_else(|| first(&|class| class != Rejected && harness(class)));
    if let Some(class) = decisive.or_else(|| first(&harness)) {
        return Some(error(class, classified, other_major));
    }
    let finished = exit.success() || classified.iter().any(|(_, message)| message.text.contains("errors ignored on restore"));
    if finished {
        return None;
    }
    match (killed_by(exit), first(&|_| true)) {
        (Some(signal), _) => {
            Some(Error::harness(format!("{tool} was ended by signal {signal}")).hint("Look for memory that ran out (dmesg)."))
        }
        (None, Some(class)) => Some(error(class, classified, other_major)),
        (None, None) => Some(Error::harness(format!("{tool} failed without saying why ({exit})"))),
    }
}

/// Whether `pg_restore` ended as it may over a damaged table of contents: it crashed, or a length in it asked for more memory
/// than there is. The server's own lack of memory comes with `ERROR`, and who kills a tool sends other signals.
#[must_use]
pub fn may_be_damage(run: &ToolRun) -> bool {
    let crashes = [Signal::SEGV, Signal::ABORT, Signal::BUS, Signal::FPE];
    let out_of_memory = |line: &String| ["out of memory", "pg_restore: error: out of memory"].contains(&line.trim());
    match killed_by(run.exit) {
        Some(signal) => crashes.iter().any(|crash| crash.as_raw() == signal),
        None => !run.exit.success() && run.stderr.lines.iter().any(out_of_memory),
    }
}

/// The archive is damaged when merely listing it, for which no server is needed, does not work either.
#[must_use]
pub fn unlistable(listing: &ToolRun) -> Option<Error> {
    let refused = may_be_damage(listing) || (killed_by(listing.exit).is_none() && !listing.exit.success());
    let log = || judge("pg_restore", &listing.stderr, listing.exit, false).log.into_iter().map(|line| line.line);
    let message = || format!("{}: pg_restore cannot even list it ({})", CorruptArchive.title(), listing.exit);
    refused.then(|| Error::backup(message()).hint(CorruptArchive.hint()).evidence(log()))
}

fn killed_by(exit: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&exit)
}

/// How many lines prove an outcome.
const MOST_EVIDENCE: usize = 20;

/// An error that says no more than that the server went away, explained by the last lines of the server's log.
#[must_use]
pub fn explained(error: Error, log: &[String]) -> Error {
    let decisive = log.iter().find_map(|line| Some((Class::of_the_servers_end(line)?, line)));
    let Some((class, line)) = decisive.filter(|_| error.message.starts_with(&Class::ServerGone.title())) else {
        return error;
    };
    let said = line.split_once(":  ").map_or(line.as_str(), |(_, said)| said);
    let explained = Error::harness(format!("{}: {}", class.title(), scrub::line(said))).hint(class.hint());
    explained.evidence([scrub::line(line)]).evidence(error.evidence)
}

fn error(class: Class, classified: &[(Class, &Message)], other_major: bool) -> Error {
    let (message, evidence) = words(class, classified);
    let message = format!("{}: {message}", class.title());
    let error = match class.blame(other_major) {
        Blame::Backup => Error::backup(message),
        Blame::Harness | Blame::Scenario => Error::harness(message),
    };
    error.hint(class.hint()).evidence(evidence)
}

/// The message and the evidence for all messages of one class.
fn words(class: Class, classified: &[(Class, &Message)]) -> (String, Vec<String>) {
    let all: Vec<&Message> = classified.iter().filter(|(c, _)| *c == class).map(|(_, message)| *message).collect();
    let first = all.first().map(|message| message.headline()).unwrap_or_default();
    let more = if all.len() > 1 { format!(" (and {} more)", all.len() - 1) } else { String::new() };
    let evidence = all.iter().flat_map(|message| message.lines.clone()).take(MOST_EVIDENCE).collect();
    (format!("{first}{more}"), evidence)
}

fn outcomes(tool: &str, classified: &[(Class, &Message)], exit: ExitStatus, other_major: bool) -> Vec<Outcome> {
    let mut classes: Vec<Class> = classified.iter().map(|(class, _)| *class).filter(|class| *class != Note).collect();
    classes.sort();
    classes.dedup();
    let mut outcomes = vec![overall(tool, errors(classified).count(), exit)];
    outcomes.extend(classes.into_iter().map(|class| {
        let (message, evidence) = words(class, classified);
        let status = match class.blame(other_major) {
            _ if class == Warning => Status::Warn,
            Blame::Backup => Status::Fail,
            Blame::Harness | Blame::Scenario => Status::Error,
        };
        Outcome::new(format!("{RESTORE}: {}", class.title()), status, message).hint(class.hint()).evidence(evidence)
    }));
    outcomes
}

/// Only used when the restore is worth measuring, so what is left of errors speaks against the backup.
fn overall(tool: &str, errors: usize, exit: ExitStatus) -> Outcome {
    match errors {
        0 if exit.success() => Outcome::new(RESTORE, Status::Pass, format!("{tool} finished without an error")),
        0 => Outcome::new(RESTORE, Status::Error, format!("{tool} ended with {exit}")),
        1 => Outcome::new(RESTORE, Status::Fail, format!("{tool} finished, but one statement of the dump failed")),
        n => Outcome::new(RESTORE, Status::Fail, format!("{tool} finished, but {n} statements of the dump failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::postgres::class::Class::{
        ConstraintViolated, DiskFull, InvalidData, MissingExtension, MissingLanguage, MissingLocale, MissingRole,
        MissingTablespace, PermissionDenied, ServerGone, SyntaxError, TooNew, UnknownSetting,
    };
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;

    const FAILED: i32 = 1 << 8;

    /// What the recorded runs must come to: the class that decides, and whether the restore stops there.
    const RECORDED: &[(&str, Class, bool)] = &[
        ("pg_restore-cut_half", CorruptArchive, true),
        ("pg_restore-cut_half_j2", CorruptArchive, true),
        ("pg_restore-cut_last_byte", CorruptArchive, true),
        ("pg_restore-cut_in_toc", CorruptArchive, true),
        ("pg_restore-flip_data", CorruptArchive, true),
        ("pg_restore-flip_data_j2", CorruptArchive, true),
        ("pg_restore-flip_toc", CorruptArchive, true),
        ("pg_restore-int_size", CorruptArchive, true),
        ("pg_restore-not_an_archive", CorruptArchive, true),
        ("pg_restore-text_dump", CorruptArchive, true),
        ("pg_restore-newer_archive", TooNew, true),
        ("pg_restore-missing_extension", MissingExtension, true),
        ("pg_restore-missing_role", MissingRole, true),
        ("pg_restore-no_server", ServerGone, true),
        ("pg_restore-bad_integer", InvalidData, false),
        ("pg_restore-bad_utf8", InvalidData, false),
        ("pg_restore-duplicate_key", ConstraintViolated, false),
        ("pg_restore-foreign_key", ConstraintViolated, false),
        ("pg_restore-unknown_type", Rejected, false),
        ("psql-cut_in_copy", InvalidData, true),
        ("psql-cut_in_statement", SyntaxError, true),
        ("psql-disk_full", DiskFull, true),
        ("psql-duplicate_key", ConstraintViolated, true),
        ("psql-insert", Rejected, true),
        ("psql-invalid_command", SyntaxError, true),
        ("psql-lost_column", InvalidData, true),
        ("psql-missing_collation", MissingLocale, true),
        ("psql-missing_language", MissingLanguage, true),
        ("psql-missing_library", MissingExtension, true),
        ("psql-missing_locale", MissingLocale, true),
        ("psql-missing_role", MissingRole, true),
        ("psql-missing_table", Rejected, true),
        ("psql-missing_tablespace", MissingTablespace, true),
        ("psql-permission", PermissionDenied, true),
        ("psql-quote", SyntaxError, true),
        ("psql-server_killed", ServerGone, true),
        ("psql-syntax", SyntaxError, true),
        ("psql-terminated", ServerGone, true),
        ("psql-unknown_setting", UnknownSetting, true),
    ];

    fn lines(text: &str) -> Said {
        Said { lines: text.lines().map(str::to_owned).collect(), left_out: 0 }
    }

    fn recorded(name: &str) -> Said {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stderr");
        lines(&std::fs::read_to_string(folder.join(format!("{name}.txt"))).expect(name))
    }

    fn failed(said: &Said) -> Judgement {
        judge("pg_restore", said, ExitStatus::from_raw(FAILED), false)
    }

    #[test]
    fn recorded_runs_are_blamed_on_the_right_one() {
        for (name, class, stops) in RECORDED {
            let Judgement { log, outcomes, stop } = failed(&recorded(name));
            assert!(log.iter().any(|line| line.class == class.name()), "{name}: {log:#?}");
            assert_eq!(stop.is_some(), *stops, "{name}: {stop:#?}");
            if let Some(stop) = &stop {
                assert_eq!(stop.blame, class.blame(false), "{name}: {stop:#?}");
                assert!(stop.message.starts_with(&class.title()), "{name}: {stop:#?}");
                assert!(stop.hint.is_some() && !stop.evidence.is_empty(), "{name}");
            } else {
                let check = format!("restore: {}", class.title());
                let outcome = outcomes.iter().find(|outcome| outcome.check == check).expect(name);
                assert_eq!(outcome.status, Status::Fail, "{name}");
                assert_eq!(outcomes.first().map(|o| (o.check.as_str(), o.status)), Some((RESTORE, Status::Fail)), "{name}");
            }
        }
    }

    #[test]
    fn every_recorded_run_is_judged_above() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stderr");
        for entry in folder.read_dir().expect("fixtures") {
            let name = entry.expect("entry").file_name().into_string().expect("UTF-8");
            let Some(name) = name.strip_suffix(".txt").filter(|name| *name != "pg_restore-ok") else { continue };
            assert!(RECORDED.iter().any(|(recorded, _, _)| *recorded == name), "{name} is recorded but not judged");
        }
    }

    /// What the recorded runs of every major come to: the class, and whether the restore stops there.
    const EVERY_MAJOR: &[(&str, Class, bool)] = &[
        ("bad_value", InvalidData, false),
        ("check_violated", ConstraintViolated, false),
        ("cut_middle", CorruptArchive, true),
        ("cut_middle_j2", CorruptArchive, true),
        ("cut_one_byte", CorruptArchive, true),
        ("cut_toc", CorruptArchive, true),
        ("directory_flip_rows", CorruptArchive, true),
        ("directory_lost_member", CorruptArchive, true),
        ("directory_short_member", CorruptArchive, true),
        ("duplicate_row", ConstraintViolated, false),
        ("flip_data", CorruptArchive, true),
        ("flip_kind", CorruptArchive, true),
        ("flip_version", TooNew, true),
        ("missing_extension", MissingExtension, true),
        ("missing_role", MissingRole, true),
        ("newer_archive", TooNew, true),
        ("orphan_row", ConstraintViolated, false),
        ("short_row", InvalidData, false),
        ("tar_cut", CorruptArchive, true),
    ];

    #[test]
    fn every_major_is_understood() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stderr/majors");
        let mut judged = 0;
        for entry in folder.read_dir().expect("fixtures") {
            let name = entry.expect("entry").file_name().into_string().expect("UTF-8");
            let (case, _) = name.split_once('.').expect("a case and a major");
            let (_, class, stops) = EVERY_MAJOR.iter().find(|(known, _, _)| *known == case).expect(case);
            // 18 reads a file of rows that is cut to its end, and then the server misses a column.
            let (class, stops) = if name == "directory_short_member.18.txt" { (InvalidData, false) } else { (*class, *stops) };
            let said = lines(&std::fs::read_to_string(folder.join(&name)).expect("readable"));
            // The tools that only warn exit with 0.
            let exit = if said.lines.iter().any(|line| line.contains("error:")) { FAILED } else { 0 };
            let Judgement { log, outcomes, stop } = judge("pg_restore", &said, ExitStatus::from_raw(exit), false);
            assert!(log.iter().any(|line| line.class == class.name()), "{name}: {log:#?}");
            assert_eq!(stop.as_ref().map(|stop| stop.blame), stops.then(|| class.blame(false)), "{name}: {stop:#?}");
            let bad = outcomes.iter().any(|outcome| outcome.status == Status::Fail);
            assert!(stops || bad, "{name}: {outcomes:#?}");
            judged += 1;
        }
        assert!(judged > 4 * 12, "{judged}");
    }

    #[test]
    fn a_warning_that_hides_damage_is_damage() {
        for (line, blame) in [
            ("don't know how to set owner for object type \"TABLD\"", Blame::Backup),
            ("archive items not in correct section order", Blame::Backup),
            ("archive was made on a machine with larger integers, some operations might fail", Blame::Backup),
            (
                "archive is compressed, but this installation does not support compression -- no data will be available",
                Blame::Harness,
            ),
        ] {
            let said = lines(&format!("pg_restore: warning: {line}"));
            let judged = judge("pg_restore", &said, ExitStatus::from_raw(0), false);
            assert_eq!(judged.stop.map(|stop| stop.blame), Some(blame), "{line}");
        }
        // The same words out of a dump's own mouth are no more than words.
        let said = lines("psql:/x/y.sql:3: WARNING:  archive items not in correct section order");
        let judged = judge("psql", &said, ExitStatus::from_raw(0), false);
        assert!(judged.stop.is_none(), "{judged:?}");
    }

    #[test]
    fn no_value_of_the_data_is_repeated() {
        for (name, _, _) in RECORDED {
            let judged = format!("{:?}", failed(&recorded(name)));
            for value in ["user number", "secret value", "(4)", "9999", "1679091c5a880faf6fb5e6087eb1b2dc"] {
                assert!(!judged.contains(value), "{name} repeats {value}: {judged}");
            }
        }
    }

    #[test]
    fn a_clean_run_passes_and_a_warning_warns() {
        let ok = judge("pg_restore", &recorded("pg_restore-ok"), ExitStatus::from_raw(0), false);
        assert!(ok.stop.is_none() && ok.log.is_empty());
        assert_eq!(ok.outcomes, [Outcome::new(RESTORE, Status::Pass, "pg_restore finished without an error")]);
        let said = lines("pg_restore: warning: line ignored: x\npg_restore: error: nonsense");
        let clean = lines("psql:/x/y.sql:3: WARNING:  column \"a\" has type \"unknown\"");
        let warned = judge("psql", &clean, ExitStatus::from_raw(0), false);
        let outcomes: Vec<_> = warned.outcomes.iter().map(|o| (o.check.as_str(), o.status)).collect();
        assert_eq!(outcomes, [(RESTORE, Status::Pass), ("restore: warning", Status::Warn)]);
        assert_ne!(judge("pg_restore", &said, ExitStatus::from_raw(0), false).outcomes[0].status, Status::Pass);
    }

    #[test]
    fn the_environment_explains_what_follows_from_it() {
        let said = lines(
            "pg_restore: error: could not execute query: ERROR:  extension \"postgis\" is not available\n\
             pg_restore: error: could not execute query: ERROR:  type \"public.geometry\" does not exist\n\
             pg_restore: error: COPY failed for table \"a\": ERROR:  insert violates foreign key constraint \"b\"\n\
             pg_restore: warning: errors ignored on restore: 3",
        );
        let stop = failed(&said).stop.expect("stops");
        assert_eq!(
            (stop.blame, stop.message.as_str()),
            (Blame::Harness, "missing extension: extension \"postgis\" is not available")
        );
        assert!(stop.evidence.iter().any(|line| line.starts_with("rejected: ") && line.contains("geometry")), "{stop:?}");
        let corrupt = lines(
            "pg_restore: error: could not execute query: ERROR:  role \"a\" does not exist\n\
             pg_restore: error: could not uncompress data: incorrect data check",
        );
        assert_eq!(failed(&corrupt).stop.expect("stops").blame, Blame::Backup);
    }

    #[test]
    fn what_a_newer_server_refuses_is_not_held_against_the_backup() {
        let said = lines("psql:/x/y.sql:3: ERROR:  function public.f() does not exist");
        for (other_major, blame) in [(false, Blame::Backup), (true, Blame::Harness)] {
            let stop = judge("psql", &said, ExitStatus::from_raw(3 << 8), other_major).stop.expect("stops");
            assert_eq!(stop.blame, blame);
        }
    }

    #[test]
    fn the_servers_log_explains_why_it_went_away() {
        let gone = failed(&recorded("psql-server_killed")).stop.expect("stops");
        let log = |text: &str| vec!["2026-11-21 03:00:00.1 UTC [7] LOG:  starting".to_owned(), text.to_owned()];
        for (line, message, hint) in [
            (
                "2026-11-21 03:00:01.2 UTC [9] PANIC:  could not write to file \"pg_wal/xlogtemp.9\": No space left on device",
                "disk full: could not write to file \"pg_wal/xlogtemp.9\": No space left on device",
                DiskFull.hint(),
            ),
            ("2026-11-21 03:00:01.2 UTC [9] FATAL:  out of memory", "out of memory: out of memory", Class::OutOfMemory.hint()),
            ("2026-11-21 03:00:01.2 UTC [9] LOG:  shutting down", gone.message.as_str(), ServerGone.hint()),
        ] {
            let error = explained(gone.clone(), &log(line));
            assert_eq!((error.blame, error.message.as_str(), error.hint.as_deref()), (Blame::Harness, message, Some(hint)));
            assert!(error.evidence.iter().any(|shown| shown == line) || error == gone, "{error:?}");
        }
        let other = failed(&recorded("psql-quote")).stop.expect("stops");
        assert_eq!(explained(other.clone(), &log("PANIC:  No space left on device")), other);
    }

    #[test]
    fn an_outcome_does_not_repeat_its_name() {
        let outcome = failed(&recorded("pg_restore-unknown_type")).outcomes.remove(1);
        assert_eq!(outcome.check, "restore: rejected");
        assert!(!outcome.message.contains("rejected"), "{}", outcome.message);
    }

    #[test]
    fn a_value_that_looks_like_a_sign_is_none() {
        let said = lines(
            "psql:/x/y.sql:3: ERROR:  invalid input syntax for type integer: \"No space left on device\"\n\
             CONTEXT:  COPY t, line 1, column a: \"No space left on device\"",
        );
        assert_eq!(failed(&said).stop.expect("stops").blame, Blame::Backup);
    }

    #[test]
    fn a_crash_may_be_damage_and_a_kill_is_not() {
        let run = |status: i32, said: &str| ToolRun { exit: ExitStatus::from_raw(status), stderr: lines(said) };
        for (status, said, damage) in [
            (11, "", true),
            (6, "", true),
            (7, "", true),
            (8, "", true),
            (9, "", false),
            (15, "", false),
            (9, "out of memory", false),
            (FAILED, "", false),
            (FAILED, "out of memory", true),
            (FAILED, "pg_restore: error: out of memory", true),
            (FAILED, "pg_restore: error: could not execute query: ERROR:  out of memory", false),
        ] {
            assert_eq!(may_be_damage(&run(status, said)), damage, "{status} {said}");
        }
        assert_eq!(unlistable(&run(11, "")).map(|error| error.blame), Some(Blame::Backup));
        assert_eq!(unlistable(&run(FAILED, "")).map(|error| error.blame), Some(Blame::Backup));
        assert!(unlistable(&run(0, "")).is_none() && unlistable(&run(9, "")).is_none());
    }

    #[test]
    fn a_tool_that_was_killed_or_is_silent_is_ours() {
        for status in [9, FAILED] {
            let stop = judge("pg_restore", &Said::default(), ExitStatus::from_raw(status), false).stop.expect("stops");
            assert_eq!(stop.blame, Blame::Harness, "{status}");
        }
        let restrict = lines("psql:/x/y.sql:5: error: invalid command \\restrict");
        let stop = failed(&restrict).stop.expect("stops");
        assert!(stop.blame == Blame::Harness && stop.message.starts_with("too new"), "{stop:?}");
    }
}
