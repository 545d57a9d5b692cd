//! Exports of secrets: a JSON object of names and values, as Doppler's API gives it.
//!
//! It is decrypted in memory and never touches the disk. There is no server to restore into: what the runbook would upload is
//! proven to be what Doppler takes.

mod digests;
mod json;
mod judge;
pub mod live;
mod memory;

use crate::census::{Census, Group, Vantage};
use crate::check::Outcome;
use crate::error::{Error, Result};
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::{LiveSpec, SqlCheck};
use crate::secret::Secrets;
use crate::subject::{self, Attempt, Body, Facts, Intake, Payload, Restored, Subject, Surveyed, Wanted};
use async_trait::async_trait;
use digests::Digests;
use jiff::Timestamp;
use json::{Bad, Entry, Value};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

/// The `secrets:` block of a scenario.
#[derive(Debug, Clone, Default)]
pub struct SecretsSpec {
    /// Keys that must be there, with a value.
    pub keys: Vec<String>,
    /// Values that are none, besides the usual ones.
    pub placeholders: Vec<String>,
}

/// The largest export, in bytes: far more than any configuration of Doppler's may hold.
const LARGEST: usize = 64 << 20;

/// The subject.
#[derive(Debug)]
pub struct SecretExport {
    spec: SecretsSpec,
    /// What is known of the export once it was read.
    held: OnceLock<Held>,
}

/// What stays of an export: names, and digests that say nothing without a key that is never stored.
#[derive(Debug)]
struct Held {
    names: Vec<String>,
    digests: Digests,
}

impl SecretExport {
    /// For one scenario. From here on this process leaves no core dump.
    #[must_use]
    pub fn new(spec: SecretsSpec) -> Self {
        memory::forbid_dumps();
        Self { spec, held: OnceLock::new() }
    }
}

#[async_trait]
impl Subject for SecretExport {
    fn kind(&self) -> &'static str {
        "secrets"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.trim_ascii_start().starts_with(b"{")
    }

    fn inspect(&self, head: &[u8], _size: Option<u64>) -> Result<Facts> {
        let is = crate::open::magic::looks_like(head);
        if self.recognises(head) || is == "JSON" {
            return Ok(Facts { format: "json".to_owned(), facts: Vec::new() });
        }
        Err(Error::backup(format!("it is no export of secrets: it looks like {is}")))
    }

    fn intake(&self, _facts: &Facts) -> Intake {
        Intake::Stream
    }

    fn recipe(&self, _facts: &Facts) -> Option<Box<dyn Recipe>> {
        None
    }

    async fn restore(&self, payload: Payload, _facts: &Facts, _instance: Option<&Instance>) -> Attempt {
        let Body::Stream(stream) = payload.body else {
            return Attempt {
                surveyed: Surveyed::default(),
                restored: Err(Error::harness("secrets are never read from a file")),
            };
        };
        let spec = self.spec.clone();
        let work = tokio::task::spawn_blocking(move || prove(stream, &spec));
        match work.await.unwrap_or_else(|_| Err(Error::harness("looking through the secrets ended"))) {
            Ok((held, outcomes)) => {
                let census = Some(census(Vantage::Artifact, &held.names));
                // A second restore of the same subject does not happen.
                let _ = self.held.set(held);
                let restored = Restored { databases: Vec::new(), prefixed: false, outcomes, tools: Vec::new(), log: Vec::new() };
                Attempt { surveyed: Surveyed { census, ..Surveyed::default() }, restored: Ok(restored) }
            }
            Err(error) => Attempt { surveyed: Surveyed::default(), restored: Err(error) },
        }
    }

    async fn census(&self, _restored: &Restored, _instance: Option<&Instance>, _wanted: &Wanted) -> Result<Census> {
        let held = self.held.get().ok_or_else(|| Error::harness("the export was not read"))?;
        Ok(census(Vantage::Restored, &held.names))
    }

    async fn query(&self, _: &Restored, _: Option<&Instance>, _: &SqlCheck) -> Result<Option<String>> {
        Err(Error::scenario("secrets cannot be asked in SQL").hint("Use `count`, or `keys` under `secrets`."))
    }

    /// With `values: true` also the keys whose values are others than in the export that was read, under [`CHANGED`](crate::check::drift::CHANGED).
    async fn live(&self, spec: &LiveSpec, secrets: &Secrets, taken: Timestamp) -> Result<Census> {
        let LiveSpec::Doppler(live) = spec else { return subject::live(spec, secrets, taken).await };
        if !live.values {
            return live::census(live, secrets).await;
        }
        let held = self.held.get().ok_or_else(|| Error::harness("the export was not read"))?;
        live::census_with_values(live, secrets, &held.digests).await
    }

    fn not_tested(&self, _facts: &Facts) -> Vec<String> {
        vec![
            "whether the values are those that the systems they open accept".to_owned(),
            "an upload to Doppler: nothing is ever written there".to_owned(),
            "bytes changed in the middle: openssl enc has no authentication".to_owned(),
        ]
    }

    fn connect_hint(&self, _restored: &Restored, _instance: &Instance) -> String {
        "nothing is kept of secrets".to_owned()
    }
}

