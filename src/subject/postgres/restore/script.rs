//! Plain SQL goes straight from the store into psql, looked through and changed on its way: nothing of it touches the disk.

use super::{DATABASE, connected, create_database, encoding, finished};
use crate::check::{Outcome, Status};
use crate::error::{Error, Result};
use crate::open::arrive::Stream;
use crate::pgdump::script::{self, Author, Databases, Locales, Roles, Rules, Script};
use crate::runtime::Call;
use crate::runtime::local::Instance;
use crate::subject::postgres::extensions::{self, LeftOut};
use crate::subject::postgres::recipe::SUPERUSER;
use crate::subject::postgres::{PostgresSpec, client, roles, survey};
use crate::subject::{Attempt, Facts, Restored, Surveyed};
use std::collections::BTreeSet;
use std::io::{BufReader, BufWriter, Write};
use tokio_postgres::Client;

/// How much of a script is read at once.
const PIECE: usize = 256 << 10;

/// Restores a script while it is looked through. The stream is read to its end, whatever psql makes of it.
pub async fn restore(stream: Stream, head: &[u8], facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Attempt {
    let attempt = run(stream, head, facts, instance, spec).await;
    attempt.unwrap_or_else(|error| Attempt { surveyed: Surveyed::default(), restored: Err(error) })
}

async fn run(stream: Stream, head: &[u8], facts: &Facts, instance: &Instance, spec: &PostgresSpec) -> Result<Attempt> {
    // Extensions are made first of all, so the head names them.
    let wanted = script::pass(head, &mut std::io::sink(), &mut Rules::default()).map_err(Error::from)?.extensions;
    let left_out = LeftOut::of_script(extensions::without(&wanted, instance, &spec.without_extensions).await?);
    create_database(instance, encoding(head)).await?;
    let mut rules = rules(instance).await?;
    rules.without_extensions = left_out.extensions.iter().map(|one| one.name.clone()).collect();
    let call = psql(instance);
    let feed = move |input| {
        let mut output = BufWriter::with_capacity(PIECE, input);
        let script = script::pass(BufReader::with_capacity(PIECE, stream), &mut output, &mut rules)?;
        output.flush().map(|()| script)
    };
    let (run, script) = instance.run_fed(&call, feed).await?;
    // What the store or a layer says comes before whatever psql makes of the missing rest.
    let mut script = script.map_err(Error::from)?;
    let (databases, prefixed) = databases(&script);
    script.survey.databases.retain(|database| database.name.as_ref().is_none_or(|name| databases.contains(name)));
    let mut surveyed = survey::surveyed(&script.survey, prefixed).surveyed;
    left_out.settle(&mut surveyed);
    let restored = finished(&call, &run, facts, instance).map(|mut restored| {
        restored.outcomes.extend(left_out.outcome().into_iter().chain(remarks(&script)));
        Restored { databases, prefixed, ..restored }
    });
    Ok(Attempt { surveyed, restored })
}

/// What must be changed so that this server can run the script.
async fn rules(instance: &Instance) -> Result<Rules> {
    let fail = |e: tokio_postgres::Error| client::harness(&e).context("cannot ask the server what it has");
    let client = client::connect(instance.place(), instance.password(), DATABASE).await.map_err(fail)?;
    let names = async |query| names(&client, query).await.map_err(fail);
    let locales = Locales {
        libc: names("SELECT DISTINCT collcollate::text FROM pg_collation WHERE collprovider = 'c'").await?,
        icu: !names("SELECT collname::text FROM pg_collation WHERE collprovider = 'i' LIMIT 1").await?.is_empty(),
        builtin: instance.installation().major >= 17,
    };
    Ok(Rules {
        roles: Some(Roles { known: names("SELECT rolname::text FROM pg_roles").await?, superuser: SUPERUSER.to_owned() }),
        clean: Some(names("SELECT nspname::text FROM pg_namespace UNION SELECT extname::text FROM pg_extension").await?),
        databases: Some(Databases { known: names("SELECT datname::text FROM pg_database").await?, locales }),
        commands: true,
        tablespaces: true,
        without_extensions: BTreeSet::new(),
    })
}

async fn names(client: &Client, query: &str) -> Result<BTreeSet<String>, tokio_postgres::Error> {
    client.query(query, &[]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// The script comes through its standard input; it runs as the unprivileged user of the instance.
fn psql(instance: &Instance) -> Call {
    connected("psql", instance).args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", DATABASE, "-f", "-"])
}

/// The databases to measure, and whether names begin with theirs: a script of `pg_dumpall` may hold another one tomorrow.
/// The server's own are measured only where the script puts something in.
fn databases(script: &Script) -> (Vec<String>, bool) {
    let filled = |name: &str| {
        let found = script.survey.databases.iter().find(|database| database.name.as_deref() == Some(name));
        found.is_some_and(|database| !database.tables.is_empty() || !database.objects.is_empty())
    };
    let own = |name: &str| name == "template1" || (name == SUPERUSER && !filled(name));
    let mut databases: Vec<String> = Vec::new();
    for name in &script.connects {
        if !own(name) && !databases.contains(name) {
            databases.push(name.clone());
        }
    }
    let cluster = script.author == Author::PgDumpAll;
    let unnamed = script.survey.databases.iter().any(|database| database.name.is_none() && !database.tables.is_empty());
    if databases.is_empty() && (unnamed || !cluster) {
        return (vec![DATABASE.to_owned()], false);
    }
    (databases, cluster)
}

/// What was changed on the way, for the reader of the report.
fn remarks(script: &Script) -> impl Iterator<Item = Outcome> {
    let made: Vec<String> = script.roles_added.iter().cloned().collect();
    let notes = script.notes.iter().map(|note| Outcome::new("script", Status::Pass, note.clone()));
    roles::outcome(&made).into_iter().chain(notes.collect::<Vec<_>>())
}
