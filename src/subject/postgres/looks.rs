//! What bytes are that are no dump: people act faster on "an HTML page" than on "wrong magic".

/// What these bytes are instead of a dump, with its article.
pub fn looks_like(head: &[u8]) -> &'static str {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let text = String::from_utf8_lossy(head.get(..512).unwrap_or(head)).trim_start().to_ascii_lowercase();
    match () {
        () if head.is_empty() => "an empty file",
        () if starts(b"\x1f\x8b") => "gzip-compressed data",
        () if starts(b"\x28\xb5\x2f\xfd") => "zstd-compressed data",
        () if starts(b"BZh") => "bzip2-compressed data",
        () if starts(b"\xfd7zXZ\0") => "xz-compressed data",
        () if starts(b"PK\x03\x04") => "a zip archive",
        () if starts(b"Salted__") => "data that `openssl enc` encrypted",
        () if starts(b"age-encryption.org/") => "data that age encrypted",
        () if starts(b"\xff\xfe") || starts(b"\xfe\xff") => "UTF-16 text, as a redirection in PowerShell writes it",
        () if is_tar(head) => "a tar archive",
        () if head.iter().all(|byte| *byte == 0) => "nothing but zeros",
        () if text.starts_with("<!doctype html") || text.starts_with("<html") => "an HTML page",
        () if text.starts_with("<?xml") && text.contains("<error>") => "an error document of a store",
        () if text.starts_with("pg_dump: ") => "an error message of pg_dump",
        () if head.contains(&0) || std::str::from_utf8(head).is_err() => "binary data of no known kind",
        () => "text that is not SQL",
    }
}

/// Whether this is the head of a tar archive.
pub fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_dump_is_called_by_its_name() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "an empty file"),
            (b"\x1f\x8b\x08\x00", "gzip-compressed data"),
            (b"<!DOCTYPE html><html>", "an HTML page"),
            (b"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code></Error>", "an error document of a store"),
            (b"\0\0\0\0", "nothing but zeros"),
            (b"\xff\xfe-\0-\0", "UTF-16 text, as a redirection in PowerShell writes it"),
            (b"pg_dump: error: connection to server failed", "an error message of pg_dump"),
            (b"\x01\x02\xfe", "binary data of no known kind"),
            (b"hello world", "text that is not SQL"),
        ];
        for (head, name) in cases {
            assert_eq!(looks_like(head), name);
        }
    }
}
