//! Rows whose foreign key points to nothing. The server looks for them only when a constraint is made, and not at all while
//! `session_replication_role` is `replica`, a trigger is disabled or the constraint is NOT VALID.

use super::{Answer, Look};
use crate::check::integrity::{Examined, Finding, Weight};
use crate::report::text::counted;
use tokio_postgres::Row;

/// Every foreign key that is not inherited by a partition. The comparison is the constraint's own, in the order of `RI_Initial_Check`
/// (`ri_triggers.c`): the operator between the two columns, under the collation of the column that it points to. A key holds for the
/// rows of its table alone, except that a partitioned table has none of its own. Periods (18) and NOT ENFORCED (18) by name only.
const FOREIGN_KEYS: &str = "
SELECT n.nspname || '.' || c.relname || '.' || con.conname,
  CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
  CASE f.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || quote_ident(fn.nspname) || '.' || quote_ident(f.relname),
  con.confmatchtype = 'f',
  ARRAY(SELECT 'c.' || quote_ident(attname) FROM unnest(con.conkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute ON attrelid = con.conrelid AND attnum = number ORDER BY place),
  ARRAY(SELECT 'p.' || quote_ident(theirs.attname) || ' OPERATOR(' || quote_ident(opn.nspname) || '.' || op.oprname || ') c.' || quote_ident(ours.attname)
          || CASE WHEN theirs.attcollation IN (0, ours.attcollation) THEN ''
             ELSE (SELECT ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(collname)
                   FROM pg_collation col JOIN pg_namespace cn ON cn.oid = collnamespace WHERE col.oid = theirs.attcollation) END
        FROM unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(ours, theirs, operator, place)
        JOIN pg_attribute ours ON ours.attrelid = con.conrelid AND ours.attnum = k.ours
        JOIN pg_attribute theirs ON theirs.attrelid = con.confrelid AND theirs.attnum = k.theirs
        JOIN pg_operator op ON op.oid = k.operator JOIN pg_namespace opn ON opn.oid = op.oprnamespace ORDER BY place),
  con.convalidated,
  coalesce(to_jsonb(con) ->> 'conperiod', 'false') = 'true',
  coalesce(to_jsonb(con) ->> 'conenforced', 'true') = 'false'
FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = con.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
WHERE con.contype = 'f' AND con.conparentid = 0 ORDER BY pg_relation_size(c.oid) DESC, 1";

struct ForeignKey {
    name: String,
    statement: String,
    validated: bool,
}

/// What becomes of a foreign key.
enum Known {
    Looked(ForeignKey),
    /// Its name, and why it is not.
    NotTested(String, &'static str),
}

pub async fn examine(look: &Look<'_>) -> Result<Examined, tokio_postgres::Error> {
    let client = look.connect().await?;
    let rows = look.ask(&client, FOREIGN_KEYS).await?;
    let (mut keys, mut not_tested) = (Vec::new(), Vec::new());
    for known in rows.iter().map(foreign_key) {
        match known? {
            Known::Looked(key) if look.takes(&key.name) => keys.push(key),
            Known::NotTested(name, why) if look.takes(&name) => {
                not_tested.push(format!("whether the foreign key {} holds: {why}", look.full(&name)));
            }
            Known::Looked(_) | Known::NotTested(..) => {}
        }
    }
    let findings = look.each(&keys, |key| key.statement.clone(), judge).await?;
    Ok(Examined { looked_at: keys.len() as u64, findings, not_tested })
}

fn foreign_key(row: &Row) -> Result<Known, tokio_postgres::Error> {
    let (name, full): (String, bool) = (row.try_get(0)?, row.try_get(3)?);
    let (table, target): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let (columns, pairs): (Vec<String>, Vec<String>) = (row.try_get(4)?, row.try_get(5)?);
    let (period, not_enforced): (bool, bool) = (row.try_get(7)?, row.try_get(8)?);
    if period || not_enforced {
        let why = if period { "it is over periods of time" } else { "it is NOT ENFORCED" };
        return Ok(Known::NotTested(name, why));
    }
    let statement = statement(&table, &target, &columns, &pairs, full);
    Ok(Known::Looked(ForeignKey { name, statement, validated: row.try_get(6)? }))
}

/// Counts the rows that point to nothing. MATCH SIMPLE asks nothing of a row with a NULL in its key; MATCH FULL wants all or none.
fn statement(table: &str, target: &str, columns: &[String], pairs: &[String], full: bool) -> String {
    let each =
        |what: &str, joined: &str| columns.iter().map(|column| format!("{column} {what}")).collect::<Vec<_>>().join(joined);
    let there = format!("EXISTS (SELECT FROM {target} p WHERE {})", pairs.join(" AND "));
    let complete = each("IS NOT NULL", " AND ");
    let lost = format!("SELECT count(*) FROM {table} c WHERE {complete} AND NOT {there}");
    if !full || columns.len() < 2 {
        return lost;
    }
    // Two counts, so that the first can be one anti-join.
    let torn = format!("({}) AND ({})", each("IS NULL", " OR "), each("IS NOT NULL", " OR "));
    format!("SELECT ({lost}) + (SELECT count(*) FROM {table} c WHERE {torn})")
}

fn judge(key: &ForeignKey, answer: Answer) -> Result<Option<Finding>, tokio_postgres::Error> {
    let rows: i64 = answer?.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    if rows == 0 {
        return Ok(None);
    }
    let why = if key.validated { "" } else { ", which it may because it is NOT VALID" };
    let weight = if key.validated { Weight::Wrong } else { Weight::Doubtful };
    let rows = counted(usize::try_from(rows).unwrap_or(usize::MAX), "row");
    let what = format!("it does not hold in {rows}{why}");
    Ok(Some(Finding { name: key.name.clone(), what, weight }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_is_no_broken_key_unless_the_match_is_full() {
        let (columns, pairs) = (["c.a".to_owned(), "c.b".to_owned()], ["p.x = c.a".to_owned(), "p.y = c.b".to_owned()]);
        let simple = statement("t", "u", &columns, &pairs, false);
        let expected = "SELECT count(*) FROM t c WHERE c.a IS NOT NULL AND c.b IS NOT NULL AND NOT \
                        EXISTS (SELECT FROM u p WHERE p.x = c.a AND p.y = c.b)";
        assert_eq!(simple, expected);
        let full = statement("t", "u", &columns, &pairs, true);
        assert!(full.contains("(c.a IS NULL OR c.b IS NULL) AND (c.a IS NOT NULL OR c.b IS NOT NULL)"), "{full}");
        assert_eq!(statement("t", "u", &columns[..1], &pairs[..1], true), statement("t", "u", &columns[..1], &pairs[..1], false));
    }
}
