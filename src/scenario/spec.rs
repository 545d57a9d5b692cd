//! What a person types, one to one: the keys of a scenario file and of `assay.yaml`.
//!
//! The doc comments are the format's reference: they become the descriptions of the JSON Schema. Nothing is checked here but
//! types; what it means is for [`resolve`](super::resolve) to say. A new subject is one more field of [`ScenarioSpec`].

mod compare;
mod exports;
mod mongodb;
mod settings;
mod values;

pub use compare::{
    AgainstSpec, CloudflareSection, CountsSpec, DopplerSection, DriftSection, GroupToleranceSection, LiveMongodbSection,
    LivePostgresSection, LiveSection, MatchesSection, MatchesSpec, ToleranceSection, VanishedSpec,
};
pub use exports::{DnsZoneSection, SecretsSection};
pub use mongodb::{IndexesSection, MongodbSection, QuerySection, ReadConcernSpec, ValidateSpec};
pub use settings::{
    CredentialsSpec, HistorySpec, LocalMongodbSpec, LocalPostgresSpec, LocalSpec, ReportsSpec, RuntimeKind, RuntimeSpec,
    S3Section, ScratchSpec, SettingsSpec, StoreSection, TimeoutsSpec,
};
pub use values::{AutoOr, OneOrMany, SecretSpec, SecretsSpec};

use super::field::Field;
use crate::units::{Bytes, Percent, Span};
use schemars::JsonSchema;
use serde::Deserialize;

/// One scenario: which backup is taken from where, what it is restored into, and what must hold of it then.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Scenario")]
#[schemars(extend("required" = ["name", "artifact"], "oneOf" = [
    {"required": ["postgres"]}, {"required": ["mongodb"]}, {"required": ["dns_zone"]}, {"required": ["secrets"]}
]))]
pub struct ScenarioSpec {
    /// The scenario's name, unique over all files: letters, digits, `-`, `_` and `.`, at most 100 characters. It becomes part of
    /// file names and of test names.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"))]
    pub name: Field<String>,
    /// What this scenario is for, in a sentence. For people.
    pub description: Field<String>,
    /// Words that scenarios can be selected by: `assay run monthly`.
    pub tags: Field<Vec<Field<String>>>,
    /// Which object of which store is the backup.
    pub artifact: Field<ArtifactSection>,
    /// The layers between the stored bytes and the backup itself, outermost first. `gzip` and `zstd` are also found without being
    /// listed.
    pub open: Field<Vec<Field<LayerSpec>>>,
    /// The backup is a `MongoDB` archive: `mongodump --archive`, with or without `--gzip`. `{}` takes every default.
    pub mongodb: Field<MongodbSection>,
    /// The backup is a `PostgreSQL` dump: `pg_dump -Fc` or plain SQL. `{}` takes every default.
    pub postgres: Field<PostgresSection>,
    /// The backup is an export of a DNS zone from Cloudflare's API: a tar archive with `all_records.json`, `zone_settings.json` and
    /// `zone-export.txt`. `{}` takes every default.
    pub dns_zone: Field<DnsZoneSection>,
    /// The backup is an export of secrets: a JSON object of names and values, as by Doppler. It is decrypted in memory only. `{}`
    /// takes every default.
    pub secrets: Field<SecretsSection>,
    /// How fast and how fresh a recovery must be.
    pub objectives: Field<ObjectivesSection>,
    /// What must hold of the restored data, besides what is always checked.
    pub checks: Field<Vec<Field<CheckSpec>>>,
    /// The live system that the backup is of, for `drift: { against: live }`.
    pub live: Field<LiveSection>,
    /// The longest that the whole scenario may take; `timeouts.scenario` of assay.yaml when left out.
    pub timeout: Field<Span>,
}

/// Which objects are the series of backups, and what is asked of the series.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Artifact")]
#[schemars(extend("required" = ["store", "key"]))]
pub struct ArtifactSection {
    /// The name of a store of assay.yaml.
    pub store: Field<String>,
    /// The object's key without the store's prefix. `{timestamp}` stands for the time of the backup: 8 digits, `-`, 6 digits, in UTC
    /// (`20261121-033000`), or a format of your own as in `{timestamp:%Y-%m-%dT%H%M%SZ}`. Everything else must match to the letter.
    #[schemars(length(min = 1))]
    pub key: Field<String>,
    /// How old the newest backup may be.
    pub age: Field<AgeSection>,
    /// How large the newest backup must be.
    pub size: Field<SizeSection>,
    /// How often a backup is due. A longer gap in the series is a finding.
    pub cadence: Field<Span>,
    /// How far back the series must reach. A shorter one is a finding.
    pub retention: Field<Span>,
}

/// The age of the newest backup.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Age")]
pub struct AgeSection {
    /// Older than this is a warning.
    pub warn: Field<Span>,
    /// Older than this is a failure.
    pub fail: Field<Span>,
}

/// The size of the newest backup.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "SizeRule")]
pub struct SizeSection {
    /// Fewer bytes are a failure.
    pub min: Field<Bytes>,
    /// How much smaller it may be than the median of the backups before it.
    pub drop: Field<DropSection>,
}

