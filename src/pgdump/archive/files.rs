//! Walks over an archive whose data stand in files of their own, all in one tar stream: what `pg_dump -Ft` writes, and a directory of
//! `pg_dump -Fd` that was put into a tar.
//!
//! A tar of a directory has its members in any order, so that what a file means may be known only at the end. Names:
//! `pg_backup_tar.c` and `pg_backup_directory.c` of `PostgreSQL`. `pg_restore` spins for ever over a tar that is cut: this walk tells why.

use super::super::{Cause, Damage, Failure};
use super::feed::Bounded;
use super::header::Format;
use super::rows::{Counted, RowCounter};
use super::tally::{LARGE_OBJECTS, Tally, rows_of, should_have_data};
use super::tar::{self, Member};
use super::toc::{Contents, DataMark};
use super::unpack::{Coding, Flaw, Unpacker};
use super::wire::{Wire, changed};
use super::{base_name, is_toc, skip};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

/// A line of a list of large objects: an OID and a file's name.
const LONGEST_LINE: usize = 1024;

/// Walks over the members.
pub struct Walk<'a, R> {
    wire: &'a mut Wire<R>,
    unpacker: Unpacker,
    contents: Option<Contents>,
    /// The files with rows, by the number of their entry.
    rows: BTreeMap<i32, Rows>,
    /// The files with large objects, by OID.
    large_objects: HashMap<u32, (u64, Option<Flaw>)>,
    /// The OIDs in the lists of large objects.
    listed: BTreeSet<u32>,
    /// The names of these lists.
    lists: BTreeSet<String>,
    /// What was wrong with members, by place.
    damages: Vec<(u64, Cause, String)>,
    unsummed: bool,
}

/// What one file of rows holds.
struct Rows {
    at: u64,
    counted: Counted,
    flaw: Option<Flaw>,
}

/// What a member is, by its name.
enum Role {
    Contents,
    Rows(i32, Coding),
    LargeObject(u32, Coding),
    List,
    Other,
}

impl<'a, R: Read> Walk<'a, R> {
    /// # Errors
    /// There is no memory for it.
    pub fn new(wire: &'a mut Wire<R>) -> std::io::Result<Self> {
        Ok(Self {
            wire,
            unpacker: Unpacker::new()?,
            contents: None,
            rows: BTreeMap::new(),
            large_objects: HashMap::new(),
            listed: BTreeSet::new(),
            lists: BTreeSet::new(),
            damages: Vec::new(),
            unsummed: false,
        })
    }

    /// Reads to the end of the dump. The tally is of all that was read; the failure is what ended the walk before the end.
    pub fn run(mut self) -> (Option<Tally>, Option<Failure>) {
        let failure = self.members().err();
        let whole = failure.is_none();
        (self.resolve(whole), failure)
    }

    fn members(&mut self) -> Result<(), Failure> {
        while let Some(member) = tar::next(self.wire)? {
            let name = self.title(&member);
            self.member(&member).map_err(|failure| failure.within(&name))?;
            tar::padding(self.wire, member.size)?;
        }
        tar::end(self.wire)?;
        if self.contents.is_none() {
            let is_part = !self.rows.is_empty() || !self.large_objects.is_empty();
            let cause = if is_part { Cause::Changed } else { Cause::Unknown };
            return Err(Failure::Damage(Damage { at: self.wire.at(), what: "the tar archive holds no toc.dat".into(), cause }));
        }
        Ok(())
    }

    /// What a member is called for people.
    fn title(&self, member: &Member) -> String {
        let Role::Rows(id, _) = role(&member.name) else { return member.name.clone() };
        let entry = self.contents.iter().flat_map(|contents| &contents.entries).find(|entry| entry.id == id);
        entry.map_or_else(|| member.name.clone(), |entry| format!("{} ({})", rows_of(entry), member.name))
    }

    fn member(&mut self, member: &Member) -> Result<(), Failure> {
        if !member.is_file {
            return skip(self.wire, member.size);
        }
        match role(&member.name) {
            Role::Contents => self.contents(member),
            Role::Rows(id, coding) => self.rows(member, id, coding),
            Role::LargeObject(oid, coding) => self.large_object(member, oid, coding),
            Role::List => self.list(member),
            Role::Other => skip(self.wire, member.size),
        }
    }

    fn contents(&mut self, member: &Member) -> Result<(), Failure> {
        if self.contents.is_some() {
            self.damages.push((member.at, Cause::Changed, format!("a second table of contents stands there ({})", member.name)));
            return skip(self.wire, member.size);
        }
        let at = self.wire.at();
        let mut inner = Wire::new(Bounded::new(self.wire, member.size), at);
        let contents = Contents::read(&mut inner)?;
        let rest = inner.at();
        if !inner.fill()?.is_empty() {
            return Err(changed(rest, format!("{} goes on behind its last entry", member.name)));
        }
        if self.wire.at() < at + member.size {
            return Err(Failure::cut(self.wire.at(), "the archive ends too early"));
        }
        if contents.header.format != Format::Files {
            return Err(changed(at, format!("{} is not that of a tar or directory dump", member.name)));
        }
        self.contents = Some(contents);
        Ok(())
    }

    fn rows(&mut self, member: &Member, id: i32, coding: Coding) -> Result<(), Failure> {
        let mut counter = RowCounter::default();
        let flaw = self.unpacker.run(coding, &mut Bounded::new(self.wire, member.size), &mut |bytes| counter.push(bytes))?;
        self.unsummed |= coding != Coding::Gzip;
        let flaw = flaw.or(empty(member.size, coding));
        let rows = Rows { at: member.at, counted: counter.finish(), flaw };
        if self.rows.insert(id, rows).is_some() {
            self.twice(member);
        }
        Ok(())
    }

