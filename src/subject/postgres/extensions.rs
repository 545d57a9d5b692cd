//! The extensions that a dump needs and a server does not have: known before the restore, because they are missing here and not in
//! the backup. A scenario may go on without some of them, with a reason.

use super::client;
use super::packages;
use crate::census::Census;
use crate::check::{Outcome, Status};
use crate::error::{Error, Result};
use crate::pgdump::{Contents, Entry};
use crate::runtime::local::Instance;
use crate::subject::Surveyed;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::io;
use std::path::Path;

/// An extension that a scenario goes on without where the server does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutExtension {
    /// Its name.
    pub name: String,
    /// Why that is fine.
    pub reason: String,
}

/// What of a dump is left out of the restore: extensions, and what cannot be without them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The extensions, with their reasons.
    pub extensions: Vec<WithoutExtension>,
    /// Whose rows are left out: `schema.table`.
    pub tables: BTreeSet<String>,
    /// The other things that need one of them: `INDEX public.words_idx`.
    pub objects: BTreeSet<String>,
    /// The same things by the kinds and names of a census.
    counted: BTreeSet<(&'static str, String)>,
    /// The numbers of the entries that stay, in their order.
    stay: Vec<i32>,
}

/// The name of the outcome.
const CHECK: &str = "extensions";

/// How many things the outcome names.
const MOST_NAMED: usize = 20;

/// Decides what of an archive is left out for a server that lacks extensions.
///
/// # Errors
/// Harness: the server lacks extensions that the scenario does not go on without, or does not answer.
pub async fn settle(contents: &Contents, instance: &Instance, allowed: &[WithoutExtension]) -> Result<LeftOut> {
    let wanted = contents.entries.iter().filter(|entry| entry.desc == "EXTENSION").map(|entry| entry.tag.clone());
    let without = without(&wanted.collect(), instance, allowed).await?;
    Ok(LeftOut::of(contents, without))
}

/// Those of the extensions that the server lacks and the scenario goes on without: what names them must be left out of the restore.
///
/// # Errors
/// Harness: the server lacks others too, or does not answer.
pub async fn without(
    wanted: &BTreeSet<String>,
    instance: &Instance,
    allowed: &[WithoutExtension],
) -> Result<Vec<WithoutExtension>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let client = client::connect(instance.place(), instance.password(), "postgres").await.map_err(|e| client::harness(&e))?;
    let rows = client.query("SELECT name::text FROM pg_available_extensions", &[]).await.map_err(|e| client::harness(&e))?;
    let available: HashSet<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
    let missing: BTreeSet<&str> = wanted.iter().map(String::as_str).filter(|name| !available.contains(*name)).collect();
    judge(&missing, allowed, instance.installation().major)
}

fn judge(missing: &BTreeSet<&str>, allowed: &[WithoutExtension], major: u32) -> Result<Vec<WithoutExtension>> {
    let needed: Vec<&str> = missing.iter().copied().filter(|name| allowed.iter().all(|one| one.name != *name)).collect();
    if needed.is_empty() {
        return Ok(allowed.iter().filter(|one| missing.contains(one.name.as_str())).cloned().collect());
    }
    let names = needed.join(", ");
    let message = format!("missing extension: this PostgreSQL {major} does not have {names}, which the dump needs");
    let get: Vec<String> = needed.iter().map(|name| packages::of(name, major)).collect();
    let hint = "To go on without one, name it in `postgres.without_extensions` with a reason.";
    Err(Error::harness(message).hint(format!("{}. {hint}", get.join("; "))))
}

impl LeftOut {
    /// The same for a script: nothing tells what needs an extension.
    #[must_use]
    pub fn of_script(extensions: Vec<WithoutExtension>) -> Self {
        let counted = extensions.iter().map(|one| ("extensions", one.name.clone())).collect();
        Self { extensions, counted, ..Self::default() }
    }