/// Reads an export to its end and says what it is worth.
fn prove(stream: impl Read, spec: &SecretsSpec) -> Result<(Held, Vec<Outcome>)> {
    let bytes = memory::read_all(stream, LARGEST)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        Error::backup(format!("the export is no text from byte {} on: it is damaged", e.valid_up_to()))
            .hint("Nothing authenticates what openssl enc writes: a damaged file decrypts to noise.")
    })?;
    let entries = json::entries(text).map_err(unreadable)?;
    if is_an_error(&entries) {
        let hint = "Let the job that makes it look at the answer before it encrypts it.";
        return Err(Error::backup("the export is an error answer of the API, saved as the backup").hint(hint));
    }
    let names: Vec<String> = judge::names(&entries).into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Error::backup("the export has no keys"));
    }
    let held = Held { names, digests: Digests::of(&entries)? };
    Ok((held, judge::judge(&entries, spec)))
}

fn unreadable(bad: Bad) -> Error {
    let damaged = "Nothing authenticates what openssl enc writes: a damaged file decrypts to noise.";
    match bad {
        Bad::Line(line) => Error::backup(format!("the export is no JSON: it goes wrong in line {line}")).hint(damaged),
        Bad::Cut => Error::backup("the export ends in the middle of its JSON: it was cut"),
        Bad::NoObject(is) => Error::backup(format!("the export is no JSON object, but {is}")),
        Bad::Behind => Error::backup("behind the JSON object of the export there is something else"),
    }
}

/// `{"messages": [...], "success": false}` (reference: Doppler's error body).
fn is_an_error(entries: &[Entry]) -> bool {
    let is = |name: &str, what: &str| entries.iter().any(|e| e.name == name && matches!(e.value, Value::Other(w) if w == what));
    is("success", "false") && is("messages", "a list")
}

/// The keys by their names.
fn census(vantage: Vantage, names: &[String]) -> Census {
    let group = |name: &String| Group { name: name.clone(), count: 1, newest: Vec::new() };
    Census {
        vantage,
        groups_are: "keys".into(),
        counted_in: "values".into(),
        groups: names.iter().map(group).collect(),
        inventory: Vec::new(),
        partitions: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;

    #[test]
    fn what_is_no_export_is_a_bad_backup_and_says_why() {
        for (text, words) in [
            (r#"{"messages":["Invalid Service token"],"success":false}"#.as_bytes(), "error answer of the API"),
            (b"{}", "has no keys"),
            (br#"{"DOPPLER_PROJECT":"p","DOPPLER_CONFIG":"c","DOPPLER_ENVIRONMENT":"e"}"#, "has no keys"),
            (br#"{"A":"1""#, "ends in the middle"),
            (br#"["A"]"#, "no JSON object, but a list"),
            (br#"{"A":"1"} x"#, "behind the JSON object"),
            (b"{\"A\":\"\xff\"}", "no text from byte 6 on"),
            (b"{A:1}", "goes wrong in line 1"),
        ] {
            let error = prove(text, &SecretsSpec::default()).map(|_| ()).expect_err(words);
            assert!(error.blame == Blame::Backup && error.message.contains(words), "{error}");
        }
        let (held, outcomes) = prove(br#"{"A":"1","B":"2"}"#.as_slice(), &SecretsSpec::default()).expect("healthy");
        assert_eq!(held.names, ["A", "B"]);
        assert!(outcomes.iter().all(|o| o.status == crate::check::Status::Pass));
        assert_eq!(census(Vantage::Artifact, &held.names).summary(), "2 keys, 2 values");
    }
}
