//! zstd: one or several frames.

use super::reader::{Input, Output, Peek, Source};
use super::{magic, not_a};
use crate::error::{Error, Result};
use std::io::{self, BufReader, ErrorKind};
use zstd::stream::read::Decoder;

/// `zstd --ultra --long=31` needs 2 GiB to read; what a backup was made with, it must be proven with. Only frames that ask
/// for it cost it.
const LARGEST_WINDOW_LOG: u32 = 31;

/// Decompresses.
///
/// # Errors
/// Backup: it is no zstd. What is wrong behind the header is told while reading.
pub(super) fn open(mut source: Peek) -> Result<Source> {
    let head = source.head(magic::ENOUGH);
    if !(magic::is_zstd(head) || is_skippable(head)) {
        return Err(not_a("zstd", &mut source));
    }
    let (input, fault) = Input::new(Box::new(source));
    let failed = |e: io::Error| Error::harness(format!("cannot set up zstd: {e}"));
    let mut decoder = Decoder::with_buffer(BufReader::with_capacity(128 << 10, input)).map_err(failed)?;
    decoder.window_log_max(LARGEST_WINDOW_LOG).map_err(failed)?;
    Ok(Box::new(Output::new(decoder, fault, words)))
}

/// `pzstd` begins with a frame that holds no data.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn words(error: &io::Error) -> Error {
    let text = error.to_string();
    if error.kind() == ErrorKind::UnexpectedEof {
        Error::backup("the zstd stream is cut short")
    } else if text.contains("checksum") {
        Error::backup("the checksum of the zstd stream does not match: it is damaged")
    } else if text.contains("Unknown frame") {
        Error::backup("behind the end of the zstd stream there is something that is not zstd")
    } else {
        Error::backup(format!("the zstd stream is damaged ({text})"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layer;
    use super::super::tests::{broken, everything, noise, opened, read};
    use super::*;
    use crate::error::Blame;
    use proptest::prelude::*;
    use std::io::Write;

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).expect("encoder");
        encoder.include_checksum(true).expect("checksum");
        encoder.write_all(bytes).expect("write");
        encoder.finish().expect("finish")
    }

    const LAYERS: &[Layer] = &[Layer::Zstd];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn frames_come_out_one_after_the_other(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..5)) {
            let stored: Vec<u8> = parts.iter().flat_map(|p| zstd(p)).collect();
            prop_assert_eq!(read(&stored, LAYERS).expect("read"), parts.concat());
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let stored = [zstd(&noise(5000)), zstd(b"second")].concat();
        let between = zstd(&noise(5000)).len();
        for cut in (0..stored.len()).filter(|cut| *cut != between) {
            let error = read(&stored[..cut], LAYERS).expect_err("cut");
            assert_eq!(error.blame, Blame::Backup, "{cut}: {error}");
        }
        assert_eq!(read(&stored[..between - 2], LAYERS).expect_err("cut").message, "the zstd stream is cut short");
    }

    #[test]
    fn damage_rubbish_and_what_is_no_zstd_are_told() {
        let mut damaged = zstd(&noise(300));
        let at = damaged.len() - 2;
        damaged[at] ^= 1;
        assert!(read(&damaged, LAYERS).expect_err("checksum").message.contains("checksum"));
        let behind = [zstd(b"x"), b"rubbish".to_vec()].concat();
        assert!(read(&behind, LAYERS).expect_err("behind").message.contains("behind the end"));
        assert_eq!(
            read(b"PGDMP", LAYERS).expect_err("dump").message,
            "it is not zstd: it looks like a PostgreSQL archive (custom format)"
        );
    }

    #[test]
    fn an_empty_frame_before_the_data_and_a_broken_network() {
        let stored = [b"\x50\x2a\x4d\x18\x04\0\0\0abcd".to_vec(), zstd(b"payload")].concat();
        assert_eq!(read(&stored, LAYERS).expect("read"), b"payload");
        let error = everything(opened(broken(&zstd(&noise(300_000))[..200_000]), LAYERS)).expect_err("broken");
        assert_eq!(error, Error::harness("the network broke"));
    }
}
