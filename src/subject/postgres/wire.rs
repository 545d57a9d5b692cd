//! The numbers and strings that a custom archive is made of, read with their places. Lengths are believed only as far as the
//! file reaches.
//!
//! Layout: `ReadInt`, `ReadStr`, `ReadOffset` in `pg_backup_archiver.c` of `PostgreSQL`.

use super::class::Class;
use crate::error::Error;
use std::io::{self, Read, Seek};

/// Reads an archive from its first byte on.
pub struct Reader<R> {
    from: R,
    at: u64,
    size: u64,
    int_size: u8,
}

/// The archive is damaged at this byte; an [`Error`] that blames the backup, for `?` in readers.
pub fn damage(what: impl std::fmt::Display, at: u64) -> io::Error {
    let message = format!("{}: {what} (at byte {at})", Class::CorruptArchive.title());
    Error::backup(message).hint(Class::CorruptArchive.hint()).into()
}

impl<R: Read + Seek> Reader<R> {
    /// `size`: how many bytes there are.
    pub const fn new(from: R, size: u64) -> Self {
        Self { from, at: 0, size, int_size: 4 }
    }

    /// How many bytes a number has, as the header says; at most 8.
    pub const fn set_int_size(&mut self, bytes: u8) {
        self.int_size = bytes;
    }

    /// How many bytes were read.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// How many bytes are left.
    pub const fn left(&self) -> u64 {
        self.size - self.at
    }

    fn claim(&mut self, count: u64) -> io::Result<()> {
        if count > self.left() {
            return Err(damage(format!("it ends too early: {count} bytes should follow, {} are left", self.left()), self.at));
        }
        self.at += count;
        Ok(())
    }

    /// So many bytes as they are.
    pub fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.claim(bytes.len() as u64)?;
        self.from.read_exact(bytes)
    }

    /// One byte.
    pub fn byte(&mut self) -> io::Result<u8> {
        self.bytes().map(|[byte]| byte)
    }

    /// A number of so many bytes, the lowest first.
    fn magnitude(&mut self, size: u8) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let wanted = bytes.get_mut(..usize::from(size)).ok_or_else(|| damage("a number of more than 8 bytes", self.at))?;
        self.fill(wanted)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A sign byte and a magnitude.
    pub fn int(&mut self) -> io::Result<i64> {
        let at = self.at;
        let negative = self.byte()? != 0;
        let magnitude = self.magnitude(self.int_size)?;
        let magnitude = i64::try_from(magnitude).map_err(|_| damage("a number that is too large", at))?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// Where something stands: a flag, which is judged by the caller, and a place of so many bytes.
    pub fn offset(&mut self, size: u8) -> io::Result<(u8, u64)> {
        Ok((self.byte()?, self.magnitude(size)?))
    }

    /// A string of at most so many bytes; `None` is NULL.
    pub fn text(&mut self, most: usize) -> io::Result<Option<String>> {
        let at = self.at;
        let Ok(length) = usize::try_from(self.int()?) else { return Ok(None) };
        if length > most {
            return Err(damage(format!("a name of {length} bytes"), at));
        }
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Passes over a string, however long it is.
    pub fn skip_text(&mut self) -> io::Result<()> {
        let length = self.int()?;
        u64::try_from(length).map_or(Ok(()), |length| self.skip(length))
    }

    /// Passes over so many bytes. The file is read only where that is less work.
    pub fn skip(&mut self, count: u64) -> io::Result<()> {
        let at = self.at;
        self.claim(count)?;
        let count = i64::try_from(count).map_err(|_| damage("a length that is too large", at))?;
        self.from.seek_relative(count)
    }
}
