//! Decompresses the pieces of data, and verifies what sums them up. One unpacker serves a whole dump: it keeps its buffers.

use super::super::{Cause, Failure};
use super::feed::Feed;
use flate2::{Decompress, FlushDecompress, Status};
use lz4_flex::frame::FrameDecoder;
use std::io::{self, Read};
use zstd::stream::raw::{Decoder, Operation};

/// Enough for the decompressors to work in one go, and little enough for the processor's cache.
const BUFFER: usize = 128 << 10;
/// What is inflated in one go. A custom archive may have chunks of 4 KiB (`ZLIB_OUT_SIZE` in `compress_io.h` of `PostgreSQL` 15), and every
/// call into the decompressor begins anew: it takes what it repeats from a copy of its last output until it has made enough of its own.
const GATHERED: usize = 32 << 10;
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
    gathered: Gathered,
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
        Ok(Self { out, gathered: Gathered::new(), zlib: Decompress::new(true), gzip, zstd: Decoder::new()? })
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
            Coding::Zlib => {
                self.zlib.reset(true);
                inflate(&mut self.zlib, &mut self.gathered, &mut self.out, feed, sink)?
            }
            Coding::Gzip => {
                // A reset knows only zlib and raw streams.
                self.gzip = Decompress::new_gzip(WINDOW_BITS);
                inflate(&mut self.gzip, &mut self.gathered, &mut self.out, feed, sink)?
            }
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
    gathered: &mut Gathered,
    out: &mut [u8],
    feed: &mut F,
    sink: &mut impl FnMut(&[u8]),
) -> Result<Option<Flaw>, Failure> {
    gathered.clear();
    loop {
        let ended = gathered.fill(feed)?;
        let (taken, made) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(gathered.rest(), out, FlushDecompress::None);
        let taken = usize::try_from(stream.total_in() - taken).unwrap_or(0);
        let made = usize::try_from(stream.total_out() - made).unwrap_or(0);
        sink(&out[..made]);
        gathered.take(taken);
        match status {
            Ok(Status::StreamEnd) => return Ok(if gathered.rest().is_empty() { None } else { Some(LONG) }),
            Ok(_) if made + taken > 0 => {}
            Ok(_) => return Ok(Some(if ended { SHORT } else { DAMAGED })),
            Err(_) => return Ok(Some(DAMAGED)),
        }
    }
}

/// Compressed bytes of a piece, taken from its feed and not inflated yet.
struct Gathered {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Gathered {
    fn new() -> Self {
        Self { bytes: vec![0; GATHERED].into_boxed_slice(), start: 0, end: 0 }
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn take(&mut self, count: usize) {
        self.start += count;
    }

    /// Takes as much of a feed as there is room for, when all that was taken is inflated. Whether there is nothing more.
    fn fill(&mut self, feed: &mut impl Feed) -> Result<bool, Failure> {
        if self.start < self.end {
            return Ok(false);
        }
        self.clear();
        while self.end < self.bytes.len() {
            let here = feed.next()?;
            if here.is_empty() {
                break;
            }
            let count = here.len().min(self.bytes.len() - self.end);
            self.bytes[self.end..self.end + count].copy_from_slice(&here[..count]);
            self.end += count;
            feed.take(count);
        }
        Ok(self.end == 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    /// A piece that comes in chunks.
    struct Cut<'b> {
        bytes: &'b [u8],
        chunk: usize,
        left: usize,
    }

    impl Feed for Cut<'_> {
        fn next(&mut self) -> Result<&[u8], Failure> {
            if self.left == 0 {
                self.left = self.chunk.min(self.bytes.len());
            }
            Ok(&self.bytes[..self.left])
        }

        fn take(&mut self, count: usize) {
            self.bytes = &self.bytes[count..];
            self.left -= count;
        }
    }

    /// What comes out, the flaw, and how much of the piece was left.
    fn unpacked(unpacker: &mut Unpacker, coding: Coding, bytes: &[u8], chunk: usize) -> (Vec<u8>, Option<Flaw>, usize) {
        let mut feed = Cut { bytes, chunk, left: 0 };
        let mut out = Vec::new();
        let flaw = unpacker.run(coding, &mut feed, &mut |bytes| out.extend_from_slice(bytes)).expect("the piece is in memory");
        (out, flaw, feed.bytes.len())
    }

    /// More than is gathered at once when it is compressed, with repetitions of what lies far behind; then more than has room when it is
    /// decompressed, out of little.
    fn text() -> Vec<u8> {
        let mut seed = 1u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        };
        let parts = (0..4).map(|_| (0..20_000).map(|_| noise()).collect::<Vec<_>>());
        parts.flat_map(|part| part.repeat(2)).chain(std::iter::repeat_n(0, 4 * BUFFER)).collect()
    }

    #[test]
    fn chunks_of_any_size_are_one_stream_and_what_is_wrong_with_it_is_told() {
        let text = text();
        let mut zlib = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(&text).expect("write");
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).expect("write");
        let pieces = [(Coding::Zlib, zlib.finish().expect("finish")), (Coding::Gzip, gzip.finish().expect("finish"))];
        let mut unpacker = Unpacker::new().expect("memory");
        for (coding, whole) in pieces {
            assert!(whole.len() > GATHERED);
            let short = &whole[..whole.len() - 1];
            let long = [&whole[..], b"x"].concat();
            let mut damaged = whole.clone();
            damaged[whole.len() - 1] ^= 1;
            for chunk in [97, 4096, GATHERED, whole.len(), usize::MAX] {
                let mut run = |bytes: &[u8]| unpacked(&mut unpacker, coding, bytes, chunk);
                assert!(run(&whole) == (text.clone(), None, 0), "{coding:?} by {chunk}");
                assert!(run(short) == (text.clone(), Some(SHORT), 0), "{coding:?} by {chunk}, cut");
                assert!(run(&long) == (text.clone(), Some(LONG), 0), "{coding:?} by {chunk}, with more behind it");
                assert_eq!(run(&damaged).1, Some(DAMAGED), "{coding:?} by {chunk}, damaged");
            }
        }
    }
}
