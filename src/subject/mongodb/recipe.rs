//! Which server can take an archive, and how it is set up for restoring.

use super::client;
use super::facts::{ARCHIVE, DUMPED_FROM};
use crate::error::{Error, Result};
use crate::runtime::{Call, Installation, Limits, Place, Recipe};
use crate::secret::Secret;
use crate::subject::Facts;
use async_trait::async_trait;
use mongodb::bson::doc;
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Older servers are not supported by the tools of today.
const OLDEST: u32 = 5;

/// How long to wait between two tries to connect to a starting server.
const TRY_EVERY: Duration = Duration::from_millis(5);

/// The server's configuration, inside its data folder.
const CONFIGURATION: &str = "mongod.conf";

/// Starts a server that can take one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongodbRecipe {
    /// The major that the scenario asks for.
    forced: Option<u32>,
    /// The major that the archive was made from.
    dumped_from: Option<u32>,
    /// There is an archive; else somebody only asks what is installed.
    for_an_archive: bool,
}

impl MongodbRecipe {
    /// For an archive that says this of itself.
    #[must_use]
    pub fn new(forced: Option<u32>, facts: &Facts) -> Self {
        let dumped_from = facts.get(DUMPED_FROM).and_then(major);
        Self { forced, dumped_from, for_an_archive: facts.format == ARCHIVE }
    }

    fn least(&self) -> u32 {
        self.dumped_from.unwrap_or(OLDEST).max(OLDEST)
    }

    /// An archive goes into a server of its own major or of the next one (the manual of mongorestore).
    fn fits(&self, major: u32) -> bool {
        match (self.forced, self.dumped_from) {
            (Some(forced), _) => major == forced,
            (None, Some(_)) => (self.least()..=self.least() + 1).contains(&major),
            (None, None) => major >= OLDEST,
        }
    }

    /// A server that somebody chose may be newer by any number of versions, but not older than the archive.
    fn not_too_old(&self, told: &str) -> Result<()> {
        let Some((major, from)) = major(told).zip(self.dumped_from).filter(|(major, from)| major < from) else { return Ok(()) };
        Err(Error::harness(format!("the archive needs MongoDB {from}, and the configured server is {major} ({told})"))
            .hint("Configure a newer server in `runtime.local.mongodb.command`."))
    }

    fn missing(&self, found: &[Installation]) -> Error {
        let least = self.least();
        let needed = match (self.forced, self.dumped_from) {
            (Some(forced), _) => format!("the scenario asks for MongoDB {forced}"),
            (None, Some(_)) if self.for_an_archive => format!("the archive needs MongoDB {least} or {}", least + 1),
            (None, _) => format!("MongoDB {least} or newer is needed"),
        };
        let there: Vec<String> = found.iter().map(|one| format!("{} in {}", one.version, one.bin.display())).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        let force = match found.iter().map(|one| one.major).filter(|major| *major > least).max() {
            Some(newer) if self.forced.is_none() => format!(" To try with the newer one: `version: {newer}`."),
            _ => String::new(),
        };
        Error::harness(format!("no MongoDB server fits: {needed}; found: {there}")).hint(format!(
            "Install the package mongodb-org-server of that version, or name the folder with mongod in \
             `runtime.local.mongodb.bin`, or another server in `runtime.local.mongodb.command`.{force}"
        ))
    }
}

#[async_trait]
impl Recipe for MongodbRecipe {
    fn engine(&self) -> &'static str {
        "mongodb"
    }

    fn server_program(&self) -> &'static str {
        "mongod"
    }

    fn tools(&self) -> &'static [&'static str] {
        &["mongorestore"]
    }

    fn usual_places(&self) -> &'static [&'static str] {
        &["/opt/mongodb*/bin", "/usr/local/mongodb*/bin", "/opt/homebrew/opt/mongodb-community@*/bin"]
    }

    fn choose<'f>(&self, found: &'f [Installation]) -> Result<&'f Installation> {
        found.iter().filter(|one| self.fits(one.major)).min_by_key(|one| one.major).ok_or_else(|| self.missing(found))
    }

    /// The server fills an empty folder by itself.
    fn initialise(&self, _place: &Place, _password_file: &Path) -> Vec<Call> {
        Vec::new()
    }

    fn configure(&self, place: &Place, limits: &Limits) -> Result<()> {
        let file = place.data.join(CONFIGURATION);
        std::fs::write(&file, settings(place, limits))
            .map_err(|e| Error::from(e).context(format!("cannot write {}", file.display())))
    }

    fn server(&self, place: &Place) -> Call {
        Call::new("mongod").arg("--config").arg(place.data.join(CONFIGURATION))
    }

    fn socket_name(&self) -> &'static str {
        client::SOCKET
    }

    /// It leaves nothing behind that a clean end would remove, and a clean end first writes all of its cache to the disk.
    fn stop_signal(&self) -> Signal {
        Signal::KILL
    }

    /// The password is of no use: see [`client`].
    async fn ready(&self, place: &Place, _cached_password: &Secret, _password: &Secret) -> Result<()> {
        while !accepts(place).await {
            tokio::time::sleep(TRY_EVERY).await;
        }
        let client = client::client(place).map_err(|e| client::harness(&e))?;
        let ping = client.database("admin").run_command(doc! { "ping": 1 }).await;
        ping.map(|_| ()).map_err(|e| client::harness(&e).context("the server refuses the first connection"))
    }

    async fn told_version(&self, place: &Place) -> Result<Option<String>> {
        let told = async { client::version(&client::client(place)?).await };
        let told = told.await.map_err(|e| client::harness(&e).context("the server does not tell its version"))?;
        self.not_too_old(&told)?;
        Ok(Some(told))
    }
}

