//! What the first bytes of a payload say: whether it is a dump, of which format, made when, of what and by what. Pure.

use super::{folder, foreign, sql};
use crate::error::{Error, Result};
use crate::open::magic;
use crate::pgdump::{self, Cause, Compression, Failure, Header};
use crate::subject::{Fact, Facts, HEAD};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Names of facts that other parts of the subject read again.
pub const DUMPED_FROM: &str = "dumped from";
pub const DUMPED_BY: &str = "dumped by";
pub const ARCHIVE_VERSION: &str = "archive version";
pub const TOC_ENTRIES: &str = "TOC entries";
pub const COMPRESSION: &str = "compression";

/// The value of [`Facts::format`] for an archive of `pg_dump -Fc`.
pub const CUSTOM: &str = "custom";
/// The value of [`Facts::format`] for an archive of `pg_dump -Ft`.
pub const TAR: &str = "tar";
/// The value of [`Facts::format`] for the folder of `pg_dump -Fd`, in a tar.
pub const DIRECTORY: &str = "directory";
/// The value of [`Facts::format`] for SQL text.
pub const PLAIN: &str = "plain";
/// The value of [`Facts::format`] for the SQL text of `pg_dumpall`.
pub const CLUSTER: &str = "cluster";

const MAGIC: &[u8] = b"PGDMP";
/// No entry of the table of contents is shorter: 15 numbers and strings of at least two bytes each.
const SHORTEST_ENTRY: u64 = 30;

/// A header holds a name of at most 63 bytes, two versions and a few numbers.
const LONGEST_HEADER: u64 = 1024;

/// Reads what a payload's first bytes say of it. As long as its size is not known, no size is held against it. A directory in a tar may
/// say nothing yet: then [`in_file`] does.
///
/// # Errors
/// Backup: it is no dump, or its header is broken. Scenario: it must be opened first. Harness: a format that is not
/// supported.
pub fn read(head: &[u8], size: Option<u64>) -> Result<Facts> {
    let size = size.unwrap_or(u64::MAX);
    match form(head) {
        Form::Archive => facts(CUSTOM, pgdump::Format::Custom, head, size),
        Form::Sql => Ok(sql::facts(&String::from_utf8_lossy(head))),
        Form::Tar(first) if first.is_toc() => {
            let toc = usize::try_from(first.at).ok().and_then(|at| head.get(at..)).unwrap_or_default();
            facts(first.format(), pgdump::Format::Files, toc, first.size)
        }
        Form::Tar(_) => Ok(Facts { format: DIRECTORY.to_owned(), facts: Vec::new() }),
        Form::Other => Err(foreign::no_dump(head)),
    }
}

/// Reads what a payload in a file says of itself, wherever in the file it stands.
///
/// # Errors
/// As those of [`read`].
pub fn in_file(path: &Path, head: &[u8], size: u64) -> Result<Facts> {
    let Form::Tar(tar) = form(head) else { return read(head, Some(size)) };
    let toc = folder::table_of_contents(path)?;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(toc.at))?;
    let mut first = Vec::new();
    file.take(toc.size.min(HEAD as u64)).read_to_end(&mut first)?;
    facts(tar.format(), pgdump::Format::Files, &first, toc.size)
}

/// Whether these first bytes can be a dump, of whichever format.
#[must_use]
pub fn recognises(head: &[u8]) -> bool {
    !matches!(form(head), Form::Other)
}

enum Form {
    Archive,
    Sql,
    /// A tar, by its first file.
    Tar(FirstFile),
    Other,
}

fn form(head: &[u8]) -> Form {
    if head.starts_with(MAGIC) {
        return Form::Archive;
    }
    if let Some(first) = first_file(head).filter(|first| folder::is_part(&first.path)) {
        return Form::Tar(first);
    }
    if sql::is_sql(head) { Form::Sql } else { Form::Other }
}

/// The first file of a tar.
struct FirstFile {
    path: String,
    at: u64,
    size: u64,
    by_pg_dump: bool,
}

/// Folders may stand before it.
fn first_file(head: &[u8]) -> Option<FirstFile> {
    if !magic::is_tar(head) {
        return None;
    }
    let mut tar = tar::Archive::new(head);
    let mut entries = tar.entries().ok()?.map_while(io::Result::ok);
    let file = entries.find(|entry| !entry.header().entry_type().is_dir())?;
    let path = String::from_utf8_lossy(&file.path_bytes()).into_owned();
    // `tarCreateHeader` in `_tarWriteHeader` of `pg_dump` names an owner that no `tar` does.
    let by_pg_dump = file.header().uid().ok() == Some(0o4000) && file.header().gid().ok() == Some(0o2000);
    Some(FirstFile { path, at: file.raw_file_position(), size: file.size(), by_pg_dump })
}

impl FirstFile {
    fn is_toc(&self) -> bool {
        self.path.rsplit('/').next() == Some(folder::TOC)
    }

    const fn format(&self) -> &'static str {
        if self.by_pg_dump { TAR } else { DIRECTORY }
    }
}