    /// What stays of an archive without these extensions.
    fn of(contents: &Contents, extensions: Vec<WithoutExtension>) -> Self {
        if extensions.is_empty() {
            return Self::default();
        }
        let named = |entry: &Entry| extensions.iter().any(|one| one.name == entry.tag);
        let roots = contents.entries.iter().filter(|entry| entry.desc == "EXTENSION" && named(entry));
        let mut gone: HashSet<i32> = roots.map(|entry| entry.id).collect();
        let (mut tables, mut objects) = (BTreeSet::new(), BTreeSet::new());
        // What needs something that needs it may stand before it.
        loop {
            let needs = |entry: &&Entry| !gone.contains(&entry.id) && entry.dependencies.iter().any(|id| gone.contains(id));
            let more: Vec<&Entry> = contents.entries.iter().filter(needs).collect();
            if more.is_empty() {
                break;
            }
            for entry in more {
                gone.insert(entry.id);
                match entry.desc.as_str() {
                    "TABLE DATA" => drop(tables.insert(format!("{}.{}", entry.schema, entry.tag))),
                    // They say something of another entry, which is named.
                    "COMMENT" | "ACL" | "SECURITY LABEL" => {}
                    _ => drop(objects.insert(name(entry))),
                }
            }
        }
        let counted = contents.entries.iter().filter(|entry| gone.contains(&entry.id)).filter_map(Entry::object).collect();
        let stay = contents.entries.iter().map(|entry| entry.id).filter(|id| !gone.contains(id)).collect();
        Self { extensions, tables, objects, counted, stay }
    }

    /// Says that it was not tested, and takes it out of the census of the artifact: it cannot come back.
    pub fn settle(&self, surveyed: &mut Surveyed) {
        surveyed.not_tested.extend(self.not_tested());
        if let Some(census) = &mut surveyed.census {
            self.take_from(census);
        }
    }

    fn take_from(&self, census: &mut Census) {
        census.groups.retain(|group| !self.tables.contains(&group.name));
        for kind in &mut census.inventory {
            let gone = |name: &String| self.counted.iter().any(|(of, gone)| *of == kind.kind && gone == name);
            let before = kind.members.len();
            let stay: Vec<String> = std::mem::take(&mut kind.members).into_iter().filter(|name| !gone(name)).collect();
            kind.count -= (before - stay.len()) as u64;
            kind.members = stay;
        }
    }

    /// Writes the list that `pg_restore -L` wants: the numbers of what stays. `None`: everything stays.
    ///
    /// # Errors
    /// Harness: it cannot be written.
    pub fn write_list<'p>(&self, path: &'p Path, instance: &Instance) -> Result<Option<&'p Path>> {
        if self.extensions.is_empty() {
            return Ok(None);
        }
        let mut list = String::new();
        for id in &self.stay {
            let _ = writeln!(list, "{id};");
        }
        let write = || -> io::Result<()> { io::Write::write_all(&mut std::fs::File::create_new(path)?, list.as_bytes()) };
        write().map_err(|e| Error::from(e).context(format!("cannot write {}", path.display())))?;
        instance.give(path)?;
        Ok(Some(path))
    }

    /// What the report says of it.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let reasons: Vec<String> = self.extensions.iter().map(|one| format!("{} ({})", one.name, one.reason)).collect();
        let mut message = format!("restored without {}", reasons.join(", "));
        let others: Vec<&String> = self.tables.iter().chain(&self.objects).collect();
        if !others.is_empty() {
            let _ = write!(message, "; {} things that need it were left out", others.len());
        }
        let named = others.into_iter().take(MOST_NAMED).cloned();
        (!reasons.is_empty()).then(|| Outcome::new(CHECK, Status::Pass, message).evidence(named))
    }

    /// What the proof leaves open because of it.
    #[must_use]
    fn not_tested(&self) -> Vec<String> {
        let extension = |one: &WithoutExtension| format!("the extension {}, which is left out: {}", one.name, one.reason);
        let mut open: Vec<String> = self.extensions.iter().map(extension).collect();
        let tables: Vec<&str> = self.tables.iter().map(String::as_str).collect();
        if !tables.is_empty() {
            open.push(format!("the rows of {}, which need a left out extension", tables.join(", ")));
        }
        open
    }
}

