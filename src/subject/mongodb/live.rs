//! A look at the live server behind a backup, for `drift: { against: live }`. Commands that read, and no other, stand in this file:
//! `listDatabases`, `listCollections`, `listIndexes`, `count`, `aggregate` without a writing stage.

use super::census::{self, Counting};
use super::client;
use crate::census::{Census, Vantage};
use crate::error::{Error, Result};
use crate::secret::{SecretRef, Secrets};
use jiff::Timestamp;
use mongodb::Client;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use std::time::Duration;

/// How a live server is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMongodb {
    /// Where its URL lies. A database named in it is the only one that is looked at.
    pub url: SecretRef,
    /// Documents are estimated from the server's statistics instead of counted.
    pub estimated: bool,
    /// The longest that the whole look may take.
    pub timeout: Duration,
    /// Collections in which only the documents with a time before that of the backup count, with their time field (`_id`: the time in
    /// the `ObjectId`). When there are any, no other collection counts.
    pub older_than_backup: Vec<(String, String)>,
}

/// How many collections are counted at once: a live server has other things to do.
const AT_ONCE: usize = 2;

/// Counts what a live server holds. A secondary is asked where there is one. `taken`: when the backup was made.
///
/// # Errors
/// Harness: it cannot be reached or read in time. Scenario: its URL is none.
pub async fn census(live: &LiveMongodb, secrets: &Secrets, taken: Timestamp) -> Result<Census> {
    let url = secrets.read(&live.url)?;
    let limit = live.timeout;
    let look = async {
        // The driver repeats parts of the URL in its errors.
        let parsed = ClientOptions::parse(url.expose()).await;
        let options = parsed.map_err(|_| {
            Error::scenario(format!("{} holds no URL of a MongoDB server", live.url))
                .hint("Write it as mongodb://user:password@host:27017/database?tls=true.")
        })?;
        let only = options.default_database.clone();
        let client = Client::with_options(reading(options, limit)).map_err(|e| client::harness(&e))?;
        let fields = &live.older_than_backup;
        let before = (!fields.is_empty()).then(|| (taken, fields.clone()));
        let counting = Counting { estimated: live.estimated, before, limit: Some(limit), at_once: AT_ONCE };
        let counted = census::count(&client, only.as_deref(), &[], &counting, Vantage::Live).await;
        client.shutdown().await;
        counted.map_err(|e| client::harness(&e).context("cannot count the live documents"))
    };
    tokio::time::timeout(limit, look).await.unwrap_or_else(|_| {
        Err(Error::harness(format!("the look at the live server took longer than {} s", limit.as_secs()))
            .hint("Raise `timeout`, or estimate: `counts: estimated`."))
    })
}

/// Secondaries first, nothing tried twice, and a name by which the server's owner can tell who looks.
fn reading(mut options: ClientOptions, limit: Duration) -> ClientOptions {
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None }));
    options.app_name = Some("assay".to_owned());
    options.retry_writes = Some(false);
    options.server_selection_timeout = Some(limit.min(options.server_selection_timeout.unwrap_or(limit)));
    options
}
