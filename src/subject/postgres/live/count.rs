//! What is counted in a live database, and how: by simple queries alone, in one snapshot.

use super::too_slow;
use crate::census::{Census, Group, Inventory, Vantage};
use crate::check::drift::UNREADABLE;
use crate::error::{Error, Result};
use crate::scenario::{Counts, LivePostgres};
use crate::subject::Before;
use crate::subject::postgres::{census, client};
use std::fmt::Write;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// The longest that a table's lock is waited for: whoever holds it is changing the table.
const LOCK: Duration = Duration::from_secs(5);
/// Tables counted in one statement.
const BATCH: usize = 50;
/// From this version on a server notices by itself that nobody waits for an answer any more.
const NOTICES_HANGUP: u32 = 140_000;

/// Counts every table that the restored census counts too, by the same names.
pub async fn count(client: &Client, live: &LivePostgres, before: &Before) -> Result<Census> {
    run(client, live, &begin(live)).await?;
    watch_for_hangup(client, live).await?;
    let tables = tables(client, live, before).await?;
    let (readable, unreadable): (Vec<_>, Vec<_>) = tables.into_iter().partition(|table| table.readable);
    let mut groups = Vec::with_capacity(readable.len());
    let (estimated, counted): (Vec<_>, Vec<_>) = readable
        .into_iter()
        .partition(|table| live.counts == Counts::Estimated && table.estimate.is_some() && table.rows.is_empty());
    for table in estimated {
        groups.push(group(&table, table.estimate.unwrap_or_default()));
    }
    for batch in counted.chunks(BATCH) {
        for row in rows(client, live, &statement(batch)).await? {
            let (number, count) = (cell::<usize>(&row, 0)?, cell::<u64>(&row, 1)?);
            groups.extend(batch.get(number).map(|table| group(table, count)));
        }
    }
    run(client, live, "ROLLBACK").await?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(whole(groups, unreadable.into_iter().map(|table| table.name).collect()))
}

/// Every limit ends with the transaction, so that nothing is left behind in a pooler's connection.
fn begin(live: &LivePostgres) -> String {
    let millis = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128);
    let (statement, lock) = (millis(live.timeout), millis(live.timeout.min(LOCK)));
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL default_transaction_read_only = on; \
         SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}; \
         SET LOCAL idle_in_transaction_session_timeout = {statement}; \
         SET LOCAL search_path = pg_catalog; SET LOCAL \"TimeZone\" = 'UTC'"
    )
}

/// A statement that nobody waits for any more does not run to its end.
async fn watch_for_hangup(client: &Client, live: &LivePostgres) -> Result<()> {
    let version = rows(client, live, "SELECT current_setting('server_version_num')").await?;
    let version: u32 = version.first().map_or(Ok(0), |row| cell(row, 0))?;
    if version >= NOTICES_HANGUP {
        // Not every platform has it.
        let set = "SAVEPOINT a; SET LOCAL client_connection_check_interval = 1000";
        if client.batch_execute(set).await.is_err() {
            run(client, live, "ROLLBACK TO SAVEPOINT a").await?;
        }
    }
    Ok(())
}

/// A table of the live database.
struct Table {
    name: String,
    quoted: String,
    /// Whether the role may read all of its rows.
    readable: bool,
    /// The number of its rows by the statistics, where there are any.
    estimate: Option<u64>,
    /// Which rows count, as a clause of SQL; all of them when empty.
    rows: String,
}

/// As in the restored census: ordinary tables, leaves of partitioned ones, filled materialized views; nothing of the system's or of
/// an extension's. No number of rows is known of a table that was never analysed. A policy may hide rows from the role.
const TABLES: &str = "
SELECT n.nspname || '.' || c.relname,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid),
       CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1";

async fn tables(client: &Client, live: &LivePostgres, before: &Before) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for row in rows(client, live, TABLES).await? {
        let estimate = row.get(3).map(str::parse).transpose().map_err(|_| unexpected())?;
        let (name, quoted) = (cell(&row, 0)?, cell(&row, 1)?);
        tables.push(Table { name, quoted, readable: row.get(2) == Some("t"), estimate, rows: String::new() });
    }
    for (name, column) in &before.fields {
        let table = tables.iter_mut().find(|table| table.name == *name);
        let table = table.ok_or_else(|| unknown(&format!("it has no table {name}")))?;
        let quoted = time_column(client, live, &table.quoted, column).await?;
        let quoted = quoted.ok_or_else(|| unknown(&format!("{name} has no column {column} that holds a time")))?;
        table.rows = census::older(&quoted, before.time);
    }
    Ok(tables)
}

/// The column as SQL wants it, when it is one that holds a time.
async fn time_column(client: &Client, live: &LivePostgres, table: &str, column: &str) -> Result<Option<String>> {
    let sql = format!(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = {}::regclass AND attname = {} AND attnum > 0 \
         AND NOT attisdropped AND atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype)",
        literal(table),
        literal(column)
    );
    Ok(rows(client, live, &sql).await?.first().and_then(|row| row.get(0)).map(str::to_owned))
}

/// A string of SQL, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// One row per table: its number in the batch and its count.
fn statement(batch: &[Table]) -> String {
    let mut sql = String::new();
    for (number, table) in batch.iter().enumerate() {
        let union = if number > 0 { " UNION ALL " } else { "" };
        // A String takes whatever is written to it.
        let _ = write!(sql, "{union}SELECT {number}, count(*) FROM ONLY {}{}", table.quoted, table.rows);
    }
    sql
}

fn group(table: &Table, count: u64) -> Group {
    Group { name: table.name.clone(), count, newest: Vec::new() }
}

fn whole(groups: Vec<Group>, unreadable: Vec<String>) -> Census {
    let inventory = Inventory { kind: UNREADABLE.to_owned(), count: unreadable.len() as u64, members: unreadable, named_by: 0 };
    Census {
        vantage: Vantage::Live,
        groups_are: "tables".to_owned(),
        counted_in: "rows".to_owned(),
        groups,
        inventory: vec![inventory],
        partitions: std::collections::BTreeMap::new(),
    }
}

async fn run(client: &Client, live: &LivePostgres, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.map_err(|e| error(&e, live))
}

async fn rows(client: &Client, live: &LivePostgres, sql: &str) -> Result<Vec<SimpleQueryRow>> {
    let messages = client.simple_query(sql).await.map_err(|e| error(&e, live))?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

fn cell<T: std::str::FromStr>(row: &SimpleQueryRow, column: usize) -> Result<T> {
    row.get(column).and_then(|text| text.parse().ok()).ok_or_else(unexpected)
}

fn unexpected() -> Error {
    Error::harness("its server answered what was not asked for")
}

fn unknown(what: &str) -> Error {
    Error::scenario(what).hint("Look at `older_than_backup` of `live`.")
}

fn error(e: &tokio_postgres::Error, live: &LivePostgres) -> Error {
    match e.code() {
        Some(code) if *code == SqlState::QUERY_CANCELED => too_slow(live),
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            client::harness(e).hint("Somebody changes a table right now: run it again later.")
        }
        _ => client::harness(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(literal("a'b\\c"), "E'a''b\\\\c'");
    }
}