fn name(entry: &Entry) -> String {
    let schema = if entry.schema.is_empty() { String::new() } else { format!("{}.", entry.schema) };
    format!("{} {schema}{}", entry.desc, entry.tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use crate::pgdump::{Compression, DataMark, Format, Header, Section};

    fn entry(id: i32, desc: &str, tag: &str, dependencies: &[i32]) -> Entry {
        Entry {
            at: 0,
            id,
            had_data: desc == "TABLE DATA",
            table_oid: 0,
            oid: 0,
            tag: tag.into(),
            desc: desc.into(),
            section: Section::PreData,
            definition: String::new(),
            drop: String::new(),
            copy: String::new(),
            schema: if desc == "EXTENSION" { String::new() } else { "public".into() },
            tablespace: None,
            table_am: None,
            relkind: 0,
            owner: String::new(),
            dependencies: dependencies.to_vec(),
            data: DataMark::None,
        }
    }

    fn contents(entries: Vec<Entry>) -> Contents {
        let header = Header {
            minor: 14,
            format: Format::Custom,
            compression: Compression::None,
            int_size: 4,
            offset_size: 8,
            created: None,
            database: None,
            server_version: None,
            dump_version: None,
            entries: entries.len() as u64,
        };
        Contents { header, entries }
    }

    fn without(name: &str) -> WithoutExtension {
        WithoutExtension { name: name.into(), reason: "jobs are not data".into() }
    }

    #[test]
    fn a_missing_extension_is_ours_and_says_how_to_get_it() {
        let missing = BTreeSet::from(["pg_cron", "postgis", "hstore"]);
        let error = judge(&missing, &[without("hstore")], 15).expect_err("missing");
        assert_eq!(error.blame, Blame::Harness);
        assert_eq!(error.message, "missing extension: this PostgreSQL 15 does not have pg_cron, postgis, which the dump needs");
        let hint = error.hint.expect("a hint");
        for sign in ["postgresql-15-cron", "postgresql-15-postgis-3", "postgis/postgis:15", "without_extensions"] {
            assert!(hint.contains(sign), "{sign} is not in: {hint}");
        }
        let allowed = [without("pg_cron"), without("postgis"), without("hstore"), without("vector")];
        assert_eq!(judge(&missing, &allowed, 15).expect("allowed"), allowed[..3]);
        assert_eq!(judge(&BTreeSet::new(), &allowed, 15).expect("all there"), []);
    }

    #[test]
    fn what_needs_a_left_out_extension_goes_with_it() {
        let contents = contents(vec![
            entry(2, "EXTENSION", "postgis", &[]),
            entry(3, "COMMENT", "EXTENSION postgis", &[2]),
            entry(4, "EXTENSION", "hstore", &[]),
            entry(9, "TABLE DATA", "places", &[5]),
            entry(5, "TABLE", "places", &[2]),
            entry(6, "TABLE", "users", &[4]),
            entry(7, "TABLE DATA", "users", &[6]),
            entry(8, "INDEX", "places_idx", &[5, 2]),
        ]);
        let left_out = LeftOut::of(&contents, vec![without("postgis")]);
        assert_eq!(left_out.stay, [4, 6, 7]);
        assert_eq!(left_out.tables, BTreeSet::from(["public.places".to_owned()]));
        assert_eq!(left_out.objects, BTreeSet::from(["INDEX public.places_idx".to_owned(), "TABLE public.places".to_owned()]));
        let group = |name: &str| crate::census::Group { name: name.into(), count: 3, newest: Vec::new() };
        let kind = |kind: &str, members: &[&str]| crate::census::Inventory {
            kind: kind.into(),
            count: members.len() as u64,
            members: members.iter().map(ToString::to_string).collect(),
            named_by: 0,
        };
        let mut census = crate::check::tests::census(&[]);
        census.groups = vec![group("public.places"), group("public.users")];
        census.inventory = vec![kind("extensions", &["hstore", "postgis"]), kind("tables", &["public.places", "public.users"])];
        left_out.take_from(&mut census);
        assert_eq!(census.groups, [group("public.users")]);
        assert_eq!(census.inventory, [kind("extensions", &["hstore"]), kind("tables", &["public.users"])]);
        let outcome = left_out.outcome().expect("told");
        assert_eq!(
            (outcome.status, outcome.message.as_str()),
            (Status::Pass, "restored without postgis (jobs are not data); 3 things that need it were left out")
        );
        assert_eq!(left_out.not_tested().len(), 2);
        assert_eq!(LeftOut::of(&contents, Vec::new()).outcome(), None);
    }
}
