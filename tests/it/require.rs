//! What tests need of the machine. A missing server skips a test loudly, or fails it where nothing may be skipped:
//! `make test` and CI set `ASSAY_TESTS_REQUIRE=all`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The folder with the newest `PostgreSQL`'s programs; none, said on stderr, when there is no server here.
///
/// # Panics
/// When there is none and everything is required.
pub fn postgres() -> Option<PathBuf> {
    let found = newest_in("/usr/lib/postgresql").or_else(in_path);
    if found.is_none() {
        missing("a PostgreSQL server (postgres, initdb, pg_dump, pg_restore)");
    }
    found
}

/// The folder with the programs of one major version of `PostgreSQL`, fetched once (`tests/servers/postgres`).
///
/// # Panics
/// When it cannot be had and everything is required.
pub fn postgres_of(major: u32) -> Option<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/postgres");
    let output = std::process::Command::new(script).arg(major.to_string()).output().expect("tests/servers/postgres");
    if output.status.success() {
        return Some(String::from_utf8_lossy(&output.stdout).trim_end().into());
    }
    missing(&format!("PostgreSQL {major} ({})", String::from_utf8_lossy(&output.stderr).trim_end()));
    None
}

/// The majors that tests of more than one are run with, and the folders of their programs.
///
/// # Panics
/// When one cannot be had and everything is required.
pub fn majors() -> Vec<(u32, PathBuf)> {
    [13, 15, 17, 18].into_iter().filter_map(|major| postgres_of(major).map(|bin| (major, bin))).collect()
}

/// Debian's folders: one per major version.
fn newest_in(folder: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir(folder).ok()?.filter_map(|entry| {
        let major: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let bin = PathBuf::from(folder).join(major.to_string()).join("bin");
        complete(&bin).then_some((major, bin))
    });
    versions.max().map(|(_, bin)| bin)
}

fn in_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| complete(folder))
}

fn complete(bin: &std::path::Path) -> bool {
    ["postgres", "initdb", "pg_dump", "pg_restore"].iter().all(|program| bin.join(program).is_file())
}

/// Written to stderr itself: the test runner swallows what a passing test prints.
fn missing(what: &str) {
    let required = std::env::var("ASSAY_TESTS_REQUIRE").is_ok_and(|value| value == "all");
    assert!(!required, "{what} is missing and ASSAY_TESTS_REQUIRE=all; `make setup` installs it on Debian and Ubuntu");
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED, NOT PROVEN: {what} is missing; `make setup` installs it ***");
}

/// A server that speaks `MongoDB`'s protocol, and the tools of two years.
pub struct MongoDb {
    /// The command line that starts it; none: `mongod` from `PATH`.
    pub command: Option<String>,
    /// The folder of the newer tools.
    pub tools: PathBuf,
    /// The folder of the older ones.
    pub old_tools: PathBuf,
}

/// Makes them with `tests/servers/`, once: the first time takes minutes. `None`, said on stderr, where that cannot be.
///
/// # Panics
/// When it cannot be and everything is required.
pub fn mongodb() -> Option<&'static MongoDb> {
    static MADE: LazyLock<Option<MongoDb>> = LazyLock::new(|| {
        let made = make_mongodb();
        if let Err(why) = &made {
            missing(&format!("a MongoDB (server, mongodump, mongorestore; {why})"));
        }
        made.ok()
    });
    MADE.as_ref()
}

fn make_mongodb() -> Result<MongoDb, String> {
    let make = |script: &str, arg: &[&str]| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script);
        let output = Command::new(path).args(arg).output().map_err(|e| format!("tests/servers/{script}: {e}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    };
    let mongod = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join("mongod").is_file());
    let command = if mongod { None } else { Some(make("mongodb", &[])?) };
    Ok(MongoDb { command, tools: make("mongo-tools", &[])?.into(), old_tools: make("mongo-tools", &["old"])?.into() })
}

#[test]
fn what_the_tests_need_is_here() {
    if let Some(bin) = postgres() {
        let version = std::process::Command::new(bin.join("postgres")).arg("--version").output().expect("postgres --version");
        assert!(String::from_utf8_lossy(&version.stdout).starts_with("postgres (PostgreSQL)"), "{version:?}");
    }
}
