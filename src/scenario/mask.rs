//! Finds secrets that stand in a file although they should not, so that no message ever repeats them.
//!
//! Secrets are references, but people paste values, misspell the key, or break the file around one. What is found here is
//! only hidden; whether it is an error is for [`resolve`](super::resolve) to say.

use super::node::{Entry, Node, Value};
use super::source::Place;
use regex::Regex;
use std::sync::LazyLock;

/// Keys whose value is a reference and may be shown when it looks like one.
const REFERENCES: [&str; 3] = ["env", "file", "profile"];
/// Keys beside a secret that are none.
const HARMLESS: [&str; 5] = ["cipher", "kdf", "iterations", "digest", "base64"];
/// The keys that hold secrets, for near misses.
const SECRETS: [&str; 5] = ["passphrase", "identity", "access_key_id", "secret_access_key", "session_token"];

/// The places of a file that are never shown. `complete`: its whole text is in `documents`.
#[must_use]
pub fn masks(text: &str, documents: &[Node], complete: bool) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    for document in documents {
        walk(document, Context::default(), &mut found);
    }
    let place = |m: regex::Match<'_>| Place { start: m.start(), end: m.end() };
    found.extend(KNOWN_SHAPES.captures_iter(text).filter_map(|c| c.iter().skip(1).flatten().next()).map(place));
    if !complete {
        by_lines(text, &mut found);
    }
    found
}

/// Keys of age and AWS, and what stands before the `@` of a URL.
static KNOWN_SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, tested below")]
    Regex::new(r"(AGE-SECRET-KEY-[0-9A-Za-z-]+)|\b((?:AKIA|ASIA)[A-Z0-9]{16})\b|://([^/\s@]+)@").expect("a regular expression")
});

#[derive(Clone, Copy, Default)]
struct Context {
    /// Below a key that holds secrets.
    secret: bool,
    /// Below `open`, where `age` is an encryption and not a length of time.
    open: bool,
}

fn walk(node: &Node, context: Context, found: &mut Vec<Place>) {
    match &node.value {
        Value::Scalar { .. } if context.secret => found.push(node.place),
        Value::Null | Value::Scalar { .. } => {}
        Value::Sequence(items) => items.iter().for_each(|item| walk(item, context, found)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| walk_entry(entry, context, found)),
    }
}

fn walk_entry(Entry { key, key_place, node }: &Entry, context: Context, found: &mut Vec<Place>) {
    let layer = context.open && matches!(key.as_str(), "age" | "openssl_enc");
    if context.secret && REFERENCES.contains(&key.as_str()) {
        if !looks_like_a_reference(key, node) {
            walk(node, context, found);
        }
        return;
    }
    if context.secret && node.value == Value::Null && !names_a_secret(key) {
        // `passphrase: {hunter2}` is a mapping with a key.
        found.push(*key_place);
    }
    if key == "endpoint" && matches!(&node.value, Value::Scalar { text, .. } if text.contains('@') && !text.contains("://")) {
        found.push(node.place);
    }
    let harmless = context.secret && HARMLESS.contains(&key.as_str());
    let context =
        Context { secret: !harmless && (context.secret || layer || names_a_secret(key)), open: context.open || key == "open" };
    walk(node, context, found);
}

fn looks_like_a_reference(key: &str, node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, .. } if key == "env" => is_variable_name(text),
        Value::Scalar { text, .. } => !text.contains('\n'),
        _ => false,
    }
}

/// Whether a text can be the name of an environment variable, and is not a pasted AWS key, which can.
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let pasted = text.len() == 20 && (text.starts_with("AKIA") || text.starts_with("ASIA"));
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !pasted
}

fn names_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["pass", "secret", "token", "identity", "credential", "access_key", "accesskey", "api_key", "apikey", "private"]
        .iter()
        .any(|part| key.contains(part))
        || SECRETS.iter().any(|known| strsim::damerau_levenshtein(&key, known) <= 2)
}

