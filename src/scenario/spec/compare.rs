//! The keys of `matches`, `drift` and `live`: what sets one census against another.

use super::values::SecretSpec;
use crate::scenario::compare::Tolerance;
use crate::scenario::field::{Field, Named};
use crate::units::{Percent, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// `artifact` alone, or with options.
#[derive(Debug)]
pub enum MatchesSpec {
    /// `matches: artifact`.
    Artifact,
    /// `matches: { against: artifact, except: [...] }`.
    Options(MatchesSection),
}

/// What came back must be what the artifact holds.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Matches")]
#[schemars(extend("required" = ["against"]))]
pub struct MatchesSection {
    /// What it is compared with.
    pub against: Field<MatchesAgainst>,
    /// Tables that are not compared, by globs: those that a trigger of the dump itself fills while it is restored.
    pub except: Field<Vec<Field<String>>>,
}

/// What a restore can be expected to match.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "MatchesAgainst")]
pub enum MatchesAgainst {
    /// What the artifact's own bytes hold.
    Artifact,
}

impl<'de> Deserialize<'de> for MatchesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MatchesVisitor)
    }
}

struct MatchesVisitor;

impl<'de> Visitor<'de> for MatchesVisitor {
    type Value = MatchesSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("artifact")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<MatchesSpec, E> {
        if text == "artifact" { Ok(MatchesSpec::Artifact) } else { Err(unmatched()) }
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<MatchesSpec, E> {
        Err(unmatched())
    }

    fn visit_unit<E: Error>(self) -> Result<MatchesSpec, E> {
        Err(unmatched())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<MatchesSpec, A::Error> {
        Err(unmatched())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MatchesSpec, A::Error> {
        MatchesSection::deserialize(MapAccessDeserializer::new(map)).map(MatchesSpec::Options)
    }
}

fn unmatched<E: Error>() -> E {
    E::custom("a restore can match nothing else; write `matches: artifact`, or `drift` for anything else")
}

impl JsonSchema for MatchesSpec {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "MatchesOrWord".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "const": "artifact" }, generator.subschema_for::<MatchesSection>()] })
    }
}

/// How far what came back may be from the last good run, or from the live system.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Drift")]
#[schemars(extend("required" = ["against"]))]
pub struct DriftSection {
    /// What it is compared with.
    pub against: Field<AgainstSpec>,
    /// What is compared: `rows` (all together, and each table by itself), `tables`, one table by its full name, or one of `views`,
    /// `indexes`, `sequences`, `constraints`, `extensions`, `functions` and so on by their names. Of a DNS zone: `records` by their
    /// numbers or `members` by their names and contents; of secrets: `keys`. All numbers when left out.
    #[schemars(length(min = 1))]
    pub of: Field<String>,
    /// How many fewer there may be. Left out with `growth` and `change`: more than 5% fewer warns and more than 20% fails against
    /// `last_good`.
    pub drop: Field<ToleranceSection>,
    /// How many more there may be.
    pub growth: Field<ToleranceSection>,
    /// How many fewer or more there may be. Left out with `drop` and `growth`: more than 2% warns and more than 10% fails against
    /// `live`.
    pub change: Field<ToleranceSection>,
    /// Other tolerances for single tables, by names or globs. The first that matches holds.
    pub tables: Field<Named<GroupToleranceSection>>,
    /// Tables, or names, that are not compared, by globs.
    pub ignore: Field<Vec<Field<String>>>,
    /// A share is judged only where so many rows are gone or new: of 3 rows, one is a third. A table that lost all its rows is always
    /// judged.
    #[schemars(extend("default" = 2))]
    pub at_least: Field<u64>,
    /// What a table means that is gone altogether.
    #[schemars(extend("default" = "fail"))]
    pub vanished: Field<VanishedSpec>,
}

/// What a drift is measured against.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Against")]
pub enum AgainstSpec {
    /// What the last good run of this scenario restored, out of the history.
    LastGood,
    /// The live system, by the scenario's `live`.
    Live,
}

/// What a table means that is gone altogether.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Vanished")]
pub enum VanishedSpec {
    /// A failure.
    Fail,
    /// A warning.
    Warn,
    /// It is only told.
    Ignore,
}

/// Other tolerances for one table.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "TableTolerance")]
#[schemars(extend("minProperties" = 1))]
pub struct GroupToleranceSection {
    /// How many fewer there may be.
    pub drop: Field<ToleranceSection>,
    /// How many more there may be.
    pub growth: Field<ToleranceSection>,
    /// How many fewer or more there may be.
    pub change: Field<ToleranceSection>,
}

/// How far a count may be off: a share, such as 5%, or a number.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Tolerance")]
pub struct ToleranceSection {
    /// More than this is a warning.
    pub warn: Field<Tolerance>,
    /// More than this is a failure.
    pub fail: Field<Tolerance>,
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToleranceVisitor)
    }
}

struct ToleranceVisitor;

impl ToleranceVisitor {
    fn wrong<E: Error>() -> E {
        E::custom("expected a share or a number; write a share like 5%, or a whole number without quotes")
    }
}

