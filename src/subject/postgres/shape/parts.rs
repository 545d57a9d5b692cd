//! The catalogue queries of a shape, one part of the file each.

/// A part says for each thing: the catalogue and the number that an extension would own it by, then what it is sorted by (owner,
/// rank, place), then its kind, its name, its definition, the statement that belongs to it, and the body whose digest is shown.
/// `own` are the schemas of the user: number and quoted name. A number of a major that is not there yet is read out of the row as JSON.
pub const PARTS: [&str; 8] = [SCHEMAS, TYPES, SEQUENCES, RELATIONS, FUNCTIONS, OPERATORS, TEXT_SEARCH, OTHERS];

/// The whole query of a part. `SQL_BODY` is the body of a function that was written as SQL, which majors before 14 do not know.
pub fn query(part: &str, major: u32) -> String {
    let part = part.replace("SQL_BODY", if major >= 14 { "pg_get_function_sqlbody(p.oid)" } else { "NULL" });
    format!(
        "WITH own AS (
           SELECT oid, quote_ident(nspname) AS schema FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
         )
         SELECT kind, name, definition, statement, body
         FROM ({part}) things(classid, oid, owner, rank, place, kind, name, definition, statement, body)
         WHERE NOT EXISTS (SELECT FROM pg_depend d
           WHERE d.classid = things.classid AND d.objid = things.oid AND d.objsubid = 0 AND d.deptype = 'e')
         ORDER BY owner COLLATE \"C\", rank, place, name COLLATE \"C\""
    )
}

const SCHEMAS: &str = "
SELECT 'pg_namespace'::regclass, oid, '', 1, 0, 'schema', schema, NULL::text, NULL::text, NULL::text FROM own
UNION ALL
SELECT 0, 0, '', 2, 0, 'extension', quote_ident(extname), 'in ' || quote_ident(nspname), NULL, NULL
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'pg_collation'::regclass, c.oid, schema, 3, 0, 'collation', schema || '.' || quote_ident(collname), concat_ws(', ',
  CASE collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' WHEN 'c' THEN 'libc' ELSE 'default' END,
  'locale ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', collcollate),
  CASE WHEN NOT collisdeterministic THEN 'not deterministic' END), NULL, NULL
FROM pg_collation c JOIN own ON own.oid = collnamespace";

