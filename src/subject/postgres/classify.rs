//! What a tool's complaints mean, and who is to blame: the one place that decides it for `PostgreSQL`. Pure, and tested over
//! recorded output of the real tools.
//!
//! The environment's classes are listed one by one. An error that is none of them was caused by what the dump itself
//! says, so it speaks against the backup, except when the server is of another major than the dump's: then it may be the
//! difference.

use super::messages::{self, Level, Message};
use crate::check::{Outcome, Status};
use crate::error::{Blame, Error};
use crate::runtime::local::KeptLines;
use crate::subject::LogLine;
use std::process::ExitStatus;

/// The name of the overall outcome; those of the classes start with it.
pub const RESTORE: &str = "restore";

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The archive's bytes are damaged.
    CorruptArchive,
    /// No room on the disk.
    DiskFull,
    /// The disk does not read or write.
    DiskFailure,
    /// No memory left.
    OutOfMemory,
    /// The server went away.
    ServerGone,
    /// Something was cancelled by a limit.
    Cancelled,
    /// The dump needs a newer server or tool.
    TooNew,
    /// A setting that this server does not know.
    UnknownSetting,
    /// An extension is not installed here.
    MissingExtension,
    /// A procedural language is not installed here.
    MissingLanguage,
    /// A collation, locale or dictionary of the operating system.
    MissingLocale,
    /// A tablespace.
    MissingTablespace,
    /// A role: roles are not part of a dump.
    MissingRole,
    /// Not allowed.
    PermissionDenied,
    /// The data does not fit its own constraints.
    ConstraintViolated,
    /// The data does not fit its columns.
    InvalidData,
    /// It is not SQL.
    SyntaxError,
    /// The server refused something else.
    Rejected,
    /// A warning.
    Warning,
    /// Nothing to act on.
    Note,
}

use Class::{
    Cancelled, ConstraintViolated, CorruptArchive, DiskFailure, DiskFull, InvalidData, MissingExtension, MissingLanguage,
    MissingLocale, MissingRole, MissingTablespace, Note, OutOfMemory, PermissionDenied, Rejected, ServerGone, SyntaxError,
    TooNew, UnknownSetting, Warning,
};

/// What tells the classes apart, tried in this order.
const SIGNS: &[(Class, &[&str])] = &[
    (DiskFull, &["No space left on device", "Disk quota exceeded"]),
    (DiskFailure, &["Input/output error", "Read-only file system"]),
    (OutOfMemory, &["out of memory", "out of shared memory", "Cannot allocate memory"]),
    (
        ServerGone,
        &[
            "server closed the connection unexpectedly",
            "terminating connection",
            "connection to server",
            "no connection to the server",
            "could not receive data from server",
            "could not send data to server",
            "the database system is",
            "a worker process died unexpectedly",
        ],
    ),
    (Cancelled, &["canceling statement due to"]),
    (
        TooNew,
        &[
            ") in file header",
            "invalid command \\restrict",
            "invalid command \\unrestrict",
            "this installation does not support compression",
            "this build does not support compression",
        ],
    ),
    (
        CorruptArchive,
        &[
            "could not read from input file",
            "unexpected end of file",
            "end of file",
            "incorrect data check",
            "could not uncompress",
            "could not decompress",
            "did not find magic string",
            "does not appear to be a valid archive",
            "input file is too short",
            "could not find block ID",
            "found unexpected block ID",
            "unrecognized data block type",
            "unrecognized archive format",
            "out of range -- perhaps a corrupt TOC",
            "unexpected data offset flag",
            "sanity check on integer size",
            "differs from format found in file",
            "invalid OID for large object",
            "invalid entry",
            "invalid ENCODING item",
            "invalid STDSTRINGS item",
            "invalid SEARCHPATH item",
            "unrecognized encoding",
            "bogus",
        ],
    ),
    (
        MissingExtension,
        &[
            "is not available",
            "could not open extension control file",
            "could not access file \"$libdir",
            "has no installation script nor update path",
            "must be loaded via",
        ],
    ),
    (UnknownSetting, &["unrecognized configuration parameter"]),
    (MissingTablespace, &["tablespace \"", "Tablespace \"", "invalid value for parameter \"default_tablespace\""]),
    (MissingRole, &["role \""]),
    (MissingLanguage, &["language \""]),
    (
        MissingLocale,
        &["collation \"", "invalid locale name", "could not create locale", "ICU is not supported", "could not open dictionary"],
    ),
    (PermissionDenied, &["permission denied", "must be superuser", "must be owner", "Permission denied"]),
    (
        ConstraintViolated,
        &["violates ", "could not create unique index", "could not create exclusion constraint", "is violated by some row"],
    ),
    (
        InvalidData,
        &[
            "invalid byte sequence",
            "invalid input ",
            "extra data after last expected column",
            "missing data for column",
            "out of range",
            "value too long",
            "found in data",
            "end-of-copy marker",
            "unexpected EOF",
            "malformed ",
        ],
    ),
    (SyntaxError, &["syntax error", "unterminated ", "invalid command \\"]),
];

