//! `PostgreSQL` dumps: archives (`pg_dump -Fc`, `-Ft`, and the folder of `-Fd` in a tar) and plain SQL.

mod census;
mod class;
mod classify;
mod clean;
pub(crate) mod client;
pub mod extensions;
mod folder;
mod foreign;
mod header;
mod inventory;
mod lexer;
mod messages;
mod packages;
mod query;
pub(crate) mod recipe;
mod restore;
mod roles;
mod scrub;
mod sql;
mod survey;
mod toc;
mod walk;
mod wire;

use crate::census::Census;
use crate::error::{Error, Result};
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::SqlCheck;
use crate::subject::{Attempt, Body, Facts, Intake, Payload, Restored, Subject, Surveyed, Wanted, needed};
use async_trait::async_trait;
use extensions::WithoutExtension;
use recipe::PostgresRecipe;
use std::path::{Path, PathBuf};

/// The `postgres:` block of a scenario.
#[derive(Debug, Clone, Default)]
pub struct PostgresSpec {
    /// The server's major version; the smallest that can restore the dump when absent.
    pub version: Option<u32>,
    /// Parallel restore jobs; by the machine when absent.
    pub jobs: Option<usize>,
    /// The extensions to go on without where the server does not have them.
    pub without_extensions: Vec<WithoutExtension>,
}

/// A dump in its file.
#[derive(Debug)]
struct Dump {
    path: PathBuf,
    size: u64,
    /// Its first bytes.
    head: Vec<u8>,
}

/// The subject.
#[derive(Debug)]
pub struct Postgres {
    spec: PostgresSpec,
}

impl Postgres {
    /// For one scenario.
    #[must_use]
    pub fn new(spec: PostgresSpec) -> Self {
        Self { spec }
    }
}

#[async_trait]
impl Subject for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        header::recognises(head)
    }

    fn inspect(&self, head: &[u8], size: Option<u64>) -> Result<Facts> {
        header::read(head, size)
    }

    fn inspect_file(&self, path: &Path, head: &[u8], size: u64) -> Result<Facts> {
        header::in_file(path, head, size)
    }

    fn intake(&self, _facts: &Facts) -> Intake {
        Intake::File
    }

    fn recipe(&self, facts: &Facts) -> Option<Box<dyn Recipe>> {
        Some(Box::new(PostgresRecipe::new(self.spec.version, facts)))
    }

    async fn restore(&self, payload: Payload, facts: &Facts, instance: Option<&Instance>) -> Attempt {
        let Payload { head, body } = payload;
        let done = match (body, needed(instance)) {
            (Body::File { path, size }, Ok(instance)) => {
                restore::restore(&Dump { path, size, head }, facts, instance, &self.spec).await
            }
            (Body::Stream(_), _) => Err(Error::harness("a dump is restored from a file; this is a mistake in assay")),
            (_, Err(error)) => Err(error),
        };
        let not_tested = done.as_ref().map(|done| done.left_out.not_tested()).unwrap_or_default();
        Attempt { surveyed: Surveyed { not_tested, ..Surveyed::default() }, restored: done.map(|done| done.restored) }
    }

    async fn census(&self, restored: &Restored, instance: Option<&Instance>, wanted: &Wanted) -> Result<Census> {
        census::census(&restored.databases, needed(instance)?, wanted).await
    }

    async fn query(&self, restored: &Restored, instance: Option<&Instance>, query: &SqlCheck) -> Result<Option<String>> {
        query::query(&restored.databases, needed(instance)?, query).await
    }

    fn not_tested(&self, facts: &Facts) -> Vec<String> {
        let mut open = vec![
            "roles, owners and privileges: they are not restored".to_owned(),
            "tablespaces and the settings of the database itself".to_owned(),
            "whether the restored data is what the live system holds".to_owned(),
        ];
        let plain = facts.format == header::PLAIN;
        let uncompressed = facts.get(header::COMPRESSION) == Some("none");
        for (applies, what) in [
            (plain, "lines lost from the middle of a plain dump: they leave no trace"),
            // pg_dump says both where it was made and where it ends.
            (
                plain && facts.get(header::DUMPED_FROM).is_none(),
                "whether the script is whole: it has no end mark, so a cut one may pass",
            ),
            (
                !plain,
                "single changed bytes in the definitions of tables and the like: an archive's table of contents has no checksum",
            ),
            (uncompressed, "single changed bytes in the rows: an uncompressed archive has no checksum"),
        ] {
            open.extend(applies.then(|| what.to_owned()));
        }
        open
    }

    fn connect_hint(&self, restored: &Restored, instance: &Instance) -> String {
        let (socket, password) = (instance.place().socket.display(), instance.password_file());
        let user = recipe::SUPERUSER;
        let database = restored.databases.first().map_or("postgres", String::as_str);
        format!("PGPASSWORD=\"$(cat {})\" psql -h {socket} -U {user} {database}", password.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Fact;

    #[test]
    fn what_stays_open_depends_on_the_format() {
        let open = |format: &str, facts: &[(&str, &str)]| {
            let facts = facts.iter().map(|(name, value)| Fact { name: (*name).into(), value: (*value).into() }).collect();
            Postgres::new(PostgresSpec::default()).not_tested(&Facts { format: format.into(), facts }).join("\n")
        };
        let signs = ["table of contents", "rows: an uncompressed", "lines lost", "end mark"];
        for (open, expected) in [
            (open(header::CUSTOM, &[(header::COMPRESSION, "gzip")]), [true, false, false, false]),
            (open(header::CUSTOM, &[(header::COMPRESSION, "none")]), [true, true, false, false]),
            (open(header::PLAIN, &[(header::DUMPED_FROM, "15.18")]), [false, false, true, false]),
            (open(header::PLAIN, &[]), [false, false, true, true]),
        ] {
            assert_eq!(signs.map(|sign| open.contains(sign)), expected, "{open}");
        }
    }
}
