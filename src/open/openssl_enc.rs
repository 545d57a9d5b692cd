//! `openssl enc`: `Salted__`, eight bytes of salt, ciphertext. Cipher, digest, key derivation and iterations are not in the
//! file, and nothing authenticates it: a wrong key shows only in what comes out (`openssl-enc(1)`).

use super::base64::Base64;
use super::reader::{Input, Output, Peek, Source};
use super::{Kdf, OpensslEnc, magic, not_a};
use crate::check::{Outcome, Status};
use crate::error::{Error, Result};
use crate::secret::{Secret, SecretRef, Secrets};
use openssl::asn1::Asn1Object;
use openssl::hash::MessageDigest;
use openssl::pkcs5::{bytes_to_key, pbkdf2_hmac};
use openssl::symm::{Cipher, Crypter, Mode};
use std::io::{self, Read};
use zeroize::Zeroizing;

const BUFFER: usize = 64 << 10;
const MARK: &[u8] = b"Salted__";
const SALT: usize = 8;

/// Decrypts. Whether the key is right shows in the first plaintext: [`check_key`]. Where there are several copies of the passphrase,
/// each is tried on the first blocks, and what came of it is told.
///
/// # Errors
/// Backup: it is not `openssl enc`, or ends in its header. Scenario: the parameters cannot be, or no copy opens it. Harness: no
/// passphrase.
pub(super) fn open(
    mut source: Peek,
    parameters: &OpensslEnc,
    secrets: &Secrets,
    recognises: &dyn Fn(&[u8]) -> bool,
) -> Result<(Source, Vec<Outcome>)> {
    if let Some(error) = other_encoding(source.head(magic::ENOUGH), parameters.base64) {
        return Err(error);
    }
    let expected = if parameters.base64 { b"U2FsdGVkX1".as_slice() } else { MARK };
    if !source.head(magic::ENOUGH).starts_with(expected) {
        return Err(not_a("openssl enc", &mut source));
    }
    let (input, fault) = Input::new(Box::new(source));
    let mut input: Source = if parameters.base64 { Box::new(Base64::new(input)) } else { Box::new(input) };
    let mut header = [0; MARK.len() + SALT];
    input.read_exact(&mut header).map_err(|e| {
        let ends = |_| Error::backup("the openssl enc file ends within its header");
        fault.or(|| e.downcast::<Error>().unwrap_or_else(ends))
    })?;
    let salt = &header[MARK.len()..];
    let mut encrypted = Peek::new(input);
    let (passphrase, tried) = match parameters.passphrases.as_slice() {
        [one] => (secrets.read(one)?, Vec::new()),
        copies => try_copies(copies, parameters, secrets, |passphrase| {
            first_blocks(encrypted.head(TRIAL), passphrase, parameters, salt).map(|plain| is_plain(&plain, recognises))
        })?,
    };
    let decrypt = Decrypt::new(Box::new(encrypted), parameters, salt, &passphrase)?;
    let output = Output::new(decrypt, fault, |e| Error::backup(format!("the encrypted file is damaged ({e})")));
    Ok((Box::new(output), tried))
}

/// So much ciphertext is decrypted to tell a key: more than the first plaintext that anybody looks at.
const TRIAL: usize = 1024;

/// Tries every copy of the passphrase, and hands out the first that opens it.
fn try_copies(
    copies: &[SecretRef],
    parameters: &OpensslEnc,
    secrets: &Secrets,
    mut opens: impl FnMut(&Secret) -> Result<bool>,
) -> Result<(Secret, Vec<Outcome>)> {
    let (mut found, mut outcomes) = (None, Vec::new());
    // A mistake in these is not one of the copies'.
    cipher(&parameters.cipher)?;
    for copy in copies {
        let name = format!("passphrase in {copy}");
        let outcome = match secrets.read(copy) {
            Err(error) => Outcome { hint: error.hint, ..Outcome::new(name, Status::Warn, error.message) },
            Ok(passphrase) if opens(&passphrase)? => {
                found.get_or_insert(passphrase);
                Outcome::new(name, Status::Pass, "opens the backup")
            }
            Ok(_) => Outcome::new(name, Status::Warn, "does not open the backup").hint(
                "In an emergency this copy is of no use. Put the right passphrase there, and take it off the list if it is old.",
            ),
        };
        outcomes.push(outcome);
    }
    let found = found.ok_or_else(|| wrong_key().evidence(outcomes.iter().map(|o| format!("{}: {}", o.check, o.message))))?;
    Ok((found, outcomes))
}

