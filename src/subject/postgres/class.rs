//! The kinds of trouble a restore can have: how each is told, who must act, and what to do about it.

use super::messages::{Level, Message};
use crate::error::Blame;

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

/// What tells the classes apart, tried in this order. `…` stands for anything.
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
            "unsupported version (…) in file header",
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
            "incorrect data check",
            "could not uncompress",
            "could not decompress",
            "did not find magic string",
            "does not appear to be a valid archive",
            "input file is too short",
            "appears to be a text format dump",
            "could not find block ID",
            "found unexpected block ID",
            "unrecognized data block type",
            "unrecognized archive format",
            "out of range -- perhaps a corrupt TOC",
            "unexpected data offset flag",
            "sanity check on integer size",
            "differs from format found in file",
            "invalid OID for large object",
            "invalid ENCODING item",
            "invalid STDSTRINGS item",
            "invalid SEARCHPATH item",
            "unexpected section code",
            "invalid dumpId",
            "could not find header for file",
            "could not find file \"…\" in archive",
            "is required, but comes before \"…\" in the archive file",
            "corrupt tar header found",
            "incomplete tar header found",
            "mismatch in actual vs. predicted file position",
            // A part of a dump that was laid out by us from what the archive holds.
            "could not open input file \"…\": No such file",
            "could not open large object TOC file \"…\" for input: No such file",
            "invalid line in large object TOC file",
            "could not close data file",
            "don't know how to set owner for object type",
            "archive items not in correct section order",
            "archive was made on a machine with larger integers",
        ],
    ),
    (
        MissingExtension,
        &[
            "extension \"…\" is not available",
            "could not open extension control file",
            "could not access file \"",
            "has no installation script nor update path",
            "must be loaded via",
        ],
    ),
    (UnknownSetting, &["unrecognized configuration parameter"]),
    (MissingTablespace, &["ablespace \"…\" does not exist"]),
    (MissingRole, &["role \"…\" does not exist"]),
    (MissingLanguage, &["language \"…\" does not exist"]),
    (
        MissingLocale,
        &[
            "collation \"…\" does not exist",
            "invalid locale name",
            "could not create locale",
            "ICU is not supported",
            "could not open dictionary",
        ],
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

/// Whether a warning says that something is lost or was never right: the tool goes on, and exits with 0.
fn more_than_a_warning(message: &Message) -> bool {
    let lost = ["terminating connection", "this installation does not support compression"];
    let never_right = SIGNS.iter().filter(|(class, _)| *class == CorruptArchive).flat_map(|(_, signs)| signs.iter());
    lost.iter().any(|sign| message.says(sign)) || (!message.by_server && never_right.into_iter().any(|sign| message.says(sign)))
}

impl Class {
    /// The class of a message.
    pub fn of(message: &Message) -> Self {
        match message.level {
            Level::Note => return Note,
            Level::Warning if message.text.contains("tables were not subscribed") => return Note,
            Level::Warning if message.text.contains("subscription was created, but is not connected") => return Note,
            Level::Warning if message.text.contains("insufficient to publish logical changes") => return Note,
            Level::Warning if message.text.contains("errors ignored on restore") => return Note,
            Level::Warning if !more_than_a_warning(message) => return Warning,
            Level::Warning | Level::Error => {}
        }
        // A script that connects to a database that it lacks.
        if message.text.contains("connection to server") && message.text.contains("\" does not exist") {
            return Rejected;
        }
        // Damage to the archive is what the tool finds, not what the server says.
        let possible = |class: Self| class != CorruptArchive || !message.by_server;
        let found = SIGNS.iter().find(|(class, signs)| possible(*class) && signs.iter().any(|sign| message.says(sign)));
        found.map_or(Rejected, |(class, _)| *class)
    }

    /// What a line of the server's log says of why the server ended: what the tools only see as a lost connection.
    pub fn of_the_servers_end(line: &str) -> Option<Self> {
        let ends = SIGNS.iter().filter(|(class, _)| matches!(class, DiskFull | DiskFailure | OutOfMemory));
        ends.into_iter().find(|(_, signs)| signs.iter().any(|sign| line.contains(sign))).map(|(class, _)| *class)
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
    pub const fn blame(self, other_major: bool) -> Blame {
        match self {
            CorruptArchive | ConstraintViolated | InvalidData | SyntaxError => Blame::Backup,
            Rejected if !other_major => Blame::Backup,
            _ => Blame::Harness,
        }
    }

    /// What to do about it: a full sentence.
    pub const fn hint(self) -> &'static str {
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
    pub fn title(self) -> String {
        self.name().replace('_', " ")
    }
}
