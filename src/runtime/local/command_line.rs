//! Servers that a configured command line starts: `{dir}`, `{socket}` and `{port}` in it stand for where the server shall live.

use crate::error::{Error, Result};
use crate::runtime::{Call, Place};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// Where the server's data shall lie.
const DIR: &str = "{dir}";
/// The path of the Unix socket that it shall listen on.
pub const SOCKET: &str = "{socket}";
/// The port on 127.0.0.1 that it shall listen on.
pub const PORT: &str = "{port}";

/// A free port for a command line that asks for one. Somebody may take it before the server does; then the server says so.
///
/// # Errors
/// Harness: there is none.
pub fn port(line: &str) -> Result<Option<u16>> {
    if !line.contains(PORT) {
        return Ok(None);
    }
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    free().map(|address| Some(address.port())).map_err(|e| Error::from(e).context("no free port on 127.0.0.1"))
}

/// The call of a command line. The shell reads it, so that it may be quoted as people are used to, and gives its place to the
/// server, which gets the signals then.
pub fn call(line: &str, place: &Place, socket: &Path) -> Call {
    let port = place.port.map(|port| port.to_string()).unwrap_or_default();
    let filled = line.replace(DIR, &quoted(&place.data)).replace(SOCKET, &quoted(socket)).replace(PORT, &port);
    Call::new("/bin/sh").arg("-c").arg(format!("exec {filled}"))
}

/// As one word for the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_as_single_words() {
        let place = Place { data: "/it's here/data".into(), socket: "/s".into(), port: Some(4711) };
        let call = call("serve --in={dir} {socket} {port}", &place, Path::new("/s/a b.sock"));
        assert_eq!(call.to_string(), r"/bin/sh -c exec serve --in='/it'\''s here/data' '/s/a b.sock' 4711");
    }

    #[test]
    fn a_port_is_only_taken_where_it_is_wanted() {
        assert_eq!(port("serve {dir} {socket}"), Ok(None));
        assert!(port("serve {port}").expect("a port").is_some_and(|port| port > 0));
    }
}