/// The first number of a version: `7.0.14` is 7.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// Asked without the driver, which waits half a second between two tries.
async fn accepts(place: &Place) -> bool {
    match place.port {
        Some(port) => tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok(),
        None => tokio::net::UnixStream::connect(place.socket.join(client::SOCKET)).await.is_ok(),
    }
}

/// The whole configuration: made for one restore after which everything is thrown away. JSON is YAML.
///
/// `bindIp` may name a socket, and then nothing else listens; `unixDomainSocket.enabled: false` keeps the one in /tmp away
/// (`TransportLayerASIO::setup`, 5.0 to 8.0). TTL indexes must not remove what was restored before it is counted. Half of the memory is
/// for the cache: the other half goes into sorting for indexes, connections and the tool.
#[expect(clippy::cast_precision_loss, reason = "hundredths of a GiB are exact enough")]
fn settings(place: &Place, limits: &Limits) -> String {
    let cache = (limits.memory >> 20) as f64 / 1024.0 / 2.0;
    let cache = (cache.clamp(LEAST_CACHE, 1024.0) * 100.0).floor() / 100.0;
    let settings = json!({
        "storage": {
            "dbPath": place.data,
            "journal": { "commitIntervalMs": 500 },
            "wiredTiger": { "engineConfig": { "cacheSizeGB": cache } },
        },
        "net": { "bindIp": place.socket.join(client::SOCKET), "unixDomainSocket": { "enabled": false } },
        "security": { "javascriptEnabled": false },
        "systemLog": { "quiet": true },
        "setParameter": { "diagnosticDataCollectionEnabled": false, "ttlMonitorEnabled": false },
    });
    settings.to_string()
}

/// In GiB: the least that the server takes.
const LEAST_CACHE: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use crate::subject::Fact;

    fn facts(from: &str) -> Facts {
        Facts { format: ARCHIVE.into(), facts: vec![Fact { name: DUMPED_FROM.into(), value: from.into() }] }
    }

    fn found(majors: &[u32]) -> Vec<Installation> {
        let one = |major: &u32| Installation {
            bin: format!("/mongo/{major}").into(),
            version: format!("{major}.0.1"),
            major: *major,
            elsewhere: Vec::new(),
        };
        majors.iter().map(one).collect()
    }

    fn chosen(forced: Option<u32>, from: &str, majors: &[u32]) -> Option<u32> {
        MongodbRecipe::new(forced, &facts(from)).choose(&found(majors)).ok().map(|one| one.major)
    }

    #[test]
    fn the_archives_own_major_or_the_next_one() {
        for (from, majors, major) in [
            ("7.0.14", &[8, 7, 6][..], Some(7)),
            ("7.0.14", &[8, 6], Some(8)),
            ("6.0.3", &[8], None),
            ("8.0.0-rc1", &[7], None),
            ("4.4.29", &[5, 6], Some(5)),
            ("3.6.8", &[6], Some(6)),
            ("unknown", &[8, 6], Some(6)),
        ] {
            assert_eq!(chosen(None, from, majors), major, "{from} with {majors:?}");
        }
        assert_eq!(chosen(Some(8), "5.0.1", &[6, 8]), Some(8));
    }

    #[test]
    fn none_that_fits_says_what_is_there_and_how_to_force_it() {
        let error = MongodbRecipe::new(None, &facts("6.0.3")).choose(&found(&[8])).map(|_| ()).expect_err("too new");
        assert_eq!(error.blame, Blame::Harness);
        assert_eq!(error.message, "no MongoDB server fits: the archive needs MongoDB 6 or 7; found: 8.0.1 in /mongo/8");
        assert!(error.hint.is_some_and(|hint| hint.contains("`version: 8`") && hint.contains("mongodb-org-server")));
        let none = MongodbRecipe::new(None, &Facts::default()).choose(&[]).map(|_| ()).expect_err("none");
        assert_eq!(none.message, "no MongoDB server fits: MongoDB 5 or newer is needed; found: none");
    }

    #[test]
    fn a_configured_server_must_not_be_older_than_the_archive() {
        let recipe = |from: &str| MongodbRecipe::new(None, &facts(from));
        for (from, told, fits) in
            [("7.0.14", "7.0.77", true), ("5.0.1", "8.0.0", true), ("9.0.0", "7.0.77", false), ("x", "7.0", true)]
        {
            assert_eq!(recipe(from).not_too_old(told).is_ok(), fits, "{from} into {told}");
        }
    }

    #[test]
    fn the_server_listens_on_its_socket_alone_and_keeps_within_its_limits() {
        let place = Place { data: "/d".into(), socket: "/s".into(), port: None };
        let text = settings(&place, &Limits { cpus: 2, memory: 3 << 30 });
        for part in [
            r#""bindIp":"/s/mongodb.sock","unixDomainSocket":{"enabled":false}"#,
            r#""cacheSizeGB":1.5"#,
            r#""ttlMonitorEnabled":false"#,
            r#""dbPath":"/d""#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(settings(&place, &Limits { cpus: 1, memory: 1 << 20 }).contains(r#""cacheSizeGB":0.25"#));
        let call = MongodbRecipe::new(None, &Facts::default()).server(&place).to_string();
        assert_eq!(call, "mongod --config /d/mongod.conf");
    }
}