fn facts(format: &str, expected: pgdump::Format, head: &[u8], size: u64) -> Result<Facts> {
    let header = pgdump::header(head).map_err(|failure| refused(failure, size))?;
    if header.format != expected {
        return Err(Error::harness("this is toc.dat, one part of a directory-format dump (pg_dump -Fd)")
            .hint("Put the whole folder into a tar, or make the dump with `pg_dump -Fc`."));
    }
    if header.entries.saturating_mul(SHORTEST_ENTRY) > size {
        return Err(damaged(&format!("{} TOC entries in {size} bytes cannot be", header.entries)));
    }
    Ok(Facts { format: format.to_owned(), facts: given(told(header)) })
}

/// More bytes than any header has: then it is its lengths that are wrong.
fn refused(failure: Failure, size: u64) -> Error {
    match failure {
        Failure::Io(e) => Error::from(e).context("cannot read the payload"),
        Failure::Damage(damage) if damage.cause == Cause::Cut && size < LONGEST_HEADER => {
            Error::backup("the archive is cut short within its header")
        }
        Failure::Damage(damage) if damage.cause == Cause::Cut => damaged("its lengths cannot be"),
        Failure::Damage(damage) => damaged(&damage.what),
    }
}

fn damaged(how: &str) -> Error {
    Error::backup(format!("the archive's header is damaged: {how}"))
        .hint("Look for a transfer in text mode on the way to the store.")
}

fn told(header: Header) -> [(&'static str, Option<String>); 7] {
    let taken = header.created.map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string());
    let compression = match header.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    };
    [
        ("database", header.database),
        (DUMPED_FROM, header.server_version),
        (DUMPED_BY, header.dump_version),
        ("taken at", taken.map(|time| format!("{time} (time zone of the dump's host)"))),
        (COMPRESSION, Some(compression.to_owned())),
        (TOC_ENTRIES, Some(header.entries.to_string())),
        (ARCHIVE_VERSION, Some(format!("1.{}", header.minor))),
    ]
}

