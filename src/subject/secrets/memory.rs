//! Plaintext in memory: wiped after use, never grown in place, in no core dump.

use crate::error::{Error, Result};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use std::io::{ErrorKind, Read};
use zeroize::Zeroizing;

/// One piece, in bytes.
const PIECE: usize = 64 << 10;

/// From here on this process leaves no core dump, and no other process of the same user can read its memory. Both last as long as the
/// process: what was decrypted once may still lie in a buffer of the operating system's or of a library's. A limit alone would not do,
/// because a `core_pattern` that is a pipe does not look at it (core(5)).
pub(super) fn forbid_dumps() {
    let limit = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    let limited = setrlimit(Resource::Core, limit);
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        tracing::warn!(%error, "core dumps cannot be forbidden");
    }
}

/// All that a reader has, up to `most` bytes. Buffers that grow would leave copies behind: so it is read in pieces, and put
/// together once the size is known.
///
/// # Errors
/// Those of the reader. Backup: there is more.
pub(super) fn read_all(mut reader: impl Read, most: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut pieces: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut size = 0;
    loop {
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        let n = fill(&mut reader, &mut piece)?;
        piece.truncate(n);
        size += n;
        pieces.push(piece);
        if size > most {
            let hint = "An export of secrets is small: something else is stored under its name.";
            return Err(Error::backup(format!("it holds more than {most} bytes")).hint(hint));
        }
        if n < PIECE {
            break;
        }
    }
    let mut all = Zeroizing::new(Vec::with_capacity(size));
    for piece in &pieces {
        all.extend_from_slice(piece);
    }
    Ok(all)
}

fn fill(reader: &mut impl Read, piece: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_comes_whole_and_too_much_is_refused() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes: Vec<u8> = (0..=255).cycle().take(size).collect();
            assert_eq!(*read_all(bytes.as_slice(), 3 * PIECE).expect("read"), bytes, "{size}");
        }
        assert!(read_all(std::io::repeat(1), 1000).is_err());
    }

    #[test]
    fn there_is_no_core_dump_afterwards() {
        forbid_dumps();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        let dumpable = rustix::process::dumpable_behavior().expect("prctl");
        assert_eq!(dumpable, DumpableBehavior::NotDumpable);
    }
}
