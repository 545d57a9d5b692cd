//! The roles that a statement names. Bounded memory, whatever it holds.

use crate::pgdump::sql::Token;

/// More roles than this are not collected of one statement.
const MOST: usize = 10_000;

/// Statements that name roles.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing was read of it yet.
    #[default]
    New,
    Alter,
    AlterRole,
    DefaultPrivileges,
    /// Before `ON` or the roles: these may be privileges or roles.
    Grant,
    Revoke,
    Create,
    CreateRole,
    Database,
    Policy,
    Schema,
    UserMapping,
    Set,
    Comment,
    /// `REASSIGN OWNED BY`, `DROP OWNED BY`
    Owned,
    Drop,
    Other,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    #[default]
    Any,
    /// A role.
    Role,
    /// The role that the statement creates.
    NewRole,
    /// Perhaps a comma and another role.
    More,
}

/// The roles of the current statement, as far as it was read.
#[derive(Debug, Default)]
pub struct Mentions {
    kind: Kind,
    words: usize,
    parentheses: u32,
    before: String,
    next: Next,
    /// What a `GRANT` gives, until it is known whether these are roles.
    given: Vec<Vec<u8>>,
    named: Vec<Vec<u8>>,
}

impl Mentions {
    /// Takes a token of the statement.
    pub fn take(&mut self, token: &Token) {
        match token {
            _ if self.kind == Kind::Other => {}
            Token::Sign(b'(') => self.parentheses = self.parentheses.saturating_add(1),
            Token::Sign(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            _ if self.parentheses > 0 => {}
            Token::Sign(b',') if self.next == Next::More => self.next = Next::Role,
            // `SET role = x`, `OWNER = x`
            Token::Sign(b'=' | b',') => {}
            Token::Sign(_) => self.next = Next::Any,
            Token::Name(name) => self.name(name),
            Token::Text(text) if self.kind == Kind::Set => self.name(text),
            Token::Word(word) => self.word(&String::from_utf8_lossy(word).to_ascii_lowercase(), word),
            _ => {}
        }
    }

    /// The roles that it names and does not make, as bytes of the script. They are forgotten here.
    pub fn end(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(self).named
    }

    fn word(&mut self, word: &str, raw: &[u8]) {
        match self.next {
            // `TO GROUP x`, `SET role TO x`
            Next::Role if ["group", "to"].contains(&word) => return,
            // `ALTER ROLE ALL SET`
            Next::Role if self.kind == Kind::AlterRole && word == "all" => self.next = Next::Any,
            Next::Role if self.kind == Kind::AlterRole && word == "mapping" => {
                (self.kind, self.next) = (Kind::UserMapping, Next::Any);
            }
            Next::Role if NOBODY.contains(&word) => self.next = Next::More,
            Next::NewRole if word == "mapping" => (self.kind, self.next) = (Kind::UserMapping, Next::Any),
            Next::Role | Next::NewRole => return self.name(&raw.to_ascii_lowercase()),
            Next::Any | Next::More => {
                self.kind = kind(self.kind, self.words, word);
                self.next = next(self.kind, &self.before, word);
                self.given(word, raw);
            }
        }
        self.words = self.words.saturating_add(1);
        word.clone_into(&mut self.before);
    }

    /// `GRANT a TO b` gives roles, `GRANT a ON c TO b` privileges.
    fn given(&mut self, word: &str, raw: &[u8]) {
        match (self.kind, word) {
            (Kind::Grant, "to") | (Kind::Revoke, "from") => {
                for name in std::mem::take(&mut self.given) {
                    self.add(name);
                }
            }
            (Kind::Grant | Kind::Revoke, "on") => (self.given, self.words) = (Vec::new(), MOST),
            // `REVOKE ADMIN OPTION FOR a`
            (Kind::Revoke, "for") => self.given.clear(),
            (Kind::Grant | Kind::Revoke, _) => self.give(raw.to_ascii_lowercase()),
            _ => {}
        }
    }

    fn give(&mut self, name: Vec<u8>) {
        // Not the statement's first word, and nothing behind `ON`.
        if (1..MOST).contains(&self.words) && self.before != "with" {
            self.given.push(name);
        }
    }

    fn name(&mut self, name: &[u8]) {
        let next = std::mem::replace(&mut self.next, Next::Any);
        match (next, self.kind) {
            (Next::Role, _) => {
                self.next = Next::More;
                self.add(name.to_vec());
            }
            (Next::Any, Kind::Grant | Kind::Revoke) => self.give(name.to_vec()),
            _ => {}
        }
    }

    fn add(&mut self, name: Vec<u8>) {
        let reserved =
            name.is_empty() || name.contains(&0) || name.starts_with(b"pg_") || [&b"public"[..], b"none"].contains(&&name[..]);
        if !reserved && self.named.len() < MOST {
            self.named.push(name);
        }
    }
}

/// Words that stand where a role's name could.
const NOBODY: [&str; 8] = ["public", "current_user", "current_role", "session_user", "user", "none", "default", "authorization"];

/// What a statement is after one more word.
fn kind(kind: Kind, words: usize, word: &str) -> Kind {
    match (kind, words, word) {
        (Kind::New, _, "alter") => Kind::Alter,
        (Kind::New, _, "grant") => Kind::Grant,
        (Kind::New, _, "revoke") => Kind::Revoke,
        (Kind::New, _, "create") => Kind::Create,
        (Kind::New, _, "set") => Kind::Set,
        (Kind::New, _, "comment") => Kind::Comment,
        (Kind::New, _, "reassign") | (Kind::Drop, 1, "owned") => Kind::Owned,
        (Kind::New, _, "drop") => Kind::Drop,
        (Kind::Alter, 1, "default") => Kind::DefaultPrivileges,
        (Kind::Alter, 1, "role" | "user" | "group") => Kind::AlterRole,
        (Kind::Create, 1, "policy") => Kind::Policy,
        (Kind::Create, 1, "schema") => Kind::Schema,
        (Kind::Create, 1, "database") => Kind::Database,
        (Kind::Create, 1, "role" | "user" | "group") => Kind::CreateRole,
        (Kind::New, ..) | (Kind::Create | Kind::Drop, 1, _) => Kind::Other,
        _ => kind,
    }
}

/// What follows a word.
fn next(kind: Kind, before: &str, word: &str) -> Next {
    let role = match kind {
        Kind::Alter => (before, word) == ("owner", "to"),
        Kind::AlterRole => before == "alter",
        Kind::DefaultPrivileges => matches!((before, word), (_, "to" | "from") | ("for", "role" | "user")),
        Kind::Grant => word == "to" || (before, word) == ("granted", "by"),
        Kind::Revoke => word == "from" || (before, word) == ("granted", "by"),
        Kind::Policy => word == "to",
        Kind::Schema => word == "authorization",
        Kind::Database => word == "owner",
        Kind::UserMapping => word == "for",
        Kind::Set => matches!((before, word), ("session", "authorization") | ("set" | "session" | "local", "role")),
        Kind::Comment => (before, word) == ("on", "role"),
        Kind::Owned => (before, word) == ("owned", "by") || word == "to",
        Kind::CreateRole if before == "create" => return Next::NewRole,
        Kind::New | Kind::Create | Kind::CreateRole | Kind::Drop | Kind::Other => false,
    };
    if role { Next::Role } else { Next::Any }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgdump::sql::Lexer;
    use proptest::prelude::*;

    fn named(script: &[u8]) -> Vec<String> {
        let (mut mentions, mut all) = (Mentions::default(), Vec::new());
        Lexer::default().push(script, &mut |token, _| match token {
            Token::End => all.extend(mentions.end()),
            token => mentions.take(&token),
        });
        let mut names: Vec<_> = all.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_statement_that_names_roles_is_understood() {
        for (script, names) in [
            ("ALTER TABLE public.t OWNER TO alice;", &["alice"][..]),
            ("alter function f(a integer, owner text)\n    owner to \"The \"\"Boss\"\"; x\";", &["The \"Boss\"; x"]),
            ("ALTER LARGE OBJECT 16385 OWNER TO Alice;", &["alice"]),
            ("GRANT SELECT,INSERT(a, b) ON TABLE t TO a, \"B\" WITH GRANT OPTION;", &["B", "a"]),
            ("GRANT ALL PRIVILEGES ON SCHEMA s TO GROUP a GRANTED BY b;", &["a", "b"]),
            ("GRANT a, \"B\" TO c WITH ADMIN OPTION, INHERIT TRUE GRANTED BY d;", &["B", "a", "c", "d"]),
            ("REVOKE ADMIN OPTION FOR a FROM b;", &["a", "b"]),
            ("REVOKE ALL ON TABLE t FROM PUBLIC, a CASCADE;", &["a"]),
            ("REVOKE GRANT OPTION FOR ALL ON TABLE \"T\" FROM a GRANTED BY b;", &["a", "b"]),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE a, b IN SCHEMA s GRANT SELECT ON TABLES TO c;", &["a", "b", "c"]),
            ("ALTER DEFAULT PRIVILEGES FOR USER a REVOKE ALL ON TABLES FROM PUBLIC;", &["a"]),
            ("SET SESSION AUTHORIZATION 'it''s';", &["it's"]),
            ("SET SESSION AUTHORIZATION a; SET SESSION AUTHORIZATION DEFAULT;", &["a"]),
            ("SET ROLE a; SET LOCAL ROLE b; SET ROLE NONE; SET role TO 'c'; SET role = d;", &["a", "b", "c", "d"]),
            ("CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO a, \"b c\" USING ((x = 'to')) WITH CHECK (true);", &["a", "b c"]),
            ("CREATE SCHEMA AUTHORIZATION a; CREATE SCHEMA s AUTHORIZATION b; CREATE SCHEMA t;", &["a", "b"]),
            ("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'b');", &["a"]),
            ("CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER s; ALTER USER MAPPING FOR b SERVER s;", &["b"]),
            ("CREATE ROLE a; CREATE USER \"b\"; ALTER ROLE c WITH LOGIN; ALTER USER ALL SET x = 'y';", &["c"]),
            ("CREATE DATABASE d WITH OWNER = a ENCODING = 'UTF8'; CREATE DATABASE e OWNER b;", &["a", "b"]),
            (
                "COMMENT ON ROLE a IS 'b'; COMMENT ON TABLE role IS 'c'; REASSIGN OWNED BY d TO e; DROP OWNED BY f;",
                &["a", "d", "e", "f"],
            ),
            ("GRANT SELECT ON t TO pg_monitor, CURRENT_USER, \"public\", session_user;", &[]),
            ("ALTER /* OWNER TO x */ TABLE t -- OWNER TO y\n OWNER\nTO\n\nz\n;", &["z"]),
        ] {
            assert_eq!(named(script.as_bytes()), names, "{script}");
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
            "ALTER TABLE t RENAME TO u; ALTER TABLE t ALTER COLUMN role SET DEFAULT 'a'; SET x TO 'b'; DROP ROLE a;",
            "CREATE VIEW v AS SELECT a TO b; CREATE RULE r AS ON DELETE TO t DO INSTEAD (SELECT 1; SELECT 2);",
        ] {
            assert_eq!(named(script.as_bytes()), [""; 0], "{script}");
        }
    }

    proptest! {
        #[test]
        fn any_script_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300),
            words in r#"((ALTER|OWNER|TO|GRANT|FROM|SET|ROLE|CREATE|POLICY|USER|MAPPING|FOR|a|"b"|'c'|\$\$|\(|\)|,|;) ){0,40}"#) {
            let script = [words.as_bytes(), &bytes].concat();
            prop_assert!(named(&script).iter().all(|name| !name.is_empty() && !name.starts_with("pg_")));
        }
    }
}