/// Those of the facts that are there.
pub fn given<const N: usize>(facts: [(&str, Option<String>); N]) -> Vec<Fact> {
    facts.into_iter().filter_map(|(name, value)| value.map(|value| Fact { name: name.to_owned(), value })).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::error::Blame;
    use proptest::prelude::*;

    pub fn int(out: &mut Vec<u8>, value: i32) {
        out.push(u8::from(value < 0));
        out.extend(value.unsigned_abs().to_le_bytes());
    }

    pub fn text(out: &mut Vec<u8>, value: &str) {
        int(out, i32::try_from(value.len()).expect("short"));
        out.extend(value.as_bytes());
    }

    /// A header as `pg_dump` 15 (minor 14) or 17 (minor 16) writes it.
    pub fn header(minor: u8, entries: i32) -> Vec<u8> {
        let mut out = b"PGDMP".to_vec();
        out.extend([1, minor, 0, 4, 8, 1]);
        if minor >= 15 {
            out.push(3);
        } else {
            int(&mut out, -1);
        }
        for part in [5, 30, 3, 21, 10, 126, 0] {
            int(&mut out, part);
        }
        text(&mut out, "codetalk");
        text(&mut out, "15.18 (Debian 15.18-0+deb12u1)");
        text(&mut out, "15.18");
        int(&mut out, entries);
        out
    }

    fn fact<'f>(facts: &'f Facts, name: &str) -> Option<&'f str> {
        facts.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str())
    }

    #[test]
    fn a_custom_archive_tells_where_it_comes_from() {
        for (minor, compression) in [(14, "gzip"), (16, "zstd")] {
            let facts = read(&header(minor, 42), None).expect("header");
            assert_eq!(facts.format, CUSTOM);
            assert_eq!(fact(&facts, "database"), Some("codetalk"));
            assert_eq!(fact(&facts, DUMPED_FROM), Some("15.18 (Debian 15.18-0+deb12u1)"));
            assert_eq!(fact(&facts, "taken at"), Some("2026-11-21 03:30:05 (time zone of the dump's host)"));
            assert_eq!(fact(&facts, COMPRESSION), Some(compression));
            assert_eq!(fact(&facts, TOC_ENTRIES), Some("42"));
            assert_eq!(fact(&facts, ARCHIVE_VERSION), Some(format!("1.{minor}").as_str()));
        }
    }

    #[test]
    fn cut_at_any_byte_a_header_is_a_broken_backup() {
        let whole = header(14, 42);
        for end in MAGIC.len()..whole.len() {
            let error = read(&whole[..end], Some(end as u64)).expect_err("cut");
            assert_eq!(error.blame, Blame::Backup, "cut at {end}");
            assert_eq!(error.message, "the archive is cut short within its header");
        }
    }

    #[test]
    fn an_impossible_number_of_entries_is_a_broken_backup() {
        for (entries, size) in [(0, 100_000), (-1_650_803_752, 100_000), (1000, 29_999)] {
            let error = read(&header(14, entries), Some(size)).expect_err("impossible");
            assert!(error.blame == Blame::Backup && error.message.contains("entries"), "{error}");
        }
    }

    #[test]
    fn plain_sql_tells_its_versions() {
        let dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15.18 (Debian)\n\
                    -- Dumped by pg_dump version 16.2\n\nSET statement_timeout = 0;\n";
        let facts = read(dump.as_bytes(), None).expect("plain");
        assert_eq!(facts.format, PLAIN);
        assert_eq!(fact(&facts, DUMPED_FROM), Some("15.18 (Debian)"));
        assert_eq!(fact(&facts, DUMPED_BY), Some("16.2"));
        assert_eq!(read(b"insert into t values (1);", Some(25)).expect("by hand").facts, []);
    }

    #[test]
    fn a_part_of_a_directory_is_no_dump_and_no_bad_one() {
        let mut part = header(14, 42);
        part[10] = 3;
        let error = read(&part, None).expect_err("a part");
        assert!(error.blame == Blame::Harness && error.hint.is_some(), "{error}");
    }

    #[test]
    fn every_kind_of_script_is_told() {
        let cluster = "--\n-- PostgreSQL database cluster dump\n--\nSET x = 1;\n";
        let create = "SET x = 1;\nCREATE DATABASE codetalk WITH TEMPLATE = template0;\n\\connect codetalk\n";
        for (head, format) in [(cluster, CLUSTER), (create, PLAIN)] {
            assert_eq!(read(head.as_bytes(), None).expect("a script").format, format);
        }
    }

    /// A tar with these files, written by `tar` or by `pg_dump`.
    fn tar(files: &[(&str, &[u8])], by_pg_dump: bool) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, data) in files {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(if path.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
            header.set_size(data.len() as u64);
            if by_pg_dump {
                header.set_uid(0o4000);
                header.set_gid(0o2000);
            }
            builder.append_data(&mut header, path, *data).expect("append");
        }
        builder.into_inner().expect("finish")
    }

    #[test]
    fn archives_in_a_tar_tell_what_custom_ones_tell() {
        let mut toc = header(14, 2);
        toc[10] = 3;
        toc.resize(1000, 0);
        let rows = vec![b'x'; 2 * HEAD];
        let long = format!("{}toc.dat", "a-long-folder/".repeat(20));
        let custom = read(&header(14, 2), 100_000.into()).expect("custom");
        let dir = tempfile::tempdir().expect("tempdir");
        for (format, at_once, tar) in [
            (TAR, true, tar(&[("toc.dat", &toc), ("12.dat", &rows)], true)),
            (DIRECTORY, true, tar(&[("toc.dat", &toc), ("12.dat", &rows)], false)),
            (DIRECTORY, true, tar(&[("./", b""), ("./toc.dat", &toc), ("./12.dat", &rows)], false)),
            (DIRECTORY, true, tar(&[("backup/", b""), ("backup/db/", b""), (&long, &toc)], false)),
            (DIRECTORY, false, tar(&[("db/", b""), ("db/12.dat.gz", &rows), ("db/toc.dat", &toc)], false)),
        ] {
            let (head, path) = (&tar[..tar.len().min(HEAD)], dir.path().join("tar"));
            std::fs::write(&path, &tar).expect("write");
            assert!(recognises(head));
            let facts = in_file(&path, head, tar.len() as u64).expect("facts");
            assert_eq!((facts.format.as_str(), &facts.facts), (format, &custom.facts));
            let early = read(head, None).expect("facts");
            assert_eq!(early == facts, at_once, "{early:?}");
            assert_eq!(early.format, format);
        }
        let other = tar(&[("notes.txt", b"x"), ("toc.dat", &toc)], false);
        assert!(!recognises(&other) && read(&other, None).is_err());
    }

    #[test]
    fn a_table_of_contents_that_is_damaged_is_the_backups() {
        let dir = tempfile::tempdir().expect("tempdir");
        let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut toc = header(14, 2);
            toc[10] = 3;
            toc.resize(1000, 0);
            change(&mut toc);
            let (tar, path) = (tar(&[("toc.dat", &toc)], true), dir.path().join("tar"));
            std::fs::write(&path, &tar).expect("write");
            in_file(&path, &tar, tar.len() as u64).expect_err("damaged")
        };
        for error in [damaged(&|toc| toc[0] = b'Q'), damaged(&|toc| toc[10] = 7), damaged(&|toc| toc.truncate(30))] {
            assert_eq!(error.blame, Blame::Backup, "{error}");
        }
    }

    #[test]
    fn what_is_no_dump_is_not_recognised() {
        for head in [&b""[..], b"\x1f\x8b\x08\x00", b"hello world", b"\0\0"] {
            let error = read(head, Some(head.len() as u64)).expect_err("no dump");
            assert!(error.message.starts_with("this is no PostgreSQL dump but "), "{error}");
            assert!(!recognises(head));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(head in prop::collection::vec(any::<u8>(), 0..600), size in any::<Option<u64>>()) {
            let _ = read(&head, size);
            let mut archive = MAGIC.to_vec();
            archive.extend(&head);
            let _ = read(&archive, size);
            let mut shaped = header(14, 42);
            shaped.truncate(40);
            shaped.extend(&head);
            let _ = read(&shaped, size);
        }
    }
}
