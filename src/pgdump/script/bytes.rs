//! What is wrong with a script's bytes, whatever they say: zeros, another encoding than the one it names, no SQL at all. Pure.

use crate::pgdump::sql::{Encoding, is_message};
use crate::pgdump::{Cause, Damage};
use memchr::memchr;

/// How much of the beginning is kept to tell what it is.
const HEAD: usize = 1024;

/// Looks at every byte of a script.
#[derive(Debug, Default)]
pub struct Bytes {
    head: Vec<u8>,
    tail: [u8; 2],
    length: u64,
    zero: Option<u64>,
    not_utf8: Option<u64>,
    /// The first bytes of a character that a piece has cut.
    begun: Vec<u8>,
}

impl Bytes {
    /// Takes the next piece, when it is known which encoding it has, and from where on.
    pub fn push(&mut self, piece: &[u8], encoding: Encoding, since: u64) {
        let room = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..room).unwrap_or_default());
        if self.zero.is_none() {
            self.zero = memchr(0, piece).map(|at| self.length + at as u64);
        }
        if encoding == Encoding::Utf8 && self.not_utf8.is_none() {
            self.utf8(piece, since);
        }
        for byte in piece.get(piece.len().saturating_sub(2)..).unwrap_or_default() {
            self.tail = [self.tail[1], *byte];
        }
        self.length += piece.len() as u64;
    }

    fn utf8(&mut self, piece: &[u8], since: u64) {
        let mut at = self.length.max(since);
        let skipped = usize::try_from(at - self.length).unwrap_or(usize::MAX);
        let mut rest = piece.get(skipped..).unwrap_or_default();
        while !self.begun.is_empty() && !rest.is_empty() {
            let (next, after) = rest.split_at(1);
            self.begun.extend_from_slice(next);
            (rest, at) = (after, at + 1);
            match std::str::from_utf8(&self.begun) {
                Err(e) if e.error_len().is_none() => {}
                Ok(_) => self.begun.clear(),
                Err(_) => return self.not_utf8 = Some(at - self.begun.len() as u64),
            }
        }
        let Err(e) = simdutf8::compat::from_utf8(rest) else { return };
        match e.error_len() {
            Some(_) => self.not_utf8 = Some(at + e.valid_up_to() as u64),
            None => self.begun = rest.get(e.valid_up_to()..).unwrap_or_default().to_vec(),
        }
    }

    /// How long the script is.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Whether it ends with an empty line.
    pub fn ends_with_empty_line(&self) -> bool {
        self.tail == *b"\n\n"
    }

    /// Whether its first line is what a tool writes to its error output.
    pub fn begins_with_message(&self) -> bool {
        is_message(&self.head)
    }

    /// What was found among the bytes.
    pub fn damages(&self) -> Vec<Damage> {
        let changed = |at: u64, what: &str| Damage { at, what: what.to_owned(), cause: Cause::Changed };
        let zero = self.zero.map(|at| changed(at, "a zero byte, which no text has"));
        let utf8 = self.not_utf8.map(|at| changed(at, "an invalid byte sequence for its encoding, which it says is UTF8"));
        zero.into_iter().chain(utf8).collect()
    }

    /// What it is instead of a script: then nothing else needs to be said of it.
    pub fn something_else(&self) -> Option<Damage> {
        let head = self.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.head).trim_ascii_start();
        let begins = |start: &str| head.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start.as_bytes()));
        let (what, cause) = match () {
            () if self.head.starts_with(b"\xff\xfe") || self.head.starts_with(b"\xfe\xff") => {
                ("it was written again in the encoding UTF-16, which psql cannot read", Cause::Changed)
            }
            () if head.is_empty() => ("it is empty: there is no dump in it", Cause::Cut),
            () if begins("<!doctype") || begins("<html") => ("it is no dump but an HTML page", Cause::Unknown),
            () if begins("<") => ("it is no dump but an XML document, as a store answers with when it refuses", Cause::Unknown),
            () if begins("-- MySQL dump") || begins("-- MariaDB dump") => {
                ("it is no PostgreSQL dump but one of MySQL", Cause::Unknown)
            }
            () => return None,
        };
        Some(Damage { at: 0, what: what.to_owned(), cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn utf8_is_checked_as_if_it_were_in_one_piece(bytes in prop::collection::vec(any::<u8>(), 0..12), text in "[aü€🦆]{0,9}",
            first in 0usize..40, second in 0usize..40) {
            let all = [text.as_bytes(), &bytes].concat();
            let (first, second) = (first.min(all.len()), second.min(all.len()));
            let (first, second) = (first.min(second), first.max(second));
            let mut checked = Bytes::default();
            for piece in [&all[..first], &all[first..second], &all[second..]] {
                checked.push(piece, Encoding::Utf8, 0);
            }
            let expected = std::str::from_utf8(&all).err().filter(|e| e.error_len().is_some()).map(|e| e.valid_up_to() as u64);
            prop_assert_eq!(checked.not_utf8, expected);
        }
    }

    #[test]
    fn what_is_no_script_is_told() {
        let told = |bytes: &[u8]| {
            let mut all = Bytes::default();
            all.push(bytes, Encoding::Unknown, 0);
            all.something_else().map(|damage| damage.cause)
        };
        for (bytes, cause) in [
            (&b""[..], Some(Cause::Cut)),
            (b"\n \n", Some(Cause::Cut)),
            (b"\xff\xfe-\0-\0", Some(Cause::Changed)),
            (b"\n<!DOCTYPE html><html>", Some(Cause::Unknown)),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", Some(Cause::Unknown)),
            (b"\xef\xbb\xbfSELECT 1;", None),
            (b"-- a comment\n", None),
        ] {
            assert_eq!(told(bytes), cause);
        }
    }
}
