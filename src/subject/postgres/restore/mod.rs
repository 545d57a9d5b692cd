//! Restoring a dump with the tools of the instance's own installation: archives and scripts.

mod archive;
mod script;

use super::classify::{self, Judgement};
use super::recipe::{SUPERUSER, dumped_from};
use super::{Dump, PostgresSpec, client};
use crate::error::{Error, Result};
use crate::runtime::Call;
use crate::runtime::local::{Instance, ToolRun};
use crate::subject::{Attempt, Body, Facts, Payload, Restored, Tool};

/// The database that dumps are restored into. One name for all: the dump's own may exist already or mean something to the
/// tools (`pg_restore` reads a name with `=` as a connection string).
pub const DATABASE: &str = "restored";

/// Restores a dump into fresh databases while its bytes are looked through: an archive from its file, a script as it comes.
pub async fn restore(payload: Payload, facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Attempt {
    let Payload { head, body } = payload;
    match body {
        Body::File { path, size } => archive::restore(Dump { path, size, head }, facts, instance, spec).await,
        Body::Stream(stream) => script::restore(stream, &head, facts, instance, spec).await,
    }
}

/// Judges what the tool that restores said, and how it ended.
fn finished(call: &Call, run: &ToolRun, facts: &Facts, instance: &Instance) -> Result<Restored> {
    let tool = tool(call, run, instance);
    let other_major = dumped_from(facts).is_some_and(|major| major != instance.installation().major);
    let Judgement { log, outcomes, stop } = classify::judge(call.program, &run.stderr, run.exit, other_major);
    if let Some(error) = stop {
        let called = format!("{} {}: {} ({})", tool.name, tool.version, tool.call, tool.exit);
        return Err(with_server_log(error.evidence([called]), instance));
    }
    Ok(Restored { databases: vec![DATABASE.to_owned()], prefixed: false, outcomes, tools: vec![tool], log })
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
