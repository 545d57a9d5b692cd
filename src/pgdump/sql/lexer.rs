//! The words of an SQL script, read in pieces of any size with bounded memory. Pure.
//!
//! It splits like psql (`psqlscan.l`): comments, quotes and dollar quotes hide what is in them, a statement ends at a
//! semicolon outside of parentheses and of `BEGIN ATOMIC`, a backslash begins a command that ends with its line, and the rows
//! that follow `COPY ... FROM stdin;` up to a line `\.` are no SQL.

use super::effect::Effect;
use super::encoding::Encoding;
use super::state::State;
use super::token::{KEPT, Open, Token};
use super::watch::{Setting, Watch};
use memchr::{memchr, memchr2, memmem};
use std::ops::Range;

/// Reads a script.
#[derive(Debug)]
pub struct Lexer {
    state: State,
    kept: Vec<u8>,
    /// The bytes before the current one, and before the current token.
    position: u64,
    start: u64,
    parentheses: u32,
    watch: Watch,
    /// `standard_conforming_strings = off`
    backslashes: bool,
    encoding: Encoding,
}

impl Default for Lexer {
    fn default() -> Self {
        Self {
            state: State::Between,
            kept: Vec::new(),
            position: 0,
            start: 0,
            parentheses: 0,
            watch: Watch::default(),
            backslashes: false,
            encoding: Encoding::Unknown,
        }
    }
}

const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// What stands in the rows of an `INSERT` besides words and quotes: it is taken without a token.
const fn means_nothing(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b',' | b'.' | b'0'..=b'9' | b':' | b'[' | b']')
}

/// How many of these bytes there are before one for which this is true; `None`: it is true for none.
type Found = Option<usize>;

impl Lexer {
    /// What would be cut if the script ended here.
    #[must_use]
    pub const fn open(&self) -> Open {
        match self.state {
            State::Quoted(..) | State::Escaped(_) | State::Dollar(_) => Open::Quote,
            State::Comment(..) => Open::Comment,
            State::BeforeRows | State::Rows(_) | State::Row => Open::Rows,
            _ if self.parentheses > 0 || !self.watch.ends() => Open::Bracket,
            _ => Open::Nothing,
        }
    }

    /// Where the token begins that the bytes so far have cut, if it is none of rows or comments.
    #[must_use]
    pub const fn begun(&self) -> Option<u64> {
        match self.state {
            State::Word
            | State::WordHalf
            | State::Quoted(..)
            | State::Escaped(_)
            | State::Quote(..)
            | State::Command
            | State::Half(_) => Some(self.start),
            _ => None,
        }
    }

