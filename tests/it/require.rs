//! What tests need of the machine. A missing server skips a test loudly, or fails it where nothing may be skipped:
//! `make test` and CI set `ASSAY_TESTS_REQUIRE=all`.

use std::io::Write as _;
use std::path::PathBuf;

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

/// The majors whose programs are here: the machine's own, and those that `tests/servers/postgres` has unpacked before.
pub fn majors() -> Vec<(u32, PathBuf)> {
    let Some(own) = postgres() else { return Vec::new() };
    let mut majors: Vec<(u32, PathBuf)> = major_of(&own).map(|major| (major, own)).into_iter().collect();
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    for folder in home.map(|home| home.join("assay-tests")).into_iter().chain([PathBuf::from("/var/cache/assay-tests")]) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().join("ready").exists())
        {
            let unpacked = newest_in(entry.path().join("usr/lib/postgresql"));
            majors.extend(unpacked.and_then(|bin| major_of(&bin).map(|major| (major, bin))));
        }
    }
    majors.sort();
    majors.dedup_by_key(|(major, _)| *major);
    majors
}

/// What the server program says of itself.
fn major_of(bin: &std::path::Path) -> Option<u32> {
    let output = std::process::Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// Debian's folders: one per major version.
fn newest_in(folder: impl AsRef<std::path::Path>) -> Option<PathBuf> {
    let folder = folder.as_ref();
    let versions = std::fs::read_dir(folder).ok()?.filter_map(|entry| {
        let major: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let bin = folder.join(major.to_string()).join("bin");
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

#[test]
fn what_the_tests_need_is_here() {
    if let Some(bin) = postgres() {
        let version = std::process::Command::new(bin.join("postgres")).arg("--version").output().expect("postgres --version");
        assert!(String::from_utf8_lossy(&version.stdout).starts_with("postgres (PostgreSQL)"), "{version:?}");
    }
}
