//! The grammar of `expect`: `= 0`, `!= 0`, `>= 10`, `> 10`, `<= 10`, `< 10`, `between 1 and 10`, `matches /re/`.

use regex::Regex;
use std::fmt;
use std::str::FromStr;

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Expect {
    /// A comparison with a number or a text.
    Compare(Comparison, String),
    /// Inclusive on both sides.
    Between(f64, f64),
    /// A regular expression, found anywhere in the text.
    Matches(Regex),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `<=`
    AtMost,
    /// `<`
    Below,
}

/// Two-letter operators first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("!=", Comparison::NotEqual),
    ("=", Comparison::Equal),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

const GRAMMAR: &str = "write `= 0`, `!= 0`, `>= 10`, `> 10`, `<= 10`, `< 10`, `between 1 and 10` or `matches /regex/`";

impl FromStr for Expect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(range) = text.strip_prefix("between ") {
            return between(range).ok_or_else(|| format!("`{text}` is not a range; {GRAMMAR}"));
        }
        if let Some(pattern) = text.strip_prefix("matches ") {
            let inner = pattern.trim().strip_prefix('/').and_then(|p| p.strip_suffix('/'));
            let inner = inner.ok_or_else(|| format!("`{text}` has no /regex/ between slashes; {GRAMMAR}"))?;
            return Regex::new(inner).map(Self::Matches).map_err(|e| format!("`{inner}` is not a regular expression: {e}"));
        }
        let (operator, comparison) = OPERATORS
            .iter()
            .find(|(operator, _)| text.starts_with(operator))
            .ok_or_else(|| format!("`{text}` is not an expectation; {GRAMMAR}"))?;
        let value = text[operator.len()..].trim();
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if value.is_empty() || (ordered && number(value).is_none()) {
            return Err(format!("`{text}` compares with no number; {GRAMMAR}"));
        }
        Ok(Self::Compare(*comparison, value.to_owned()))
    }
}

fn between(range: &str) -> Option<Expect> {
    let (low, high) = range.split_once(" and ")?;
    let (low, high) = (number(low.trim())?, number(high.trim())?);
    (low <= high).then_some(Expect::Between(low, high))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

impl Expect {
    /// Whether a value is as expected; `None` when a number is asked for and the value is none.
    #[must_use]
    pub fn holds(&self, value: &str) -> Option<bool> {
        match self {
            Self::Matches(pattern) => Some(pattern.is_match(value)),
            Self::Between(low, high) => number(value).map(|n| (*low..=*high).contains(&n)),
            Self::Compare(comparison, expected) => compare(*comparison, value, expected),
        }
    }
}

/// Numbers compare as numbers (whole ones exactly), anything else as text.
fn compare(comparison: Comparison, value: &str, expected: &str) -> Option<bool> {
    let ordering = match (value.parse::<i128>(), expected.parse::<i128>()) {
        (Ok(a), Ok(b)) => Some(a.cmp(&b)),
        _ => number(value).zip(number(expected)).and_then(|(a, b)| a.partial_cmp(&b)),
    };
    match (comparison, ordering) {
        (Comparison::Equal, None) => Some(value == expected),
        (Comparison::NotEqual, None) => Some(value != expected),
        (_, None) => None,
        (Comparison::Equal, Some(o)) => Some(o.is_eq()),
        (Comparison::NotEqual, Some(o)) => Some(o.is_ne()),
        (Comparison::AtLeast, Some(o)) => Some(o.is_ge()),
        (Comparison::Above, Some(o)) => Some(o.is_gt()),
        (Comparison::AtMost, Some(o)) => Some(o.is_le()),
        (Comparison::Below, Some(o)) => Some(o.is_lt()),
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matches(pattern) => write!(f, "matches /{pattern}/"),
            Self::Between(low, high) => write!(f, "between {low} and {high}"),
            Self::Compare(comparison, value) => {
                let operator = OPERATORS.iter().find(|(_, c)| c == comparison).map_or("=", |(o, _)| o);
                write!(f, "{operator} {value}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_holds_and_does_not() {
        for (expect, good, bad) in [
            ("= 0", "0", "1"),
            ("=0", "0.0", "0.1"),
            ("!= 0", "1", "0"),
            (">= 10", "10", "9"),
            ("> 10", "11", "10"),
            ("<= 10", "10", "11"),
            ("< 10", "-3", "10"),
            ("between 1 and 10", "10", "10.5"),
            ("matches /^v[0-9]+$/", "v12", "v"),
            ("= ready", "ready", "Ready"),
            ("= 9007199254740993", "9007199254740993", "9007199254740992"),
        ] {
            let parsed: Expect = expect.parse().expect(expect);
            assert_eq!(parsed.holds(good), Some(true), "{expect} with {good}");
            assert_eq!(parsed.holds(bad), Some(false), "{expect} with {bad}");
        }
    }

    #[test]
    fn a_text_cannot_be_ordered() {
        for expect in [">= 1", "between 1 and 2"] {
            assert_eq!(expect.parse::<Expect>().expect(expect).holds("many"), None, "{expect}");
        }
    }

    #[test]
    fn what_is_no_expectation_says_how_to_write_one() {
        for bad in ["", "0", "=", ">= many", "between 1", "between 5 and 1", "matches ^x$", "matches /(/", "~ 3"] {
            let error = bad.parse::<Expect>().expect_err(bad);
            assert!(error.contains("write `= 0`") || error.contains("regular expression"), "{bad}: {error}");
        }
    }

    #[test]
    fn it_shows_as_it_was_written() {
        for text in ["= 0", "!= 3", ">= 10", "between 1 and 10", "matches /a b/"] {
            assert_eq!(text.parse::<Expect>().expect(text).to_string(), text);
        }
    }
}
