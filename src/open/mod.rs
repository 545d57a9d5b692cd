//! The layers between the stored bytes and the payload: decrypt, decompress, pick a member. Each is a reader over a
//! reader, outermost first, so that nothing is ever whole in memory.

mod age;
pub mod arrive;
mod base64;
mod gzip;
pub mod magic;
pub mod members;
mod openssl_enc;
mod pax;
mod reader;
mod tar;
pub mod tee;
pub mod unpack;
mod zstd;

use crate::check::Outcome;
use crate::error::{Error, Result};
use crate::secret::{SecretRef, Secrets};
use reader::{Peek, Source};
use std::io::Read;

/// One layer, as a scenario lists it.
#[derive(Debug, Clone)]
pub enum Layer {
    /// gzip, several members too.
    Gzip,
    /// zstd, several frames too.
    Zstd,
    /// `openssl enc`.
    OpensslEnc(OpensslEnc),
    /// age, with an identity or a passphrase.
    Age(AgeKey),
    /// One member of a tar archive, by a glob over its path.
    Tar(String),
}

/// The parameters of `openssl enc`: nothing of them but the salt is in the file.
#[derive(Debug, Clone)]
pub struct OpensslEnc {
    /// The copies of the passphrase, at least one. The first that opens it is used; all are tried when there are several.
    pub passphrases: Vec<SecretRef>,
    /// The cipher's name, such as `aes-256-cbc`.
    pub cipher: String,
    /// How the key is derived.
    pub kdf: Kdf,
    /// The digest's name, such as `sha256`.
    pub digest: String,
    /// The ciphertext is base64 (`-a`).
    pub base64: bool,
}

/// How `openssl enc` derives its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kdf {
    /// `-pbkdf2 -iter N`; openssl's default is 10 000 iterations.
    Pbkdf2 {
        /// Number of iterations.
        iterations: usize,
    },
    /// Neither `-pbkdf2` nor `-iter`: `EVP_BytesToKey`, one round.
    Legacy,
}

/// What opens an age file.
#[derive(Debug, Clone)]
pub enum AgeKey {
    /// `AGE-SECRET-KEY-1...` lines.
    Identity(SecretRef),
    /// A passphrase.
    Passphrase(SecretRef),
}

impl Layer {
    /// Its key in scenario files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::OpensslEnc(_) => "openssl_enc",
            Self::Age(_) => "age",
            Self::Tar(_) => "tar",
        }
    }

    /// The secrets that it needs: for `openssl enc` each is a copy of the same one.
    #[must_use]
    pub fn secrets(&self) -> &[SecretRef] {
        match self {
            Self::OpensslEnc(parameters) => &parameters.passphrases,
            Self::Age(AgeKey::Identity(secret) | AgeKey::Passphrase(secret)) => std::slice::from_ref(secret),
            Self::Gzip | Self::Zstd | Self::Tar(_) => &[],
        }
    }
}

/// The opened layers over some stored bytes.
pub struct Opened {
    /// The payload. Reading it to its end has read every stored byte, or tells what stands behind the end.
    pub payload: Box<dyn Read + Send>,
    /// The names of the layers, outermost first, those found by their magic among them.
    pub layers: Vec<String>,
    /// What opening them showed: which copy of a passphrase opens it, and which does not.
    pub outcomes: Vec<Outcome>,
}

/// So many layers are found by their magic: more than anybody makes, and fewer than a bomb needs.
const MOST_FOUND: usize = 4;

/// Opens the layers over a reader of stored bytes: those that are listed, then gzip and zstd as long as their magic shows.
/// What is wrong behind the first bytes is told while the payload is read, as an [`Error`] inside `std::io::Error`.
/// `recognises` knows the subject's payload by its head.
///
/// # Errors
/// Backup: the bytes are damaged or not what the layers say. Harness: a secret cannot be read. Scenario: wrong key.
pub fn open(stored: Source, layers: &[Layer], secrets: &Secrets, recognises: &dyn Fn(&[u8]) -> bool) -> Result<Opened> {
    let mut source = Peek::new(stored);
    let (mut names, mut outcomes) = (Vec::new(), Vec::new());
    for layer in layers {
        source = Peek::new(one(source, layer, secrets, recognises, &mut outcomes)?);
        if matches!(layer, Layer::OpensslEnc(_)) {
            openssl_enc::check_key(&mut source, recognises)?;
        }
        names.push(layer.name().to_owned());
    }
    for _ in 0..MOST_FOUND {
        let head = source.head(magic::ENOUGH);
        let layer = match head {
            head if magic::is_gzip(head) => Layer::Gzip,
            head if magic::is_zstd(head) => Layer::Zstd,
            _ => break,
        };
        source = Peek::new(one(source, &layer, secrets, recognises, &mut outcomes)?);
        names.push(layer.name().to_owned());
    }
    Ok(Opened { payload: Box::new(source), layers: names, outcomes })
}

fn one(
    source: Peek,
    layer: &Layer,
    secrets: &Secrets,
    recognises: &dyn Fn(&[u8]) -> bool,
    outcomes: &mut Vec<Outcome>,
) -> Result<Source> {
    match layer {
        Layer::Gzip => gzip::open(source),
        Layer::Zstd => zstd::open(source),
        Layer::OpensslEnc(parameters) => {
            let (source, tried) = openssl_enc::open(source, parameters, secrets, recognises)?;
            outcomes.extend(tried);
            Ok(source)
        }
        Layer::Age(key) => age::open(source, key, secrets),
        Layer::Tar(member) => tar::open(source, member),
    }
}

/// The bytes are not what a layer says; when there are none because the store failed, that is told.
fn not_a(what: &str, source: &mut Peek) -> Error {
    if let Some(error) = source.failed() {
        return error;
    }
    let head = source.head(magic::ENOUGH);
    let is = magic::looks_like(head);
    let message = format!("it is not {what}: it looks like {is}");
    if magic::is_a_backup(head) {
        return Error::scenario(message).hint("Mend `open:` so that it says how the artifact was made.");
    }
    Error::backup(message).hint("If the backup was always made so, mend `open:`; otherwise look at the job that makes it.")
}

#[cfg(test)]
mod tests;