/// The first plaintext under a passphrase. What is the end of the file loses its padding, if it has a valid one.
fn first_blocks(encrypted: &[u8], passphrase: &Secret, parameters: &OpensslEnc, salt: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut crypter = crypter(parameters, salt, passphrase)?;
    crypter.pad(false);
    let block = cipher(&parameters.cipher)?.block_size();
    let whole = encrypted.len() / block * block;
    let mut plain = Zeroizing::new(vec![0; whole + block]);
    let failed = |e| Error::harness(format!("cannot decrypt: {e}"));
    let mut made = crypter.update(&encrypted[..whole], &mut plain).map_err(failed)?;
    made += crypter.finalize(&mut plain[made..]).map_err(failed)?;
    plain.truncate(made);
    let padding = plain.last().map_or(0, |last| usize::from(*last));
    if encrypted.len() < TRIAL
        && (1..=block).contains(&padding)
        && plain.iter().rev().take(padding).all(|b| usize::from(*b) == padding)
    {
        plain.truncate(made - padding.min(made));
    }
    Ok(plain)
}

fn is_plain(head: &[u8], recognises: &dyn Fn(&[u8]) -> bool) -> bool {
    magic::is_something(head) || recognises(head)
}

fn other_encoding(head: &[u8], base64: bool) -> Option<Error> {
    let error = Error::scenario;
    match (base64, magic::looks_like(head)) {
        (true, "openssl enc") => Some(error("it is openssl enc, but not in base64").hint("Remove `base64: true`.")),
        (false, "openssl enc in base64") => Some(error("it is openssl enc in base64").hint("Add `base64: true`.")),
        _ => None,
    }
}

/// Looks at the first plaintext: a wrong key makes noise of it.
///
/// # Errors
/// Scenario: it is nothing known, so the key is wrong.
pub(super) fn check_key(plain: &mut Peek, recognises: &dyn Fn(&[u8]) -> bool) -> Result<()> {
    let head = plain.head(magic::ENOUGH);
    if head.is_empty() || is_plain(head, recognises) {
        return Ok(());
    }
    Err(wrong_key())
}

fn wrong_key() -> Error {
    Error::scenario("the passphrase does not open it: what comes out is nothing known").hint(
        "Check passphrase, cipher, kdf, iterations (openssl's default is 10000 with -pbkdf2) and digest \
         (sha256, but md5 before OpenSSL 1.1.0): they must be those that the backup was made with.",
    )
}

fn cipher(name: &str) -> Result<Cipher> {
    let lower = name.to_ascii_lowercase();
    let authenticated = ["gcm", "ccm", "ocb", "siv", "xts", "poly1305", "wrap"].iter().any(|mode| lower.contains(mode));
    if authenticated {
        let error = Error::scenario(format!("openssl enc has no cipher {name}"));
        return Err(error.hint("It refuses authenticated and XTS modes; the usual one is aes-256-cbc."));
    }
    let nid = Asn1Object::from_str(&lower).or_else(|_| Asn1Object::from_str(&name.to_ascii_uppercase())).map(|o| o.nid());
    let cipher = nid.ok().and_then(Cipher::from_nid);
    cipher.ok_or_else(|| Error::scenario(format!("there is no cipher {name}")).hint("`openssl enc -list` shows the names."))
}

