//! The table of contents of an archive: every object and every piece of data, in the order of the restore.
//!
//! Layout: `WriteToc` in `pg_backup_archiver.c`, `_WriteExtraToc` in `pg_backup_custom.c` (a place), `pg_backup_tar.c` and
//! `pg_backup_directory.c` (a file's name) of `PostgreSQL`. Nothing sums it up; here stands only what makes it impossible to read on.

use super::super::Failure;
use super::header::{Format, Header, refuse_other_versions};
use super::wire::{Wire, changed};
use std::io::Read;
use std::ops::RangeInclusive;

/// What an entry's flag says of its data.
const NOT_SET: u8 = 1;
const SET: u8 = 2;
const NO_DATA: u8 = 3;

/// Longest strings that are read: numbers and flags, names (functions have one with all the types of their arguments), statements.
const NUMBER: usize = 32;
const NAME: usize = 256 << 10;
const STATEMENT: usize = 256 << 20;

/// The header and the whole table of contents of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The header.
    pub header: Header,
    /// The entries in their order.
    pub entries: Vec<Entry>,
}

/// One entry of the table of contents. Strings that are NULL are empty: `pg_dump` means the same by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it begins, in bytes from the dump's first.
    pub at: u64,
    /// Its number.
    pub id: i32,
    /// `pg_dump` had data to write for it (`hadDumper`).
    pub had_data: bool,
    /// The class of the object in the dumped database's catalogue; 0 for none.
    pub table_oid: u32,
    /// The object's number in that class; 0 for none.
    pub oid: u32,
    /// The object's name: `users`; `users users_pkey` for what belongs to a table; `f(integer)` for a function.
    pub tag: String,
    /// What it is: `TABLE`, `TABLE DATA`, `INDEX` ...
    pub desc: String,
    /// When it is restored.
    pub section: Section,
    /// The statements that make it.
    pub definition: String,
    /// The statement that drops it.
    pub drop: String,
    /// The statement that its rows follow: `COPY ... FROM stdin;`. Empty for rows in INSERT statements.
    pub copy: String,
    /// The schema it is in; empty for none.
    pub schema: String,
    /// Its tablespace; `None` when that does not concern it.
    pub tablespace: Option<String>,
    /// Its access method; `None` when that does not concern it.
    pub table_am: Option<String>,
    /// Its kind in `pg_class`, as a character's code; 0 when it has none. Told from version 1.16 on.
    pub relkind: u32,
    /// Who owns it.
    pub owner: String,
    /// The numbers of the entries that must be restored before it. They need not be in the dump.
    pub dependencies: Vec<i32>,
    /// Where its data are.
    pub data: DataMark,
}

/// When an entry is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// With what it belongs to: comments, privileges.
    None,
    /// Before the data.
    PreData,
    /// The data.
    Data,
    /// Behind the data.
    PostData,
}

/// Where the data of an entry are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataMark {
    /// It has some, but the dump went into a pipe and could not say where.
    NotSet,
    /// They begin so many bytes into the archive.
    At(u64),
    /// It has none.
    None,
    /// They are in this file.
    File(String),
}

impl Contents {
    /// Reads header and table of contents; in a custom archive the data follow.
    ///
    /// # Errors
    /// Damage: it is cut, damaged or of an unknown version. Io: reading failed.
    pub(super) fn read<R: Read>(wire: &mut Wire<R>) -> Result<Self, Failure> {
        let at = wire.at();
        let header = Header::read(wire).and_then(|header| refuse_other_versions(&header, at + 6).map(|()| header));
        let header = header.map_err(|failure| failure.within("the header"))?;
        let entries = entries(wire, &header).map_err(|failure| failure.within("the table of contents"))?;
        Ok(Self { header, entries })
    }
}

/// Reads the entries that a header announces.
pub(super) fn entries<R: Read>(wire: &mut Wire<R>, header: &Header) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for _ in 0..header.entries {
        entries.push(entry(wire, header)?);
    }
    Ok(entries)
}