/// Quoted names: a sign that a thing of this kind is missing only counts together with these words.
const MISSING: &str = "does not exist";

impl Class {
    fn of(message: &Message) -> Self {
        match message.level {
            Level::Note => return Note,
            Level::Warning if message.text.contains("wal_level is insufficient") => return Note,
            Level::Warning if message.text.contains("errors ignored on restore") => return Note,
            Level::Warning if !message.text.contains("terminating connection") => return Warning,
            Level::Warning | Level::Error => {}
        }
        let named = |class: Self| {
            matches!(class, MissingTablespace | MissingRole | MissingLanguage)
                || (class == MissingLocale && !message.says("locale"))
        };
        let found = SIGNS.iter().find(|(class, signs)| {
            let sign = signs.iter().any(|sign| message.says(sign));
            sign && (!named(*class) || message.says(MISSING) || message.says("dictionary") || message.says("ICU"))
        });
        found.map_or(Rejected, |(class, _)| *class)
    }

    /// Its stable name in the evidence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CorruptArchive => "corrupt_archive",
            DiskFull => "disk_full",
            DiskFailure => "disk_failure",
            OutOfMemory => "out_of_memory",
            ServerGone => "server_gone",
            Cancelled => "cancelled",
            TooNew => "too_new",
            UnknownSetting => "unknown_setting",
            MissingExtension => "missing_extension",
            MissingLanguage => "missing_language",
            MissingLocale => "missing_locale",
            MissingTablespace => "missing_tablespace",
            MissingRole => "missing_role",
            PermissionDenied => "permission_denied",
            ConstraintViolated => "constraint_violated",
            InvalidData => "invalid_data",
            SyntaxError => "syntax_error",
            Rejected => "rejected",
            Warning => "warning",
            Note => "note",
        }
    }

    /// Who must act on an error of this class.
    const fn blame(self, other_major: bool) -> Blame {
        match self {
            CorruptArchive | ConstraintViolated | InvalidData | SyntaxError => Blame::Backup,
            Rejected if !other_major => Blame::Backup,
            _ => Blame::Harness,
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            CorruptArchive => "Restore an older backup, and look at how this one was written and moved.",
            DiskFull => "Free some space, or point `scratch.dir` in assay.yaml to a larger disk.",
            DiskFailure => "Check the disk under `scratch.dir`.",
            OutOfMemory => "Raise `runtime.memory`, or run fewer scenarios at once.",
            ServerGone => "Read the server's last lines; a killed process often means that memory ran out.",
            Cancelled => "Look for a limit in the dump's own settings.",
            TooNew => "Install the PostgreSQL version that made the dump, or its newest minor release.",
            UnknownSetting => "Install the PostgreSQL version that made the dump, or the extension that this setting belongs to.",
            MissingExtension => "Install the extension's package, on Debian and Ubuntu postgresql-<version>-<extension>.",
            MissingLanguage => "Install the language's package, on Debian and Ubuntu postgresql-pl<language>-<version>.",
            MissingLocale => "Install the locale on this machine, with the operating system's own tools.",
            MissingTablespace => "Make the dump with --no-tablespaces, or in the custom format (-Fc).",
            MissingRole => "Make the dump with --no-owner --no-privileges, or in the custom format (-Fc).",
            PermissionDenied => "The dump asks for something that a server without rights on this machine cannot do.",
            ConstraintViolated => "The backup holds rows that its own constraints refuse: look for damage at the source.",
            InvalidData => "The backup holds data that does not fit its own columns: look for damage on the way to the store.",
            SyntaxError => "The dump is damaged, or it is not a dump of PostgreSQL.",
            Rejected => "If the server's major is not the dump's, install that one; else the backup lacks what it refers to.",
            Warning | Note => "Read the tool's lines.",
        }
    }

    /// `missing extension`.
    fn title(self) -> String {
        self.name().replace('_', " ")
    }
}

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
pub fn judge(tool: &str, said: &KeptLines, exit: ExitStatus, other_major: bool) -> Judgement {
    let messages = messages::read(&said.lines);
    let classified: Vec<(Class, &Message)> = messages.iter().map(|message| (Class::of(message), message)).collect();
    let log = classified.iter().flat_map(|(class, message)| {
        message.lines.iter().map(|line| LogLine { class: class.name().to_owned(), line: line.clone() })
    });
    let stop = stop(tool, &classified, exit, other_major).map(|error| error.evidence(left_out(said)));
    Judgement { log: log.collect(), outcomes: outcomes(tool, &classified, exit, other_major), stop }
}

fn left_out(said: &KeptLines) -> Option<String> {
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

fn killed_by(exit: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&exit)
}

/// How many lines prove an outcome.
const MOST_EVIDENCE: usize = 20;

fn error(class: Class, classified: &[(Class, &Message)], other_major: bool) -> Error {
    let (message, evidence) = words(class, classified);
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
    (format!("{}: {first}{more}", class.title()), evidence)
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
