//! Telling by their first bytes what some data is.

/// What [`looks_like`] says of data that it does not know.
pub const UNKNOWN: &str = "unknown binary data";

/// Enough of the data to tell: a tar header has its mark at 257.
pub const ENOUGH: usize = 512;

/// Marks at the very beginning, and what they say. The longer mark stands before the shorter one it begins with.
const MARKS: [(&[u8], &str); 20] = [
    (b"PGDMP", "a PostgreSQL archive (custom format)"),
    (b"\x6d\xe2\x99\x81", "a mongodump archive"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Salted__", "openssl enc"),
    (b"U2FsdGVkX1", "openssl enc in base64"),
    (b"age-encryption.org/", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE", "age (armored)"),
    (b"-----BEGIN PGP MESSAGE", "a PGP message"),
    (b"\x85\x02", "a PGP message"),
    (b"\x8c\x0d\x04", "a PGP message"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"LUKS\xba\xbe", "a LUKS volume"),
    (b"\x7fELF", "a program"),
    (b"%PDF-", "a PDF document"),
];

/// Says in a few words what data with this head looks like; [`ENOUGH`] bytes of it suffice.
#[must_use]
pub fn looks_like(head: &[u8]) -> &'static str {
    let marked = MARKS.iter().find(|(mark, _)| head.starts_with(mark)).map(|(_, name)| *name);
    match marked {
        Some(name) => name,
        None if head.is_empty() => "nothing at all (it is empty)",
        None if is_tar(head) => "a tar archive",
        None if head.iter().all(|byte| *byte == 0) => "nothing but zero bytes",
        None => text(head).unwrap_or(UNKNOWN),
    }
}

/// What kind of text it is, when it is text.
fn text(head: &[u8]) -> Option<&'static str> {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end in the middle of a character.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if valid.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let start = valid.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let xml = start.starts_with("<?xml") || start.starts_with("<error");
    Some(match () {
        () if start.starts_with("<!doctype html") || start.starts_with("<html") => "an HTML page",
        () if xml && start.contains("<error>") => "an error document of an S3 server",
        () if xml => "an XML document",
        () if start.starts_with('{') || start.starts_with('[') => "JSON",
        () => "text",
    })
}

/// gzip's mark with its only method, deflate.
pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b\x08")
}

/// A zstd frame.
pub(super) fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(b"\x28\xb5\x2f\xfd")
}

/// A tar header: the sum over its bytes stands in it, older ones have no other mark.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    head.get(..512).and_then(|block| block.try_into().ok()).is_some_and(super::tar::is_header)
        || (head.len() < 512 && head.get(257..262) == Some(b"ustar"))
}

/// Whether it is something that people keep as a backup, whole as far as can be seen: then whoever expected something else
/// of it is wrong. Pages, error documents, empty files and noise are none.
pub(super) fn is_a_backup(head: &[u8]) -> bool {
    is_tar(head) || MARKS.iter().any(|(mark, _)| head.starts_with(mark)) || head.starts_with(b"--\n-- PostgreSQL database ")
}

/// Whether data that was just decrypted is something, and not the noise that a wrong key makes.
pub(super) fn is_something(head: &[u8]) -> bool {
    looks_like(head) != UNKNOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_find_instead_of_a_backup_is_named() {
        for (head, name) in [
            (b"".as_slice(), "nothing at all (it is empty)"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"\x1f\x8b", UNKNOWN),
            (b"\x28\xb5\x2f\xfd..", "zstd"),
            (b"PGDMP\x01", "a PostgreSQL archive (custom format)"),
            (b"Salted__12345678", "openssl enc"),
            (b"U2FsdGVkX19", "openssl enc in base64"),
            (b"\n<!DOCTYPE html><html>", "an HTML page"),
            (b"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code>", "an error document of an S3 server"),
            (b"<Error><Code>NoSuchKey</Code>", "an error document of an S3 server"),
            (b"<?xml version=\"1.0\"?><x/>", "an XML document"),
            (b"{\"a\": 1}", "JSON"),
            (b"--\n-- PostgreSQL database dump\n", "text"),
            (b"pg_dump: error: connection refused\n", "text"),
            (b"gr\xc3\xbc\xc3", "text"),
            (b"gr\xfc\xfc", UNKNOWN),
            (&[0; 600], "nothing but zero bytes"),
            (&[7, 200, 3, 99], UNKNOWN),
        ] {
            assert_eq!(looks_like(head), name, "{head:?}");
        }
    }
}
