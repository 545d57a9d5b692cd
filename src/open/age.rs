//! age: X25519 identities or a passphrase, binary or armored (age-encryption.org/v1). Its payload is authenticated, so a
//! damaged file and a wrong key are told apart with certainty.

use super::reader::{Input, Output, Peek, Source};
use super::{AgeKey, magic, not_a};
use crate::error::{Error, Result};
use crate::secret::{Secret, Secrets};
use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Identity};
use std::io::{self, ErrorKind};

/// The largest work factor (as a power of two) that a passphrase may cost: age's own limit.
const MOST_WORK: u8 = 22;

/// Decrypts.
///
/// # Errors
/// Backup: it is no age file, or its header is damaged. Scenario: the key does not fit. Harness: the key cannot be read.
pub(super) fn open(mut source: Peek, key: &AgeKey, secrets: &Secrets) -> Result<Source> {
    if !magic::looks_like(source.head(magic::ENOUGH)).starts_with("age") {
        return Err(not_a("age", &mut source));
    }
    let (input, fault) = Input::new(Box::new(source));
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(input)).map_err(|e| fault.or(|| refused(&e)))?;
    let identities = identities(key, decryptor.is_scrypt(), secrets)?;
    let stream = decryptor.decrypt(identities.iter().map(AsRef::as_ref)).map_err(|e| fault.or(|| refused(&e)))?;
    Ok(Box::new(Output::new(stream, fault, words)))
}

fn identities(key: &AgeKey, wants_passphrase: bool, secrets: &Secrets) -> Result<Vec<Box<dyn Identity>>> {
    match (key, wants_passphrase) {
        (AgeKey::Passphrase(reference), true) => {
            let passphrase = SecretString::from(secrets.read(reference)?.expose().to_owned());
            let mut identity = age::scrypt::Identity::new(passphrase);
            identity.set_max_work_factor(MOST_WORK);
            Ok(vec![Box::new(identity)])
        }
        (AgeKey::Identity(reference), false) => {
            let parsed = parse(&secrets.read(reference)?);
            parsed.ok_or_else(|| {
                Error::scenario(format!("{reference} holds no age identity"))
                    .hint("An identity is a line that starts with AGE-SECRET-KEY-1; age-keygen makes it.")
            })
        }
        (AgeKey::Passphrase(_), false) => {
            Err(Error::scenario("the age file is encrypted to a recipient, not with a passphrase").hint("Give `identity:`."))
        }
        (AgeKey::Identity(_), true) => {
            Err(Error::scenario("the age file is encrypted with a passphrase").hint("Give `passphrase:`."))
        }
    }
}

/// The identities in a key file: a line each, comments between them.
fn parse(file: &Secret) -> Option<Vec<Box<dyn Identity>>> {
    let lines = file.expose().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parsed = lines.map(|line| line.parse::<age::x25519::Identity>().map(|i| Box::new(i) as Box<dyn Identity>));
    parsed.collect::<Result<Vec<_>, _>>().ok().filter(|identities| !identities.is_empty())
}

/// The header does not open.
fn refused(error: &DecryptError) -> Error {
    match error {
        DecryptError::NoMatchingKeys => Error::scenario("the age identity does not open it: it is encrypted to others")
            .hint("Check that the identity belongs to one of the recipients that the backup is encrypted to."),
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            Error::scenario("the passphrase does not open the age file").hint("Check the passphrase.")
        }
        DecryptError::ExcessiveWork { required, .. } => {
            Error::harness(format!("the age file's passphrase costs too much work to try (2^{required})"))
        }
        DecryptError::InvalidMac => Error::backup("the header of the age file is damaged: its MAC does not match"),
        DecryptError::Io(e) if e.kind() == ErrorKind::UnexpectedEof => Error::backup("the age file is cut short in its header"),
        DecryptError::Io(e) => words(e),
        DecryptError::UnknownFormat => Error::harness("the age file is of a version that is not known here"),
        DecryptError::InvalidHeader => Error::backup("the header of the age file is damaged"),
    }
}

