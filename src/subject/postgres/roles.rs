//! The roles that a dump names. They belong to the cluster that it came from and are no part of it, so they are made
//! before it is restored: a healthy dump would stop at the first `OWNER TO`. Bounded memory, whatever the dump holds.

use super::client;
use super::lexer::{Lexer, Token};
use crate::check::{Outcome, Status};
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use tokio::io::AsyncReadExt;

/// More roles than this are not collected.
const MOST: usize = 10_000;

/// How many of them the outcome names.
const MOST_NAMED: usize = 20;

/// Longer names are cut by the server, here as in the dump (`NAMEDATALEN`).
const LONGEST: usize = 63;

/// How much of a file is read at once.
const PIECE: usize = 256 * 1024;

/// Collects the roles that a script names and does not create.
#[derive(Debug, Default)]
pub struct Roles {
    lexer: Lexer,
    statement: Statement,
    found: Found,
}

#[derive(Debug, Default)]
struct Found {
    named: BTreeSet<String>,
    created: BTreeSet<String>,
}

impl Roles {
    /// Takes in the next bytes of the script.
    pub fn push(&mut self, bytes: &[u8]) {
        let Self { lexer, statement, found } = self;
        lexer.push(bytes, &mut |token, _| statement.take(token, found));
    }

    /// The names, in order.
    #[must_use]
    pub fn into_names(self) -> Vec<String> {
        let Found { mut named, created } = self.found;
        named.retain(|name| !created.contains(name));
        named.into_iter().collect()
    }
}

/// Statements that name roles.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing was read of it yet.
    #[default]
    New,
    Alter,
    DefaultPrivileges,
    Grant,
    Revoke,
    Create,
    CreateRole,
    Policy,
    Schema,
    UserMapping,
    Set,
    Other,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    #[default]
    Any,
    /// A role.
    Role,
    /// A role that the script creates.
    NewRole,
    /// Perhaps a comma and another role.
    More,
}

/// The current statement, as far as it was read.
#[derive(Debug, Default)]
struct Statement {
    kind: Kind,
    words: usize,
    parentheses: u32,
    before: String,
    next: Next,
}

