//! Why a value of a file could not be read, in words that help and never repeat the value: it may be a secret.

use super::diagnostic::nearest;
use super::node::{Entry, Node, Value};
use super::source::Place;
use serde::de;
use std::fmt;

/// Why a value could not be read. The place is that of the innermost value.
#[derive(Debug)]
pub struct Failure {
    /// Where; filled in by who knows it.
    pub place: Option<Place>,
    /// What is wrong: a fragment.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Failure {
    /// Without a place.
    pub fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { place: None, message: message.into(), hint }
    }

    /// Sets the place unless a value further inside has.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = self.place.or(Some(place));
        self
    }

    /// Another kind of value was due.
    #[must_use]
    pub fn expected(what: &str, node: &Node) -> Self {
        let hint = match (&node.value, what) {
            (Value::Mapping(_), "text") => {
                Some("Braces start a mapping in YAML: put text that begins with one in quotes.".into())
            }
            (Value::Mapping(_), "a list") => Some("Begin each item with `- `.".into()),
            (Value::Scalar { .. }, "a list") => Some("Put it in brackets: `[a, b]`.".into()),
            (Value::Scalar { plain: false, .. }, "a whole number" | "true or false") => Some("Remove the quotes.".into()),
            _ => None,
        };
        Self::new(format!("expected {what}, found {}", describe(node)), hint).at(node.place)
    }
}

/// What a node is, without showing it: it may be a secret.
fn describe(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "nothing",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Scalar { plain: true, text } if text.parse::<f64>().is_ok() => "a number",
        Value::Scalar { .. } => "text",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The parsers of [`units`](crate::units) and of `expect` say in one line what is wrong and, behind this, how to write it.
const ADVICE: &str = "; write ";

/// Splits a parser's line into message and hint.
#[must_use]
pub fn split_advice(text: &str) -> (String, Option<String>) {
    match text.split_once(ADVICE) {
        Some((message, advice)) => (message.to_owned(), Some(format!("Write {advice}."))),
        None => (text.to_owned(), None),
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let (message, hint) = split_advice(&message.to_string());
        Self::new(message, hint)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown key `{field}`"), Some(known_hint(field, expected)))
    }
}

/// "Did you mean" and what is known.
#[must_use]
pub fn known_hint(name: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("Did you mean `{meant}`? Known here: {list}."),
        None => format!("Known here: {list}."),
    }
}

/// What a mapping that is missing would have had.
#[must_use]
pub fn its_keys(node: &Node, fields: &[&str]) -> String {
    let keys = format!("Its keys are: {}.", fields.join(", "));
    if node.value == Value::Null { format!("{keys} Write `{{}}` when none of them is needed.") } else { keys }
}

/// A value where a reference to a secret is due. It is not repeated.
#[must_use]
pub fn literal_secret() -> Failure {
    let hint = "Write `{ env: NAME }` or `{ file: PATH }`. If this is a real secret, replace it: it has been in a file.";
    Failure::new("a secret is a reference, never a value", Some(hint.to_owned()))
}

/// An item that is to have one key and has none or several.
#[must_use]
pub fn one_key(entries: &[Entry], variants: &[&str]) -> Failure {
    let hint = format!("Each item has exactly one key out of: {}.", variants.join(", "));
    let indented = "An item's options are indented below its key.";
    let message = match entries.len() {
        0 => "expected a key, found none".to_owned(),
        n => format!("expected one key, found {n}"),
    };
    Failure::new(message, Some(format!("{hint} {indented}")))
}
