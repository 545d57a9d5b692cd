//! What is written is read back; what is damaged is told; nothing panics.

use super::super::{Cause, Survey, survey};
use super::writer::{Archive, Table, int, tar, text};
use proptest::prelude::*;
use std::io::{self, Read};

fn archive(minor: u8, compression: u8) -> Archive {
    let tables = vec![
        Table::copied("users", 3, 40),
        Table::inserted("notes", 7),
        Table::copied("no columns", 0, 2),
        Table::copied("empty", 1, 0),
    ];
    let large_objects = vec![(16400, b"bytes".to_vec()), (4_000_000_001, Vec::new())];
    Archive { minor, compression, tables, large_objects, places: true, chunk: 50 }
}

/// Every compression that a version has.
fn all() -> impl Iterator<Item = Archive> {
    [(14, 0), (14, 1), (15, 2), (16, 0), (16, 1), (16, 3)].into_iter().map(|(minor, compression)| archive(minor, compression))
}

fn read(bytes: &[u8]) -> Survey {
    survey(bytes).expect("reading memory")
}

fn counts(survey: &Survey) -> Vec<(&str, u64)> {
    survey.databases.iter().flat_map(|database| &database.tables).map(|(name, rows)| (name.as_str(), *rows)).collect()
}

fn causes(survey: &Survey) -> Vec<Cause> {
    survey.damages.iter().map(|damage| damage.cause).collect()
}

fn told(survey: &Survey, what: &str) -> bool {
    survey.damages.iter().any(|damage| damage.what == what)
}

#[test]
fn custom_and_directory_are_counted_alike() {
    for archive in all() {
        for bytes in [archive.custom(), tar(&archive.members()), Archive { places: false, ..archive.clone() }.custom()] {
            let survey = read(&bytes);
            assert_eq!(survey.damages, [], "{archive:?}");
            let expected = [("public.empty", 0), ("public.no columns", 2), ("public.notes", 7), ("public.users", 40)];
            assert_eq!(counts(&survey), expected);
            assert_eq!(survey.databases[0].large_objects, 2);
            assert_eq!(survey.databases[0].name.as_deref(), Some("codetalk"));
        }
    }
}

#[test]
fn cut_at_any_byte_an_archive_is_told_as_cut() {
    let tars = [archive(14, 1), archive(16, 0)].map(|archive| tar(&archive.members()));
    // Less than 262 bytes say nothing of a tar.
    for (bytes, begin) in all().map(|archive| (archive.custom(), 1)).chain(tars.map(|tar| (tar, 262))) {
        for end in begin..bytes.len() {
            let survey = read(&bytes[..end]);
            assert!(causes(&survey).contains(&Cause::Cut), "at {end}: {:?}", survey.damages);
        }
    }
}

#[test]
fn what_stands_behind_the_end_is_told() {
    for archive in all() {
        for whole in [archive.custom(), tar(&archive.members())] {
            for behind in [b"\n".to_vec(), b"pg_dump: warning".to_vec(), whole.clone()] {
                let survey = read(&[whole.clone(), behind].concat());
                assert_eq!(causes(&survey), [Cause::Behind], "{:?}", survey.damages);
            }
        }
    }
}

#[test]
fn a_table_of_contents_that_was_written_again_behind_the_end_is_no_damage() {
    for archive in all() {
        let bytes = archive.appended();
        assert_eq!(read(&bytes).damages, []);
        assert_eq!(causes(&read(&bytes[..bytes.len() - 1])), [Cause::Behind]);
    }
}

#[test]
fn members_may_come_in_any_order() {
    let archive = archive(14, 1);
    let mut members = archive.members();
    members.reverse();
    assert_eq!(read(&tar(&members)), read(&tar(&archive.members())));
}

#[test]
fn members_that_are_lost_or_doubled_are_told() {
    for (lost, what) in [
        ("100.dat.gz", "the rows of public.users are missing: there is no 100.dat"),
        ("blob_16400.dat.gz", "the file of large object 16400 is missing"),
        ("blobs.toc", "the large objects BLOBS are missing: there is no blobs.toc"),
        ("toc.dat", "the tar archive holds no toc.dat"),
    ] {
        let mut members = archive(14, 1).members();
        let at = members.iter().position(|(name, _)| name == lost).expect("a member");
        members.push(members[at].clone());
        assert_ne!(read(&tar(&members)).damages, [], "{lost} twice");
        members.pop();
        members.remove(at);
        let survey = read(&tar(&members));
        assert!(told(&survey, what), "{lost}: {:?}", survey.damages);
    }
}

