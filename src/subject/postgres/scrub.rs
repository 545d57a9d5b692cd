//! Takes values of the restored data out of the server's and the tools' messages: names, counts and positions stay.

use regex::Regex;
use std::sync::LazyLock;

const LEFT_OUT: &str = "(left out)";

/// A pattern of ours: a mistake in it shows in the tests below.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

/// `invalid input syntax for type integer: "a value"`: quoted at the end behind a colon. Names are quoted without one.
static QUOTED_VALUE: LazyLock<Regex> = LazyLock::new(|| pattern(r#": "(?s:.*)"$"#));
/// `invalid byte sequence for encoding "UTF8": 0xe9 0x20`.
static BYTES: LazyLock<Regex> = LazyLock::new(|| pattern(r": (0x[0-9a-f]{2} ?)+$"));
/// `unterminated quoted string at or near "'and all that follows`.
static NEAR: LazyLock<Regex> = LazyLock::new(|| pattern(r#" at or near "(?s:.*)$"#));
/// psql takes rows for commands once it has lost its place: `invalid command \rest of a row`.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| pattern(r"invalid command \\(?s:.*)$"));
/// `Key (id, name)=(1, Ann) already exists.`
static KEY: LazyLock<Regex> = LazyLock::new(|| pattern(r"=\((?s:.*)\)"));
/// A literal within a statement.
static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"'(?:[^']|'')*(?:'|$)"));

/// Commands that dumps contain and whose absence tells something.
const DUMP_COMMANDS: [&str; 3] = ["\\restrict", "\\unrestrict", "\\connect"];

/// One line without values.
#[must_use]
pub fn line(text: &str) -> String {
    let labelled = |label: &str| text.trim_start().strip_prefix(label).map(str::trim);
    if let Some(detail) = labelled("DETAIL:") {
        return format!("DETAIL: {}", self::detail(detail));
    }
    if let Some(context) = labelled("CONTEXT:") {
        return format!("CONTEXT: {}", self::context(context));
    }
    if let Some(command) = labelled("Command was:") {
        return format!("Command was: {}", statement(command));
    }
    for label in ["LINE ", "STATEMENT:", "QUERY:"] {
        if labelled(label).is_some() {
            return format!("{} {LEFT_OUT}", text.split_inclusive(':').next().unwrap_or(label).trim());
        }
    }
    main(text)
}

fn main(text: &str) -> String {
    let text = NEAR.replace(text, " at or near …");
    let text = QUOTED_VALUE.replace(&text, ": \"…\"");
    let text = BYTES.replace(&text, ": …");
    if DUMP_COMMANDS.iter().any(|command| text.contains(command)) {
        return text.into_owned();
    }
    COMMAND.replace(&text, "invalid command \\…").into_owned()
}

fn detail(text: &str) -> String {
    let harmless = ["Could not open extension control file", "Tablespace \"", "Kernel ", "The server "];
    if text.starts_with("Key (") {
        KEY.replace(text, "=(…)").into_owned()
    } else if harmless.iter().any(|start| text.starts_with(start)) {
        text.to_owned()
    } else {
        LEFT_OUT.to_owned()
    }
}

/// `COPY users, line 3, column age: "a value"` up to the colon.
fn context(text: &str) -> String {
    if text.starts_with("COPY ") {
        text.split(": ").next().unwrap_or(LEFT_OUT).to_owned()
    } else if text.starts_with("PL/pgSQL function ") {
        text.to_owned()
    } else {
        LEFT_OUT.to_owned()
    }
}

/// The beginning of a statement, as far as it only names things.
fn statement(text: &str) -> String {
    let names = text.split(" VALUES").next().unwrap_or_default();
    let words: Vec<&str> = names.split_whitespace().take(12).collect();
    LITERAL.replace_all(&words.join(" "), "'…'").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_and_names_stay() {
        for (text, scrubbed) in [
            (
                r#"ERROR:  invalid input syntax for type integer: "4 "Ann""#,
                r#"ERROR:  invalid input syntax for type integer: "…""#,
            ),
            (r#"ERROR:  relation "public.users" does not exist"#, r#"ERROR:  relation "public.users" does not exist"#),
            ("ERROR:  unterminated quoted string at or near \"'Ann, born", "ERROR:  unterminated quoted string at or near …"),
            (
                r#"ERROR:  invalid byte sequence for encoding "UTF8": 0xe9 0x20"#,
                r#"ERROR:  invalid byte sequence for encoding "UTF8": …"#,
            ),
            ("DETAIL:  Key (id, name)=(1, Ann (x)) already exists.", "DETAIL: Key (id, name)=(…) already exists."),
            ("DETAIL:  Failing row contains (1, Ann).", "DETAIL: (left out)"),
            ("DETAIL:  Token \"Ann\" is invalid.", "DETAIL: (left out)"),
            ("CONTEXT:  COPY users, line 3, column age: \"Ann\"", "CONTEXT: COPY users, line 3, column age"),
            ("CONTEXT:  SQL statement \"INSERT INTO t VALUES ('Ann')\"", "CONTEXT: (left out)"),
            ("LINE 12: INSERT INTO t VALUES ('Ann');", "LINE 12: (left out)"),
            ("Command was: INSERT INTO public.t VALUES (1, 'Ann');", "Command was: INSERT INTO public.t"),
            ("Command was: CREATE EXTENSION IF NOT EXISTS postgis;", "Command was: CREATE EXTENSION IF NOT EXISTS postgis;"),
            ("Command was: COMMENT ON TABLE t IS 'Ann''s", "Command was: COMMENT ON TABLE t IS '…'"),
            (r"psql:7: error: invalid command \restrict", r"psql:7: error: invalid command \restrict"),
            (r"psql:7: error: invalid command \nAnn", "psql:7: error: invalid command \\…"),
        ] {
            assert_eq!(line(text), scrubbed, "{text}");
            assert!(!line(text).contains("Ann"), "{text}");
        }
    }
}
