//! What an archive's first bytes say of it.

use crate::error::{Error, Result};
use crate::mongoarchive::{self, Contents, Kind};
use crate::report::text::counted;
use crate::subject::{Fact, Facts};

/// The one format that is known.
pub const ARCHIVE: &str = "archive";
/// The server that was dumped.
pub const DUMPED_FROM: &str = "dumped from";
/// The tool that dumped it.
pub const DUMPED_BY: &str = "dumped by";
/// There is an oplog in it.
pub const OPLOG: &str = "oplog";

/// What may stand where an archive should: first bytes and what they mean.
const OTHERS: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PGDMP", "a PostgreSQL archive (pg_dump -Fc)"),
    (b"Salted__", "an encrypted file (openssl enc)"),
    (b"PK\x03\x04", "a zip file"),
    (b"<?xml", "an XML text, as an object store's error message is"),
];

/// Reads the header and the list of collections.
///
/// # Errors
/// Backup: it is no archive, or its header is damaged; the message says what it is instead.
pub fn read(head: &[u8]) -> Result<Facts> {
    let Some(contents) = mongoarchive::contents(head) else { return Err(not_an_archive(head)) };
    let mut facts = Vec::new();
    let mut say = |name: &str, value: String| facts.push(Fact { name: name.to_owned(), value });
    if let Some(header) = &contents.header {
        say(DUMPED_FROM, header.server.clone());
        say(DUMPED_BY, header.tool.clone());
    }
    for (name, value) in listed(&contents) {
        say(name, value);
    }
    Ok(Facts { format: ARCHIVE.to_owned(), facts })
}

/// What the list of collections says, as far as the head reaches.
fn listed(contents: &Contents) -> Vec<(&'static str, String)> {
    let of = |is: &dyn Fn(&Kind) -> bool| contents.namespaces.iter().filter(|n| !n.is_internal() && is(&n.kind)).count();
    let more = if contents.whole { "" } else { " or more" };
    let mut databases: Vec<&str> = contents.namespaces.iter().map(|n| n.db.as_str()).filter(|db| !db.is_empty()).collect();
    databases.sort_unstable();
    databases.dedup();
    let views = of(&|kind| matches!(kind, Kind::View { .. }));
    let collections = of(&|_| true) - views;
    let mut said = vec![("databases", databases.join(", ")), ("collections", format!("{collections}{more}"))];
    if views > 0 {
        said.push(("views", counted(views, "view")));
    }
    if contents.namespaces.iter().any(|n| n.db.is_empty() && n.collection == "oplog") {
        said.push((OPLOG, "there".to_owned()));
    }
    said.retain(|(_, value)| !value.is_empty());
    said
}

fn not_an_archive(head: &[u8]) -> Error {
    let what = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what);
    let what = what.or_else(|| head.is_ascii().then_some("a text"));
    let message = what.map_or("it does not begin as an archive of mongodump does".to_owned(), |what| {
        format!("it is {what} and not an archive of mongodump")
    });
    Error::backup(message)
        .hint("Backups are made by `mongodump --archive`, with or without --gzip; look at the job that writes them.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;

    #[test]
    fn what_is_no_archive_is_called_what_it_is() {
        for (head, message) in [
            (&b"PGDMP\x01\x0e"[..], "it is a PostgreSQL archive (pg_dump -Fc) and not an archive of mongodump"),
            (b"<?xml version", "it is an XML text, as an object store's error message is and not an archive of mongodump"),
            (b"hello", "it is a text and not an archive of mongodump"),
            (b"\xff\xfe\x00", "it does not begin as an archive of mongodump does"),
        ] {
            let error = read(head).expect_err("no archive");
            assert_eq!((error.blame, error.message.as_str()), (Blame::Backup, message));
            assert!(error.hint.is_some());
        }
    }
}
