//! What a restored `PostgreSQL` is said to hold, against what `pg_restore -l` lists.

use crate::lab::{Lab, subject};
use crate::pgshape::{restored, rich, rich_majors};
use crate::require;
use assay::subject::{Subject, Wanted};
use std::collections::BTreeSet;
use std::path::Path;

/// The kind of the inventory behind an entry's description; none for those that the inventory documents as no names.
fn kind_of(description: &str) -> Option<&'static str> {
    Some(match description {
        "SCHEMA" => "schemas",
        "EXTENSION" => "extensions",
        "COLLATION" => "collations",
        "TYPE" | "DOMAIN" | "SHELL TYPE" => "types",
        "CAST" => "casts",
        "FUNCTION" | "PROCEDURE" | "AGGREGATE" => "functions",
        "OPERATOR" => "operators",
        "TEXT SEARCH DICTIONARY" => "text_search_dictionaries",
        "TEXT SEARCH CONFIGURATION" => "text_search_configurations",
        "FOREIGN DATA WRAPPER" => "foreign_data_wrappers",
        "SERVER" => "servers",
        "TABLE" => "tables",
        "VIEW" => "views",
        "MATERIALIZED VIEW" => "materialized_views",
        "SEQUENCE" => "sequences",
        "FOREIGN TABLE" => "foreign_tables",
        "DEFAULT" => "defaults",
        "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" => "constraints",
        "INDEX" => "indexes",
        "STATISTICS" => "statistics",
        "RULE" => "rules",
        "TRIGGER" => "triggers",
        "POLICY" => "policies",
        "ROW SECURITY" => "row_security",
        "PUBLICATION" => "publications",
        "EVENT TRIGGER" => "event_triggers",
        _ => return None,
    })
}

/// Descriptions of several words, which begin others.
const DESCRIPTIONS: [&str; 34] = [
    "ACL",
    "BLOB METADATA",
    "BLOBS",
    "BLOB",
    "COMMENT",
    "TABLE ATTACH",
    "TABLE DATA",
    "INDEX ATTACH",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "DEFAULT ACL",
    "DATABASE",
    "MATERIALIZED VIEW DATA",
    "MATERIALIZED VIEW",
    "PUBLICATION TABLE",
    "STATISTICS DATA",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH CONFIGURATION",
    "FK CONSTRAINT",
    "CHECK CONSTRAINT",
    "ROW SECURITY",
    "EVENT TRIGGER",
    "SHELL TYPE",
    "TYPE",
    "VIEW",
    "TABLE",
    "INDEX",
    "SEQUENCE",
    "PUBLICATION",
    "STATISTICS",
    "DEFAULT",
    "CONSTRAINT",
];

/// `kind name` out of one line of `pg_restore -l`: `3618; 2606 16834 CONSTRAINT shop departments departments_pkey postgres`. The list
/// separates everything by blanks, so that names are compared with blanks for dots.
fn listed(line: &str) -> Option<String> {
    let entry = line.splitn(4, ' ').nth(3)?;
    let known = DESCRIPTIONS.iter().find(|known| entry.strip_prefix(*known).is_some_and(|rest| rest.starts_with(' ')));
    let description = known.copied().or_else(|| entry.split(' ').next())?;
    let name = entry[description.len()..].trim_start().rsplit_once(' ')?.0;
    Some(format!("{} {}", kind_of(description)?, blank(name.strip_prefix("- ").unwrap_or(name))))
}

fn blank(name: &str) -> String {
    name.replace(['.', '\n'], " ")
}

#[tokio::test]
async fn whatever_a_dump_lists_is_in_the_inventory() {
    for (major, bin) in rich_majors() {
        let lab = Lab::with_programs(bin.clone());
        let proof = rich(major, &lab).await;
        let census = subject().census(&proof.restored, Some(&proof.instance), &Wanted::default()).await.expect("a census");
        let named =
            census.inventory.iter().flat_map(|kind| kind.members.iter().map(|name| format!("{} {}", kind.kind, blank(name))));
        let named: BTreeSet<String> = named.collect();
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/good/postgres/rich-{major}-custom.dump"));
        let list = std::process::Command::new(bin.join("pg_restore")).arg("-l").arg(list).output().expect("pg_restore");
        let list = String::from_utf8(list.stdout).expect("names in UTF-8");
        let listed: BTreeSet<String> = list.lines().filter(|line| !line.starts_with(';')).filter_map(listed).collect();
        assert!(listed.len() > 90, "{major}: {listed:?}");
        let missing: Vec<&String> = listed.difference(&named).collect();
        assert!(missing.is_empty(), "{major}: the inventory lacks {missing:#?}\nof {named:#?}");
        // The restored side may have more only for what comes with another entry.
        for kind in ["tables ", "views ", "indexes ", "functions ", "types ", "triggers ", "policies ", "rules "] {
            let of =
                |names: &BTreeSet<String>| names.iter().filter(|name| name.starts_with(kind)).cloned().collect::<BTreeSet<_>>();
            let more: Vec<String> = of(&named).difference(&of(&listed)).cloned().collect();
            let behind_constraints = more.iter().filter(|name| name.ends_with("key") || name.ends_with("excl")).count();
            assert_eq!(more.len(), behind_constraints, "{major} {kind}: {more:?}");
        }
        assert_eq!(census.count_of("uncounted_tables"), Some(1), "the foreign table");
        proof.instance.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn functions_are_named_by_the_types_that_they_take() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    let sql = "CREATE SCHEMA s; CREATE TYPE s.\"odd Type\" AS ENUM ('a');
        CREATE FUNCTION s.f(IN named integer, OUT o text, INOUT two s.\"odd Type\", VARIADIC more numeric(9,2)[]) LANGUAGE sql AS $$ SELECT 'x', two $$;
        CREATE AGGREGATE s.none(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
        CREATE TABLE s.t (id integer); CREATE TEMPORARY TABLE gone (id integer);
        CREATE DOMAIN s.d AS text CONSTRAINT short CHECK (length(VALUE) < 9)";
    server.fill("names", sql).await;
    let census = subject().census(&restored("names"), Some(&server.instance), &Wanted::default()).await.expect("a census");
    let members = |kind: &str| census.inventory.iter().find(|i| i.kind == kind).map(|i| i.members.clone()).unwrap_or_default();
    assert_eq!(members("functions"), ["s.f(integer, s.\"odd Type\", numeric[])", "s.none(*)"]);
    assert_eq!((members("tables"), members("constraints")), (vec!["s.t".to_owned()], vec!["s.d.short".to_owned()]));
}
