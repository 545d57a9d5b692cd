//! Archives of `pg_dump`: custom, tar, and directory (in a tar).

mod custom;
mod feed;
mod files;
mod header;
mod names;
mod objects;
mod rows;
mod rules;
mod tally;
mod tar;
mod toc;
mod unpack;
mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;

pub use header::{Compression, Format, Header};
pub use toc::{Contents, DataMark, Entry, Section};

use super::{Cause, Damage, Failure, Survey};
use memchr::memmem;
use std::io::{self, Read};
use tally::Tally;

pub(super) use wire::Wire;
use wire::changed;

/// What a tar of `pg_dump -Ft` begins with: the name of its first member.
const FIRST_MEMBER: &[u8] = b"toc.dat\0";
/// So far into a file a message of a tool can push the archive behind it.
const LONGEST_PREFIX: usize = 4096;

/// Reads the header of a custom archive or of a `toc.dat` that begins with these bytes, whatever version its table of contents has.
///
/// # Errors
/// Damage: it is none, cut or damaged.
pub fn header(head: &[u8]) -> Result<Header, Failure> {
    Header::read(&mut Wire::new(head, 0))
}

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

/// Surveys the dump that begins here, when it is an archive. `None`: it is none, and nothing was taken.
///
/// # Errors
/// Reading failed. What is wrong with the bytes is in the survey.
pub(super) fn survey<R: Read>(wire: &mut Wire<R>) -> io::Result<Option<Survey>> {
    let head = wire.peek(LONGEST_PREFIX)?;
    let begins = |magic: &[u8]| !head.is_empty() && magic.starts_with(head);
    let begun_tar =
        head.len() < 512 && (head.starts_with(FIRST_MEMBER) || begins(FIRST_MEMBER) || head.get(257..262) == Some(b"ustar"));
    if begins(header::MAGIC) || begun_tar {
        return Ok(Some(damaged(head.len() as u64, Cause::Cut, "the archive ends too early, in its first bytes")));
    }
    if head.starts_with(header::MAGIC) {
        return custom(wire).map(Some);
    }
    if tar::is_header(head.get(..512).unwrap_or_default()) {
        return files(wire).map(Some);
    }
    // Behind the magic: the major version of every archive, and a minor.
    let inside = memmem::find(head, b"PGDMP\x01").filter(|at| *at > 0);
    Ok(inside.map(|at| damaged(at as u64, Cause::Changed, "something stands before the archive that begins here")))
}

fn damaged(at: u64, cause: Cause, what: &str) -> Survey {
    Survey { damages: vec![Damage { at, what: what.to_owned(), cause }], ..Survey::default() }
}

fn custom<R: Read>(wire: &mut Wire<R>) -> io::Result<Survey> {
    let contents = match Contents::read(wire) {
        Ok(contents) => contents,
        Err(failure) => return only(failure),
    };
    if contents.header.format == Format::Files {
        let what = "this is toc.dat, the table of contents of a directory dump without its data";
        return Ok(damaged(0, Cause::Unknown, what));
    }
    let mut tally = Tally::new(contents);
    match custom::Walk::new(wire, &mut tally)?.run() {
        Ok(()) => tally.agree_on_large_objects(wire.at()),
        Err(failure) => tally.ended(failure)?,
    }
    Ok(tally.survey())
}

fn files<R: Read>(wire: &mut Wire<R>) -> io::Result<Survey> {
    let (tally, failure) = files::Walk::new(wire)?.run();
    match (tally, failure) {
        (Some(mut tally), None) => {
            tally.agree_on_large_objects(wire.at());
            Ok(tally.survey())
        }
        (Some(mut tally), Some(failure)) => {
            tally.ended(failure)?;
            Ok(tally.survey())
        }
        (None, Some(failure)) => only(failure),
        (None, None) => Ok(Survey::default()),
    }
}

/// The survey of a dump without a table of contents.
fn only(failure: Failure) -> io::Result<Survey> {
    match failure {
        Failure::Io(error) => Err(error),
        Failure::Damage(damage) => Ok(Survey { damages: vec![damage], ..Survey::default() }),
    }
}

/// The table of contents of a tar archive is `toc.dat`, that of a directory may have the directory's name before it.
fn is_toc(path: &str) -> bool {
    base_name(path) == "toc.dat"
}

/// The last part of a path.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
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
