//! Every SQL script of the corpus, looked at without a server: the healthy ones have the rows of their database and no damage,
//! the broken ones have one, unless nothing in the file can tell.

use crate::lab::{Lab, Server, connect};
use crate::require;
use assay::pgdump::Survey;
use assay::pgdump::script::{self, Databases, Locales, Roles, Rules};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What looks whole, and why.
const BLIND: &[(&str, &str)] = &[
    ("plain-15-flip-number.sql plain-15-dumpall-bad-value.sql", "a value: only a server knows what its type takes"),
    (
        "plain-15-duplicate-row.sql plain-15-orphan-row.sql plain-15-inserts-duplicate-row.sql",
        "a row: only its constraints can tell",
    ),
    ("plain-15-missing-column.sql", "a column's name: only a server compares it"),
    ("plain-15-lost-rows.sql plain-15-lost-statements.sql", "whole lines: nothing in the file can tell"),
    (
        "content-15-schema-only.sql content-18-schema-only.sql content-15-pre-data.sql content-18-pre-data.sql",
        "whole, and without rows",
    ),
    ("content-15-data-only.sql content-18-data-only.sql", "whole, and without tables"),
    ("content-15-table-missing.sql content-18-table-missing.sql content-15-other-database.sql", "whole, but not what was wanted"),
    ("content-15-globals-only.sql content-18-globals-only.sql", "whole, and without a database"),
    ("content-15-empty-database.sql content-18-empty-database.sql", "whole, and empty"),
    ("content-15-extension-alone.sql content-15-extension-words.sql", "whole, but for another server"),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn manifest() -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("postgres.json")).expect("manifest")).expect("JSON")
}

/// The scripts, without their layers; none where the layers themselves are broken or encrypted.
fn payload(file: &str) -> Option<Vec<u8>> {
    let open = || BufReader::new(File::open(fixtures().join(file)).expect("fixture"));
    let mut bytes = Vec::new();
    let read = match Path::new(file).extension().and_then(|it| it.to_str()) {
        Some("gz") => flate2::bufread::MultiGzDecoder::new(open()).read_to_end(&mut bytes),
        Some("zst") => zstd::Decoder::with_buffer(open()).and_then(|mut it| it.read_to_end(&mut bytes)),
        Some("enc") => return None,
        _ => open().read_to_end(&mut bytes),
    };
    read.is_ok().then_some(bytes)
}

fn scripts(manifest: &Value) -> impl Iterator<Item = (&Value, Vec<u8>)> {
    let cases = manifest["fixtures"].as_array().expect("cases").iter();
    let cases = cases.filter(|case| ["plain", "cluster"].contains(&case["format"].as_str().expect("format")));
    cases.filter_map(|case| Some((case, payload(case["file"].as_str().expect("file"))?)))
}

/// Some odd size, so that everything is cut somewhere.
fn survey(bytes: &[u8]) -> Survey {
    script::survey(BufReader::with_capacity(977, bytes)).expect("survey")
}

#[test]
fn healthy_scripts_have_the_rows_of_their_databases() {
    let manifest = manifest();
    for (case, bytes) in scripts(&manifest).filter(|(case, _)| case["holds"].is_array()) {
        let survey = survey(&bytes);
        assert_eq!(survey.damages, [], "{}", case["name"]);
        for name in case["holds"].as_array().expect("names") {
            let truth = &manifest["databases"][name.as_str().expect("name")];
            let expected: BTreeMap<String, u64> = serde_json::from_value(truth["tables"].clone()).expect("tables");
            let found = survey.databases.iter().find(|database| with_rows(&database.tables) == with_rows(&expected));
            let found = found.unwrap_or_else(|| panic!("{}: {:#?}", case["name"], survey.databases));
            assert_eq!(Some(found.large_objects), truth["large_objects"].as_u64(), "{}", case["name"]);
        }
    }
}

/// A table without rows has no INSERT.
fn with_rows(tables: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    tables.iter().filter(|(_, rows)| **rows > 0).map(|(name, rows)| (name.clone(), *rows)).collect()
}

#[test]
fn broken_scripts_have_a_damage() {
    let manifest = manifest();
    let mut whole = Vec::new();
    for (case, bytes) in scripts(&manifest).filter(|(case, _)| !case["holds"].is_array()) {
        if survey(&bytes).damages.is_empty() {
            whole.push(case["name"].as_str().expect("name").to_owned());
        }
    }
    let mut expected: Vec<_> = BLIND.iter().flat_map(|(names, _)| names.split_whitespace().map(str::to_owned)).collect();
    expected.sort();
    whole.sort();
    assert_eq!(whole, expected);
}

