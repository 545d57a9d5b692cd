//! One member of a tar archive, without unpacking anything: ustar, GNU and pax (POSIX.1-2001), old ones without a mark.
//!
//! The `tar` crate reads the headers; its iterator borrows the archive and stops at the member's end, while we must hand
//! out one owned reader that goes on to the archive's end.

use super::pax::Extension;
use super::reader::{Input, Output, Peek, Source};
use super::{magic, not_a};
use crate::error::{Error, Result};
use globset::{Glob, GlobMatcher};
use std::io::{self, ErrorKind, Read};
use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// Names and pax records are short; a damaged header must not fill the memory.
const LONGEST_EXTENSION: u64 = 1 << 20;
/// So many names are told when none matches.
const NAMES_TOLD: usize = 5;

/// The payload of the one member whose path matches the glob.
///
/// # Errors
/// Backup: it is no tar archive, or damaged or cut before the member. Scenario: no member matches, or not a file.
pub(super) fn open(mut source: Peek, glob: &str) -> Result<Source> {
    let matcher = Glob::new(glob).map_err(|e| Error::scenario(format!("`{glob}` is no glob: {e}")))?.compile_matcher();
    let head = source.head(BLOCK);
    let empty_archive = head.len() == BLOCK && head.iter().all(|byte| *byte == 0);
    if !magic::is_tar(head) && !empty_archive {
        return Err(not_a("a tar archive", &mut source));
    }
    let (input, fault) = Input::new(Box::new(source));
    let mut archive = Archive { input };
    let member = find(&mut archive, &matcher, glob).map_err(|e| fault.or(|| own(e)))?;
    let payload = Payload { archive, left: member.size, padding: padding(member.size), name: member.name, matcher, done: false };
    Ok(Box::new(Output::new(payload, fault, own_words)))
}

pub(super) fn own(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|e| own_words(&e))
}

fn own_words(error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::backup("the tar archive is cut short"),
        _ => Error::backup(format!("the tar archive is damaged ({error})")),
    }
}

/// Goes to the first member that matches.
fn find<R: Read>(archive: &mut Archive<R>, matcher: &GlobMatcher, glob: &str) -> io::Result<Member> {
    let mut names = Vec::new();
    let mut count = 0usize;
    while let Some(member) = archive.next()? {
        if member.matches(matcher) {
            return member.into_file().map_err(io::Error::from);
        }
        archive.skip_data(member.size)?;
        count += 1;
        if names.len() < NAMES_TOLD {
            names.push(member.name);
        }
    }
    if count == 0 {
        return Err(Error::backup("the tar archive is empty").into());
    }
    let more = if count > names.len() { format!(" and {} more", count - names.len()) } else { String::new() };
    let error = Error::scenario(format!("no member of the tar archive matches `{glob}`"));
    Err(error.hint(format!("It holds {}{more}.", names.join(", "))).into())
}

/// Bytes between the end of a member and the next block.
pub(super) const fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}

/// Whether the sum that stands in a header is that over its bytes.
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let sum: u32 = block.iter().enumerate().map(|(i, byte)| u32::from(if (148..156).contains(&i) { b' ' } else { *byte })).sum();
    block.iter().any(|byte| *byte != 0) && header(block).cksum().is_ok_and(|told| told == sum)
}

fn header(block: &[u8; BLOCK]) -> Header {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    header
}

/// One member, whose data follows in the stream.
pub(super) struct Member {
    pub name: String,
    pub size: u64,
    pub kind: EntryType,
    pub link: Option<String>,
    sparse: bool,
}

impl Member {
    /// As it is written, and without the `./` that `tar -C dir .` puts before every path.
    fn matches(&self, matcher: &GlobMatcher) -> bool {
        let plain = self.name.strip_prefix("./").unwrap_or(&self.name);
        // A folder may match a glob as `*/x*` does along with the file in it that is meant.
        !self.kind.is_dir() && !self.name.ends_with('/') && (matcher.is_match(&self.name) || matcher.is_match(plain))
    }

    fn into_file(self) -> Result<Self> {
        let name = &self.name;
        if let Some(target) = &self.link {
            let error = Error::scenario(format!("{name} in the tar archive is a link to {target}"));
            return Err(error.hint(format!("Let `member:` name {target} itself.")));
        }
        if self.sparse {
            let error = Error::harness(format!("{name} in the tar archive is a sparse file, which cannot be read here"));
            return Err(error.hint("Make the archive without `--sparse`."));
        }
        if !matches!(self.kind, EntryType::Regular | EntryType::Continuous) {
            return Err(Error::scenario(format!("{name} in the tar archive is no file")));
        }
        Ok(self)
    }
}

/// Headers and data, one after the other.
pub(super) struct Archive<R> {
    pub input: R,
}