/// Key and initialisation vector.
fn derive(parameters: &OpensslEnc, cipher: Cipher, salt: &[u8], passphrase: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    let digest = MessageDigest::from_name(&parameters.digest)
        .ok_or_else(|| Error::scenario(format!("there is no digest {}", parameters.digest)).hint("The usual one is sha256."))?;
    let failed = |e| Error::harness(format!("cannot derive the key: {e}"));
    match parameters.kdf {
        Kdf::Legacy => {
            let pair = bytes_to_key(cipher, digest, passphrase, Some(salt), 1).map_err(failed)?;
            Ok((Zeroizing::new(pair.key), pair.iv.unwrap_or_default()))
        }
        Kdf::Pbkdf2 { iterations } => {
            let mut both = Zeroizing::new(vec![0; cipher.key_len() + cipher.iv_len().unwrap_or(0)]);
            pbkdf2_hmac(passphrase, salt, iterations, digest, &mut both).map_err(failed)?;
            let (key, iv) = both.split_at(cipher.key_len());
            Ok((Zeroizing::new(key.to_vec()), iv.to_vec()))
        }
    }
}

fn crypter(parameters: &OpensslEnc, salt: &[u8], passphrase: &Secret) -> Result<Crypter> {
    let cipher = cipher(&parameters.cipher)?;
    let (key, iv) = derive(parameters, cipher, salt, passphrase.expose().as_bytes())?;
    Crypter::new(cipher, Mode::Decrypt, &key, Some(&iv)).map_err(|e| {
        Error::harness(format!("this machine's OpenSSL cannot use {}: {e}", parameters.cipher))
            .hint("Old ciphers need OpenSSL's legacy provider.")
    })
}

/// Plaintext out of ciphertext.
struct Decrypt {
    input: Source,
    crypter: Crypter,
    block: usize,
    cipher_bytes: u64,
    plain_bytes: u64,
    encrypted: Box<[u8]>,
    plain: Zeroizing<Box<[u8]>>,
    ready: std::ops::Range<usize>,
    finished: bool,
}

impl Decrypt {
    fn new(input: Source, parameters: &OpensslEnc, salt: &[u8], passphrase: &Secret) -> Result<Self> {
        let block = cipher(&parameters.cipher)?.block_size();
        Ok(Self {
            input,
            crypter: crypter(parameters, salt, passphrase)?,
            block,
            cipher_bytes: 0,
            plain_bytes: 0,
            encrypted: vec![0; BUFFER].into(),
            plain: Zeroizing::new(vec![0; BUFFER + block].into()),
            ready: 0..0,
            finished: false,
        })
    }

    /// Decrypts the next piece.
    fn advance(&mut self) -> io::Result<()> {
        let n = self.input.read(&mut self.encrypted)?;
        self.cipher_bytes += n as u64;
        let made = if n == 0 {
            self.finished = true;
            self.crypter.finalize(&mut self.plain).map_err(|_| self.bad_end())?
        } else {
            self.crypter.update(&self.encrypted[..n], &mut self.plain)?
        };
        self.plain_bytes += made as u64;
        self.ready = 0..made;
        Ok(())
    }

    /// The last block has no valid padding.
    fn bad_end(&self) -> Error {
        if self.cipher_bytes == 0 || !self.cipher_bytes.is_multiple_of(self.block as u64) {
            let message =
                format!("the encrypted file is cut short: {} bytes of ciphertext are no whole blocks", self.cipher_bytes);
            return Error::backup(message);
        }
        // A single block: nothing was seen that could speak for the key.
        if self.plain_bytes == 0 { wrong_key() } else { Error::backup("the end of the encrypted file is damaged or missing") }
    }
}

