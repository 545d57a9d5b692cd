//! Sequences behind their column: a restore that lost `setval` lets every insert meet a number that is taken.

use super::{Answer, Look};
use crate::check::integrity::{Examined, Finding, Weight};
use tokio_postgres::Row;

/// The integer columns that are filled by a sequence: identity columns, and defaults that call `nextval`. A partition's rows are its
/// root's; a sequence that begins again from its start is meant to repeat.
const SEQUENCES: &str = "
WITH used AS (
  SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype = 'i'
  UNION
  SELECT d.refobjid, adrelid, adnum FROM pg_attrdef a
  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT n.nspname || '.' || c.relname || '.' || attname,
  quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(attname),
  quote_ident(sn.nspname) || '.' || quote_ident(s.relname), seqincrement,
  EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisunique AND indnkeyatts = 1 AND indkey[0] = attnum AND indpred IS NULL)
FROM used JOIN pg_sequence ON seqrelid = used.sequence JOIN pg_class s ON s.oid = seqrelid JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class c ON c.oid = used.relation JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute ON attrelid = c.oid AND attnum = used.number
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT seqcycle AND NOT attisdropped
  AND atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
ORDER BY pg_relation_size(c.oid) DESC, 1";

struct Sequence {
    column: String,
    statement: String,
    unique: bool,
}

pub async fn examine(look: &Look<'_>) -> Result<Examined, tokio_postgres::Error> {
    let client = look.connect().await?;
    let rows = look.ask(&client, SEQUENCES).await?;
    let sequences: Result<Vec<Sequence>, _> = rows.iter().map(sequence).collect();
    let mut sequences = sequences?;
    sequences.retain(|sequence| look.takes(&sequence.column));
    let findings = look.each(&sequences, |sequence| sequence.statement.clone(), judge).await?;
    Ok(Examined { looked_at: sequences.len() as u64, findings, not_tested: Vec::new() })
}

fn sequence(row: &Row) -> Result<Sequence, tokio_postgres::Error> {
    let (table, column, name): (String, String, String) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let increment: i64 = row.try_get(4)?;
    Ok(Sequence { column: row.try_get(0)?, statement: statement(&table, &column, &name, increment), unique: row.try_get(5)? })
}

/// Whether the column reaches the sequence's next number, and whether that number is taken. The next number may not fit into a
/// bigint any more.
fn statement(table: &str, column: &str, sequence: &str, increment: i64) -> String {
    let (farthest, reaches) = if increment < 0 { ("min", "<=") } else { ("max", ">=") };
    format!(
        "SELECT coalesce((SELECT {farthest}({column}) FROM {table}) {reaches} next, false), \
                EXISTS (SELECT FROM {table} WHERE {column} = next) \
         FROM (SELECT greatest(least(CASE WHEN is_called THEN last_value::numeric + {increment} ELSE last_value END, \
                                     9223372036854775807), -9223372036854775808)::bigint AS next FROM {sequence}) s"
    )
}

fn judge(sequence: &Sequence, answer: Answer) -> Result<Option<Finding>, tokio_postgres::Error> {
    let rows = answer?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (behind, taken): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    let (what, weight) = match (behind || taken, taken && sequence.unique) {
        (false, _) => return Ok(None),
        (true, true) => ("the next number of its sequence is taken: the next insert fails", Weight::Wrong),
        (true, false) => ("its sequence is behind: numbers that it will give out are taken", Weight::Doubtful),
    };
    Ok(Some(Finding { name: sequence.column.clone(), what: what.to_owned(), weight }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_that_counts_down_is_behind_from_above() {
        let up = statement("s.t", "id", "s.q", 5);
        assert!(up.contains("max(id)") && up.contains(">= next") && up.contains("last_value::numeric + 5"), "{up}");
        let down = statement("s.t", "id", "s.q", -1);
        assert!(down.contains("min(id)") && down.contains("<= next") && down.contains("last_value::numeric + -1"), "{down}");
    }
}