    fn large_object(&mut self, member: &Member, oid: u32, coding: Coding) -> Result<(), Failure> {
        let flaw = self.unpacker.run(coding, &mut Bounded::new(self.wire, member.size), &mut |_| {})?;
        self.unsummed |= coding != Coding::Gzip;
        if self.large_objects.insert(oid, (member.at, flaw)).is_some() {
            self.twice(member);
        }
        Ok(())
    }

    fn twice(&mut self, member: &Member) {
        self.damages.push((member.at, Cause::Changed, format!("{} stands there twice", member.name)));
    }

    /// A list of large objects: `OID FILE` in each line.
    fn list(&mut self, member: &Member) -> Result<(), Failure> {
        if !self.lists.insert(base_name(&member.name).to_owned()) {
            self.twice(member);
        }
        let mut feed = Bounded::new(self.wire, member.size);
        let mut lines = Lines { line: Vec::new(), listed: &mut self.listed, wrong: false };
        self.unpacker.run(Coding::Plain, &mut feed, &mut |bytes| lines.push(bytes))?;
        if lines.wrong || !lines.line.is_empty() {
            self.damages.push((member.at, Cause::Changed, format!("{} is no list of large objects", member.name)));
        }
        Ok(())
    }

    /// Holds what was read against the table of contents. `whole`: all members were read, so that those that are not there are missing.
    fn resolve(self, whole: bool) -> Option<Tally> {
        let mut tally = Tally::new(self.contents?);
        for (id, rows) in self.rows {
            resolve_rows(&mut tally, id, rows);
        }
        let at = self.wire.at();
        if whole {
            let lost = self.listed.iter().filter(|oid| !self.large_objects.contains_key(oid));
            let lost = lost.map(|oid| format!("the file of large object {oid} is missing"));
            let missing: Vec<_> = missing(&tally, &self.lists).into_iter().chain(lost).collect();
            for what in missing {
                tally.damage(at, Cause::Changed, what);
            }
        }
        for (oid, (at, flaw)) in self.large_objects {
            tally.large_object(oid, at, flaw);
            if whole && !self.listed.contains(&oid) {
                tally.damage(at, Cause::Changed, format!("large object {oid} is in no list"));
            }
        }
        for (at, cause, what) in self.damages {
            tally.damage(at, cause, what);
        }
        if self.unsummed {
            tally.unsummed();
        }
        Some(tally)
    }
}

fn resolve_rows(tally: &mut Tally, id: i32, rows: Rows) {
    let what = match tally.entry(id) {
        Some(entry) if should_have_data(entry) => return tally.rows(id, rows.at, rows.counted, rows.flaw),
        Some(entry) => format!("{} are there, though the table of contents says that there are none", rows_of(entry)),
        None => format!("a file of rows is there for entry {id}, which the table of contents does not have"),
    };
    tally.damage(rows.at, Cause::Changed, what);
}

/// The entries whose files are not there.
fn missing(tally: &Tally, lists: &BTreeSet<String>) -> Vec<String> {
    let entries = tally.contents.entries.iter().filter(|entry| should_have_data(entry));
    let lost = entries.filter_map(|entry| {
        let DataMark::File(file) = &entry.data else { return None };
        let there = if entry.desc == LARGE_OBJECTS { has_list(entry.id, lists) } else { tally.was_read(entry.id) };
        (!there).then(|| format!("{} are missing: there is no {file}", rows_of(entry)))
    });
    lost.collect()
}

/// The list of an entry's large objects: the only one, or from version 1.16 on one of many. The table of contents of a tar archive
/// names another file, which is never there.
fn has_list(id: i32, lists: &BTreeSet<String>) -> bool {
    lists.contains("blobs.toc") || lists.contains(&format!("blobs_{id}.toc"))
}

/// Compressed data have at least the frame around them.
fn empty(size: u64, coding: Coding) -> Option<Flaw> {
    (size == 0 && coding != Coding::Plain).then_some(Flaw { what: "are missing: their file is empty", cause: Cause::Changed })
}

fn role(path: &str) -> Role {
    let name = base_name(path);
    let codings = [(".gz", Coding::Gzip), (".lz4", Coding::Lz4), (".zst", Coding::Zstd)];
    let coded = codings.iter().find_map(|(suffix, coding)| Some((name.strip_suffix(suffix)?, *coding)));
    let (plain, coding) = coded.unwrap_or((name, Coding::Plain));
    if is_toc(path) {
        return Role::Contents;
    }
    if name.strip_suffix(".toc").is_some_and(|name| name.starts_with("blobs")) {
        return Role::List;
    }
    let Some(number) = plain.strip_suffix(".dat") else { return Role::Other };
    match number.strip_prefix("blob_") {
        Some(oid) => oid.parse().map_or(Role::Other, |oid| Role::LargeObject(oid, coding)),
        None => number.parse().map_or(Role::Other, |id| Role::Rows(id, coding)),
    }
}

/// The lines of a list of large objects.
struct Lines<'l> {
    line: Vec<u8>,
    listed: &'l mut BTreeSet<u32>,
    wrong: bool,
}

impl Lines<'_> {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.end();
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(*byte);
            }
        }
    }

    fn end(&mut self) {
        let line = std::str::from_utf8(&self.line).ok();
        match line.and_then(|line| line.split_once(' ')).and_then(|(oid, _)| oid.parse().ok()) {
            Some(oid) => self.wrong |= !self.listed.insert(oid),
            None => self.wrong = true,
        }
        self.line.clear();
    }
}
