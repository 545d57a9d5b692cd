//! Finds secrets that stand in a file although they should not, so that no message ever repeats them.
//!
//! Secrets are references, but people paste values, misspell the key, or break the file around one. What is found here is
//! only hidden; whether it is an error is for [`resolve`](super::resolve) to say.

use super::diagnostic::nearest;
use super::node::{Entry, Node, Value};
use super::source::Place;
use regex::Regex;
use std::sync::LazyLock;

/// Keys whose value is a reference and may be shown when it looks like one.
const REFERENCES: [&str; 3] = ["env", "file", "profile"];
/// Keys beside a secret that are none.
const HARMLESS: [&str; 6] = ["cipher", "kdf", "iterations", "digest", "base64", "keys"];
/// The keys that hold secrets, for near misses.
const SECRETS: [&str; 5] = ["passphrase", "identity", "access_key_id", "secret_access_key", "session_token"];

/// The places of a file that are never shown.
///
/// What the tree says is a secret is hidden. So is, on and below lines that speak of one, everything of which no tree says that
/// it is none: broken YAML, comments, anchors.
#[must_use]
pub fn masks(text: &str, documents: &[Node]) -> Vec<Place> {
    let mut found = Found::default();
    for document in documents {
        walk(document, Context::default(), &mut found);
    }
    let Found { mut hidden, shown } = found;
    let mut told = [hidden.as_slice(), &shown].concat();
    told.sort_by_key(|place| place.start);
    for range in by_lines(text) {
        hide_between(text, range, &told, &mut hidden);
    }
    let place = |m: regex::Match<'_>| Place { start: m.start(), end: m.end() };
    hidden.extend(KNOWN_SHAPES.captures_iter(text).filter_map(|c| c.iter().skip(1).flatten().next()).map(place));
    hidden
}

/// A longer word is no key of ours.
const LONGEST_KEY: usize = "secret_access_key".len();
/// A longer word is the name of no layer.
const LONGEST_LAYER: usize = 12;

/// What the tree says of its keys and scalars.
#[derive(Default)]
struct Found {
    hidden: Vec<Place>,
    shown: Vec<Place>,
}

/// Hides the words of a range that stand between the places of which the tree tells.
fn hide_between(text: &str, range: Place, told: &[Place], hidden: &mut Vec<Place>) {
    let first = told.partition_point(|place| place.end <= range.start);
    let inside = told.get(first..).unwrap_or_default().iter().take_while(|place| place.start < range.end);
    let mut start = range.start;
    for next in inside.chain([&Place { start: range.end, end: range.end }]) {
        let gap = text.get(start..next.start.max(start)).unwrap_or_default();
        if let Some(from) = gap.find(char::is_alphanumeric) {
            hidden.push(Place { start: start + from, end: start + gap.trim_end().len() });
        }
        start = start.max(next.end);
    }
}

/// Keys of age and AWS, and what stands before the `@` of a URL.
static KNOWN_SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, tested below")]
    Regex::new(r"(AGE-SECRET-KEY-[0-9A-Za-z-]+)|\b((?:AKIA|ASIA)[A-Z0-9]{16})\b|://([^/\s@]+)@").expect("a regular expression")
});

#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else of the place, and all combinations occur")]
struct Context {
    /// Below a key that holds secrets.
    secret: bool,
    /// Directly below a key whose value is a reference and nothing else.
    reference: bool,
    /// Directly below `stores`, whose keys are names and tell nothing.
    names: bool,
    /// Below `open`, where `age` is an encryption and not a length of time.
    open: bool,
}

fn walk(node: &Node, context: Context, found: &mut Found) {
    match &node.value {
        Value::Scalar { text, .. } if context.secret || (context.open && text.len() > LONGEST_LAYER) => {
            found.hidden.push(node.place);
        }
        Value::Scalar { .. } => found.shown.push(node.place),
        Value::Null => {}
        Value::Sequence(items) => items.iter().for_each(|item| walk(item, context, found)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| walk_entry(entry, context, found)),
    }
}

