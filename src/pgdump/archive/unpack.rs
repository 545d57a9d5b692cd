//! Decompresses the pieces of data, and verifies what sums them up. One unpacker serves a whole dump: it keeps its buffers.

use super::super::{Cause, Failure};
use super::feed::Feed;
use flate2::{Decompress, FlushDecompress, Status};
use lz4_flex::frame::FrameDecoder;
use std::io::{self, Read};
use zstd::stream::raw::{Decoder, Operation};

/// Enough for the decompressors to work in one go, and little enough for the processor's cache.
const BUFFER: usize = 64 << 10;
/// What stands first in a gzip file and behind its data is read with its window: 15 bits, the largest.
const WINDOW_BITS: u8 = 15;

/// How a piece of data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Plain,
    /// RFC 1950, with an Adler-32.
    Zlib,
    /// RFC 1952, with a CRC-32 and its length.
    Gzip,
    /// An LZ4 frame; as `pg_dump` writes it without a checksum.
    Lz4,
    /// A Zstandard frame; as `pg_dump` writes it without a checksum.
    Zstd,
}

/// What is wrong with a piece of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// A fragment that follows the name of what it is.
    pub what: &'static str,
    /// What kind of trouble it is.
    pub cause: Cause,
}

const DAMAGED: Flaw = Flaw { what: "cannot be decompressed: they are damaged", cause: Cause::Changed };
const SHORT: Flaw = Flaw { what: "end too early: their compressed stream is cut short", cause: Cause::Cut };
const LONG: Flaw = Flaw { what: "go on behind the end of their compressed stream", cause: Cause::Changed };

/// Decompresses one piece of data after the other.
pub struct Unpacker {
    out: Box<[u8]>,
    zlib: Decompress,
    gzip: Decompress,
    zstd: Decoder<'static>,
}

impl Unpacker {
    /// A new one.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new() -> io::Result<Self> {
        let out = vec![0; BUFFER].into_boxed_slice();
        let gzip = Decompress::new_gzip(WINDOW_BITS);
        Ok(Self { out, zlib: Decompress::new(true), gzip, zstd: Decoder::new()? })
    }

    /// Reads a piece to its end and hands over what is in it. A flaw is returned, and the rest of the piece passed over.
    /// Nothing at all is an empty piece, whatever the coding.
    ///
    /// # Errors
    /// Damage: the dump cannot be read on. Io: reading failed.
    pub fn run<F: Feed>(&mut self, coding: Coding, feed: &mut F, sink: &mut impl FnMut(&[u8])) -> Result<Option<Flaw>, Failure> {
        if feed.next()?.is_empty() {
            return Ok(None);
        }
        let flaw = match coding {
            Coding::Plain => plain(feed, sink)?,
            Coding::Zlib => inflate(&mut self.zlib, true, &mut self.out, feed, sink)?,
            Coding::Gzip => inflate(&mut self.gzip, false, &mut self.out, feed, sink)?,
            Coding::Lz4 => lz4(&mut self.out, feed, sink)?,
            Coding::Zstd => zstd(&mut self.zstd, &mut self.out, feed, sink)?,
        };
        let flaw = flaw.or(if feed.next()?.is_empty() { None } else { Some(LONG) });
        feed.drain()?;
        Ok(flaw)
    }
}

fn plain<F: Feed>(feed: &mut F, sink: &mut impl FnMut(&[u8])) -> Result<Option<Flaw>, Failure> {
    loop {
        let here = feed.next()?;
        if here.is_empty() {
            return Ok(None);
        }
        sink(here);
        let count = here.len();
        feed.take(count);
    }
}

/// The totals of a stream tell what a call took and made.
fn inflate<F: Feed>(
    stream: &mut Decompress,
    zlib: bool,
    out: &mut [u8],
    feed: &mut F,
    sink: &mut impl FnMut(&[u8]),
) -> Result<Option<Flaw>, Failure> {
    if zlib {
        stream.reset(true);
    } else {
        // A reset knows only zlib and raw streams.
        *stream = Decompress::new_gzip(WINDOW_BITS);
    }
    loop {
        let here = feed.next()?;
        let ended = here.is_empty();
        let (taken, made) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(here, out, FlushDecompress::None);
        let taken = usize::try_from(stream.total_in() - taken).unwrap_or(0);
        let made = usize::try_from(stream.total_out() - made).unwrap_or(0);
        sink(&out[..made]);
        feed.take(taken);
        match status {
            Ok(Status::StreamEnd) => return Ok(None),
            Ok(_) if made + taken > 0 => {}
            Ok(_) => return Ok(Some(if ended { SHORT } else { DAMAGED })),
            Err(_) => return Ok(Some(DAMAGED)),
        }
    }
}

fn zstd<F: Feed>(
    stream: &mut Decoder<'static>,
    out: &mut [u8],
    feed: &mut F,
    sink: &mut impl FnMut(&[u8]),
) -> Result<Option<Flaw>, Failure> {
    stream.reinit()?;
    loop {
        let here = feed.next()?;
        let ended = here.is_empty();
        let Ok(status) = stream.run_on_buffers(here, out) else { return Ok(Some(DAMAGED)) };
        sink(&out[..status.bytes_written]);
        feed.take(status.bytes_read);
        if status.remaining == 0 {
            return Ok(None);
        }
        if status.bytes_read + status.bytes_written == 0 {
            return Ok(Some(if ended { SHORT } else { DAMAGED }));
        }
    }
}

fn lz4<F: Feed>(out: &mut [u8], feed: &mut F, sink: &mut impl FnMut(&[u8])) -> Result<Option<Flaw>, Failure> {
    let mut decoder = FrameDecoder::new(AsRead { feed, failure: None, ended: false });
    let flaw = loop {
        match decoder.read(out) {
            Ok(0) => break None,
            Ok(count) => sink(&out[..count]),
            Err(_) => break Some(if decoder.get_ref().ended { SHORT } else { DAMAGED }),
        }
    };
    decoder.into_inner().failure.map_or(Ok(flaw), Err)
}

/// For a decoder that reads by itself. It may put errors into other words: the first failure is kept.
struct AsRead<'f, F> {
    feed: &'f mut F,
    failure: Option<Failure>,
    ended: bool,
}

impl<F: Feed> Read for AsRead<'_, F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.feed.next() {
            Ok(here) => {
                let count = here.len().min(buf.len());
                buf[..count].copy_from_slice(&here[..count]);
                self.ended = here.is_empty();
                self.feed.take(count);
                Ok(count)
            }
            Err(failure) => {
                self.failure.get_or_insert(failure);
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}
