//! The live secrets: Doppler's API, only ever asked, and by default for names alone.

use super::digests::Digests;
use super::json::{self, Value as Member};
use super::{census as count, judge};
use crate::census::{Census, Inventory, Vantage};
use crate::check::drift::CHANGED;
use crate::error::{Error, Result};
use crate::http::{Answer, Ask, Http, Manners};
use crate::secret::{SecretRef, Secrets};
use reqwest::header::{ACCEPT, AUTHORIZATION};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where Doppler's API is.
pub const API: &str = "https://api.doppler.com";

/// How live secrets are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSecrets {
    /// A token that may read the names; a service token of one config is enough.
    pub token: SecretRef,
    /// The project; a service token knows it.
    pub project: Option<String>,
    /// The config; a service token knows it.
    pub config: Option<String>,
    /// Whether values are compared too. They are read into memory and digested there.
    pub values: bool,
    /// The API's base, without a slash at its end.
    pub api: String,
    /// A certificate authority of one's own.
    pub ca: Option<PathBuf>,
}

/// The names that are there now.
///
/// # Errors
/// Harness: the API cannot be asked, or does not answer as it promises. Never the backup.
pub async fn census(live: &LiveSecrets, secrets: &Secrets) -> Result<Census> {
    let answer = ask(live, secrets, "/v3/configs/config/secrets/names", &[("include_managed_secrets", "false")]).await?;
    let body: Option<Value> = serde_json::from_slice(answer.body()).ok().filter(|_| answer.status().is_success());
    let names = body.as_ref().and_then(|body| body.get("names")).and_then(Value::as_array).ok_or_else(|| refused(&answer))?;
    // Older versions of the API do not know the parameter.
    let names: BTreeSet<&str> = names.iter().filter_map(Value::as_str).filter(|name| !judge::MANAGED.contains(name)).collect();
    Ok(count(Vantage::Live, &names.into_iter().map(str::to_owned).collect::<Vec<_>>()))
}

/// The names, and under [`CHANGED`] those whose values are others than in the export. A value that the token may not see is not
/// compared. Dynamic secrets are never asked for: that would issue a lease.
///
/// # Errors
/// As for [`census()`].
pub(super) async fn census_with_values(live: &LiveSecrets, secrets: &Secrets, digests: &Digests) -> Result<Census> {
    let parameters = [("include_managed_secrets", "false"), ("include_dynamic_secrets", "false")];
    let answer = ask(live, secrets, "/v3/configs/config/secrets", &parameters).await?;
    let text =
        std::str::from_utf8(answer.body()).ok().filter(|_| answer.status().is_success()).ok_or_else(|| refused(&answer))?;
    let (mut names, mut changed) = (BTreeSet::new(), Vec::new());
    for (name, value) in computed(text).ok_or_else(|| refused(&answer))? {
        if judge::MANAGED.contains(&name.as_str()) {
            continue;
        }
        if let Some(value) = value
            && digests.same(&name, &value)? == Some(false)
        {
            changed.push(name.clone());
        }
        names.insert(name);
    }
    let mut census = count(Vantage::Live, &names.into_iter().collect::<Vec<_>>());
    census.inventory.push(Inventory { kind: CHANGED.into(), count: changed.len() as u64, members: changed, named_by: 0 });
    Ok(census)
}

type Computed = Vec<(String, Option<zeroize::Zeroizing<String>>)>;

/// Names and computed values out of the list; no value where the visibility is restricted.
fn computed(text: &str) -> Option<Computed> {
    let secrets = json::members(text, "secrets")?;
    let mut values = Vec::new();
    for (name, raw) in secrets {
        let entries = json::entries(raw).ok()?;
        let value = entries.into_iter().find(|entry| entry.name == "computed")?.value;
        values.push((name, if let Member::Text(text) = value { Some(text) } else { None }));
    }
    Some(values)
}

async fn ask(live: &LiveSecrets, secrets: &Secrets, path: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
    let token = secrets.read(&live.token)?;
    let http = Http::new(Manners { ca: live.ca.clone(), ..Manners::default() }, secrets)?;
    let place = [("project", live.project.as_deref()), ("config", live.config.as_deref())];
    let place = place.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let query: Vec<String> =
        place.chain(parameters.iter().copied()).map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let url = format!("{}{path}?{}", live.api, query.join("&"));
    http.ask(&Ask::get(url).header(AUTHORIZATION, &format!("Bearer {}", token.expose()))?.header(ACCEPT, "application/json")?)
        .await
}

fn escaped(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// In Doppler's own words where it has any: `{"messages": [...], "success": false}`. Nothing else of a body is shown: it may hold
/// values.
fn refused(answer: &Answer) -> Error {
    let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
    let messages = body.as_ref().filter(|body| body.get("success") == Some(&Value::Bool(false)));
    let messages = messages.and_then(|body| body.get("messages")).and_then(Value::as_array).into_iter().flatten();
    let words: Vec<&str> = messages.filter_map(Value::as_str).collect();
    let words = if words.is_empty() { "not what its API promises".to_owned() } else { words.join("; ") };
    answer.refused(Some(&words))
}
