//! Every SQL script of the corpus, looked at without a server: the healthy ones have the rows of their database and no damage,
//! the broken ones have one, unless nothing in the file can tell.

use assay::pgdump::Survey;
use assay::pgdump::script;
use serde_json::Value;
use std::collections::BTreeMap;
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
