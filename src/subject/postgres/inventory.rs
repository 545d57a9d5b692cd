//! What a restored database holds besides rows: counted and named by kind.
//!
//! # Names
//!
//! They are made so that a dump's table of contents says the same ones (`ArchiveEntry` calls in `pg_dump.c`), unquoted:
//!
//! - `schema.name` for what lies in a schema; `name` alone for what does not (`schemas`, `extensions`, `servers` ...);
//! - `schema.table.name` for what belongs to a table: `constraints`, `triggers`, `policies`, `rules`, and `defaults` by their
//!   column. A domain's constraints are `schema.domain.name`. `indexes` lie in a schema: `schema.index`;
//! - `schema.name(type, type)` for `functions` (with procedures and aggregates): the types of the input arguments by
//!   `format_type` under an empty `search_path`, as `format_function_signature` writes a tag; an aggregate without any is `name(*)`;
//! - `CAST (from AS to)` for casts, the types written in the same way. An operator is only its name, as in its tag.
//!
//! # A restored inventory holds at least what its dump names
//!
//! It may hold more, because a dump has no entry of its own for what comes with another one: checks that stand in their table's
//! definition, the index behind a constraint, constraints and triggers that partitions inherit, the sequence of an identity column before
//! 17. So a name that the dump has and the restored side lacks was lost, and the opposite says nothing.
//!
//! A dump's entries that are no names here: data (`TABLE DATA`, `SEQUENCE SET`, `BLOBS`, `MATERIALIZED VIEW DATA`, `STATISTICS DATA`),
//! statements about something that is named already (`TABLE ATTACH`, `INDEX ATTACH`, `SEQUENCE OWNED BY`, `COMMENT`, `SECURITY LABEL`, `ACL`,
//! `DEFAULT ACL`, `PUBLICATION TABLE`), `TRANSFORM`, `USER MAPPING`, and what is about the whole dump (`ENCODING`, `STDSTRINGS`,
//! `SEARCHPATH`, `DATABASE`). Large objects are counted, not named. `plpgsql` comes with every database.

use crate::census::Inventory;
use crate::subject::Wanted;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Kinds that are always told, so that a check on them finds 0 instead of nothing.
const KINDS: [&str; 16] = [
    "constraints",
    "extensions",
    "foreign_tables",
    "functions",
    "indexes",
    "large_objects",
    "materialized_views",
    "policies",
    "rules",
    "schemas",
    "sequences",
    "tables",
    "triggers",
    "types",
    "uncounted_tables",
    "views",
];