impl Statement {
    fn take(&mut self, token: Token, found: &mut Found) {
        match token {
            Token::End => *self = Self::default(),
            Token::Sign(b'(') => self.parentheses = self.parentheses.saturating_add(1),
            Token::Sign(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            _ if self.parentheses > 0 || self.kind == Kind::Other => {}
            Token::Sign(b',') if self.next == Next::More => self.next = Next::Role,
            // `SET role = x`
            Token::Sign(b'=') => {}
            Token::Sign(_) => self.next = Next::Any,
            Token::Name(name) => self.name(name, found),
            Token::Text(text) if self.kind == Kind::Set => self.name(text, found),
            Token::Text(_) => {}
            Token::Word(word) => self.word(&String::from_utf8_lossy(word).to_ascii_lowercase(), found),
        }
    }

    fn word(&mut self, word: &str, found: &mut Found) {
        match self.next {
            // `TO GROUP x`, `SET role TO x`
            Next::Role if ["group", "to"].contains(&word) => return,
            Next::Role if NOBODY.contains(&word) => self.next = Next::More,
            Next::NewRole if word == "mapping" => (self.kind, self.next) = (Kind::UserMapping, Next::Any),
            Next::Role | Next::NewRole => return self.name(word.as_bytes(), found),
            Next::Any | Next::More => {
                self.kind = kind(self.kind, self.words, word);
                self.next = next(self.kind, &self.before, word);
            }
        }
        self.words = self.words.saturating_add(1);
        word.clone_into(&mut self.before);
    }

    fn name(&mut self, name: &[u8], found: &mut Found) {
        let next = std::mem::replace(&mut self.next, Next::Any);
        let into = match next {
            Next::Role => &mut found.named,
            Next::NewRole => &mut found.created,
            Next::Any | Next::More => return,
        };
        self.next = if next == Next::Role { Next::More } else { Next::Any };
        if let Some(name) = possible(name).filter(|_| into.len() < MOST) {
            into.insert(name);
        }
    }
}

/// Words that stand where a role's name could.
const NOBODY: [&str; 8] = ["public", "current_user", "current_role", "session_user", "user", "none", "default", "authorization"];

/// A name that a role can be given.
fn possible(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let end = (0..=LONGEST.min(name.len())).rev().find(|end| name.is_char_boundary(*end))?;
    let name = name.get(..end)?;
    let reserved = name.is_empty() || name.contains('\0') || name.starts_with("pg_") || ["public", "none"].contains(&name);
    (!reserved).then(|| name.to_owned())
}

/// What a statement is after one more word.
fn kind(kind: Kind, words: usize, word: &str) -> Kind {
    match (kind, words, word) {
        (Kind::New, _, "alter") => Kind::Alter,
        (Kind::New, _, "grant") => Kind::Grant,
        (Kind::New, _, "revoke") => Kind::Revoke,
        (Kind::New, _, "create") => Kind::Create,
        (Kind::New, _, "set") => Kind::Set,
        (Kind::Alter, 1, "default") => Kind::DefaultPrivileges,
        (Kind::Create, 1, "policy") => Kind::Policy,
        (Kind::Create, 1, "schema") => Kind::Schema,
        (Kind::Create, 1, "role" | "user" | "group") => Kind::CreateRole,
        (Kind::Alter, 2, "mapping") => Kind::UserMapping,
        (Kind::New, ..) | (Kind::Create, 1, _) => Kind::Other,
        _ => kind,
    }
}

/// What follows a word.
fn next(kind: Kind, before: &str, word: &str) -> Next {
    let role = match kind {
        Kind::Alter => (before, word) == ("owner", "to"),
        Kind::DefaultPrivileges => matches!((before, word), (_, "to" | "from") | ("for", "role" | "user")),
        Kind::Grant => word == "to" || (before, word) == ("granted", "by"),
        Kind::Revoke => word == "from" || (before, word) == ("granted", "by"),
        Kind::Policy => word == "to",
        Kind::Schema => word == "authorization",
        Kind::UserMapping => word == "for",
        Kind::Set => matches!((before, word), ("session", "authorization") | ("set" | "session" | "local", "role")),
        Kind::CreateRole if before == "create" => return Next::NewRole,
        Kind::New | Kind::Create | Kind::CreateRole | Kind::Other => false,
    };
    if role { Next::Role } else { Next::Any }
}

/// The roles that the script in a file names and does not create.
///
/// # Errors
/// Harness: the file cannot be read.
pub async fn named_in(script: &Path) -> Result<Vec<String>> {
    let fail = |e: std::io::Error| Error::from(e).context(format!("cannot read {}", script.display()));
    let mut file = tokio::fs::File::open(script).await.map_err(fail)?;
    let (mut roles, mut piece) = (Roles::default(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece).await.map_err(fail)? {
            0 => return Ok(roles.into_names()),
            read => roles.push(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// Makes those of these roles that the instance does not have. The outcome names them, if there are any.
///
/// # Errors
/// Harness: the server does not do it.
pub async fn make(names: Vec<String>, instance: &Instance) -> Result<Option<Outcome>> {
    if names.is_empty() {
        return Ok(None);
    }
    let fail = |e: tokio_postgres::Error| client::harness(&e).context("cannot make the roles that the dump names");
    let client = client::connect(instance.place(), instance.password(), "postgres").await.map_err(fail)?;
    let query = "SELECT name FROM unnest($1::text[]) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles)";
    let missing = client.query(query, &[&names]).await.map_err(fail)?;
    let missing: Vec<String> = missing.iter().map(|row| row.get(0)).collect();
    client.batch_execute(&statements(&missing)).await.map_err(fail)?;
    Ok(outcome(&missing))
}

/// As powerful as the role that restores, because the dump may act as them (`SET SESSION AUTHORIZATION`) or give them what
/// only a superuser may own (an event trigger); and nobody can connect as one.
fn statements(names: &[String]) -> String {
    names.iter().fold(String::new(), |mut all, name| {
        let _ = writeln!(all, "CREATE ROLE \"{}\" SUPERUSER NOLOGIN;", name.replace('"', "\"\""));
        all
    })
}

fn outcome(names: &[String]) -> Option<Outcome> {
    let count = match names.len() {
        0 => return None,
        1 => "1 role is".to_owned(),
        n => format!("{n} roles are"),
    };
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("{count} named but not in the dump: {shown}{more}; made for this restore");
    Some(Outcome::new("roles", Status::Pass, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(script: &str) -> Vec<String> {
        let mut roles = Roles::default();
        roles.push(script.as_bytes());
        roles.into_names()
    }

    #[test]
    fn every_statement_that_names_roles_is_understood() {
        for (script, names) in [
            ("ALTER TABLE public.t OWNER TO alice;", &["alice"][..]),
            ("alter function f(a integer, owner text)\n    owner to \"The \"\"Boss\"\"; x\";", &["The \"Boss\"; x"]),
            ("ALTER LARGE OBJECT 16385 OWNER TO Alice;", &["alice"]),
            ("GRANT SELECT,INSERT(a, b) ON TABLE t TO a, \"B\" WITH GRANT OPTION;", &["B", "a"]),
            ("GRANT ALL ON SCHEMA s TO GROUP a GRANTED BY b;", &["a", "b"]),
            ("REVOKE ALL ON TABLE t FROM PUBLIC, a CASCADE;", &["a"]),
            ("REVOKE GRANT OPTION FOR ALL ON TABLE t FROM a GRANTED BY b;", &["a", "b"]),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE a, b IN SCHEMA s GRANT SELECT ON TABLES TO c;", &["a", "b", "c"]),
            ("ALTER DEFAULT PRIVILEGES FOR USER a REVOKE ALL ON TABLES FROM PUBLIC;", &["a"]),
            ("SET SESSION AUTHORIZATION 'it''s';", &["it's"]),
            ("SET SESSION AUTHORIZATION a; SET SESSION AUTHORIZATION DEFAULT;", &["a"]),
            ("SET ROLE a; SET LOCAL ROLE b; SET ROLE NONE; SET role TO 'c'; SET role = d;", &["a", "b", "c", "d"]),
            ("CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO a, \"b c\" USING ((x = 'to')) WITH CHECK (true);", &["a", "b c"]),
            ("CREATE SCHEMA AUTHORIZATION a; CREATE SCHEMA s AUTHORIZATION b; CREATE SCHEMA t;", &["a", "b"]),
            ("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'b');", &["a"]),
            ("CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER s; ALTER USER MAPPING FOR b SERVER s;", &["b"]),
            ("CREATE ROLE a; CREATE USER \"b\"; GRANT SELECT ON t TO a, b, c;", &["c"]),
            ("GRANT SELECT ON t TO pg_monitor, CURRENT_USER, \"public\", session_user;", &[]),
            ("ALTER /* OWNER TO x */ TABLE t -- OWNER TO y\n OWNER\nTO\n\nz\n;", &["z"]),
        ] {
            assert_eq!(named(script), names, "{script}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for script in [
            "CREATE FUNCTION f() RETURNS void AS $_$ ALTER TABLE t OWNER TO a; $_$ LANGUAGE sql;",
            "COMMENT ON TABLE t IS 'x; ALTER TABLE t OWNER TO a;';",
            "COPY t (a) FROM stdin;\nx;\nALTER TABLE t OWNER TO a;\nGRANT x TO y;\n\\.\n",
            "-- ALTER TABLE t OWNER TO a;\n/* SET ROLE a; */",
            "INSERT INTO t VALUES ('SET ROLE a'); SELECT 1 AS owner; UPDATE t SET role = 'a';",
            "ALTER TABLE t RENAME TO u; ALTER TABLE t ALTER COLUMN role SET DEFAULT 'a'; SET x TO 'b';",
            "CREATE VIEW v AS SELECT a TO b; CREATE RULE r AS ON DELETE TO t DO INSTEAD (SELECT 1; SELECT 2);",
        ] {
            assert_eq!(named(script), [""; 0], "{script}");
        }
    }

    #[test]
    fn a_long_name_is_cut_as_the_server_cuts_it() {
        let long = "\u{e9}".repeat(40);
        let names = named(&format!("ALTER TABLE t OWNER TO \"{long}\";"));
        assert_eq!(names, ["\u{e9}".repeat(31)]);
    }

    #[test]
    fn a_name_is_no_statement() {
        let names = ["a\"; DROP DATABASE restored; --".to_owned()];
        assert_eq!(statements(&names), "CREATE ROLE \"a\"\"; DROP DATABASE restored; --\" SUPERUSER NOLOGIN;\n");
    }

    #[test]
    fn the_outcome_names_at_most_twenty() {
        let names: Vec<String> = (0..25).map(|n| format!("r{n}")).collect();
        let message = |names: &[String]| outcome(names).map(|outcome| outcome.message);
        assert_eq!(message(&names[..0]), None);
        assert_eq!(message(&names[..1]).as_deref(), Some("1 role is named but not in the dump: r0; made for this restore"));
        let all = message(&names).expect("a message");
        assert!(all.starts_with("25 roles are named") && all.ends_with("r18, r19 and 5 more; made for this restore"), "{all}");
    }

    proptest! {
        #[test]
        fn any_script_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300),
            words in r#"((ALTER|OWNER|TO|GRANT|FROM|SET|ROLE|CREATE|POLICY|USER|MAPPING|FOR|a|"b"|'c'|\$\$|\(|\)|,|;) ){0,40}"#) {
            let mut roles = Roles::default();
            roles.push(words.as_bytes());
            roles.push(&bytes);
            for name in roles.into_names() {
                prop_assert!((1..=LONGEST).contains(&name.len()) && !name.starts_with("pg_"));
            }
        }
    }
}
