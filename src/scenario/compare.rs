//! What scenarios say about setting one census against another: `matches`, `drift` and `live`.

use crate::secret::SecretRef;
use crate::subject::dns_zone::live::LiveZone;
use crate::subject::secrets::live::LiveSecrets;
use crate::units::Percent;
use globset::GlobMatcher;
use std::path::PathBuf;
use std::time::Duration;

use super::Limits;

/// `matches: artifact`: what came back is what the artifact holds.
#[derive(Debug, Clone, Default)]
pub struct MatchesCheck {
    /// Groups that are not compared.
    pub except: Vec<GlobMatcher>,
}

/// The left-hand side of a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// What the last good run of the same scenario restored.
    LastGood,
    /// What the live system holds.
    Live,
}

impl Against {
    /// The word for it in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastGood => "last_good",
            Self::Live => "live",
        }
    }
}

/// How far what came back may be from another vantage.
#[derive(Debug, Clone)]
pub struct DriftCheck {
    /// What it is compared with.
    pub against: Against,
    /// What is compared: the word for all members (`rows`), the word for all groups (`tables`), a group, or a kind of the
    /// inventory. All members when absent.
    pub of: Option<String>,
    /// How far each count may be off, where no other rule holds for it; what is usual for the left-hand side when absent.
    pub tolerances: Option<Tolerances>,
    /// Rules for single groups; the first that matches holds.
    pub groups: Vec<(GlobMatcher, Tolerances)>,
    /// Groups and members that are not compared.
    pub ignore: Vec<GlobMatcher>,
    /// Shares are judged only where at least so many members are gone or new.
    pub at_least: u64,
    /// What a group means that is gone altogether.
    pub vanished: Vanished,
}

/// What a group means that is gone altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vanished {
    /// The backup is bad.
    #[default]
    Fail,
    /// It wants attention.
    Warn,
    /// It is told.
    Ignore,
}

/// How far a count may be off, seen from the left-hand side.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tolerances {
    /// Fewer.
    pub drop: Limits<Tolerance>,
    /// More.
    pub growth: Limits<Tolerance>,
    /// Either.
    pub change: Limits<Tolerance>,
}

/// The most that a count may be off: a share of the left-hand side, or a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// A share of what the left-hand side has.
    Share(Percent),
    /// A number of members.
    Number(u64),
}

impl std::fmt::Display for Tolerance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Number(number) => f.write_str(&crate::units::grouped(*number)),
        }
    }
}

/// The live system behind a backup. Only ever read. One line per kind.
#[derive(Debug, Clone)]
pub enum LiveSpec {
    /// A `PostgreSQL` database.
    Postgres(LivePostgres),
    /// A `MongoDB` server, or one database of it.
    Mongodb(LiveMongodb),
    /// A DNS zone at Cloudflare.
    Cloudflare(LiveZone),
    /// The secrets of a config at Doppler.
    Doppler(LiveSecrets),
}

/// How a live `MongoDB` server is looked at.
#[derive(Debug, Clone)]
pub struct LiveMongodb {
    /// Where its URL lies. A database named in it is the only one that is looked at.
    pub url: SecretRef,
    /// Whether documents are counted or estimated.
    pub counts: Counts,
    /// The longest that the whole look may take.
    pub timeout: Duration,
    /// Collections of which only the documents with a time before that of the backup count: collection and time field, where `_id` is
    /// the time in an `ObjectId`.
    pub older_than_backup: Vec<(String, String)>,
}

/// How a live `PostgreSQL` database is looked at.
#[derive(Debug, Clone)]
pub struct LivePostgres {
    /// Where its URL lies: `postgres://user:password@host:port/database`.
    pub url: SecretRef,
    /// A PEM file with the certificate authority of its server.
    pub ca: Option<PathBuf>,
    /// Whether rows are counted or estimated.
    pub counts: Counts,
    /// The longest that the whole look may take.
    pub timeout: Duration,
    /// Tables of which only the rows with a time before that of the backup count: table and time column.
    pub older_than_backup: Vec<(String, String)>,
}

/// How rows of a live system are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// Every row is read.
    #[default]
    Exact,
    /// The statistics are asked.
    Estimated,
}
