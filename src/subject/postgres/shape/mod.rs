//! The shape of a restored database: every definition in it, written so that the same dump gives the same shape on every major
//! version of the server. Never a row: literals in defaults, checks and views are part of their definition.

mod parts;
mod statement;

use super::client;
use crate::check::schema::{Shape, Thing};
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use crate::units::hex;
use openssl::sha::sha256;
use tokio_postgres::{Client, Row};

/// Reads the shape of databases. With more than one, every name begins with that of its database.
///
/// # Errors
/// Harness: the server does not answer.
pub async fn shape(databases: &[String], instance: &Instance) -> Result<Shape> {
    let mut things = Vec::new();
    for database in databases {
        let (quoted, of_one) = one(database, instance)
            .await
            .map_err(|e| Error::harness(format!("cannot read the database's shape: {}", client::message(&e))))?;
        let prefix = if databases.len() > 1 { format!("{quoted}.") } else { String::new() };
        things.extend(of_one.into_iter().map(|thing| Thing { name: format!("{prefix}{}", thing.name), ..thing }));
    }
    Ok(Shape(things))
}

/// The database's name as SQL wants it, and what is in it.
async fn one(database: &str, instance: &Instance) -> Result<(String, Vec<Thing>), tokio_postgres::Error> {
    let client = client::connect(instance.place(), instance.password(), database).await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''").await?;
    let quoted = client.query_one("SELECT quote_ident(current_database())", &[]).await?.try_get(0)?;
    let mut things = Vec::new();
    for part in parts::PARTS {
        things.extend(read_part(&client, part, instance.installation().major).await?);
    }
    Ok((quoted, things))
}

async fn read_part(client: &Client, part: &str, major: u32) -> Result<Vec<Thing>, tokio_postgres::Error> {
    let rows = client.query(&parts::query(part, major), &[]).await?;
    rows.iter().map(thing).collect()
}

/// The definition in one line: what the catalogue says, then the statement, then the digest of a body.
fn thing(row: &Row) -> Result<Thing, tokio_postgres::Error> {
    let (kind, name, definition): (String, String, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (statement, body): (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
    let statement = statement.as_deref().map(statement::normalised);
    let body = body.map(|body| format!("body {}", digest(&body)));
    let said = [definition, statement, body].into_iter().flatten().filter(|text| !text.is_empty());
    Ok(Thing { kind, name, definition: said.collect::<Vec<_>>().join(", ") })
}

/// Enough to tell two bodies apart, and short enough to read in a review.
fn digest(text: &str) -> String {
    hex(&sha256(text.as_bytes())[..8])
}
