//! What resolving has in common: the problems met so far, and the small rules that many keys share.

use crate::scenario::diagnostic::nearest;
use crate::scenario::field::{Field, Spanned};
use crate::scenario::mask::is_variable_name;
use crate::scenario::source::{Place, Problem};
use crate::scenario::spec::SecretSpec;
use crate::secret::SecretRef;
use crate::units::Span;
use std::path::Path;
use std::time::Duration;

/// Longer names make paths that some file systems refuse.
const LONGEST_NAME: usize = 100;

/// The problems met so far.
pub struct Collector(Vec<Problem>);

impl Collector {
    /// Goes on from the problems that reading met.
    pub fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.0
    }

    pub fn wrong(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem::new(place, message).hint(hint));
    }

    /// A key that `owner`, which is shown at `place`, must have.
    pub fn require<T>(&mut self, field: Field<T>, place: Place, owner: &str, key: &str) -> Option<Spanned<T>> {
        if !field.is_there() {
            self.0.push(Problem::new(place, format!("{owner} has no `{key}`")).hint(format!("Add the key `{key}`.")));
        }
        field.given()
    }

    /// A text that is not blank.
    pub fn text(&mut self, field: Field<String>, key: &str) -> Option<Spanned<String>> {
        let text = field.given()?;
        if text.value.trim().is_empty() {
            self.wrong(text.place, format!("`{key}` is empty"), "Write a value, or leave the key out.");
            return None;
        }
        Some(text)
    }

    /// A name that can be part of a file's and of a test's name.
    pub fn identifier(&mut self, name: Spanned<String>, what: &str) -> Option<Spanned<String>> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let hint =
            format!("Use letters, digits, `-`, `_` and `.`, at most {LONGEST_NAME} of them, and begin with a letter or a digit.");
        let message = if name.value.is_empty() {
            format!("the {what} is empty")
        } else if let Some(bad) = name.value.chars().find(|c| !legal(*c)) {
            format!("the {what} has an illegal character: `{bad}`")
        } else if !name.value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            format!("the {what} does not begin with a letter or a digit")
        } else if name.value.len() > LONGEST_NAME {
            format!("the {what} has {} characters", name.value.len())
        } else {
            return Some(name);
        };
        self.wrong(name.place, message, hint);
        None
    }

    /// A length of time above zero.
    pub fn positive(&mut self, field: Field<Span>, key: &str) -> Option<Spanned<Span>> {
        let span = field.given()?;
        if span.value.0.is_zero() {
            self.wrong(span.place, format!("`{key}` is zero"), "Write a length of time above zero, or leave the key out.");
            return None;
        }
        Some(span)
    }

    /// The same without its place.
    pub fn duration(&mut self, field: Field<Span>, key: &str) -> Option<Duration> {
        self.positive(field, key).map(|span| span.value.0)
    }

    /// Two limits of which `fail` is not reached before `warn`.
    pub fn ordered<T>(&mut self, warn: Option<&Spanned<T>>, fail: Option<&Spanned<T>>, measure: impl Fn(&T) -> f64) {
        if let (Some(warn), Some(fail)) = (warn, fail)
            && measure(&fail.value) < measure(&warn.value)
        {
            let hint = "What fails is worse than what warns: swap the two.";
            self.wrong(fail.place, "`fail` is tighter than `warn`, so nothing would ever warn", hint);
        }
    }

    /// A reference to a secret. Relative paths start at `folder`.
    pub fn secret(&mut self, field: Field<SecretSpec>, folder: &Path) -> Option<SecretRef> {
        match field.value()? {
            SecretSpec::Env(name) => {
                let name = name.given()?;
                if is_variable_name(&name.value) {
                    return Some(SecretRef::Env(name.value));
                }
                let hint = "Write the variable's name, such as B2_KEY_ID, and keep the value out of the file. If this is a real \
                            secret, replace it: it has been in a file.";
                self.wrong(name.place, "this is not the name of an environment variable", hint);
                None
            }
            SecretSpec::File(path) => self.text(path, "file").map(|path| SecretRef::File(folder.join(path.value))),
        }
    }
}

/// A hint out of what is near and what is known.
pub fn did_you_mean(name: &str, known: &[&str], list: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("Did you mean `{meant}`? {list}"),
        None => list.to_owned(),
    }
}
