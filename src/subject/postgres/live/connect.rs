//! The connection to a live database: its URL is a secret, and what leaves this machine is encrypted to a server that was verified.

use super::too_slow;
use crate::error::{Error, Result};
use crate::scenario::LivePostgres;
use crate::secret::Secrets;
use crate::subject::postgres::client;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslMethod};
use postgres_openssl::MakeTlsConnector;
use std::net::IpAddr;
use std::path::Path;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// A session that ends with everything that is under way in it when it is dropped.
pub struct Session {
    pub client: Client,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Otherwise the connection would wait for the answer of a statement that nobody wants any more.
        self.connection.abort();
    }
}

/// How the server is told from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// Not at all, and nothing is encrypted.
    Off,
    /// By a certificate of a known authority.
    Authority,
    /// And by its name in it.
    Name,
}

pub async fn connect(live: &LivePostgres, secrets: &Secrets) -> Result<Session> {
    let url = secrets.read(&live.url)?;
    let (mut config, tls) = parse(url.expose())?;
    // A message of the server's or of a library's may show the password without the URL around it.
    for part in
        [config.get_password().and_then(|p| std::str::from_utf8(p).ok()), raw_password(url.expose())].into_iter().flatten()
    {
        let _ = secrets.known(part);
    }
    config.application_name("assay").connect_timeout(live.timeout);
    if tls == Tls::Off {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.map_err(|e| refused(&e, live))?;
        return Ok(session(client, connection));
    }
    config.ssl_mode(SslMode::Require);
    let (client, connection) = config.connect(verifying(tls, live.ca.as_deref())?).await.map_err(|e| refused(&e, live))?;
    Ok(session(client, connection))
}

fn session<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Session
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let connection = tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("the connection to the live database broke: {e}");
        }
    });
    Session { client, connection }
}

