//! Scenarios: what a person typed ([`spec`]), what it means ([`Scenario`], made by [`resolve`]), and everything that can be
//! said against it ([`diagnostic`]). After [`load`] nothing invalid exists any more.

pub mod compare;
pub mod de;
pub mod diagnostic;
pub mod failure;
pub mod field;
pub mod find;
pub mod load;
pub mod mask;
pub mod node;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod spec;
pub mod yaml;
pub mod yaml_error;

pub use compare::{
    Against, Counts, DriftCheck, LiveMongodb, LivePostgres, LiveSpec, MatchesCheck, Tolerance, Tolerances, Vanished,
};

use crate::check::expect::Expect;
use crate::check::integrity::IntegrityCheck;
use crate::check::schema::SchemaCheck;
use crate::open::Layer;
use crate::secret::SecretRef;
use crate::store::pattern::KeyPattern;
use crate::subject::dns_zone::DnsZoneSpec;
use crate::subject::mongodb::MongodbSpec;
use crate::subject::postgres::PostgresSpec;
use crate::subject::secrets::SecretsSpec;
use crate::units::Percent;
use std::path::PathBuf;
use std::time::Duration;

/// One scenario that cannot be invalid.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Unique among all that were loaded.
    pub name: String,
    /// What it is for, in its author's words.
    pub description: Option<String>,
    /// The file it came from, as the user named it.
    pub file: PathBuf,
    /// The line that it starts at.
    pub line: usize,
    /// What it can be selected by besides its name.
    pub tags: Vec<String>,
    /// Which object is the artifact.
    pub artifact: ArtifactRule,
    /// Layers between the stored bytes and the payload, outermost first. gzip and zstd are also found by their magic.
    pub open: Vec<Layer>,
    /// What the payload is.
    pub subject: SubjectSpec,
    /// How fast and how fresh a recovery must be.
    pub objectives: Objectives,
    /// What must hold of the restored data.
    pub checks: Vec<Check>,
    /// The live system that the backup is of.
    pub live: Option<LiveSpec>,
    /// A store without a single restored row is fine: "restore mechanics verified".
    pub allow_empty: bool,
    /// The time limit for the whole scenario.
    pub timeout: Duration,
}

/// The subject that a scenario restores into. One line per subject.
#[derive(Debug, Clone)]
pub enum SubjectSpec {
    /// A `MongoDB` archive.
    Mongodb(MongodbSpec),
    /// An export of a DNS zone.
    DnsZone(DnsZoneSpec),
    /// An export of secrets.
    Secrets(SecretsSpec),
    /// A `PostgreSQL` dump.
    Postgres(PostgresSpec),
}

/// How the newest artifact is found and what its series must look like.
#[derive(Debug, Clone)]
pub struct ArtifactRule {
    /// The store's name in `assay.yaml`.
    pub store: String,
    /// The store's settings.
    pub store_spec: StoreSpec,
    /// Which keys belong to the series.
    pub key: KeyPattern,
    /// How old the newest may be.
    pub age: Limits<Duration>,
    /// How large it must be.
    pub size: SizeRule,
    /// How often a backup is due: a longer gap in the series is a finding.
    pub cadence: Option<Duration>,
    /// How far back the series must reach.
    pub retention: Option<Duration>,
}

/// Two thresholds, each optional: worse than `warn` warns, worse than `fail` fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits<T> {
    /// Worse than this: a warning.
    pub warn: Option<T>,
    /// Worse than this: a failure.
    pub fail: Option<T>,
}

/// No limits.
impl<T> Default for Limits<T> {
    fn default() -> Self {
        Self { warn: None, fail: None }
    }
}

/// What is asked of the artifact's size.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SizeRule {
    /// Fewer bytes fail.
    pub min: Option<u64>,
    /// How much smaller than the median of the series before it may be.
    pub drop: Limits<Percent>,
}

/// What a recovery must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Objectives {
    /// The longest that start and restore may take.
    pub rto: Option<Duration>,
    /// The most that may be lost: the artifact's greatest age.
    pub rpo: Option<Duration>,
}

/// One check on the restored data, with the line that asked for it.
#[derive(Debug, Clone)]
pub struct Check {
    /// Where it stands, for the report: `codetalk.yaml:17`.
    pub at: String,
    /// What it says.
    pub kind: CheckKind,
}

/// What a check says. One line per check; its body is a file of [`check`](crate::check).
#[derive(Debug, Clone)]
pub enum CheckKind {
    /// `count: { of, min, max }`.
    Count(CountCheck),
    /// `fresh: { newest: schema.table.column, within }`.
    Fresh(FreshCheck),
    /// `sql: { query, expect }`.
    Sql(SqlCheck),
    /// `query: { collection, filter, expect }`.
    Query(QueryCheck),
    /// `validate: full`.
    Validate,
    /// `indexes: { of, names }`.
    Indexes(IndexesCheck),
    /// One aspect of `integrity: { amcheck, foreign_keys, only, skip, timeout }`.
    Integrity(IntegrityCheck),
    /// `schema: { reference, on_change }`.
    Schema(SchemaCheck),
    /// `matches: artifact`; evaluated unasked, this says what to leave out.
    Matches(MatchesCheck),
    /// `drift: { against, of, drop, growth, change }`.
    Drift(DriftCheck),
}

