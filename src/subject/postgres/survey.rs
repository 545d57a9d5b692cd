//! What the native reader says of a dump, in the words of a record: a census, findings, and what stays open. Pure.

use crate::census::{Census, Group, Inventory, Vantage};
use crate::check::{Outcome, Status};
use crate::error::Error;
use crate::pgdump::{Blind, Cause, Damage, Database, Survey};
use crate::subject::Surveyed;
use crate::subject::alongside;
use crate::units::grouped;

/// The name of the finding.
pub const NAME: &str = "dump whole";

/// How many damages are listed.
const MOST_LISTED: usize = 20;

/// Translates what was found.
#[must_use]
pub fn surveyed(survey: &Survey, prefixed: bool) -> alongside::Survey {
    let hopeless = survey.damages.iter().any(|damage| matches!(damage.cause, Cause::Cut | Cause::Changed));
    // Counts up to the place where it breaks off are none.
    let whole = !hopeless && survey.damages.iter().all(|damage| damage.cause != Cause::Newer);
    let census = whole.then(|| census(&survey.databases, prefixed));
    let outcome = outcome(&survey.damages, census.as_ref());
    let hopeless = hopeless.then(|| {
        Error::backup("the restore was given up, because the dump is damaged")
            .hint("See what is wrong with it under `dump whole`; an older backup may be whole.")
    });
    let not_tested = survey.blind.iter().map(|blind| unseen(*blind).to_owned()).collect();
    alongside::Survey { surveyed: Surveyed { census, outcomes: vec![outcome], not_tested }, hopeless }
}

fn outcome(damages: &[Damage], census: Option<&Census>) -> Outcome {
    let Some(first) = damages.first() else {
        let holds = census.map(Census::summary).unwrap_or_default();
        return Outcome::new(NAME, Status::Pass, format!("every block is whole; it holds {holds}"));
    };
    let told = |damage: &Damage| format!("{}: {} (at byte {})", word(damage.cause), damage.what, grouped(damage.at));
    let more = match damages.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let status = if damages.iter().all(|damage| damage.cause == Cause::Newer) { Status::Warn } else { Status::Fail };
    Outcome::new(NAME, status, told(first) + &more).evidence(damages.iter().take(MOST_LISTED).map(told)).hint(hint(first.cause))
}

const fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Cut => "cut short",
        Cause::Changed => "damaged",
        Cause::Behind => "more than a dump",
        Cause::Unknown => "not as pg_dump writes it",
        Cause::Newer => "not looked through",
    }
}

const fn hint(cause: Cause) -> &'static str {
    match cause {
        Cause::Cut => "Look at how it was written and moved: pg_dump did not get to its end, or the upload did not.",
        Cause::Changed => "Look for a failing disk, or for a transfer in text mode, on the way to the store.",
        Cause::Behind => "Look at the job that writes it: something is written behind the dump, or it is written twice.",
        Cause::Newer => "A newer assay may know this version; until then only the restore speaks for it.",
        Cause::Unknown => "Look at what wrote it, and whether anything changed it on the way to the store.",
    }
}

const fn unseen(blind: Blind) -> &'static str {
    match blind {
        Blind::ChangedRow => "single changed bytes in the rows: without compression they have no checksum",
        Blind::ChangedDefinition => {
            "single changed bytes in the definitions of tables and the like: an archive's table of contents has no checksum"
        }
        Blind::LostLines => "lines lost from the middle of a plain dump: they leave no trace",
        Blind::Names => {
            "whether everything came back whose name is in an encoding other than UTF-8 and LATIN1: it was not compared"
        }
        Blind::LostEnd => "whether the script is whole: it has no end mark, so a cut one may pass",
    }
}

