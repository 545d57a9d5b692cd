//! What an export of secrets is worth, told by the names of its keys. No value is ever part of a message.

use super::json::{Entry, Value};
use crate::check::{Outcome, Status};
use crate::subject::secrets::SecretsSpec;
use std::collections::BTreeSet;

/// Doppler's own keys: in every download, and made anew by it. No backup must hold them, and nobody can upload them.
pub(super) const MANAGED: [&str; 3] = ["DOPPLER_PROJECT", "DOPPLER_ENVIRONMENT", "DOPPLER_CONFIG"];

/// The largest value that Doppler takes, in bytes. Its documentation names no number; this is what its dashboard allows.
const LARGEST: usize = 50 << 10;

/// So many names are shown as a sample.
const SAMPLE: usize = 5;

/// What people write where a secret is to come, and what tools write where one may not be shown.
const PLACEHOLDERS: [&str; 12] = [
    "changeme",
    "change_me",
    "change-me",
    "todo",
    "tbd",
    "xxx",
    "placeholder",
    "replace_me",
    "null",
    "undefined",
    "[restricted]",
    "redacted",
];

/// The findings about the keys.
pub(super) fn judge(entries: &[Entry], spec: &SecretsSpec) -> Vec<Outcome> {
    vec![uploadable(entries), required(entries, &spec.keys), values(entries, spec), unique(entries)]
}

fn is_managed(name: &str) -> bool {
    MANAGED.contains(&name)
}

/// The keys without Doppler's own, each once, in their order.
pub(super) fn names(entries: &[Entry]) -> Vec<&str> {
    let names: BTreeSet<&str> = entries.iter().map(|e| e.name.as_str()).filter(|name| !is_managed(name)).collect();
    names.into_iter().collect()
}

