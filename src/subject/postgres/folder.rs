//! A dump in a tar (`pg_dump -Ft`, or a folder of `pg_dump -Fd` in a tar), laid out in a folder. Both have the same parts under the same
//! names, so `pg_restore -Fd` takes both. Members may come in any order and at any depth, and only the parts of one dump are taken,
//! each under the last part of its name: nothing of the archive decides where something is written.

use super::class::Class;
use crate::error::{Error, Result};
use regex::Regex;
use std::fs::{DirBuilder, File};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use tar::EntryType;

/// The part that every dump has: its table of contents.
pub const TOC: &str = "toc.dat";

/// Bytes that are copied before it is looked again whether somebody still waits for them.
const PIECE: u64 = 16 << 20;

/// The parts' names: rows, large objects and lists of these. `restore.sql`, which only a tar archive has, is for people.
static PART: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(?:toc\.dat|blobs(?:_[0-9]+)?\.toc|(?:blob_)?[0-9]+\.dat(?:\.gz|\.lz4|\.zst)?)$";
    Regex::new(pattern).expect("a valid pattern")
});

/// The list of large objects of one entry (1.16).
static LIST: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^blobs_([0-9]+)\.toc$").expect("a valid pattern"));

/// Whether this can be the path of a dump's part.
#[must_use]
pub fn is_part(path: &str) -> bool {
    PART.is_match(split(path).1)
}

/// A part of a dump, and where its bytes lie in the tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The folder that it lies in, inside the tar.
    folder: String,
    name: String,
    /// Where its bytes begin.
    pub at: u64,
    /// How many there are.
    pub size: u64,
}

/// The table of contents in this tar.
///
/// # Errors
/// Backup: there is none, or the tar is damaged. Scenario: there are several. Harness: it cannot be read.
pub fn table_of_contents(tar: &Path) -> Result<Part> {
    let parts = parts(tar)?;
    let mut found = parts.into_iter().filter(|part| part.name == TOC);
    let Some(first) = found.next() else {
        // Where it stands late, a tar that is cut has lost it.
        let what = format!("{}: {TOC} is missing in the tar archive, which may have been cut", Class::CorruptArchive.title());
        return Err(Error::backup(what).hint(Class::CorruptArchive.hint()));
    };
    match found.next() {
        None => Ok(first),
        Some(second) => {
            let (one, other) = (first.folder, second.folder);
            let error = Error::scenario(format!("the tar archive holds several dumps: in `{one}` and in `{other}`"));
            Err(error.hint("Make an archive for each of them."))
        }
    }
}

/// Every member that is named as a part of a dump.
fn parts(tar: &Path) -> Result<Vec<Part>> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(tar)?));
    let mut parts = Vec::new();
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (folder, name) = split(&path);
        if !PART.is_match(name) {
            continue;
        }
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            kind if kind.is_gnu_sparse() => {
                let error = Error::harness(format!("{path} in the tar archive is a sparse file, which cannot be read here"));
                return Err(error.hint("Make the archive without `--sparse`."));
            }
            _ => continue,
        }
        let (at, size) = (entry.raw_file_position(), entry.size());
        parts.push(Part { folder: folder.to_owned(), name: name.to_owned(), at, size });
    }
    Ok(parts)
}

/// The folder and the last part of a path.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.rsplit_once('/').unwrap_or(("", path))
}

/// What the reader of tar headers does not like stands in the bytes; what the disk says comes with the system's number.
fn damaged(error: io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return error.into();
    }
    let message = format!("{}: the tar archive cannot be read ({error})", Class::CorruptArchive.title());
    Error::backup(message).hint(Class::CorruptArchive.hint())
}

/// Lays the dump in a tar out in a new folder. Ends early when the future is dropped.
///
/// # Errors
/// Backup: the tar is damaged, or holds no dump. Scenario: it holds several. Harness: reading or writing failed.
pub async fn lay_out(tar: PathBuf, folder: PathBuf) -> Result<()> {
    let given_up = GivenUp::default();
    let flag = given_up.0.clone();
    let work = tokio::task::spawn_blocking(move || copy_parts(&tar, &folder, &flag));
    work.await.unwrap_or_else(|e| Err(Error::harness(format!("unpacking the tar archive ended: {e}"))))
}

/// Set when it is dropped: nobody waits for the thread any more.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn copy_parts(tar: &Path, folder: &Path, given_up: &AtomicBool) -> Result<()> {
    let toc = table_of_contents(tar)?;
    let cannot = |e: io::Error| Error::from(e).context(format!("cannot write into {}", folder.display()));
    DirBuilder::new().mode(0o700).create(folder).map_err(cannot)?;
    let mut from = File::open(tar)?;
    for part in parts(tar)?.iter().filter(|part| part.folder == toc.folder) {
        let path = folder.join(&part.name);
        // An existing name is never written to: neither a second member nor a link leads elsewhere.
        let to = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let to = match to {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(twice(part)),
            to => to.map_err(cannot)?,
        };
        copy(&mut from, part, to, given_up).map_err(|e| e.context(format!("cannot unpack {}", part.name)))?;
        // In a tar archive the entry of large objects names its list as rows are named.
        if let Some(id) = LIST.captures(&part.name).and_then(|found| found.get(1)) {
            std::fs::hard_link(&path, folder.join(format!("{}.dat", id.as_str()))).map_err(cannot)?;
        }
    }
    Ok(())
}

