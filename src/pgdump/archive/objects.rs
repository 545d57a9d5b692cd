//! The objects that a table of contents makes, by kind and name.

use super::names;
use super::rules;
use super::tally::full_name;
use super::toc::{Contents, Entry};
use std::collections::{BTreeMap, BTreeSet};

/// The objects by kind, with the kinds and names of a restored database's inventory.
pub fn by_kind(contents: &Contents) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut objects: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for (kind, name) in contents.entries.iter().filter_map(Entry::object) {
        objects.entry(kind).or_default().insert(name);
    }
    let indexes = contents.entries.iter().filter(|entry| has_index(entry)).filter_map(|entry| {
        let (_, name) = rules::parts(entry)?;
        Some(format!("{}.{name}", entry.schema))
    });
    objects.entry("indexes").or_default().extend(indexes);
    objects.retain(|_, names| !names.is_empty());
    objects
}

impl Entry {
    /// The kind and the name of the object that it makes, as a restored database's inventory has them; `None` for what is none.
    #[must_use]
    pub fn object(&self) -> Option<(&'static str, String)> {
        let entry = self;
        let kind = match entry.desc.as_str() {
            // `plpgsql` comes with every database.
            "EXTENSION" if entry.tag != "plpgsql" => "extensions",
            "SCHEMA" => "schemas",
            "TABLE" => "tables",
            "FOREIGN TABLE" => "foreign_tables",
            "RULE" => "rules",
            "INDEX" => "indexes",
            "SEQUENCE" => "sequences",
            "VIEW" => "views",
            "MATERIALIZED VIEW" => "materialized_views",
            "TYPE" | "DOMAIN" => "types",
            "FUNCTION" | "PROCEDURE" | "AGGREGATE" => "functions",
            // Those of domains belong to no table.
            "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" if !entry.definition.starts_with("ALTER DOMAIN ") => {
                "constraints"
            }
            "TRIGGER" => "triggers",
            "POLICY" => "policies",
            _ => return None,
        };
        let name = if rules::OF_A_TABLE.contains(&entry.desc.as_str()) {
            let (table, name) = rules::parts(entry)?;
            format!("{}.{table}.{name}", entry.schema)
        } else {
            full_name(entry)
        };
        Some((kind, name))
    }
}

/// Whether it is a constraint that rests on an index of its own, which has its name.
fn has_index(entry: &Entry) -> bool {
    let keyword = |text: &str| [" PRIMARY KEY ", " UNIQUE ", " EXCLUDE "].iter().any(|word| text.contains(word));
    entry.desc == "CONSTRAINT" && keyword(&entry.definition)
}

/// The parent of each partition.
pub fn partitions(contents: &Contents) -> BTreeMap<String, String> {
    contents.entries.iter().flat_map(attached).collect()
}

fn attached(entry: &Entry) -> Vec<(String, String)> {
    if !["TABLE", "TABLE ATTACH", "FOREIGN TABLE"].contains(&entry.desc.as_str()) {
        return Vec::new();
    }
    let statements = entry.definition.match_indices("ALTER TABLE ONLY ");
    let attached = statements.filter_map(|(at, word)| attach(&entry.definition[at + word.len()..]));
    attached.chain(created(entry)).collect()
}

/// `parent ATTACH PARTITION child`: child and parent.
fn attach(statement: &str) -> Option<(String, String)> {
    let (schema, parent, rest) = names::qualified(statement)?;
    let (child_schema, child, _) = names::qualified(rest.strip_prefix(" ATTACH PARTITION ")?)?;
    Some((format!("{child_schema}.{child}"), format!("{schema}.{parent}")))
}

/// `CREATE TABLE child PARTITION OF parent`: child and parent.
fn created(entry: &Entry) -> Option<(String, String)> {
    let (_, statement) = entry.definition.split_once("TABLE ")?;
    let (child_schema, child, rest) = names::qualified(statement)?;
    let (schema, parent, _) = names::qualified(rest.strip_prefix(" PARTITION OF ")?)?;
    Some((format!("{child_schema}.{child}"), format!("{schema}.{parent}")))
}