#[test]
fn rows_must_be_those_that_copy_writes() {
    for (data, what) in [
        ("a\tb\n\\.\n\n\n", "the rows of public.t have 2 columns in their first row, but 3 in the table of contents"),
        ("a\tb\tc\na\tb\n\\.\n\n\n", "the rows of public.t have another number of columns in row 2"),
        ("a\tb\tc\n", "the rows of public.t end without their end mark"),
        ("a\tb\tc\n\\.\n\nx\n", "the rows of public.t go on behind their end mark"),
        ("a\tb\tc\n\\.\n\nx", "the rows of public.t go on behind their end mark"),
        ("a\tb\tc\n\0\tb\tc\n\\.\n\n\n", "the rows of public.t hold a byte in row 2 that COPY never writes"),
        ("a\tb\tc\r\n\\.\r\n\n\n", "the rows of public.t hold a byte in row 1 that COPY never writes"),
    ] {
        let table = Table { name: "t".into(), columns: 3, data: data.into(), inserts: false };
        for chunk in 1..data.len() {
            let archive = Archive { tables: vec![table.clone()], chunk, ..archive(16, 0) };
            let survey = read(&archive.custom());
            assert!(told(&survey, what), "{data:?} by {chunk}: {:?}", survey.damages);
        }
    }
}

#[test]
fn rows_that_look_like_statements_are_rows() {
    let data = b"INSERT INTO users VALUES (1);\nx\n\\.\n\n\n".to_vec();
    let table = Table { name: "log".into(), columns: 1, data, inserts: false };
    let archive = Archive { tables: vec![table], large_objects: Vec::new(), ..archive(16, 1) };
    for bytes in [archive.custom(), tar(&archive.members())] {
        let survey = read(&bytes);
        assert_eq!((counts(&survey), survey.damages.len()), (vec![("public.log", 2)], 0));
    }
}

#[test]
fn lengths_that_cannot_be_take_no_memory() {
    let whole = archive(16, 0).custom();
    let at = whole.windows(8).position(|bytes| bytes == b"codetalk").expect("the name");
    let mut header = whole.clone();
    header[at - 4..at].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(causes(&read(&header)), [Cause::Changed]);
    let at = whole.windows(3).position(|bytes| bytes == b"x\tx").expect("the rows");
    let mut chunk = whole.clone();
    chunk[at - 4..at].copy_from_slice(&(u32::MAX >> 1).to_le_bytes());
    let survey = read(&chunk);
    assert!(told(&survey, "the archive ends too early, in the rows of public.users"), "{:?}", survey.damages);
}

