//! The keys of `assay.yaml`: what scenarios share.

use super::values::{OneOrMany, SecretSpec};
use crate::scenario::field::{Field, Named};
use crate::units::{Bytes, Span};
use schemars::JsonSchema;
use serde::Deserialize;

/// What all scenarios share: the stores, and how and where they run. Relative paths start at this file's folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Settings")]
pub struct SettingsSpec {
    /// The stores that scenarios take artifacts from, by names of your choice. They are only ever read.
    pub stores: Field<Named<StoreSection>>,
    /// How disposable servers are started, and what they may use.
    pub runtime: Field<RuntimeSpec>,
    /// Where restores happen.
    pub scratch: Field<ScratchSpec>,
    /// How long things may take.
    pub timeouts: Field<TimeoutsSpec>,
    /// Where reports go.
    pub reports: Field<ReportsSpec>,
    /// Where earlier runs are remembered.
    pub history: Field<HistorySpec>,
}

/// One store: either a bucket or a folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Store")]
#[schemars(extend("oneOf" = [
    {"required": ["s3"]},
    {"required": ["dir"], "not": {"required": ["credentials"]}}
]))]
pub struct StoreSection {
    /// A bucket of S3 or of anything that speaks S3.
    pub s3: Field<S3Section>,
    /// A folder with backups.
    #[schemars(length(min = 1))]
    pub dir: Field<String>,
    /// Who reads the bucket. Left out: environment, profile, web identity and so on, by the AWS SDK's own chain.
    pub credentials: Field<CredentialsSpec>,
}

/// How a bucket is reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "S3")]
#[schemars(extend("required" = ["bucket"]))]
pub struct S3Section {
    /// The bucket's name.
    #[schemars(regex(pattern = r"^[^/]+$"))]
    pub bucket: Field<String>,
    /// The URL of a service other than AWS, with its scheme.
    #[schemars(regex(pattern = r"^https?://[^/@]+"))]
    pub endpoint: Field<String>,
    /// The region; by the AWS SDK's own chain when left out.
    pub region: Field<String>,
    /// Whether the bucket stands in the path (`endpoint/bucket/key`) instead of in the host's name. Most services other than AWS want it.
    #[schemars(extend("default" = false))]
    pub path_style: Field<bool>,
    /// What stands before every key of this store, such as `prod/`.
    pub prefix: Field<String>,
    /// A PEM file with the certificate authority of the endpoint, when it is one of your own.
    #[schemars(length(min = 1))]
    pub ca: Field<String>,
}

/// Who reads a bucket: keys by reference, or a profile of the shared AWS configuration files.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Credentials")]
#[schemars(extend("oneOf" = [
    {"required": ["access_key_id", "secret_access_key"]},
    {"required": ["profile"], "maxProperties": 1}
]))]
pub struct CredentialsSpec {
    /// Where the access key's id lies.
    pub access_key_id: Field<SecretSpec>,
    /// Where the secret access key lies.
    pub secret_access_key: Field<SecretSpec>,
    /// Where the session token of temporary keys lies.
    pub session_token: Field<SecretSpec>,
    /// The name of a profile.
    #[schemars(length(min = 1))]
    pub profile: Field<String>,
}

/// How disposable servers are started, and what they may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Runtime")]
pub struct RuntimeSpec {
    /// What starts them: `local` is child processes of assay; `auto` takes what is there.
    #[schemars(extend("default" = "auto"))]
    pub kind: Field<RuntimeKind>,
    /// Processors for all servers together; every one of the machine's when left out.
    #[schemars(range(min = 1, max = 4096))]
    pub cpus: Field<u64>,
    /// Memory for one server.
    pub memory: Field<Bytes>,
    /// What holds for local servers alone.
    pub local: Field<LocalSpec>,
}

/// What starts disposable servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "RuntimeKind")]
pub enum RuntimeKind {
    /// What is there.
    Auto,
    /// Child processes of assay.
    Local,
}

/// Servers as child processes of assay.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Local")]
pub struct LocalSpec {
    /// Where `PostgreSQL` is.
    pub postgres: Field<LocalPostgresSpec>,
    /// Where `MongoDB` is.
    pub mongodb: Field<LocalMongodbSpec>,
    /// The user that servers and tools run as when assay is root.
    #[schemars(length(min = 1))]
    pub user: Field<String>,
}

/// Where `PostgreSQL` is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "LocalPostgres")]
pub struct LocalPostgresSpec {
    /// A folder with `PostgreSQL`'s programs, or several, searched before `PATH` and the places where packages put them.
    pub bin: Field<OneOrMany>,
}

/// Where `MongoDB`'s server and tools are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "LocalMongodb")]
pub struct LocalMongodbSpec {
    /// A folder with mongod or with mongorestore, or several, searched before `PATH` and the places where packages put them.
    pub bin: Field<OneOrMany>,
    /// The command line of a server that speaks `MongoDB`'s protocol and is started instead of mongod. It runs in the foreground, asks
    /// for no password and ends on SIGTERM. `{dir}` stands for its data folder, `{socket}` for the Unix socket that it must listen on,
    /// `{port}` for a port on 127.0.0.1 where it cannot listen on a socket.
    #[schemars(length(min = 1))]
    pub command: Field<String>,
}

/// Where restores happen.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Scratch")]
pub struct ScratchSpec {
    /// A folder that restores may fill; `$TMPDIR/assay` or `/var/tmp/assay` when left out.
    #[schemars(length(min = 1))]
    pub dir: Field<String>,
    /// No more than this may lie there at once.
    pub max: Field<Bytes>,
}

/// How long things may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Timeouts")]
pub struct TimeoutsSpec {
    /// A whole scenario that sets no `timeout` of its own.
    #[schemars(extend("default" = "2h"))]
    pub scenario: Field<Span>,
    /// A tool that reads nothing, writes nothing and whose server does nothing for so long is ended.
    #[schemars(extend("default" = "2m"))]
    pub no_progress: Field<Span>,
    /// Making a connection to a store.
    #[schemars(extend("default" = "10s"))]
    pub connect: Field<Span>,
    /// Waiting for a store's first byte, and between two pieces of its answer.
    #[schemars(extend("default" = "30s"))]
    pub stall: Field<Span>,
}

/// Where reports go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Reports")]
pub struct ReportsSpec {
    /// The folder that each run gets a folder in; `reports/out` when left out.
    #[schemars(length(min = 1))]
    pub dir: Field<String>,
}

/// Where earlier runs are remembered, for `drift: { against: last_good }` and `assay history`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "History")]
pub struct HistorySpec {
    /// The folder that keeps one file per scenario and run; `reports/history` when left out. It must outlive the machine that a run
    /// is done on.
    #[schemars(length(min = 1))]
    pub dir: Field<String>,
    /// The most runs that are kept of each scenario. The last good one always stays.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 400))]
    pub keep: Field<u64>,
}
