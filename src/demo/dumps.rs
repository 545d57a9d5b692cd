//! The demo's dumps: two small databases grow day by day, and `pg_dump` takes each as it was.

use crate::error::{Error, Result};
use crate::runtime::Call;
use crate::runtime::local::{Instance, LocalRuntime, Scratch};
use crate::scenario::RuntimeSettings;
use crate::scenario::resolve::default_scratch;
use crate::secret::Secrets;
use crate::subject::Facts;
use crate::subject::postgres::client;
use crate::subject::postgres::recipe::{PostgresRecipe, SUPERUSER};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::time::SystemTime;

/// A database of the demo.
struct Database {
    name: &'static str,
    /// What it holds from the beginning.
    base: &'static str,
    /// What a day adds; its one parameter is the moment of the day's backup.
    day: &'static str,
}

const DATABASES: [Database; 2] = [
    Database { name: "codetalk", base: include_str!("codetalk.sql"), day: include_str!("codetalk-day.sql") },
    Database { name: "bookmarked", base: include_str!("bookmarked.sql"), day: include_str!("bookmarked-day.sql") },
];

/// Days of backups.
const DAYS: i32 = 7;

/// How old the newest backup is.
const NEWEST: SignedDuration = SignedDuration::from_hours(3);

/// What was made.
pub struct Made {
    /// How many dumps.
    pub dumps: usize,
    /// By which version.
    pub version: String,
    /// The size to which the newest dump of `bookmarked` was cut, and its real one.
    pub cut: (u64, u64),
}

/// Fills a bucket's folder with several days of dumps.
///
/// # Errors
/// Harness: there is no `PostgreSQL`, or it does not do what it should.
pub async fn fill(bucket: &Path, secrets: &Secrets) -> Result<Made> {
    let runtime = LocalRuntime::new(&RuntimeSettings::default(), secrets)?;
    let base = default_scratch(&std::env::temp_dir());
    let scratch = Scratch::create(&base, &format!("demo-{}", std::process::id()), runtime.user())?;
    let room = scratch.room("demo")?;
    let recipe = PostgresRecipe::new(None, &Facts::default());
    let instance = runtime.start(&recipe, room.path()).await?;
    let mut dumps = 0;
    for database in &DATABASES {
        dumps += grow(database, &instance, room.path(), bucket).await?;
    }
    let version = instance.installation().version.clone();
    instance.stop().await?;
    room.remove()?;
    Ok(Made { dumps, version, cut: cut_newest(bucket, "bookmarked")? })
}

/// Makes one database, and dumps it at the end of each day.
async fn grow(database: &Database, instance: &Instance, room: &Path, bucket: &Path) -> Result<usize> {
    let failed = |error: tokio_postgres::Error| client::harness(&error).context(format!("making {}", database.name));
    let admin = client::connect(instance.place(), instance.password(), SUPERUSER).await.map_err(failed)?;
    admin.batch_execute(&format!("create database {}", database.name)).await.map_err(failed)?;
    let filler = client::connect(instance.place(), instance.password(), database.name).await.map_err(failed)?;
    filler.batch_execute(database.base).await.map_err(failed)?;
    for day in (0..DAYS).rev() {
        let taken = Timestamp::now() - NEWEST - SignedDuration::from_hours(24) * day;
        filler.execute(database.day, &[&taken]).await.map_err(failed)?;
        let file = room.join("dump");
        dump(instance, database.name, &file).await?;
        put(&file, &bucket.join(super::key(database.name, taken)), taken)?;
    }
    Ok(usize::try_from(DAYS).unwrap_or_default())
}

async fn dump(instance: &Instance, database: &str, file: &Path) -> Result<()> {
    let call = Call::new("pg_dump")
        .args(["-Fc", "--no-owner", "-U", SUPERUSER, "-h"])
        .arg(&instance.place().socket)
        .arg("-f")
        .arg(file)
        .arg(database)
        .secret_env("PGPASSWORD", instance.password());
    let run = instance.run(&call).await?;
    if run.exit.success() {
        return Ok(());
    }
    Err(Error::harness(format!("pg_dump of {database} failed ({})", run.exit)).evidence(run.stderr.lines))
}

/// Puts a file into the bucket as if it had been uploaded at that time. The server in the process serves plain files.
fn put(file: &Path, object: &Path, time: Timestamp) -> Result<()> {
    if let Some(folder) = object.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(file, object)?;
    std::fs::remove_file(file)?;
    std::fs::File::options().write(true).open(object)?.set_modified(SystemTime::from(time))?;
    Ok(())
}

/// Cuts the newest dump of a database to two thirds.
fn cut_newest(bucket: &Path, database: &str) -> Result<(u64, u64)> {
    let folder = bucket.join("postgresql-backups");
    let names = folder.read_dir()?.filter_map(|entry| entry.ok().map(|entry| entry.file_name()));
    let newest = names.filter(|name| name.to_string_lossy().starts_with(database)).max();
    let newest = newest.ok_or_else(|| Error::harness(format!("no dump of {database} was made")))?;
    let file = std::fs::File::options().write(true).open(folder.join(newest))?;
    let metadata = file.metadata()?;
    let (whole, modified) = (metadata.len(), metadata.modified()?);
    file.set_len(whole * 2 / 3)?;
    file.set_modified(modified)?;
    Ok((whole * 2 / 3, whole))
}
