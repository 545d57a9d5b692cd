//! The one place where secrets leave the records: every report is made from what [`redacted`] returns.

use crate::report::evidence::ScenarioRecord;
use crate::secret::Secrets;
use serde_json::Value;

/// Fields that hold words of ours and never text from outside; a secret that happens to be such a word must not break them.
const OUR_WORDS: [&str; 5] = ["status", "verdict", "depth", "phase", "vantage"];

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
                .filter(|(name, _)| !OUR_WORDS.contains(&name.as_str()))
                .for_each(|(_, value)| redact(value, secrets));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
