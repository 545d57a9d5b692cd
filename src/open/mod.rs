//! The layers between the stored bytes and the payload: decrypt, decompress, pick a member. Each is a reader over a
//! reader, outermost first, so that nothing is ever whole in memory.

use crate::secret::SecretRef;

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
    /// The passphrase.
    pub passphrase: SecretRef,
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

/// The opened layers over some stored bytes.
pub struct Opened {
    /// The payload.
    pub payload: Box<dyn std::io::Read + Send>,
    /// The names of the layers, outermost first, those found by their magic among them.
    pub layers: Vec<String>,
}

/// Opens the layers over a reader of stored bytes: those that are listed, then gzip and zstd as long as their magic shows.
///
/// # Errors
/// Backup: the bytes are damaged or not what the layers say. Harness: a secret cannot be read. Scenario: wrong key.
pub fn open(
    _stored: Box<dyn std::io::Read + Send>,
    _layers: &[Layer],
    _secrets: &crate::secret::Secrets,
    _recognises: &dyn Fn(&[u8]) -> bool,
) -> crate::error::Result<Opened> {
    todo!()
}
