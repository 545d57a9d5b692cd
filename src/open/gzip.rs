//! gzip: one or several members, as `cat a.gz b.gz` and parallel compressors make them (RFC 1952, section 2.2).

use super::reader::{Input, Output, Peek, Source};
use super::{magic, not_a};
use crate::error::{Error, Result};
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

const BUFFER: usize = 64 << 10;

/// Decompresses.
///
/// # Errors
/// Backup: it is no gzip. What is wrong behind the header is told while reading.
pub(super) fn open(mut source: Peek) -> Result<Source> {
    let head = source.head(magic::ENOUGH);
    if !magic::is_gzip(head) {
        return Err(not_a("gzip", &mut source));
    }
    let (input, fault) = Input::new(Box::new(source));
    let decoder = GzDecoder::new(BufReader::with_capacity(BUFFER, input));
    Ok(Box::new(Output::new(Members { decoder: Some(decoder) }, fault, words)))
}

fn words(error: &io::Error) -> Error {
    let text = error.to_string();
    if error.kind() == ErrorKind::UnexpectedEof {
        Error::backup("the gzip stream is cut short")
    } else if text.contains("checksum") {
        Error::backup("the checksum of the gzip stream does not match: it is damaged")
    } else {
        Error::backup(format!("the gzip stream is damaged ({text})"))
    }
}

/// The members, one after the other.
struct Members<R> {
    decoder: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(mut decoder) = self.decoder.take() {
            let n = decoder.read(buf)?;
            if n > 0 {
                self.decoder = Some(decoder);
                return Ok(n);
            }
            self.decoder = next_member(decoder.into_inner())?;
        }
        Ok(0)
    }
}

/// What follows a member: another one, nothing, or the zeros that tapes and some tools fill up with.
fn next_member<R: Read>(mut rest: BufReader<R>) -> io::Result<Option<GzDecoder<BufReader<R>>>> {
    if rest.fill_buf()?.first() == Some(&0x1f) {
        return Ok(Some(GzDecoder::new(rest)));
    }
    loop {
        let bytes = rest.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(Error::backup("behind the end of the gzip stream there is something that is not gzip").into());
        }
        let n = bytes.len();
        rest.consume(n);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{broken, everything, noise, opened, read};
    use super::super::{Layer, Opened};
    use super::*;
    use crate::error::Blame;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("write");
        encoder.finish().expect("finish")
    }

    const LAYERS: &[Layer] = &[Layer::Gzip];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn members_come_out_one_after_the_other(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..5), zeros in 0usize..2000) {
            let mut stored: Vec<u8> = parts.iter().flat_map(|p| gzip(p)).collect();
            stored.resize(stored.len() + zeros, 0);
            prop_assert_eq!(read(&stored, LAYERS).expect("read"), parts.concat());
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let stored = [gzip(&noise(5000)), gzip(b"second")].concat();
        let between = gzip(&noise(5000)).len();
        for cut in (0..stored.len()).filter(|cut| *cut != between) {
            let error = read(&stored[..cut], LAYERS).expect_err("cut");
            assert_eq!(error.blame, Blame::Backup, "{cut}: {error}");
        }
        let error = read(&stored[..between - 3], LAYERS).expect_err("cut");
        assert_eq!(error.message, "the gzip stream is cut short");
    }

    #[test]
    fn damage_rubbish_and_what_is_no_gzip_are_told() {
        let mut damaged = gzip(&[b'x'; 300]);
        let at = damaged.len() - 6;
        damaged[at] ^= 1;
        assert!(read(&damaged, LAYERS).expect_err("crc").message.contains("checksum"));
        let behind = [gzip(b"x"), b"rubbish".to_vec()].concat();
        assert!(read(&behind, LAYERS).expect_err("behind").message.contains("behind the end"));
        let behind = [gzip(b"x"), vec![0; 70_000], b"rubbish".to_vec()].concat();
        assert!(read(&behind, LAYERS).expect_err("behind zeros").message.contains("behind the end"));
        let error = read(b"<html>login</html>", LAYERS).expect_err("html");
        assert_eq!(error.message, "it is not gzip: it looks like an HTML page");
    }

    #[test]
    fn a_broken_network_is_never_a_damaged_gzip() {
        let stored = gzip(&noise(200_000));
        for at in [0, 1, 5, 12, 1000, 70_000, stored.len() - 4] {
            let error = everything(opened(broken(&stored[..at]), LAYERS)).expect_err("broken");
            assert_eq!(error, Error::harness("the network broke"), "{at}");
        }
    }

    #[test]
    fn gzip_is_found_by_its_magic_again_and_again_but_not_for_ever() {
        let mut stored = b"the payload".to_vec();
        for _ in 0..3 {
            stored = gzip(&stored);
        }
        let Opened { mut payload, layers, .. } = opened(Box::new(io::Cursor::new(stored.clone())), &[]).expect("open");
        let mut text = String::new();
        payload.read_to_string(&mut text).expect("read");
        assert_eq!((text.as_str(), layers.len()), ("the payload", 3));
        for _ in 0..2 {
            stored = gzip(&stored);
        }
        assert!(read(&stored, &[]).expect("four layers").starts_with(b"\x1f\x8b"));
    }
}
