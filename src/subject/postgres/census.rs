//! The census of a restored database: every table counted, what else is there named. Names, counts and times only.

use super::client;
use super::inventory;
use crate::census::{Census, Group, Newest, Vantage};
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use crate::subject::{Restored, Wanted};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use std::fmt::Write;
use std::sync::Mutex;
use tokio_postgres::{Client, Row};

/// Tables counted in one round trip, and no more bytes than this unless one table alone has them.
const BATCH_TABLES: usize = 50;
const BATCH_BYTES: i64 = 64 << 20;

/// Counts databases. Where there may be several, every name begins with that of its database: `shop.public.users`.
///
/// # Errors
/// Harness: the server does not answer.
pub async fn census(restored: &Restored, instance: &Instance, wanted: &Wanted) -> Result<Census> {
    let mut all = empty();
    for database in &restored.databases {
        if !restored.prefixed {
            all.join(one(database, instance, wanted).await?);
            continue;
        }
        let wanted = wanted.within(database);
        all.join(one(database, instance, &wanted).await?.within(database));
    }
    Ok(all)
}

/// Nothing was counted yet.
fn empty() -> Census {
    let (groups_are, counted_in) = ("tables".to_owned(), "rows".to_owned());
    let (groups, inventory, partitions) = Default::default();
    Census { vantage: Vantage::Restored, groups_are, counted_in, groups, inventory, partitions }
}

async fn one(database: &str, instance: &Instance, wanted: &Wanted) -> Result<Census> {
    let connect = || async { client::connect(instance.place(), instance.password(), database).await };
    let read = async {
        let first = connect().await?;
        let snapshot = begin(&first).await?;
        let tables = tables(&first, wanted).await?;
        // Limited counts are of some tables only, beside a whole census.
        let inventory = if wanted.before.is_some() { Vec::new() } else { inventory::read(&first, wanted).await? };
        let batches = Mutex::new(batches(tables));
        let workers = instance.limits().cpus.min(batches.lock().map_or(1, |b| b.len())).max(1);
        let counted = try_join_all((0..workers).map(|number| {
            let (batches, first, snapshot) = (&batches, &first, &snapshot);
            async move {
                if number == 0 {
                    return count_all(first, batches).await;
                }
                let client = connect().await?;
                join(&client, snapshot).await?;
                count_all(&client, batches).await
            }
        }));
        let mut groups: Vec<Group> = counted.await?.into_iter().flatten().collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Census { groups, inventory, ..empty() })
    };
    read.await.map_err(|e: tokio_postgres::Error| Error::harness(format!("cannot count the database: {}", client::message(&e))))
}

/// One snapshot for everything, so that counts of several connections belong together.
async fn begin(client: &Client) -> Result<String, tokio_postgres::Error> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    client.query_one("SELECT pg_export_snapshot()", &[]).await?.try_get(0)
}

async fn join(client: &Client, snapshot: &str) -> Result<(), tokio_postgres::Error> {
    let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{snapshot}'");
    client.batch_execute(&begin).await
}

/// A table to be counted.
struct Table {
    /// As people write it: `public.users`.
    name: String,
    /// As SQL wants it.
    quoted: String,
    bytes: i64,
    /// The time columns to look at: plain and quoted.
    columns: Vec<(String, String)>,
    /// Which rows count, as a clause of SQL; all of them when empty.
    rows: String,
}

/// Ordinary tables, leaves of partitioned ones, filled materialized views; nothing of the system's or of an extension's.
/// `time_columns` of the tables that a check wants a time of: a wrong name is then simply not among them.
const TABLES: &str = "
SELECT n.nspname || '.' || c.relname,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       pg_relation_size(c.oid),
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype)
               AND n.nspname || '.' || c.relname = ANY ($1) ORDER BY a.attnum),
       ARRAY(SELECT quote_ident(a.attname) FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype)
               AND n.nspname || '.' || c.relname = ANY ($1) ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 3";

async fn tables(client: &Client, wanted: &Wanted) -> Result<Vec<Table>, tokio_postgres::Error> {
    let limited = wanted.before.iter().flat_map(|before| &before.fields);
    let groups: Vec<&str> = wanted.newest.iter().chain(limited).map(|(group, _)| group.as_str()).collect();
    let rows = client.query(TABLES, &[&groups]).await?;
    rows.iter().filter_map(|row| table(row, wanted).transpose()).collect()
}