impl<R: Read> Archive<R> {
    /// The next member; `None` at the archive's end, behind which nothing but zeros may follow. Its end mark (two blocks of
    /// zeros) may be missing: some writers leave it out, and the stream still ended on a block's border.
    pub fn next(&mut self) -> io::Result<Option<Member>> {
        let mut extension = Extension::default();
        while let Some(block) = self.block()? {
            if block.iter().all(|byte| *byte == 0) {
                self.only_zeros_follow()?;
                break;
            }
            if !is_header(&block) {
                return Err(Error::backup("the tar archive is damaged: a header's checksum does not match").into());
            }
            let header = header(&block);
            let size = header.entry_size()?;
            match header.entry_type() {
                EntryType::GNULongName => extension.path = Some(self.text(size)?),
                EntryType::GNULongLink => extension.link = Some(self.text(size)?),
                EntryType::XHeader => extension.read(&self.data(size)?)?,
                EntryType::XGlobalHeader => self.skip_data(size)?,
                kind => return self.member(&header, kind, size, extension).map(Some),
            }
            extension.open = true;
        }
        if extension.open { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(None) }
    }

    fn member(&mut self, header: &Header, kind: EntryType, size: u64, extension: Extension) -> io::Result<Member> {
        let mut more = kind.is_gnu_sparse() && header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while more {
            // Further pieces of a sparse file's map; the flag for yet another block stands at 504.
            let block = self.block()?.ok_or(ErrorKind::UnexpectedEof)?;
            more = block[504] != 0;
        }
        let name = extension.path.unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
        let link = extension.link.or_else(|| header.link_name_bytes().map(|l| String::from_utf8_lossy(&l).into_owned()));
        let is_link = kind.is_symlink() || kind.is_hard_link();
        Ok(Member {
            name,
            size: if is_link { 0 } else { extension.size.unwrap_or(size) },
            kind,
            link: link.filter(|_| is_link),
            sparse: kind.is_gnu_sparse() || extension.sparse,
        })
    }

