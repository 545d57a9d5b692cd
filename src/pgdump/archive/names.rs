//! Identifiers as `pg_dump` writes them into statements.
//!
//! `fmtId` in `string_utils.c` of `PostgreSQL` quotes whatever is not in lower case or a keyword. Which words are keywords depends on the
//! version, so that both spellings are one name here.

/// A name as it stands in quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a text names this: bare, or in quotes.
pub fn names(text: &str, name: &str) -> bool {
    text.contains(name) || (name.contains('"') && text.contains(&quoted(name)))
}

/// Whether a text names this with its schema.
pub fn names_in(text: &str, schema: &str, name: &str) -> bool {
    let (quoted_schema, quoted_name) = (quoted(schema), quoted(name));
    [schema, &quoted_schema]
        .iter()
        .any(|schema| [name, &quoted_name].iter().any(|name| text.contains(&format!("{schema}.{name}"))))
}

/// Takes one identifier off the front: unquoted, and what follows it.
pub fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

/// Takes `schema.name` off the front: unquoted, and what follows it.
pub fn qualified(text: &str) -> Option<(String, String, &str)> {
    let (schema, rest) = identifier(text)?;
    let (name, rest) = identifier(rest.strip_prefix('.')?)?;
    Some((schema, name, rest))
}

/// What a COPY statement says: where the rows go, and into how many columns.
pub struct Copy {
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// How many columns are listed. `None`: the rows have one for OIDs, too, as until `PostgreSQL` 11.
    pub columns: Option<u64>,
}

/// Reads `COPY schema.table (column, ...) FROM stdin;`.
pub fn copy(statement: &str) -> Option<Copy> {
    let (schema, table, rest) = qualified(statement.strip_prefix("COPY ")?)?;
    let mut rest = rest.trim_start();
    let mut columns = 0;
    if let Some(list) = rest.strip_prefix('(') {
        rest = list;
        loop {
            let (_, behind) = identifier(rest)?;
            columns += 1;
            match behind.strip_prefix(", ") {
                Some(more) => rest = more,
                None => break rest = behind.strip_prefix(')')?.trim_start(),
            }
        }
    }
    if rest.starts_with("WITH OIDS ") {
        return Some(Copy { schema, table, columns: None });
    }
    rest.starts_with("FROM stdin").then_some(Copy { schema, table, columns: Some(columns) })
}
