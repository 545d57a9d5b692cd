//! What the YAML parser refuses, in our words.

use super::source::{Place, Problem};
use super::yaml::MAX_DEPTH;
use granit_parser::{ErrorKind, ScanError};

/// Where the parser stopped, why, and what mends it most often.
#[must_use]
pub fn explain(error: &ScanError, text: &str) -> Problem {
    let place = place(error, text);
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(place);
    }
    let (message, hint) = words(error.kind());
    let message = message.map_or_else(|| format!("this is not YAML: {}", error.kind()), str::to_owned);
    Problem { hint: hint.map(str::to_owned), ..Problem::new(place, message) }
}

/// The one budget that two places check.
#[must_use]
pub fn too_deep(place: Place) -> Problem {
    Problem::new(place, format!("values are nested deeper than {MAX_DEPTH} levels"))
        .hint("No scenario needs that many: check the indentation and the brackets.")
}

fn place(error: &ScanError, text: &str) -> Place {
    let mark = error.marker();
    let by_character = || text.char_indices().nth(mark.index()).map_or(text.len(), |(byte, _)| byte);
    let mut start = mark.byte_offset().unwrap_or_else(by_character).min(text.len());
    // What is missing at the end of the file is shown in its last line that says something.
    if text.get(start..).is_none_or(|rest| rest.trim().is_empty()) {
        start = text.trim_end().char_indices().next_back().map_or(0, |(byte, _)| byte);
    }
    let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Place { start, end: start + length }
}

/// The message, where the parser's own would not help, and the hint.
type Words = (Option<&'static str>, Option<&'static str>);

fn words(kind: &ErrorKind) -> Words {
    layout(kind).or_else(|| brackets(kind)).or_else(|| text(kind)).unwrap_or_default()
}

/// Tabs, indentation, keys.
fn layout(kind: &ErrorKind) -> Option<Words> {
    use ErrorKind as K;
    let (message, hint) = match kind {
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation | K::TabAtBlockScalarStart | K::TabInPlainScalar => {
            ("a tab stands where YAML wants blanks", "Indent with blanks: two for each level.")
        }
        K::InvalidIndentation
        | K::InvalidQuotedScalarIndent
        | K::InvalidFlowScalarIndent
        | K::InvalidBlockScalarIndent
        | K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::BlockSequenceEntryNotAllowed
        | K::ExpectedDocumentStart => (
            "this line does not fit the ones above it",
            "Lines of one level begin in the same column, and each is `key: value` or `- item`. Text that begins with `{` or `[` \
             needs quotes.",
        ),
        K::MappingValueNotAllowed | K::MappingKeyNotAllowed | K::InvalidColonPlacement => (
            "a `: ` stands where no key can be",
            "Check the indentation, close every bracket above, and put text that has `: ` in it in quotes.",
        ),
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            ("a key has no `: ` behind it", "Write `key: value`, with a blank after the colon.")
        }
        _ => return None,
    };
    Some((Some(message), Some(hint)))
}

/// Brackets and braces.
fn brackets(kind: &ErrorKind) -> Option<Words> {
    use ErrorKind as K;
    match kind {
        K::UnclosedFlowCollection { .. }
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator
        | K::MisplacedFlowCollectionEnd
        | K::MismatchedFlowCollectionEnd { .. } => {
            let hint = "Separate items by commas and close every bracket and brace.";
            Some((Some("brackets or braces do not match"), Some(hint)))
        }
        _ => None,
    }
}

/// Quotes, and what needs them.
fn text(kind: &ErrorKind) -> Option<Words> {
    use ErrorKind as K;
    let (message, hint) = match kind {
        K::UnknownAnchor => (
            "this alias names no anchor",
            "Define it before with `&name`. A text that begins with `*` needs quotes: \"*/records.json\".",
        ),
        K::InvalidBlockScalarHeader | K::ZeroBlockScalarIndent => (
            "`>` or `|` begins a text of several lines here",
            "Put a text that begins with one of them in quotes, such as expect: \">= 10\".",
        ),
        K::UnclosedQuotedScalar => ("a quote is never closed", "Close it on the same line."),
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            ("text follows a closing quote", "Put the whole value in one pair of quotes.")
        }
        K::UnknownQuotedScalarEscape => {
            ("unknown escape in double quotes", "Use single quotes when the text has backslashes, such as a regular expression.")
        }
        K::UnexpectedCharacter { .. } | K::ExpectedNodeContent => {
            return Some((None, Some("Put text that begins with one of * & ! % @ ` { [ > | in quotes.")));
        }
        _ => return None,
    };
    Some((Some(message), Some(hint)))
}