/// A store that fails in the middle.
struct Failing(Vec<u8>);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(buf.len());
        if count == 0 {
            return Err(io::Error::other("the store is gone"));
        }
        buf[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

#[test]
fn an_error_of_the_reader_is_passed_on() {
    for archive in all() {
        for bytes in [archive.custom(), tar(&archive.members())] {
            for end in (1..bytes.len()).step_by(97) {
                let error = survey(Failing(bytes[..end].to_vec())).expect_err("the store is gone");
                assert_eq!(error.to_string(), "the store is gone", "at {end}");
            }
        }
    }
}

/// A reader that gives one byte at a time.
struct Dripping<'b>(&'b [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(1);
        self.0.read(&mut buf[..count])
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_come() {
    for archive in all() {
        for bytes in [archive.custom(), tar(&archive.members())] {
            assert_eq!(survey(Dripping(&bytes)).expect("memory"), read(&bytes));
        }
    }
}

#[test]
fn partitions_are_found_in_both_spellings() {
    let mut members = archive(14, 0).members();
    let mut toc = Vec::new();
    for definition in [
        "ALTER TABLE ONLY a.\"Root\" ATTACH PARTITION a.leaf DEFAULT;",
        "CREATE TABLE b.leaf PARTITION OF b.\"of \"\"it\"\"\" DEFAULT;",
    ] {
        for part in [500, 0] {
            int(&mut toc, part);
        }
        for part in ["0", "0", "leaf", "TABLE ATTACH"] {
            text(&mut toc, part);
        }
        int(&mut toc, 2);
        for part in [definition, "", "", "a", "", "", "alice", "false"] {
            text(&mut toc, part);
        }
        int(&mut toc, -1);
        text(&mut toc, "");
    }
    // The number of entries, before the first one's number, mark, two OIDs, and the length of its name.
    let count = members[0].1.windows(8).position(|bytes| bytes == b"ENCODING").expect("the first entry") - 32;
    members[0].1[count + 1] += 2;
    members[0].1.extend(toc);
    let survey = read(&tar(&members));
    let partitions: Vec<_> =
        survey.databases[0].partitions.iter().map(|(child, parent)| (child.as_str(), parent.as_str())).collect();
    assert_eq!(partitions, [("a.leaf", "a.Root"), ("b.leaf", "b.of \"it\"")]);
}

/// Any table whose rows COPY could write.
fn table() -> impl Strategy<Value = Table> {
    ("[a-zü ]{1,6}", 1..5usize, prop::collection::vec("[a-z\\\\ä]{0,5}", 0..20)).prop_map(|(name, columns, values)| {
        let rows = values.iter().map(|value| format!("{}\n", vec![format!("v{value}"); columns].join("\t")));
        let data = format!("{}\\.\n\n\n", rows.collect::<String>());
        Table { name, columns, data: data.into_bytes(), inserts: false }
    })
}

fn any_archive() -> impl Strategy<Value = Archive> {
    let layout = prop::sample::select(vec![(14, 0), (14, 1), (15, 2), (16, 0), (16, 1), (16, 3)]);
    let large_objects = prop::collection::btree_map(1..u32::MAX, prop::collection::vec(any::<u8>(), 0..50), 0..4);
    (layout, prop::collection::vec(table(), 0..5), large_objects, any::<bool>(), 1..200usize).prop_map(
        |((minor, compression), mut tables, large_objects, places, chunk)| {
            tables.sort_by(|one, other| one.name.cmp(&other.name));
            tables.dedup_by(|one, other| one.name == other.name);
            Archive { minor, compression, tables, large_objects: large_objects.into_iter().collect(), places, chunk }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(archive in any_archive()) {
        for bytes in [archive.custom(), tar(&archive.members())] {
            let survey = read(&bytes);
            prop_assert_eq!(&survey.damages, &[]);
            for table in &archive.tables {
                let rows = table.data.split(|byte| *byte == b'\n').count() as u64 - 4;
                prop_assert_eq!(survey.databases[0].tables.get(&format!("public.{}", table.name)), Some(&rows));
            }
            prop_assert_eq!(survey.databases[0].large_objects, archive.large_objects.len() as u64);
        }
    }

    #[test]
    fn a_changed_byte_is_never_a_panic(archive in any_archive(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        for mut bytes in [archive.custom(), tar(&archive.members())] {
            let at = at.index(bytes.len());
            bytes[at] = with;
            read(&bytes);
            let _ = super::contents(bytes.as_slice());
        }
    }

    #[test]
    fn a_changed_byte_in_compressed_rows_is_told(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        // The last block is that of the table: its bytes from the first chunk on.
        let archive = Archive { tables: vec![Table::copied("users", 3, 400)], large_objects: Vec::new(), chunk: 1 << 20, ..archive(16, 1) };
        let mut bytes = archive.custom();
        let whole = read(&bytes);
        let block = Archive { tables: vec![Table { data: Vec::new(), ..archive.tables[0].clone() }], compression: 0, ..archive };
        let begin = block.custom().len() - 5;
        let at = begin + at.index(bytes.len() - begin);
        bytes[at] ^= 1 << bit;
        // The last bits before the checksum only fill up their byte.
        let survey = read(&bytes);
        prop_assert!(!survey.damages.is_empty() || at + 10 == bytes.len(), "at {} of {}", at, bytes.len());
        prop_assert!(!survey.damages.is_empty() || survey == whole);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
        let whole = archive(16, 3).custom();
        for keep in [5, 60, 300, whole.len() / 2] {
            read(&[&whole[..keep], &bytes].concat());
        }
    }
}
