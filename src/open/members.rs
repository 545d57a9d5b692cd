//! All files of a small tar archive, in memory: for exports whose parts belong together. Nothing is unpacked, and nothing that
//! `tar -x` would do harm with is passed over.

use super::tar::{Archive, own, padding};
use crate::error::{Error, Result};
use crate::units::Bytes;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path};

/// How much an archive may hold before it is taken for a bomb.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Bytes of all members together.
    pub bytes: u64,
    /// Members of any kind.
    pub members: usize,
}

/// The files of an archive with their paths as they stand in it, read to the archive's end.
///
/// # Errors
/// Backup: it is damaged, cut, holds more than `most`, or has a member that is neither file nor folder, or one whose path leads
/// out of the folder that it is unpacked in. Those of `read` itself go through.
pub fn members(read: impl Read, most: Most) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = Archive { input: read };
    let mut files = Vec::new();
    let (mut left, mut count) = (most.bytes, 0);
    while let Some(member) = archive.next().map_err(own)? {
        count += 1;
        let inside = is_inside(&member.name);
        let name = member.name;
        if !inside {
            let error = Error::backup(format!("the tar archive has a member whose path leads out of it: {}", shown(&name)));
            return Err(error.hint("Nobody should unpack it. Look at how it was made, and by whom."));
        }
        if member.link.is_some() || !(member.kind.is_file() || member.kind.is_dir() || member.kind.is_contiguous()) {
            return Err(Error::backup(format!("the tar archive has a member that is no file: {}", shown(&name))));
        }
        left = left.checked_sub(member.size).filter(|_| count <= most.members).ok_or_else(|| {
            Error::backup(format!("the tar archive holds more than {} or {} files", Bytes(most.bytes), most.members))
                .hint("Such an export is small: this is none, or it is made to do harm.")
        })?;
        if member.kind.is_dir() {
            archive.skip_data(member.size).map_err(own)?;
            continue;
        }
        let mut data = Vec::new();
        archive.input.by_ref().take(member.size).read_to_end(&mut data).map_err(own)?;
        if (data.len() as u64) < member.size {
            return Err(own(ErrorKind::UnexpectedEof.into()));
        }
        archive.skip(padding(member.size)).map_err(own)?;
        files.push((name, data));
    }
    Ok(files)
}

fn is_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// A name from a foreign archive, fit for a line.
fn shown(name: &str) -> String {
    name.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use tar::{Builder, EntryType, Header};

    const MOST: Most = Most { bytes: 10_000, members: 5 };

    fn header(name: &str, size: u64, kind: EntryType) -> Header {
        let mut header = Header::new_gnu();
        // `set_path` refuses what must be tested.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(size);
        header.set_entry_type(kind);
        header.set_mode(0o600);
        header.set_cksum();
        header
    }

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, data) in entries {
            builder.append(&header(name, data.len() as u64, *kind), *data).expect("append");
        }
        builder.into_inner().expect("finish")
    }

    #[test]
    fn files_come_with_their_paths_and_folders_are_passed() {
        let stored = archive(&[
            ("./", EntryType::Directory, b""),
            ("./a.json", EntryType::Regular, b"{}"),
            ("x/b.txt", EntryType::Regular, &[7; 600]),
        ]);
        let files = members(stored.as_slice(), MOST).expect("read");
        assert_eq!(files, [("./a.json".to_owned(), b"{}".to_vec()), ("x/b.txt".to_owned(), vec![7; 600])]);
    }

    #[test]
    fn every_cut_within_is_an_error() {
        let stored = archive(&[("a", EntryType::Regular, &[1; 700]), ("b", EntryType::Regular, b"2")]);
        for cut in (1..stored.len() - 1024).filter(|cut| *cut != 512 + 1024) {
            let error = members(&stored[..cut], MOST).expect_err("cut");
            assert_eq!((error.blame, error.message.as_str()), (Blame::Backup, "the tar archive is cut short"), "{cut}");
        }
    }

    #[test]
    fn what_would_do_harm_is_refused() {
        for (entry, words) in [
            (("../etc/cron.d/x", EntryType::Regular, b"x".as_slice()), "leads out of it: ../etc"),
            (("a/../../x", EntryType::Regular, b"x"), "leads out"),
            (("/etc/passwd", EntryType::Regular, b"x"), "leads out of it: /etc/passwd"),
            (("link", EntryType::Symlink, b""), "no file: link"),
            (("hard", EntryType::Link, b""), "no file: hard"),
            (("null", EntryType::Char, b""), "no file: null"),
        ] {
            let error = members(archive(&[entry]).as_slice(), MOST).expect_err(words);
            assert!(error.blame == Blame::Backup && error.message.contains(words), "{error}");
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_header_alone() {
        let bomb = header("all_records.json", 10 << 30, EntryType::Regular);
        let error = members(bomb.as_bytes().as_slice(), MOST).expect_err("bomb");
        assert!(error.message.starts_with("the tar archive holds more than"), "{error}");
        let many = archive(&[("a", EntryType::Regular, b"".as_slice()); 6]);
        assert!(members(many.as_slice(), MOST).is_err());
    }
}