/// A loss against what was there before.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Drop")]
pub struct DropSection {
    /// A greater loss is a warning.
    pub warn: Field<Percent>,
    /// A greater loss is a failure.
    pub fail: Field<Percent>,
}

/// One layer between the stored bytes and the backup.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Layer")]
pub enum LayerSpec {
    /// Compressed by gzip.
    Gzip,
    /// Compressed by zstd.
    Zstd,
    /// Encrypted by `openssl enc`.
    OpensslEnc(OpensslEncSection),
    /// Encrypted by age.
    Age(AgeKeySection),
    /// One member of a tar archive.
    Tar(TarSection),
}

/// How `openssl enc` was called. Nothing of this is stored in its output, so it must be right.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "OpensslEnc")]
#[schemars(extend("required" = ["passphrase"]))]
pub struct OpensslEncSection {
    /// Where the passphrase lies. A list names every copy that there is: each is tried, and one that does not open the backup is
    /// told.
    pub passphrase: Field<SecretsSpec>,
    /// The cipher, by openssl's name.
    #[schemars(extend("default" = "aes-256-cbc"))]
    pub cipher: Field<String>,
    /// How the key is derived: `pbkdf2` for `-pbkdf2` or `-iter`, `legacy` for neither.
    #[schemars(extend("default" = "pbkdf2"))]
    pub kdf: Field<KdfSpec>,
    /// The number of iterations, as in `-iter`. openssl's own default with `-pbkdf2` is 10000.
    #[schemars(range(min = 1, max = 2_147_483_647), extend("default" = 10000))]
    pub iterations: Field<u64>,
    /// The digest, as in `-md`. It is sha256 since openssl 1.1.0 and was md5 before.
    #[schemars(extend("default" = "sha256"))]
    pub digest: Field<String>,
    /// Whether the stored bytes are base64, as by `-a`.
    #[schemars(extend("default" = false))]
    pub base64: Field<bool>,
}

/// How `openssl enc` derives its key.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Kdf")]
pub enum KdfSpec {
    /// `-pbkdf2`, or `-iter` alone.
    Pbkdf2,
    /// Neither of them: one round of `EVP_BytesToKey`.
    Legacy,
}

/// What opens an age file: exactly one of the two.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "AgeKey")]
#[schemars(extend("oneOf" = [{"required": ["identity"]}, {"required": ["passphrase"]}]))]
pub struct AgeKeySection {
    /// Where the identity lies: lines of `AGE-SECRET-KEY-1...`.
    pub identity: Field<SecretSpec>,
    /// Where the passphrase lies.
    pub passphrase: Field<SecretSpec>,
}

/// Which member of a tar archive is the backup.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Tar")]
#[schemars(extend("required" = ["member"]))]
pub struct TarSection {
    /// A glob over the member's path, such as `*/all_records.json`. Exactly one member must match.
    #[schemars(length(min = 1))]
    pub member: Field<String>,
}

/// How a `PostgreSQL` dump is restored.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Postgres")]
pub struct PostgresSection {
    /// The server's major version. `auto` reads the dump's header and takes the smallest installed version that can restore it.
    #[schemars(extend("default" = "auto"))]
    pub version: Field<AutoOr<12, 18>>,
    /// How many jobs restore in parallel. `auto` goes by the machine.
    #[schemars(extend("default" = "auto"))]
    pub jobs: Field<AutoOr<1, 1024>>,
    /// Whether a backup without a single row is fine. It passes with the note "restore mechanics verified".
    #[schemars(extend("default" = false))]
    pub allow_empty: Field<bool>,
    /// The extensions to go on without where the server does not have them. What needs one is left out with it.
    pub without_extensions: Field<Vec<Field<WithoutExtensionSection>>>,
    /// Whether an archive's own bytes are looked through beside the restore: every block checked, the rows of every table counted.
    /// Without it nothing tells whether all rows came back. Scripts are always looked through.
    #[schemars(extend("default" = true))]
    pub survey: Field<bool>,
}

/// An extension to go on without.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "WithoutExtension")]
#[schemars(extend("required" = ["name", "reason"]))]
pub struct WithoutExtensionSection {
    /// Its name, such as `pg_cron`.
    #[schemars(length(min = 1))]
    pub name: Field<String>,
    /// Why the proof is worth something without it. The report repeats it.
    #[schemars(length(min = 1))]
    pub reason: Field<String>,
}

/// What a recovery must keep to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Objectives")]
pub struct ObjectivesSection {
    /// Recovery time: the longest that starting a server and restoring into it may take.
    pub rto: Field<Span>,
    /// Recovery point: the most that may be lost, which is the age of the newest backup.
    pub rpo: Field<Span>,
}

