//! Counts the rows of `INSERT` statements, as `pg_dump --inserts`, `--column-inserts` and `--rows-per-insert` write them. Pure.

use super::lexer::Lexer;
use super::token::{Open, Token};
use crate::pgdump::{Cause, Damage};

/// Counts the rows of one statement, token by token.
#[derive(Debug, Default)]
pub struct Tuples {
    state: State,
    depth: u32,
    rows: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    #[default]
    New,
    /// Before `VALUES`.
    Head,
    /// Behind `DEFAULT`.
    Default,
    Values,
    /// Behind the rows, at `ON CONFLICT`; or where rows come from a query.
    Behind,
    /// Its rows cannot be counted: they come from a query.
    Uncounted,
    /// It is no `INSERT`.
    Other,
}

impl Tuples {
    /// Takes the next token of the statement.
    pub fn take(&mut self, token: &Token) {
        match token {
            Token::Sign(b'(') => {
                self.rows += u64::from(self.depth == 0 && self.state == State::Values);
                self.depth = self.depth.saturating_add(1);
            }
            Token::Sign(b')') => self.depth = self.depth.saturating_sub(1),
            Token::Word(word) if self.depth == 0 => self.word(word),
            Token::Text(_) | Token::Name(_) if self.state == State::New => self.state = State::Other,
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8]) {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        self.state = match self.state {
            State::New if is("insert") => State::Head,
            State::New => State::Other,
            State::Head if is("default") => State::Default,
            State::Head | State::Default if is("values") => {
                self.rows += u64::from(self.state == State::Default);
                State::Values
            }
            State::Head if is("select") || is("with") || is("table") => State::Uncounted,
            State::Values => State::Behind,
            other => other,
        }
    }

    /// Whether it is an `INSERT`, as far as it was read.
    #[must_use]
    pub const fn is_insert(&self) -> bool {
        !matches!(self.state, State::New | State::Other)
    }

    /// Whether the statement was read up to its columns or rows.
    #[must_use]
    pub const fn is_past_table(&self) -> bool {
        self.is_insert() && (self.depth > 0 || matches!(self.state, State::Values | State::Behind | State::Uncounted))
    }

    /// How many rows the statement has; `None`: it does not say.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        (self.is_insert() && self.state != State::Uncounted).then_some(self.rows)
    }
}

/// Counts the rows of all `INSERT` statements in a stream.
#[derive(Debug, Default)]
pub struct InsertCounter {
    lexer: Lexer,
    statement: Tuples,
    begun: bool,
    rows: u64,
    bytes: u64,
}

impl InsertCounter {
    /// A counter that has read nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next bytes, wherever they were cut.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let Self { lexer, statement, begun, rows, .. } = self;
        lexer.push(bytes, &mut |token, _| match token {
            Token::End => {
                *rows += std::mem::take(statement).rows().unwrap_or_default();
                *begun = false;
            }
            Token::Comment(_) | Token::Encoding(_) => {}
            token => {
                statement.take(&token);
                *begun = true;
            }
        });
    }

    /// The number of rows.
    ///
    /// # Errors
    /// The stream ends within a statement.
    pub fn finish(mut self) -> Result<u64, Damage> {
        let Self { lexer, begun, .. } = &mut self;
        lexer.finish(&mut |token, _| *begun |= !matches!(token, Token::Comment(_) | Token::Encoding(_)));
        if self.begun || self.lexer.open() != Open::Nothing {
            let what = "the rows end in the middle of an INSERT".to_owned();
            return Err(Damage { at: self.bytes, what, cause: Cause::Cut });
        }
        Ok(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(pieces: &[&[u8]]) -> Option<u64> {
        let mut counter = InsertCounter::new();
        for piece in pieces {
            counter.push(piece);
        }
        counter.finish().ok()
    }

    #[test]
    fn every_way_to_write_a_row_is_counted() {
        for (script, rows) in [
            ("", 0),
            ("\n\n", 0),
            ("INSERT INTO t VALUES (1, 'a;(b', f(2));\n", 1),
            ("INSERT INTO s.\"values\" (a, \"b)\") OVERRIDING SYSTEM VALUE VALUES\n\t(1, 2),\n\t(3, '(')\n\t;", 2),
            ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING;INSERT INTO t VALUES (2), (3);", 3),
            ("INSERT INTO t DEFAULT VALUES;\nINSERT INTO t DEFAULT VALUES;\n\n\n", 2),
            ("SELECT (1); UPDATE t SET (a) = (1); (VALUES (1));", 0),
            ("insert into t select (1);", 0),
            ("-- INSERT INTO t VALUES (1);\n", 0),
        ] {
            assert_eq!(count(&[script.as_bytes()]), Some(rows), "{script}");
        }
    }

    #[test]
    fn a_stream_must_not_end_within_a_statement() {
        let script = b"INSERT INTO t VALUES (1, 'a', E'\\'', $$b$$);";
        for cut in 1..script.len() {
            assert_eq!(count(&[&script[..cut]]), None, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(tuples in prop::collection::vec(r"\([a-z0-9, ()]{0,9}'[a-z();]{0,5}'\)", 1..9), cut in 0usize..90) {
            // Parentheses outside of quotes must be balanced, as they always are.
            let tuples: Vec<_> = tuples.into_iter().map(|it| it.replacen(['(', ')'], "", it.len())).map(|it| format!("({it})")).collect();
            let script = format!("INSERT INTO t VALUES {};", tuples.join(","));
            let (first, second) = script.as_bytes().split_at(cut.min(script.len()));
            prop_assert_eq!(count(&[first, second]), Some(tuples.len() as u64));
        }
    }
}