/// How many of something there must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountCheck {
    /// A group's name, `tables`, `rows`, or a kind of the inventory.
    pub of: String,
    /// At least.
    pub min: Option<u64>,
    /// At most.
    pub max: Option<u64>,
}

/// How fresh the newest time in a field must be, seen from the time of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshCheck {
    /// The group: `public.messages`.
    pub group: String,
    /// The field: `created_at`.
    pub field: String,
    /// The greatest distance between the newest time and the time of the backup.
    pub within: Duration,
}

/// A question to the restored database and what its answer must be.
#[derive(Debug, Clone)]
pub struct SqlCheck {
    /// Its name in the reports; the query itself when there is none.
    pub name: String,
    /// The database that is asked, where there are several; the first when absent.
    pub database: Option<String>,
    /// The query: read only, one value.
    pub query: String,
    /// What the value must be.
    pub expect: Expect,
    /// How long it may take.
    pub timeout: Duration,
}

/// A question to a restored `MongoDB` and what its answer must be.
#[derive(Debug, Clone)]
pub struct QueryCheck {
    /// Its name in the reports.
    pub name: String,
    /// The database that is asked.
    pub database: String,
    /// The collection or view of it that is asked.
    pub collection: String,
    /// What is asked.
    pub question: Question,
    /// What the value must be.
    pub expect: Expect,
    /// The read concern; the server's own when absent.
    pub read_concern: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a `MongoDB` is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// How many documents match.
    Filter(mongodb::bson::Document),
    /// What an aggregation gives.
    Pipeline(Vec<mongodb::bson::Document>),
}

/// Indexes that must have come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexesCheck {
    /// The group that they belong to: `shop.users`.
    pub of: String,
    /// Their names.
    pub names: Vec<String>,
}

/// A store as `assay.yaml` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "there are as many as stores: a handful")]
pub enum StoreSpec {
    /// An S3 bucket.
    S3(S3Spec),
    /// A directory.
    Dir(PathBuf),
}

/// How a bucket is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct S3Spec {
    /// The bucket's name.
    pub bucket: String,
    /// The URL of an endpoint other than AWS.
    pub endpoint: Option<String>,
    /// The region; the SDK's own chain when absent.
    pub region: Option<String>,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    pub path_style: bool,
    /// What stands before every key, with its closing slash.
    pub prefix: String,
    /// A PEM file with the certificate authority of an endpoint of one's own.
    pub ca: Option<PathBuf>,
    /// Keys by reference, a profile, or the SDK's own chain.
    pub credentials: Credentials,
    /// Limits of the single waits.
    pub waits: Waits,
}

/// Where an S3 store's credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Environment, profile, web identity, container, instance: the SDK's own chain.
    Chain,
    /// A profile of the shared configuration files.
    Profile(String),
    /// Keys by reference.
    Keys {
        /// The access key's id.
        access_key_id: SecretRef,
        /// The access key itself.
        secret_access_key: SecretRef,
        /// A session token, for temporary keys.
        session_token: Option<SecretRef>,
    },
}

/// How long single waits may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Waits {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer, and between two pieces of a body.
    pub stall: Duration,
}

/// Everything in `assay.yaml` that is not a store of one scenario.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration file, when there is one.
    pub file: Option<PathBuf>,
    /// Every configured store, by name.
    pub stores: Vec<(String, StoreSpec)>,
    /// How instances are started.
    pub runtime: RuntimeSettings,
    /// Where restores happen.
    pub scratch: PathBuf,
    /// No more than this many bytes in scratch.
    pub scratch_max: Option<u64>,
    /// Where the reports of each run go.
    pub reports: PathBuf,
    /// Where what is known of earlier runs is kept.
    pub history: HistorySettings,
}

/// Where and for how long earlier runs are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySettings {
    /// The folder.
    pub dir: PathBuf,
    /// The most runs that are kept of one scenario.
    pub keep: usize,
}

/// How instances are started and what they may use.
#[derive(Debug, Clone, Default)]
pub struct RuntimeSettings {
    /// Processors for all instances together; every one of the machine's when absent.
    pub cpus: Option<usize>,
    /// Memory for one instance, in bytes.
    pub memory: Option<u64>,
    /// How long a tool may make no progress; two minutes when absent.
    pub no_progress: Option<Duration>,
    /// Folders with `PostgreSQL`'s programs, searched before the usual places.
    pub postgres_bin: Vec<PathBuf>,
    /// Folders with `MongoDB`'s server or tools, searched before the usual places.
    pub mongodb_bin: Vec<PathBuf>,
    /// The command line of a server that speaks `MongoDB`'s protocol, in place of `mongod`: with `{dir}`, and `{socket}` or `{port}`.
    pub mongodb_command: Option<String>,
    /// The user that servers and tools run as when assay is root.
    pub user: Option<String>,
}
