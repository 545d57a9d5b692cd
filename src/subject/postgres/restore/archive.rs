//! Restoring archives with `pg_restore`: custom ones as they are, those in a tar out of a folder.

use super::{DATABASE, connected, create_database, encoding, finished};
use crate::error::{Error, Result};
use crate::pgdump::script::{self, Rules};
use crate::pgdump::{self, Cause, Contents, Failure};
use crate::runtime::Call;
use crate::runtime::local::Instance;
use crate::subject::alongside::{self, Until, alongside};
use crate::subject::postgres::class::Class;
use crate::subject::postgres::extensions::{self, LeftOut};
use crate::subject::postgres::header::{CUSTOM, TOC_ENTRIES};
use crate::subject::postgres::{Dump, PostgresSpec, classify, client, folder, roles, survey};
use crate::subject::{Attempt, Facts, Restored, Surveyed};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Below this size starting another worker costs more than it saves.
const WORTH_A_WORKER: u64 = 4 << 20;

/// An archive as `pg_restore` takes it.
struct Archive {
    /// A file, or the folder of a directory dump.
    path: PathBuf,
    size: u64,
    /// Its table of contents; `None`: it is of a version that only its own `pg_restore` knows.
    contents: Option<Contents>,
}

/// Restores an archive into a fresh database while it is looked through.
pub async fn restore(dump: Dump, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Attempt {
    if spec.skip_survey {
        let open = vec![NOT_SURVEYED.to_owned()];
        return match with_tools(&dump, facts, instance, spec).await {
            Ok((restored, left_out)) => attempt(Surveyed { not_tested: open, ..Surveyed::default() }, Ok(restored), &left_out),
            Err(error) => attempt(Surveyed::default(), Err(error), &LeftOut::default()),
        };
    }
    let path = dump.path.clone();
    let mut left = LeftOut::default();
    let restoring = async {
        let (restored, left_out) = with_tools(&dump, facts, instance, spec).await?;
        left = left_out;
        Ok(restored)
    };
    let Attempt { surveyed, restored } = alongside(move |given_up| look_through(&path, given_up), restoring).await;
    attempt(surveyed, restored, &left)
}

const NOT_SURVEYED: &str = "the dump's own bytes: `survey: false` leaves them out, so nothing tells how many rows it holds";

fn attempt(mut surveyed: Surveyed, restored: Result<Restored>, left_out: &LeftOut) -> Attempt {
    left_out.settle(&mut surveyed);
    Attempt { surveyed, restored }
}

fn look_through(path: &Path, given_up: CancellationToken) -> Result<alongside::Survey> {
    let fail = |e: std::io::Error| Error::from(e).context("cannot read the payload");
    let survey = pgdump::survey(Until::new(File::open(path).map_err(fail)?, given_up)).map_err(fail)?;
    Ok(survey::surveyed(&survey, false))
}

/// Restores with the tools of the instance.
///
/// # Errors
/// Backup: it is cut short or corrupt. Harness: the server or the tools cannot do it, or an extension is missing.
async fn with_tools(dump: &Dump, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Result<(Restored, LeftOut)> {
    let archive = open(dump, facts, instance).await?;
    let left_out = match &archive.contents {
        Some(contents) => extensions::settle(contents, instance, &spec.without_extensions).await?,
        None => LeftOut::default(),
    };
    create_database(instance, encoding(archive.first_statements(&dump.head).as_bytes())).await?;
    if archive.makes_public() {
        drop_public(instance).await?;
    }
    let list = dump.path.with_file_name("list");
    let list = left_out.write_list(&list, instance)?;
    let roles = roles::make(archive.roles()?, instance).await?;
    let call = pg_restore(&archive, list, facts, instance, spec);
    let run = instance.run(&call).await?;
    if classify::may_be_damage(&run) {
        let listing = instance.run(&Call::new("pg_restore").arg("-l").arg(&archive.path)).await?;
        classify::unlistable(&listing).map_or(Ok(()), Err)?;
    }
    let mut restored = finished(&call, &run, facts, instance)?;
    restored.outcomes.extend(left_out.outcome());
    restored.outcomes.extend(roles);
    Ok((restored, left_out))
}

/// Looks through the table of contents, and lays a dump in a tar out in a folder: `pg_restore` takes tar archives themselves only
/// with one job, spins for ever on some that are cut, and knows no directory in a tar.
async fn open(dump: &Dump, facts: &Facts, instance: &Instance) -> Result<Archive> {
    if facts.format == CUSTOM {
        let contents = contents(dump.path.clone()).await?;
        return Ok(Archive { path: dump.path.clone(), size: dump.size, contents });
    }
    let path = dump.path.with_file_name("folder");
    folder::lay_out(dump.path.clone(), path.clone()).await?;
    instance.give(&path)?;
    let contents = contents(path.join(folder::TOC)).await?;
    Ok(Archive { path, size: dump.size, contents })
}

async fn contents(path: PathBuf) -> Result<Option<Contents>> {
    let work = tokio::task::spawn_blocking(move || pgdump::contents(BufReader::new(File::open(path)?)));
    match work.await.map_err(|e| Error::harness(format!("reading the archive ended: {e}")))? {
        Ok(contents) => Ok(Some(contents)),
        Err(Failure::Damage(damage)) if damage.cause == Cause::Newer => Ok(None),
        Err(Failure::Damage(damage)) => {
            let (what, at) = (damage.what, damage.at);
            let message = format!("{}: {what} (at byte {at})", Class::CorruptArchive.title());
            Err(Error::backup(message).hint(Class::CorruptArchive.hint()))
        }
        Err(Failure::Io(e)) => Err(Error::from(e).context("cannot read the payload")),
    }
}

impl Archive {
    /// What the archive sets before everything else, its encoding among it.
    fn first_statements(&self, head: &[u8]) -> String {
        match &self.contents {
            Some(contents) => {
                let encodings = contents.entries.iter().filter(|entry| entry.desc == "ENCODING");
                encodings.map(|entry| entry.definition.as_str()).collect()
            }
            None => String::from_utf8_lossy(head).into_owned(),
        }
    }

    /// Whether it makes the schema that every new database has, as `pg_dump -n public` does.
    fn makes_public(&self) -> bool {
        let makes = |entry: &pgdump::Entry| {
            entry.desc == "SCHEMA" && entry.tag == "public" && entry.definition.starts_with("CREATE SCHEMA")
        };
        self.contents.iter().flat_map(|contents| &contents.entries).any(makes)
    }

    /// The roles that its statements name although owners and privileges are not restored: they fail without them.
    fn roles(&self) -> Result<Vec<String>> {
        let names = |desc: &str| ["POLICY", "USER MAPPING", "SCHEMA"].contains(&desc);
        let entries = self.contents.iter().flat_map(|contents| &contents.entries).filter(|entry| names(&entry.desc));
        let statements: String = entries.map(|entry| entry.definition.as_str()).collect();
        let script = script::pass(statements.as_bytes(), &mut std::io::sink(), &mut Rules::default()).map_err(Error::from)?;
        Ok(script.roles_named.into_iter().collect())
    }
}

async fn drop_public(instance: &Instance) -> Result<()> {
    let client = client::connect(instance.place(), instance.password(), DATABASE).await.map_err(|e| client::harness(&e))?;
    client.batch_execute("DROP SCHEMA public").await.map_err(|e| client::harness(&e).context("cannot make room for the dump"))
}

fn listed(call: Call, list: Option<&Path>) -> Call {
    match list {
        Some(list) => call.arg("-L").arg(list),
        None => call,
    }
}

/// Owners, privileges and tablespaces belong to the cluster that the dump came from, not to the dump.
///
/// A custom archive that was written into a pipe does not say where its data are. Each worker looks for them by itself, once, and
/// passes over what it does not need: measured on 207 MB in four tables, as fast as with places (`PostgreSQL` 15, two jobs:
/// 6.6 and 8.5 s without, 8.5 and 9.3 s with).
fn pg_restore(archive: &Archive, list: Option<&Path>, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Call {
    let mut call = connected("pg_restore", instance);
    let jobs = spec.jobs.unwrap_or_else(|| jobs(archive.size, facts, instance.limits().cpus));
    if jobs > 1 {
        call = call.args(["-j".to_owned(), jobs.to_string()]);
    }
    call = call.args(["--no-owner", "--no-privileges", "--no-tablespaces", "--dbname", DATABASE]);
    listed(call, list).arg(&archive.path)
}

/// As many workers as there are processors, entries, and bytes worth it.
fn jobs(size: u64, facts: &Facts, cpus: usize) -> usize {
    let entries = facts.get(TOC_ENTRIES).and_then(|entries| entries.parse().ok()).unwrap_or(cpus);
    let worth = usize::try_from(size / WORTH_A_WORKER + 1).unwrap_or(usize::MAX);
    cpus.min(entries).min(worth).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Fact;

    #[test]
    fn workers_by_processors_entries_and_size() {
        let facts = |entries: &str| Facts {
            format: CUSTOM.into(),
            facts: vec![Fact { name: TOC_ENTRIES.into(), value: entries.into() }],
        };
        assert_eq!(jobs(1 << 30, &facts("500"), 8), 8);
        assert_eq!(jobs(1 << 30, &facts("3"), 8), 3);
        assert_eq!(jobs(10_000, &facts("500"), 8), 1);
        assert_eq!(jobs(5 << 20, &facts("500"), 8), 2);
    }
}