impl Read for Decrypt {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            if self.finished {
                return Ok(0);
            }
            self.advance()?;
        }
        let n = self.ready.len().min(buf.len());
        buf[..n].copy_from_slice(&self.plain[self.ready.start..self.ready.start + n]);
        self.ready.start += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broken, everything, noise, opened, read, secret};
    use super::super::{Kdf, Layer, OpensslEnc};
    use super::*;
    use crate::error::Blame;
    use openssl::symm::encrypt;
    use proptest::prelude::*;

    const PASSPHRASE: &str = "correct-horse";
    const PLAIN: &[u8] = b"payload of a test, two blocks long";
    const DEFAULT: Kdf = Kdf::Pbkdf2 { iterations: 10_000 };

    fn parameters(passphrase: SecretRef, cipher: &str, kdf: Kdf, digest: &str) -> OpensslEnc {
        OpensslEnc { passphrases: vec![passphrase], cipher: cipher.into(), kdf, digest: digest.into(), base64: false }
    }

    fn unhex(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect()
    }

    /// `openssl enc ARGUMENTS -salt -pass pass:correct-horse`, OpenSSL 3.0.19.
    #[test]
    fn what_the_real_tool_wrote_is_read() {
        let (_dir, passphrase) = secret(PASSPHRASE);
        for (cipher, kdf, digest, hex) in [
            // -aes-256-cbc -pbkdf2
            (
                "aes-256-cbc",
                DEFAULT,
                "sha256",
                "53616c7465645f5fafeba9df912e33f2bb114d60e30f1778114270fcfa973e1a685c7fcc7a3f6248710d00ef09e696f851752cc4488c09918400315a9a26d8b5",
            ),
            // -aes-256-cbc -pbkdf2 -iter 100000 -md sha512
            (
                "AES-256-CBC",
                Kdf::Pbkdf2 { iterations: 100_000 },
                "sha512",
                "53616c7465645f5fa523a3248ac24b1d6391091199f47a6103674720e421b28522f4c02c4a8ad25b129ff34276698de47de5594d0f313ad39ed506d1aef4104d",
            ),
            // -aes-256-cbc -md sha256
            (
                "aes-256-cbc",
                Kdf::Legacy,
                "sha256",
                "53616c7465645f5ffb3a8eb4048fc5452b6e08c67cf0a2717127c6b7c7137bc86736f4bd03736dacfcb8ccf101ace161d70720f1198980aa58e210303e82404b",
            ),
            // -aes-128-cbc -md md5
            (
                "aes-128-cbc",
                Kdf::Legacy,
                "md5",
                "53616c7465645f5f4239d4ddc099d175ab4b3bd015f3c8756e9c19267a0c16f0b671b0e987d39bd3f5b347f1b58e7cc648bc9fb8ba6478d23970abd2c9c62810",
            ),
            // -aes-256-ctr -pbkdf2
            (
                "aes-256-ctr",
                DEFAULT,
                "sha256",
                "53616c7465645f5f132ea3d9c19bdf81f156a8aa54c26b3d192222c72838e66e9165c682a8ff92294bad4771694b79f40381",
            ),
            // -camellia-256-cbc -pbkdf2 -iter 1000
            (
                "camellia-256-cbc",
                Kdf::Pbkdf2 { iterations: 1000 },
                "sha256",
                "53616c7465645f5f688cd72f80704fce253b3b65ab7cb150ef1947a1bbaafbd9f3377e5e494f513021b472d6674a79c2f3caa73e058049f27e2c6a48796a1286",
            ),
        ] {
            let layers = [Layer::OpensslEnc(parameters(passphrase.clone(), cipher, kdf, digest))];
            assert_eq!(read(&unhex(hex), &layers).expect(cipher), PLAIN, "{cipher} {kdf:?} {digest}");
        }
    }

    /// `-a` and `-a -A`.
    #[test]
    fn base64_in_lines_and_in_one_line() {
        let (_dir, passphrase) = secret(PASSPHRASE);
        let binary = parameters(passphrase, "aes-256-cbc", DEFAULT, "sha256");
        let layers = [Layer::OpensslEnc(OpensslEnc { base64: true, ..binary.clone() })];
        let lines = "U2FsdGVkX1+1iBy+9x4+iXNk+L3jsYLgCYhj0qrA05WS5EYANbGbRyYuBj9Uwxsv\n10q1gjnGffeFaboDAlrfUQ==\n";
        let line = "U2FsdGVkX1895dpWnxpZ5PR01Psl3jDEyAV2JgjQjACTvzfiRjdkmNiLhocZ0zqXcclTNJ/sTNlABZzCxTGZqQ==";
        for text in [lines, line] {
            assert_eq!(read(text.as_bytes(), &layers).expect("read"), PLAIN);
        }
        for cut in 0..lines.trim_end().len() {
            let error = read(&lines.as_bytes()[..cut], &layers).expect_err("cut");
            assert_eq!(error.blame, Blame::Backup, "{cut}: {error}");
        }
        let damaged = lines.replace("10q1", "1=q1");
        assert_eq!(read(damaged.as_bytes(), &layers).expect_err("damaged").message, "the base64 text is damaged");
        let error = read(line.as_bytes(), &[Layer::OpensslEnc(binary)]).expect_err("not binary");
        assert_eq!((error.blame, error.hint.as_deref()), (Blame::Scenario, Some("Add `base64: true`.")));
        let error = read(b"Salted__12345678........", &layers).expect_err("not text");
        assert_eq!(error.hint.as_deref(), Some("Remove `base64: true`."));
    }

    /// As `openssl enc -pbkdf2 -iter 1` would write it.
    fn encrypted(plain: &[u8], name: &str, digest: &str) -> Vec<u8> {
        let cipher = cipher(name).expect("cipher");
        let (dir, passphrase) = secret(PASSPHRASE);
        let parameters = parameters(passphrase, name, Kdf::Pbkdf2 { iterations: 1 }, digest);
        let (key, iv) = derive(&parameters, cipher, b"saltsalt", PASSPHRASE.as_bytes()).expect("derive");
        drop(dir);
        [b"Salted__saltsalt".as_slice(), &encrypt(cipher, &key, Some(&iv), plain).expect("encrypt")].concat()
    }

    fn layers(passphrase: SecretRef) -> [Layer; 1] {
        [Layer::OpensslEnc(parameters(passphrase, "aes-256-cbc", Kdf::Pbkdf2 { iterations: 1 }, "sha256"))]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_length_and_cipher_comes_back(size in 0usize..200_000, which in 0usize..4) {
            let (name, digest) = [("aes-256-cbc", "sha256"), ("aes-192-ctr", "sha1"), ("aes-128-cbc", "md5"), ("aes-256-cfb", "sha512")][which];
            let (_dir, passphrase) = secret(PASSPHRASE);
            let plain = [b"payload".as_slice(), &noise(size)].concat();
            let layers = [Layer::OpensslEnc(parameters(passphrase, name, Kdf::Pbkdf2 { iterations: 1 }, digest))];
            prop_assert_eq!(read(&encrypted(&plain, name, digest), &layers).expect("read"), plain);
        }
    }

    #[test]
    fn every_cut_is_an_error_and_the_backups() {
        let (_dir, passphrase) = secret(PASSPHRASE);
        let stored = encrypted(&[b"payload".as_slice(), &noise(700)].concat(), "aes-256-cbc", "sha256");
        for cut in 0..stored.len() {
            let error = read(&stored[..cut], &layers(passphrase.clone())).expect_err("cut");
            // One block alone cannot speak for its key.
            let expected = if cut == 32 { Blame::Scenario } else { Blame::Backup };
            assert_eq!(error.blame, expected, "{cut}: {error}");
        }
    }

    #[test]
    fn a_wrong_key_is_told_apart_from_a_damaged_file() {
        let stored = encrypted(&[b"payload".as_slice(), &noise(70_000)].concat(), "aes-256-cbc", "sha256");
        let (_dir, wrong) = secret("battery-staple");
        let error = read(&stored, &layers(wrong)).expect_err("wrong key");
        assert_eq!(error.blame, Blame::Scenario);
        assert!(error.message.contains("passphrase does not open it"), "{error}");
        assert!(error.hint.expect("hint").contains("10000"));
        let (_dir, right) = secret(PASSPHRASE);
        let mut damaged = stored;
        let last = damaged.len() - 1;
        damaged[last] ^= 0x55;
        let error = read(&damaged, &layers(right)).expect_err("damaged");
        assert_eq!((error.blame, error.message.as_str()), (Blame::Backup, "the end of the encrypted file is damaged or missing"));
    }

    #[test]
    fn a_gzip_inside_speaks_for_the_key_and_text_does_too() {
        let (_dir, passphrase) = secret(PASSPHRASE);
        let gzip = super::super::gzip::tests::gzip(b"payload");
        assert_eq!(read(&encrypted(&gzip, "aes-256-cbc", "sha256"), &layers(passphrase.clone())).expect("gzip"), b"payload");
        let text = b"{\"an\": \"export\"}";
        assert_eq!(read(&encrypted(text, "aes-256-cbc", "sha256"), &layers(passphrase.clone())).expect("text"), text);
        let error = everything(opened(broken(&encrypted(&gzip, "aes-256-cbc", "sha256")[..20]), &layers(passphrase)))
            .expect_err("broken");
        assert_eq!(error.message, "the network broke");
    }

    #[test]
    fn every_copy_of_the_passphrase_is_tried_and_told() {
        let (_a, right) = secret(PASSPHRASE);
        let (_b, wrong) = secret("battery-staple");
        let nowhere = SecretRef::Env("ASSAY_TEST_NOT_SET".into());
        for plain in [b"payload".to_vec(), [b"payload".as_slice(), &noise(70_000)].concat(), b"{\"A\": \"some\"}".to_vec()] {
            let stored = encrypted(&plain, "aes-256-cbc", "sha256");
            let [Layer::OpensslEnc(parameters)] = layers(right.clone()) else { panic!("openssl enc") };
            let layer = |passphrases| Layer::OpensslEnc(OpensslEnc { passphrases, ..parameters.clone() });
            let copies = layer(vec![wrong.clone(), nowhere.clone(), right.clone(), right.clone()]);
            let mut opened = opened(Box::new(std::io::Cursor::new(stored.clone())), &[copies]).expect("opened");
            let told: Vec<_> = opened.outcomes.iter().map(|o| (o.status, o.message.as_str())).collect();
            let not_set = "the environment variable ASSAY_TEST_NOT_SET is not set";
            let (wrong_one, right_one) = ((Status::Warn, "does not open the backup"), (Status::Pass, "opens the backup"));
            assert_eq!(told, [wrong_one, (Status::Warn, not_set), right_one, right_one]);
            let mut all = Vec::new();
            opened.payload.read_to_end(&mut all).expect("read");
            assert_eq!(all, plain);
            let error = read(&stored, &[layer(vec![wrong.clone(), nowhere.clone()])]).expect_err("no copy");
            assert_eq!((error.blame, error.evidence.len()), (Blame::Scenario, 2), "{error}");
        }
    }

    #[test]
    fn parameters_that_cannot_be_are_the_scenarios_fault() {
        let (_dir, passphrase) = secret(PASSPHRASE);
        let stored = encrypted(b"payload", "aes-256-cbc", "sha256");
        for (cipher, digest, words) in [
            ("aes-256-gcm", "sha256", "openssl enc has no cipher aes-256-gcm"),
            ("chacha20-poly1305", "sha256", "openssl enc has no cipher"),
            ("aes-256-xyz", "sha256", "there is no cipher aes-256-xyz"),
            ("aes-256-cbc", "sha257", "there is no digest sha257"),
        ] {
            let layers = [Layer::OpensslEnc(parameters(passphrase.clone(), cipher, DEFAULT, digest))];
            let error = read(&stored, &layers).expect_err(cipher);
            assert_eq!(error.blame, Blame::Scenario);
            assert!(error.message.contains(words), "{error}");
        }
        let error = read(b"PGDMP and so on", &layers(passphrase)).expect_err("plain");
        assert_eq!(error.message, "it is not openssl enc: it looks like a PostgreSQL archive (custom format)");
    }
}
