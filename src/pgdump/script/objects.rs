//! What a statement makes, by kind and name. Pure.

use crate::pgdump::sql::{Encoding, Qualified, Statement};

/// What a statement makes.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A kind of a restored census' inventory, and the name.
    Object(&'static str, String),
    /// A table, and whose partition it is.
    Table(String, Option<String>),
    /// A table becomes a partition of another.
    Partition(String, String),
}

/// Words that may stand between `CREATE` and what is made.
const BETWEEN: &[&str] =
    &["or", "replace", "global", "local", "temporary", "temp", "unlogged", "foreign", "recursive", "unique", "constraint"];

/// Reads a statement that has ended. `shown` gives a name with its schema.
pub fn read(statement: &Statement, shown: &impl Fn(&Qualified) -> String, encoding: Encoding) -> Option<Found> {
    if statement.is(0, "alter") {
        return alter(statement, shown, encoding);
    }
    if !statement.is(0, "create") {
        return None;
    }
    let at = BETWEEN.iter().fold(1, |at, word| at + usize::from(statement.is(at, word)));
    let name = |at: usize| statement.qualified(statement.behind(at, &["concurrently", "if", "not", "exists"]));
    let object = |kind: &'static str, at: usize| name(at).map(|(name, _)| Found::Object(kind, shown(&name)));
    let plain = |kind: &'static str, at: usize| name(at).map(|(name, _)| Found::Object(kind, encoding.decode(&name.name)));
    match () {
        () if statement.is(at, "table") => table(statement, name(at + 1)?, shown),
        () if statement.is(at, "view") => object("views", at + 1),
        () if statement.is(at, "materialized") => object("materialized_views", at + 2),
        () if statement.is(at, "sequence") => object("sequences", at + 1),
        () if statement.is(at, "type") || statement.is(at, "domain") => object("types", at + 1),
        () if statement.is(at, "schema") => plain("schemas", at + 1),
        () if statement.is(at, "extension") => plain("extensions", at + 1),
        () if statement.is(at, "index") => {
            let (index, behind) = name(at + 1)?;
            let (table, _) = statement.qualified(statement.behind(behind + 1, &["only"]))?;
            let index = Qualified { schema: table.schema, name: index.name };
            statement.is(behind, "on").then(|| Found::Object("indexes", shown(&index)))
        }
        () if statement.is(at, "trigger") => of_table("triggers", statement, &name(at + 1)?.0, shown, encoding),
        () if statement.is(at, "policy") => of_table("policies", statement, &name(at + 1)?.0, shown, encoding),
        () => None,
    }
}

fn table(statement: &Statement, (name, behind): (Qualified, usize), shown: &impl Fn(&Qualified) -> String) -> Option<Found> {
    let partition = statement.is(behind, "partition") && statement.is(behind + 1, "of");
    let parent = if partition { Some(statement.qualified(behind + 2)?.0) } else { None };
    Some(Found::Table(shown(&name), parent.map(|parent| shown(&parent))))
}

/// What belongs to the table behind `ON`: `schema.table.name`.
fn of_table(
    kind: &'static str,
    statement: &Statement,
    name: &Qualified,
    shown: &impl Fn(&Qualified) -> String,
    encoding: Encoding,
) -> Option<Found> {
    let (table, _) = statement.qualified(statement.find("on")? + 1)?;
    Some(Found::Object(kind, format!("{}.{}", shown(&table), encoding.decode(&name.name))))
}

