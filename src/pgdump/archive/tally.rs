//! What a walk over an archive found, gathered into a survey.

use super::super::{Blind, Cause, Damage, Database, Failure, Survey};
use super::names::{self, Copy};
use super::rows::Counted;
use super::toc::{Contents, DataMark, Entry};
use super::unpack::Flaw;
use super::{objects, rules};
use std::collections::{HashMap, HashSet};

/// The table of contents of an archive, and what was found of it so far.
pub struct Tally {
    /// The table of contents.
    pub contents: Contents,
    /// The index of each entry by its number.
    pub by_id: HashMap<i32, usize>,
    database: Database,
    damages: Vec<Damage>,
    read: HashSet<i32>,
    unsummed: bool,
}

impl Tally {
    /// Looks at the table of contents; nothing of the data was seen yet.
    pub fn new(contents: Contents) -> Self {
        let damages = rules::check(&contents);
        let by_id = contents.entries.iter().enumerate().map(|(index, entry)| (entry.id, index)).collect();
        let name = contents.header.database.clone();
        let database = Database {
            name,
            objects: objects::by_kind(&contents),
            partitions: objects::partitions(&contents),
            ..Database::default()
        };
        Self { contents, by_id, database, damages, read: HashSet::new(), unsummed: false }
    }

    /// The entry with this number.
    pub fn entry(&self, id: i32) -> Option<&Entry> {
        self.contents.entries.get(*self.by_id.get(&id)?)
    }

    /// Adds a damage.
    pub fn damage(&mut self, at: u64, cause: Cause, what: impl Into<String>) {
        self.damages.push(Damage { at, what: what.into(), cause });
    }

    /// Adds what ended the walk.
    ///
    /// # Errors
    /// It was reading that failed.
    pub fn ended(&mut self, failure: Failure) -> std::io::Result<()> {
        match failure {
            Failure::Io(error) => Err(error),
            Failure::Damage(damage) => {
                self.damages.push(damage);
                Ok(())
            }
        }
    }

    /// Some data had no checksum.
    pub const fn unsummed(&mut self) {
        self.unsummed = true;
    }

    /// The rows of an entry were read from this place on.
    pub fn rows(&mut self, id: i32, at: u64, counted: Counted, flaw: Option<Flaw>) {
        let Some(entry) = self.entry(id) else { return };
        let name = rows_of(entry);
        let target = target(entry);
        let (rows, wrong) = if entry.copy.is_empty() {
            counted.inserted()
        } else {
            counted.copied(names::copy(&entry.copy).and_then(|copy| copy.columns))
        };
        // Rows that cannot be decompressed are torn, too.
        match (flaw, wrong) {
            (Some(flaw), _) => self.damage(at, flaw.cause, format!("{name} {}", flaw.what)),
            (None, Some(wrong)) => self.damage(at, Cause::Changed, format!("{name} {wrong}")),
            (None, None) => {}
        }
        self.read.insert(id);
        *self.database.tables.entry(target).or_default() += rows;
    }

    /// A large object was read from this place on.
    pub fn large_object(&mut self, oid: u32, at: u64, flaw: Option<Flaw>) {
        self.database.large_objects += 1;
        if let Some(flaw) = flaw {
            self.damage(at, flaw.cause, format!("the bytes of large object {oid} {}", flaw.what));
        }
    }

    /// Whether the rows of this entry were counted.
    pub fn was_read(&self, id: i32) -> bool {
        self.read.contains(&id)
    }

    /// Holds the large objects that were read against those that the table of contents makes. Call it behind the last one; `at`: there.
    ///
    /// They are made one by one (`BLOB`), or from version 1.16 on many by one entry (`BLOB METADATA`) that lists their OIDs in lines.
    pub fn agree_on_large_objects(&mut self, at: u64) {
        let entries = &self.contents.entries;
        let of = |desc: &'static str| entries.iter().filter(move |entry| entry.desc == desc);
        let listed: usize = of("BLOB METADATA").map(|entry| entry.definition.lines().count()).sum();
        let made = (listed + of("BLOB").count()) as u64;
        let read = self.database.large_objects;
        if made > 0 && of(LARGE_OBJECTS).any(should_have_data) && made != read {
            let what = format!("the table of contents makes {made} large objects, and the bytes of {read} are there");
            self.damage(at, Cause::Changed, what);
        }
    }

    /// The survey of all that was found.
    pub fn survey(mut self) -> Survey {
        let mut blind = std::collections::BTreeSet::from([Blind::ChangedDefinition]);
        if self.unsummed {
            blind.insert(Blind::ChangedRow);
        }
        if !rules::is_utf8(&self.contents) && self.database.keep_plain_names() {
            blind.insert(Blind::Names);
        }
        self.damages.dedup();
        Survey { databases: vec![self.database], damages: self.damages, blind }
    }
}

/// What an entry is whose data are large objects.
pub const LARGE_OBJECTS: &str = "BLOBS";

/// What the data of an entry are called: `the rows of public.users`.
pub fn rows_of(entry: &Entry) -> String {
    if entry.desc == LARGE_OBJECTS {
        format!("the large objects {}", entry.tag)
    } else {
        format!("the rows of {}", full_name(entry))
    }
}

/// `schema.name`, unquoted.
pub fn full_name(entry: &Entry) -> String {
    if entry.schema.is_empty() { entry.tag.clone() } else { format!("{}.{}", entry.schema, entry.tag) }
}

/// The table that the rows go into: with `--load-via-partition-root` the one that COPY or a comment names.
fn target(entry: &Entry) -> String {
    let copied = names::copy(&entry.copy).map(|Copy { schema, table, .. }| format!("{schema}.{table}"));
    copied.or_else(|| root(entry)).unwrap_or_else(|| full_name(entry))
}

/// The root that `pg_dump` names in a comment on the rows of a partition (`dumpTableData` in `pg_dump.c`).
fn root(entry: &Entry) -> Option<String> {
    let (schema, table, _) = names::qualified(entry.definition.strip_prefix("-- load via partition root ")?)?;
    Some(format!("{schema}.{table}"))
}

/// Whether the data of an entry should be somewhere.
pub fn should_have_data(entry: &Entry) -> bool {
    entry.had_data && entry.data != DataMark::None
}
