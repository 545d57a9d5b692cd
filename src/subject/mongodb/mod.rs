//! `MongoDB` archives: what `mongodump --archive` writes, restored by `mongorestore` as they come from the store.

mod census;
mod class;
mod classify;
pub mod client;
mod facts;
mod inventory;
pub mod live;
mod namespaces;
mod query;
mod recipe;
mod restore;
mod validate;

pub use namespaces::{PatternError, Renaming, check_patterns};
pub use query::document;

use crate::census::Census;
use crate::error::{Error, Result};
use crate::mongoarchive;
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::{QueryCheck, SqlCheck};
use crate::subject::{Attempt, Body, Facts, Intake, Payload, Restored, Subject, Surveyed, Validated, Wanted, needed};
use async_trait::async_trait;
use recipe::MongodbRecipe;

/// The `mongodb:` block of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongodbSpec {
    /// The server's major version; that of the archive or the one after it when absent.
    pub version: Option<u32>,
    /// Collections that are there are dropped before they are restored.
    pub drop: bool,
    /// Only these namespaces are restored; all when empty.
    pub ns_include: Vec<String>,
    /// These namespaces are not restored.
    pub ns_exclude: Vec<String>,
    /// What namespaces are called in the archive and after the restore.
    pub renamings: Vec<Renaming>,
    /// Collections that are restored at once; by the tool when absent.
    pub parallel: Option<u32>,
    /// The archive's oplog is replayed.
    pub oplog_replay: bool,
}

impl Default for MongodbSpec {
    fn default() -> Self {
        Self {
            version: None,
            drop: true,
            ns_include: Vec::new(),
            ns_exclude: Vec::new(),
            renamings: Vec::new(),
            parallel: None,
            oplog_replay: false,
        }
    }
}

/// The subject.
#[derive(Debug)]
pub struct Mongodb {
    spec: MongodbSpec,
}

impl Mongodb {
    /// For one scenario.
    #[must_use]
    pub fn new(spec: MongodbSpec) -> Self {
        Self { spec }
    }
}

#[async_trait]
impl Subject for Mongodb {
    fn kind(&self) -> &'static str {
        "mongodb"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        mongoarchive::recognises(head)
    }

    fn inspect(&self, head: &[u8], _size: Option<u64>) -> Result<Facts> {
        facts::read(head)
    }

    fn intake(&self, _facts: &Facts) -> Intake {
        Intake::Stream
    }

    fn recipe(&self, facts: &Facts) -> Option<Box<dyn Recipe>> {
        Some(Box::new(MongodbRecipe::new(self.spec.version, facts)))
    }

    async fn restore(&self, payload: Payload, _facts: &Facts, instance: Option<&Instance>) -> Attempt {
        let failed = |error| Attempt { surveyed: Surveyed::default(), restored: Err(error) };
        match (payload.body, needed(instance)) {
            (Body::Stream(stream), Ok(instance)) => restore::restore(stream, instance, &self.spec).await,
            (Body::File { .. }, _) => failed(Error::harness("an archive is restored as it comes; this is a mistake in assay")),
            (_, Err(error)) => failed(error),
        }
    }

    async fn census(&self, _restored: &Restored, instance: Option<&Instance>, wanted: &Wanted) -> Result<Census> {
        census::census(needed(instance)?, wanted).await
    }

    async fn query(&self, _restored: &Restored, _instance: Option<&Instance>, _query: &SqlCheck) -> Result<Option<String>> {
        Err(Error::scenario("MongoDB does not answer `sql`").hint("Write a `query` with a `collection` and a `filter`."))
    }

    async fn find(&self, _restored: &Restored, instance: Option<&Instance>, query: &QueryCheck) -> Result<Option<String>> {
        query::find(needed(instance)?, query).await
    }

    async fn validate(&self, _restored: &Restored, instance: Option<&Instance>) -> Result<Vec<Validated>> {
        validate::validate(needed(instance)?).await
    }

    fn not_tested(&self, facts: &Facts) -> Vec<String> {
        let mut open = vec![
            "users and roles, sharding and replication: an archive of one database does not hold them".to_owned(),
            "whether the restored data is what the live system holds".to_owned(),
        ];
        if !self.spec.ns_include.is_empty() || !self.spec.ns_exclude.is_empty() {
            open.push("collections that the scenario leaves out: they were read and not restored".to_owned());
        }
        if facts.get(facts::OPLOG).is_some() && !self.spec.oplog_replay {
            open.push("the archive's oplog: it was not replayed (`oplog_replay: true` does)".to_owned());
        }
        open
    }

    fn connect_hint(&self, _restored: &Restored, instance: &Instance) -> String {
        format!("mongosh '{}'", client::url(instance.place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Fact;

    #[test]
    fn what_stays_open_depends_on_what_is_left_out() {
        let open = |spec: MongodbSpec, facts: &[&str]| {
            let facts = facts.iter().map(|name| Fact { name: (*name).into(), value: "there".into() }).collect();
            Mongodb::new(spec).not_tested(&Facts { format: "archive".into(), facts }).join("\n")
        };
        let some = MongodbSpec { ns_exclude: vec!["shop.logs".into()], ..MongodbSpec::default() };
        assert!(open(some, &[]).contains("leaves out"));
        let replayed = MongodbSpec { oplog_replay: true, ..MongodbSpec::default() };
        let all = open(MongodbSpec::default(), &[facts::OPLOG]);
        assert!(all.contains("oplog") && !all.contains("leaves out"), "{all}");
        assert!(!open(replayed, &[facts::OPLOG]).contains("oplog"));
    }
}
