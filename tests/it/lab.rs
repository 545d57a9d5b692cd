//! A place to try things in: scratch, a runtime, real servers and real dumps.

use assay::check::Status;
use assay::error::Error;
use assay::open::arrive::{Arriving, Order, arrive};
use assay::open::unpack::unpack;
use assay::run::progress::Progress;
use assay::runtime::local::{Instance, LocalRuntime, Room, Scratch};
use assay::runtime::{Call, Recipe};
use assay::scenario::RuntimeSettings;
use assay::secret::Secrets;
use assay::subject::postgres::{Postgres, PostgresSpec};
use assay::subject::{Attempt, Body, Facts, Intake, Payload, Restored, Subject};
use futures_util::StreamExt as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};

/// Gone when it is dropped, with everything that was started in it.
pub struct Lab {
    pub runtime: LocalRuntime,
    pub scratch: Scratch,
    base: tempfile::TempDir,
}

/// A folder that every user can go through, with a short path.
pub fn open_folder() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("assay-").tempdir_in("/tmp").expect("a temporary folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    dir
}

/// A runtime for tests: two processors, little memory, a cache that all tests share.
pub fn runtime() -> LocalRuntime {
    runtime_with(Vec::new())
}

/// The same with programs out of these folders.
fn runtime_with(postgres_bin: Vec<PathBuf>) -> LocalRuntime {
    runtime_of(RuntimeSettings { postgres_bin, ..RuntimeSettings::default() })
}

