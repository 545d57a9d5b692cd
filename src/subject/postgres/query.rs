//! One read-only question with one value.

use super::{client, scrub};
use crate::check::did_you_mean;
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use crate::scenario::SqlCheck;
use std::time::Duration;
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The server ends a query at its limit; this much later we do not wait for the server any more.
const GRACE: Duration = Duration::from_secs(2);

/// Answers a query with its single value as text; `None` is SQL's NULL or no row.
///
/// # Errors
/// Scenario: the query is wrong or has not one value. Harness: it took too long, or the server went away.
pub async fn query(databases: &[String], instance: &Instance, check: &SqlCheck) -> Result<Option<String>> {
    let database = database(databases, check)?;
    let answer = async {
        let client = client::connect(instance.place(), instance.password(), database).await.map_err(|e| error(&e, check))?;
        ask(&client, check).await
    };
    tokio::time::timeout(check.timeout + GRACE, answer).await.unwrap_or_else(|_| Err(too_slow(check)))
}

/// The database that a check asks.
fn database<'d>(databases: &'d [String], check: &SqlCheck) -> Result<&'d str> {
    let asked = |name: &&String| check.database.as_ref().is_none_or(|asked| asked == *name);
    let found = databases.iter().find(asked);
    found.map(String::as_str).ok_or_else(|| {
        let asked = check.database.as_deref().unwrap_or_default();
        Error::scenario(format!("the backup holds no database `{asked}`"))
            .hint(did_you_mean(asked, databases.iter().map(String::as_str)))
    })
}

/// The query becomes a cursor's, in a read-only transaction. Preparing and declaring go through the extended protocol,
/// which takes one statement: nothing can follow the query and end the transaction, and nothing that writes can be a
/// cursor. The cursor's rows come as text, whatever their type.
async fn ask(client: &Client, check: &SqlCheck) -> Result<Option<String>> {
    let millis = check.timeout.as_millis().clamp(1, i32::MAX as u128);
    let begin = format!("SET default_transaction_read_only = on; BEGIN READ ONLY; SET LOCAL statement_timeout = {millis}");
    client.batch_execute(&begin).await.map_err(|e| error(&e, check))?;
    let statement = client.prepare(&check.query).await.map_err(|e| error(&e, check))?;
    match statement.columns().len() {
        1 => {}
        0 => return Err(Error::scenario("the query returns no value").hint("Write a SELECT with one column.")),
        n => return Err(Error::scenario(format!("the query returns {n} columns, one value is expected"))),
    }
    if !statement.params().is_empty() {
        return Err(Error::scenario("the query has parameters ($1), for which there are no values"));
    }
    let declare = format!("DECLARE assay_answer NO SCROLL CURSOR FOR {}", check.query);
    client.execute(&declare, &[]).await.map_err(|e| error(&e, check))?;
    one_value(&client.simple_query("FETCH 2 FROM assay_answer").await.map_err(|e| error(&e, check))?)
}

fn one_value(messages: &[SimpleQueryMessage]) -> Result<Option<String>> {
    let mut rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let (first, second) = (rows.next(), rows.next());
    if second.is_some() {
        return Err(Error::scenario("the query returns more than one row, one value is expected"));
    }
    Ok(first.and_then(|row| row.get(0)).map(str::to_owned))
}

fn too_slow(check: &SqlCheck) -> Error {
    Error::harness(format!("the query took longer than {}", crate::units::Span(check.timeout)))
        .hint("Raise the check's `timeout`, or ask for less.")
}

/// The query is the scenario's, so the server's complaints are too; except that it was slow, or the server is in trouble.
fn error(e: &tokio_postgres::Error, check: &SqlCheck) -> Error {
    let Some(db) = e.as_db_error() else { return client::harness(e) };
    if *db.code() == SqlState::QUERY_CANCELED {
        return too_slow(check);
    }
    // Resources, operator, system, internal.
    if ["53", "57", "58", "XX"].iter().any(|class| db.code().code().starts_with(class)) {
        return client::harness(e);
    }
    let at = match db.position() {
        Some(ErrorPosition::Original(at)) => format!(" (at character {at})"),
        _ => String::new(),
    };
    let error = Error::scenario(format!("the server refuses the query: {}{at}", scrub::line(db.message())));
    match (db.code(), db.hint()) {
        (code, _) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => error.hint("Checks only read: write a SELECT."),
        (_, Some(hint)) => error.hint(hint),
        _ => error,
    }
}
