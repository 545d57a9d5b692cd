//! The census of a live database. It only reads: one read-only transaction with short limits, statements that take no lock beyond
//! that of a SELECT, and no prepared statement or setting that would outlive it in a pooler.

mod connect;
mod count;

use crate::census::Census;
use crate::error::{Error, Result};
use crate::scenario::LivePostgres;
use crate::secret::Secrets;
use crate::subject::Before;
use jiff::Timestamp;
use std::time::Duration;

/// The server ends what takes too long; this much later we do not wait for the server any more.
const GRACE: Duration = Duration::from_secs(2);

/// Counts the live database. Tables with a time column count their rows before `taken`.
///
/// # Errors
/// Harness: it cannot be reached or read in time. Scenario: a table or column that the scenario names is not there.
pub async fn census(live: &LivePostgres, secrets: &Secrets, taken: Timestamp) -> Result<Census> {
    let look = async {
        let session = connect::connect(live, secrets).await?;
        count::count(&session.client, live, &before(live, taken)).await
    };
    let counted = tokio::time::timeout(live.timeout + GRACE, look).await.unwrap_or_else(|_| Err(too_slow(live)));
    counted.map_err(|error| error.context("cannot read the live database"))
}

/// The limits that hold for both sides.
pub fn before(live: &LivePostgres, taken: Timestamp) -> Before {
    Before { time: taken, fields: live.older_than_backup.clone() }
}

fn too_slow(live: &LivePostgres) -> Error {
    Error::harness(format!("it took longer than {}", crate::units::Span(live.timeout)))
        .hint("Raise `timeout` of `live`, or let it estimate: `counts: estimated`.")
}
