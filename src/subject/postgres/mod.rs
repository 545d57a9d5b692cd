//! `PostgreSQL` dumps: archives (`pg_dump -Fc`, `-Ft`, and the folder of `-Fd` in a tar) and plain SQL.

mod census;
mod class;
mod classify;
pub(crate) mod client;
pub mod extensions;
mod folder;
mod foreign;
mod header;
mod integrity;
mod inventory;
pub(crate) mod live;
mod messages;
mod packages;
mod query;
pub(crate) mod recipe;
mod restore;
mod roles;
mod scrub;
mod shape;
mod sql;
mod survey;

use crate::census::Census;
use crate::check::integrity::{Examined, IntegrityCheck};
use crate::check::schema::Shape;
use crate::error::Result;
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::SqlCheck;
use crate::subject::{Attempt, Facts, Intake, Payload, Restored, Subject, Surveyed, Wanted, needed};
use async_trait::async_trait;
use extensions::WithoutExtension;
use recipe::PostgresRecipe;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The `postgres:` block of a scenario.
#[derive(Debug, Clone, Default)]
pub struct PostgresSpec {
    /// The server's major version; the smallest that can restore the dump when absent.
    pub version: Option<u32>,
    /// Parallel restore jobs; by the machine when absent.
    pub jobs: Option<usize>,
    /// The extensions to go on without where the server does not have them.
    pub without_extensions: Vec<WithoutExtension>,
    /// An archive's own bytes are not looked through.
    pub skip_survey: bool,
}

/// A dump in its file.
#[derive(Debug)]
struct Dump {
    path: PathBuf,
    size: u64,
    /// Its first bytes.
    head: Zeroizing<Vec<u8>>,
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

    /// `pg_restore` reads an archive out of order; a script goes straight into psql.
    fn intake(&self, facts: &Facts) -> Intake {
        if [header::PLAIN, header::CLUSTER].contains(&facts.format.as_str()) { Intake::Stream } else { Intake::File }
    }

    fn recipe(&self, facts: &Facts) -> Option<Box<dyn Recipe>> {
        Some(Box::new(PostgresRecipe::new(self.spec.version, facts)))
    }

    async fn restore(&self, payload: Payload, facts: &Facts, instance: Option<&Instance>) -> Attempt {
        match needed(instance) {
            Ok(instance) => restore::restore(payload, facts, instance, &self.spec).await,
            Err(error) => Attempt { surveyed: Surveyed::default(), restored: Err(error) },
        }
    }

    async fn census(&self, restored: &Restored, instance: Option<&Instance>, wanted: &Wanted) -> Result<Census> {
        census::census(restored, needed(instance)?, wanted).await
    }

    async fn query(&self, restored: &Restored, instance: Option<&Instance>, query: &SqlCheck) -> Result<Option<String>> {
        query::query(&restored.databases, needed(instance)?, query).await
    }

    async fn examine(&self, restored: &Restored, instance: Option<&Instance>, check: &IntegrityCheck) -> Result<Examined> {
        integrity::examine(&restored.databases, needed(instance)?, check).await
    }

    async fn shape(&self, restored: &Restored, instance: Option<&Instance>) -> Result<Shape> {
        shape::shape(&restored.databases, needed(instance)?).await
    }

    fn not_tested(&self, _facts: &Facts) -> Vec<String> {
        vec![
            "roles, owners and privileges: they are not restored".to_owned(),
            "tablespaces and the settings of the database itself".to_owned(),
            "whether the restored data is what the live system holds".to_owned(),
        ]
    }

    fn connect_hint(&self, restored: &Restored, instance: &Instance) -> String {
        let (socket, password) = (instance.place().socket.display(), instance.password_file());
        let user = recipe::SUPERUSER;
        let database = restored.databases.first().map_or("postgres", String::as_str);
        format!("PGPASSWORD=\"$(cat {})\" psql -h {socket} -U {user} {database}", password.display())
    }
}
