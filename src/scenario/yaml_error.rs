//! What the YAML parser refuses, in our words.

use super::node::MAX_DEPTH;
use super::source::{Place, Problem};
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

const QUOTES: &str = "Put text that begins with one of * & ! % @ ` { [ > | in quotes.";

/// The message, where the parser's own would not help, and the hint.
fn words(kind: &ErrorKind) -> (Option<&'static str>, Option<&'static str>) {
    use ErrorKind as K;
    match kind {
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation | K::TabAtBlockScalarStart | K::TabInPlainScalar => {
            (Some("a tab stands where YAML wants blanks"), Some("Indent with blanks: two for each level."))
        }
        K::InvalidIndentation
        | K::InvalidQuotedScalarIndent
        | K::InvalidFlowScalarIndent
        | K::InvalidBlockScalarIndent
        | K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::BlockSequenceEntryNotAllowed
        | K::ExpectedDocumentStart => (
            Some("this line does not fit the ones above it"),
            Some(
                "Lines of one level begin in the same column, and each is `key: value` or `- item`. Text that begins with `{` or \
                 `[` needs quotes.",
            ),
        ),
        K::MappingValueNotAllowed | K::MappingKeyNotAllowed | K::InvalidColonPlacement => (
            Some("a `: ` stands where no key can be"),
            Some("Check the indentation, close every bracket above, and put text that has `: ` in it in quotes."),
        ),
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            (Some("a key has no `: ` behind it"), Some("Write `key: value`, with a blank after the colon."))
        }
        K::UnknownAnchor => (
            Some("this alias names no anchor"),
            Some("Define it before with `&name`. A text that begins with `*` needs quotes: \"*/records.json\"."),
        ),
        K::InvalidBlockScalarHeader | K::ZeroBlockScalarIndent => (
            Some("`>` or `|` begins a text of several lines here"),
            Some("Put a text that begins with one of them in quotes, such as expect: \">= 10\"."),
        ),
        K::UnclosedQuotedScalar => (Some("a quote is never closed"), Some("Close it on the same line.")),
        K::UnclosedFlowCollection { .. }
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator
        | K::MisplacedFlowCollectionEnd
        | K::MismatchedFlowCollectionEnd { .. } => {
            (Some("brackets or braces do not match"), Some("Separate items by commas and close every bracket and brace."))
        }
        K::UnexpectedCharacter { .. } | K::ExpectedNodeContent => (None, Some(QUOTES)),
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            (Some("text follows a closing quote"), Some("Put the whole value in one pair of quotes."))
        }
        K::UnknownQuotedScalarEscape => (
            Some("unknown escape in double quotes"),
            Some("Use single quotes when the text has backslashes, such as a regular expression."),
        ),
        _ => (None, None),
    }
}