fn entry<R: Read>(wire: &mut Wire<R>, header: &Header) -> Result<Entry, Failure> {
    Ok(Entry {
        at: wire.at(),
        id: id(wire)?,
        had_data: within(wire, 0..=1, "the mark for data")? == 1,
        table_oid: digits(wire, "an OID")?,
        oid: digits(wire, "an OID")?,
        tag: text(wire, NAME)?,
        desc: text(wire, NAME)?,
        section: section(wire)?,
        definition: text(wire, STATEMENT)?,
        drop: text(wire, STATEMENT)?,
        copy: text(wire, STATEMENT)?,
        schema: text(wire, NAME)?,
        tablespace: wire.text(NAME)?,
        table_am: if header.minor >= 14 { wire.text(NAME)? } else { None },
        relkind: if header.minor >= 16 { relkind(wire)? } else { 0 },
        owner: text(wire, NAME)?,
        dependencies: {
            with_oids(wire)?;
            dependencies(wire)?
        },
        data: mark(wire, header)?,
    })
}

fn text<R: Read>(wire: &mut Wire<R>, most: usize) -> Result<String, Failure> {
    Ok(wire.text(most)?.unwrap_or_default())
}

fn within<R: Read>(wire: &mut Wire<R>, range: RangeInclusive<i64>, what: &str) -> Result<i64, Failure> {
    let at = wire.at();
    let number = wire.int()?;
    if range.contains(&number) { Ok(number) } else { Err(changed(at, format!("{what} of an entry cannot be {number}"))) }
}

fn id<R: Read>(wire: &mut Wire<R>) -> Result<i32, Failure> {
    let id = within(wire, 1..=i64::from(i32::MAX), "the number")?;
    Ok(i32::try_from(id).unwrap_or(i32::MAX))
}

fn relkind<R: Read>(wire: &mut Wire<R>) -> Result<u32, Failure> {
    let kind = within(wire, 0..=127, "the kind of relation")?;
    Ok(u32::try_from(kind).unwrap_or(0))
}

fn section<R: Read>(wire: &mut Wire<R>) -> Result<Section, Failure> {
    Ok(match within(wire, 1..=4, "the section")? {
        1 => Section::None,
        2 => Section::PreData,
        3 => Section::Data,
        _ => Section::PostData,
    })
}

/// A number that is written in decimal digits.
fn digits<R: Read>(wire: &mut Wire<R>, what: &str) -> Result<u32, Failure> {
    let at = wire.at();
    let number = wire.text(NUMBER)?.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| changed(at, format!("{what} of an entry is no number")))
}

/// Whether the table has OIDs, as it could until `PostgreSQL` 11. `pg_restore` crashes over NULL.
fn with_oids<R: Read>(wire: &mut Wire<R>) -> Result<(), Failure> {
    let at = wire.at();
    match wire.text(NUMBER)?.as_deref() {
        Some("true" | "false") => Ok(()),
        _ => Err(changed(at, "an entry's mark for OIDs is none")),
    }
}

fn dependencies<R: Read>(wire: &mut Wire<R>) -> Result<Vec<i32>, Failure> {
    let mut dependencies = Vec::new();
    loop {
        let at = wire.at();
        let Some(needed) = wire.text(NUMBER)? else { return Ok(dependencies) };
        let needed = needed.parse().ok().filter(|id| *id > 0);
        dependencies.push(needed.ok_or_else(|| changed(at, "an entry depends on something without a number"))?);
    }
}

fn mark<R: Read>(wire: &mut Wire<R>, header: &Header) -> Result<DataMark, Failure> {
    if header.format == Format::Files {
        let file = text(wire, NAME)?;
        return Ok(if file.is_empty() { DataMark::None } else { DataMark::File(file) });
    }
    let at = wire.at();
    match wire.offset(header.offset_size)? {
        (NOT_SET, _) => Ok(DataMark::NotSet),
        (SET, place) => Ok(DataMark::At(place)),
        (NO_DATA, _) => Ok(DataMark::None),
        (flag, _) => Err(changed(at, format!("the mark for the place of an entry's data cannot be {flag}"))),
    }
}
