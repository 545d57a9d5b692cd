//! Walks over a custom archive: the blocks behind the table of contents, up to the end.
//!
//! `pg_restore` does not look: it passes over an entry whose mark for data was lost, and over whatever stands behind the end.
//! `pg_dump` writes the blocks in the order of the table of contents (`WriteDataChunks` in `pg_backup_archiver.c`); the layout of a block
//! is that of `_StartData`, `_WriteData`, `_StartLO` in `pg_backup_custom.c` of `PostgreSQL`.

use super::super::{Cause, Failure};
use super::feed::Chunks;
use super::header::{Compression, MAGIC};
use super::rows::RowCounter;
use super::tally::{LARGE_OBJECTS, Tally, rows_of, should_have_data};
use super::toc::{self, DataMark, Entry};
use super::unpack::{Coding, Unpacker};
use super::wire::{Wire, changed};
use std::collections::HashSet;
use std::io::Read;

/// Kinds of blocks.
const ROWS: u8 = 1;
const BLOBS: u8 = 3;
/// The longest beginning of a block: its kind and a number of 8 bytes.
const BLOCK_HEAD: usize = 10;

/// Walks over the blocks; the wire stands behind the table of contents.
pub struct Walk<'a, R> {
    wire: &'a mut Wire<R>,
    tally: &'a mut Tally,
    unpacker: Unpacker,
    coding: Coding,
    /// The entries whose blocks have come.
    seen: HashSet<i32>,
    missing: usize,
    /// The index of the last entry whose block came in its order.
    last: usize,
    /// How far behind their places the blocks stand, as last reported.
    shift: i128,
}

/// The head of a block.
struct Block {
    at: u64,
    kind: u8,
    /// The index of its entry.
    index: usize,
}

impl<'a, R: Read> Walk<'a, R> {
    /// # Errors
    /// There is no memory for it.
    pub fn new(wire: &'a mut Wire<R>, tally: &'a mut Tally) -> std::io::Result<Self> {
        let coding = match tally.contents.header.compression {
            Compression::None => Coding::Plain,
            Compression::Gzip => Coding::Zlib,
            Compression::Lz4 => Coding::Lz4,
            Compression::Zstd => Coding::Zstd,
        };
        let missing = tally.contents.entries.iter().filter(|entry| should_have_data(entry)).count();
        Ok(Self { wire, tally, unpacker: Unpacker::new()?, coding, seen: HashSet::new(), missing, last: 0, shift: 0 })
    }

    /// Reads to the end of the dump.
    ///
    /// # Errors
    /// Damage: it cannot be read on. Io: reading failed.
    pub fn run(&mut self) -> Result<(), Failure> {
        if self.coding != Coding::Zlib && self.missing > 0 {
            self.tally.unsummed();
        }
        while !self.wire.fill()?.is_empty() {
            if self.missing == 0 && !self.is_second_block()? {
                return self.behind_the_end();
            }
            let block = self.head().map_err(|failure| failure.within("the head of the next data"))?;
            self.block(&block)?;
        }
        self.tell_missing();
        Ok(())
    }

    /// Whether a block of an entry that had its block follows, behind all that should be there.
    fn is_second_block(&mut self) -> Result<bool, Failure> {
        let int_size = usize::from(self.tally.contents.header.int_size);
        let head = self.wire.peek(BLOCK_HEAD.min(int_size + 2))?;
        let [ROWS | BLOBS, 0, number @ ..] = head else { return Ok(false) };
        let id = number.iter().rev().fold(0u64, |id, byte| id << 8 | u64::from(*byte));
        Ok(i32::try_from(id).is_ok_and(|id| self.tally.entry(id).is_some()))
    }

    fn head(&mut self) -> Result<Block, Failure> {
        let at = self.wire.at();
        let kind = self.wire.byte()?;
        let number = self.wire.int()?;
        let index = i32::try_from(number).ok().and_then(|id| self.tally.by_id.get(&id));
        let lost = || changed(at, format!("data stand here for entry {number}, which the table of contents does not have"));
        Ok(Block { at, kind, index: *index.ok_or_else(lost)? })
    }