impl<'de> Visitor<'de> for ToleranceVisitor {
    type Value = Tolerance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share such as 5%, or a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tolerance, E> {
        Ok(Tolerance::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tolerance, E> {
        text.parse::<Percent>().map(Tolerance::Share).map_err(|_| Self::wrong())
    }

    fn visit_unit<E: Error>(self) -> Result<Tolerance, E> {
        Err(Self::wrong())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Tolerance, A::Error> {
        Err(Self::wrong())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Tolerance, A::Error> {
        Err(Self::wrong())
    }
}

impl JsonSchema for Tolerance {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "ShareOrNumber".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$" },
            { "type": "integer", "minimum": 0 }
        ] })
    }
}

/// The live system behind the backup, for `drift: { against: live }`. It is only ever read.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Live")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct LiveSection {
    /// A `MongoDB` server, or one database of it.
    pub mongodb: Field<LiveMongodbSection>,
    /// A DNS zone at Cloudflare, for `dns_zone`.
    pub cloudflare: Field<CloudflareSection>,
    /// The secrets of one config at Doppler, for `secrets`.
    pub doppler: Field<DopplerSection>,
    /// A `PostgreSQL` database, for `postgres`.
    pub postgres: Field<LivePostgresSection>,
}

/// How a live `MongoDB` is looked at: by commands that only read, on a secondary where there is one.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "LiveMongodb")]
#[schemars(extend("required" = ["url"]))]
pub struct LiveMongodbSection {
    /// Where its URL lies: `mongodb://user:password@host:27017/database?tls=true`. A database named in it is the only one that is
    /// looked at. The role `read` is enough.
    pub url: Field<SecretSpec>,
    /// Whether documents are counted, or estimated from the server's statistics.
    #[schemars(extend("default" = "exact"))]
    pub counts: Field<CountsSpec>,
    /// The longest that the whole look may take.
    #[schemars(extend("default" = "60s"))]
    pub timeout: Field<Span>,
    /// Collections in which only the documents with a time before that of the backup count, on both sides: the collection's full name
    /// (`shop.orders`) and its time field, where `_id` is the time in an `ObjectId`. For collections that are written to all day.
    pub older_than_backup: Field<Named<String>>,
}

/// How a live DNS zone is read from Cloudflare's API: all pages of its list of records.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Cloudflare")]
#[schemars(extend("required" = ["zone_id", "token"]))]
pub struct CloudflareSection {
    /// The zone's id, as its overview shows it: 32 digits and letters from a to f.
    #[schemars(length(min = 1))]
    pub zone_id: Field<String>,
    /// Where a token lies that may read the zone's DNS, and nothing else.
    pub token: Field<SecretSpec>,
    /// The API's address, when it is not Cloudflare's own.
    #[schemars(length(min = 1))]
    pub api: Field<String>,
    /// A PEM file with the certificate authority of that address, when it is one of your own.
    #[schemars(length(min = 1))]
    pub ca: Field<String>,
}

/// How live secrets are read from Doppler's API: by default their names alone.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "Doppler")]
#[schemars(extend("required" = ["token"]))]
pub struct DopplerSection {
    /// Where a token lies that may read the config. A service token of one config, with the right to read, is enough.
    pub token: Field<SecretSpec>,
    /// The project, where the token does not tell.
    #[schemars(length(min = 1))]
    pub project: Field<String>,
    /// The config, where the token does not tell.
    #[schemars(length(min = 1))]
    pub config: Field<String>,
    /// Whether values are compared too. They are read into memory, digested there, and never shown: reports say which names differ.
    #[schemars(extend("default" = false))]
    pub values: Field<bool>,
    /// The API's address, when it is not Doppler's own.
    #[schemars(length(min = 1))]
    pub api: Field<String>,
    /// A PEM file with the certificate authority of that address, when it is one of your own.
    #[schemars(length(min = 1))]
    pub ca: Field<String>,
}

/// How a live `PostgreSQL` database is looked at: in one read-only transaction that takes no lock beyond that of a SELECT.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "LivePostgres")]
#[schemars(extend("required" = ["url"]))]
pub struct LivePostgresSection {
    /// Where its URL lies: `postgres://user:password@host:5432/database?sslmode=verify-full`. A role that may only SELECT is enough.
    /// Connections to other machines are encrypted and the server's certificate is verified, unless the URL says `sslmode=disable`.
    pub url: Field<SecretSpec>,
    /// A PEM file with the certificate authority of the server, when it is one of your own.
    #[schemars(length(min = 1))]
    pub ca: Field<String>,
    /// Whether rows are counted, or estimated from the server's statistics.
    #[schemars(extend("default" = "exact"))]
    pub counts: Field<CountsSpec>,
    /// The longest that the whole look may take.
    #[schemars(extend("default" = "60s"))]
    pub timeout: Field<Span>,
    /// Tables in which only the rows with a time before that of the backup count, on both sides: the table's full name and its time
    /// column. For tables that are written to all day.
    pub older_than_backup: Field<Named<String>>,
}

/// How rows or documents of a live system are counted.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename = "Counts")]
pub enum CountsSpec {
    /// Every one is read.
    Exact,
    /// The statistics are asked; what has none is counted.
    Estimated,
}
