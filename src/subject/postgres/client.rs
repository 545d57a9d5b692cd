//! Connections to an instance over its socket, and what their errors mean.

use super::recipe::SUPERUSER;
use super::scrub;
use crate::error::Error;
use crate::runtime::Place;
use crate::secret::Secret;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// Connects as the superuser. The connection ends when the client is dropped.
pub async fn connect(place: &Place, password: &Secret, database: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host_path(&place.socket).port(5432).user(SUPERUSER).password(password.expose()).dbname(database);
    config.application_name("assay");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("a connection to the instance broke: {e}");
        }
    });
    Ok(client)
}

/// Whether a server that is still starting answers like this: no socket yet, or not ready for anybody.
pub fn is_starting(e: &tokio_postgres::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound};
    if e.code() == Some(&SqlState::CANNOT_CONNECT_NOW) {
        return true;
    }
    let io = std::error::Error::source(e).and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| matches!(io.kind(), NotFound | ConnectionRefused | ConnectionReset))
}

/// An error of ours: we asked, and the server did not answer as it should.
pub fn harness(e: &tokio_postgres::Error) -> Error {
    Error::harness(message(e))
}

/// The server's own message, without values of the restored data.
pub fn message(e: &tokio_postgres::Error) -> String {
    match e.as_db_error() {
        Some(db) => scrub::line(db.message()),
        None => match std::error::Error::source(e) {
            Some(source) => format!("{e}: {source}"),
            None => e.to_string(),
        },
    }
}
