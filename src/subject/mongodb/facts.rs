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

/// The reader of archives says what it is instead.
fn not_an_archive(head: &[u8]) -> Error {
    let told = mongoarchive::survey(head).ok().and_then(|survey| survey.damages.into_iter().next());
    let message = told.map_or_else(|| "it is not a mongodump archive".to_owned(), |damage| damage.what);
    Error::backup(message)
        .hint("Backups are made by `mongodump --archive`, with or without --gzip; look at the job that writes them.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;

    #[test]
    fn what_is_no_archive_is_called_what_it_is() {
        for head in [&b"PGDMP\x01\x0e"[..], b"<?xml version", b"hello", b"\xff\xfe\x00"] {
            let error = read(head).expect_err("no archive");
            assert_eq!(error.blame, Blame::Backup);
            assert!(error.message.contains("not a mongodump archive") && error.hint.is_some(), "{error:?}");
        }
    }
}
