//! What a table of contents promises about itself. Nothing sums it up, and `pg_restore` believes it: one changed byte can lose a table
//! without a word. So whatever stands in it twice is held against itself. What may be so in a healthy dump is never told.
//!
//! Kinds and sections: `ArchiveEntry` in `pg_dump.c` of `PostgreSQL` 12 to 18.

use super::super::{Cause, Damage};
use super::header::Format;
use super::names;
use super::tally::{LARGE_OBJECTS, full_name};
use super::toc::{Contents, DataMark, Entry, Section};
use std::collections::HashSet;

use Section::{Data, None as Anywhere, PostData, PreData};

/// The kinds of entries, and the sections where they stand.
const KINDS: [(Section, &[&str]); 4] = [
    (
        PreData,
        &[
            "ACCESS METHOD",
            "AGGREGATE",
            "BLOB",
            "CAST",
            "COLLATION",
            "CONVERSION",
            "DATABASE",
            "DATABASE PROPERTIES",
            "DEFAULT",
            "DOMAIN",
            "ENCODING",
            "EXTENSION",
            "FOREIGN DATA WRAPPER",
            "FOREIGN TABLE",
            "FUNCTION",
            "MATERIALIZED VIEW",
            "OPERATOR",
            "OPERATOR CLASS",
            "OPERATOR FAMILY",
            "PROCEDURAL LANGUAGE",
            "PROCEDURE",
            "SCHEMA",
            "SEARCHPATH",
            "SEQUENCE",
            "SEQUENCE OWNED BY",
            "SERVER",
            "SHELL TYPE",
            "STDSTRINGS",
            "TABLE",
            "TABLE ATTACH",
            "TEXT SEARCH CONFIGURATION",
            "TEXT SEARCH DICTIONARY",
            "TEXT SEARCH PARSER",
            "TEXT SEARCH TEMPLATE",
            "TRANSFORM",
            "TYPE",
            "USER MAPPING",
            "VIEW",
        ],
    ),
    (Data, &["BLOB METADATA", "BLOBS", "SEQUENCE SET", "TABLE DATA"]),
    (
        PostData,
        &[
            "CHECK CONSTRAINT",
            "CONSTRAINT",
            "DEFAULT ACL",
            "EVENT TRIGGER",
            "FK CONSTRAINT",
            "INDEX",
            "INDEX ATTACH",
            "MATERIALIZED VIEW DATA",
            "POLICY",
            "PUBLICATION",
            "PUBLICATION TABLE",
            "PUBLICATION TABLES IN SCHEMA",
            "ROW SECURITY",
            "RULE",
            "STATISTICS",
            "SUBSCRIPTION",
            "SUBSCRIPTION TABLE",
            "TRIGGER",
        ],
    ),
    // Those that stand in more than one section, or go with what they belong to.
    (
        Anywhere,
        &["ACL", "ACL LANGUAGE", "BLOB COMMENTS", "COMMENT", "DATABASE SECURITY LABEL", "SECURITY LABEL", "STATISTICS DATA"],
    ),
];

/// Kinds whose definition names them with their schema. Since 2018 (CVE-2018-1058) `pg_dump` always writes the schema.
const NAMED_IN_SCHEMA: [&str; 8] =
    ["DOMAIN", "FOREIGN TABLE", "MATERIALIZED VIEW", "SEQUENCE", "TABLE", "TABLE ATTACH", "TYPE", "VIEW"];
/// Kinds whose definition names them.
const NAMED: [&str; 8] = ["EVENT TRIGGER", "EXTENSION", "INDEX", "INDEX ATTACH", "PUBLICATION", "SCHEMA", "SERVER", "STATISTICS"];
/// Kinds that `pg_dump` puts behind the data when they depend on a primary key (`postponed_def`).
const POSTPONED: [&str; 4] = ["FUNCTION", "MATERIALIZED VIEW", "PROCEDURE", "VIEW"];
/// Kinds whose tag is `table name`, both named in the definition.
pub const OF_A_TABLE: [&str; 7] = ["CHECK CONSTRAINT", "CONSTRAINT", "DEFAULT", "FK CONSTRAINT", "POLICY", "RULE", "TRIGGER"];

/// What in the table of contents contradicts itself, in its order.
pub fn check(contents: &Contents) -> Vec<Damage> {
    let mut damages = Vec::new();
    if contents.header.created.is_none() {
        damages.push(Damage { at: 0, what: "the time in the archive's header is none".into(), cause: Cause::Changed });
    }
    let mut ids = HashSet::new();
    for entry in &contents.entries {
        let second = (!ids.insert(entry.id)).then(|| format!("entry {} stands there twice", entry.id));
        let all = [
            second,
            data(entry),
            section(entry),
            relation(entry),
            copy(entry, contents),
            name(entry, contents),
            file(entry, contents),
        ];
        let told = all.into_iter().flatten().map(|what| Damage { at: entry.at, what, cause: Cause::Changed });
        damages.extend(told);
        damages.extend(unknown(entry).filter(|_| by_a_known_version(contents)));
    }
    damages
}

/// What an entry is called for people: `TABLE DATA public.users`.
fn title(entry: &Entry) -> String {
    format!("{} {}", entry.desc, full_name(entry))
}

