//! Archives of `pg_dump`: custom, tar, and directory (in a tar).

mod header;
mod tar;
mod toc;
mod wire;

pub use header::{Compression, Format, Header};
pub use toc::{Contents, DataMark, Entry, Section};

use super::Failure;
use std::io::Read;
use wire::{Wire, changed};

/// Reads the header and the table of contents of a custom archive, of a tar archive (also of a directory dump in a tar, up to its
/// `toc.dat`), or of a bare `toc.dat`. Nothing behind them is looked at.
///
/// # Errors
/// Damage: it is none of these, or damaged. Io: reading failed.
pub fn contents(input: impl Read) -> Result<Contents, Failure> {
    let mut wire = Wire::new(input, 0);
    let head = wire.peek(512)?;
    if !tar::is_header(head) {
        return Contents::read(&mut wire);
    }
    while let Some(member) = tar::next(&mut wire)? {
        if member.is_file && is_toc(&member.name) {
            return Contents::read(&mut wire);
        }
        skip(&mut wire, member.size)?;
        tar::padding(&mut wire, member.size)?;
    }
    Err(changed(wire.at(), "the tar archive holds no toc.dat"))
}

/// The table of contents of a tar archive is `toc.dat`, that of a directory may have the directory's name before it.
fn is_toc(path: &str) -> bool {
    path.rsplit('/').next() == Some("toc.dat")
}

/// Passes over so many bytes.
fn skip<R: Read>(wire: &mut Wire<R>, mut count: u64) -> Result<(), Failure> {
    while count > 0 {
        let here = wire.fill()?.len();
        if here == 0 {
            return Err(Failure::cut(wire.at(), "the archive ends too early"));
        }
        let taken = usize::try_from(count).map_or(here, |count| count.min(here));
        wire.consume(taken);
        count -= taken as u64;
    }
    Ok(())
}
