//! The one place where secrets leave the records: every report is made from what [`redacted`] returns.

use crate::report::evidence::ScenarioRecord;
use crate::secret::Secrets;
use serde_json::Value;

/// Fields that hold words of ours, times, digests and the names in a user's own files: a secret that happens to be such a
/// word, or a part of one, must not break them.
const LEFT_ALONE: [&str; 12] =
    ["status", "verdict", "depth", "phase", "vantage", "kind", "name", "file", "tags", "taken", "time", "sha256"];

/// The record with every known secret replaced.
///
/// # Errors
/// The record cannot be read back: it must not be shown then.
pub fn redacted(record: &ScenarioRecord, secrets: &Secrets) -> Result<ScenarioRecord, serde_json::Error> {
    let mut json = serde_json::to_value(record)?;
    redact(&mut json, secrets);
    serde_json::from_value(json)
}

fn redact(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => *text = secrets.redact(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secrets)),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !LEFT_ALONE.contains(&name.as_str()))
                .for_each(|(_, value)| redact(value, secrets));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Outcome, Status};
    use crate::report::sample;

    #[test]
    fn a_secret_goes_and_the_record_stays_whole() {
        let secrets = Secrets::default();
        // As passphrases go: a year, one of our own words, and a good one.
        for secret in ["2026", "pass", "hunter2-hunter2"] {
            let _ = secrets.known(secret);
        }
        let mut record = sample::evidence().scenarios.remove(0);
        record.checks.push(Outcome::new("open", Status::Error, "the server said: bad key hunter2-hunter2"));
        let clean = redacted(&record, &secrets).expect("it can be read back");
        assert_eq!(clean.checks.last().map(|o| o.message.as_str()), Some("the server said: bad key ***"));
        assert_eq!(clean.artifact.map(|a| a.taken), record.artifact.map(|a| a.taken));
        assert_eq!((clean.name, clean.verdict), (record.name, record.verdict));
    }
}