/// The payload does not open.
fn words(error: &io::Error) -> Error {
    if error.kind() == ErrorKind::UnexpectedEof {
        Error::backup("the age file is cut short")
    } else {
        Error::backup("the age file is damaged or cut short: a part of it does not match its authentication")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layer;
    use super::super::tests::{broken, everything, noise, opened, read, secret};
    use super::*;
    use crate::error::Blame;
    use age::armor::{ArmoredWriter, Format};
    use age::secrecy::ExposeSecret;
    use age::{Encryptor, x25519};
    use std::io::Write;

    fn encrypted(encryptor: Encryptor, format: Format, plain: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        let armor = ArmoredWriter::wrap_output(&mut stored, format).expect("armor");
        let mut writer = encryptor.wrap_output(armor).expect("header");
        writer.write_all(plain).expect("write");
        writer.finish().and_then(ArmoredWriter::finish).expect("finish");
        stored
    }

    fn to(identity: &x25519::Identity, format: Format, plain: &[u8]) -> Vec<u8> {
        let recipient = identity.to_public();
        let recipients = std::iter::once(&recipient as &dyn age::Recipient);
        encrypted(Encryptor::with_recipients(recipients).expect("recipients"), format, plain)
    }

    /// Cheap to try, unlike the work that [`Encryptor::with_user_passphrase`] measures out.
    fn with_passphrase(passphrase: &str, plain: &[u8]) -> Vec<u8> {
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
        recipient.set_work_factor(4);
        let recipients = std::iter::once(&recipient as &dyn age::Recipient);
        encrypted(Encryptor::with_recipients(recipients).expect("recipients"), Format::Binary, plain)
    }

    fn key_file(identity: &x25519::Identity) -> (tempfile::TempDir, Vec<Layer>) {
        let (dir, reference) = secret(&format!("# created: today\n{}", identity.to_string().expose_secret()));
        (dir, vec![Layer::Age(AgeKey::Identity(reference))])
    }

    #[test]
    fn identities_open_binary_and_armored_files_of_every_size() {
        let identity = x25519::Identity::generate();
        let (_dir, layers) = key_file(&identity);
        for size in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
            for format in [Format::Binary, Format::AsciiArmor] {
                let plain = noise(size);
                assert_eq!(read(&to(&identity, format, &plain), &layers).expect("read"), plain, "{size}");
            }
        }
    }

    #[test]
    fn a_passphrase_opens_its_file_and_a_wrong_one_does_not() {
        let stored = with_passphrase("correct-horse", b"payload");
        let (_dir, right) = secret("correct-horse");
        assert_eq!(read(&stored, &[Layer::Age(AgeKey::Passphrase(right))]).expect("read"), b"payload");
        let (_dir, wrong) = secret("battery-staple");
        let error = read(&stored, &[Layer::Age(AgeKey::Passphrase(wrong.clone()))]).expect_err("wrong");
        assert_eq!((error.blame, error.message.as_str()), (Blame::Scenario, "the passphrase does not open the age file"));
        let error = read(&stored, &[Layer::Age(AgeKey::Identity(wrong.clone()))]).expect_err("no identity");
        assert!(error.message.contains("encrypted with a passphrase"), "{error}");
        let to_somebody = to(&x25519::Identity::generate(), Format::Binary, b"payload");
        let error = read(&to_somebody, &[Layer::Age(AgeKey::Passphrase(wrong.clone()))]).expect_err("no passphrase");
        assert!(error.message.contains("not with a passphrase"), "{error}");
        let error = read(&to_somebody, &[Layer::Age(AgeKey::Identity(wrong))]).expect_err("no key file");
        assert!(error.message.contains("holds no age identity"), "{error}");
    }

    #[test]
    fn another_identity_is_the_scenarios_fault_and_damage_the_backups() {
        let identity = x25519::Identity::generate();
        let stored = to(&identity, Format::Binary, &noise(1000));
        let (_dir, others) = key_file(&x25519::Identity::generate());
        assert_eq!(read(&stored, &others).expect_err("another").blame, Blame::Scenario);
        let (_dir, layers) = key_file(&identity);
        let payload = stored.len() - 1016;
        for at in [payload, payload + 500, stored.len() - 1] {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            let error = read(&damaged, &layers).expect_err("damaged");
            assert_eq!(error.blame, Blame::Backup, "{at}: {error}");
        }
        assert_eq!(read(b"PGDMP", &layers).expect_err("dump").blame, Blame::Scenario);
        assert_eq!(read(b"<html>", &layers).expect_err("page").blame, Blame::Backup);
    }

    #[test]
    fn every_cut_is_an_error_and_the_backups() {
        let identity = x25519::Identity::generate();
        let (_dir, layers) = key_file(&identity);
        for (format, plain) in [(Format::Binary, noise(66_000)), (Format::AsciiArmor, noise(500))] {
            let stored = to(&identity, format, &plain);
            let cuts = (0..400).chain((400..stored.len()).step_by(97)).chain(stored.len() - 34..stored.len() - 1);
            for cut in cuts.filter(|cut| *cut < stored.len() - 1) {
                let error = read(&stored[..cut], &layers).expect_err("cut");
                assert_eq!(error.blame, Blame::Backup, "{cut}: {error}");
            }
        }
    }

    #[test]
    fn a_broken_network_is_not_a_damaged_file() {
        let identity = x25519::Identity::generate();
        let (_dir, layers) = key_file(&identity);
        let stored = to(&identity, Format::Binary, &noise(200_000));
        for at in [30, 100, 150, 70_000, 199_000] {
            let error = everything(opened(broken(&stored[..at]), &layers)).expect_err("broken");
            assert_eq!(error, Error::harness("the network broke"), "{at}");
        }
    }
}
