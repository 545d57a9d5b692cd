//! Restoring a dump with the tools of the instance's own installation: archives and scripts.

mod archive;
mod script;

use super::classify::{self, Judgement};
use super::extensions::LeftOut;
use super::header::PLAIN;
use super::recipe::{SUPERUSER, dumped_from};
use super::{Dump, PostgresSpec, client};
use crate::error::{Error, Result};
use crate::runtime::Call;
use crate::runtime::local::{Instance, ToolRun};
use crate::subject::{Facts, Restored, Tool};

/// The database that dumps are restored into. One name for all: the dump's own may exist already or mean something to the
/// tools (`pg_restore` reads a name with `=` as a connection string).
pub const DATABASE: &str = "restored";

/// A restore that came to its end.
#[derive(Debug)]
pub struct Done {
    /// What it left behind.
    pub restored: Restored,
    /// What of the dump was not restored, on purpose.
    pub left_out: LeftOut,
}

/// Restores a dump into a fresh database.
///
/// # Errors
/// Backup: it is cut short or corrupt, or a plain dump stopped at a statement. Harness: the server or the tools cannot do it.
pub async fn restore(dump: &Dump, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Result<Done> {
    if facts.format == PLAIN {
        script::restore(dump, facts, instance).await
    } else {
        archive::restore(dump, facts, instance, spec).await
    }
}

/// Judges what the tool that restores said, and how it ended.
fn finished(call: &Call, run: &ToolRun, facts: &Facts, instance: &Instance) -> Result<Done> {
    let tool = tool(call, run, instance);
    let other_major = dumped_from(facts).is_some_and(|major| major != instance.installation().major);
    let Judgement { log, outcomes, stop } = classify::judge(call.program, &run.stderr, run.exit, other_major);
    if let Some(error) = stop {
        let called = format!("{} {}: {} ({})", tool.name, tool.version, tool.call, tool.exit);
        return Err(with_server_log(error.evidence([called]), instance));
    }
    let restored = Restored { databases: vec![DATABASE.to_owned()], outcomes, tools: vec![tool], log };
    Ok(Done { restored, left_out: LeftOut::default() })
}

fn tool(call: &Call, run: &ToolRun, instance: &Instance) -> Tool {
    Tool {
        name: call.program.to_owned(),
        version: instance.installation().version.clone(),
        call: call.to_string(),
        exit: run.exit.to_string(),
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
