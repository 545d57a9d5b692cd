//! The header of an archive: how it is written, and where it comes from.
//!
//! Layout: `WriteHead` in `pg_backup_archiver.c` of `PostgreSQL`. `pg_restore` believes it: with one changed byte in the number of entries
//! or in the size of integers it restores nothing and says nothing.

use super::super::{Cause, Damage, Failure};
use super::wire::{Wire, changed};
use jiff::civil::DateTime;
use std::io::Read;

/// The first bytes of every archive.
pub const MAGIC: &[u8; 5] = b"PGDMP";
/// The layouts that are known: `pg_dump` 9.0 wrote 1.12, 18 writes 1.16.
const KNOWN: std::ops::RangeInclusive<u8> = 12..=16;
/// Names of databases have at most 63 bytes; versions name a distribution and its build.
const LONGEST_NAME: usize = 1024;

/// How the archive's parts are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One file, with the data behind the table of contents (`pg_dump -Fc`).
    Custom,
    /// A table of contents whose data stand in files of their own: tar and directory (`pg_dump -Ft`, `-Fd`).
    Files,
}

/// How the data are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// zlib streams in custom archives, gzip files in directories.
    Gzip,
    /// LZ4 frames.
    Lz4,
    /// Zstandard frames.
    Zstd,
}

/// What the header tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The version of the layout is 1.`minor`: 14 by `PostgreSQL` 12 to 15, 15 by 16, 16 by 17 and 18.
    pub minor: u8,
    /// Where the data are.
    pub format: Format,
    /// How the data of a custom archive are compressed. Files tell it by their names.
    pub compression: Compression,
    /// Bytes of a number.
    pub int_size: u8,
    /// Bytes of a place in the file.
    pub offset_size: u8,
    /// When the dump was begun, by the clock and in the time zone of its host. `None`: the header's time is no time.
    pub created: Option<DateTime>,
    /// The dumped database.
    pub database: Option<String>,
    /// The version of the dumped server.
    pub server_version: Option<String>,
    /// The version of `pg_dump`.
    pub dump_version: Option<String>,
    /// How many entries the table of contents has; at least 1.
    pub entries: u64,
}

impl Header {
    /// Reads the header; the table of contents follows. It has been the same in every version so far.
    ///
    /// # Errors
    /// Damage: it is cut or damaged. Io: reading failed.
    pub(super) fn read<R: Read>(wire: &mut Wire<R>) -> Result<Self, Failure> {
        let at = wire.at();
        let mut fixed = [0; 11];
        wire.exact(&mut fixed)?;
        let [magic @ .., major, minor, _revision, int_size, offset_size, format] = fixed;
        if &magic != MAGIC {
            return Err(changed(at, "it does not begin with PGDMP"));
        }
        if major != 1 || minor < *KNOWN.start() {
            return Err(changed(at + 5, format!("it says version {major}.{minor}, which no pg_dump writes")));
        }
        if !matches!(int_size, 4 | 8) || !matches!(offset_size, 4 | 8) {
            return Err(changed(at + 8, "the sizes of numbers cannot be"));
        }
        let format = match format {
            1 => Format::Custom,
            3 => Format::Files,
            other => return Err(changed(at + 10, format!("it says format {other}, which no pg_dump writes"))),
        };
        wire.set_int_size(int_size);
        let compression = if minor >= 15 { algorithm(wire)? } else { level(wire)? };
        let created = local_time(wire)?;
        let (database, server_version, dump_version) = (name(wire)?, name(wire)?, name(wire)?);
        let entries = count(wire)?;
        Ok(Self { minor, format, compression, int_size, offset_size, created, database, server_version, dump_version, entries })
    }
}

fn name<R: Read>(wire: &mut Wire<R>) -> Result<Option<String>, Failure> {
    wire.text(LONGEST_NAME)
}

/// The number of entries: every archive has at least one, for its encoding.
fn count<R: Read>(wire: &mut Wire<R>) -> Result<u64, Failure> {
    let at = wire.at();
    let count = wire.int()?;
    let entries = u64::try_from(count).ok().filter(|count| *count > 0);
    entries.ok_or_else(|| changed(at, format!("it says {count} entries")))
}

/// Whether what follows a header is known here. The writer's version tells a damaged layout version from a new one. `at`: where the
/// header says its version.
///
/// # Errors
/// Damage: the versions do not belong together, or are newer.
pub(super) fn refuse_other_versions(header: &Header, at: u64) -> Result<(), Failure> {
    let minor = header.minor;
    let major = header
        .dump_version
        .as_deref()
        .and_then(|version| version.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok());
    let written = match major {
        Some(12..=15) => Some(14),
        Some(16) => Some(15),
        Some(17 | 18) => Some(16),
        _ => None,
    };
    match written {
        Some(written) if written != minor => {
            let what = format!("it says version 1.{minor}, but the pg_dump that it names writes 1.{written}");
            Err(changed(at, what))
        }
        None if !KNOWN.contains(&minor) => {
            let what = format!("its version 1.{minor} is newer than any that is known here (1.{})", KNOWN.end());
            Err(Failure::Damage(Damage { at, what, cause: Cause::Newer }))
        }
        _ => Ok(()),
    }
}

/// Before version 1.15: the level of gzip, -1 its default.
fn level<R: Read>(wire: &mut Wire<R>) -> Result<Compression, Failure> {
    let at = wire.at();
    match wire.int()? {
        0 => Ok(Compression::None),
        -1 | 1..=9 => Ok(Compression::Gzip),
        level => Err(changed(at, format!("there is no compression level {level}"))),
    }
}

fn algorithm<R: Read>(wire: &mut Wire<R>) -> Result<Compression, Failure> {
    let at = wire.at();
    match wire.byte()? {
        0 => Ok(Compression::None),
        1 => Ok(Compression::Gzip),
        2 => Ok(Compression::Lz4),
        3 => Ok(Compression::Zstd),
        other => Err(changed(at, format!("there is no compression {other}"))),
    }
}

/// `struct tm`: seconds first, months from 0, years from 1900. `None`: no such time.
fn local_time<R: Read>(wire: &mut Wire<R>) -> Result<Option<DateTime>, Failure> {
    let mut parts = [0; 7];
    for part in &mut parts {
        *part = wire.int()?;
    }
    let [second, minute, hour, day, month, year, daylight_saving] = parts;
    let small = |number: i64| i8::try_from(number).ok();
    let time = || {
        let year = i16::try_from(year.checked_add(1900)?).ok().filter(|year| *year >= 1970)?;
        // A leap second is written as 60.
        let second = small(second).filter(|second| *second <= 60)?.min(59);
        let month = small(month.checked_add(1)?)?;
        DateTime::new(year, month, small(day)?, small(hour)?, small(minute)?, second, 0).ok()
    };
    Ok(time().filter(|_| (-1..=1).contains(&daylight_saving)))
}
