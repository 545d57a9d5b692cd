//! The words of an SQL script, read in pieces of any size with bounded memory. Pure.
//!
//! It splits like psql (`psqlscan.l`): comments, quotes and dollar quotes hide what is in them, a statement ends at a
//! semicolon outside of parentheses, a backslash begins a command that ends with its line, and the rows that follow
//! `COPY ... FROM stdin;` up to a line `\.` are no SQL.

use std::ops::Range;

/// How many bytes of a word or of a quoted text are kept: enough for any name.
const KEPT: usize = 256;

/// What a script consists of. Comments, dollar-quoted texts, psql's commands and rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'t> {
    /// A keyword, an unquoted name or a number, as it is written.
    Word(&'t [u8]),
    /// A quoted name, unquoted.
    Name(&'t [u8]),
    /// A string literal, unquoted; escape sequences as they are written.
    Text(&'t [u8]),
    /// Any other character.
    Sign(u8),
    /// The end of a statement.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Word,
    /// Within quotes: the quote, and whether a backslash escapes.
    Quoted(u8, bool),
    /// Behind a backslash within quotes.
    Escaped(u8),
    /// Behind a quote within quotes: the end, or the first half of a doubled one.
    Quote(u8, bool),
    /// Behind the first character of what may open a comment.
    Half(u8),
    LineComment,
    /// Within comments that are nested this deep, and the character before.
    Comment(u32, u8),
    /// Within `$tag`, before its second dollar.
    Tag,
    /// Within a dollar quote, and how much of its end was read.
    Dollar(usize),
    Command,
    /// Behind the semicolon of a `COPY ... FROM stdin`.
    BeforeRows,
    /// At this many characters of the line `\.`.
    Rows(usize),
    /// In a row.
    Row,
}

/// Reads a script.
#[derive(Debug)]
pub struct Lexer {
    state: State,
    kept: Vec<u8>,
    /// The bytes before the current one, and before the current token.
    position: u64,
    start: u64,
    parentheses: u32,
    rows: RowsFollow,
    /// `standard_conforming_strings = off`: a backslash escapes in every literal.
    backslashes: bool,
}

/// What is known of the current statement: whether rows follow it.
#[derive(Debug, Default)]
struct RowsFollow {
    words: usize,
    /// It begins with `COPY`.
    begun: bool,
    from_stdin: bool,
    after: After,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum After {
    From,
    Backslashes,
    #[default]
    Other,
}

impl Default for Lexer {
    fn default() -> Self {
        let (state, kept, rows) = (State::Between, Vec::new(), RowsFollow::default());
        Self { state, kept, position: 0, start: 0, parentheses: 0, rows, backslashes: false }
    }
}

const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Lexer {
    /// Takes in the next bytes, wherever they were cut, and hands out the tokens with their places in the script.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Token, Range<u64>)) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            let skipped = self.uninteresting(rest);
            if skipped > 0 {
                self.position += skipped as u64;
                rest = rest.get(skipped..).unwrap_or_default();
            } else if self.step(*byte, out) {
                self.position += 1;
                rest = after;
            }
        }
    }

    /// How many of these bytes change nothing: most of a dump are rows.
    fn uninteresting(&self, bytes: &[u8]) -> usize {
        match self.state {
            State::Row | State::Command | State::LineComment | State::BeforeRows => {
                bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len())
            }
            State::Dollar(0) => bytes.iter().position(|byte| *byte == b'$').unwrap_or(bytes.len()),
            _ => 0,
        }
    }

    /// Takes one byte; `false`: what it ends is done, and the byte is still to be taken.
    fn step(&mut self, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) -> bool {
        match self.state {
            State::Between => self.begin(byte, out),
            State::Word if in_word(byte) || byte == b'$' => self.keep(byte),
            State::Word => return self.end_word(byte, out),
            State::Quoted(quote, escapes) if byte == quote => self.state = State::Quote(quote, escapes),
            State::Quoted(quote, true) if byte == b'\\' => {
                self.keep(byte);
                self.state = State::Escaped(quote);
            }
            State::Quoted(..) => self.keep(byte),
            State::Escaped(quote) => {
                self.keep(byte);
                self.state = State::Quoted(quote, true);
            }
            State::Quote(quote, escapes) if byte == quote => {
                self.keep(byte);
                self.state = State::Quoted(quote, escapes);
            }
            State::Quote(quote, _) => return self.end_quoted(quote, out),
            State::Half(first) => return self.second(first, byte, out),
            State::Comment(depth, before) => self.comment(depth, before, byte),
            State::Tag => return self.tag(byte),
            State::Dollar(matched) => self.dollar(matched, byte),
            State::LineComment | State::Command if byte == b'\n' => self.state = State::Between,
            State::BeforeRows | State::Row if byte == b'\n' => self.state = State::Rows(0),
            State::LineComment | State::Command | State::BeforeRows | State::Row => {}
            State::Rows(matched) => self.row(matched, byte),
        }
        true
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < KEPT {
            self.kept.push(byte);
        }
    }

    fn begin(&mut self, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) {
        self.start = self.position;
        self.kept.clear();
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {}
            b'\'' => self.state = State::Quoted(byte, self.backslashes),
            b'"' => self.state = State::Quoted(byte, false),
            b'-' | b'/' => self.state = State::Half(byte),
            b'$' => self.state = State::Tag,
            b'\\' => self.state = State::Command,
            b';' if self.parentheses == 0 => self.end_statement(out),
            _ if in_word(byte) => {
                self.keep(byte);
                self.state = State::Word;
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

    fn end_word(&mut self, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) -> bool {
        if byte == b'\'' && self.kept.eq_ignore_ascii_case(b"e") {
            self.kept.clear();
            self.state = State::Quoted(byte, true);
            return true;
        }
        self.state = State::Between;
        if let Some(backslashes) = self.rows.word(&self.kept) {
            self.backslashes = backslashes;
        }
        out(Token::Word(&self.kept), self.start..self.position);
        false
    }

    fn end_quoted(&mut self, quote: u8, out: &mut impl FnMut(Token, Range<u64>)) -> bool {
        self.state = State::Between;
        let token = if quote == b'"' { Token::Name(&self.kept) } else { Token::Text(&self.kept) };
        out(token, self.start..self.position);
        false
    }

    fn second(&mut self, first: u8, byte: u8, out: &mut impl FnMut(Token, Range<u64>)) -> bool {
        self.state = match (first, byte) {
            (b'-', b'-') => State::LineComment,
            (b'/', b'*') => State::Comment(1, 0),
            _ => {
                self.state = State::Between;
                out(Token::Sign(first), self.start..self.position);
                return false;
            }
        };
        true
    }

    fn comment(&mut self, depth: u32, before: u8, byte: u8) {
        self.state = match (before, byte) {
            (b'*', b'/') if depth == 1 => State::Between,
            (b'*', b'/') => State::Comment(depth - 1, 0),
            (b'/', b'*') => State::Comment(depth.saturating_add(1), 0),
            _ => State::Comment(depth, byte),
        };
    }

    /// `$1` is a parameter, and a tag that is no name is none.
    fn tag(&mut self, byte: u8) -> bool {
        let first = self.kept.is_empty();
        if byte == b'$' {
            self.state = State::Dollar(0);
        } else if in_word(byte) && !(first && byte.is_ascii_digit()) && self.kept.len() < KEPT {
            self.keep(byte);
        } else {
            self.state = State::Between;
            return false;
        }
        true
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

    fn row(&mut self, matched: usize, byte: u8) {
        self.state = match (matched, byte) {
            (0, b'\\') | (1, b'.') => State::Rows(matched + 1),
            (2, b'\r') => State::Rows(2),
            (2, b'\n') => State::Between,
            (_, b'\n') => State::Rows(0),
            _ => State::Row,
        };
    }

    fn end_statement(&mut self, out: &mut impl FnMut(Token, Range<u64>)) {
        let rows = std::mem::take(&mut self.rows);
        if rows.begun && rows.from_stdin {
            self.state = State::BeforeRows;
        }
        out(Token::End, self.start..self.position + 1);
    }
}

impl RowsFollow {
    /// Takes a word of the statement. What comes back is a new value for how literals are read.
    fn word(&mut self, word: &[u8]) -> Option<bool> {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        if self.words == 0 {
            self.begun = is("copy");
        }
        self.words = self.words.saturating_add(1);
        self.from_stdin |= self.after == After::From && is("stdin");
        let literals = (self.after == After::Backslashes).then(|| is("off"));
        self.after = match () {
            () if is("from") => After::From,
            () if is("standard_conforming_strings") => After::Backslashes,
            () => After::Other,
        };
        literals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lexer, mut all) = (Lexer::default(), Vec::new());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for piece in pieces {
            lexer.push(piece, &mut |token, _| {
                all.push(match token {
                    Token::Word(word) => text(word),
                    Token::Name(name) => format!("\"{}\"", text(name)),
                    Token::Text(literal) => format!("'{}'", text(literal)),
                    Token::Sign(sign) => text(&[sign]),
                    Token::End => "END".into(),
                });
            });
        }
        all
    }

    fn read(script: &str) -> String {
        tokens(&[script.as_bytes()]).join(" ")
    }

    #[test]
    fn what_is_hidden_is_left_out() {
        for (script, expected) in [
            ("a 'it''s; b' c;", "a 'it's; b' c END"),
            ("a E'it\\'s; b' c;", "a 'it\\'s; b' c END"),
            ("a 'b\\' c;", "a 'b\\' c END"),
            ("SET standard_conforming_strings = off; 'b\\' c';", "SET standard_conforming_strings = off END 'b\\' c' END"),
            ("\"a\"\"b;\" c;", "\"a\"b;\" c END"),
            ("a -- b; 'c\nd;", "a d END"),
            ("a /* b; /* ' */ c */ d - e / f;", "a d - e / f END"),
            ("a $$b; 'c$$ d $x$ $$ $y$ $x$ e$f$g $1 h;", "a d e$f$g 1 h END"),
            ("\\restrict it's\na (b; c) d;", "a ( b ; c ) d END"),
            ("COPY t (a) FROM stdin;\nit's; \"b\n\\.x\n\\.\r\nc;\n", "COPY t ( a ) FROM stdin END c END"),
            ("COPY t FROM 'file'; a;", "COPY t FROM 'file' END a END"),
        ] {
            assert_eq!(read(script), expected, "{script}");
        }
    }

    #[test]
    fn a_token_has_its_place() {
        let (mut places, script) = (Vec::new(), "a  \"b c\" $$x$$ 'd';");
        Lexer::default().push(script.as_bytes(), &mut |_, place| places.push(place));
        assert_eq!(places, [0..1, 3..8, 15..18, 18..19]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut lexer = Lexer::default();
        for script in ["'", "\"", "$"] {
            lexer.push(script.as_bytes(), &mut |_, _| ());
            lexer.push(&vec![b'x'; 1_000_000], &mut |_, _| ());
            lexer.push(script.as_bytes(), &mut |_, _| ());
        }
        assert!(lexer.kept.capacity() <= 2 * KEPT);
    }

    proptest! {
        #[test]
        fn it_reads_anything_the_same_wherever_it_was_cut(script in r#"([a-z'"$\\;()/*.\-\n ]|COPY a FROM stdin;)*"#, cut in 0usize..200) {
            let cut = cut.min(script.len());
            prop_assert_eq!(tokens(&[&script.as_bytes()[..cut], &script.as_bytes()[cut..]]), tokens(&[script.as_bytes()]));
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            tokens(&[&bytes]);
        }
    }
}
