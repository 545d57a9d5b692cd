//! Pages and indexes, by the extension `amcheck` of the server itself. It is put into a schema of its own and removed again, so that
//! a restored database that is kept is as its dump made it.

use super::super::{client, scrub};
use super::{Answer, Look};
use crate::check::integrity::{Amcheck, Examined, Finding, Weight};
use crate::report::text::counted;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

type Result<T> = std::result::Result<T, tokio_postgres::Error>;

/// The extension's schema when the database has it, and whether the server could add it.
const THERE: &str = "
SELECT (SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'amcheck'),
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck')";

/// Event triggers of the restored database, which are foreign code, do not fire for a replica.
const WRITE: &str =
    "SET session_replication_role = replica; SET default_transaction_read_only = off; SET client_min_messages = warning";

pub async fn examine(look: &Look<'_>) -> Result<Examined> {
    let client = look.connect().await?;
    let there = client.query_one(THERE, &[]).await?;
    let (schema, available): (Option<String>, bool) = (there.try_get(0)?, there.try_get(1)?);
    if let Some(schema) = schema {
        return with_functions(look, &client, &schema).await;
    }
    if !available {
        let not_tested = vec!["pages and indexes of the restored database: its server has no extension amcheck".to_owned()];
        return Ok(Examined { not_tested, ..Examined::default() });
    }
    let schema = format!("assay_amcheck_{}", std::process::id());
    // Apart: what is sent in one piece is one transaction, which begins as the session was.
    client.batch_execute(WRITE).await?;
    client.batch_execute(&format!("CREATE SCHEMA {schema}; CREATE EXTENSION amcheck WITH SCHEMA {schema}")).await?;
    let examined = with_functions(look, &client, &schema).await;
    client.batch_execute(&format!("SET statement_timeout = 0; DROP EXTENSION amcheck; DROP SCHEMA {schema}")).await?;
    examined
}

/// The functions that this version has: pages from 14 on, GIN indexes from 18 on.
#[derive(Debug, Clone, Copy)]
struct Functions {
    heap: bool,
    gin: bool,
}

/// A table, its values stored out of line, or an index.
struct Relation {
    name: String,
    oid: u32,
    /// `heap`, `btree` or `gin`.
    method: String,
}

/// What is the user's, the largest first: filled tables and materialized views with their values out of line, and the indexes that the
/// server uses.
const RELATIONS: &str = "
WITH own AS (
  SELECT c.oid, c.relkind, c.reltoastrelid, n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
)
SELECT name, oid, method FROM (
  SELECT own.name, c.oid, amname AS method FROM own JOIN pg_class c ON c.oid = own.oid JOIN pg_am am ON am.oid = c.relam
  WHERE own.relkind IN ('r', 'm') AND c.relispopulated
  UNION ALL
  SELECT own.name || ' (values out of line)', t.oid, 'heap' FROM own JOIN pg_class t ON t.oid = own.reltoastrelid
  UNION ALL
  SELECT own.name, own.oid, amname FROM own JOIN pg_index ON indexrelid = own.oid JOIN pg_class c ON c.oid = own.oid JOIN pg_am am ON am.oid = c.relam
  WHERE own.relkind = 'i' AND indisvalid AND indisready
) relations WHERE method = ANY (ARRAY['heap', 'btree', 'gin']) ORDER BY pg_relation_size(oid) DESC, 1";

async fn with_functions(look: &Look<'_>, client: &Client, schema: &str) -> Result<Examined> {
    let names = "SELECT proname FROM pg_proc WHERE proname IN ('verify_heapam', 'gin_index_check')";
    let names: Result<Vec<String>> = look.ask(client, names).await?.iter().map(|row| row.try_get(0)).collect();
    let names = names?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let functions = Functions { heap: has("verify_heapam"), gin: has("gin_index_check") };
    let relations: Result<Vec<Relation>> = look.ask(client, RELATIONS).await?.iter().map(relation).collect();
    let mut relations = relations?;
    relations.retain(|relation| look.takes(&relation.name) && functions.know(relation));
    let full = look.check.amcheck == Amcheck::Full;
    let findings = look.each(&relations, |relation| statement(relation, schema, full), judge).await?;
    let mut not_tested = Vec::new();
    if !functions.heap {
        not_tested.push("pages of the restored tables: amcheck looks at them from PostgreSQL 14 on".to_owned());
    }
    Ok(Examined { looked_at: relations.len() as u64, findings, not_tested })
}

impl Functions {
    fn know(self, relation: &Relation) -> bool {
        match relation.method.as_str() {
            "heap" => self.heap,
            "gin" => self.gin,
            _ => true,
        }
    }
}

fn relation(row: &Row) -> Result<Relation> {
    Ok(Relation { name: row.try_get(0)?, oid: row.try_get(1)?, method: row.try_get(2)? })
}

/// One row: how many places are damaged, and what is the matter with one of them. Damage of an index comes as an error instead.
fn statement(relation: &Relation, schema: &str, full: bool) -> String {
    let Relation { oid, method, .. } = relation;
    match method.as_str() {
        "heap" => format!(
            "SELECT count(*), min('block ' || blkno || ': ' || msg) FROM {schema}.verify_heapam({oid}::regclass, check_toast => {full})"
        ),
        "gin" => format!("SELECT 0::bigint, NULL::text FROM (SELECT {schema}.gin_index_check({oid}::regclass)) looked"),
        _ if full => format!(
            "SELECT 0::bigint, NULL::text FROM (SELECT {schema}.bt_index_parent_check({oid}::regclass, true, true)) looked"
        ),
        _ => format!("SELECT 0::bigint, NULL::text FROM (SELECT {schema}.bt_index_check({oid}::regclass, true)) looked"),
    }
}

/// Errors of class XX are the server's own words for damaged files; any other comes out of an expression in an index.
fn judge(relation: &Relation, answer: Answer) -> Result<Option<Finding>> {
    let finding = |what: String, weight| Some(Finding { name: relation.name.clone(), what, weight });
    match answer {
        Ok(rows) => {
            let Some(row) = rows.first() else { return Ok(None) };
            let (places, first): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            let places = usize::try_from(places).unwrap_or_default();
            let Some(first) = first.filter(|_| places > 0) else { return Ok(None) };
            Ok(finding(format!("{} damaged, {}", counted(places, "place"), scrub::line(&first)), Weight::Wrong))
        }
        Err(error) => match error.code() {
            Some(code) if code.code().starts_with("XX") => Ok(finding(client::message(&error), Weight::Wrong)),
            None | Some(&SqlState::QUERY_CANCELED) => Err(error),
            Some(code) if ["53", "57", "58"].iter().any(|class| code.code().starts_with(class)) => Err(error),
            Some(_) => Ok(finding(format!("it cannot be looked at: {}", client::message(&error)), Weight::Doubtful)),
        },
    }
}
