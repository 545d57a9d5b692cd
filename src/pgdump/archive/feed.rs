//! The bytes of one piece of data: the chunks of a custom archive, or a member of a tar stream.

use super::super::Failure;
use super::wire::{Wire, changed};
use std::io::Read;

/// A stream within the stream.
pub trait Feed {
    /// The next bytes, as many as are here; none at its end.
    ///
    /// # Errors
    /// Damage: the dump ends before it, or its lengths cannot be. Io: reading failed.
    fn next(&mut self) -> Result<&[u8], Failure>;

    /// Takes bytes that [`Feed::next`] showed.
    fn take(&mut self, count: usize);

    /// Passes over the rest.
    ///
    /// # Errors
    /// As of [`Feed::next`].
    fn drain(&mut self) -> Result<(), Failure> {
        loop {
            let count = self.next()?.len();
            if count == 0 {
                return Ok(());
            }
            self.take(count);
        }
    }
}

/// Pieces with their lengths, up to the length 0: `_CustomWriteFunc` in `pg_backup_custom.c`.
pub struct Chunks<'w, R> {
    wire: &'w mut Wire<R>,
    left: u64,
    ended: bool,
}

impl<'w, R: Read> Chunks<'w, R> {
    /// The wire stands at the first length.
    pub fn new(wire: &'w mut Wire<R>) -> Self {
        Self { wire, left: 0, ended: false }
    }

    fn length(&mut self) -> Result<(), Failure> {
        let at = self.wire.at();
        let length = self.wire.int()?;
        self.left = u64::try_from(length).map_err(|_| changed(at, "a length is negative"))?;
        self.ended = length == 0;
        Ok(())
    }
}

impl<R: Read> Feed for Chunks<'_, R> {
    fn next(&mut self) -> Result<&[u8], Failure> {
        if self.left == 0 && !self.ended {
            self.length()?;
        }
        within(self.wire, self.left)
    }

    fn take(&mut self, count: usize) {
        self.left -= count as u64;
        self.wire.consume(count);
    }
}

/// So many bytes of the stream.
pub struct Bounded<'w, R> {
    wire: &'w mut Wire<R>,
    left: u64,
}

impl<'w, R: Read> Bounded<'w, R> {
    /// The next `size` bytes.
    pub const fn new(wire: &'w mut Wire<R>, size: u64) -> Self {
        Self { wire, left: size }
    }
}

impl<R: Read> Feed for Bounded<'_, R> {
    fn next(&mut self) -> Result<&[u8], Failure> {
        within(self.wire, self.left)
    }

    fn take(&mut self, count: usize) {
        self.left -= count as u64;
        self.wire.consume(count);
    }
}

/// Reads a piece that is small, as a table of contents is.
impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let here = self.wire.fill()?;
        let count = here.len().min(buf.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buf[..count].copy_from_slice(&here[..count]);
        Feed::take(self, count);
        Ok(count)
    }
}

fn within<R: Read>(wire: &mut Wire<R>, left: u64) -> Result<&[u8], Failure> {
    if left == 0 {
        return Ok(&[]);
    }
    let at = wire.at();
    let here = wire.fill()?;
    if here.is_empty() {
        return Err(Failure::cut(at, "the archive ends too early"));
    }
    Ok(&here[..here.len().min(usize::try_from(left).unwrap_or(usize::MAX))])
}