/// The rules for a server as it is now.
async fn rules(server: &Server) -> Rules {
    let client = connect(&server.instance, "postgres").await;
    let names = async |query: &str| -> BTreeSet<String> {
        client.query(query, &[]).await.expect("names").iter().map(|row| row.get(0)).collect()
    };
    Rules {
        roles: Some(Roles { known: names("SELECT rolname::text FROM pg_roles").await, superuser: "postgres".into() }),
        clean: Some(["public".to_owned(), "plpgsql".to_owned()].into()),
        databases: Some(Databases {
            known: names("SELECT datname::text FROM pg_database").await,
            locales: Locales {
                libc: names("SELECT collcollate::text FROM pg_collation WHERE collprovider = 'c'").await,
                ..Locales::default()
            },
        }),
        commands: true,
        tablespaces: true,
        ..Rules::default()
    }
}

/// Makes the server as it was.
async fn clear(server: &Server) {
    let client = connect(&server.instance, "postgres").await;
    let query =
        "SELECT 'DROP DATABASE ' || quote_ident(datname) FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'
        UNION ALL SELECT 'DROP ROLE ' || quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'";
    for row in client.query(query, &[]).await.expect("what to drop") {
        client.batch_execute(row.get(0)).await.expect("dropped");
    }
}

#[tokio::test]
async fn every_healthy_script_runs_on_a_server_that_is_not_its_own() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    let major = u64::from(server.instance.installation().major);
    let manifest = manifest();
    for (case, bytes) in scripts(&manifest).filter(|(case, _)| case["holds"].is_array()) {
        if case["major"].as_u64().expect("major") > major {
            continue;
        }
        let mut rules = rules(&server).await;
        let (file, mut out) = (server.room.path().join("script.sql"), Vec::new());
        let found = script::pass(bytes.as_slice(), &mut out, &mut rules).expect("a pass");
        std::fs::write(&file, out).expect("write");
        let template = "CREATE DATABASE restored TEMPLATE template0";
        connect(&server.instance, "postgres").await.batch_execute(template).await.expect("a database");
        server.shell("psql -X -q -v ON_ERROR_STOP=1 -d restored -f script.sql >psql.out 2>&1 || { cat psql.out >&2; exit 1; }");
        compare(&server, case, &found.survey).await;
        clear(&server).await;
    }
}

/// Everything by kind and name, as a restored census names it.
const OBJECTS: &str = "
WITH c AS (SELECT c.oid, relkind, nspname || '.' || relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace)
SELECT CASE relkind WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized_views' WHEN 'S' THEN 'sequences' ELSE 'indexes' END, name FROM c
UNION ALL SELECT 'constraints', name || '.' || conname FROM pg_constraint JOIN c ON c.oid = conrelid
UNION ALL SELECT 'triggers', name || '.' || tgname FROM pg_trigger JOIN c ON c.oid = tgrelid
UNION ALL SELECT 'policies', name || '.' || polname FROM pg_policy JOIN c ON c.oid = polrelid
UNION ALL SELECT 'types', nspname || '.' || typname FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace
UNION ALL SELECT 'schemas', nspname FROM pg_namespace
UNION ALL SELECT 'extensions', extname FROM pg_extension";

/// Functions of nobody else, with their types.
const FUNCTIONS: &str = "
SELECT nspname || '.' || proname || '(' || array_to_string(array(SELECT format_type(t, NULL) FROM unnest(proargtypes) t), ', ') || ')'
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype IN ('e', 'i'))";

/// The rows and objects of the survey are in the server.
async fn compare(server: &Server, case: &Value, survey: &Survey) {
    for database in &survey.databases {
        let client = connect(&server.instance, database.name.as_deref().unwrap_or("restored")).await;
        for (table, rows) in &database.tables {
            let (schema, name) = table.split_once('.').expect("a schema");
            let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
            let query = format!("SELECT count(*) FROM ONLY {}.{}", quoted(schema), quoted(name));
            let found: i64 = client.query_one(&query, &[]).await.expect("a count").get(0);
            assert_eq!(u64::try_from(found).expect("a count"), *rows, "{} {table}", case["name"]);
        }
        let there: BTreeSet<(String, String)> =
            client.query(OBJECTS, &[]).await.expect("objects").iter().map(|row| (row.get(0), row.get(1))).collect();
        for (kind, names) in database.objects.iter().filter(|(kind, _)| **kind != "functions") {
            let missing: Vec<_> = names.iter().filter(|name| !there.contains(&((*kind).to_owned(), (*name).clone()))).collect();
            assert!(missing.is_empty(), "{} {kind}: {missing:?}", case["name"]);
        }
        let functions = client.query(FUNCTIONS, &[]).await.expect("functions");
        let functions: BTreeSet<String> = functions.iter().map(|row| row.get(0)).collect();
        assert_eq!(database.objects.get("functions").cloned().unwrap_or_default(), functions, "{}", case["name"]);
    }
}
