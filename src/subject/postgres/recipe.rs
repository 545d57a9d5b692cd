//! Which server can take a dump, and how it is set up for restoring.

use super::client;
use super::header::{ARCHIVE_VERSION, DUMPED_BY, DUMPED_FROM};
use crate::error::{Error, Result};
use crate::runtime::{Call, Installation, Limits, Place, Recipe};
use crate::secret::Secret;
use crate::subject::Facts;
use async_trait::async_trait;
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;

/// The superuser of an instance. Plain dumps name their owners, and `postgres` is the one that most of them name.
pub const SUPERUSER: &str = "postgres";

/// Older servers lack settings that are used here; `pg_restore` 12 reads whatever older ones wrote.
const OLDEST: u32 = 12;

/// How long to wait between two tries to connect to a starting server.
const TRY_EVERY: Duration = Duration::from_millis(2);

/// Starts a server that can take one dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresRecipe {
    /// The major that the scenario asks for.
    forced: Option<u32>,
    /// The major that the dump was made from.
    dumped_from: Option<u32>,
    /// The smallest major whose `pg_restore` reads the archive.
    readable_from: u32,
    /// There is a dump; else somebody only asks what is installed.
    for_a_dump: bool,
}

impl PostgresRecipe {
    /// For a dump that says this of itself.
    #[must_use]
    pub fn new(forced: Option<u32>, facts: &Facts) -> Self {
        let for_a_dump = !facts.format.is_empty();
        Self { forced, dumped_from: dumped_from(facts), readable_from: readable_from(facts), for_a_dump }
    }

    fn least(&self) -> u32 {
        self.readable_from.max(self.dumped_from.unwrap_or(OLDEST)).max(OLDEST)
    }
}

/// The major that a dump was made from.
#[must_use]
pub fn dumped_from(facts: &Facts) -> Option<u32> {
    facts.get(DUMPED_FROM).and_then(major)
}

/// The first number of a version: `9.6.24` is 9, which is as old as any of 9.
fn major(version: &str) -> Option<u32> {
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

/// A script can be read by all. `pg_restore` reads archives up to the version that it writes itself: 12 to 15 write 1.14, 16 writes 1.15, 17 and 18
/// write 1.16. What comes later can be read by the one that wrote it.
fn readable_from(facts: &Facts) -> u32 {
    let minor = facts.get(ARCHIVE_VERSION).and_then(|version| version.strip_prefix("1.")).and_then(|minor| minor.parse().ok());
    match minor {
        Some(..=14u32) | None => OLDEST,
        Some(15) => 16,
        Some(16) => 17,
        Some(_) => facts.get(DUMPED_BY).and_then(major).unwrap_or(18),
    }
}

#[async_trait]
impl Recipe for PostgresRecipe {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    fn server_program(&self) -> &'static str {
        "postgres"
    }

    fn usual_places(&self) -> &'static [&'static str] {
        &[
            "/usr/lib/postgresql/*/bin",
            "/usr/pgsql-*/bin",
            "/opt/homebrew/opt/postgresql@*/bin",
            "/usr/local/opt/postgresql@*/bin",
            "/usr/local/pgsql/bin",
        ]
    }

    fn choose<'f>(&self, found: &'f [Installation]) -> Result<&'f Installation> {
        let fits = |one: &&Installation| self.forced.map_or(one.major >= self.least(), |forced| one.major == forced);
        // Of several with one major the first: what is configured comes before what is merely there.
        found.iter().filter(fits).min_by_key(|one| one.major).ok_or_else(|| self.missing(found))
    }

    fn initialise(&self, place: &Place, password_file: &Path) -> Vec<Call> {
        let with_locale = |locale: &str| {
            let mut password = std::ffi::OsString::from("--pwfile=");
            password.push(password_file);
            Call::new("initdb")
                .args(["--no-sync", "-E", "UTF8", "-U", SUPERUSER, "--auth=scram-sha-256", locale])
                .arg(password)
                .arg("-D")
                .arg(&place.data)
        };
        // Not every system has C.UTF-8.
        vec![with_locale("--locale=C.UTF-8"), with_locale("--locale=C")]
    }

    fn configure(&self, place: &Place, limits: &Limits) -> Result<()> {
        let file = place.data.join("postgresql.conf");
        std::fs::write(&file, settings(place, limits))
            .map_err(|e| Error::from(e).context(format!("cannot write {}", file.display())))
    }

    fn server(&self, place: &Place) -> Call {
        Call::new("postgres").arg("-D").arg(&place.data)
    }

    fn socket_name(&self) -> &'static str {
        ".s.PGSQL.5432"
    }

    /// Immediate shutdown. After SIGKILL the System V segment that guards the data folder would stay behind.
    fn stop_signal(&self) -> Signal {
        Signal::QUIT
    }

    async fn ready(&self, place: &Place, cached_password: &Secret, password: &Secret) -> Result<()> {
        let client = loop {
            match client::connect(place, cached_password, "postgres").await {
                Ok(client) => break client,
                Err(e) if client::is_starting(&e) => tokio::time::sleep(TRY_EVERY).await,
                Err(e) => return Err(client::harness(&e).context("the server refuses the first connection")),
            }
        };
        // The password is hexadecimal, and the server writes no failing statement to its log.
        let statement = zeroize::Zeroizing::new(format!("ALTER ROLE {SUPERUSER} PASSWORD '{}'", password.expose()));
        client.batch_execute(&statement).await.map_err(|e| client::harness(&e).context("cannot set the instance's password"))
    }
}

