//! Restoring a dump with the tools of the instance's own installation.

use super::Dump;
use super::PostgresSpec;
use super::classify::{self, Judgement};
use super::client;
use super::header::{CUSTOM, TOC_ENTRIES};
use super::recipe::{SUPERUSER, dumped_from};
use super::{clean, roles, sql, walk};
use crate::check::Outcome;
use crate::error::{Error, Result};
use crate::runtime::Call;
use crate::runtime::local::{Instance, ToolRun};
use crate::subject::{Facts, Restored, Tool};
use regex::bytes::Regex;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::LazyLock;

/// The database that dumps are restored into. One name for all: the dump's own may exist already or mean something to the
/// tools (`pg_restore` reads a name with `=` as a connection string).
pub const DATABASE: &str = "restored";

/// Below this size starting another worker costs more than it saves.
const WORTH_A_WORKER: u64 = 4 << 20;

/// Restores a payload into a fresh database.
///
/// # Errors
/// Backup: it is cut short or corrupt, or a plain dump stopped at a statement. Harness: the server or the tools cannot do it.
pub async fn restore(payload: &Dump, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Result<Restored> {
    let custom = facts.format == CUSTOM;
    if custom {
        walk::walk(payload.path.clone()).await?;
    } else if is_cut_short(payload)? {
        return Err(Error::backup("the dump is cut short: its closing line is missing")
            .hint("Look at how it was written and moved: pg_dump did not get to its end, or the upload did not."));
    }
    create_database(instance, encoding(&payload.head)).await?;
    let (roles, lister) = make_roles(payload, custom, instance).await?;
    let (call, run) = if custom {
        let call = pg_restore(payload, facts, instance, spec);
        let run = instance.run(&call).await?;
        (call, run)
    } else {
        run_script(payload, instance).await?
    };
    if custom && classify::may_be_damage(&run) {
        let listing = instance.run(&Call::new("pg_restore").arg("-l").arg(&payload.path)).await?;
        classify::unlistable(&listing).map_or(Ok(()), Err)?;
    }
    let other_major = dumped_from(facts).is_some_and(|major| major != instance.installation().major);
    let Judgement { log, mut outcomes, stop } = classify::judge(call.program, &run.stderr, run.exit, other_major);
    if let Some(error) = stop {
        let tool = tool(&call, &run, instance);
        let called = format!("{} {}: {} ({})", tool.name, tool.version, tool.call, tool.exit);
        return Err(with_server_log(error.evidence([called]), instance));
    }
    if !custom {
        refuse_other_databases(instance).await?;
    }
    outcomes.extend(roles);
    let tools = std::iter::once(tool(&call, &run, instance)).chain(lister).collect();
    Ok(Restored { databases: vec![DATABASE.to_owned()], outcomes, tools, log })
}

fn tool(call: &Call, run: &ToolRun, instance: &Instance) -> Tool {
    Tool {
        name: call.program.to_owned(),
        version: instance.installation().version.clone(),
        call: call.to_string(),
        exit: run.exit.to_string(),
    }
}

/// Makes the roles that the dump names: its own statements fail without them. With the outcome comes the tool that told
/// the statements of an archive.
async fn make_roles(payload: &Dump, custom: bool, instance: &Instance) -> Result<(Option<Outcome>, Option<Tool>)> {
    if !custom {
        let names = roles::named_in(&payload.path).await?;
        return Ok((roles::make(names, instance).await?, None));
    }
    if !may_name_roles(&payload.path).map_err(|e| Error::from(e).context("cannot read the payload"))? {
        return Ok((None, None));
    }
    let schema = payload.path.with_file_name("schema.sql");
    let call = Call::new("pg_restore").args(["--schema-only", "--no-owner", "--no-privileges", "-f"]);
    let call = call.arg(&schema).arg(&payload.path);
    let run = instance.run(&call).await?;
    // A broken archive is for the restore itself to tell.
    let names = if run.exit.success() { roles::named_in(&schema).await? } else { Vec::new() };
    let _ = std::fs::remove_file(&schema);
    Ok((roles::make(names, instance).await?, Some(tool(&call, &run, instance))))
}

/// How far into an archive its table of contents is looked through. It stands at the beginning and is not compressed.
const CONTENTS: u64 = 16 << 20;

/// Whether an archive may name roles although owners and privileges are not restored. False alarms only cost time.
fn may_name_roles(archive: &Path) -> std::io::Result<bool> {
    static SIGNS: LazyLock<Regex> = LazyLock::new(|| Regex::new("POLICY|USER MAPPING|AUTHORIZATION").expect("a valid pattern"));
    const OVERLAP: usize = 16;
    let mut file = std::fs::File::open(archive)?.take(CONTENTS);
    let (mut piece, mut kept) = (vec![0; 256 * 1024], 0);
    loop {
        let read = file.read(piece.get_mut(kept..).unwrap_or_default())?;
        let text = piece.get(..kept + read).unwrap_or_default();
        if read == 0 || SIGNS.is_match(text) {
            return Ok(read > 0);
        }
        let start = text.len().saturating_sub(OVERLAP);
        kept = text.len() - start;
        piece.copy_within(start..start + kept, 0);
    }
}

/// The server's own last words, where it went away.
fn with_server_log(error: Error, instance: &Instance) -> Error {
    let gone = error.message.starts_with("server gone") || error.message.starts_with("out of memory");
    if !gone {
        return error;
    }
    let log = instance.log_tail();
    classify::explained(error, &log).evidence(log)
}

/// The encoding of the database to restore into. The server converts from whatever the dump is written in, except from
/// `SQL_ASCII`, which is no encoding: its bytes only fit into a database that does not look at them either.
fn encoding(head: &[u8]) -> &'static str {
    const NONE: &[u8] = b"SET client_encoding = 'SQL_ASCII'";
    let none = head.windows(NONE.len()).any(|window| window == NONE);
    if none { "'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'" } else { "'UTF8'" }
}

