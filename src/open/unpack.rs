//! From the payload's stream to a file in scratch, for what must be read twice or out of order.

use super::arrive::Stream;
use crate::error::{Error, Result};
use crate::units;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes per write.
const PIECE: usize = 128 << 10;

/// Reads a payload to its end into a file, mode 0600; one that is there is overwritten, and removing it is the caller's. No more than
/// `max` bytes are written. Gives the payload's size. Dropping the future ends the work only when the stream ends.
///
/// # Errors
/// Those of the stream. Harness: the disk, or more than `max` bytes.
pub async fn unpack(stream: Stream, target: PathBuf, max: Option<u64>) -> Result<u64> {
    let work = tokio::task::spawn_blocking(move || write(stream, &target, max));
    work.await.unwrap_or_else(|e| Err(Error::harness(format!("unpacking ended: {e}"))))
}

fn write(mut payload: Stream, target: &Path, max: Option<u64>) -> Result<u64> {
    let failed = |e: &io::Error| cannot_write(target, e);
    let options = File::options().write(true).create(true).truncate(true).mode(0o600).open(target);
    let mut file = options.map_err(|e| failed(&e))?;
    let (mut size, mut piece) = (0u64, vec![0; PIECE]);
    loop {
        let n = match payload.read(&mut piece) {
            Ok(0) => return Ok(size),
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        size += n as u64;
        if let Some(max) = max.filter(|max| size > *max) {
            return Err(too_large(size, max));
        }
        file.write_all(&piece[..n]).map_err(|e| failed(&e))?;
    }
}

fn cannot_write(target: &Path, error: &io::Error) -> Error {
    let folder = target.parent().unwrap_or(target).display();
    let hint = "Free some space, or point `scratch.dir` in assay.yaml to a larger disk.";
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::harness(format!("the disk of the scratch folder {folder} is full")).hint(hint)
        }
        _ => Error::harness(format!("cannot write to the scratch folder {folder}: {error}"))
            .hint("Check that `scratch.dir` in assay.yaml exists and can be written."),
    }
}

fn too_large(size: u64, max: u64) -> Error {
    let (needed, max) = (units::Bytes(size), units::Bytes(max));
    Error::harness(format!("the payload needs more scratch space than the {max} that are allowed: {needed} and more"))
        .hint("Raise `scratch.max` in assay.yaml.")
}

#[cfg(test)]
mod tests {
    use super::super::arrive::tests::{chunks, order, progress};
    use super::super::arrive::{Arriving, arrive};
    use super::super::gzip::tests::gzip;
    use super::super::tests::noise;
    use super::*;
    use crate::error::Blame;
    use std::os::unix::fs::PermissionsExt;

    async fn arriving(stored: &[u8]) -> Arriving {
        arrive(order(chunks(stored, None)), &progress()).await.expect("arrive")
    }

    #[tokio::test]
    async fn stored_bytes_become_a_private_file() {
        let dir = tempfile::tempdir().expect("tempdir");
        let payload = noise(300_000);
        let Arriving { stream, intake, .. } = arriving(&gzip(&payload)).await;
        let target = dir.path().join("payload");
        assert_eq!(unpack(stream, target.clone(), Some(300_000)).await.expect("unpack"), 300_000);
        assert_eq!(std::fs::read(&target).expect("read"), payload);
        assert_eq!(intake.taken().expect("to the end").size, 300_000);
        let mode = std::fs::metadata(&target).expect("meta").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_budget_and_a_disk_are_not_the_backups_fault() {
        let dir = tempfile::tempdir().expect("tempdir");
        for (target, max, words) in [
            (dir.path().join("payload"), Some(1000), "1000 B that are allowed"),
            (dir.path().join("none/payload"), None, "scratch folder"),
            ("/dev/full".into(), None, "the disk of the scratch folder /dev is full"),
        ] {
            let Arriving { stream, intake, .. } = arriving(&gzip(&noise(300_000))).await;
            let error = unpack(stream, target, max).await.expect_err("no room");
            assert!(error.message.contains(words) && error.blame == Blame::Harness, "{error}");
            assert_eq!(intake.taken(), None);
        }
    }
}