/// Kind and name of everything that is neither the system's (below object number 16384, or in a schema of its) nor an
/// extension's; `classid` and `oid` are of the thing that an extension would own.
/// - A NOT NULL is a constraint from `PostgreSQL` 18 on, and an entry of its own only while it is not validated.
/// - The triggers that enforce constraints have one; clones on partitions are internal before `PostgreSQL` 15 and have none.
/// - The constructors of a range type are made with it.
/// - Base types except arrays; a multirange comes with its range; the row type of a table is no type of its own.
const INVENTORY: &str = "
WITH own AS (
  SELECT oid, nspname::text AS schema FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
), classes AS (
  SELECT c.oid, c.relkind, c.relrowsecurity, own.schema || '.' || c.relname AS name
  FROM pg_class c JOIN own ON own.oid = c.relnamespace WHERE c.relpersistence <> 't'
), things(kind, classid, oid, name) AS (
  SELECT 'schemas', 'pg_namespace'::regclass, oid, schema FROM own
  UNION ALL
  SELECT CASE relkind WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized_views' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'foreign_tables'
                      WHEN 'i' THEN 'indexes' WHEN 'I' THEN 'indexes' ELSE 'tables' END, 'pg_class'::regclass, oid, name
  FROM classes WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')
  UNION ALL
  SELECT 'row_security', 'pg_class'::regclass, oid, name FROM classes WHERE relrowsecurity
  UNION ALL
  SELECT 'constraints', 'pg_class'::regclass, classes.oid, name || '.' || conname FROM pg_constraint JOIN classes ON classes.oid = conrelid
  WHERE contype NOT IN ('n', 't') OR (contype = 'n' AND NOT convalidated)
  UNION ALL
  SELECT 'constraints', 'pg_type'::regclass, t.oid, schema || '.' || t.typname || '.' || conname
  FROM pg_constraint JOIN pg_type t ON t.oid = contypid JOIN own ON own.oid = t.typnamespace WHERE contype <> 'n'
  UNION ALL
  SELECT 'triggers', 'pg_class'::regclass, classes.oid, name || '.' || tgname FROM pg_trigger JOIN classes ON classes.oid = tgrelid
  WHERE NOT tgisinternal OR tgconstraint = 0
  UNION ALL
  SELECT 'rules', 'pg_class'::regclass, classes.oid, name || '.' || rulename FROM pg_rewrite JOIN classes ON classes.oid = ev_class
  WHERE rulename <> '_RETURN'
  UNION ALL
  SELECT 'policies', 'pg_class'::regclass, classes.oid, name || '.' || polname FROM pg_policy JOIN classes ON classes.oid = polrelid
  UNION ALL
  SELECT 'defaults', 'pg_class'::regclass, classes.oid, name || '.' || attname FROM pg_attrdef JOIN classes ON classes.oid = adrelid
  JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
  UNION ALL
  SELECT 'functions', 'pg_proc'::regclass, p.oid, schema || '.' || p.proname || '(' || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*' ELSE
    array_to_string(ARRAY(SELECT format_type(arg, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a(arg, place) ORDER BY place), ', ') END || ')'
  FROM pg_proc p JOIN own ON own.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
  UNION ALL
  SELECT 'types', 'pg_type'::regclass, t.oid, schema || '.' || t.typname
  FROM pg_type t JOIN own ON own.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.typtype IN ('e', 'd', 'r', 'p') OR c.relkind = 'c'
     OR (t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid))
  UNION ALL
  SELECT 'collations', 'pg_collation'::regclass, c.oid, schema || '.' || collname FROM pg_collation c JOIN own ON own.oid = collnamespace
  UNION ALL
  SELECT 'conversions', 'pg_conversion'::regclass, c.oid, schema || '.' || conname FROM pg_conversion c JOIN own ON own.oid = connamespace
  UNION ALL
  SELECT 'operators', 'pg_operator'::regclass, o.oid, schema || '.' || oprname FROM pg_operator o JOIN own ON own.oid = oprnamespace
  UNION ALL
  SELECT 'operator_classes', 'pg_opclass'::regclass, o.oid, schema || '.' || opcname FROM pg_opclass o JOIN own ON own.oid = opcnamespace
  UNION ALL
  SELECT 'operator_families', 'pg_opfamily'::regclass, o.oid, schema || '.' || opfname FROM pg_opfamily o JOIN own ON own.oid = opfnamespace
  UNION ALL
  SELECT 'statistics', 'pg_statistic_ext'::regclass, s.oid, schema || '.' || stxname FROM pg_statistic_ext s JOIN own ON own.oid = stxnamespace
  UNION ALL
  SELECT 'text_search_configurations', 'pg_ts_config'::regclass, t.oid, schema || '.' || cfgname FROM pg_ts_config t JOIN own ON own.oid = cfgnamespace
  UNION ALL
  SELECT 'text_search_dictionaries', 'pg_ts_dict'::regclass, t.oid, schema || '.' || dictname FROM pg_ts_dict t JOIN own ON own.oid = dictnamespace
  UNION ALL
  SELECT 'text_search_parsers', 'pg_ts_parser'::regclass, t.oid, schema || '.' || prsname FROM pg_ts_parser t JOIN own ON own.oid = prsnamespace
  UNION ALL
  SELECT 'text_search_templates', 'pg_ts_template'::regclass, t.oid, schema || '.' || tmplname FROM pg_ts_template t JOIN own ON own.oid = tmplnamespace
  UNION ALL
  SELECT 'casts', 'pg_cast'::regclass, oid, 'CAST (' || format_type(castsource, NULL) || ' AS ' || format_type(casttarget, NULL) || ')'
  FROM pg_cast WHERE oid >= 16384
  UNION ALL
  SELECT 'languages', 'pg_language'::regclass, oid, lanname FROM pg_language WHERE oid >= 16384
  UNION ALL
  SELECT 'access_methods', 'pg_am'::regclass, oid, amname FROM pg_am WHERE oid >= 16384
  UNION ALL
  SELECT 'event_triggers', 'pg_event_trigger'::regclass, oid, evtname FROM pg_event_trigger
  UNION ALL
  SELECT 'foreign_data_wrappers', 'pg_foreign_data_wrapper'::regclass, oid, fdwname FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'servers', 'pg_foreign_server'::regclass, oid, srvname FROM pg_foreign_server
  UNION ALL
  SELECT 'publications', 'pg_publication'::regclass, oid, pubname FROM pg_publication
  UNION ALL
  SELECT 'subscriptions', 'pg_subscription'::regclass, s.oid, subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid
  WHERE d.datname = current_database()
)
SELECT kind, name FROM things
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = things.classid AND d.objid = things.oid AND d.objsubid = 0 AND d.deptype = 'e')
UNION ALL
SELECT 'extensions', extname::text FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'uncounted_tables', n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'f' OR (c.relkind IN ('r', 'p', 'm')
  AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
UNION ALL
SELECT 'time_columns', classes.name || '.' || a.attname FROM pg_attribute a JOIN classes ON classes.oid = a.attrelid
WHERE classes.name = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype)
ORDER BY 1, 2";

/// Reads the inventory, in the order of the kinds, inside a transaction whose `search_path` it empties. When times are wanted,
/// `time_columns` names what the wanted tables have, so that a check on a column that is not there can say which ones are.
pub async fn read(client: &Client, wanted: &Wanted) -> Result<Vec<Inventory>, tokio_postgres::Error> {
    client.batch_execute("SET LOCAL search_path = ''").await?;
    let groups: Vec<&str> = wanted.newest.iter().map(|(group, _)| group.as_str()).collect();
    let mut kinds: BTreeMap<String, Vec<String>> = KINDS.iter().map(|kind| ((*kind).to_owned(), Vec::new())).collect();
    for row in client.query(INVENTORY, &[&groups]).await? {
        kinds.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    let large_objects: i64 = client.query_one("SELECT count(*) FROM pg_largeobject_metadata", &[]).await?.try_get(0)?;
    let inventory = |(kind, members): (String, Vec<String>)| {
        // Numbers are no names: large objects are only counted.
        let count = if kind == "large_objects" { large_objects.unsigned_abs() } else { members.len() as u64 };
        Inventory { kind, count, members, named_by: 0 }
    };
    Ok(kinds.into_iter().map(inventory).collect())
}
