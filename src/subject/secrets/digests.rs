//! Keyed digests of secret values: two of them tell whether values are the same, and nothing else. The key is made anew for every
//! export and never leaves the memory, so that the digests are worth nothing to anybody.

use super::json::{Entry, Value};
use crate::error::{Error, Result};
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The digests of an export's values.
pub(super) struct Digests {
    key: PKey<Private>,
    values: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digests(***)")
    }
}

impl Digests {
    /// Of every value that is a text.
    ///
    /// # Errors
    /// Harness: OpenSSL cannot.
    pub fn of(entries: &[Entry]) -> Result<Self> {
        let mut random = Zeroizing::new([0; 32]);
        openssl::rand::rand_bytes(&mut *random).map_err(failed)?;
        let key = PKey::hmac(&*random).map_err(failed)?;
        let mut digests = Self { key, values: BTreeMap::new() };
        for entry in entries {
            if let Value::Text(text) = &entry.value {
                let digest = digests.digest(text)?;
                digests.values.insert(entry.name.clone(), digest);
            }
        }
        Ok(digests)
    }

    fn digest(&self, text: &str) -> Result<Vec<u8>> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).map_err(failed)?;
        signer.sign_oneshot_to_vec(text.as_bytes()).map_err(failed)
    }

    /// Whether the value of this name is this text; `None` when the export has no text of the name.
    ///
    /// # Errors
    /// Harness: OpenSSL cannot.
    pub fn same(&self, name: &str, text: &str) -> Result<Option<bool>> {
        let Some(known) = self.values.get(name) else { return Ok(None) };
        Ok(Some(memcmp::eq(known, &self.digest(text)?)))
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::harness(format!("cannot digest the secrets: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::json::entries;
    use super::*;

    #[test]
    fn they_tell_the_same_from_another_and_nothing_else() {
        let digests = Digests::of(&entries(r#"{"A":"hunter2","B":{}}"#).expect("entries")).expect("digests");
        for (name, text, same) in [("A", "hunter2", Some(true)), ("A", "hunter3", Some(false)), ("B", "", None), ("C", "", None)]
        {
            assert_eq!(digests.same(name, text).expect("digest"), same, "{name} {text}");
        }
        assert!(!format!("{digests:?}").contains("hunter2"));
    }
}
