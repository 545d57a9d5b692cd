//! The beginning of a statement, kept to be understood when it has ended. Bounded memory.

use super::token::Token;
use std::ops::Range;

/// How many pieces of a statement are kept: more than `CREATE DATABASE` has.
const PIECES: usize = 96;

/// How much of a piece is kept: names have 63 bytes, `\connect` may have a connection string.
const LENGTH: usize = 512;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// A keyword, an unquoted name or a number.
    Word,
    /// A quoted name.
    Name,
    /// A literal.
    Text,
    /// Any other character.
    Sign,
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    text: Range<usize>,
    /// Where it stands in the script.
    pub place: Range<u64>,
    /// In how many parentheses it stands.
    pub depth: u32,
}

/// A name with what qualifies it, as bytes of the script's encoding: unquoted, folded to lower case if it was not quoted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Qualified {
    /// The schema, if it is given.
    pub schema: Option<Vec<u8>>,
    /// The name itself.
    pub name: Vec<u8>,
}

/// The current statement, as far as it was read and kept.
#[derive(Debug, Default)]
pub struct Statement {
    start: Option<u64>,
    pieces: Vec<Piece>,
    text: Vec<u8>,
    depth: u32,
    /// The commas of the first parentheses, and whether they are closed.
    commas: usize,
    lists: u32,
    closed: bool,
}

impl Statement {
    /// Everything that was kept, with what kind it is: equal for statements that begin alike.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.text
    }

    /// Takes a token of the statement: no comment, no rows.
    pub fn take(&mut self, token: &Token, place: &Range<u64>) {
        self.start.get_or_insert(place.start);
        let sign;
        let (kind, bytes) = match token {
            Token::Word(word) => (PieceKind::Word, *word),
            Token::Name(name) => (PieceKind::Name, *name),
            Token::Text(text) => (PieceKind::Text, *text),
            Token::Sign(byte) => {
                sign = [*byte];
                self.sign(*byte);
                (PieceKind::Sign, &sign[..])
            }
            _ => return,
        };
        if self.pieces.len() < PIECES {
            self.text.push(kind as u8);
            let start = self.text.len();
            self.text.extend_from_slice(bytes.get(..LENGTH).unwrap_or(bytes));
            self.pieces.push(Piece { kind, text: start..self.text.len(), place: place.clone(), depth: self.depth });
        }
    }

    fn sign(&mut self, byte: u8) {
        match byte {
            b'(' => {
                self.lists += u32::from(self.depth == 0);
                self.depth = self.depth.saturating_add(1);
            }
            b')' => {
                self.depth = self.depth.saturating_sub(1);
                self.closed |= self.depth == 0;
            }
            b',' if self.depth == 1 && self.lists == 1 => self.commas += 1,
            _ => {}
        }
    }

    /// Forgets everything, and keeps the room for the next statement.
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.text.clear();
        (self.start, self.depth, self.commas, self.lists, self.closed) = (None, 0, 0, 0, false);
    }

    /// Where it begins; `None`: nothing was read of it.
    #[must_use]
    pub const fn start(&self) -> Option<u64> {
        self.start
    }

    /// What was kept of it.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How many things the first list in parentheses names.
    #[must_use]
    pub fn listed(&self) -> Option<usize> {
        self.closed.then_some(self.commas + 1)
    }

    /// The bytes of a piece.
    #[must_use]
    pub fn text(&self, at: usize) -> &[u8] {
        self.pieces.get(at).and_then(|piece| self.text.get(piece.text.clone())).unwrap_or_default()
    }

    fn kind(&self, at: usize) -> Option<PieceKind> {
        self.pieces.get(at).map(|piece| piece.kind)
    }

    /// Whether this keyword stands there.
    #[must_use]
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(PieceKind::Word) && self.text(at).eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether this sign stands there.
    #[must_use]
    pub fn is_sign(&self, at: usize, sign: u8) -> bool {
        self.kind(at) == Some(PieceKind::Sign) && self.text(at) == [sign]
    }

    /// Whether it begins with these keywords.
    #[must_use]
    pub fn begins(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(at, word)| self.is(at, word))
    }

    /// The place behind these keywords, as far as they stand there: each may be missing.
    #[must_use]
    pub fn behind(&self, at: usize, words: &[&str]) -> usize {
        words.iter().fold(at, |at, word| at + usize::from(self.is(at, word)))
    }

    /// Where this keyword stands outside of parentheses.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<usize> {
        (0..self.pieces.len()).find(|at| self.is(*at, word) && self.pieces.get(*at).is_some_and(|piece| piece.depth == 0))
    }

    /// A name, as the server would store it.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<Vec<u8>> {
        match self.kind(at)? {
            PieceKind::Word => Some(self.text(at).to_ascii_lowercase()),
            PieceKind::Name => Some(self.text(at).to_vec()),
            PieceKind::Text | PieceKind::Sign => None,
        }
    }

    /// A name that may be qualified, and the place behind it.
    #[must_use]
    pub fn qualified(&self, at: usize) -> Option<(Qualified, usize)> {
        let (mut schema, mut name, mut at) = (None, self.name(at)?, at + 1);
        while self.is_sign(at, b'.') {
            (schema, name, at) = (Some(name), self.name(at + 1)?, at + 2);
        }
        Some((Qualified { schema, name }, at))
    }
}
