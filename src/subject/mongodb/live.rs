//! A look at the live server behind a backup, for `drift: { against: live }`. Commands that read, and no other, stand in this file:
//! `listDatabases`, `listCollections`, `listIndexes`, `count`, `aggregate` without a writing stage.

use super::census::{self, Counting};
use super::client;
use crate::census::{Census, Vantage};
use crate::error::{Error, Result};
use crate::scenario::{Counts, LiveMongodb};
use crate::secret::Secrets;
use crate::subject::Before;
use jiff::Timestamp;
use mongodb::Client;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use std::time::Duration;

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
        let counting = Counting {
            estimated: live.counts == Counts::Estimated,
            before: Some(before(live, taken)),
            rest: true,
            limit: Some(limit),
            at_once: AT_ONCE,
        };
        let counted = census::count(&client, only.as_deref(), &[], &counting, Vantage::Live).await;
        client.shutdown().await;
        counted.map_err(|e| client::harness(&e).context("cannot count the live documents"))
    };
    let look = async { all_there(look.await?, live) };
    tokio::time::timeout(limit, look).await.unwrap_or_else(|_| {
        Err(Error::harness(format!("the look at the live server took longer than {} s", limit.as_secs()))
            .hint("Raise `timeout` of `live`, or let it estimate: `counts: estimated`."))
    })
}

/// The limits that hold for both sides.
#[must_use]
pub fn before(live: &LiveMongodb, taken: Timestamp) -> Before {
    Before { time: taken, fields: live.older_than_backup.clone() }
}

/// Refuses a collection that the scenario names and the server does not have.
fn all_there(census: Census, live: &LiveMongodb) -> Result<Census> {
    match live.older_than_backup.iter().find(|(name, _)| census.group(name).is_none()) {
        Some((name, _)) => {
            Err(Error::scenario(format!("the live server has no collection {name}"))
                .hint("Look at `older_than_backup` of `live`."))
        }
        None => Ok(census),
    }
}

/// Secondaries first, nothing tried twice, and a name by which the server's owner can tell who looks.
fn reading(mut options: ClientOptions, limit: Duration) -> ClientOptions {
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None }));
    options.app_name = Some("assay".to_owned());
    options.retry_writes = Some(false);
    options.server_selection_timeout = Some(limit.min(options.server_selection_timeout.unwrap_or(limit)));
    options
}