/// One check on the restored data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Check")]
pub enum CheckSpec {
    /// How many of something there must be.
    Count(CountSection),
    /// How fresh the newest time in a column must be.
    Fresh(FreshSection),
    /// What a query must answer.
    Sql(SqlSection),
    /// What a question to a restored `MongoDB` must answer.
    Query(QuerySection),
    /// The server's own validation of everything that was restored, for `MongoDB`.
    Validate(ValidateSpec),
    /// Indexes that must have come back, for `MongoDB`.
    Indexes(IndexesSection),
    /// Whether a restored `PostgreSQL` database is whole inside.
    Integrity(IntegritySection),
    /// Whether a restored `PostgreSQL` database has the shape of a reviewed reference.
    Schema(SchemaSection),
    /// What came back must be what the artifact holds: `artifact`. It is always checked; write it to leave tables out.
    Matches(MatchesSpec),
    /// How far what came back may be from the last good run, or from the live system.
    Drift(DriftSection),
}

/// How many of something there must be: `min`, `max` or both.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Count")]
#[schemars(extend("required" = ["of"], "anyOf" = [{"required": ["min"]}, {"required": ["max"]}]))]
pub struct CountSection {
    /// What is counted. `PostgreSQL`: `tables`, `rows` (of all tables), the rows of one table by its full name (`public.users`), or one
    /// of `views`, `indexes`, `sequences`, `constraints`, `extensions`, `functions`. `MongoDB`: `collections`, `documents`, the documents
    /// of one collection (`shop.users`), or one of `indexes`, `views`, `timeseries`, `capped`, `validators`.
    #[schemars(length(min = 1))]
    pub of: Field<String>,
    /// At least so many.
    pub min: Field<u64>,
    /// At most so many.
    pub max: Field<u64>,
}

/// How fresh the newest time in a column must be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Fresh")]
#[schemars(extend("required" = ["newest", "within"]))]
pub struct FreshSection {
    /// The column, as `schema.table.column`; for `MongoDB` the field, as `database.collection.field`, where `_id` is the time in an
    /// `ObjectId`.
    #[schemars(regex(pattern = r"^[^.]+(\.[^.]+){2,}$"))]
    pub newest: Field<String>,
    /// The greatest distance between its newest time and the time of the backup.
    pub within: Field<Span>,
}

/// What a query must answer. It runs in a read-only transaction.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Sql")]
#[schemars(extend("required" = ["query", "expect"]))]
pub struct SqlSection {
    /// What the check is called in reports; the query itself when left out.
    pub name: Field<String>,
    /// The database that is asked, where the backup holds several; the first when left out.
    pub database: Field<String>,
    /// The query. The first column of its first row is the answer.
    #[schemars(length(min = 1))]
    pub query: Field<String>,
    /// What the answer must be: `= 0`, `!= 0`, `>= 10`, `> 10`, `<= 10`, `< 10`, `between 1 and 10` or `matches /regex/`.
    #[schemars(regex(pattern = r"^\s*(=|!=|>=|>|<=|<|between |matches )"))]
    pub expect: Field<String>,
    /// The longest that the query may take.
    #[schemars(extend("default" = "60s"))]
    pub timeout: Field<Span>,
}

/// Whether a restored `PostgreSQL` database is whole inside: indexes, constraints, foreign keys, sequences, triggers, row security,
/// collations and, by the extension `amcheck`, its pages. `{}` looks at everything.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Integrity")]
pub struct IntegritySection {
    /// How much of the extension `amcheck` is run: `auto` (pages, and every row in every index), `full` (also values stored out of line
    /// and the levels of each index) or `off`.
    #[schemars(extend("default" = "auto"))]
    pub amcheck: Field<AmcheckSpec>,
    /// Whether the rows of every foreign key are looked up in the table that it points to.
    #[schemars(extend("default" = true))]
    pub foreign_keys: Field<bool>,
    /// Look only at things whose full name one of these globs matches, such as `shop.*`. A constraint or a trigger is
    /// `schema.table.name`, an index `schema.name`, a sequence is named by its column.
    pub only: Field<Vec<Field<String>>>,
    /// Leave out things whose full name one of these globs matches.
    pub skip: Field<Vec<Field<String>>>,
    /// The longest that one of the parts (`amcheck`, foreign keys ...) may take; the scenario's own limit when left out.
    pub timeout: Field<Span>,
}

/// How much of the extension `amcheck` is run.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Amcheck")]
pub enum AmcheckSpec {
    /// Pages, and that every row is in every index.
    Auto,
    /// Nothing.
    Off,
    /// Also values stored out of line and the levels of each index.
    Full,
}

/// Whether a restored `PostgreSQL` database has the shape of a reviewed reference: tables, columns, types, constraints, indexes,
/// views, functions and the like. `assay run NAME --write-reference` writes the file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "SchemaCheck")]
#[schemars(extend("required" = ["reference"]))]
pub struct SchemaSection {
    /// The reference file. A relative path starts at the folder of the scenario's file.
    #[schemars(length(min = 1))]
    pub reference: Field<String>,
    /// What a difference is: `fail` or `warn`.
    #[schemars(extend("default" = "fail"))]
    pub on_change: Field<OnChangeSpec>,
}

/// What a difference is.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "OnChange")]
pub enum OnChangeSpec {
    /// A failure.
    Fail,
    /// A warning.
    Warn,
}
