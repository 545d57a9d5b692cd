//! Reads `mongodump --archive` without a server: what is in it, counted from its own bytes, and what is wrong with the bytes.
//!
//! An archive is read as a stream, once, in bounded memory. The result is a [`Survey`]: documents per collection, indexes and options
//! as the archive lists them, and [`Damage`]. It is the only full check of an archive that needs no server: `mongorestore --dryRun`
//! returns before it reads a body. [`contents`] tells what a few first bytes already show.
//!
//! Layout (`common/archive/{spec.md,parser,prelude,multiplexer,demultiplexer}.go` of mongo-tools):
//!
//! ```text
//! 6d e2 99 81                                        magic
//! header {concurrent_collections, version, server_version, tool_version}
//! {db, collection, metadata, size, type} ...         the list of the collections, each with its options and indexes as JSON
//! ff ff ff ff
//! blocks: {db, collection, EOF, CRC}  documents ...  ff ff ff ff
//! ```
//!
//! The blocks of several collections interleave. Each collection has one closing block: `EOF` is true, and `CRC` is the CRC-64/XZ of all
//! its documents. There is no length of the whole and no mark at its end: an archive is complete when each listed collection is closed.

mod blocks;
mod bson;
mod census;
mod finish;
mod metadata;
mod prelude;
mod tally;
mod window;

use jiff::Timestamp;
use std::collections::BTreeSet;
use std::io::{self, Read};

/// The first bytes of every archive.
pub const MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];

/// So many damages are kept. One bad block can lead to thousands that say nothing new.
pub const MOST_DAMAGES: usize = 100;

/// What an archive holds, as its own bytes tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Who wrote it. Absent when its bytes are damaged there.
    pub header: Option<Header>,
    /// The collections and views in the order of the archive's list; behind them those that have data and are not listed (a damage).
    pub namespaces: Vec<Namespace>,
    /// The oplog that `mongodump --oplog` adds.
    pub oplog: Option<Oplog>,
    /// What is wrong with the bytes, in the order in which it was met; empty when nothing is. At most [`MOST_DAMAGES`].
    pub damages: Vec<Damage>,
    /// What no look at these bytes can tell, for the list of what was not tested.
    pub blind: BTreeSet<Blind>,
}

/// The header of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How many collections were dumped at once: `mongodump -j`.
    pub concurrent_collections: i32,
    /// The version of the format: `0.1`, since there are archives.
    pub format: String,
    /// The version of the server that was dumped, such as `7.0.14`.
    pub server: String,
    /// The version of mongodump.
    pub tool: String,
}

/// One collection or view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its database.
    pub db: String,
    /// Its name in the database.
    pub collection: String,
    /// What it is.
    pub kind: Kind,
    /// The names of the options that it was made with: `validator`, `collation`, `expireAfterSeconds` ...
    pub options: BTreeSet<String>,
    /// Its indexes, in the order of the archive.
    pub indexes: Vec<Index>,
    /// How many documents the archive holds of it. Those of a time series are its buckets.
    pub documents: u64,
    /// The measurements in the buckets of a time series; absent when a bucket does not tell, and for everything else.
    pub measurements: Option<u64>,
    /// How many bytes its documents have.
    pub bytes: u64,
    /// The CRC-64/XZ of its documents, as its closing block tells it; absent without that block.
    pub crc: Option<u64>,
    /// The newest time in an `_id` that is an `ObjectId`, to the second.
    pub newest: Option<Timestamp>,
    /// It was closed, and nothing is wrong with its documents.
    pub complete: bool,
}

/// What a namespace is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary collection.
    #[default]
    Collection,
    /// A collection of a fixed size.
    Capped,
    /// A view; the archive holds its definition and no documents. `mongodump --viewsAsCollections` makes collections of views.
    View {
        /// The collection that it looks at.
        on: String,
    },
    /// A time series; the documents in the archive are its buckets.
    TimeSeries {
        /// The field with the time of a measurement.
        time_field: String,
    },
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its keys in their order.
    pub keys: Vec<Key>,
}

/// One key of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The field's path.
    pub field: String,
    /// `1`, `-1`, `text`, `hashed`, `2dsphere` ...
    pub order: String,
}

/// The oplog of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oplog {
    /// How many entries it has.
    pub entries: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The time of its newest entry, to the second: the archive is of this moment.
    pub until: Option<Timestamp>,
    /// It was closed, and nothing is wrong with its entries.
    pub complete: bool,
}

/// One thing that is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// How many bytes into the archive it was met.
    pub at: u64,
    /// What is wrong, as a sentence fragment that names the collection where there is one, and never a value.
    pub what: String,
    /// What kind of trouble it is.
    pub cause: Cause,
    /// The collection that it is about, by `db.collection`; absent when it is about the archive.
    pub namespace: Option<String>,
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
    /// It is whole, but not what its format promises: written by something else, or by a newer version.
    Unknown,
}

/// What no look at an archive's bytes can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blind {
    /// A changed byte in the list of the collections: versions, options and indexes have no checksum.
    ChangedDefinition,
    /// A time series whose buckets do not tell how many measurements are in them.
    Measurements,
}

/// What the beginning of an archive tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Who wrote it. Absent when the beginning is too short for it, or damaged.
    pub header: Option<Header>,
    /// The collections and views that the beginning lists; nothing is counted in them.
    pub namespaces: Vec<Namespace>,
    /// The list was read to its end.
    pub whole: bool,
}

/// Reads an archive to its end, whatever is found on the way. `input` gives its bytes without the gzip around them.
///
/// Memory: 256 KiB, or the largest document (at most 16 MiB), and what [`Survey`] holds. A length in the archive is no allocation: the
/// buffer grows as the bytes come.
///
/// # Errors
/// Those of `input`, unchanged. What is wrong with the bytes is no error but a [`Damage`].
pub fn survey(input: impl Read) -> io::Result<Survey> {
    blocks::survey(input)
}

/// What the first bytes of an archive tell; a few kilobytes have all of it for some dozen collections. `None`: it is no archive.
#[must_use]
pub fn contents(head: &[u8]) -> Option<Contents> {
    prelude::contents(head)
}

/// Whether data with these first bytes is an archive.
#[must_use]
pub fn recognises(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

impl Header {
    /// Major and minor version of the server that was dumped: `(7, 0)`. `None` when it is written in no known way.
    #[must_use]
    pub fn server_version(&self) -> Option<(u32, u32)> {
        let release = self.server.split(['-', '+']).next()?;
        let mut parts = release.trim_start_matches('v').split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    }
}

impl Namespace {
    /// Its full name, as a check names it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.db, self.collection)
    }

    /// Whether it is the server's own: users, roles, versions, the configuration of a cluster. Restoring it makes no data. Sources:
    /// `mongodump/prepare.go` (`shouldSkipSystemNamespace`), `--dumpDbUsersAndRoles` (`$admin.system.*`).
    #[must_use]
    pub fn is_internal(&self) -> bool {
        let system = self.db == "admin" && self.collection.starts_with("system.");
        system || self.db == "config" || self.collection.starts_with("$admin.system.")
    }
}
