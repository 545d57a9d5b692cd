//! What is no dump at all, and who must act on it. Pure.

use super::scrub;
use crate::error::Error;
use crate::open::magic;

/// What a layer of `open:` opens: the scenario forgot to name it, and nothing speaks against the backup.
const OPENED_BY_A_LAYER: [&str; 7] =
    ["gzip", "zstd", "openssl enc", "openssl enc in base64", "age", "age (armored)", "a tar archive"];

/// What no layer opens yet.
const NOT_SUPPORTED: [&str; 7] = ["xz", "bzip2", "lz4", "a zip archive", "a 7z archive", "a PGP message", "a LUKS volume"];

/// Why a payload with this head, which is no dump, cannot be restored.
///
/// A container or a cipher may hold a whole dump: that is the scenario's, or ours as long as no layer opens it. Anything
/// else stands where the dump should be, so the backup is bad.
pub fn no_dump(head: &[u8]) -> Error {
    let is = looks_like(head);
    let message = format!("this is no PostgreSQL dump but {is}");
    if OPENED_BY_A_LAYER.contains(&is) {
        return Error::scenario(message).hint("Say in `open:` how it is opened.");
    }
    if NOT_SUPPORTED.contains(&is) {
        return Error::harness(format!("{message}, which is not supported yet"))
            .hint("Compress it by gzip or zstd, encrypt it by age or `openssl enc`.");
    }
    let hint = "Look at the job that makes the backup: it stored something else, or stopped before it wrote anything.";
    Error::backup(message).hint(hint).evidence(complaint(head))
}

fn looks_like(head: &[u8]) -> &'static str {
    match magic::looks_like(head) {
        _ if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") => {
            "UTF-16 text, as a redirection in PowerShell writes it"
        }
        "text" if complaint(head).is_some() => "an error message",
        "text" => "text that is not SQL",
        known => known,
    }
}

/// How the first line of what a failed job left behind begins.
const COMPLAINTS_BEGIN: [&str; 9] =
    ["pg_dump: ", "pg_dumpall: ", "psql: ", "bash: ", "sh: ", "/bin/", "error:", "fatal:", "usage: "];

/// The first line, when it is a tool's complaint and no data: the text that the job stored instead of a dump.
fn complaint(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty())?;
    let lower = first.trim_start().to_ascii_lowercase();
    let complains = COMPLAINTS_BEGIN.iter().any(|start| lower.starts_with(start)) || lower.contains("command not found");
    complains.then(|| scrub::line(first).chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;

    fn tar() -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.set_path("backup/codetalk.dump").expect("a path");
        header.set_size(0);
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    #[test]
    fn a_forgotten_layer_is_the_scenarios() {
        let tar = tar();
        for (head, is) in [
            (&b"age-encryption.org/v1\n"[..], "age"),
            (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "age (armored)"),
            (b"Salted__12345678", "openssl enc"),
            (b"U2FsdGVkX19abc", "openssl enc in base64"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (&tar, "a tar archive"),
        ] {
            let error = no_dump(head);
            assert_eq!((error.blame, error.message), (Blame::Scenario, format!("this is no PostgreSQL dump but {is}")));
            assert_eq!(error.hint.as_deref(), Some("Say in `open:` how it is opened."));
        }
    }

    #[test]
    fn what_no_layer_opens_is_ours() {
        for (head, is) in [
            (&b"\xfd7zXZ\0"[..], "xz"),
            (b"BZh91AY", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"PK\x03\x04", "a zip archive"),
            (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
            (b"-----BEGIN PGP MESSAGE-----", "a PGP message"),
            (b"LUKS\xba\xbe", "a LUKS volume"),
        ] {
            let error = no_dump(head);
            let message = format!("this is no PostgreSQL dump but {is}, which is not supported yet");
            assert_eq!((error.blame, error.message), (Blame::Harness, message));
        }
    }

    #[test]
    fn what_stands_where_the_dump_should_be_is_the_backups() {
        for (head, is) in [
            (&b""[..], "nothing at all (it is empty)"),
            (&[0; 600], "nothing but zero bytes"),
            (b"<!DOCTYPE html><html>", "an HTML page"),
            (b"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code></Error>", "an error document of an S3 server"),
            (b"{\"message\": \"denied\"}", "JSON"),
            (b"\x6d\xe2\x99\x81", "a mongodump archive"),
            (b"SQLite format 3\0", "an SQLite database"),
            (b"\x01\x02\xfe", magic::UNKNOWN),
            (b"\xff\xfe-\0-\0", "UTF-16 text, as a redirection in PowerShell writes it"),
            (b"hello world", "text that is not SQL"),
            (b"sh: 1: pg_dump: not found\n", "an error message"),
            (b"\nFATAL:  the database system is starting up\n", "an error message"),
            (b"deploy.sh: line 3: pg_dump: command not found\n", "an error message"),
        ] {
            let error = no_dump(head);
            assert_eq!((error.blame, error.message), (Blame::Backup, format!("this is no PostgreSQL dump but {is}")));
        }
    }

    #[test]
    fn a_complaint_is_shown_and_other_text_is_not() {
        let error = no_dump(b"pg_dump: error: connection to server failed\nmore");
        assert_eq!(error.evidence, ["pg_dump: error: connection to server failed"]);
        assert!(no_dump(b"Ann, born 1970").evidence.is_empty());
    }
}
