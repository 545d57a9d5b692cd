//! What the lexer must understand of a statement to read on: whether rows follow it, how literals are read behind it, and
//! where a function's body ends that stands outside of quotes. The same as psql's (`psqlscan.l`).

use super::encoding::Encoding;

/// What is known of the current statement.
#[derive(Debug, Default)]
pub struct Watch {
    words: usize,
    kind: Kind,
    from_stdin: bool,
    after: After,
    /// How deep in `BEGIN ATOMIC ... END` and its `CASE ... END`.
    bodies: u32,
}

/// What a statement sets for those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Whether a backslash escapes in every literal: `standard_conforming_strings` is off.
    Backslashes(bool),
    /// `client_encoding`
    Encoding(Encoding),
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    New,
    Copy,
    Set,
    Insert,
    /// `INSERT ... VALUES`
    Values,
    /// At this many words of `CREATE [OR REPLACE]`.
    Create,
    /// `CREATE FUNCTION`, `CREATE PROCEDURE`
    Routine,
    Other,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum After {
    From,
    Backslashes,
    Encoding,
    #[default]
    Other,
}

impl Watch {
    /// Whether nothing more is to be learned of this statement: most are read no further.
    pub const fn done(&self) -> bool {
        matches!(self.kind, Kind::Other)
    }

    /// Whether the rows of an `INSERT` stand in parentheses here.
    pub const fn in_values(&self) -> bool {
        matches!(self.kind, Kind::Values)
    }

    /// Whether a semicolon ends the statement here.
    pub const fn ends(&self) -> bool {
        self.bodies == 0
    }

    /// Whether rows follow the statement, which has ended.
    pub const fn rows_follow(&self) -> bool {
        matches!(self.kind, Kind::Copy) && self.from_stdin
    }

    /// Takes a word outside of parentheses.
    pub fn word(&mut self, word: &[u8]) -> Option<Setting> {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        self.words = self.words.saturating_add(1);
        match self.kind {
            Kind::New if is("copy") => self.kind = Kind::Copy,
            Kind::New if is("insert") => self.kind = Kind::Insert,
            Kind::Insert if is("values") => self.kind = Kind::Values,
            Kind::New if is("set") => self.kind = Kind::Set,
            Kind::New if is("create") => self.kind = Kind::Create,
            Kind::Create if is("function") || is("procedure") => self.kind = Kind::Routine,
            Kind::Create if self.words <= 3 && (is("or") || is("replace")) => {}
            Kind::New | Kind::Create => self.kind = Kind::Other,
            Kind::Copy => self.copy(is("from"), is("stdin")),
            Kind::Set => return self.set(word),
            Kind::Routine => self.routine(word),
            Kind::Insert | Kind::Values | Kind::Other => {}
        }
        None
    }

    /// Takes a literal.
    pub fn text(&mut self, text: &[u8]) -> Option<Setting> {
        (self.kind == Kind::Set).then(|| self.set(text)).flatten()
    }

    fn copy(&mut self, from: bool, stdin: bool) {
        self.from_stdin |= self.after == After::From && stdin;
        self.after = if from { After::From } else { After::Other };
    }

    fn set(&mut self, word: &[u8]) -> Option<Setting> {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        match self.after {
            After::Backslashes | After::Encoding if is("to") => return None,
            After::Backslashes => return Some(Setting::Backslashes(is("off") || is("false") || is("no") || is("0"))),
            After::Encoding => return Some(Setting::Encoding(Encoding::named(word))),
            After::From | After::Other => {}
        }
        self.after = match () {
            () if is("standard_conforming_strings") => After::Backslashes,
            () if is("client_encoding") || (is("names") && self.words == 2) => After::Encoding,
            () => After::Other,
        };
        if self.after == After::Other && !is("session") && !is("local") {
            self.kind = Kind::Other;
        }
        None
    }

    fn routine(&mut self, word: &[u8]) {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        if is("begin") || (is("case") && self.bodies > 0) {
            self.bodies = self.bodies.saturating_add(1);
        } else if is("end") {
            self.bodies = self.bodies.saturating_sub(1);
        }
    }
}