    /// One block; `None` when the stream ends on its border.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = Vec::with_capacity(BLOCK);
        self.input.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(None);
        }
        block.try_into().map(Some).map_err(|_| ErrorKind::UnexpectedEof.into())
    }

    fn only_zeros_follow(&mut self) -> io::Result<()> {
        while let Some(block) = self.block()? {
            if block.iter().any(|byte| *byte != 0) {
                return Err(Error::backup("behind the end of the tar archive there is something else").into());
            }
        }
        Ok(())
    }

    /// The data of an extension.
    fn data(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > LONGEST_EXTENSION {
            return Err(Error::backup("the tar archive is damaged: an extension header is too long").into());
        }
        let mut data = Vec::new();
        self.input.by_ref().take(size).read_to_end(&mut data)?;
        if (data.len() as u64) < size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.skip(padding(size))?;
        Ok(data)
    }

    fn text(&mut self, size: u64) -> io::Result<String> {
        let data = self.data(size)?;
        let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        Ok(String::from_utf8_lossy(&data[..end]).into_owned())
    }

    /// A member's data, up to the next header. A damaged header may tell any size.
    pub fn skip_data(&mut self, size: u64) -> io::Result<()> {
        self.skip(size.saturating_add(padding(size)))
    }

    pub fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        if skipped == bytes { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

/// The member's bytes, then the rest of the archive: a cut archive must not pass because the member is whole.
struct Payload<R> {
    archive: Archive<R>,
    left: u64,
    padding: u64,
    name: String,
    matcher: GlobMatcher,
    done: bool,
}

impl<R: Read> Payload<R> {
    fn rest(&mut self) -> io::Result<()> {
        self.archive.skip(self.padding)?;
        while let Some(member) = self.archive.next()? {
            if member.matches(&self.matcher) {
                let error = Error::scenario(format!("two members of the tar archive match: {} and {}", self.name, member.name));
                return Err(error.hint("Let `member:` name exactly one.").into());
            }
            self.archive.skip_data(member.size)?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Payload<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if !self.done {
                self.rest()?;
                self.done = true;
            }
            return Ok(0);
        }
        let most = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        let n = self.archive.input.read(&mut buf[..most])?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layer;
    use super::super::tests::{broken, everything, noise, opened, read};
    use super::*;
    use crate::error::Blame;
    use proptest::prelude::*;
    use tar::Builder;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, data) in members {
            let mut header = Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o600);
            builder.append_data(&mut header, name, *data).expect("append");
        }
        builder.into_inner().expect("finish")
    }

    fn member(stored: &[u8], glob: &str) -> Result<Vec<u8>> {
        read(stored, &[Layer::Tar(glob.into())])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_member_comes_out_whole(before in 0usize..2000, size in 0usize..5000, after in 0usize..2000, depth in 0usize..40) {
            let long = format!("{}all_records.json", "a-long-folder/".repeat(depth));
            let (first, data, last) = (noise(before), noise(size), noise(after));
            let stored = archive(&[("x/first", &first), (&long, &data), ("x/last", &last)]);
            prop_assert_eq!(member(&stored, "*all_records.json").expect("read"), data);
        }
    }

    #[test]
    fn every_cut_is_an_error_unless_all_members_are_whole() {
        let stored = archive(&[("a", &noise(700)), ("b", &noise(100)), ("c", b"")]);
        let whole = 512 + 1024 + 512 + 512 + 512;
        for cut in 0..stored.len() {
            // Without its end mark, and with half of it.
            if cut >= whole && cut % 512 == 0 || cut == 1536 || cut == 2560 {
                assert_eq!(member(&stored[..cut], "a").expect("whole"), noise(700), "{cut}");
            } else {
                assert_eq!(member(&stored[..cut], "a").expect_err("cut").blame, Blame::Backup, "{cut}");
            }
        }
        assert_eq!(member(&stored[..600], "a").expect_err("cut").message, "the tar archive is cut short");
    }

    #[test]
    fn none_two_and_links_are_told() {
        let stored = archive(&[("x/1", b"1"), ("x/2", b"2"), ("x/3", b"3"), ("x/4", b"4"), ("x/5", b"5"), ("x/6", b"6")]);
        let error = member(&stored, "y*").expect_err("none");
        assert_eq!((error.blame, error.message.as_str()), (Blame::Scenario, "no member of the tar archive matches `y*`"));
        assert_eq!(error.hint.as_deref(), Some("It holds x/1, x/2, x/3, x/4, x/5 and 1 more."));
        let error = member(&stored, "x/[23]").expect_err("two");
        assert_eq!(error.message, "two members of the tar archive match: x/2 and x/3");
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "latest.sql", "2026.sql").expect("append");
        let error = member(&builder.into_inner().expect("finish"), "latest*").expect_err("link");
        assert_eq!(error.message, "latest.sql in the tar archive is a link to 2026.sql");
        assert_eq!(member(&[0; 1024], "*").expect_err("empty").message, "the tar archive is empty");
        assert!(member(&stored, "[").expect_err("glob").message.contains("is no glob"));
        assert_eq!(member(b"PGDMP", "*").expect_err("no tar").blame, Blame::Scenario);
        assert_eq!(member(b"<html>", "*").expect_err("page").blame, Blame::Backup);
        let mut header = Header::new_gnu();
        header.set_size(u64::MAX);
        header.set_cksum();
        assert_eq!(member(header.as_bytes(), "y").expect_err("size").message, "the tar archive is cut short");
    }

    #[test]
    fn pax_names_and_sizes_and_leading_dots() {
        let mut builder = Builder::new(Vec::new());
        let name = "a-folder-with-\u{e4}/".repeat(20) + "dump.sql";
        builder.append_pax_extensions([("path", name.as_bytes()), ("comment", b"two\nlines=x")]).expect("pax");
        let mut header = Header::new_ustar();
        header.set_size(7);
        header.set_path("short").expect("path");
        header.set_cksum();
        builder.append(&header, b"payload".as_slice()).expect("append");
        let stored = builder.into_inner().expect("finish");
        assert_eq!(member(&stored, "a-folder*dump.sql").expect("read"), b"payload");
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(7);
        header.as_mut_bytes()[..10].copy_from_slice(b"./dump.sql");
        header.set_cksum();
        builder.append(&header, b"payload".as_slice()).expect("append");
        assert_eq!(member(&builder.into_inner().expect("finish"), "dump.sql").expect("read"), b"payload");
    }

    #[test]
    fn damage_and_what_stands_behind_the_end_are_told() {
        let stored = archive(&[("a", &noise(700)), ("b", &noise(100))]);
        let mut damaged = stored.clone();
        damaged[1536 + 20] ^= 1;
        assert!(member(&damaged, "a").expect_err("header").message.contains("checksum"));
        let padded = [stored.clone(), vec![0; 10_240]].concat();
        assert_eq!(member(&padded, "a").expect("tape").len(), 700);
        let behind = [stored.clone(), stored.clone()].concat();
        assert!(member(&behind, "a").expect_err("two archives").message.contains("behind the end"));
        let error = everything(opened(broken(&stored[..900]), &[Layer::Tar("a".into())])).expect_err("broken");
        assert_eq!(error, Error::harness("the network broke"));
        let error = everything(opened(broken(&stored[..1600]), &[Layer::Tar("b".into())])).expect_err("broken");
        assert_eq!(error, Error::harness("the network broke"));
    }
}
