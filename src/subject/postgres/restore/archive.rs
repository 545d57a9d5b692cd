//! Restoring archives with `pg_restore`: custom ones as they are, those in a tar out of a folder.

use super::{DATABASE, Done, connected, create_database, encoding, finished, tool};
use crate::check::Outcome;
use crate::error::{Error, Result};
use crate::pgdump::{self, Cause, Contents, Failure};
use crate::runtime::Call;
use crate::runtime::local::Instance;
use crate::subject::postgres::class::Class;
use crate::subject::postgres::extensions::{self, LeftOut};
use crate::subject::postgres::header::{CUSTOM, TOC_ENTRIES};
use crate::subject::postgres::{Dump, PostgresSpec, classify, folder, roles, walk};
use crate::subject::{Facts, Tool};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

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

/// Restores an archive into a fresh database.
///
/// # Errors
/// Backup: it is cut short or corrupt. Harness: the server or the tools cannot do it, or an extension is missing.
pub async fn restore(dump: &Dump, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Result<Done> {
    let archive = open(dump, facts, instance).await?;
    let left_out = match &archive.contents {
        Some(contents) => extensions::settle(contents, instance, &spec.without_extensions).await?,
        None => LeftOut::default(),
    };
    create_database(instance, encoding(archive.first_statements(&dump.head).as_bytes())).await?;
    let list = dump.path.with_file_name("list");
    let list = left_out.write_list(&list, instance)?;
    let (roles, lister) = make_roles(&archive, list, instance).await?;
    let call = pg_restore(&archive, list, facts, instance, spec);
    let run = instance.run(&call).await?;
    if classify::may_be_damage(&run) {
        let listing = instance.run(&Call::new("pg_restore").arg("-l").arg(&archive.path)).await?;
        classify::unlistable(&listing).map_or(Ok(()), Err)?;
    }
    let mut done = finished(&call, &run, facts, instance)?;
    done.restored.outcomes.extend(left_out.outcome());
    done.restored.outcomes.extend(roles);
    done.restored.tools.extend(lister);
    done.left_out = left_out;
    Ok(done)
}

/// Looks through the table of contents, and lays a dump in a tar out in a folder: `pg_restore` takes tar archives themselves only
/// with one job, spins for ever on some that are cut, and knows no directory in a tar.
async fn open(dump: &Dump, facts: &Facts, instance: &Instance) -> Result<Archive> {
    if facts.format == CUSTOM {
        walk::walk(dump.path.clone()).await?;
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
        Err(Failure::Damage(damage)) if damage.cause == Cause::Unknown => Ok(None),
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

    /// Whether it may name roles although owners and privileges are not restored. False alarms only cost time.
    fn may_name_roles(&self) -> bool {
        let names = |desc: &str| ["POLICY", "USER MAPPING", "SCHEMA"].contains(&desc);
        let named = |contents: &Contents| {
            let mut entries = contents.entries.iter();
            entries.any(|entry| names(&entry.desc) && (entry.desc != "SCHEMA" || entry.definition.contains("AUTHORIZATION")))
        };
        self.contents.as_ref().is_none_or(named)
    }
}

/// Makes the roles that the statements name: they fail without them. With the outcome comes the tool that told the statements.
async fn make_roles(archive: &Archive, list: Option<&Path>, instance: &Instance) -> Result<(Option<Outcome>, Option<Tool>)> {
    if !archive.may_name_roles() {
        return Ok((None, None));
    }
    let schema = archive.path.with_file_name("schema.sql");
    let call = Call::new("pg_restore").args(["--schema-only", "--no-owner", "--no-privileges", "-f"]).arg(&schema);
    let call = listed(call, list).arg(&archive.path);
    let run = instance.run(&call).await?;
    // A broken archive is for the restore itself to tell.
    let names = if run.exit.success() { roles::named_in(&schema).await? } else { Vec::new() };
    let _ = std::fs::remove_file(&schema);
    Ok((roles::make(names, instance).await?, Some(tool(&call, &run, instance))))
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
