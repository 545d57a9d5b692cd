//! Connections to a disposable server. It asks for no password: its socket lies in a folder that only its own user can enter, and
//! nothing else listens.

use crate::error::Error;
use crate::runtime::Place;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::options::{ClientOptions, ServerAddress};
use std::time::Duration;

/// The socket inside an instance's socket folder.
pub const SOCKET: &str = "mongodb.sock";

/// How long a server that has answered before may take to answer again.
const SELECTION: Duration = Duration::from_secs(10);

/// Opens a client. It connects when it is used.
///
/// # Errors
/// The driver's.
pub fn client(place: &Place) -> Result<Client, DriverError> {
    let host = match place.port {
        Some(port) => ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(port) },
        None => ServerAddress::Unix { path: place.socket.join(SOCKET) },
    };
    let options = ClientOptions::builder().hosts(vec![host]).direct_connection(true);
    Client::with_options(options.server_selection_timeout(SELECTION).app_name("assay".to_owned()).build())
}

/// The server's address for a tool that runs in the instance's room. The Go driver writes absolute paths of sockets in small
/// letters, so that it finds none with a capital letter in it; a short relative one has none.
#[must_use]
pub fn tools_url(place: &Place) -> String {
    let folder = place.socket.file_name().unwrap_or_default().to_string_lossy();
    match place.port {
        Some(port) => format!("mongodb://127.0.0.1:{port}/"),
        None => format!("mongodb://{folder}%2F{SOCKET}/"),
    }
}

/// The server's address for a person.
#[must_use]
pub fn url(place: &Place) -> String {
    match place.port {
        Some(port) => format!("mongodb://127.0.0.1:{port}/"),
        None => format!("mongodb://{}/", place.socket.join(SOCKET).display().to_string().replace('/', "%2F")),
    }
}

/// The server's version, as it tells it.
///
/// # Errors
/// The driver's.
pub async fn version(client: &Client) -> Result<String, DriverError> {
    let told: Document = client.database("admin").run_command(doc! { "buildInfo": 1 }).await?;
    Ok(told.get_str("version").unwrap_or("unknown").to_owned())
}

/// What went wrong, without values of the restored data: a server's own messages may repeat a document.
#[must_use]
pub fn message(error: &DriverError) -> String {
    match &*error.kind {
        ErrorKind::Command(command) => format!("{} ({})", super::class::without_values(&command.message), command.code_name),
        ErrorKind::ServerSelection { message, .. } => format!("the server does not answer: {message}"),
        ErrorKind::Io(io) => format!("the connection broke: {io}"),
        _ => super::class::without_values(&error.to_string()),
    }
}

/// An error that is ours.
#[must_use]
pub fn harness(error: &DriverError) -> Error {
    Error::harness(message(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_reach_the_socket_by_a_path_without_capital_letters() {
        let place = Place { data: "/tmp/Room/data".into(), socket: "/tmp/Room/s".into(), port: None };
        assert_eq!(tools_url(&place), "mongodb://s%2Fmongodb.sock/");
        assert_eq!(url(&place), "mongodb://%2Ftmp%2FRoom%2Fs%2Fmongodb.sock/");
        assert_eq!(tools_url(&Place { port: Some(4711), ..place }), "mongodb://127.0.0.1:4711/");
    }
}