/// The artifact's own census. With `prefixed`, every name begins with that of its database.
fn census(databases: &[Database], prefixed: bool) -> Census {
    let (groups_are, counted_in) = ("tables".to_owned(), "rows".to_owned());
    let (groups, inventory, partitions) = Default::default();
    let mut all = Census { vantage: Vantage::Artifact, groups_are, counted_in, groups, inventory, partitions };
    for database in databases {
        let one = one(database, &all);
        match database.name.as_deref().filter(|_| prefixed) {
            Some(name) => all.join(one.within(name)),
            None => all.join(one),
        }
    }
    all
}

fn one(database: &Database, like: &Census) -> Census {
    let group = |(name, rows): (&String, &u64)| Group { name: name.clone(), count: *rows, newest: Vec::new() };
    let kind = |(kind, members): (&&'static str, &std::collections::BTreeSet<String>)| Inventory {
        kind: (*kind).to_owned(),
        count: members.len() as u64,
        members: members.iter().cloned().collect(),
        named_by: 0,
    };
    // Numbers are no names: large objects are only counted.
    let large = Inventory { kind: "large_objects".into(), count: database.large_objects, members: Vec::new(), named_by: 0 };
    let mut inventory: Vec<Inventory> = database.objects.iter().map(kind).chain([large]).collect();
    inventory.sort_by(|a, b| a.kind.cmp(&b.kind));
    let (groups, partitions) = (database.tables.iter().map(group).collect(), database.partitions.clone());
    Census { groups, inventory, partitions, ..like.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn survey(damages: &[(Cause, &str)]) -> Survey {
        let database = |name: &str, rows| Database {
            name: Some(name.into()),
            tables: BTreeMap::from([("public.users".into(), rows)]),
            objects: BTreeMap::from([("indexes", BTreeSet::from(["public.users_name".to_owned()]))]),
            ..Database::default()
        };
        Survey {
            databases: vec![database("shop", 40), database("words", 2)],
            damages: damages.iter().map(|(cause, what)| Damage { at: 1234, what: (*what).into(), cause: *cause }).collect(),
            blind: BTreeSet::from([Blind::LostLines]),
        }
    }

    #[test]
    fn a_whole_dump_is_counted_under_full_names() {
        let found = surveyed(&survey(&[]), true);
        let census = found.surveyed.census.expect("counted");
        assert_eq!((census.count_of("shop.public.users"), census.count_of("words.public.users")), (Some(40), Some(2)));
        assert_eq!(census.count_of("indexes"), Some(2));
        assert_eq!(found.surveyed.outcomes[0].status, Status::Pass);
        assert_eq!(found.surveyed.outcomes[0].message, "every block is whole; it holds 2 tables, 42 rows");
        assert!(found.hopeless.is_none() && found.surveyed.not_tested[0].contains("lines lost"));
    }

    #[test]
    fn a_damaged_dump_fails_with_its_first_damage_and_is_not_counted() {
        let found = surveyed(&survey(&[(Cause::Cut, "the rows of public.users end early"), (Cause::Behind, "more")]), false);
        let outcome = &found.surveyed.outcomes[0];
        assert_eq!(outcome.status, Status::Fail);
        assert_eq!(outcome.message, "cut short: the rows of public.users end early (at byte 1 234) (and 1 more)");
        assert_eq!(outcome.evidence.len(), 2);
        assert!(found.surveyed.census.is_none() && found.hopeless.is_some());
    }

    #[test]
    fn a_version_that_is_not_known_here_is_no_failure_and_no_proof() {
        let found = surveyed(&survey(&[(Cause::Newer, "its version 1.17 is newer")]), false);
        assert_eq!(found.surveyed.outcomes[0].status, Status::Warn);
        assert!(found.surveyed.census.is_none() && found.hopeless.is_none());
    }

    #[test]
    fn what_stands_behind_a_whole_dump_does_not_stop_its_restore() {
        let found = surveyed(&survey(&[(Cause::Behind, "37 bytes behind the end")]), false);
        assert_eq!(found.surveyed.outcomes[0].status, Status::Fail);
        assert!(found.hopeless.is_none() && found.surveyed.census.is_some());
    }
}
