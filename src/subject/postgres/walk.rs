//! Walks over a whole custom archive by its lengths, without unpacking: every entry of the table of contents that has data
//! has its block, each once and in its place, and behind the last one the file ends.
//!
//! `pg_restore` does not look: it passes over an entry whose mark for data was lost, and over whatever stands behind the end.
//! Layout: `_StartData`, `_WriteData`, `_StartLO` in `pg_backup_custom.c` of `PostgreSQL`.

use super::header::Header;
use super::toc::{self, Entry, Layout};
use super::wire::{Reader, damage};
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Uncompressed archives have a length per row: reading on is cheaper than a system call for each.
const BUFFER: usize = 256 << 10;

/// Kinds of blocks.
const TABLE: u8 = 1;
const LARGE_OBJECTS: u8 = 3;

/// Walks over the archive in this file. Ends early when the future is dropped.
///
/// # Errors
/// Backup: it is damaged. Harness: it cannot be read.
pub async fn walk(path: PathBuf) -> Result<()> {
    let given_up = GivenUp::default();
    let flag = given_up.0.clone();
    let work = tokio::task::spawn_blocking(move || {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        archive(BufReader::with_capacity(BUFFER, file), size, &flag)
    });
    match work.await {
        Ok(walked) => walked.map_err(Error::from),
        Err(e) => Err(Error::harness(format!("reading the archive ended: {e}"))),
    }
}

/// Set when it is dropped: nobody waits for the thread any more.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn archive<R: Read + Seek>(from: R, size: u64, given_up: &AtomicBool) -> io::Result<()> {
    let mut reader = Reader::new(from, size);
    let header = Header::of_custom(&mut reader, size)?;
    // A layout that is not known yet is left to the pg_restore that knows it.
    if !toc::KNOWN.contains(&header.minor) {
        return Ok(());
    }
    let layout = Layout { minor: header.minor, offset_size: header.offset_size, entries: header.entries };
    let begin = reader.at();
    let entries = toc::read(&mut reader, layout)?;
    let toc_bytes = reader.at() - begin;
    let mut blocks = Blocks { reader, missing: entries, seen: HashSet::new(), given_up };
    blocks.all(layout, toc_bytes)
}

struct Blocks<'a, R> {
    reader: Reader<R>,
    /// The entries whose blocks have not come yet.
    missing: HashMap<i64, Entry>,
    /// Those whose blocks have come.
    seen: HashSet<i64>,
    given_up: &'a AtomicBool,
}