/// None when it is not to be counted.
fn table(row: &Row, wanted: &Wanted) -> Result<Option<Table>, tokio_postgres::Error> {
    let (name, plain, quoted): (String, Vec<String>, Vec<String>) = (row.try_get(0)?, row.try_get(3)?, row.try_get(4)?);
    let asked = |column: &str| wanted.newest.iter().any(|(group, field)| *group == name && field == column);
    let rows = match &wanted.before {
        None => String::new(),
        Some(before) => {
            let limited = |column: &str| before.fields.iter().any(|(group, field)| *group == name && field == column);
            match plain.iter().zip(&quoted).find(|(column, _)| limited(column)) {
                Some((_, column)) => older(column, before.time),
                None => return Ok(None),
            }
        }
    };
    let columns = plain.into_iter().zip(quoted).filter(|(column, _)| asked(column)).collect();
    Ok(Some(Table { quoted: row.try_get(1)?, bytes: row.try_get(2)?, columns, rows, name }))
}

/// Rows with a time before this one. Rows without a time do not count. In a session whose zone is UTC, a column without a zone is
/// taken as UTC.
pub fn older(quoted_column: &str, time: Timestamp) -> String {
    format!(" WHERE {quoted_column} < '{time}'::timestamptz")
}

/// Sorted by size with the largest last, where the workers take from.
fn batches(tables: Vec<Table>) -> Vec<Vec<Table>> {
    let mut batches: Vec<Vec<Table>> = Vec::new();
    let mut bytes = 0;
    for table in tables {
        let fits = batches.last().is_some_and(|batch| batch.len() < BATCH_TABLES) && bytes + table.bytes <= BATCH_BYTES;
        bytes = if fits { bytes } else { 0 } + table.bytes;
        match batches.last_mut() {
            Some(batch) if fits => batch.push(table),
            _ => batches.push(vec![table]),
        }
    }
    batches
}

async fn count_all(client: &Client, batches: &Mutex<Vec<Vec<Table>>>) -> Result<Vec<Group>, tokio_postgres::Error> {
    let next = || batches.lock().ok().and_then(|mut left| left.pop());
    let mut groups = Vec::new();
    while let Some(batch) = next() {
        let rows = client.query(&statement(&batch), &[]).await?;
        for row in rows {
            let number: i32 = row.try_get(0)?;
            if let Some(table) = usize::try_from(number).ok().and_then(|number| batch.get(number)) {
                groups.push(group(table, &row)?);
            }
        }
    }
    Ok(groups)
}

/// One row per table: its number in the batch, its count, and microseconds since 1970 per time column. Infinite times are
/// no times; times without a zone are taken as UTC, the instance's zone.
fn statement(batch: &[Table]) -> String {
    let mut sql = String::new();
    for (number, table) in batch.iter().enumerate() {
        let union = if number > 0 { " UNION ALL " } else { "" };
        let times: Vec<String> = table.columns.iter().map(|(_, column)| newest(column)).collect();
        let from = &table.quoted;
        // A String takes whatever is written to it.
        let _ =
            write!(sql, "{union}SELECT {number}, count(*), ARRAY[{}]::bigint[] FROM ONLY {from}{}", times.join(", "), table.rows);
    }
    sql
}

fn newest(column: &str) -> String {
    format!("(extract(epoch FROM max({column}) FILTER (WHERE isfinite({column}))) * 1000000)::bigint")
}

fn group(table: &Table, row: &Row) -> Result<Group, tokio_postgres::Error> {
    let (count, times): (i64, Vec<Option<i64>>) = (row.try_get(1)?, row.try_get(2)?);
    let fields = table.columns.iter().map(|(column, _)| column.clone());
    let newest = fields.zip(times).map(|(field, micros)| Newest { field, time: micros.map(timestamp) }).collect();
    Ok(Group { name: table.name.clone(), count: count.unsigned_abs(), newest })
}

/// `PostgreSQL` knows later times than we do.
fn timestamp(micros: i64) -> Timestamp {
    let limit = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(micros).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, bytes: i64) -> Table {
        Table { name: name.into(), quoted: name.into(), bytes, columns: Vec::new(), rows: String::new() }
    }

    #[test]
    fn small_tables_share_a_round_trip_and_large_ones_do_not() {
        let mut tables: Vec<Table> = (0..120).map(|n| table(&format!("t{n}"), 8192)).collect();
        tables.push(table("large", 40 << 20));
        tables.push(table("larger", 41 << 20));
        let sizes: Vec<usize> = batches(tables).iter().map(Vec::len).collect();
        assert_eq!(sizes, [50, 50, 21, 1]);
        assert!(batches(Vec::new()).is_empty());
    }

    #[test]
    fn times_that_are_too_late_are_still_late() {
        assert_eq!(timestamp(0), Timestamp::UNIX_EPOCH);
        assert_eq!(timestamp(i64::MAX), Timestamp::MAX);
        assert_eq!(timestamp(i64::MIN), Timestamp::MIN);
    }
}
