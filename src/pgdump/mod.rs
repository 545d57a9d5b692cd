//! Reads `PostgreSQL` dumps without a server: what is in them, counted from their own bytes, and what is wrong with the bytes.
//!
//! Every dump that `pg_dump` and `pg_dumpall` write is read as a stream, once, in bounded memory: custom archives, tar archives, directories
//! (as a tar stream), and SQL scripts. The result is a [`Survey`]: rows per table, large objects, the objects by kind, and [`Damage`].
//! It is the artifact's census, and the only look at a dump that sees what the tools pass over without a word.

mod archive;
pub mod script;
pub mod sql;

pub use archive::{Compression, Contents, DataMark, Entry, Format, Header, Section, contents, header};

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

/// Reads a dump from its first byte to its last, once, in memory that does not grow with it (but for its table of contents).
/// The format is told by its first bytes.
///
/// # Errors
/// Reading failed: the reader's own error, unchanged. What is wrong with the bytes is in the survey.
pub fn survey(input: impl Read) -> io::Result<Survey> {
    let mut wire = archive::Wire::new(input, 0);
    if let Some(survey) = archive::survey(&mut wire)? {
        return Ok(survey);
    }
    script::survey(wire)
}

/// What a dump holds, as its own bytes tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// The databases in the order of the dump. A script of `pg_dumpall` has as many as it connects to; every other dump one.
    pub databases: Vec<Database>,
    /// What is wrong with the bytes, in the order in which it was met; empty when nothing is.
    pub damages: Vec<Damage>,
    /// What no look at these bytes can tell, for the list of what was not tested.
    pub blind: BTreeSet<Blind>,
}

/// One database of a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// Its name, where the dump tells it.
    pub name: Option<String>,
    /// The rows in the dump per table that has data in it, by `schema.table`, unquoted. A table may have data and no rows.
    pub tables: BTreeMap<String, u64>,
    /// How many large objects the dump holds.
    pub large_objects: u64,
    /// The objects that the dump makes, by kind. The kinds are those of a restored census' inventory (`indexes`, `constraints` ...), the
    /// names too: `schema.name`; `schema.table.name` for what belongs to a table; `schema.name(type, type)` for functions.
    /// Empty for scripts that `pg_dump` did not write: nothing is promised there.
    pub objects: BTreeMap<&'static str, BTreeSet<String>>,
    /// The parent of each partition, both by `schema.table`: with `--load-via-partition-root` the rows of a whole tree stand at its root.
    pub partitions: BTreeMap<String, String>,
}

impl Database {
    /// Leaves out what has names that cannot be compared: those in encodings other than UTF-8 and LATIN1. Whether there were any.
    fn keep_plain_names(&mut self) -> bool {
        let names = self.tables.len() + self.objects.values().map(BTreeSet::len).sum::<usize>();
        self.tables.retain(|name, _| name.is_ascii());
        self.objects.values_mut().for_each(|kind| kind.retain(|name| name.is_ascii()));
        names > self.tables.len() + self.objects.values().map(BTreeSet::len).sum::<usize>()
    }
}

/// One thing that is wrong with a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// How many bytes into the dump it was met.
    pub at: u64,
    /// What is wrong, as a sentence fragment that names the table or entry where there is one, and never a value.
    pub what: String,
    /// What kind of trouble it is.
    pub cause: Cause,
}

/// What kind of trouble a damage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It ends too early.
    Cut,
    /// Bytes were changed, lost or added in the middle.
    Changed,
    /// Something stands behind the end.
    Behind,
    /// It is not what its format promises: written by something else.
    Unknown,
    /// It is of a version that is not known here: nothing speaks against it, and nothing for it.
    Newer,
}

/// What no look at a dump's bytes can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blind {
    /// A changed byte in rows that have no checksum: those stored as they are, and those in LZ4 and Zstandard as `pg_dump` writes them.
    ChangedRow,
    /// A changed byte in the definitions of an archive: its table of contents has no checksum.
    ChangedDefinition,
    /// Whole lines lost from a script.
    LostLines,
    /// The end of a script that has no closing line.
    LostEnd,
    /// What has a name that is written in an encoding which is not converted here: it is not counted.
    Names,
}

/// Why a dump could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Its bytes are wrong.
    #[error("{} (at byte {})", .0.what, .0.at)]
    Damage(Damage),
    /// The reader below failed; its own error, unchanged.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// It ends too early, here.
    fn cut(at: u64, what: impl Into<String>) -> Self {
        Self::Damage(Damage { at, what: what.into(), cause: Cause::Cut })
    }

    /// The same damage, with the name of what it was met in.
    fn within(self, name: &str) -> Self {
        match self {
            Self::Damage(damage) => Self::Damage(Damage { what: format!("{}, in {name}", damage.what), ..damage }),
            io @ Self::Io(_) => io,
        }
    }

    /// The same damage in other words, when it is one.
    fn named(self, what: &str) -> Self {
        match self {
            Self::Damage(damage) => Self::Damage(Damage { what: what.to_owned(), ..damage }),
            io @ Self::Io(_) => io,
        }
    }
}