impl<R: Read + Seek> Blocks<'_, R> {
    fn all(&mut self, layout: Layout, toc_bytes: u64) -> io::Result<()> {
        while self.reader.left() > 0 {
            if self.missing.is_empty() {
                return self.behind_the_end(layout, toc_bytes);
            }
            self.block()?;
        }
        let Some((id, entry)) = self.missing.iter().min_by_key(|(id, _)| **id) else { return Ok(()) };
        Err(damage(format!("the data of entry {id} ({}) is missing", entry.name), self.reader.at()))
    }

    fn block(&mut self) -> io::Result<()> {
        let at = self.reader.at();
        let kind = self.reader.byte()?;
        if ![TABLE, LARGE_OBJECTS].contains(&kind) {
            return Err(damage(format!("there is no kind {kind} of data"), at));
        }
        let id = self.reader.int()?;
        let Some(entry) = self.missing.remove(&id) else {
            let what = if self.seen.contains(&id) { "for the second time" } else { "without an entry" };
            return Err(damage(format!("the data of {id} comes {what}"), at));
        };
        if entry.large_objects != (kind == LARGE_OBJECTS) {
            return Err(damage(format!("the data of entry {id} ({}) is of another kind", entry.name), at));
        }
        if entry.place.is_some_and(|place| place != at) {
            return Err(damage(format!("the data of entry {id} ({}) is not where it should be", entry.name), at));
        }
        self.seen.insert(id);
        if kind == TABLE { self.chunks() } else { self.large_objects() }
    }

    /// Pieces with their lengths, up to the length 0.
    fn chunks(&mut self) -> io::Result<()> {
        loop {
            let at = self.reader.at();
            match u64::try_from(self.reader.int()?) {
                Ok(0) => return Ok(()),
                Ok(length) => self.reader.skip(length)?,
                Err(_) => return Err(damage("a negative length", at)),
            }
            if self.given_up.load(Ordering::Relaxed) {
                return Err(Error::harness("the restore was given up").into());
            }
        }
    }

    /// Large objects with their OIDs, up to the OID 0.
    fn large_objects(&mut self) -> io::Result<()> {
        while self.reader.int()? != 0 {
            self.chunks()?;
        }
        Ok(())
    }

    /// Nothing may follow the last block, except what `pg_dump ... >> file` leaves: `pg_dump` goes back to write the table of
    /// contents again, with places, but a file that is opened for appending gets it at its end. Such a dump is whole.
    fn behind_the_end(&mut self, layout: Layout, toc_bytes: u64) -> io::Result<()> {
        let at = self.reader.at();
        let rubbish = || damage("something stands behind the last data", at);
        if self.reader.int().map_err(|_| rubbish())? != layout.entries || self.reader.left() != toc_bytes {
            return Err(rubbish());
        }
        toc::read(&mut self.reader, layout).map_err(|_| rubbish())?;
        if self.reader.left() == 0 { Ok(()) } else { Err(rubbish()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use crate::subject::postgres::header::tests::{header, int, text};
    use proptest::prelude::*;
    use std::io::Cursor;

    const NULL: i32 = -1;

    /// An entry as `pg_dump` writes it.
    struct Written {
        id: i32,
        kind: &'static str,
        has_data: i32,
        flag: u8,
        place: u64,
    }

    fn table(id: i32) -> Written {
        Written { id, kind: "TABLE DATA", has_data: 1, flag: 1, place: 0 }
    }

    fn definition(id: i32) -> Written {
        Written { id, kind: "TABLE", has_data: 0, flag: 3, place: 0 }
    }

    fn entry(out: &mut Vec<u8>, minor: u8, entry: &Written) {
        int(out, entry.id);
        int(out, entry.has_data);
        for part in ["1259", "16385", "users", entry.kind] {
            text(out, part);
        }
        int(out, 3);
        for part in ["", "", "COPY public.users (id) FROM stdin;\n", "public"] {
            text(out, part);
        }
        int(out, NULL);
        if minor >= 14 {
            text(out, "heap");
        }
        if minor >= 16 {
            int(out, i32::from(b'r'));
        }
        for part in ["alice", "false", "7"] {
            text(out, part);
        }
        int(out, NULL);
        out.push(entry.flag);
        out.extend(entry.place.to_le_bytes());
    }

    fn toc(minor: u8, entries: &[Written]) -> Vec<u8> {
        let mut out = header(minor, i32::try_from(entries.len()).expect("few"));
        for written in entries {
            entry(&mut out, minor, written);
        }
        out
    }

    fn block(id: i32) -> Vec<u8> {
        let mut out = vec![TABLE];
        int(&mut out, id);
        text(&mut out, "1\tAnn\n");
        text(&mut out, "\\.\n");
        int(&mut out, 0);
        out
    }

    fn large_objects(id: i32) -> Vec<u8> {
        let mut out = vec![LARGE_OBJECTS];
        int(&mut out, id);
        for oid in [16400, i32::MIN + 1] {
            int(&mut out, oid);
            text(&mut out, "bytes");
            int(&mut out, 0);
        }
        int(&mut out, 0);
        out
    }

    fn walked(bytes: &[u8]) -> Result<()> {
        archive(Cursor::new(bytes), bytes.len() as u64, &AtomicBool::new(false)).map_err(Error::from)
    }

    fn whole(minor: u8) -> Vec<u8> {
        let blobs = Written { kind: "BLOBS", ..table(12) };
        let entries = [definition(10), table(11), blobs, table(13)];
        [toc(minor, &entries), block(11), large_objects(12), block(13)].concat()
    }

    #[test]
    fn a_whole_archive_is_passed_over() {
        for minor in [12, 13, 14, 15, 16] {
            walked(&whole(minor)).expect("whole");
            let entries = [definition(10)];
            walked(&toc(minor, &entries)).expect("without data");
        }
    }

    #[test]
    fn a_place_is_held_against_the_block() {
        let at = toc(14, &[table(11)]).len() as u64;
        for (place, fits) in [(at, true), (at + 1, false), (0, false)] {
            let entries = [Written { flag: 2, place, ..table(11) }];
            assert_eq!(walked(&[toc(14, &entries), block(11)].concat()).is_ok(), fits, "{place}");
        }
    }

    #[test]
    fn a_dump_that_was_appended_to_an_empty_file_is_whole() {
        let first = toc(14, &[definition(10), table(11)]);
        let place = first.len() as u64;
        let again = toc(14, &[definition(10), Written { flag: 2, place, ..table(11) }]);
        // The header is not written again, but for the number of entries at its end.
        let again = &again[header(14, 2).len() - 5..];
        let appended = [first.as_slice(), &block(11), again].concat();
        walked(&appended).expect("whole");
        for cut in 1..again.len() {
            walked(&appended[..appended.len() - cut]).expect_err("cut");
        }
    }

    #[test]
    fn cut_anywhere_it_is_the_backups() {
        for minor in [14, 16] {
            let whole = whole(minor);
            for end in 0..whole.len() {
                assert_eq!(walked(&whole[..end]).expect_err("cut").blame, Blame::Backup, "cut at {end}");
            }
        }
    }

    #[test]
    fn what_pg_restore_passes_over_is_found() {
        let whole = whole(14);
        let changed = |has_data, flag| toc(14, &[Written { has_data, flag, ..table(11) }]);
        let kind = Written { kind: "BLOBS", ..table(11) };
        for (bytes, what) in [
            ([toc(14, &[table(11)]), vec![]].concat(), "the data of entry 11 (TABLE DATA users) is missing"),
            ([toc(14, &[table(11), table(12)]), block(11)].concat(), "the data of entry 12 (TABLE DATA users) is missing"),
            ([toc(14, &[table(11), table(12)]), block(11), block(11)].concat(), "the data of 11 comes for the second time"),
            ([toc(14, &[table(11)]), block(12)].concat(), "the data of 12 comes without an entry"),
            ([toc(14, &[table(11), table(11)]), block(11)].concat(), "a second entry 11"),
            ([toc(14, &[kind]), block(11)].concat(), "the data of entry 11 (BLOBS users) is of another kind"),
            (changed(0, 3), "entry 11 (TABLE DATA) contradicts itself about its data"),
            (changed(1, 3), "entry 11 (TABLE DATA users) contradicts itself about its data"),
            (changed(0, 1), "entry 11 (TABLE DATA) contradicts itself about its data"),
            (changed(2, 1), "the mark for data cannot be 2"),
            (changed(1, 7), "entry 11 (TABLE DATA users) contradicts itself about its data"),
            ([whole.clone(), whole.clone()].concat(), "something stands behind the last data"),
            ([whole.clone(), b"\n".to_vec()].concat(), "something stands behind the last data"),
            ([toc(14, &[table(0)]), block(0)].concat(), "the number of an entry cannot be 0"),
        ] {
            let error = walked(&bytes).expect_err(what);
            assert_eq!(error.blame, Blame::Backup, "{what}");
            let found = error.message.strip_prefix("corrupt archive: ").unwrap_or_default();
            assert!(found.starts_with(what) && found.contains(" (at byte "), "{found} is not: {what}");
        }
    }

    #[test]
    fn a_number_of_entries_that_cannot_be_is_damage() {
        for entries in [0, -5] {
            let bytes = [header(14, entries), vec![0; 1000]].concat();
            assert_eq!(walked(&bytes).expect_err("no entries").blame, Blame::Backup);
        }
    }

    #[test]
    fn line_feeds_that_a_transfer_changed_are_damage() {
        let crlf: Vec<u8> = whole(14).iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect();
        assert_eq!(walked(&crlf).expect_err("changed").blame, Blame::Backup);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_ours() {
        let dir = tempfile::tempdir().expect("tempdir");
        assert_eq!(walk(dir.path().join("none")).await.expect_err("none").blame, Blame::Harness);
        let path = dir.path().join("dump");
        std::fs::write(&path, whole(16)).expect("write");
        walk(path).await.expect("whole");
    }

    #[test]
    fn a_walk_that_nobody_waits_for_ends() {
        let bytes = whole(14);
        let error = archive(Cursor::new(&bytes), bytes.len() as u64, &AtomicBool::new(true)).expect_err("given up");
        assert_eq!(Error::from(error).blame, Blame::Harness);
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_a_panic(tail in prop::collection::vec(any::<u8>(), 0..800), minor in 10u8..20, entries in any::<i32>()) {
            let _ = walked(&tail);
            let _ = walked(&[header(minor, entries), tail.clone()].concat());
            let _ = walked(&[header(minor, 1), tail].concat());
        }

        #[test]
        fn changed_bytes_end_in_an_answer(minor in 12u8..17, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
            let mut bytes = whole(minor);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Err(error) = walked(&bytes) {
                prop_assert_ne!(error.blame, Blame::Scenario);
            }
        }
    }
}
