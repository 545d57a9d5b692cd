//! The archive's bytes through one buffer that is used again and again: documents are looked at where they lie.

use std::io::{self, ErrorKind, Read};

/// Large enough that reading costs nothing, small enough to stay in the processor's cache.
const SIZE: usize = 256 << 10;

/// The largest document that mongodump writes and mongorestore takes (`db.MaxBSONSize` of mongo-tools).
pub(super) const LARGEST: u32 = 16 << 20;

/// The smallest: its length and its terminator.
const SMALLEST: u32 = 5;

/// What ends a block, where the length of a document would stand.
const TERMINATOR: u32 = u32::MAX;

/// What stands next in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// A document of so many bytes; all of them are there.
    Document(usize),
    /// The end of a block.
    Terminator,
    /// Four bytes that are neither.
    Wrong(u32),
    /// Nothing: the archive ends here.
    End,
    /// The beginning of a document or terminator, and the archive ends in it.
    Cut,
}

pub(super) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    /// What was not consumed yet.
    begin: usize,
    end: usize,
    consumed: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: vec![0; SIZE], begin: 0, end: 0, consumed: 0 }
    }

    /// How many bytes were consumed.
    pub(super) const fn at(&self) -> u64 {
        self.consumed
    }

    /// What is there and was not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.begin..self.end).unwrap_or_default()
    }

    /// The first so many of [`Window::bytes`]; fewer when fewer are there.
    pub(super) fn first(&self, n: usize) -> &[u8] {
        let bytes = self.bytes();
        bytes.get(..n).unwrap_or(bytes)
    }

    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.begin);
        self.begin += n;
        self.consumed += n as u64;
    }

    /// Reads until so many bytes are there. `false`: the input ends before.
    pub(super) fn fill(&mut self, n: usize) -> io::Result<bool> {
        while self.end - self.begin < n {
            if self.read(n)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads once, towards `n` bytes that are to be there.
    fn read(&mut self, n: usize) -> io::Result<usize> {
        if self.begin == self.end || self.begin + n > self.buffer.len() {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        // It grows when it is full, not when a length says that it will be.
        if self.end == self.buffer.len() {
            let more = n.max(self.end + 1).min(self.buffer.len() * 2);
            self.buffer.reserve_exact(more - self.end);
            self.buffer.resize(more, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.input.read(free) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(read) => {
                    self.end += read.min(free.len());
                    return Ok(read);
                }
            }
        }
    }

    /// What stands next; nothing of it is consumed.
    pub(super) fn frame(&mut self) -> io::Result<Frame> {
        if !self.fill(4)? {
            return Ok(if self.bytes().is_empty() { Frame::End } else { Frame::Cut });
        }
        let frame = frame(self.bytes()).unwrap_or(Frame::Cut);
        Ok(match frame {
            Frame::Document(length) if !self.fill(length)? => Frame::Cut,
            frame => frame,
        })
    }

    /// Reads to the end. What comes is not looked at; an error of the input is told all the same.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        loop {
            self.consume(usize::MAX);
            if !self.fill(1)? {
                return Ok(());
            }
        }
    }
}

/// What the first four bytes say; `None` when there are fewer. A document may be longer than `bytes`.
pub(super) fn frame(bytes: &[u8]) -> Option<Frame> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    Some(match length {
        TERMINATOR => Frame::Terminator,
        SMALLEST..=LARGEST => Frame::Document(length as usize),
        wrong => Frame::Wrong(wrong),
    })
}

/// Why reading went no further.
pub(super) enum Stop {
    /// The input could not be read.
    Input(io::Error),
    /// Where the next document begins is not known any more; the damage was noted.
    Lost,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}
