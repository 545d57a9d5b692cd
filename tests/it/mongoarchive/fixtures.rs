//! The corpus of mongodump archives (`tests/fixtures/mongodb.json`): each is told as the manifest says.

use assay::mongoarchive::{Survey, recognises, survey};
use assay::open;
use assay::secret::Secrets;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// What the reader says behind the gzip layer; what the layer says when it is what is broken.
fn read(case: &Value) -> Result<Survey, String> {
    let stored = std::fs::File::open(fixtures().join(text(case, "file"))).expect("fixture");
    let opened = open::open(Box::new(stored), &[], &Secrets::default(), &recognises).map_err(|e| e.to_string())?;
    survey(opened.payload).map_err(|e| e.to_string())
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("text")
}

#[test]
fn every_archive_of_the_corpus_is_told_as_it_must() {
    let manifest = std::fs::read(fixtures().join("mongodb.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let mut wrong = Vec::new();
    for case in manifest["fixtures"].as_array().expect("cases") {
        if let Err(why) = judge(case) {
            wrong.push(format!("{} ({}): {why}", text(case, "name"), text(case, "what")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn judge(case: &Value) -> Result<(), String> {
    let survey = read(case);
    if case["holds"].is_object() {
        return healthy(case, &survey?);
    }
    let finding = text(case, "finding");
    match survey {
        Err(error) if case["layer"] == true && error.contains(finding) => Ok(()),
        Ok(survey) if survey.damages.is_empty() => Err("no damage was told".to_owned()),
        Ok(survey) => {
            let spelled = |damage: &assay::mongoarchive::Damage| format!("{:?}", damage.cause).to_lowercase();
            let told = survey.damages.iter().any(|d| spelled(d) == text(case, "cause") && d.what.contains(finding));
            if told { Ok(()) } else { Err(format!("{:?}", survey.damages)) }
        }
        Err(error) => Err(error),
    }
}

fn healthy(case: &Value, survey: &Survey) -> Result<(), String> {
    if !survey.damages.is_empty() {
        return Err(format!("{:?}", survey.damages));
    }
    let holds: BTreeMap<String, u64> = serde_json::from_value(case["holds"].clone()).expect("counts");
    let counted: BTreeMap<_, _> = survey.census().groups.into_iter().map(|group| (group.name, group.count)).collect();
    if holds == counted { Ok(()) } else { Err(format!("it holds {counted:?}")) }
}