fn twice(part: &Part) -> Error {
    let message = format!("{}: the tar archive holds {} twice", Class::CorruptArchive.title(), part.name);
    Error::backup(message).hint(Class::CorruptArchive.hint())
}

fn copy(from: &mut File, part: &Part, mut to: File, given_up: &AtomicBool) -> Result<()> {
    from.seek(SeekFrom::Start(part.at))?;
    let mut left = part.size;
    while left > 0 {
        if given_up.load(Ordering::Relaxed) {
            return Err(Error::harness("the restore was given up"));
        }
        let piece = left.min(PIECE);
        if io::copy(&mut from.take(piece), &mut to)? < piece {
            let message = format!("{}: the tar archive ends too early, in {}", Class::CorruptArchive.title(), part.name);
            return Err(Error::backup(message).hint(Class::CorruptArchive.hint()));
        }
        left -= piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use tar::{Builder, Header};

    fn member(builder: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, data: &[u8]) {
        let mut header = Header::new_gnu();
        // Set as bytes: the library refuses paths that lead out.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        if kind.is_symlink() {
            header.set_link_name("/etc/passwd").expect("a link");
        }
        header.set_cksum();
        builder.append(&header, data).expect("append");
    }

    fn archive(members: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, data) in members {
            let kind = match *data {
                "link" => EntryType::Symlink,
                "folder" => EntryType::Directory,
                _ => EntryType::Regular,
            };
            member(&mut builder, name, kind, if kind.is_file() { data.as_bytes() } else { b"" });
        }
        builder.into_inner().expect("finish")
    }

    /// The names and contents of the folder, or the error.
    fn laid_out(tar: &[u8]) -> Result<Vec<(String, String)>> {
        let dir = tempfile::tempdir().expect("tempdir");
        let (tar_path, folder) = (dir.path().join("tar"), dir.path().join("folder"));
        std::fs::write(&tar_path, tar).expect("write");
        copy_parts(&tar_path, &folder, &AtomicBool::new(false))?;
        assert_eq!(dir.path().read_dir().expect("dir").count(), 2, "nothing beside the folder");
        let read = |entry: io::Result<std::fs::DirEntry>| {
            let path = entry.expect("entry").path();
            let name = path.file_name().expect("name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("read"))
        };
        let mut files: Vec<_> = folder.read_dir().expect("folder").map(read).collect();
        files.sort();
        Ok(files)
    }

    fn files(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect()
    }

    #[test]
    fn the_parts_are_found_in_any_order_and_at_any_depth() {
        for root in ["", "./", "backup/db/", "/abs/", "../up/"] {
            let name = |name: &str| format!("{root}{name}");
            let names = ["12.dat.gz", "blobs_7.toc", "notes.txt", "restore.sql", "toc.dat", "blob_5.dat"].map(name);
            let mut members = vec![(root, "folder")];
            members.extend(names.iter().map(|name| (name.as_str(), "data")));
            members.push(("elsewhere/99.dat", "other"));
            let members: Vec<_> = members.into_iter().filter(|(name, _)| !name.is_empty()).collect();
            let expected = ["12.dat.gz", "7.dat", "blob_5.dat", "blobs_7.toc", "toc.dat"].map(|name| (name, "data"));
            assert_eq!(laid_out(&archive(&members)).expect("laid out"), files(&expected), "{root}");
        }
    }

    #[test]
    fn links_are_no_parts_and_nothing_is_written_twice() {
        let linked = archive(&[("toc.dat", "toc"), ("12.dat", "link"), ("13.dat", "rows")]);
        assert_eq!(laid_out(&linked).expect("laid out"), files(&[("13.dat", "rows"), ("toc.dat", "toc")]));
        let error = laid_out(&archive(&[("toc.dat", "toc"), ("12.dat", "a"), ("./12.dat", "b")])).expect_err("twice");
        assert_eq!((error.blame, error.message.as_str()), (Blame::Backup, "corrupt archive: the tar archive holds 12.dat twice"));
    }

    #[test]
    fn none_and_several_dumps_are_told_apart() {
        let error = laid_out(&archive(&[("12.dat", "rows")])).expect_err("none");
        assert_eq!(
            (error.blame, error.message.as_str()),
            (Blame::Backup, "corrupt archive: toc.dat is missing in the tar archive, which may have been cut")
        );
        let error = laid_out(&archive(&[("a/toc.dat", "x"), ("b/toc.dat", "x")])).expect_err("two");
        assert_eq!(error.blame, Blame::Scenario);
    }

    #[test]
    fn a_cut_or_damaged_tar_is_the_backups() {
        let whole = archive(&[("toc.dat", "toc"), ("12.dat", &"row\n".repeat(300))]);
        for cut in [1536 + 100, 1536, 514] {
            assert_eq!(laid_out(&whole[..cut]).expect_err("cut").blame, Blame::Backup, "{cut}");
        }
        let mut flipped = whole.clone();
        flipped[1024 + 20] ^= 1;
        let error = laid_out(&flipped).expect_err("a damaged header");
        assert!(error.blame == Blame::Backup && error.message.starts_with("corrupt archive: the tar archive"), "{error}");
    }
}
