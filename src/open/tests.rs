//! What the tests of the layers share, and the tests of their stacking.

use super::reader::Source;
use super::{Layer, Opened, open};
use crate::error::{Error, Result};
use crate::secret::{SecretRef, Secrets};
use std::io::{self, Cursor, Read};

/// Delivers some bytes, then fails as a store does.
struct Broken(Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 => Err(Error::harness("the network broke").into()),
            n => Ok(n),
        }
    }
}

pub(super) fn broken(bytes: &[u8]) -> Source {
    Box::new(Broken(Cursor::new(bytes.to_vec())))
}

/// Nothing but the word `payload` is recognised.
pub(super) fn opened(stored: Source, layers: &[Layer]) -> Result<Opened> {
    open(stored, layers, &Secrets::default(), &|head| head.starts_with(b"payload"))
}

pub(super) fn everything(opened: Result<Opened>) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    opened?.payload.read_to_end(&mut all)?;
    Ok(all)
}

pub(super) fn read(stored: &[u8], layers: &[Layer]) -> Result<Vec<u8>> {
    everything(opened(Box::new(Cursor::new(stored.to_vec())), layers))
}

/// A secret in a file, as long as the folder lives.
pub(super) fn secret(value: &str) -> (tempfile::TempDir, SecretRef) {
    let dir = tempfile::tempdir().expect("tempdir");
    let file = dir.path().join("secret");
    std::fs::write(&file, format!("{value}\n")).expect("write");
    (dir, SecretRef::File(file))
}

/// Bytes that do not compress, the same each time (a xorshift).
pub(super) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(size).collect()
}

#[test]
fn without_layers_the_payload_is_what_is_stored() {
    for stored in [b"".as_slice(), b"x", b"\x1f\x8b"] {
        assert_eq!(read(stored, &[]).expect("read"), stored);
    }
}

#[test]
fn a_broken_network_is_told_as_it_is_at_every_layer() {
    for layer in [Layer::Gzip, Layer::Zstd, Layer::Tar("*".into())] {
        let error = everything(opened(broken(b""), std::slice::from_ref(&layer))).expect_err("broken");
        assert_eq!(error, Error::harness("the network broke"), "{}", layer.name());
    }
}