/// Reads a URL, or the `key=value` form. `sslmode` is taken out first: the library does not know the modes that verify.
fn parse(text: &str) -> Result<(Config, Tls)> {
    let (text, mode) = without_sslmode(text);
    let wrong = || {
        Error::scenario("the URL of the live database cannot be read").hint(
            "Write it like postgres://user:password@host:5432/database?sslmode=verify-full, with %XX for special characters.",
        )
    };
    let config: Config = text.parse().map_err(|_| wrong())?;
    if config.get_hosts().is_empty() {
        return Err(wrong());
    }
    let local = config.get_hosts().iter().all(is_local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    let tls = match mode.as_deref() {
        Some("disable") => Tls::Off,
        None | Some("allow" | "prefer") if local => Tls::Off,
        Some("verify-ca") => Tls::Authority,
        None | Some("allow" | "prefer" | "require" | "verify-full") => Tls::Name,
        Some(_) => {
            return Err(Error::scenario("the URL of the live database has an `sslmode` that does not exist")
                .hint("Known are disable, allow, prefer, require, verify-ca and verify-full."));
        }
    };
    Ok((config, tls))
}

/// The text without `sslmode` and the files that libpq verifies by, and the mode. [`LivePostgres::ca`] names the authority here.
fn without_sslmode(text: &str) -> (String, Option<String>) {
    let mut mode = None;
    let mut keep = |pair: &&str| match pair.split_once('=') {
        Some(("sslmode", value)) => {
            mode = Some(value.trim_matches('\'').to_owned());
            false
        }
        Some((key, _)) => !matches!(key, "sslrootcert" | "sslcert" | "sslkey" | "sslcrl" | "gssencmode" | "sslnegotiation"),
        None => true,
    };
    let text = if text.contains("://") {
        match text.split_once('?') {
            None => text.to_owned(),
            Some((base, query)) => {
                let query: Vec<&str> = query.split('&').filter(&mut keep).collect();
                if query.is_empty() { base.to_owned() } else { format!("{base}?{}", query.join("&")) }
            }
        }
    } else {
        text.split_whitespace().filter(&mut keep).collect::<Vec<_>>().join(" ")
    };
    (text, mode)
}

/// A socket or this machine itself.
fn is_local(host: &Host) -> bool {
    match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

/// The password as it stands in a URL, with its escapes.
fn raw_password(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    authority.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
}

fn verifying(tls: Tls, ca: Option<&Path>) -> Result<MakeTlsConnector> {
    let wrong = |e: openssl::error::ErrorStack| Error::harness(format!("TLS cannot be set up: {e}"));
    let mut builder: SslConnectorBuilder = SslConnector::builder(SslMethod::tls()).map_err(wrong)?;
    if let Some(ca) = ca {
        builder.set_ca_file(ca).map_err(|_| {
            Error::harness(format!("the certificate authority {} cannot be read", ca.display()))
                .hint("Name a PEM file with `ca` of `live`.")
        })?;
    }
    let mut connector = MakeTlsConnector::new(builder.build());
    if tls == Tls::Authority {
        connector.set_callback(|connection, _| {
            connection.set_verify_hostname(false);
            Ok(())
        });
    }
    Ok(connector)
}

/// Why there is no connection, without the URL.
fn refused(e: &tokio_postgres::Error, live: &LivePostgres) -> Error {
    let error = client::harness(e);
    if client::message(e).contains("timed out") {
        return too_slow(live);
    }
    match e.code() {
        Some(code) if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) => {
            error.hint("Look at the user and the password in the URL.")
        }
        _ if error.message.contains("certificate") || error.message.contains("TLS") => error.hint(
            "The server's certificate must be of a known authority and carry its name: name your own authority with `ca` of `live`. \
             `sslmode=disable` in the URL gives encryption up.",
        ),
        _ => error.hint("Look whether the live database can be reached from here; the backup has been judged without it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> Option<Tls> {
        parse(url).ok().map(|(_, tls)| tls)
    }

    #[test]
    fn what_leaves_the_machine_is_verified_unless_it_is_given_up_in_words() {
        for (url, expected) in [
            ("postgres://u:p@db.example.net/shop", Tls::Name),
            ("postgres://u:p@db.example.net/shop?sslmode=prefer", Tls::Name),
            ("postgres://u:p@db.example.net/shop?sslmode=require&application_name=x", Tls::Name),
            ("postgresql://u:p@db.example.net/shop?sslrootcert=/ca.pem&sslmode=verify-full", Tls::Name),
            ("postgres://u:p@db.example.net/shop?sslmode=verify-ca", Tls::Authority),
            ("postgres://u:p@db.example.net/shop?sslmode=disable", Tls::Off),
            ("postgres://u:p@127.0.0.1:5433/shop", Tls::Off),
            ("postgres://u:p@[::1]/shop", Tls::Off),
            ("postgres://u@localhost/shop?sslmode=require", Tls::Name),
            ("postgres://u@127.0.0.1,db.example.net/shop", Tls::Name),
            ("host=/run/postgresql user=u dbname=shop", Tls::Off),
            ("host=db.example.net user=u sslmode=verify-ca", Tls::Authority),
        ] {
            assert_eq!(tls(url), Some(expected), "{url}");
        }
        for bad in ["", "shop", "postgres://u@h/d?sslmode=verify", "mysql://u@h/d", "postgres://u@h:port/d", "user=u"] {
            assert_eq!(tls(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_password_is_known_in_both_spellings() {
        assert_eq!(raw_password("postgres://u:hunter%402@db/x?password=y"), Some("hunter%402"));
        assert_eq!(raw_password("postgres://u@db/x"), None);
        let (config, _) = parse("postgres://u:hunter%402@127.0.0.1/x").expect("a URL");
        assert_eq!(config.get_password(), Some(&b"hunter@2"[..]));
    }

    #[test]
    fn no_error_shows_the_url() {
        let error = parse("postgres://u:hunter2@h:port/d").expect_err("no port");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
