//! Restoring plain SQL with `psql`.

use super::{DATABASE, Done, connected, create_database, encoding, finished};
use crate::error::{Error, Result};
use crate::runtime::Call;
use crate::runtime::local::{Instance, ToolRun};
use crate::subject::Facts;
use crate::subject::postgres::{Dump, clean, client, roles, sql};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Restores a script into a fresh database.
///
/// # Errors
/// Backup: it is cut short, or stopped at a statement. Harness: the server or the tools cannot do it.
pub async fn restore(dump: &Dump, facts: &Facts, instance: &Instance) -> Result<Done> {
    if is_cut_short(dump)? {
        return Err(Error::backup("the dump is cut short: its closing line is missing")
            .hint("Look at how it was written and moved: pg_dump did not get to its end, or the upload did not."));
    }
    create_database(instance, encoding(&dump.head)).await?;
    let roles = roles::make(roles::named_in(&dump.path).await?, instance).await?;
    let (call, run) = run_script(dump, instance).await?;
    let mut done = finished(&call, &run, facts, instance)?;
    refuse_other_databases(instance).await?;
    done.restored.outcomes.extend(roles);
    Ok(done)
}

/// The dump may contain psql's own commands, which run programs: it runs as the unprivileged user of the instance.
fn psql(instance: &Instance) -> Call {
    connected("psql", instance).args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", DATABASE, "-f"])
}

/// Runs a plain dump, without what it begins with dropping although nothing is there.
async fn run_script(dump: &Dump, instance: &Instance) -> Result<(Call, ToolRun)> {
    let left_out = clean::without_effect(&dump.path, instance, DATABASE).await?;
    if !left_out.is_empty() {
        let pipe = dump.path.with_extension("cleaned");
        let call = psql(instance).arg(&pipe);
        let run = clean::run_piped(&call, &pipe, &dump.path, &left_out, instance).await?;
        return Ok((call, run));
    }
    let call = psql(instance).arg(&dump.path);
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
fn is_cut_short(dump: &Dump) -> Result<bool> {
    let head = String::from_utf8_lossy(&dump.head);
    if !sql::is_by_pg_dump(&head) {
        return Ok(false);
    }
    let tail = tail(&dump.path, dump.size).map_err(|e| Error::from(e).context("cannot read the payload"))?;
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
