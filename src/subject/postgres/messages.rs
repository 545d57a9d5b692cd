//! The messages of `pg_restore` and `psql`: several lines of standard error that belong together. Pure.

use super::scrub;
use regex::Regex;
use std::sync::LazyLock;

/// How bad a message is by its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something did not work.
    Error,
    /// Something may not be as it should.
    Warning,
    /// Something to know.
    Note,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How bad it is.
    pub level: Level,
    /// The server says it, and the tool only hands it on.
    pub by_server: bool,
    /// Its first line without the tool's name, values left out.
    pub text: String,
    /// What the server or the tool adds to it, values left out: the rest of a statement or of a row could say anything.
    details: Vec<String>,
    /// Its lines for the report, values left out.
    pub lines: Vec<String>,
}

/// `psql:FILE:LINE: LEVEL:  text`, `pg_restore: LEVEL: text`.
static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    let tool = r"^(?:(?P<psql>psql):.*:(?P<line>[0-9]+)|(?P<tool>psql|pg_restore)): ";
    let level = "(?P<level>error|warning|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|LOG|DEBUG)";
    Regex::new(&format!("{tool}(?:{level}:  ?)?(?P<text>.*)$")).expect("a valid pattern")
});

impl Message {
    /// Whether the message or one of its details contains this. `…` stands for anything.
    #[must_use]
    pub fn says(&self, sign: &str) -> bool {
        std::iter::once(&self.text).chain(&self.details).any(|line| contains(line, sign))
    }

    /// Its first line for people: without the tool's and the server's prefixes, values left out.
    #[must_use]
    pub fn headline(&self) -> String {
        let text = &self.text;
        let server = text.split("ERROR:  ").last().unwrap_or(text);
        let table = text.strip_prefix("COPY failed for table ").and_then(|rest| rest.split(": ").next());
        table.map_or_else(|| server.to_owned(), |table| format!("table {table}: {server}"))
    }
}

fn contains(line: &str, sign: &str) -> bool {
    let mut rest = Some(line);
    for part in sign.split('…') {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, after)| after);
    }
    rest.is_some()
}

/// Puts the lines of standard error together to messages.
#[must_use]
pub fn read(lines: &[String]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    // `pg_restore: from TOC entry ...` comes before the message that it belongs to.
    let mut before: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        if let Some(mut message) = head(line) {
            message.lines.splice(0..0, before.drain(..));
            messages.push(message);
        } else if line.starts_with("pg_restore: ") && !is_detail(line) {
            before.push(line.clone());
        } else if let Some(message) = messages.last_mut() {
            message.more(line);
        } else {
            messages.push(loose(line));
        }
    }
    messages
}

fn head(line: &str) -> Option<Message> {
    let found = HEAD.captures(line)?;
    let word = match (found.name("level"), found.name("tool")) {
        (Some(level), _) => level.as_str(),
        // Only psql leaves the word out, when the connection breaks.
        (None, None) => "error",
        (None, Some(_)) => return None,
    };
    let (level, text) = (level_of(word), found.name("text")?.as_str());
    let shown = match found.name("line") {
        Some(number) => format!("psql: line {}: {word}: {text}", number.as_str()),
        None => line.to_owned(),
    };
    // psql hands the server's words on in capitals; pg_restore says what it was doing before them.
    let by_server = word.starts_with(char::is_uppercase) || text.contains("ERROR:  ");
    Some(Message { level, by_server, text: scrub::line(text), details: Vec::new(), lines: vec![scrub::line(&shown)] })
}

fn level_of(word: &str) -> Level {
    match word {
        "warning" | "WARNING" => Level::Warning,
        "NOTICE" | "INFO" | "LOG" | "DEBUG" => Level::Note,
        _ => Level::Error,
    }
}

fn is_detail(line: &str) -> bool {
    ["pg_restore: detail:", "pg_restore: hint:"].iter().any(|start| line.starts_with(start))
}

/// A line before any message: of the loader, of a library.
fn loose(line: &str) -> Message {
    Message {
        level: Level::Error,
        by_server: false,
        text: scrub::line(line),
        details: Vec::new(),
        lines: vec![scrub::line(line)],
    }
}

impl Message {
    fn more(&mut self, line: &str) {
        let shown = scrub::line(line);
        let of_the_server = ["PANIC:", "FATAL:", "WARNING:"].iter().any(|label| line.starts_with(label));
        if is_detail(line) || of_the_server || line.starts_with('\t') || ["DETAIL:", "HINT:"].iter().any(|l| line.starts_with(l))
        {
            self.details.push(shown.clone());
            self.lines.push(shown);
        } else if ["CONTEXT:", "LINE ", "QUERY:", "STATEMENT:", "Command was:"].iter().any(|label| line.starts_with(label)) {
            self.lines.push(shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_messages() {
        let lines = "pg_restore: while PROCESSING TOC:\n\
                     pg_restore: from TOC entry 2; 3079 16385 EXTENSION postgis (no owner)\n\
                     pg_restore: error: could not execute query: ERROR:  extension \"postgis\" is not available\n\
                     DETAIL:  Could not open extension control file \"/x/postgis.control\": No such file or directory.\n\
                     Command was: CREATE EXTENSION IF NOT EXISTS postgis\n    WITH SCHEMA public;\n\n\n\
                     pg_restore: warning: errors ignored on restore: 1";
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        let messages = read(&lines);
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].headline(), "extension \"postgis\" is not available");
        assert_eq!(messages[0].lines.len(), 5, "{:?}", messages[0].lines);
        assert_eq!(messages[1].level, Level::Warning);
    }

    #[test]
    fn a_file_name_is_not_shown_and_its_line_is() {
        let line = "psql:/var/tmp/a: b:3: c.sql:42: ERROR:  relation \"x\" does not exist".to_owned();
        let messages = read(&[line, "LINE 1: SELECT 'Ann'".into(), "        ^".into()]);
        assert_eq!(messages[0].lines, ["psql: line 42: ERROR: relation \"x\" does not exist", "LINE 1: (left out)"]);
    }

    #[test]
    fn a_failed_copy_names_its_table() {
        let line = r#"pg_restore: error: COPY failed for table "users": ERROR:  duplicate key value violates unique constraint "users_pkey""#;
        let headline = r#"table "users": duplicate key value violates unique constraint "users_pkey""#;
        assert_eq!(read(&[line.to_owned()])[0].headline(), headline);
    }
}