/// What a name may be (Doppler: Secrets, Secret Names): capitals, digits and underscores, no digit first.
fn is_legal(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The restore: what the runbook uploads is a flat object of texts with legal names.
fn uploadable(entries: &[Entry]) -> Outcome {
    const NAME: &str = "secrets uploadable";
    let mut lines = Vec::new();
    for entry in entries {
        let name = shown(&entry.name);
        match &entry.value {
            Value::Other(what) => lines.push(format!("{name} is {what}, not a text")),
            Value::Text(_) if !is_legal(&entry.name) => lines.push(format!("{name} is no legal name")),
            Value::Text(_) => {}
        }
    }
    if !lines.is_empty() {
        let message = format!("{} of {} keys cannot be uploaded", lines.len(), entries.len());
        let hint = "Doppler takes a flat object of texts; names have capitals, digits and underscores and begin with no digit.";
        return Outcome::new(NAME, Status::Fail, message).hint(hint).evidence(lines);
    }
    let large = entries.iter().filter(|entry| matches!(&entry.value, Value::Text(text) if text.len() > LARGEST));
    let large: Vec<String> = large.map(|entry| format!("{} is larger than {LARGEST} bytes", shown(&entry.name))).collect();
    if !large.is_empty() {
        let message = format!("{} values may be too large to be uploaded", large.len());
        return Outcome::new(NAME, Status::Warn, message).evidence(large);
    }
    let names = names(entries);
    let sample = names.iter().take(SAMPLE).copied().collect::<Vec<_>>().join(", ");
    Outcome::new(NAME, Status::Pass, format!("{} keys in a flat object of texts, such as {sample}", names.len()))
}

fn required(entries: &[Entry], keys: &[String]) -> Outcome {
    const NAME: &str = "required keys";
    let there = |key: &String| entries.iter().any(|entry| entry.name == *key);
    let missing: Vec<&str> = keys.iter().filter(|key| !there(key)).map(String::as_str).collect();
    if missing.is_empty() {
        let message = if keys.is_empty() { "none are named".to_owned() } else { format!("all {} are there", keys.len()) };
        return Outcome::new(NAME, Status::Pass, message);
    }
    let message = format!("{} of {} are missing: {}", missing.len(), keys.len(), missing.join(", "));
    Outcome::new(NAME, Status::Fail, message)
}

/// Values that are none. On a key that the scenario names it is a failure.
fn values(entries: &[Entry], spec: &SecretsSpec) -> Outcome {
    const NAME: &str = "values";
    let (mut lines, mut status) = (Vec::new(), Status::Pass);
    for entry in entries {
        let Value::Text(text) = &entry.value else { continue };
        let what = if text.trim().is_empty() {
            "is empty"
        } else if is_placeholder(text, &spec.placeholders) {
            "holds a placeholder"
        } else {
            continue;
        };
        lines.push(format!("{} {what}", shown(&entry.name)));
        if spec.keys.contains(&entry.name) {
            status = Status::Fail;
        } else if status == Status::Pass {
            status = Status::Warn;
        }
    }
    if lines.is_empty() {
        return Outcome::new(NAME, Status::Pass, "none is empty or a placeholder");
    }
    Outcome::new(NAME, status, format!("{} keys hold no secret", lines.len())).evidence(lines)
}

fn is_placeholder(text: &str, more: &[String]) -> bool {
    let text = text.trim();
    PLACEHOLDERS.iter().any(|known| text.eq_ignore_ascii_case(known)) || more.iter().any(|known| text == known)
}

/// A key that is there twice: which value would win is the uploading tool's to say.
fn unique(entries: &[Entry]) -> Outcome {
    const NAME: &str = "keys unique";
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<String> = entries.iter().filter(|e| !seen.insert(e.name.as_str())).map(|e| shown(&e.name)).collect();
    if twice.is_empty() {
        return Outcome::new(NAME, Status::Pass, "every key is there once");
    }
    let names = twice.into_iter().collect::<Vec<_>>().join(", ");
    Outcome::new(NAME, Status::Fail, format!("these keys are there more than once: {names}"))
}

/// A key as it may be shown. A file that is no export may have anything in the place of a key: long ones are cut.
fn shown(name: &str) -> String {
    const LONGEST: usize = 60;
    let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if name.is_empty() {
        return "the empty name".to_owned();
    }
    if name.chars().count() <= LONGEST { name } else { name.chars().take(LONGEST).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::json::entries;
    use super::*;

    fn judged(text: &str, keys: &[&str], placeholders: &[&str]) -> Vec<(String, Status)> {
        let own = |list: &[&str]| list.iter().map(|k| (*k).to_owned()).collect();
        let spec = SecretsSpec { keys: own(keys), placeholders: own(placeholders) };
        judge(&entries(text).expect("entries"), &spec).into_iter().map(|o| (o.check, o.status)).collect()
    }

    fn only(text: &str, keys: &[&str], check: &str, status: Status) {
        for (name, found) in judged(text, keys, &["dummy"]) {
            assert_eq!(found, if name == check { status } else { Status::Pass }, "{name} of {text}");
        }
    }

    #[test]
    fn each_defect_and_its_healthy_twin() {
        let healthy = r#"{"A":"1","B_2":"x","DOPPLER_PROJECT":"p"}"#;
        only(healthy, &["A"], "", Status::Pass);
        for (text, keys, check, status) in [
            (r#"{"A":{"x":"1"}}"#, &["A"][..], "secrets uploadable", Status::Fail),
            (r#"{"A":1}"#, &[], "secrets uploadable", Status::Fail),
            (r#"{"a":"1"}"#, &[], "secrets uploadable", Status::Fail),
            (r#"{"1A":"1"}"#, &[], "secrets uploadable", Status::Fail),
            (r#"{"A-B":"1"}"#, &[], "secrets uploadable", Status::Fail),
            (r#"{"":"1"}"#, &[], "secrets uploadable", Status::Fail),
            (healthy, &["C"], "required keys", Status::Fail),
            (r#"{"A":" "}"#, &[], "values", Status::Warn),
            (r#"{"A":""}"#, &["A"], "values", Status::Fail),
            (r#"{"A":"ChangeMe"}"#, &[], "values", Status::Warn),
            (r#"{"A":"dummy"}"#, &["A"], "values", Status::Fail),
            (r#"{"A":"1","A":"2"}"#, &["A"], "keys unique", Status::Fail),
        ] {
            only(text, keys, check, status);
        }
        let large = format!("{{\"A\":\"{}\"}}", "x".repeat(LARGEST + 1));
        only(&large, &[], "secrets uploadable", Status::Warn);
        only(&large.replacen("xx", "x", 1), &[], "", Status::Pass);
    }

    #[test]
    fn dopplers_own_keys_are_not_counted_and_no_value_shows() {
        let text = r#"{"A":"hunter2","B":"hunter2","DOPPLER_CONFIG":"hunter2","C":{"hunter2":1}}"#;
        let entries = entries(text).expect("entries");
        assert_eq!(names(&entries), ["A", "B", "C"]);
        let told = format!("{:?} {entries:?}", judge(&entries, &SecretsSpec::default()));
        assert!(!told.contains("hunter2"), "{told}");
    }
}
