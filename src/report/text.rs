//! Text that comes from outside (names, keys, a tool's own words) made fit for a report. Nothing of it may steer a terminal
//! or break a file.

use crate::check::Outcome;
use console::strip_ansi_codes;

/// On one line, for a terminal, a table or an attribute: escape sequences are taken out, line breaks and tabs become spaces,
/// and any other control character shows as U+FFFD.
pub fn one_line(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() || reorders(c) || !allowed_in_xml(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    strip_ansi_codes(text).chars().map(visible).collect::<String>().trim().to_owned()
}

/// On several lines, for an XML element's body: as [`one_line`], but line breaks and tabs stay.
pub fn lines(text: &str) -> String {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let visible = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() || !allowed_in_xml(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    strip_ansi_codes(&unified).chars().map(visible).collect()
}

/// XML 1.0, section 2.2: no other character may stand in a document, not even as a reference. Surrogates are no `char`.
const fn allowed_in_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Characters that change the order in which a terminal shows others: a name could look like another one.
const fn reorders(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// What was measured and what was expected, in words; nothing when the check has no values.
pub fn values(outcome: &Outcome) -> Option<String> {
    match (&outcome.measured, &outcome.expected) {
        (Some(measured), Some(expected)) => Some(format!("measured {measured}, expected {expected}")),
        (Some(measured), None) => Some(format!("measured {measured}")),
        (None, Some(expected)) => Some(format!("expected {expected}")),
        (None, None) => None,
    }
}

/// A number and its noun: `1 check`, `2 checks`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        let nasty = "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7} a\tb\r\nc\0\u{8}\u{9b}2J\u{202e}txt.exe ";
        let clean = one_line(nasty);
        assert!(!clean.contains(|c: char| c.is_control() || reorders(c)), "{clean:?}");
        assert!(clean.starts_with("red a b  c\u{FFFD}\u{FFFD}"), "{clean:?}");
    }

    #[test]
    fn several_lines_stay_several_lines() {
        assert_eq!(lines("a\r\nb\rc\td\u{1}\u{FFFE}\u{1b}[1me"), "a\nb\nc\td\u{FFFD}\u{FFFD}e");
    }

    #[test]
    fn values_are_told_as_far_as_they_are_known() {
        let outcome = Outcome::new("count", Status::Fail, "");
        assert_eq!(values(&outcome), None);
        assert_eq!(values(&outcome.values("3", ">= 5")).as_deref(), Some("measured 3, expected >= 5"));
    }
}
