//! The corpus: healthy dumps that must be judged good, and broken ones, one defect each, that must not. `tests/fixtures/README.md`
//! says what they are and how they are made.

use crate::require;
use crate::stage::{Stage, text};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What this version judges otherwise than it should, and why. The test fails when one is missing here, and when one that
/// stands here is judged right: then it goes.
const NOT_YET: &[(&str, &str)] = &[
    ("custom-15-flip-month.dump", "a name, a kind or a time in the table of contents: nothing is compared with it yet"),
    ("custom-15-flip-toc-desc.dump", "a name, a kind or a time in the table of contents: nothing is compared with it yet"),
    ("custom-15-flip-toc-namespace.dump", "a name, a kind or a time in the table of contents: nothing is compared with it yet"),
    ("custom-15-flip-toc-section.dump", "a name, a kind or a time in the table of contents: nothing is compared with it yet"),
    ("custom-15-flip-toc-tag.dump", "a name, a kind or a time in the table of contents: nothing is compared with it yet"),
    ("directory-15-cut-one-byte.tar", "nothing walks through the tar of a dump beside the restore yet"),
    ("directory-15-empty-member.tar", "nothing walks through the tar of a dump beside the restore yet"),
    ("latin-15-create.sql", "`pg_dump --create` is not supported yet"),
    ("plain-15-crlf.sql", "plain SQL is judged by its restore alone"),
    ("plain-15-cut-one-byte.sql", "plain SQL is judged by its restore alone"),
    ("rich-15-clean-create.sql.gz", "`pg_dump --create` is not supported yet"),
    ("rich-15-create.sql.gz", "`pg_dump --create` is not supported yet"),
    ("shop-15-create.sql", "`pg_dump --create` is not supported yet"),
    ("tar-15-archive-twice.tar", "nothing walks through the tar of a dump beside the restore yet"),
    ("tar-15-cut-end.tar", "nothing walks through the tar of a dump beside the restore yet"),
    ("tar-15-cut-one-byte.tar", "nothing walks through the tar of a dump beside the restore yet"),
    ("tar-15-cut-script.tar", "nothing walks through the tar of a dump beside the restore yet"),
    ("tar-15-rubbish-behind.tar", "nothing walks through the tar of a dump beside the restore yet"),
];

/// Formats and majors that can be had on every machine with one `PostgreSQL` server.
fn of_this_ring(case: &Value) -> bool {
    let format = case["format"].as_str().expect("format");
    let least = case["least_major"].as_u64().unwrap_or(15);
    let known = matches!(format, "custom" | "plain" | "tar" | "directory");
    known && least <= 15 && case["major"].as_u64().expect("major") <= 15
}

#[test]
fn every_dump_of_the_corpus_is_judged_as_it_must() {
    if require::postgres().is_none() {
        return;
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(fixtures.join("postgres.json")).expect("manifest")).expect("JSON");
    let cases: Vec<_> = manifest["fixtures"].as_array().expect("cases").iter().filter(|case| of_this_ring(case)).collect();
    // Cases that need different environments cannot share a run.
    let mut runs: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for case in cases {
        runs.entry(case["env"].to_string()).or_default().push(case);
    }
    let mut wrong = BTreeSet::new();
    let mut told = Vec::new();
    for cases in runs.values() {
        judge(&fixtures, cases, &mut wrong, &mut told);
    }
    let expected: BTreeSet<_> = NOT_YET.iter().map(|(name, _)| (*name).to_owned()).collect();
    let surprises: Vec<_> = wrong.symmetric_difference(&expected).collect();
    assert!(surprises.is_empty(), "judged otherwise than expected: {surprises:#?}\nof all these: {told:#?}");
}

/// Runs cases that share an environment, and notes those whose verdict is not the manifest's.
fn judge(fixtures: &Path, cases: &[&Value], wrong: &mut BTreeSet<String>, told: &mut Vec<String>) {
    let stage = Stage::empty("timeouts: { scenario: 2m }\n");
    let by_name: BTreeMap<String, &Value> = cases.iter().map(|case| (plain_name(case), *case)).collect();
    for (name, case) in &by_name {
        let file = fixtures.join(case["file"].as_str().expect("file"));
        let bytes = std::fs::read(file).expect("fixture");
        match case["taken"].as_str() {
            Some(taken) => stage.write(&format!("backups/{name}-{taken}.dump"), bytes),
            None => drop(stage.artifact(name, bytes)),
        }
        stage.write(&format!("scenarios/{name}.yaml"), scenario(name, case).to_string());
    }
    let environment = cases.first().and_then(|case| case["env"].as_object());
    let environment =
        environment.into_iter().flatten().map(|(key, value)| (key.clone(), value.as_str().expect("text").to_owned()));
    let output = crate::stage::run(crate::stage::assay(stage.path()).args(["run", "--jobs", "2", "--quiet"]).envs(environment));
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{}", text(&output));
    for record in stage.evidence()["scenarios"].as_array().expect("scenarios") {
        let case = by_name[record["name"].as_str().expect("name")];
        let verdict = record["verdict"].as_str().expect("verdict");
        if verdict.replace("warn", "pass") != case["verdict"].as_str().expect("verdict") {
            let name = case["name"].as_str().expect("name").to_owned();
            told.push(format!("{name} ({}) is {verdict}: {}", case["what"], record["checks"]));
            wrong.insert(name);
        }
    }
}

/// JSON is YAML.
fn scenario(name: &str, case: &Value) -> Value {
    let mut scenario = Map::new();
    scenario.insert("name".into(), name.into());
    scenario.insert("artifact".into(), json!({ "store": "here", "key": format!("{name}-{{timestamp}}.dump") }));
    scenario.insert("postgres".into(), json!({}));
    for (key, value) in case["scenario"].as_object().into_iter().flatten() {
        match (scenario.get_mut(key).and_then(Value::as_object_mut), value.as_object()) {
            (Some(there), Some(more)) => there.extend(more.clone()),
            _ => drop(scenario.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(scenario)
}

/// A case's name as a scenario may be called.
fn plain_name(case: &Value) -> String {
    let name = case["name"].as_str().expect("name");
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}