fn alter(statement: &Statement, shown: &impl Fn(&Qualified) -> String, encoding: Encoding) -> Option<Found> {
    let at = statement.behind(1, &["foreign"]);
    if !statement.is(at, "table") {
        return None;
    }
    let (table, behind) = statement.qualified(statement.behind(at + 1, &["if", "exists", "only"]))?;
    match () {
        () if statement.is(behind, "attach") && statement.is(behind + 1, "partition") => {
            let (partition, _) = statement.qualified(behind + 2)?;
            Some(Found::Partition(shown(&partition), shown(&table)))
        }
        () if statement.is(behind, "add") && statement.is(behind + 1, "constraint") => {
            let name = statement.name(behind + 2)?;
            // NOT NULL is not among the constraints of an inventory.
            let counts = !statement.is(behind + 3, "not");
            counts.then(|| Found::Object("constraints", format!("{}.{}", shown(&table), encoding.decode(&name))))
        }
        () => {
            let sequence =
                (behind..statement.pieces().len()).find(|at| statement.is(*at, "sequence") && statement.is(at + 1, "name"))?;
            let (name, _) = statement.qualified(sequence + 2)?;
            Some(Found::Object("sequences", shown(&name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgdump::sql::{Lexer, Token};

    fn found(script: &str) -> Option<Found> {
        let (mut statement, mut found) = (Statement::default(), None);
        let shown = |name: &Qualified| {
            let schema = name.schema.as_deref().unwrap_or(b"public");
            format!("{}.{}", String::from_utf8_lossy(schema), String::from_utf8_lossy(&name.name))
        };
        Lexer::default().push(script.as_bytes(), &mut |token, place| match token {
            Token::End => found = read(&statement, &shown, Encoding::Utf8),
            token => statement.take(&token, &place),
        });
        found
    }

    #[test]
    fn every_kind_is_understood() {
        let object = |kind: &'static str, name: &str| Some(Found::Object(kind, name.to_owned()));
        let table = |name: &str, parent: Option<&str>| Some(Found::Table(name.to_owned(), parent.map(str::to_owned)));
        for (script, expected) in [
            ("CREATE TABLE s.\"a.b\" (id integer);", table("s.a.b", None)),
            ("CREATE UNLOGGED TABLE IF NOT EXISTS T ();", table("public.t", None)),
            ("CREATE FOREIGN TABLE s.t () SERVER x;", table("s.t", None)),
            ("CREATE TABLE s.p PARTITION OF s.t FOR VALUES IN (1);", table("s.p", Some("s.t"))),
            ("CREATE VIEW s.v AS SELECT 1;", object("views", "s.v")),
            ("CREATE OR REPLACE VIEW s.v AS SELECT 1;", object("views", "s.v")),
            ("CREATE MATERIALIZED VIEW s.m AS SELECT 1;", object("materialized_views", "s.m")),
            ("CREATE SEQUENCE s.q START WITH 1;", object("sequences", "s.q")),
            ("CREATE TYPE s.e AS ENUM ('a');", object("types", "s.e")),
            ("CREATE DOMAIN s.d AS integer;", object("types", "s.d")),
            ("CREATE SCHEMA \"Ü 1\";", object("schemas", "Ü 1")),
            ("CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA s;", object("extensions", "citext")),
            ("CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a);", object("indexes", "s.i")),
            ("CREATE TRIGGER g BEFORE UPDATE OF a, b ON s.t FOR EACH ROW EXECUTE FUNCTION f();", object("triggers", "s.t.g")),
            ("CREATE CONSTRAINT TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f();", object("triggers", "s.t.g")),
            ("CREATE POLICY \"p q\" ON s.t FOR SELECT USING (true);", object("policies", "s.t.p q")),
            ("ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (id);", object("constraints", "s.t.c")),
            ("ALTER TABLE s.t ADD CONSTRAINT c NOT NULL id NOT VALID;", None),
            (
                "ALTER TABLE s.t ALTER COLUMN i ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s.q START WITH 1);",
                object("sequences", "s.q"),
            ),
            ("ALTER TABLE ONLY s.t ATTACH PARTITION s.p DEFAULT;", Some(Found::Partition("s.p".into(), "s.t".into()))),
            ("ALTER INDEX s.i ATTACH PARTITION s.j;", None),
            ("ALTER DOMAIN s.d ADD CONSTRAINT c CHECK (true);", None),
            ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();", None),
            ("CREATE USER MAPPING FOR a SERVER b;", None),
        ] {
            assert_eq!(found(script), expected, "{script}");
        }
    }
}