/// `template0`, because a template that something was added to would stand in the dump's way.
async fn create_database(instance: &Instance, encoding: &str) -> Result<()> {
    let create = format!("CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING {encoding}");
    let client = client::connect(instance.place(), instance.password(), "postgres").await.map_err(|e| client::harness(&e))?;
    client.batch_execute(&create).await.map_err(|e| client::harness(&e).context("cannot create a database"))
}

/// A tool that connects to the instance.
fn connected(program: &'static str, instance: &Instance) -> Call {
    Call::new(program)
        .env("PGHOST", &instance.place().socket)
        .env("PGPORT", "5432")
        .env("PGUSER", SUPERUSER)
        .secret_env("PGPASSWORD", instance.password())
}

/// Owners, privileges and tablespaces belong to the cluster that the dump came from, not to the dump.
fn pg_restore(payload: &Dump, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Call {
    let mut call = connected("pg_restore", instance);
    let jobs = spec.jobs.unwrap_or_else(|| jobs(payload.size, facts, instance.limits().cpus));
    if jobs > 1 {
        call = call.args(["-j".to_owned(), jobs.to_string()]);
    }
    call.args(["--no-owner", "--no-privileges", "--no-tablespaces", "--dbname", DATABASE]).arg(&payload.path)
}

/// As many workers as there are processors, entries, and bytes worth it.
fn jobs(size: u64, facts: &Facts, cpus: usize) -> usize {
    let entries = facts.get(TOC_ENTRIES).and_then(|entries| entries.parse().ok()).unwrap_or(cpus);
    let worth = usize::try_from(size / WORTH_A_WORKER + 1).unwrap_or(usize::MAX);
    cpus.min(entries).min(worth).max(1)
}

/// The dump may contain psql's own commands, which run programs: it runs as the unprivileged user of the instance.
fn psql(instance: &Instance) -> Call {
    connected("psql", instance).args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", DATABASE, "-f"])
}

/// Runs a plain dump, without what it begins with dropping although nothing is there.
async fn run_script(payload: &Dump, instance: &Instance) -> Result<(Call, ToolRun)> {
    let left_out = clean::without_effect(&payload.path, instance, DATABASE).await?;
    if !left_out.is_empty() {
        let pipe = payload.path.with_extension("cleaned");
        let call = psql(instance).arg(&pipe);
        let run = clean::run_piped(&call, &pipe, &payload.path, &left_out, instance).await?;
        return Ok((call, run));
    }
    let call = psql(instance).arg(&payload.path);
    let run = instance.run(&call).await?;
    Ok((call, run))
}

/// A plain dump that made its own database left ours empty: what is measured there would be nonsense.
async fn refuse_other_databases(instance: &Instance) -> Result<()> {
    let client = client::connect(instance.place(), instance.password(), DATABASE).await.map_err(|e| client::harness(&e))?;
    let query = "SELECT count(*) FROM pg_database WHERE datname <> ALL ($1)";
    let known: Vec<&str> = vec!["postgres", "template0", "template1", DATABASE];
    let row = client.query_one(query, &[&known]).await.map_err(|e| client::harness(&e))?;
    if row.get::<_, i64>(0) == 0 {
        return Ok(());
    }
    Err(Error::harness("a plain dump that creates its own database (pg_dump --create) is not supported yet")
        .hint("Make the dump without --create, or in the custom format (-Fc)."))
}

/// How `pg_dump` ends a plain dump. What follows differs between versions (`\unrestrict`).
const COMPLETE: &[u8] = b"-- PostgreSQL database dump complete";

/// How far from the end of the file the closing line may stand.
const TAIL: u64 = 4096;

/// Whether a plain dump of `pg_dump` lacks its closing line. A script by hand has none.
fn is_cut_short(payload: &Dump) -> Result<bool> {
    let head = String::from_utf8_lossy(&payload.head);
    if !sql::is_by_pg_dump(&head) {
        return Ok(false);
    }
    let tail = tail(&payload.path, payload.size).map_err(|e| Error::from(e).context("cannot read the payload"))?;
    Ok(!tail.windows(COMPLETE.len()).any(|window| window == COMPLETE) || is_key_cut(&head, &String::from_utf8_lossy(&tail)))
}

/// Whether the last line is a beginning of `\unrestrict KEY`. The key stands at the dump's beginning: `\restrict KEY`.
fn is_key_cut(head: &str, tail: &str) -> bool {
    let key = head.lines().find_map(|line| line.strip_prefix("\\restrict ")).map(str::trim);
    let last = tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    key.is_some_and(|key| last.starts_with('\\') && !last.contains(key))
}

fn tail(path: &Path, size: u64) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail)
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

    #[test]
    fn a_plain_dump_ends_with_its_closing_line_and_a_script_need_not() {
        let dir = tempfile::tempdir().expect("tempdir");
        let payload = |text: String| {
            let path = dir.path().join("dump.sql");
            std::fs::write(&path, &text).expect("write");
            Dump { path, size: text.len() as u64, head: text.into_bytes() }
        };
        let begin = format!("--\n{}\n--\n\n{}\n", sql::BEGIN, "x".repeat(10_000));
        let whole = format!("{begin}--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n");
        assert!(!is_cut_short(&payload(whole.clone())).expect("whole"));
        assert!(is_cut_short(&payload(whole[..whole.len() - 40].to_owned())).expect("cut"));
        let restricted = whole.replacen("--\n\n", "--\n\n\\restrict abc\n", 1);
        for (lost, cut) in [(0, false), (1, false), (2, false), (3, true), (7, true), (8 + "unrestrict".len() - 2, true)] {
            let text = restricted[..restricted.len() - lost].to_owned();
            assert_eq!(is_cut_short(&payload(text)).expect("a dump"), cut, "{lost} bytes lost");
        }
        assert!(is_cut_short(&payload(begin)).expect("cut"));
        assert!(!is_cut_short(&payload("SELECT 1;".into())).expect("by hand"));
    }
}