fn sections(entry: &Entry) -> Option<Section> {
    KINDS.iter().find(|(_, kinds)| kinds.contains(&entry.desc.as_str())).map(|(section, _)| *section)
}

/// The newest `pg_dump` whose kinds of entries are all known here.
const NEWEST: u32 = 18;

/// A newer `pg_dump` may write other kinds of entries.
fn by_a_known_version(contents: &Contents) -> bool {
    let version = contents.header.dump_version.as_deref().unwrap_or_default();
    let major = version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major <= NEWEST)
}

fn unknown(entry: &Entry) -> Option<Damage> {
    let what = || format!("the table of contents has {}, which is of an unknown kind", title(entry));
    sections(entry).is_none().then(|| Damage { at: entry.at, what: what(), cause: Cause::Unknown })
}

fn section(entry: &Entry) -> Option<String> {
    let section = sections(entry)?;
    let postponed = POSTPONED.contains(&entry.desc.as_str()) && entry.section == PostData;
    let fits = section == Anywhere || section == entry.section || postponed;
    (!fits).then(|| format!("the table of contents has {} in the wrong section", title(entry)))
}

fn data(entry: &Entry) -> Option<String> {
    let must = ["TABLE DATA", LARGE_OBJECTS].contains(&entry.desc.as_str());
    let has = entry.data != DataMark::None;
    let fits = entry.had_data == has && (has || !must);
    (!fits).then(|| format!("the table of contents contradicts itself about the data of {}", title(entry)))
}

/// The kind of relation, where the version tells it.
fn relation(entry: &Entry) -> Option<String> {
    let kind = char::from_u32(entry.relkind)?;
    let fits = match entry.desc.as_str() {
        _ if entry.relkind == 0 => true,
        "TABLE" => "rpvmf".contains(kind),
        "VIEW" => kind == 'v',
        "MATERIALIZED VIEW" => kind == 'm',
        "FOREIGN TABLE" => kind == 'f',
        "SEQUENCE" => kind == 'S',
        _ => true,
    };
    (!fits).then(|| format!("the table of contents contradicts itself about what {} is", title(entry)))
}

/// The statement before the rows names the table that the entry names.
fn copy(entry: &Entry, contents: &Contents) -> Option<String> {
    let comparable = is_utf8(contents) || (entry.tag.is_ascii() && entry.schema.is_ascii());
    // Before 1.14 the schema may stand in the search path alone.
    if contents.header.minor < 14 || entry.desc != "TABLE DATA" || entry.copy.is_empty() || !comparable {
        return None;
    }
    let fits = names::copy(&entry.copy).is_some_and(|copy| {
        (copy.schema == entry.schema && copy.table == entry.tag) || entry.definition.starts_with("-- load via partition root ")
    });
    (!fits).then(|| format!("the table of contents contradicts itself about where the rows of {} go", full_name(entry)))
}

/// The definition names what the entry names.
fn name(entry: &Entry, contents: &Contents) -> Option<String> {
    let kind = entry.desc.as_str();
    // A rule that is a view's query is written as the view.
    let is_view = kind == "RULE" && entry.tag.ends_with(" _RETURN");
    // `-- *not* creating schema, since initdb creates it`
    let is_remark = entry.definition.starts_with("-- ");
    if contents.header.minor < 14
        || entry.definition.is_empty()
        || is_remark
        || is_view
        || !(entry.tag.is_ascii() || is_utf8(contents))
    {
        return None;
    }
    let fits = if NAMED_IN_SCHEMA.contains(&kind) {
        names::names_in(&entry.definition, &entry.schema, &entry.tag)
    } else if NAMED.contains(&kind) {
        names::names(&entry.definition, &entry.tag)
    } else if OF_A_TABLE.contains(&kind) {
        parts(entry).is_some()
    } else {
        true
    };
    (!fits).then(|| format!("the table of contents names {}, which its definition does not", title(entry)))
}

/// Whether names can be compared letter by letter: in other encodings some look like UTF-8 and some do not.
pub fn is_utf8(contents: &Contents) -> bool {
    contents.entries.iter().any(|entry| entry.desc == "ENCODING" && entry.definition.contains("UTF8"))
}

/// The table and the name of what belongs to it, as its tag has them: any of its spaces may be the one between them.
pub fn parts(entry: &Entry) -> Option<(&str, &str)> {
    let mut spaces = entry.tag.rmatch_indices(' ').map(|(at, _)| (&entry.tag[..at], &entry.tag[at + 1..]));
    let fits = |(table, name): &(&str, &str)| {
        names::names_in(&entry.definition, &entry.schema, table) && names::names(&entry.definition, name)
    };
    spaces.find(fits)
}

/// A file is named for the entry whose data are in it (`_ArchiveEntry` in `pg_backup_tar.c` and `pg_backup_directory.c`).
fn file(entry: &Entry, contents: &Contents) -> Option<String> {
    let DataMark::File(file) = &entry.data else { return None };
    let fits = contents.header.format != Format::Files
        || match entry.desc.as_str() {
            "TABLE DATA" => {
                file.strip_prefix(&entry.id.to_string()).is_some_and(|rest| rest == ".dat" || rest.starts_with(".dat."))
            }
            // A tar's names another file, which is never there.
            _ => true,
        };
    (!fits).then(|| format!("the table of contents names a wrong file for {}", title(entry)))
}
