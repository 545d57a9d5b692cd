//! The kinds of trouble a restore can have: how each is told, who must act, and what to do about it.

use crate::error::Blame;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The archive's bytes are damaged.
    CorruptArchive,
    /// No room on the disk.
    DiskFull,
    /// No memory left.
    OutOfMemory,
    /// The server does not answer, or went away.
    ServerGone,
    /// Not allowed.
    PermissionDenied,
    /// The tool does not understand its call.
    WrongCall,
    /// The archive has no oplog to replay.
    NoOplog,
    /// The data does not fit a unique index of the archive's own.
    IndexNotBuilt,
    /// The server does not want an index, whatever the data.
    IndexRefused,
    /// A document is there twice.
    DuplicateKey,
    /// A document does not fit its collection's own validator.
    ValidationFailed,
    /// The server does not know an option of a collection.
    OptionRefused,
    /// The server refused something else.
    Rejected,
}

use Class::{
    CorruptArchive, DiskFull, DuplicateKey, IndexNotBuilt, IndexRefused, NoOplog, OptionRefused, OutOfMemory, PermissionDenied,
    Rejected, ServerGone, ValidationFailed, WrongCall,
};

/// What tells the classes apart, in small letters, tried in this order.
const SIGNS: &[(Class, &[&str])] = &[
    (DiskFull, &["no space left on device", "outofdiskspace", "disk quota exceeded"]),
    (OutOfMemory, &["out of memory", "cannot allocate memory", "exceededmemorylimit"]),
    (
        CorruptArchive,
        &[
            "corruption found in archive",
            "error demultiplexing archive",
            "archive finished but contained files were unfinished",
            "archive finished before all collections were seen",
            "crc mismatch for namespace",
            "does not appear to be a mongodump archive",
            "failure reading beginning of archive",
            "consecutive terminators",
            "no intent for collection in archive",
            "namespaceheader",
        ],
    ),
    (
        ServerGone,
        &[
            "server selection error",
            "connection refused",
            "connection reset",
            "broken pipe",
            "socket was unexpectedly closed",
            "connection() error",
            "incomplete read of message header",
            "interruptedatshutdown",
            "error connecting to host",
            "dial unix",
        ],
    ),
    (PermissionDenied, &["requires authentication", "not authorized", "unauthorized", "authentication failed"]),
    (NoOplog, &["no oplog file to replay"]),
    (WrongCall, &["error parsing command line options", "invalid includes", "invalid excludes", "invalid renames"]),
    (ValidationFailed, &["document failed validation", "documentvalidationfailure"]),
    (OptionRefused, &["error creating collection", "create command:"]),
];

/// The last two: servers of this protocol that lie on `PostgreSQL`.
const DUPLICATE: &[&str] = &["e11000", "duplicate key", "could not create exclusion constraint", "could not create unique index"];
const INDEX: &[&str] = &["error creating indexes for", "error creating index", "createindex error"];

impl Class {
    /// The class of a complaint.
    pub fn of(complaint: &str) -> Self {
        let complaint = complaint.to_lowercase();
        let says = |signs: &[&str]| signs.iter().any(|sign| complaint.contains(sign));
        if let Some((class, _)) = SIGNS.iter().find(|(_, signs)| says(signs)) {
            return *class;
        }
        match (says(INDEX), says(DUPLICATE)) {
            (true, true) => IndexNotBuilt,
            (true, false) => IndexRefused,
            (false, true) => DuplicateKey,
            (false, false) => Rejected,
        }
    }

    /// Its stable name in the evidence.
    pub const fn name(self) -> &'static str {
        match self {
            CorruptArchive => "corrupt_archive",
            DiskFull => "disk_full",
            OutOfMemory => "out_of_memory",
            ServerGone => "server_gone",
            PermissionDenied => "permission_denied",
            WrongCall => "wrong_call",
            NoOplog => "no_oplog",
            IndexNotBuilt => "index_not_built",
            IndexRefused => "index_refused",
            DuplicateKey => "duplicate_key",
            ValidationFailed => "validation_failed",
            OptionRefused => "option_refused",
            Rejected => "rejected",
        }
    }

    /// Who must act. What a server refuses for reasons of its own may be the server's version, so it is not held against the backup.
    pub const fn blame(self) -> Blame {
        match self {
            CorruptArchive | IndexNotBuilt | DuplicateKey | ValidationFailed => Blame::Backup,
            NoOplog => Blame::Scenario,
            _ => Blame::Harness,
        }
    }

    /// What to do about it: a full sentence.
    pub const fn hint(self) -> &'static str {
        match self {
            CorruptArchive => "Restore an older backup, and look at how this one was written and moved.",
            DiskFull => "Free some space, or point `scratch.dir` in assay.yaml to a larger disk.",
            OutOfMemory => "Raise `runtime.memory`, or run fewer scenarios at once.",
            ServerGone => "Read the server's last lines; a killed process often means that memory ran out.",
            PermissionDenied => "The server must let its own user in without a password: nobody else reaches its socket.",
            WrongCall => "Install the MongoDB Database Tools 100.6 or newer.",
            NoOplog => "Leave `oplog_replay` out, or make the dump with `mongodump --oplog`.",
            IndexNotBuilt => "The backup holds documents that its own unique index refuses: look for damage at the source.",
            IndexRefused => "Restore into the MongoDB version that made the dump: this one does not know such an index.",
            DuplicateKey => "The backup holds the same _id or unique value twice: look for damage at the source.",
            ValidationFailed => {
                "The backup holds documents that the collection's own validator refuses: mend them at the source."
            }
            OptionRefused => "Restore into the MongoDB version that made the dump: this one does not know such an option.",
            Rejected => "If the server's major is not the dump's, install that one; else read what the tool said.",
        }
    }

    /// `duplicate key`.
    pub fn title(self) -> String {
        self.name().replace('_', " ")
    }
}

/// A message without what stands in braces: servers repeat documents and keys there.
#[must_use]
pub fn without_values(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    // A line that was cut in a document has no closing brace: nothing behind the opening one is shown.
    let after = rest.rsplit_once('}').map_or("", |(_, after)| after);
    format!("{before}{{...}}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_in_a_message_are_left_out() {
        for (text, shown) in [
            ("dup key: { email: \"jane@example.net\" }", "dup key: {...}"),
            ("a { b: { c: 1 } } d", "a {...} d"),
            ("cut { email: \"jane@exa", "cut {...}"),
            ("} odd { x", "} odd {...}"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_values(text), shown);
        }
    }
}
