//! The numbers and strings that an archive is made of, read from a stream with their places.
//!
//! Layout: `ReadInt`, `ReadStr`, `ReadOffset` in `pg_backup_archiver.c` of `PostgreSQL`. A length is believed only as far as bytes follow:
//! memory grows with what was read, never with what was promised.

use super::super::{Cause, Damage, Failure};
use std::io::{self, BufRead, ErrorKind, Read};

/// Uncompressed archives have a length per row: they are read from a buffer.
const BUFFER: usize = 256 << 10;

/// A stream of an archive's bytes.
pub struct Wire<R> {
    from: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The place of `buffer[start]` in the dump.
    at: u64,
    int_size: usize,
}

/// Something was changed at this place.
pub fn changed(at: u64, what: impl Into<String>) -> Failure {
    Failure::Damage(Damage { at, what: what.into(), cause: Cause::Changed })
}

/// What is no archive is read on by others.
impl<R: Read> Read for Wire<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let here = self.fill()?;
        let count = here.len().min(out.len());
        out[..count].copy_from_slice(&here[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Wire<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()
    }

    fn consume(&mut self, count: usize) {
        Self::consume(self, count);
    }
}

impl<R: Read> Wire<R> {
    /// `at`: the place in the dump at which the reader stands.
    pub fn new(from: R, at: u64) -> Self {
        Self { from, buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0, at, int_size: 4 }
    }

    /// How many bytes a number has; at most 8.
    pub fn set_int_size(&mut self, bytes: u8) {
        self.int_size = usize::from(bytes.min(8));
    }

    /// The place of the next byte in the dump.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The next bytes, as many as are here; none at the end.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = self.read_behind(0)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn read_behind(&mut self, end: usize) -> io::Result<usize> {
        loop {
            match self.from.read(&mut self.buffer[end..]) {
                Ok(count) => return Ok(end + count),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The next `count` bytes, or fewer at the end, without taking them. `count` is at most [`BUFFER`].
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.end - self.start < count && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < count {
            let end = self.read_behind(self.end)?;
            if end == self.end {
                break;
            }
            self.end = end;
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// Takes bytes that [`Wire::fill`] or [`Wire::peek`] showed.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.at += count as u64;
    }

    /// So many bytes as they are.
    pub fn exact(&mut self, mut out: &mut [u8]) -> Result<(), Failure> {
        while !out.is_empty() {
            let here = self.fill()?;
            if here.is_empty() {
                return Err(Failure::cut(self.at, "the archive ends too early"));
            }
            let count = here.len().min(out.len());
            let (now, later) = out.split_at_mut(count);
            now.copy_from_slice(&here[..count]);
            out = later;
            self.consume(count);
        }
        Ok(())
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Failure> {
        let mut byte = [0];
        self.exact(&mut byte)?;
        Ok(byte[0])
    }

    /// A number of so many bytes, the lowest first.
    fn magnitude(&mut self, size: usize) -> Result<u64, Failure> {
        let mut bytes = [0; 8];
        self.exact(&mut bytes[..size])?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A sign byte and a magnitude.
    pub fn int(&mut self) -> Result<i64, Failure> {
        let (at, size) = (self.at, 1 + self.int_size);
        let here = self.peek(size)?;
        let there = here.len();
        let mut bytes = [0; 9];
        bytes[..there].copy_from_slice(here);
        self.consume(there);
        if there < size {
            return Err(Failure::cut(self.at, "the archive ends too early"));
        }
        let [sign, magnitude @ ..] = bytes;
        let negative = match sign {
            0 => false,
            1 => true,
            _ => return Err(changed(at, "the sign of a number is none")),
        };
        let magnitude = i64::try_from(u64::from_le_bytes(magnitude)).map_err(|_| changed(at, "a number is too large"))?;
        match (negative, magnitude) {
            (true, 0) => Err(changed(at, "a number is minus zero")),
            (true, _) => Ok(-magnitude),
            (false, _) => Ok(magnitude),
        }
    }

    /// Where something stands: a flag, and a place of so many bytes (at most 8).
    pub fn offset(&mut self, size: u8) -> Result<(u8, u64), Failure> {
        Ok((self.byte()?, self.magnitude(usize::from(size.min(8)))?))
    }

    /// A string of at most so many bytes; `None` is NULL. Names of databases in other encodings than UTF-8 are read as LATIN1, so that
    /// none is lost and no two become the same.
    pub fn text(&mut self, most: usize) -> Result<Option<String>, Failure> {
        let at = self.at;
        let length = self.int()?;
        let Ok(length) = usize::try_from(length) else {
            return if length == -1 { Ok(None) } else { Err(changed(at, "the length of a string is negative")) };
        };
        if length > most {
            return Err(changed(at, format!("a string of {length} bytes stands where none can be so long")));
        }
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let here = self.fill()?;
            if here.is_empty() {
                return Err(Failure::cut(self.at, "the archive ends too early"));
            }
            let count = here.len().min(length - bytes.len());
            bytes.extend_from_slice(&here[..count]);
            self.consume(count);
        }
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|e| e.as_bytes().iter().map(|byte| char::from(*byte)).collect())))
    }
}