impl PostgresRecipe {
    fn missing(&self, found: &[Installation]) -> Error {
        let least = self.least();
        let needed = match self.forced {
            Some(forced) => format!("the scenario asks for PostgreSQL {forced}"),
            None if self.for_a_dump => format!("the dump needs PostgreSQL {least} or newer"),
            None => format!("PostgreSQL {least} or newer is needed"),
        };
        let package = match self.forced {
            Some(forced) => format!("postgresql-{forced} (Debian, Ubuntu) or postgresql{forced}-server (RPM)"),
            None => format!("postgresql (Debian, Ubuntu) or postgresql-server (RPM), any version from {least} on"),
        };
        let there: Vec<String> = found.iter().map(|one| format!("{} in {}", one.version, one.bin.display())).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        Error::harness(format!("no PostgreSQL server fits: {needed}; found: {there}"))
            .hint(format!("Install the package {package}, or name the folder with its programs in `runtime.local.postgres.bin`."))
    }
}

/// The whole configuration: made for one restore after which everything is thrown away, so nothing is made durable.
fn settings(place: &Place, limits: &Limits) -> String {
    let cpus = u64::try_from(limits.cpus).unwrap_or(1);
    let mib = |bytes: u64, least: u64, most: u64| format!("{}MB", (bytes >> 20).clamp(least, most));
    let socket = place.socket.to_string_lossy().replace('\'', "''");
    let sized = [
        ("unix_socket_directories", format!("'{socket}'")),
        ("shared_buffers", mib(limits.memory / 4, 32, 2048)),
        ("maintenance_work_mem", mib(limits.memory / 2 / cpus, 32, 1024)),
        ("work_mem", mib(limits.memory / 16 / cpus, 4, 64)),
        ("max_worker_processes", (2 * cpus).clamp(4, 64).to_string()),
        ("max_parallel_workers", cpus.min(64).to_string()),
        ("max_parallel_maintenance_workers", cpus.min(4).to_string()),
    ];
    let sized = sized.iter().map(|(name, value)| format!("{name} = {value}\n"));
    SETTINGS.to_owned() + &sized.collect::<String>()
}

