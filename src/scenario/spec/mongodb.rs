//! What a person types about a `MongoDB` archive.

use super::AutoOr;
use crate::scenario::field::Field;
use crate::units::Span;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How a `MongoDB` archive is restored.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Mongodb")]
pub struct MongodbSection {
    /// The server's major version. `auto` reads the archive's header and takes that version or the next one.
    #[schemars(extend("default" = "auto"))]
    pub version: Field<AutoOr<5, 8>>,
    /// Whether a collection that is there is dropped before it is restored, as by `--drop`.
    #[schemars(extend("default" = true))]
    pub drop: Field<bool>,
    /// Patterns over `database.collection`: only what matches one of them is restored. `*` stands for anything, as in `shop.*`.
    pub ns_include: Field<Vec<Field<String>>>,
    /// Patterns over `database.collection`: what matches one of them is not restored.
    pub ns_exclude: Field<Vec<Field<String>>>,
    /// What is restored under another name: patterns with `*` or `$name$`, as in `shop.*`. Each has its counterpart in `ns_to`.
    pub ns_from: Field<Vec<Field<String>>>,
    /// The other names, in the order of `ns_from`.
    pub ns_to: Field<Vec<Field<String>>>,
    /// How many collections are restored at once. `auto` leaves it to mongorestore.
    #[schemars(extend("default" = "auto"))]
    pub parallel: Field<AutoOr<1, 64>>,
    /// Whether a backup without a single document is fine. It passes with the note "restore mechanics verified".
    #[schemars(extend("default" = false))]
    pub allow_empty: Field<bool>,
    /// Whether the archive's oplog (`mongodump --oplog`) is replayed after the restore. It goes with none of the `ns_` keys.
    #[schemars(extend("default" = false))]
    pub oplog_replay: Field<bool>,
}

/// A question to a restored `MongoDB`: the number of documents that match a `filter`, or the one value that a `pipeline` gives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Query")]
#[schemars(extend("required" = ["collection", "expect"]))]
pub struct QuerySection {
    /// What the check is called in reports; the collection with the filter when left out.
    pub name: Field<String>,
    /// The collection or view, as `database.collection`.
    #[schemars(regex(pattern = r"^[^.]+\..+$"))]
    pub collection: Field<String>,
    /// Documents that match it are counted; all when there is neither this nor a `pipeline`. As in the shell, with
    /// `{ $date: "2026-11-21T03:30:00Z" }` for a time and `{ $oid: "..." }` for an id.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub filter: Field<Map<String, Value>>,
    /// The stages of an aggregation. The answer is the first field, other than `_id`, of its first document.
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    pub pipeline: Field<Vec<Field<Map<String, Value>>>>,
    /// What the answer must be: `= 0`, `!= 0`, `>= 10`, `> 10`, `<= 10`, `< 10`, `between 1 and 10` or `matches /regex/`.
    #[schemars(regex(pattern = r"^\s*(=|!=|>=|>|<=|<|between |matches )"))]
    pub expect: Field<String>,
    /// The read concern; the server's own when left out.
    pub read_concern: Field<ReadConcernSpec>,
    /// The longest that the question may take.
    #[schemars(extend("default" = "60s"))]
    pub timeout: Field<Span>,
}

/// A read concern that a single server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "ReadConcern")]
pub enum ReadConcernSpec {
    /// `local`.
    Local,
    /// `available`.
    Available,
    /// `majority`.
    Majority,
}

/// How the server validates what was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Validate")]
pub enum ValidateSpec {
    /// Everything: the structure, every index against every document.
    Full,
}

/// Indexes that must have come back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Indexes")]
#[schemars(extend("required" = ["of", "names"]))]
pub struct IndexesSection {
    /// The collection, as `database.collection`.
    #[schemars(regex(pattern = r"^[^.]+\..+$"))]
    pub of: Field<String>,
    /// The names of its indexes, as the server calls them: `email_1`.
    pub names: Field<Vec<Field<String>>>,
}
