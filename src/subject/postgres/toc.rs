//! A custom archive's table of contents.
//!
//! Nothing sums it up, and `pg_restore` believes it: one changed byte of it can lose a table without a word. So everything
//! in it that can only have few values is held against them. Layout: `WriteToc` in `pg_backup_archiver.c` and
//! `_WriteExtraToc` in `pg_backup_custom.c` of `PostgreSQL`.

use super::wire::{Reader, damage};
use std::collections::HashMap;
use std::io::{self, Read, Seek};
use std::ops::RangeInclusive;

/// The layouts that are known: `pg_dump` 9.0 wrote 1.12, 18 writes 1.16.
pub const KNOWN: RangeInclusive<u8> = 12..=16;

/// What an entry's flag says of its data.
const NOT_SET: u8 = 1;
const SET: u8 = 2;
const NO_DATA: u8 = 3;

/// Longest strings that are read: numbers and flags, what an entry is, the name of a table.
const NUMBER: usize = 32;
const NAME: usize = 1024;

/// How the entries are written.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The archive's minor version, one of [`KNOWN`].
    pub minor: u8,
    /// Bytes of a place in the file.
    pub offset_size: u8,
    /// How many entries there are.
    pub entries: i64,
}

/// An entry that has data.
#[derive(Debug)]
pub struct Entry {
    /// What it is called for people: `TABLE DATA users`.
    pub name: String,
    /// Its data are large objects.
    pub large_objects: bool,
    /// Where its block begins, if the dump could be written so.
    pub place: Option<u64>,
}

/// Reads the entries, and returns those with data by their numbers.
///
/// # Errors
/// Backup: it is damaged.
pub fn read<R: Read + Seek>(reader: &mut Reader<R>, layout: Layout) -> io::Result<HashMap<i64, Entry>> {
    let mut with_data = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..layout.entries {
        let at = reader.at();
        let (id, entry) = entry(reader, layout)?;
        if !seen.insert(id) {
            return Err(damage(format!("a second entry {id}"), at));
        }
        with_data.extend(entry.map(|entry| (id, entry)));
    }
    Ok(with_data)
}

fn entry<R: Read + Seek>(reader: &mut Reader<R>, layout: Layout) -> io::Result<(i64, Option<Entry>)> {
    let at = reader.at();
    let id = within(reader, 1..=i64::from(i32::MAX), "the number of an entry")?;
    let has_data = within(reader, 0..=1, "the mark for data")? == 1;
    number(reader)?;
    number(reader)?;
    let tag = if has_data { reader.text(NAME)? } else { reader.skip_text().map(|()| None)? };
    let kind = reader.text(NAME)?.unwrap_or_default();
    within(reader, 1..=4, "the section of an entry")?;
    rest(reader, layout)?;
    let (flag, place) = reader.offset(layout.offset_size)?;
    let name = format!("{kind} {}", tag.unwrap_or_default()).trim_end().to_owned();
    let must_have_data = ["TABLE DATA", "BLOBS"].contains(&kind.as_str());
    match (has_data, flag) {
        (true, NOT_SET | SET) => {}
        (false, NO_DATA) if !must_have_data => return Ok((id, None)),
        _ => return Err(damage(format!("entry {id} ({name}) contradicts itself about its data"), at)),
    }
    Ok((id, Some(Entry { name, large_objects: kind == "BLOBS", place: (flag == SET).then_some(place) })))
}

/// What stands between an entry's section and its place: the statements, where they belong, who owns it, what it needs.
fn rest<R: Read + Seek>(reader: &mut Reader<R>, layout: Layout) -> io::Result<()> {
    let statements_and_places = if layout.minor >= 14 { 6 } else { 5 };
    for _ in 0..statements_and_places {
        reader.skip_text()?;
    }
    if layout.minor >= 16 {
        reader.int()?;
    }
    reader.skip_text()?;
    let at = reader.at();
    // Whether the table has OIDs. `pg_restore` crashes over NULL.
    if !matches!(reader.text(NUMBER)?.as_deref(), Some("true" | "false")) {
        return Err(damage("an entry's mark for OIDs is none", at));
    }
    while let Some(needed) = { reader.text(NUMBER)? } {
        if needed.parse::<u32>().is_err() {
            return Err(damage("an entry needs something without a number", reader.at()));
        }
    }
    Ok(())
}

fn within<R: Read + Seek>(reader: &mut Reader<R>, range: RangeInclusive<i64>, what: &str) -> io::Result<i64> {
    let at = reader.at();
    let number = reader.int()?;
    if range.contains(&number) { Ok(number) } else { Err(damage(format!("{what} cannot be {number}"), at)) }
}

/// An OID of the dumped database, in decimal digits.
fn number<R: Read + Seek>(reader: &mut Reader<R>) -> io::Result<()> {
    let at = reader.at();
    let oid = reader.text(NUMBER)?.and_then(|digits| digits.parse::<u32>().ok());
    oid.map(|_| ()).ok_or_else(|| damage("an OID is no number", at))
}
