//! What tar headers of their own say of the member behind them: GNU's long names, pax records (POSIX.1-2001).

use crate::error::{Error, Result};

/// What headers of their own say of the member behind them.
#[derive(Default)]
pub(super) struct Extension {
    /// Whether there was such a header, so that a member must follow.
    pub(super) open: bool,
    pub(super) path: Option<String>,
    pub(super) link: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) sparse: bool,
}

impl Extension {
    /// pax records: `LENGTH KEY=VALUE\n`, where the length counts the whole record and the value may hold anything.
    pub(super) fn read(&mut self, mut records: &[u8]) -> Result<()> {
        while !records.is_empty() {
            let (record, rest) =
                split_record(records).ok_or_else(|| Error::backup("the tar archive is damaged: a pax header cannot be read"))?;
            records = rest;
            let Some(equals) = record.iter().position(|byte| *byte == b'=') else { continue };
            let value = String::from_utf8_lossy(&record[equals + 1..]);
            match &record[..equals] {
                b"path" | b"GNU.sparse.name" => self.path = Some(value.into_owned()),
                b"linkpath" => self.link = Some(value.into_owned()),
                b"size" => self.size = value.parse().ok(),
                key => self.sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(())
    }
}

/// The first record without its length and line break, and those behind it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((record, records.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_and_not_split_at_line_breaks() {
        let mut extension = Extension::default();
        extension.read(b"12 path=a\nb\n12 size=700\n22 GNU.sparse.major=1\n").expect("read");
        let Extension { path, size, sparse, .. } = extension;
        assert_eq!((path.as_deref(), size, sparse), (Some("a\nb"), Some(700), true));
    }

    #[test]
    fn a_damaged_record_is_told_and_never_a_panic() {
        for records in
            [b"".as_slice(), b"x", b"12", b"99 path=a\n", b"0 \n", b"2 \n", b" path=a\n", b"18446744073709551615 p=a\n"]
        {
            let result = Extension::default().read(records);
            assert_eq!(result.is_ok(), records.is_empty(), "{records:?}");
        }
    }
}