fn runtime_of(settings: RuntimeSettings) -> LocalRuntime {
    let settings = RuntimeSettings { cpus: Some(2), memory: Some(256 << 20), ..settings };
    let runtime = LocalRuntime::new(&settings, &Secrets::default()).expect("a runtime");
    runtime.with_cache(Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")))
}

/// A recipe for a server of whichever version is there.
pub fn recipe() -> Box<dyn Recipe> {
    subject().recipe(&Facts::default()).expect("a server is needed")
}

pub fn subject() -> Postgres {
    Postgres::new(PostgresSpec::default())
}

impl Lab {
    pub fn new() -> Self {
        let base = open_folder();
        let runtime = runtime();
        let scratch = Scratch::create(base.path(), "run", runtime.user()).expect("scratch");
        Self { runtime, scratch, base }
    }

    /// The same with programs replaced by shell scripts, so that they do what the real ones do too rarely.
    pub async fn with_scripts(mut self, scripts: &[(&str, &str)]) -> Self {
        let real = self.runtime.installations(&*recipe()).await.expect("installations").swap_remove(0).bin;
        let bin = self.base().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        // A link to the server would lead to where it really lies, past the scripts.
        let server = format!("exec {} \"$@\"", real.join("postgres").display());
        for (name, script) in scripts.iter().copied().chain([("postgres", server.as_str())]) {
            std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).expect("a script");
            std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        for program in real.read_dir().expect("programs").map(|entry| entry.expect("a program")) {
            let link = bin.join(program.file_name());
            if !link.exists() {
                std::os::unix::fs::symlink(program.path(), link).expect("a link");
            }
        }
        self.runtime = runtime_with(vec![bin]);
        self
    }

    /// The same with tools that are ended after so long without progress.
    pub fn with_no_progress(mut self, limit: std::time::Duration) -> Self {
        self.runtime = runtime_of(RuntimeSettings { no_progress: Some(limit), ..RuntimeSettings::default() });
        self
    }

    /// The same with the programs of this folder beside those of the machine.
    pub fn with_programs(bin: PathBuf) -> Self {
        Self { runtime: runtime_with(vec![bin]), ..Self::new() }
    }

    pub fn base(&self) -> &Path {
        self.base.path()
    }

    pub async fn start(&self) -> Server {
        self.start_by(&*recipe()).await
    }

    /// A server of this major version.
    pub async fn start_major(&self, major: u32) -> Server {
        let subject = Postgres::new(PostgresSpec { version: Some(major), ..PostgresSpec::default() });
        self.start_by(&*subject.recipe(&Facts::default()).expect("a server is needed")).await
    }

    async fn start_by(&self, recipe: &dyn Recipe) -> Server {
        let room = self.scratch.room("server").expect("room");
        let instance = self.runtime.start(recipe, room.path()).await.expect("a server");
        Server { instance, room }
    }

    /// Restores bytes as a scenario does: inspect, choose a server, start it, restore.
    pub async fn restore(&self, dump: &[u8]) -> assay::error::Result<Proof> {
        let room = self.scratch.room("restore")?;
        let stored = futures_util::stream::iter([Ok(bytes::Bytes::copy_from_slice(dump))]).boxed();
        let order = Order { stored, layers: Vec::new(), secrets: Secrets::default(), recognises: Arc::new(|_| true) };
        let progress = Progress::new("test", tokio::sync::mpsc::unbounded_channel().0);
        let Arriving { head, stream, intake: _intake, .. } = arrive(order, &progress).await?;
        let (subject, size) = (subject(), dump.len() as u64);
        let mut facts = subject.inspect(&head, Some(size))?;
        let body = match subject.intake(&facts) {
            Intake::Stream => Body::Stream(stream),
            Intake::File => {
                let path = room.path().join("payload");
                unpack(stream, path.clone(), None).await?;
                self.runtime.user().give(&path)?;
                facts = subject.inspect_file(&path, &head, size)?;
                Body::File { path, size }
            }
        };
        let recipe = subject.recipe(&facts).expect("a server is needed");
        let instance = self.runtime.start(&*recipe, room.path()).await?;
        let Attempt { surveyed, restored } = subject.restore(Payload { head, body }, &facts, Some(&instance)).await;
        // What the bytes alone tell comes first, as in a report.
        if let Some(damage) = surveyed.outcomes.into_iter().find(|outcome| outcome.status == Status::Fail) {
            let by_a_tool = restored.err().map(|error| error.evidence).unwrap_or_default();
            return Err(Error::backup(damage.message).evidence(damage.evidence).evidence(by_a_tool));
        }
        let restored = restored?;
        Ok(Proof { facts, restored, instance, room })
    }
}

/// A server with a database of its own to fill and to dump.
pub struct Server {
    pub instance: Instance,
    pub room: Room,
}

/// A restored dump.
pub struct Proof {
    pub facts: Facts,
    pub restored: Restored,
    pub instance: Instance,
    pub room: Room,
}

/// A connection to one of an instance's databases.
pub async fn connect(instance: &Instance, database: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host_path(&instance.place().socket).user("postgres").password(instance.password().expose()).dbname(database);
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

impl Server {
    /// Makes a database and fills it.
    pub async fn fill(&self, database: &str, sql: &str) {
        let server = connect(&self.instance, "postgres").await;
        server.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0")).await.expect("a database");
        connect(&self.instance, database).await.batch_execute(sql).await.expect("its content");
    }

    /// What a shell command writes to its standard output, with this server's programs in its path and the server at hand.
    pub fn shell(&self, command: &str) -> Vec<u8> {
        let output = std::process::Command::new("sh")
            .args(["-ec", command])
            .current_dir(self.room.path())
            .env("PATH", format!("{}:/usr/bin:/bin", self.instance.installation().bin.display()))
            .env("PGHOST", &self.instance.place().socket)
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", self.instance.password().expose())
            .output()
            .expect("a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// A dump of a database by the real `pg_dump`.
    pub async fn dump(&self, database: &str, options: &[&str]) -> Vec<u8> {
        let file: PathBuf = self.room.path().join(format!("{database}{}.dump", options.concat()));
        let call = Call::new("pg_dump")
            .args(options.iter().copied())
            .args(["-U", "postgres", "-d", database, "-f"])
            .arg(&file)
            .arg("-h")
            .arg(&self.instance.place().socket)
            .secret_env("PGPASSWORD", self.instance.password());
        let run = self.instance.run(&call).await.expect("pg_dump");
        assert!(run.exit.success(), "{:?}", run.stderr);
        std::fs::read(file).expect("the dump")
    }
}
