//! What the first bytes of a plain dump, or of a script by hand, say. Pure.

use super::header::{CLUSTER, DUMPED_BY, DUMPED_FROM, PLAIN, given};
use crate::subject::Facts;

/// How `pg_dump` begins a plain dump; so do the parts of a dump of a whole cluster.
const BEGIN: &str = "-- PostgreSQL database dump";
const CLUSTER_BEGIN: &str = "-- PostgreSQL database cluster dump";

/// Reads what a plain dump says of itself.
#[must_use]
pub fn facts(text: &str) -> Facts {
    let cluster = text.lines().take(20).any(|line| line.starts_with(CLUSTER_BEGIN));
    let after = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).map(|value| value.trim().to_owned());
    let from = after("-- Dumped from database version ");
    let by = after("-- Dumped by pg_dump version ");
    let format = if cluster { CLUSTER } else { PLAIN };
    Facts { format: format.to_owned(), facts: given([(DUMPED_FROM, from), (DUMPED_BY, by)]) }
}

/// Every command of `PostgreSQL` 18 by its first word (its manual, part VI, "SQL Commands"). More than dumps contain: text
/// that is wrongly taken for SQL is refused by the server as a syntax error, which speaks against the backup just as well.
const COMMANDS: &str = "ABORT ALTER ANALYSE ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE \
    DECLARE DELETE DISCARD DO DROP END EXECUTE EXPLAIN FETCH GRANT IMPORT INSERT LISTEN LOAD LOCK MERGE MOVE NOTIFY PREPARE \
    REASSIGN REFRESH REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN \
    UPDATE VACUUM VALUES WITH";

/// Commands of psql that a script can begin with.
const META_COMMANDS: &str = "! a c cd connect conninfo copy echo else encoding endif errverbose getenv H i if include \
    include_relative ir o out password prompt pset q qecho quit restrict set setenv t timing unrestrict unset warn x";

/// Text whose first statement is one of SQL's or of psql's, or a dump that its comments name.
pub fn is_sql(head: &[u8]) -> bool {
    if head.contains(&0) {
        return false;
    }
    let text = String::from_utf8_lossy(head);
    let first = first_statement(&text);
    if first.is_empty() {
        return text.contains(BEGIN) || text.contains(CLUSTER_BEGIN);
    }
    if let Some(meta) = first.strip_prefix('\\') {
        let word = meta.split_whitespace().next().unwrap_or_default();
        return META_COMMANDS.split_whitespace().any(|command| command == word);
    }
    let word = first.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    COMMANDS.split_whitespace().any(|command| command.eq_ignore_ascii_case(word))
}

/// What is left behind a byte order mark, blanks and comments.
fn first_statement(text: &str) -> &str {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        rest = match rest {
            comment if comment.starts_with("--") => comment.split_once('\n').map_or("", |(_, after)| after),
            comment if comment.starts_with("/*") => behind_comment(comment),
            empty_statement if empty_statement.starts_with(';') => empty_statement.trim_start_matches(';'),
            statement => return statement,
        }
        .trim_start();
    }
}

/// What follows a `/*` comment. They nest; nothing follows one that does not end.
fn behind_comment(text: &str) -> &str {
    let (mut rest, mut depth) = (text, 0_usize);
    while let Some(at) = rest.find(['/', '*']) {
        let (_, found) = rest.split_at(at);
        let (step, change) = match found {
            open if open.starts_with("/*") => (2, 1),
            close if close.starts_with("*/") => (2, -1),
            _ => (1, 0),
        };
        rest = found.get(step..).unwrap_or_default();
        depth = depth.saturating_add_signed(change);
        if depth == 0 {
            return rest;
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_may_begin_in_many_ways() {
        for text in [
            "SET x = 1;",
            "insert into t values (1);",
            "\\set ON_ERROR_STOP on\nSELECT 1;",
            "\\restrict abc\n",
            "\\encoding UTF8\nCREATE TABLE t ();",
            "\\! true",
            "/* by hand */ CREATE TABLE t ();",
            "/* a /* nested */ comment */\n-- and another\n\nDELETE FROM t;",
            "/**/;\nWITH x AS (SELECT 1) SELECT * FROM x;",
            "\u{feff}-- with a mark\nDO $$BEGIN END$$;",
            "\u{feff}\n\n  TRUNCATE t;",
            "ANALYZE;",
            "VACUUM;",
            "COMMENT ON TABLE t IS '';",
            "GRANT SELECT ON t TO u;",
            "REVOKE ALL ON t FROM u;",
            "LOCK t;",
            "START TRANSACTION;",
            "END;",
            "CALL p();",
            "EXPLAIN SELECT 1;",
            "REFRESH MATERIALIZED VIEW v;",
            "SECURITY LABEL ON TABLE t IS '';",
            "IMPORT FOREIGN SCHEMA s FROM SERVER f INTO t;",
            "VALUES(1);",
            "--\n-- PostgreSQL database dump\n--\n",
        ] {
            assert!(is_sql(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_script() {
        for text in [
            "",
            "hello world",
            "/* no end CREATE TABLE t ();",
            "/* body */ body { color: red }",
            "-----BEGIN CERTIFICATE-----\nMIIB",
            "pg_dump: error: SELECT",
            "SELECTED,ROWS",
            "\\begin{document}",
            "\\x41",
            "-- only a comment",
            "SELECT\0",
        ] {
            assert!(!is_sql(text.as_bytes()), "{text}");
        }
    }
}
