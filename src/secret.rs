//! Secrets: references in files, values in memory only, redacted wherever text leaves the process.

use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use zeroize::Zeroizing;

/// Where a secret lies: `{ env: NAME }` or `{ file: PATH }`. A literal value is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// The value of this environment variable.
    Env(String),
    /// The content of this file, without the line break at its end.
    File(PathBuf),
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// A secret's value. It has no `Display`, its `Debug` shows nothing, and its memory is wiped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Reads secrets and remembers every value it handed out, so that none leaves the process in a text.
#[derive(Clone, Default)]
pub struct Secrets {
    seen: Arc<RwLock<Vec<Zeroizing<String>>>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// Shorter values would redact ordinary words.
const SHORTEST_REDACTED: usize = 4;

impl Secrets {
    /// Reads the value behind a reference.
    ///
    /// # Errors
    /// [`Blame::Harness`](crate::error::Blame): the variable is not set, the file cannot be read, or the value is empty.
    pub fn read(&self, reference: &SecretRef) -> Result<Secret> {
        let value = match reference {
            SecretRef::Env(name) => std::env::var(name)
                .map_err(|_| Error::harness(format!("{reference} is not set")).hint(format!("Set {name} where assay runs.")))?,
            SecretRef::File(path) => std::fs::read_to_string(path).map_err(|e| {
                Error::harness(format!("cannot read {reference}: {e}")).hint("Check the path and its permissions.")
            })?,
        };
        let value = Zeroizing::new(value);
        let trimmed = value.strip_suffix('\n').map_or(value.as_str(), |v| v.strip_suffix('\r').unwrap_or(v));
        if trimmed.is_empty() {
            return Err(Error::harness(format!("{reference} is empty")));
        }
        Ok(self.known(trimmed))
    }

    /// Takes a value that was made here (a server's random password) into the redaction.
    #[must_use]
    pub fn known(&self, value: &str) -> Secret {
        if value.len() >= SHORTEST_REDACTED
            && let Ok(mut seen) = self.seen.write()
            && !seen.iter().any(|s| s.as_str() == value)
        {
            seen.push(Zeroizing::new(value.to_owned()));
            // Longest first: a secret that contains another is replaced whole.
            seen.sort_by_key(|s| std::cmp::Reverse(s.len()));
        }
        Secret(Zeroizing::new(value.to_owned()))
    }

    /// The text with every known secret replaced by `***`.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut out = text.to_owned();
        if let Ok(seen) = self.seen.read() {
            for secret in seen.iter().filter(|s| text.contains(s.as_str())) {
                out = out.replace(secret.as_str(), "***");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_value_is_redacted_also_inside_another() {
        let secrets = Secrets::default();
        let _ = secrets.known("hunter2");
        let _ = secrets.known("hunter2-longer");
        assert_eq!(secrets.redact("a hunter2 b hunter2-longer c"), "a *** b *** c");
    }

    #[test]
    fn short_values_do_not_blank_ordinary_words() {
        let secrets = Secrets::default();
        let _ = secrets.known("abc");
        assert_eq!(secrets.redact("abcdef"), "abcdef");
    }

    #[test]
    fn a_file_loses_one_line_break_and_an_empty_one_is_refused() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("token");
        std::fs::write(&path, "s3cret \n").expect("write");
        let secrets = Secrets::default();
        assert_eq!(secrets.read(&SecretRef::File(path.clone())).expect("read").expose(), "s3cret ");
        std::fs::write(&path, "\n").expect("write");
        assert!(secrets.read(&SecretRef::File(path)).expect_err("empty").message.ends_with("is empty"));
    }

    #[test]
    fn debug_shows_nothing() {
        let secrets = Secrets::default();
        let secret = secrets.known("hunter2");
        assert!(!format!("{secret:?} {secrets:?}").contains("hunter2"));
    }
}