const TYPES: &str = "
SELECT 'pg_type'::regclass, t.oid, own.schema, 1, 0, CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, own.schema || '.' || quote_ident(t.typname),
  CASE t.typtype
    WHEN 'e' THEN 'enum (' || coalesce((SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '') || ')'
    WHEN 'd' THEN concat_ws(', ', format_type(t.typbasetype, t.typtypmod),
      (SELECT 'collate ' || quote_ident(n.nspname) || '.' || quote_ident(collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = collnamespace
       JOIN pg_type base ON base.oid = t.typbasetype WHERE c.oid = t.typcollation AND c.oid <> base.typcollation),
      'default ' || t.typdefault, CASE WHEN t.typnotnull THEN 'not null' END,
      (SELECT string_agg(quote_ident(conname) || ' ' || pg_get_constraintdef(oid), ', ' ORDER BY conname) FROM pg_constraint WHERE contypid = t.oid AND contype = 'c'))
    WHEN 'r' THEN (SELECT 'range of ' || format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid)
    WHEN 'c' THEN 'composite (' || coalesce((SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped), '') || ')'
    WHEN 'p' THEN 'shell' ELSE 'base' END, NULL::text, NULL::text
FROM pg_type t JOIN own ON own.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typtype IN ('e', 'd', 'r', 'p') OR c.relkind = 'c'
   OR (t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid))";

const SEQUENCES: &str = "
SELECT 'pg_class'::regclass, c.oid, schema, 1, 0, 'sequence', schema || '.' || quote_ident(relname), concat_ws(', ', format_type(seqtypid, NULL),
  'start ' || seqstart, 'increment ' || seqincrement, 'min ' || seqmin, 'max ' || seqmax, CASE WHEN seqcache <> 1 THEN 'cache ' || seqcache END,
  CASE WHEN seqcycle THEN 'cycle' END, CASE WHEN relpersistence = 'u' THEN 'unlogged' END,
  (SELECT 'of ' || d.refobjid::regclass || '.' || quote_ident(attname) FROM pg_depend d JOIN pg_attribute ON attrelid = d.refobjid AND attnum = d.refobjsubid
   WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)),
  NULL::text, NULL::text
FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid JOIN own ON own.oid = relnamespace WHERE relpersistence <> 't'";

/// Tables and views with everything that is theirs. The columns that a view reads are told beside its statement, because the
/// statement is told without the tables' names. What partitions inherit is told at their root.
const RELATIONS: &str = "
SELECT * FROM (
  WITH relations AS (
    SELECT c.*, schema, schema || '.' || quote_ident(relname) AS name FROM pg_class c JOIN own ON own.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'f', 'v', 'm') AND relpersistence <> 't'
  )
  SELECT 'pg_class'::regclass, c.oid, c.name, 1, 0,
    CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view' WHEN 'f' THEN 'foreign-table' ELSE 'table' END, c.name,
    concat_ws(', ', CASE relkind WHEN 'r' THEN 'ordinary' WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(c.oid) END,
      CASE WHEN relpersistence = 'u' THEN 'unlogged' END,
      (SELECT 'server ' || quote_ident(srvname) FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver WHERE ftrelid = c.oid),
      (SELECT CASE WHEN c.relispartition THEN 'partition of ' ELSE 'inherits ' END || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid),
      pg_get_expr(relpartbound, c.oid), CASE WHEN reloftype <> 0 THEN 'of ' || format_type(reloftype, NULL) END,
      'with (' || array_to_string(reloptions, ', ') || ')',
      CASE WHEN relkind IN ('v', 'm', 'f') THEN NULL WHEN relreplident = 'f' THEN 'replica identity full' WHEN relreplident = 'n' THEN 'replica identity nothing' WHEN relreplident = 'i' THEN 'replica identity by index' END,
      CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'row security for its owner' END,
      (SELECT 'reads ' || string_agg(DISTINCT d.refobjid::regclass || coalesce('.' || quote_ident(attname), ''), ' ') FROM pg_rewrite r
       JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
       LEFT JOIN pg_attribute ON attrelid = d.refobjid AND attnum = d.refobjsubid AND attnum > 0 WHERE r.ev_class = c.oid AND r.rulename = '_RETURN')),
    CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, NULL::text
  FROM relations c
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, c.name, 2, attnum, 'column', c.name || '.' || quote_ident(attname), concat_ws(', ', format_type(atttypid, atttypmod),
      (SELECT 'collate ' || quote_ident(n.nspname) || '.' || quote_ident(collname) FROM pg_collation co JOIN pg_namespace n ON n.oid = collnamespace
       WHERE co.oid = attcollation AND co.oid <> typcollation),
      CASE WHEN attnotnull THEN 'not null' END,
      CASE attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
      CASE attgenerated WHEN 's' THEN 'stored as ' WHEN 'v' THEN 'virtual as ' ELSE 'default ' END || pg_get_expr(adbin, adrelid)), NULL, NULL
  FROM relations c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped JOIN pg_type t ON t.oid = atttypid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, c.name, 3, 0, 'constraint', c.name || '.' || quote_ident(conname), pg_get_constraintdef(con.oid), NULL, NULL
  FROM relations c JOIN pg_constraint con ON conrelid = c.oid AND contype NOT IN ('n', 't') AND conparentid = 0
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, c.name, 4, 0, 'index', c.schema || '.' || quote_ident(i.relname),
    pg_get_indexdef(i.oid) || CASE WHEN indisvalid THEN '' ELSE ', invalid' END, NULL, NULL
  FROM relations c JOIN pg_index ON indrelid = c.oid JOIN pg_class i ON i.oid = indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid AND contype IN ('p', 'u', 'x'))
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, c.name, 5, 0, 'trigger', c.name || '.' || quote_ident(tgname),
    pg_get_triggerdef(t.oid) || CASE tgenabled WHEN 'D' THEN ', disabled' WHEN 'R' THEN ', on replicas' WHEN 'A' THEN ', always' ELSE '' END, NULL, NULL
  FROM relations c JOIN pg_trigger t ON tgrelid = c.oid WHERE NOT tgisinternal AND coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0'
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, c.name, 6, 0, 'rule', c.name || '.' || quote_ident(rulename), NULL, pg_get_ruledef(r.oid), NULL
  FROM relations c JOIN pg_rewrite r ON ev_class = c.oid WHERE rulename <> '_RETURN'
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, c.name, 7, 0, 'policy', c.name || '.' || quote_ident(polname), concat_ws(', ',
      CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END,
      'for ' || CASE polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
      'to ' || (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(role)) END, ' ' ORDER BY 1) FROM unnest(polroles) AS role),
      'using ' || pg_get_expr(polqual, polrelid), 'with check ' || pg_get_expr(polwithcheck, polrelid)), NULL, NULL
  FROM relations c JOIN pg_policy ON polrelid = c.oid
  UNION ALL
  SELECT 'pg_statistic_ext'::regclass, s.oid, c.name, 8, 0, 'statistics', quote_ident(n.nspname) || '.' || quote_ident(stxname), pg_get_statisticsobjdef(s.oid), NULL, NULL
  FROM relations c JOIN pg_statistic_ext s ON stxrelid = c.oid JOIN pg_namespace n ON n.oid = stxnamespace
) parts";

