//! Which versions of an engine this machine has.

use super::user::User;
use crate::runtime::{Installation, Recipe};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program that does not tell its version in this time is not used.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Every installation: configured folders first, then `PATH`, then the recipe's usual places.
pub async fn installations(recipe: &dyn Recipe, configured: &[PathBuf], user: &User) -> Vec<Installation> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = configured.to_vec();
    folders.extend(std::env::split_paths(&path));
    folders.extend(recipe.usual_places().iter().flat_map(|place| expand(place)));
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for folder in folders {
        // The link `/usr/local/bin/postgres` and the folder it leads to are one installation.
        let Ok(program) = folder.join(recipe.server_program()).canonicalize() else { continue };
        let Some(bin) = program.parent().map(Path::to_path_buf) else { continue };
        if seen.insert(bin.clone())
            && let Some((version, major)) = version(&program, user).await
        {
            found.push(Installation { bin, version, major, elsewhere: Vec::new() });
        }
    }
    found
}

/// What a program's `--version` tells: the version and its first number.
pub(super) async fn version(program: &Path, user: &User) -> Option<(String, u32)> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear().current_dir("/").stdin(Stdio::null());
    user.apply(&mut command);
    let mut command = tokio::process::Command::from(command);
    let output = tokio::time::timeout(VERSION_LIMIT, command.kill_on_drop(true).output()).await.ok()?.ok()?;
    let parsed = parse_version(&String::from_utf8_lossy(&output.stdout));
    if parsed.is_none() {
        tracing::debug!(program = %program.display(), "does not tell its version");
    }
    parsed
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is `15.18` with the major 15; `db version v7.0.14` is `7.0.14`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let words = text.split_whitespace().map(|word| word.strip_prefix('v').unwrap_or(word));
    let word = words.into_iter().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    Some((word.to_owned(), word.get(..digits)?.parse().ok()?))
}

/// The folders that a pattern with at most one `*` stands for, in the order of their names.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let (suffix, rest) = after.split_once('/').unwrap_or((after, ""));
    let Ok(entries) = Path::new(if parent.is_empty() { "/" } else { parent }).read_dir() else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix)))
        .map(|entry| entry.path().join(rest))
        .collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_kind_of_build() {
        for (text, version, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18", 15),
            ("postgres (PostgreSQL) 19devel", "19devel", 19),
            ("postgres (PostgreSQL) 9.6.24", "9.6.24", 9),
            ("db version v7.0.14\nBuild Info: {\n    \"version\": \"7.0.14\",\n", "7.0.14", 7),
        ] {
            assert_eq!(parse_version(text), Some((version.to_owned(), major)), "{text}");
        }
        assert_eq!(parse_version("command not found"), None);
    }

    #[test]
    fn a_pattern_finds_versioned_folders() {
        let dir = tempfile::tempdir().expect("tempdir");
        for name in ["pgsql-15/bin", "pgsql-9/bin", "other/bin"] {
            std::fs::create_dir_all(dir.path().join(name)).expect("mkdir");
        }
        let pattern = format!("{}/pgsql-*/bin", dir.path().display());
        assert_eq!(expand(&pattern), [dir.path().join("pgsql-15/bin"), dir.path().join("pgsql-9/bin")]);
        assert_eq!(expand("/usr/local/pgsql/bin"), [PathBuf::from("/usr/local/pgsql/bin")]);
        assert!(expand("/no/such/place/*/bin").is_empty());
    }
}