/// Passwords are scram's, which 12 and 13 do not make by themselves. `log_min_messages = log` leaves out failing statements: they may show values of the restored data.
/// Dynamic shared memory lies in the data folder, so that nothing of it stays in `/dev/shm`.
const SETTINGS: &str = "\
listen_addresses = ''
unix_socket_permissions = 0700
port = 5432
password_encryption = 'scram-sha-256'
max_connections = 64
max_locks_per_transaction = 1024
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
archive_mode = off
wal_init_zero = off
max_wal_size = 4GB
checkpoint_timeout = 1d
autovacuum = off
bgwriter_lru_maxpages = 0
huge_pages = off
dynamic_shared_memory_type = mmap
jit = off
statement_timeout = 0
lock_timeout = 0
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'
logging_collector = off
log_destination = 'stderr'
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use crate::subject::Fact;

    fn facts(format: &str, archive: &str, from: &str, by: &str) -> Facts {
        let facts = [(ARCHIVE_VERSION, archive), (DUMPED_FROM, from), (DUMPED_BY, by)];
        let facts = facts.iter().filter(|(_, value)| !value.is_empty());
        let facts = facts.map(|(name, value)| Fact { name: (*name).into(), value: (*value).into() }).collect();
        Facts { format: format.into(), facts }
    }

    fn found(majors: &[u32]) -> Vec<Installation> {
        let one = |major: &u32| Installation {
            bin: format!("/pg/{major}").into(),
            version: format!("{major}.1"),
            major: *major,
            elsewhere: Vec::new(),
        };
        majors.iter().map(one).collect()
    }

    fn chosen(forced: Option<u32>, facts: &Facts, majors: &[u32]) -> Option<u32> {
        PostgresRecipe::new(forced, facts).choose(&found(majors)).ok().map(|one| one.major)
    }

    #[test]
    fn the_smallest_that_can_restore_it() {
        let all = [18, 13, 15, 17, 16];
        for (facts, major) in [
            (facts("custom", "1.14", "15.18 (Debian)", "15.18"), 15),
            (facts("custom", "1.14", "9.6.24", "9.6.24"), 13),
            (facts("custom", "1.14", "14.2", "14.2"), 15),
            (facts("custom", "1.15", "13.4", "16.1"), 16),
            (facts("custom", "1.16", "15.18", "17.2"), 17),
            (facts("custom", "1.17", "15.18", "18.0"), 18),
            (facts("plain", "", "16.2", "18.1"), 16),
            (facts("plain", "", "", ""), 13),
        ] {
            assert_eq!(chosen(None, &facts, &all), Some(major), "{facts:?}");
        }
        assert_eq!(chosen(Some(18), &facts("custom", "1.14", "15.18", "15.18"), &all), Some(18));
    }

    #[test]
    fn none_that_fits_says_what_is_there_and_what_to_install() {
        let facts = facts("custom", "1.16", "17.2", "17.2");
        let error = PostgresRecipe::new(None, &facts).choose(&found(&[15])).map(|_| ()).expect_err("too old");
        assert_eq!(error.blame, Blame::Harness);
        let message = "no PostgreSQL server fits: the dump needs PostgreSQL 17 or newer; found: 15.1 in /pg/15";
        assert_eq!(error.message, message);
        let hint = "Install the package postgresql (Debian, Ubuntu) or postgresql-server (RPM), any version from 17 on, \
                    or name the folder with its programs in `runtime.local.postgres.bin`.";
        assert_eq!(error.hint.as_deref(), Some(hint));
        assert_eq!(chosen(None, &facts, &[]), None);
        let forced = PostgresRecipe::new(Some(14), &facts).choose(&found(&[15])).map(|_| ()).expect_err("another");
        assert!(forced.hint.is_some_and(|hint| hint.contains("postgresql-14 (Debian, Ubuntu) or postgresql14-server (RPM)")));
    }

    #[test]
    fn without_a_dump_nothing_is_said_of_one() {
        let error = PostgresRecipe::new(None, &Facts::default()).choose(&[]).map(|_| ()).expect_err("none");
        assert_eq!(error.message, "no PostgreSQL server fits: PostgreSQL 12 or newer is needed; found: none");
        assert!(error.hint.is_some_and(|hint| hint.contains("any version from 12 on") && !hint.contains("postgresql-12")));
    }

    #[test]
    fn the_settings_stay_within_the_limits_and_on_the_socket() {
        let place = Place { data: "/d".into(), socket: "/it's".into(), port: None };
        let text = settings(&place, &Limits { cpus: 2, memory: 1 << 30 });
        for line in ["listen_addresses = ''", "unix_socket_directories = '/it''s'", "shared_buffers = 256MB", "fsync = off"] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        assert!(settings(&place, &Limits { cpus: 1, memory: 1 << 40 }).contains("shared_buffers = 2048MB"));
    }
}