/// Owners and privileges are not restored, so they are not told.
const FUNCTIONS: &str = "
SELECT 'pg_proc'::regclass, p.oid, schema, 1, 0, CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
  schema || '.' || quote_ident(proname) || '(' ||
    array_to_string(ARRAY(SELECT format_type(arg, NULL) FROM unnest(proargtypes) WITH ORDINALITY AS a(arg, place) ORDER BY place), ', ') || ')',
  concat_ws(', ', 'arguments (' || nullif(pg_get_function_arguments(p.oid), '') || ')', 'returns ' || pg_get_function_result(p.oid), 'language ' || lanname,
    CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
    CASE WHEN proisstrict THEN 'strict' END, CASE WHEN prosecdef THEN 'security definer' END, CASE WHEN proleakproof THEN 'leakproof' END,
    CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' END, CASE WHEN prokind = 'w' THEN 'window' END,
    'set ' || array_to_string(proconfig, ' '),
    (SELECT concat_ws(' ', 'by', aggtransfn::regproc, 'in', format_type(aggtranstype, NULL), 'from ' || quote_literal(agginitval),
       'then ' || nullif(aggfinalfn::oid, 0)::regproc) FROM pg_aggregate WHERE aggfnoid = p.oid)),
  CASE WHEN prosrc = '' THEN SQL_BODY END, CASE WHEN prosrc <> '' AND prokind <> 'a' THEN concat(prosrc, ' ', probin) END
FROM pg_proc p JOIN own ON own.oid = pronamespace JOIN pg_language l ON l.oid = prolang
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')";

const OPERATORS: &str = "
SELECT 'pg_operator'::regclass, o.oid, schema, 1, 0, 'operator',
  schema || '.' || oprname || '(' || concat_ws(', ', CASE WHEN oprleft = 0 THEN 'none' ELSE format_type(oprleft, NULL) END, CASE WHEN oprright = 0 THEN 'none' ELSE format_type(oprright, NULL) END) || ')',
  oprcode::regproc::text, NULL::text, NULL::text FROM pg_operator o JOIN own ON own.oid = oprnamespace
UNION ALL
SELECT 'pg_opclass'::regclass, o.oid, schema, 2, 0, 'operator-class', schema || '.' || quote_ident(opcname), quote_ident(amname) || ' for ' || format_type(opcintype, NULL), NULL, NULL
FROM pg_opclass o JOIN own ON own.oid = opcnamespace JOIN pg_am am ON am.oid = opcmethod
UNION ALL
SELECT 'pg_cast'::regclass, c.oid, '', 3, 0, 'cast', format_type(castsource, NULL) || ' to ' || format_type(casttarget, NULL), concat_ws(', ',
  CASE castmethod WHEN 'i' THEN 'inout' WHEN 'b' THEN 'binary' ELSE castfunc::regprocedure::text END,
  CASE castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END), NULL, NULL FROM pg_cast c WHERE oid >= 16384
UNION ALL
SELECT 'pg_conversion'::regclass, c.oid, schema, 4, 0, 'conversion', schema || '.' || quote_ident(conname), conproc::regproc::text, NULL, NULL
FROM pg_conversion c JOIN own ON own.oid = connamespace";

const TEXT_SEARCH: &str = "
SELECT 'pg_ts_config'::regclass, c.oid, schema, 1, 0, 'text-search-configuration', schema || '.' || quote_ident(cfgname),
  (SELECT string_agg(alias || ' ' || dictionaries, ', ' ORDER BY alias) FROM (
     SELECT alias, string_agg(mapdict::regdictionary::text, ' ' ORDER BY mapseqno) AS dictionaries
     FROM pg_ts_config_map JOIN ts_token_type(cfgparser) ON tokid = maptokentype WHERE mapcfg = c.oid GROUP BY alias) maps), NULL::text, NULL::text
FROM pg_ts_config c JOIN own ON own.oid = cfgnamespace
UNION ALL
SELECT 'pg_ts_dict'::regclass, d.oid, schema, 2, 0, 'text-search-dictionary', schema || '.' || quote_ident(dictname), dictinitoption, NULL, NULL
FROM pg_ts_dict d JOIN own ON own.oid = dictnamespace";

/// What lies in no schema. Options of servers can be secret.
const OTHERS: &str = "
SELECT 'pg_event_trigger'::regclass, oid, '', 1, 0, 'event-trigger', quote_ident(evtname), concat_ws(', ', 'on ' || evtevent, 'when tag in (' || array_to_string(evttags, ', ') || ')',
  evtfoid::regproc::text, CASE evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END), NULL::text, NULL::text FROM pg_event_trigger
UNION ALL
SELECT 'pg_foreign_data_wrapper'::regclass, oid, '', 2, 0, 'foreign-data-wrapper', quote_ident(fdwname), NULL, NULL, NULL FROM pg_foreign_data_wrapper
UNION ALL
SELECT 'pg_foreign_server'::regclass, s.oid, '', 3, 0, 'server', quote_ident(srvname), 'by ' || quote_ident(fdwname), NULL, NULL
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw
UNION ALL
SELECT 'pg_language'::regclass, oid, '', 4, 0, 'language', quote_ident(lanname), NULL, NULL, NULL FROM pg_language WHERE oid >= 16384
UNION ALL
SELECT 'pg_publication'::regclass, p.oid, '', 5, 0, 'publication', quote_ident(pubname), CASE WHEN puballtables THEN 'all tables'
  ELSE (SELECT string_agg(prrelid::regclass::text, ' ' ORDER BY prrelid::regclass::text COLLATE \"C\") FROM pg_publication_rel WHERE prpubid = p.oid) END, NULL, NULL FROM pg_publication p";