fn walk_entry(Entry { key, key_place, node }: &Entry, context: Context, found: &mut Found) {
    let layer = context.open && matches!(key.as_str(), "age" | "openssl_enc");
    if context.secret && REFERENCES.contains(&key.as_str()) {
        found.shown.push(*key_place);
        return walk(node, Context { secret: !looks_like_a_reference(key, node), ..context }, found);
    }
    // `passphrase: {hunter2}` is a mapping with a key, and so is `{passphrase hunter2}`.
    let stranger = nearest(key, REFERENCES.into_iter().chain(["value"])).is_none();
    let alone = node.value == Value::Null;
    let value_as_key = if names_a_secret(key) { !is_word(key) } else { alone && (context.secret || key.len() > LONGEST_KEY) };
    let keys = if value_as_key || (context.reference && stranger) { &mut found.hidden } else { &mut found.shown };
    keys.push(*key_place);
    if key == "endpoint" && matches!(&node.value, Value::Scalar { text, .. } if text.contains('@') && !text.contains("://")) {
        found.hidden.push(node.place);
    }
    let harmless = context.secret && HARMLESS.contains(&key.as_str());
    let named = names_a_secret(key) && !context.names;
    let below = Context {
        secret: !harmless && (context.secret || layer || named),
        // `credentials` and the subject `secrets` have keys of their own.
        reference: named && !key.starts_with("cred") && key != "secrets",
        names: key == "stores",
        open: context.open || key == "open",
    };
    walk(node, below, found);
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

/// What is left of the keys that hold secrets after any single slip of the finger.
const PIECES: [&str; 11] = ["pass", "phrase", "secret", "token", "session", "iden", "tity", "cred", "access", "keyid", "private"];

fn names_a_secret(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    PIECES.iter().any(|piece| letters.contains(piece))
        || SECRETS.iter().any(|known| strsim::damerau_levenshtein(&key.to_lowercase(), known) <= 2)
}

/// Whether a text is a key and nothing more.
fn is_word(key: &str) -> bool {
    key.len() <= 30 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What follows a word that names a secret on its line, and the lines that are indented below it.
fn by_lines(text: &str) -> Vec<Place> {
    let mut found = Vec::new();
    let mut below: Option<usize> = None;
    // Whatever its indentation, which may be what is wrong.
    let mut value_is_due = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let mut hide = |from: usize| found.push(Place { start: start + from, end: start + content.len() });
        let indent = content.len() - content.trim_start().len();
        below = below.filter(|key| content.is_empty() || value_is_due || indent > *key);
        if below.is_some() && !is_reference(content) {
            hide(indent);
        }
        value_is_due = value_is_due && content.is_empty();
        if let Some(from) = after_secret(content) {
            below = below.or(Some(indent));
            let behind_word = content[from..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            let is_open = behind_word.matches(['{', '[']).count() > behind_word.matches(['}', ']']).count();
            value_is_due = is_open || !behind_word.contains(|c: char| c.is_alphanumeric());
            hide(from);
        }
        start += line.len();
    }
    found
}

/// The byte of a line from which on it may show a secret.
fn after_secret(line: &str) -> Option<usize> {
    let letters: Vec<(usize, char)> = line.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).collect();
    let word: String = letters.iter().map(|(_, c)| c.to_ascii_lowercase()).collect();
    let (at, piece) = PIECES.iter().filter_map(|piece| Some((word.find(piece)?, piece))).min()?;
    let first = letters.get(at)?.0;
    let known = SECRETS.iter().chain(&["credentials"]).find(|known| {
        let rest = line[first..].strip_prefix(**known);
        rest.is_some_and(|rest| rest.starts_with(':'))
    });
    match known {
        Some(known) if is_reference(&line[first + known.len()..]) => Some(line.len()),
        Some(known) => Some(first + known.len() + 1),
        None => letters.get(at + piece.len() - 1).map(|(byte, c)| byte + c.len_utf8()),
    }
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
    use super::super::yaml::parse;
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        masks(text, &parse(text).documents).iter().map(|m| text[m.start..m.end].trim()).collect()
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
            ("age: { passphrase hunter2 }\n", vec!["passphrase hunter2"]),
            ("name: x # passphrase: hunter2\n", vec!["hunter2"]),
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
            "stores: { session-archive: { dir: /mnt/backups } }\n",
            "endpoint: https://s3.example.net\n",
        ] {
            assert!(hidden(text).iter().all(|part| part.is_empty()), "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_hidden_by_lines() {
        for (text, shown) in [
            ("a: [\npassphrase: hunter2 x\nb: 1\n", "a: [\npassphrase:\nb: 1\n"),
            ("a: [\npassphrase: |\n  hunter2\n  more\nb: 1\n", "a: [\npassphrase: |\n  \n  \nb: 1\n"),
            ("a: [\n  passphrase:\n>    hunter2\nb: 1\n", "a: [\n  passphrase:\n>\nb: 1\n"),
            ("a: [\npassphrase: { env: NAME }\n", "a: [\npassphrase: { env: NAME }\n"),
            ("a: [\npassphrase:\n  env: NAME\n", "a: [\npassphrase:\n  env: NAME\n"),
            ("{secret_access_key: hunter2\n", "{secret_access_key:\n"),
            ("a: [\npas[sphrase: hunter2\n", "a: [\npas[s\n"),
            ("a: [\npaxssphrase hunter2\n", "a: [\npaxssphrase\n"),
        ] {
            let mut left = text.to_owned();
            let mut places = masks(text, &parse(text).documents);
            places.sort_by_key(|m| std::cmp::Reverse(m.start));
            for place in places {
                left.replace_range(place.start..place.end, "");
            }
            let left: Vec<&str> = left.lines().map(str::trim_end).collect();
            assert_eq!(left, shown.lines().map(str::trim_end).collect::<Vec<_>>(), "{text}");
        }
    }
}
