//! The corpus: healthy dumps that must be judged good, and broken ones, one defect each, that must not. `tests/fixtures/README.md`
//! says what they are and how they are made.

use crate::require;
use crate::stage::{Stage, text};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The majors that the corpus wants to be restored into. What they wrote is read by none that is older.
const MAJORS: [u32; 3] = [15, 17, 18];

#[test]
fn every_dump_of_the_corpus_is_judged_as_it_must() {
    let bins: Vec<_> = MAJORS.iter().filter_map(|major| require::postgres_of(*major)).collect();
    if bins.len() < MAJORS.len() {
        return;
    }
    let bins = bins.iter().map(|bin| format!("{:?}", bin.display().to_string())).collect::<Vec<_>>().join(", ");
    let settings = format!("timeouts: {{ scenario: 2m }}\nruntime: {{ local: {{ postgres: {{ bin: [{bins}] }} }} }}\n");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(fixtures.join("postgres.json")).expect("manifest")).expect("JSON");
    // Cases that need different environments cannot share a run.
    let mut runs: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for case in manifest["fixtures"].as_array().expect("cases") {
        runs.entry(case["env"].to_string()).or_default().push(case);
    }
    let wrong: Vec<String> = runs.values().flat_map(|cases| judge(&fixtures, &settings, cases)).collect();
    assert!(wrong.is_empty(), "{} are judged otherwise than they must:\n{}", wrong.len(), wrong.join("\n"));
}

/// Runs cases that share an environment, and tells of those whose verdict, finding or list of what was not tested is not the manifest's.
fn judge(fixtures: &Path, settings: &str, cases: &[&Value]) -> Vec<String> {
    let stage = Stage::empty(settings);
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
    let evidence = stage.evidence();
    let records: Vec<&Value> = evidence["scenarios"].as_array().expect("scenarios").iter().collect();
    assert_eq!(records.len(), cases.len());
    records.into_iter().filter_map(|record| surprise(by_name[record["name"].as_str().expect("name")], record)).collect()
}

/// What is otherwise than the manifest says.
fn surprise(case: &Value, record: &Value) -> Option<String> {
    let verdict = record["verdict"].as_str().expect("verdict").replace("warn", "pass");
    let says = |key: &str, text: &Value| {
        case[key].as_str().is_none_or(|wanted| Regex::new(wanted).expect("a pattern").is_match(&text.to_string()))
    };
    let what = match () {
        () if verdict != case["verdict"].as_str().expect("verdict") => verdict,
        () if !says("finding", &record["checks"]) => format!("{verdict} without its finding"),
        () if !says("not_tested", &record["not_tested"]) => format!("{verdict}, and does not say what was not tested"),
        () => return None,
    };
    Some(format!("{} ({}) is {what}: {} {}", case["name"], case["what"], record["checks"], record["not_tested"]))
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
