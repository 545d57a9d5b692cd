//! The demo's stage: an S3 server in this process, filled with real dumps of two small databases, several days of them, the
//! newest of one cut short.

mod dumps;
mod store;

use crate::error::{Error, Result};
use crate::secret::Secrets;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use store::{S3Server, serve};

/// The bucket that the demo's backups lie in.
pub const BUCKET: &str = "my-backups";

/// Marks a folder as ours, so that no other is ever emptied.
const MARK: &str = ".made-by-assay-demo";

const SCENARIOS: [(&str, &str); 2] = [
    ("codetalk.yaml", include_str!("../../scenarios/demo/codetalk.yaml")),
    ("bookmarked.yaml", include_str!("../../scenarios/demo/bookmarked.yaml")),
];

/// A set stage. Its store is up as long as this lives.
#[derive(Debug)]
pub struct Stage {
    dir: PathBuf,
    server: S3Server,
}

impl Stage {
    /// The configuration file to run with.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("assay.yaml")
    }

    /// Where the store listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }
}

/// Makes everything below `dir`; `say` is told each step.
///
/// # Errors
/// Harness: the folder is somebody else's, or there is no `PostgreSQL` to dump from. Its hint says how to get one.
pub async fn set(dir: &Path, secrets: &Secrets, say: &impl Fn(&str)) -> Result<Stage> {
    prepare(dir)?;
    let keys = Keys::new(secrets)?;
    let root = dir.join("store");
    let server = serve(&root, 0, &keys.id, &keys.secret).await?;
    say(&format!("  an S3 server listens at {}, bucket {BUCKET}", server.address));
    write_files(dir, server.address, &keys)?;
    let made = dumps::fill(&root.join(BUCKET), secrets).await?;
    say(&format!("  {} dumps of codetalk and bookmarked by pg_dump {}, one a day", made.dumps, made.version));
    say(&format!(
        "  the newest of bookmarked is cut short at {} of {} bytes, as a broken upload leaves it",
        made.cut.0, made.cut.1
    ));
    Ok(Stage { dir: dir.to_owned(), server })
}

/// An access key of this demo alone.
struct Keys {
    id: String,
    secret: String,
}

impl Keys {
    fn new(secrets: &Secrets) -> Result<Self> {
        let mut random = [0; 20];
        openssl::rand::rand_bytes(&mut random).map_err(|error| Error::harness(format!("no random numbers: {error}")))?;
        let secret = crate::units::hex(&random);
        let _ = secrets.known(&secret);
        Ok(Self { id: format!("demo-{}", crate::units::hex(&random[..4])), secret })
    }
}

/// Empties a folder of an earlier demo but for its reports.
fn prepare(dir: &Path) -> Result<()> {
    let fail = |error: std::io::Error| Error::harness(format!("{} cannot be used: {error}", dir.display()));
    let ours = dir.join(MARK).exists();
    let empty = match dir.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(fail(error)),
    };
    if !ours && !empty {
        return Err(
            Error::harness(format!("{} holds files that no demo made", dir.display())).hint("Name another folder with `--dir`.")
        );
    }
    for made in ["store", "scenarios"] {
        match std::fs::remove_dir_all(dir.join(made)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        std::fs::create_dir_all(dir.join(made)).map_err(fail)?;
    }
    std::fs::create_dir_all(dir.join("store").join(BUCKET)).map_err(fail)?;
    std::fs::write(dir.join(MARK), "").map_err(fail)
}

fn write_files(dir: &Path, address: SocketAddr, keys: &Keys) -> Result<()> {
    let settings = format!(
        "# Made by `assay demo`: a store in the process of the demo, reached like any S3.\n\
         stores:\n  demo:\n    s3: {{ bucket: {BUCKET}, endpoint: \"http://{address}\", region: us-east-1, path_style: true }}\n    \
         credentials:\n      access_key_id: {{ file: access-key-id }}\n      secret_access_key: {{ file: secret-access-key }}\n\
         reports: {{ dir: reports }}\n"
    );
    let fail = |error: std::io::Error| Error::harness(format!("{} cannot be written: {error}", dir.display()));
    std::fs::write(dir.join("assay.yaml"), settings).map_err(fail)?;
    for (name, value) in [("access-key-id", &keys.id), ("secret-access-key", &keys.secret)] {
        let path = dir.join(name);
        std::fs::write(&path, value).map_err(fail)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    }
    for (name, text) in SCENARIOS {
        std::fs::write(dir.join("scenarios").join(name), text).map_err(fail)?;
    }
    Ok(())
}

/// The pattern that the demo's keys are made by: the one that its scenarios look for.
fn key(database: &str, time: jiff::Timestamp) -> String {
    format!("postgresql-backups/{database}-{}.dump", time.strftime("%Y%m%d-%H%M%S"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::pattern::KeyPattern;

    #[test]
    fn the_keys_are_those_that_the_scenarios_look_for() {
        let pattern: KeyPattern = "postgresql-backups/codetalk-{timestamp}.dump".parse().expect("pattern");
        let time: jiff::Timestamp = "2026-11-21T03:30:00Z".parse().expect("time");
        assert_eq!(pattern.matches(&key("codetalk", time)), Some(Some(time)));
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_emptied() {
        let dir = tempfile::tempdir().expect("tempdir");
        let precious = dir.path().join("scenarios");
        std::fs::create_dir(&precious).expect("folder");
        assert!(prepare(dir.path()).expect_err("not ours").message.contains("no demo made"));
        assert!(precious.exists());
        std::fs::remove_dir(&precious).expect("remove");
        prepare(dir.path()).expect("an empty folder is fine");
        prepare(dir.path()).expect("and so is our own");
    }
}
