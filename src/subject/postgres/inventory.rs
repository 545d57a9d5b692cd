//! What a restored database holds besides rows: counted and named by kind.

use crate::census::Inventory;
use crate::subject::Wanted;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Kinds that are always told, so that a check on them finds 0 instead of nothing.
const KINDS: [&str; 12] = [
    "constraints",
    "extensions",
    "functions",
    "indexes",
    "large_objects",
    "materialized_views",
    "policies",
    "schemas",
    "sequences",
    "triggers",
    "types",
    "views",
];

/// Kind and name of everything that is neither the system's nor an extension's. `plpgsql` comes with every database.
/// Constraints without NOT NULL (they have a name of their own from `PostgreSQL` 18 on) and constraint triggers.
const INVENTORY: &str = "
WITH own AS (
  SELECT oid, nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
), foreign_to_us AS (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), classes AS (
  SELECT c.oid, c.relkind, own.nspname || '.' || c.relname AS name FROM pg_class c JOIN own ON own.oid = c.relnamespace
  WHERE (SELECT count(*) FROM foreign_to_us f WHERE f.classid = 'pg_class'::regclass AND f.objid = c.oid) = 0
)
SELECT 'schemas' AS kind, nspname::text AS name FROM own
  WHERE NOT EXISTS (SELECT FROM foreign_to_us f WHERE f.classid = 'pg_namespace'::regclass AND f.objid = own.oid)
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized_views' WHEN 'S' THEN 'sequences' ELSE 'indexes' END, name
  FROM classes WHERE relkind IN ('v', 'm', 'S', 'i', 'I')
UNION ALL
SELECT 'constraints', classes.name || '.' || conname FROM pg_constraint JOIN classes ON classes.oid = conrelid
  WHERE contype NOT IN ('n', 't')
UNION ALL
SELECT 'triggers', classes.name || '.' || tgname FROM pg_trigger JOIN classes ON classes.oid = tgrelid WHERE NOT tgisinternal
UNION ALL
SELECT 'policies', classes.name || '.' || polname FROM pg_policy JOIN classes ON classes.oid = polrelid
UNION ALL
SELECT 'functions', own.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
  FROM pg_proc p JOIN own ON own.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM foreign_to_us f WHERE f.classid = 'pg_proc'::regclass AND f.objid = p.oid)
UNION ALL
SELECT 'types', own.nspname || '.' || t.typname
  FROM pg_type t JOIN own ON own.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'b' AND t.typelem = 0) OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM foreign_to_us f WHERE f.classid = 'pg_type'::regclass AND f.objid = t.oid)
UNION ALL
SELECT 'extensions', extname::text FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'time_columns', classes.name || '.' || a.attname FROM pg_attribute a JOIN classes ON classes.oid = a.attrelid
  WHERE classes.name = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype)
ORDER BY 1, 2";

/// Reads the inventory, in the order of the kinds. When times are wanted, `time_columns` names what the wanted tables have,
/// so that a check on a column that is not there can say which ones are.
pub async fn read(client: &Client, wanted: &Wanted) -> Result<Vec<Inventory>, tokio_postgres::Error> {
    let groups: Vec<&str> = wanted.newest.iter().map(|(group, _)| group.as_str()).collect();
    let mut kinds: BTreeMap<String, Vec<String>> = KINDS.iter().map(|kind| ((*kind).to_owned(), Vec::new())).collect();
    for row in client.query(INVENTORY, &[&groups]).await? {
        kinds.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    let large_objects: i64 = client.query_one("SELECT count(*) FROM pg_largeobject_metadata", &[]).await?.try_get(0)?;
    let inventory = |(kind, members): (String, Vec<String>)| {
        // Numbers are no names: large objects are only counted.
        let count = if kind == "large_objects" { large_objects.unsigned_abs() } else { members.len() as u64 };
        Inventory { kind, count, members }
    };
    Ok(kinds.into_iter().map(inventory).collect())
}