/// For text that is no YAML: the values of lines whose key names a secret, and the lines that are indented below them.
fn by_lines(text: &str, found: &mut Vec<Place>) {
    let mut below: Option<usize> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        below = below.filter(|key| content.is_empty() || indent > *key);
        if below.is_some() && !is_reference(content) {
            found.push(Place { start: start + indent, end: start + content.len() });
        }
        if let Some(colon) = secret_colon(content) {
            below = below.or(Some(indent));
            if !is_reference(&content[colon..]) {
                found.push(Place { start: start + colon + 1, end: start + content.len() });
            }
        }
        start += line.len();
    }
}

/// The byte of the colon behind the first key of a line that names a secret.
fn secret_colon(line: &str) -> Option<usize> {
    line.match_indices(':').map(|(at, _)| at).find(|at| {
        let key = line[..*at].trim_end_matches(['"', '\'']);
        let word = key.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).map_or(key, |n| {
            let next = key[n..].chars().next().map_or(1, char::len_utf8);
            &key[n + next..]
        });
        names_a_secret(word)
    })
}

/// `{ env: NAME }`, `file: /path` and nothing more.
fn is_reference(text: &str) -> bool {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "a constant, tested below")]
        Regex::new(r#"^[:\s{]*(env:\s*"?[A-Za-z_][A-Za-z0-9_]*"?|file:\s*"?/[\w./-]*"?)[\s}]*$"#).expect("a regular expression")
    });
    REFERENCE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        let parsed = parse(text);
        masks(text, &parsed.documents, parsed.complete).iter().map(|m| text[m.start..m.end].trim()).collect()
    }

    #[test]
    fn values_of_keys_that_name_a_secret_are_hidden() {
        for (text, expected) in [
            ("passphrase: hunter2\n", vec!["hunter2"]),
            ("pasphrase: hunter2\n", vec!["hunter2"]),
            ("identiy: [a1, b2]\n", vec!["a1", "b2"]),
            ("passphrase: { value: hunter2 }\n", vec!["hunter2"]),
            ("passphrase: {hunter2}\n", vec!["hunter2"]),
            ("passphrase: { env: not-a-name }\n", vec!["not-a-name"]),
            ("credentials: hunter2\n", vec!["hunter2"]),
            ("open: [{age: hunter2}]\n", vec!["hunter2"]),
            ("endpoint: https://me:hunter2@s3.example.net\n", vec!["me:hunter2"]),
            ("endpoint: me:hunter2@s3.example.net\n", vec!["me:hunter2@s3.example.net"]),
            ("name: AKIAIOSFODNN7EXAMPLE\n", vec!["AKIAIOSFODNN7EXAMPLE"]),
            ("name: x AGE-SECRET-KEY-1QQQ y\n", vec!["AGE-SECRET-KEY-1QQQ"]),
        ] {
            assert_eq!(hidden(text), expected, "{text}");
        }
    }

    #[test]
    fn references_and_ordinary_values_are_shown() {
        for text in [
            "passphrase: { env: BACKUP_PASS }\n",
            "passphrase: { file: /run/secrets/b2 }\n",
            "artifact: { age: { warn: 2d } }\n",
            "open: [{openssl_enc: {passphrase: {env: P}, cipher: aes-256-cbc, iterations: 5}}]\n",
            "credentials: { profile: backup }\n",
            "endpoint: https://s3.example.net\n",
        ] {
            assert_eq!(hidden(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_hidden_by_lines() {
        for (text, shown) in [
            ("a: [\npassphrase: hunter2 x\nb: 1\n", "a: [\npassphrase:\nb: 1\n"),
            ("a: [\npassphrase: |\n  hunter2\n  more\nb: 1\n", "a: [\npassphrase:\n  \n  \nb: 1\n"),
            ("a: [\npassphrase: { env: NAME }\n", "a: [\npassphrase: { env: NAME }\n"),
            ("a: [\npassphrase:\n  env: NAME\n", "a: [\npassphrase:\n  env: NAME\n"),
            ("{secret_access_key: hunter2\n", "{secret_access_key:\n"),
        ] {
            let mut left = text.to_owned();
            let mut places = masks(text, &[], false);
            places.sort_by_key(|m| std::cmp::Reverse(m.start));
            for place in places {
                left.replace_range(place.start..place.end, "");
            }
            assert_eq!(left, shown, "{text}");
        }
    }
}