    fn block(&mut self, block: &Block) -> Result<(), Failure> {
        let entry = &self.tally.contents.entries[block.index];
        let (id, name, has_data) = (entry.id, rows_of(entry), should_have_data(entry));
        let kind = if entry.desc == LARGE_OBJECTS { BLOBS } else { ROWS };
        let place = match entry.data {
            DataMark::At(place) => Some(place),
            _ => None,
        };
        let first = self.seen.insert(id);
        self.missing -= usize::from(first && has_data);
        let order = self.order(block, place, first);
        let none = (!has_data).then_some("are there, though the table of contents says that there are none");
        let other = (block.kind != kind).then_some("claim to be of another kind");
        let again = (!first).then_some("stand there twice");
        for wrong in [none, other, order, again].into_iter().flatten() {
            self.tally.damage(block.at, Cause::Changed, format!("{name} {wrong}"));
        }
        let read = if kind == ROWS { self.rows(id, block.at, first) } else { self.large_objects(first) };
        read.map_err(|failure| failure.within(&name))
    }

    /// Holds the place of a block against what the table of contents says. Bytes that were lost or added move all that follow: that is
    /// told once.
    fn order(&mut self, block: &Block, place: Option<u64>, first: bool) -> Option<&'static str> {
        let shift = place.map_or(self.shift, |place| i128::from(block.at) - i128::from(place));
        let (moved, early) = (shift != self.shift, first && block.index < self.last);
        self.shift = shift;
        self.last = self.last.max(block.index);
        if moved {
            return Some("are not where the table of contents says");
        }
        early.then_some("are not in their order")
    }

    fn rows(&mut self, id: i32, at: u64, counts: bool) -> Result<(), Failure> {
        let mut counter = RowCounter::default();
        let mut chunks = Chunks::new(self.wire);
        let flaw = self.unpacker.run(self.coding, &mut chunks, &mut |bytes| counter.push(bytes))?;
        if counts {
            self.tally.rows(id, at, counter.finish(), flaw);
        }
        Ok(())
    }

    /// Large objects with their OIDs, up to the OID 0. An OID above 2^31 is written as a negative number.
    fn large_objects(&mut self, counts: bool) -> Result<(), Failure> {
        loop {
            let at = self.wire.at();
            let oid = self.wire.int()?;
            if oid == 0 {
                return Ok(());
            }
            let oid = u32::try_from(oid & i64::from(u32::MAX)).unwrap_or(0);
            let mut chunks = Chunks::new(self.wire);
            let flaw = self.unpacker.run(self.coding, &mut chunks, &mut |_| {})?;
            if counts {
                self.tally.large_object(oid, at, flaw);
            }
        }
    }

    /// Names the entries whose blocks did not come: behind the last that came they were cut off, before it lost.
    fn tell_missing(&mut self) {
        let at = self.wire.at();
        let missing = |(_, entry): &(usize, &Entry)| should_have_data(entry) && !self.seen.contains(&entry.id);
        let entries = self.tally.contents.entries.iter().enumerate();
        let told: Vec<_> = entries.filter(missing).map(|(index, entry)| (index, rows_of(entry))).collect();
        for (index, name) in told {
            let cut = self.seen.is_empty() || index > self.last;
            let (cause, how) =
                if cut { (Cause::Cut, "are missing: the archive ends before them") } else { (Cause::Changed, "are missing") };
            self.tally.damage(at, cause, format!("{name} {how}"));
        }
    }

    /// Nothing may follow the last block, except what `pg_dump ... >> file` leaves: `pg_dump` goes back to write the table of contents
    /// again, with places, but a file that is opened for appending gets it at its end. Such a dump is whole.
    fn behind_the_end(&mut self) -> Result<(), Failure> {
        let at = self.wire.at();
        if self.wire.peek(MAGIC.len())? == MAGIC {
            self.tally.damage(at, Cause::Behind, "another archive stands behind the end");
            return Ok(());
        }
        if self.is_rewritten_toc()? {
            return Ok(());
        }
        self.tally.damage(at, Cause::Behind, "something stands behind the end of the archive");
        Ok(())
    }

    fn is_rewritten_toc(&mut self) -> Result<bool, Failure> {
        let again = match self.wire.int().and_then(|count| self.entries_again(count)) {
            Err(Failure::Io(error)) => return Err(error.into()),
            Err(Failure::Damage(_)) | Ok(false) => false,
            Ok(true) => true,
        };
        Ok(again && self.wire.fill()?.is_empty())
    }

    fn entries_again(&mut self, count: i64) -> Result<bool, Failure> {
        let contents = &self.tally.contents;
        if u64::try_from(count).ok() != Some(contents.header.entries) {
            return Ok(false);
        }
        let again = toc::entries(self.wire, &contents.header)?;
        let same = |(entry, again): (&Entry, Entry)| {
            let Entry { at, data, .. } = entry.clone();
            *entry == Entry { at, data, ..again }
        };
        Ok(contents.entries.iter().zip(again).all(same))
    }
}
