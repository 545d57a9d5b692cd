//! The aspects that the catalogue alone tells.

use super::Look;
use crate::check::integrity::{Examined, Finding, Weight};

type Result<T> = std::result::Result<T, tokio_postgres::Error>;

/// Name and state of each index: `i` for one that holds entries, `I` for the one of a partitioned table, which is valid when every
/// partition has attached its own.
const INDEXES: &str = "
SELECT n.nspname || '.' || c.relname, CASE
    WHEN indisvalid AND indisready AND indislive THEN NULL
    WHEN c.relkind = 'I' THEN 'it is not valid: an index of a partition is missing'
    WHEN NOT indislive THEN 'it is being dropped'
    WHEN NOT indisready THEN 'it is not ready: rows are not entered into it'
    ELSE 'it is not valid: queries do not use it' END,
  CASE c.relkind WHEN 'I' THEN 1 ELSE 2 END
FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1";

pub async fn indexes(look: &Look<'_>) -> Result<Examined> {
    read(look, INDEXES).await
}

/// Constraints of tables and domains that were not held against the rows. Those that partitions inherit are told at their root.
/// NOT ENFORCED is new in 18, where a NOT NULL may be NOT VALID too.
const CONSTRAINTS: &str = "
SELECT n.nspname || '.' || coalesce(c.relname, t.typname) || '.' || conname, CASE
    WHEN convalidated THEN NULL
    WHEN to_jsonb(con) ->> 'conenforced' = 'false' THEN 'it is NOT ENFORCED: nothing keeps it'
    ELSE 'it is NOT VALID: the rows that were there before it were never held against it' END, 1
FROM pg_constraint con LEFT JOIN pg_class c ON c.oid = conrelid LEFT JOIN pg_type t ON t.oid = contypid
JOIN pg_namespace n ON n.oid = connamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND contype <> 't' AND conparentid = 0
  AND (contype <> 'n' OR NOT convalidated) ORDER BY 1";

pub async fn constraints(look: &Look<'_>) -> Result<Examined> {
    read(look, CONSTRAINTS).await
}

/// Triggers of tables, by the constraint that they enforce where they do, and event triggers.
const TRIGGERS: &str = "
SELECT n.nspname || '.' || c.relname || '.' || coalesce(conname, tgname), CASE
    WHEN tgenabled NOT IN ('D', 'R') THEN NULL
    WHEN tgisinternal AND conname IS NOT NULL THEN 'the trigger that enforces it is disabled'
    WHEN tgenabled = 'R' THEN 'it fires on replicas only'
    ELSE 'it is disabled' END,
  CASE WHEN tgisinternal AND conname IS NOT NULL THEN 1 ELSE 0 END
FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint con ON con.oid = tgconstraint AND con.contype = 'f'
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
UNION
SELECT evtname, CASE evtenabled WHEN 'D' THEN 'it is disabled' WHEN 'R' THEN 'it fires on replicas only' END, 0 FROM pg_event_trigger
ORDER BY 1";

pub async fn triggers(look: &Look<'_>) -> Result<Examined> {
    read(look, TRIGGERS).await
}

const ROW_SECURITY: &str = "
SELECT n.nspname || '.' || c.relname, CASE
    WHEN NOT relrowsecurity THEN 'it has policies and its row security is off: they are not enforced'
    WHEN policies = 0 THEN 'its row security is on and it has no policy: only its owner and superusers see rows' END,
  CASE WHEN relrowsecurity THEN 0 ELSE 1 END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
LATERAL (SELECT count(*) AS policies FROM pg_policy WHERE polrelid = c.oid) p
WHERE (relrowsecurity OR policies > 0) AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1";

pub async fn row_security(look: &Look<'_>) -> Result<Examined> {
    read(look, ROW_SECURITY).await
}

/// The collations that columns and indexes use, as far as their version is recorded.
const COLLATIONS: &str = "
SELECT n.nspname || '.' || collname, CASE WHEN collversion IS DISTINCT FROM here THEN
    'it was made with version ' || collversion || ' of its library, here is ' || coalesce(here, 'none') END, 1
FROM pg_collation c JOIN pg_namespace n ON n.oid = collnamespace, LATERAL (SELECT pg_collation_actual_version(c.oid) AS here) h
WHERE collversion IS NOT NULL
  AND c.oid IN (SELECT attcollation FROM pg_attribute UNION SELECT unnest(indcollation::oid[]) FROM pg_index) ORDER BY 1";

/// The same of the database's own, which is recorded from 15 on.
const DATABASE: &str = "
SELECT 'the database', CASE WHEN datcollversion IS DISTINCT FROM here THEN
    'its default collation was made with version ' || datcollversion || ' of its library, here is ' || coalesce(here, 'none') END, 1
FROM pg_database d, LATERAL (SELECT pg_database_collation_actual_version(d.oid) AS here) h
WHERE datname = current_database() AND datcollversion IS NOT NULL";

const DATABASE_COLLATIONS_SINCE: u32 = 15;

pub async fn collations(look: &Look<'_>) -> Result<Examined> {
    let mut examined = read(look, COLLATIONS).await?;
    if look.instance.installation().major >= DATABASE_COLLATIONS_SINCE {
        let database = read(look, DATABASE).await?;
        examined.looked_at += database.looked_at;
        examined.findings.extend(database.findings);
    }
    Ok(examined)
}

/// Rows of a name, what is the matter with it if anything is, and how bad that is: 0 a note, 1 doubtful, 2 wrong.
async fn read(look: &Look<'_>, sql: &str) -> Result<Examined> {
    let client = look.connect().await?;
    let mut examined = Examined::default();
    for row in look.ask(&client, sql).await? {
        let (name, what, weight): (String, Option<String>, i32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if !look.takes(&name) {
            continue;
        }
        examined.looked_at += 1;
        let weight = match weight {
            0 => Weight::Note,
            1 => Weight::Doubtful,
            _ => Weight::Wrong,
        };
        examined.findings.extend(what.map(|what| Finding { name, what, weight }));
    }
    Ok(examined)
}
