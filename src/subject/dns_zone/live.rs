//! The live zone: Cloudflare's API v4, only ever asked.

use super::api::{Listing, refused};
use super::census::census as count;
use crate::census::{Census, Vantage};
use crate::error::{Error, Result};
use crate::http::{Answer, Ask, Http, Manners};
use crate::secret::{SecretRef, Secrets};
use reqwest::header::{ACCEPT, AUTHORIZATION};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where Cloudflare's API is.
pub const API: &str = "https://api.cloudflare.com/client/v4";

/// Records per page. More were refused for years, and still time out.
const PER_PAGE: u64 = 100;
/// No zone has more pages: an API that never ends is not believed.
const MOST_PAGES: u64 = 10_000;

/// How a live zone is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveZone {
    /// The zone's id, from its overview.
    pub zone_id: String,
    /// A token with the right to read the zone's DNS.
    pub token: SecretRef,
    /// The API's base, without a slash at its end.
    pub api: String,
    /// A certificate authority of one's own.
    pub ca: Option<PathBuf>,
}

/// What the zone holds now: all pages, read one after the other.
///
/// # Errors
/// Harness: the API cannot be asked, or its answers are not what it promises. Never the backup.
pub async fn census(live: &LiveZone, secrets: &Secrets) -> Result<Census> {
    let token = secrets.read(&live.token)?;
    let http = Http::new(Manners { ca: live.ca.clone(), ..Manners::default() }, secrets)?;
    let listing = all_pages(&http, live, token.expose()).await?;
    Ok(count(Vantage::Live, &listing.records))
}

async fn all_pages(http: &Http, live: &LiveZone, token: &str) -> Result<Listing> {
    let (mut listing, mut seen) = (Listing::default(), BTreeSet::new());
    for page in 1..=MOST_PAGES {
        let url = format!("{}/zones/{}/dns_records?page={page}&per_page={PER_PAGE}&order=name", live.api, live.zone_id);
        let ask = Ask::get(url).header(AUTHORIZATION, &format!("Bearer {token}"))?.header(ACCEPT, "application/json")?;
        let answer = http.ask(&ask).await?;
        let Page { envelope, ids, pages } = read_page(&answer)?;
        if ids.is_empty() {
            break;
        }
        if !ids.iter().all(|id| seen.insert(id.clone())) {
            return Err(Error::harness(format!("Cloudflare's page {page} repeats records of the pages before it"))
                .hint("The zone was changed while it was read, or pages are not honoured. Run again."));
        }
        listing.page(envelope).map_err(|_| unexpected(&answer))?;
        // `total_pages` is not in every version of the API; an empty page ends it as well.
        if pages.is_some_and(|pages| page >= pages) {
            break;
        }
    }
    if let Some(total) = listing.total.filter(|total| *total != seen.len() as u64) {
        let message = format!("Cloudflare says that the zone has {total} records and sent {}", seen.len());
        return Err(Error::harness(message).hint("The zone was changed while it was read. Run again."));
    }
    Ok(listing)
}

struct Page {
    envelope: serde_json::Map<String, Value>,
    ids: Vec<String>,
    pages: Option<u64>,
}

fn read_page(answer: &Answer) -> Result<Page> {
    let body = serde_json::from_slice(answer.body());
    let Ok(Value::Object(envelope)) = body else { return Err(unexpected(answer)) };
    if let Some(refused) = refused(&envelope) {
        let error = answer.refused(Some(&refused.0));
        // 6111: Invalid format for Authorization header (reference: seen with an unexpanded variable).
        return Err(if refused.0.contains("6111") {
            error.hint("The token is none: check what its reference holds.")
        } else {
            error
        });
    }
    let Some(Value::Array(records)) = envelope.get("result").filter(|_| answer.status().is_success()) else {
        return Err(unexpected(answer));
    };
    let id = |record: &Value| record.get("id").unwrap_or(record).to_string();
    let ids = records.iter().map(id).collect();
    let pages = envelope.get("result_info").and_then(|info| info.get("total_pages")).and_then(Value::as_u64);
    Ok(Page { envelope, ids, pages })
}

fn unexpected(answer: &Answer) -> Error {
    if answer.status().is_success() {
        let error = answer.refused(Some("not what its API promises"));
        return error.hint("Something between here and the API answers in its place, or the URL is another's.");
    }
    answer.refused(None)
}
