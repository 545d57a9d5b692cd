//! The members of a tar stream, one after the other: ustar, GNU and pax (POSIX.1-2001).
//!
//! The `tar` crate reads the headers. Its iterator hides where things stand, and takes a cut end for an end.

use super::super::{Cause, Damage, Failure};
use super::wire::{Wire, changed};
use std::io::Read;
use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// Names and pax records are short; a damaged header must not fill the memory.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// One member, whose data follows in the stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path without a leading `./`.
    pub name: String,
    /// Bytes of its data.
    pub size: u64,
    /// It is a file with data, and no folder or link.
    pub is_file: bool,
    /// Where its header stands.
    pub at: u64,
}

/// Whether this block is a tar header.
pub fn is_header(block: &[u8]) -> bool {
    block.len() == BLOCK && block.iter().any(|byte| *byte != 0) && sum_is_right(block)
}

fn sum_is_right(block: &[u8]) -> bool {
    let sum: u32 = block.iter().enumerate().map(|(i, byte)| u32::from(if (148..156).contains(&i) { b' ' } else { *byte })).sum();
    header(block).cksum().is_ok_and(|told| told == sum)
}

fn header(block: &[u8]) -> Header {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    header
}

/// Reads the header of the next member. `None`: here are the two empty blocks at the archive's end, or the first of them.
///
/// # Errors
/// Damage: cut, or no header. Io: reading failed.
pub fn next<R: Read>(wire: &mut Wire<R>) -> Result<Option<Member>, Failure> {
    let mut named = Extension::default();
    let first = wire.at();
    loop {
        let at = wire.at();
        let block = block(wire)?;
        if block.iter().all(|byte| *byte == 0) {
            return if at == first {
                Ok(None)
            } else {
                Err(changed(at, "a member of the tar archive is missing behind its name"))
            };
        }
        if !sum_is_right(&block) {
            return Err(changed(at, "the checksum of a tar header does not match"));
        }
        let header = header(&block);
        let size = header.entry_size().map_err(|_| changed(at, "a tar header has no size"))?;
        match header.entry_type() {
            EntryType::GNULongName => named.path = Some(text(&extension(wire, size)?)),
            EntryType::GNULongLink | EntryType::XGlobalHeader => drop(extension(wire, size)?),
            EntryType::XHeader => named.read(&extension(wire, size)?),
            kind => return Ok(Some(named.member(&header, kind, size, at))),
        }
    }
}

fn block<R: Read>(wire: &mut Wire<R>) -> Result<[u8; BLOCK], Failure> {
    let mut block = [0; BLOCK];
    wire.exact(&mut block).map_err(|failure| failure.named("the tar archive ends too early"))?;
    Ok(block)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn extension<R: Read>(wire: &mut Wire<R>, size: u64) -> Result<Vec<u8>, Failure> {
    if size > LONGEST_EXTENSION {
        return Err(changed(wire.at(), "a name in the tar archive is too long"));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    wire.exact(&mut bytes).map_err(|failure| failure.named("the tar archive ends too early"))?;
    padding(wire, size)?;
    Ok(bytes)
}

/// Passes over what fills up a member's last block.
pub fn padding<R: Read>(wire: &mut Wire<R>, size: u64) -> Result<(), Failure> {
    let mut rest = [0; BLOCK];
    let used = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    let rest = if used == 0 { &mut rest[..0] } else { &mut rest[used..] };
    wire.exact(rest).map_err(|failure| failure.named("the tar archive ends too early"))
}

/// What headers of their own say of the member behind them.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    size: Option<u64>,
}

impl Extension {
    /// pax records: `LENGTH KEY=VALUE\n`, where the length counts the whole record. What cannot be read is passed over.
    fn read(&mut self, mut records: &[u8]) {
        while let Some((record, rest)) = split_record(records) {
            records = rest;
            match record.iter().position(|byte| *byte == b'=').map(|at| (&record[..at], &record[at + 1..])) {
                Some((b"path", value)) => self.path = Some(text(value)),
                Some((b"size", value)) => self.size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()),
                _ => {}
            }
        }
    }

    fn member(self, header: &Header, kind: EntryType, size: u64, at: u64) -> Member {
        let name = self.path.unwrap_or_else(|| text(&header.path_bytes()));
        let is_link = kind.is_symlink() || kind.is_hard_link();
        Member {
            name: name.strip_prefix("./").unwrap_or(&name).to_owned(),
            size: if is_link { 0 } else { self.size.unwrap_or(size) },
            is_file: matches!(kind, EntryType::Regular | EntryType::Continuous) && !name.ends_with('/'),
            at,
        }
    }
}

/// The first record without its length and line break, and those behind it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((record, records.get(length..)?))
}

/// Reads the archive's end behind the first of its two empty blocks: the other, zeros that fill up the last record, and nothing else.
///
/// # Errors
/// Damage: it is cut, or something follows. Io: reading failed.
pub fn end<R: Read>(wire: &mut Wire<R>) -> Result<(), Failure> {
    let at = wire.at();
    let second = block(wire)?;
    let behind = |at| {
        Failure::Damage(Damage { at, what: "something stands behind the end of the tar archive".into(), cause: Cause::Behind })
    };
    if second.iter().any(|byte| *byte != 0) {
        return Err(behind(at));
    }
    loop {
        let at = wire.at();
        let here = wire.fill()?;
        if here.is_empty() {
            break;
        }
        if let Some(place) = here.iter().position(|byte| *byte != 0) {
            return Err(behind(at + place as u64));
        }
        let count = here.len();
        wire.consume(count);
    }
    whole_end(wire.at())
}

/// Some writers fill up the last record with zeros, of any size, and others write none: only a part of a block tells that some are lost.
fn whole_end(at: u64) -> Result<(), Failure> {
    if at.is_multiple_of(BLOCK as u64) {
        Ok(())
    } else {
        Err(Failure::cut(at, "the tar archive ends too early, in the zeros at its end"))
    }
}
