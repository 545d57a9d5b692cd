//! The layers of `open:`.

use super::collect::Collector;
use crate::open::{AgeKey, Kdf, Layer, OpensslEnc};
use crate::scenario::field::{Field, Spanned};
use crate::scenario::source::Place;
use crate::scenario::spec::{AgeKeySection, KdfSpec, LayerSpec, OpensslEncSection, SecretsSpec, TarSection};
use crate::secret::SecretRef;
use openssl::cipher::Cipher;
use openssl::hash::MessageDigest;
use std::path::Path;

/// openssl's own default with `-pbkdf2`.
const DEFAULT_ITERATIONS: u64 = 10_000;
/// openssl keeps the count in a C `int`.
const MOST_ITERATIONS: u64 = 2_147_483_647;

pub fn layers(field: Field<Vec<Field<LayerSpec>>>, folder: &Path, collect: &mut Collector) -> Vec<Layer> {
    let layers = field.value().unwrap_or_default().into_iter().filter_map(Field::given);
    layers.filter_map(|layer| resolve(layer, folder, collect)).collect()
}

fn resolve(layer: Spanned<LayerSpec>, folder: &Path, collect: &mut Collector) -> Option<Layer> {
    let place = layer.place;
    match layer.value {
        LayerSpec::Gzip => Some(Layer::Gzip),
        LayerSpec::Zstd => Some(Layer::Zstd),
        LayerSpec::OpensslEnc(section) => openssl_enc(section, place, folder, collect).map(Layer::OpensslEnc),
        LayerSpec::Age(section) => age(section, place, folder, collect).map(Layer::Age),
        LayerSpec::Tar(section) => tar(section, place, collect).map(Layer::Tar),
    }
}

fn openssl_enc(section: OpensslEncSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<OpensslEnc> {
    collect.require(section.passphrase.as_ref(), place, "`openssl_enc`", "passphrase");
    let passphrases = section.passphrase.given().map(|copies| self::passphrases(copies, folder, collect));
    let cipher = name_or(section.cipher, "cipher", "aes-256-cbc", collect);
    if !usable_cipher(&cipher.value) {
        let hint = "Use a name of `openssl enc -list`, such as aes-256-cbc. Authenticated modes (gcm, ccm) are none of them.";
        collect.wrong(cipher.place, format!("`openssl enc` knows no cipher `{}`", cipher.value), hint);
    }
    let digest = name_or(section.digest, "digest", "sha256", collect);
    if !is_word(&digest.value) || MessageDigest::from_name(&digest.value).is_none() {
        let hint = "Use a name of `openssl list -digest-algorithms`, such as sha256 or md5.";
        collect.wrong(digest.place, format!("openssl knows no digest `{}`", digest.value), hint);
    }
    let kdf = kdf(section.kdf.value(), section.iterations, collect);
    let base64 = section.base64.value().unwrap_or_default();
    Some(OpensslEnc { passphrases: passphrases??, cipher: cipher.value, kdf, digest: digest.value, base64 })
}

fn passphrases(copies: Spanned<SecretsSpec>, folder: &Path, collect: &mut Collector) -> Option<Vec<SecretRef>> {
    if copies.value.0.is_empty() {
        collect.wrong(
            copies.place,
            "`passphrase` is an empty list",
            "Write where the passphrase lies, such as { env: BACKUP_PASS }.",
        );
        return None;
    }
    copies.value.0.into_iter().map(|copy| collect.secret(copy, folder)).collect()
}

fn name_or(field: Field<String>, key: &str, default: &str, collect: &mut Collector) -> Spanned<String> {
    collect.text(field, key).unwrap_or_else(|| Spanned { value: default.to_owned(), place: Place::default() })
}

/// A cipher that openssl has and its `enc` command takes.
fn usable_cipher(name: &str) -> bool {
    let lower = name.to_lowercase();
    let refused = ["gcm", "ccm", "ocb", "siv", "xts", "wrap", "poly1305"];
    is_word(name) && !refused.iter().any(|mode| lower.contains(mode)) && Cipher::fetch(None, name, None).is_ok()
}

/// The openssl crate panics on a NUL in a name.
fn is_word(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic())
}

fn kdf(kdf: Option<KdfSpec>, iterations: Field<u64>, collect: &mut Collector) -> Kdf {
    let iterations = iterations.given();
    if let (Some(KdfSpec::Legacy), Some(iterations)) = (kdf, &iterations) {
        let hint = "`-iter` means pbkdf2 to openssl: write `kdf: pbkdf2`, or leave `iterations` out.";
        collect.wrong(iterations.place, "`iterations` does not go with `kdf: legacy`", hint);
    }
    match (kdf, iterations) {
        (Some(KdfSpec::Legacy), _) => Kdf::Legacy,
        (_, Some(count)) if !(1..=MOST_ITERATIONS).contains(&count.value) => {
            let message = format!("`iterations` is {}", count.value);
            collect.wrong(count.place, message, format!("Write a number from 1 to {MOST_ITERATIONS}."));
            Kdf::Legacy
        }
        (_, count) => {
            let count = count.map_or(DEFAULT_ITERATIONS, |count| count.value);
            Kdf::Pbkdf2 { iterations: usize::try_from(count).unwrap_or(usize::MAX) }
        }
    }
}

fn age(section: AgeKeySection, place: Place, folder: &Path, collect: &mut Collector) -> Option<AgeKey> {
    let hint = "Write `identity` for a key file, or `passphrase`.";
    match (section.identity.is_there(), section.passphrase.is_there()) {
        (true, true) => collect.wrong(place, "`age` has both `identity` and `passphrase`", hint),
        (false, false) => collect.wrong(place, "`age` has neither `identity` nor `passphrase`", hint),
        _ => {}
    }
    let identity = collect.secret(section.identity, folder).map(AgeKey::Identity);
    let passphrase = collect.secret(section.passphrase, folder).map(AgeKey::Passphrase);
    identity.or(passphrase)
}

fn tar(section: TarSection, place: Place, collect: &mut Collector) -> Option<String> {
    collect.require(section.member.as_ref(), place, "`tar`", "member");
    let member = collect.text(section.member, "member")?;
    if let Err(error) = globset::Glob::new(&member.value) {
        let message = format!("`{}` is not a glob: {}", member.value, error.kind());
        collect.wrong(member.place, message, "Write a path in which `*` stands for any text, such as \"*/all_records.json\".");
        return None;
    }
    Some(member.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_itself_is_asked_for_its_ciphers() {
        for name in ["aes-256-cbc", "AES-128-CTR", "camellia-256-cbc", "des-ede3-cbc"] {
            assert!(usable_cipher(name), "{name}");
        }
        for name in ["aes-257-cbc", "aes-256-gcm", "aes-256-xts", "chacha20-poly1305", "", "a\0b"] {
            assert!(!usable_cipher(name), "{name}");
        }
    }
}