    /// Takes in the next bytes, wherever they were cut, and hands out the tokens with their places in the script.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Token, Range<u64>)) {
        let mut rest = bytes;
        while let Some(byte) = rest.first() {
            let taken = self.step(*byte, rest, out);
            self.position += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Hands out the token that the end of the script ends.
    pub fn finish(&mut self, out: &mut impl FnMut(Token, Range<u64>)) {
        match self.state {
            State::Word | State::WordHalf => self.end_word(self.position, out),
            State::Quote(quote, _) => self.end_quoted(quote, out),
            State::LineComment | State::Command => self.end_line(self.position, out),
            State::Rows(2 | 3) => out(Token::RowsEnd, self.position..self.position),
            State::Half(first) => out(Token::Sign(first), self.start..self.position),
            _ => return,
        }
        self.state = State::Between;
    }

    /// Takes some bytes, of which there is at least one. 0: what they end is done, and they are still to be taken.
    fn step(&mut self, byte: u8, rest: &[u8], out: &mut impl FnMut(Token, Range<u64>)) -> usize {
        match self.state {
            State::Between if self.parentheses > 0 && self.watch.in_values() && means_nothing(byte) => {
                return rest.iter().position(|byte| !means_nothing(*byte)).unwrap_or(rest.len());
            }
            State::Between => self.begin(byte, out),
            State::Word => return self.word(rest, out),
            State::WordHalf => {
                self.keep(&[byte]);
                self.state = State::Word;
            }
            State::Quoted(quote, escapes) => return self.quoted(quote, escapes, rest),
            State::Escaped(quote) => {
                self.keep(&[byte]);
                self.state = State::Quoted(quote, true);
            }
            State::Quote(quote, escapes) if byte == quote => {
                self.keep(&[byte]);
                self.state = State::Quoted(quote, escapes);
            }
            State::Quote(quote, _) => {
                self.end_quoted(quote, out);
                return 0;
            }
            State::Half(first) => return self.second(first, byte, out),
            State::Comment(depth, before) => return self.comment(depth, before, rest),
            State::Tag => return self.tag(byte),
            State::Dollar(0) => return self.skip(memchr(b'$', rest), rest, State::Dollar(1)),
            State::Dollar(matched) => self.dollar(matched, byte),
            State::LineComment | State::Command => return self.line(rest, out),
            State::BeforeRows => return self.skip(memchr(b'\n', rest), rest, State::Rows(0)),
            State::Rows(matched) => return self.at_row(matched, byte, out),
            State::Row => return self.row(rest, out),
        }
        1
    }

    /// Takes everything up to a byte and that byte, behind which there is another state; or everything.
    fn skip(&mut self, found: Found, rest: &[u8], then: State) -> usize {
        found.map_or(rest.len(), |at| {
            self.state = then;
            at + 1
        })
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn begin(&mut self, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) {
        self.start = self.position;
        self.kept.clear();
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {}
            // A byte order mark, which psql skips too.
            _ if usize::try_from(self.position).is_ok_and(|at| b"\xef\xbb\xbf".get(at) == Some(&byte)) => {}
            b'\'' => self.state = State::Quoted(byte, self.backslashes),
            b'"' => self.state = State::Quoted(byte, false),
            b'-' | b'/' => self.state = State::Half(byte),
            b'$' => self.state = State::Tag,
            b'\\' => {
                self.keep(b"\\");
                self.state = State::Command;
            }
            b';' if self.parentheses == 0 && self.watch.ends() => self.end_statement(out),
            _ if in_word(byte) => {
                self.keep(&[byte]);
                self.state = if self.encoding.takes_next(byte) { State::WordHalf } else { State::Word };
            }
            _ => {
                match byte {
                    b'(' => self.parentheses = self.parentheses.saturating_add(1),
                    b')' => self.parentheses = self.parentheses.saturating_sub(1),
                    _ => {}
                }
                out(Token::Sign(byte), self.start..self.position + 1);
            }
        }
    }

    fn word(&mut self, rest: &[u8], out: &mut impl FnMut(Token, Range<u64>)) -> usize {
        // The second byte of a character may look like no letter.
        let special = |byte: u8| !in_word(byte) || self.encoding.takes_next(byte);
        let end = rest.iter().position(|byte| special(*byte));
        let taken = end.unwrap_or(rest.len());
        self.keep(rest.get(..taken).unwrap_or_default());
        match rest.get(taken) {
            None => {}
            Some(byte) if in_word(*byte) => {
                self.keep(&[*byte]);
                self.state = State::WordHalf;
                return taken + 1;
            }
            Some(b'\'') if self.kept.eq_ignore_ascii_case(b"e") => {
                self.kept.clear();
                self.state = State::Quoted(b'\'', true);
                return taken + 1;
            }
            Some(_) => self.end_word(self.position + taken as u64, out),
        }
        taken
    }

    fn end_word(&mut self, end: u64, out: &mut impl FnMut(Token, Range<u64>)) {
        self.state = State::Between;
        if self.parentheses == 0 && !self.watch.done() {
            let setting = self.watch.word(&self.kept);
            self.set(setting, end, out);
        }
        out(Token::Word(&self.kept), self.start..end);
    }

    fn set(&mut self, setting: Option<Setting>, at: u64, out: &mut impl FnMut(Token, Range<u64>)) {
        match setting {
            Some(Setting::Backslashes(on)) => self.backslashes = on,
            Some(Setting::Encoding(encoding)) => {
                self.encoding = encoding;
                out(Token::Encoding(encoding), at..at);
            }
            None => {}
        }
    }

    fn quoted(&mut self, quote: u8, escapes: bool, rest: &[u8]) -> usize {
        let found = match escapes {
            false => memchr(quote, rest),
            true if self.encoding.embeds_ascii() => {
                rest.iter().position(|byte| *byte == quote || *byte == b'\\' || self.encoding.takes_next(*byte))
            }
            true => memchr2(quote, b'\\', rest),
        };
        let taken = found.unwrap_or(rest.len());
        self.keep(rest.get(..taken).unwrap_or_default());
        let Some(byte) = rest.get(taken) else { return taken };
        if *byte == quote {
            self.state = State::Quote(quote, escapes);
        } else {
            self.keep(&[*byte]);
            self.state = State::Escaped(quote);
        }
        taken + 1
    }

    fn end_quoted(&mut self, quote: u8, out: &mut impl FnMut(Token, Range<u64>)) {
        self.state = State::Between;
        if quote == b'"' {
            return out(Token::Name(&self.kept), self.start..self.position);
        }
        if !self.watch.done() {
            let setting = self.watch.text(&self.kept);
            self.set(setting, self.position, out);
        }
        out(Token::Text(&self.kept), self.start..self.position);
    }

    fn second(&mut self, first: u8, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) -> usize {
        match (first, byte) {
            (b'-', b'-') => {
                self.keep(b"--");
                self.state = State::LineComment;
            }
            (b'/', b'*') => self.state = State::Comment(1, 0),
            _ => {
                self.state = State::Between;
                out(Token::Sign(first), self.start..self.position);
                return 0;
            }
        }
        1
    }

    fn comment(&mut self, depth: u32, before: u8, rest: &[u8]) -> usize {
        let (skipped, before) = match memchr2(b'*', b'/', rest) {
            Some(0) => (0, before),
            Some(at) => (at, 0),
            None => (rest.len(), 0),
        };
        let Some(byte) = rest.get(skipped) else {
            self.state = State::Comment(depth, 0);
            return skipped;
        };
        self.state = match (before, byte) {
            (b'*', b'/') if depth == 1 => State::Between,
            (b'*', b'/') => State::Comment(depth - 1, 0),
            (b'/', b'*') => State::Comment(depth.saturating_add(1), 0),
            _ => State::Comment(depth, *byte),
        };
        skipped + 1
    }

    /// `$1` is a parameter, and a tag that is no name is none.
    fn tag(&mut self, byte: u8) -> usize {
        let first = self.kept.is_empty();
        if byte == b'$' {
            self.state = State::Dollar(0);
        } else if in_word(byte) && !(first && byte.is_ascii_digit()) && self.kept.len() < KEPT {
            self.keep(&[byte]);
        } else {
            self.state = State::Between;
            return 0;
        }
        1
    }

    /// The end is `$tag$`, and a tag holds no dollar.
    fn dollar(&mut self, matched: usize, byte: u8) {
        let expected = matched.checked_sub(1).and_then(|at| self.kept.get(at)).copied().unwrap_or(b'$');
        self.state = match byte == expected {
            true if matched == self.kept.len() + 1 => State::Between,
            true => State::Dollar(matched + 1),
            false => State::Dollar(usize::from(byte == b'$')),
        };
    }

    /// A comment or a command.
    fn line(&mut self, rest: &[u8], out: &mut impl FnMut(Token, Range<u64>)) -> usize {
        let end = memchr(b'\n', rest);
        let taken = end.unwrap_or(rest.len());
        self.keep(rest.get(..taken).unwrap_or_default());
        if end.is_none() {
            return taken;
        }
        self.end_line(self.position + taken as u64, out);
        // The line feed is white space.
        taken + 1
    }

    fn end_line(&mut self, end: u64, out: &mut impl FnMut(Token, Range<u64>)) {
        let command = self.state == State::Command;
        self.state = State::Between;
        if !command {
            return out(Token::Comment(&self.kept), self.start..end);
        }
        let effect = Effect::of(&self.kept);
        match effect {
            Effect::Encoding(encoding) => self.set(Some(Setting::Encoding(encoding)), end, out),
            Effect::Connects => {
                self.backslashes = false;
                self.set(Some(Setting::Encoding(Encoding::Unknown)), end, out);
            }
            Effect::Copies => self.state = State::Rows(0),
            Effect::Sends | Effect::Other => {}
        }
        out(Token::Command(&self.kept), self.start..end);
        if effect == Effect::Sends {
            (self.watch, self.parentheses) = (Watch::default(), 0);
            out(Token::End, end..end);
        }
    }

    /// At the beginning of a line of rows.
    fn at_row(&mut self, matched: usize, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) -> usize {
        match (matched, byte) {
            (0, b'\\') => (self.start, self.state) = (self.position, State::Rows(1)),
            (1, b'.') | (2, b'\r') => self.state = State::Rows(matched + 1),
            (2 | 3, b'\n') => {
                self.state = State::Between;
                out(Token::RowsEnd, self.start..self.position);
            }
            _ => {
                let begun: &[u8] = b"\\.\r";
                let begun = begun.get(..matched).unwrap_or_default();
                self.state = State::Row;
                if !begun.is_empty() {
                    out(Token::Rows(begun), self.start..self.position);
                }
                return 0;
            }
        }
        1
    }

    /// Takes as many rows as there are.
    fn row(&mut self, rest: &[u8], out: &mut impl FnMut(Token, Range<u64>)) -> usize {
        let taken = match memmem::find(rest, b"\n\\.") {
            Some(at) => at + 1,
            // What may be the half of it waits for the next bytes.
            None if rest.ends_with(b"\n\\") => rest.len() - 1,
            None => rest.len(),
        };
        let rows = rest.get(..taken).unwrap_or_default();
        if rows.last() == Some(&b'\n') {
            self.state = State::Rows(0);
        }
        out(Token::Rows(rows), self.position..self.position + taken as u64);
        taken
    }

    fn end_statement(&mut self, out: &mut impl FnMut(Token, Range<u64>)) {
        if std::mem::take(&mut self.watch).rows_follow() {
            self.state = State::BeforeRows;
        }
        out(Token::End, self.start..self.position + 1);
    }
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
