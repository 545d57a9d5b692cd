//! The roles that a dump names. They belong to the cluster that it came from and are no part of it, so they are made
//! before it is restored: a healthy dump would stop at the first statement that names one.

use super::client;
use crate::check::{Outcome, Status};
use crate::error::Result;
use crate::runtime::local::Instance;
use std::fmt::Write;

/// How many of them the outcome names.
const MOST_NAMED: usize = 20;

/// Makes those of these roles that the instance does not have. The outcome names them, if there are any.
///
/// # Errors
/// Harness: the server does not do it.
pub async fn make(names: Vec<String>, instance: &Instance) -> Result<Option<Outcome>> {
    if names.is_empty() {
        return Ok(None);
    }
    let fail = |e: tokio_postgres::Error| client::harness(&e).context("cannot make the roles that the dump names");
    let client = client::connect(instance.place(), instance.password(), "postgres").await.map_err(fail)?;
    let query = "SELECT name FROM unnest($1::text[]) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles)";
    let missing = client.query(query, &[&names]).await.map_err(fail)?;
    let missing: Vec<String> = missing.iter().map(|row| row.get(0)).collect();
    client.batch_execute(&statements(&missing)).await.map_err(fail)?;
    Ok(outcome(&missing))
}

/// As powerful as the role that restores, because the dump may act as them (`SET SESSION AUTHORIZATION`) or give them what
/// only a superuser may own (an event trigger); and nobody can connect as one.
fn statements(names: &[String]) -> String {
    names.iter().fold(String::new(), |mut all, name| {
        let _ = writeln!(all, "CREATE ROLE \"{}\" SUPERUSER NOLOGIN;", name.replace('"', "\"\""));
        all
    })
}

/// What the report says of roles that were made.
#[must_use]
pub fn outcome(names: &[String]) -> Option<Outcome> {
    let count = match names.len() {
        0 => return None,
        1 => "1 role is".to_owned(),
        n => format!("{n} roles are"),
    };
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("{count} named but not in the dump: {shown}{more}; made for this restore");
    Some(Outcome::new("roles", Status::Pass, message))
}
