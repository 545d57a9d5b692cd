//! One file's text, and the way from a place in it to a [`Diagnostic`]. Knows which parts of the text are secrets that
//! should not be there, and shows none of them.

use super::diagnostic::{Diagnostic, Excerpt};
use std::path::PathBuf;

/// A range of bytes in a file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// Something that is wrong at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What: a fragment.
    pub message: String,
    /// How to mend it: sentences.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A file that was read.
#[derive(Debug)]
pub struct Source {
    /// As the user named it.
    pub file: PathBuf,
    text: String,
    masks: Vec<Place>,
}

/// More problems of one file are not told.
pub const MOST_PROBLEMS: usize = 100;

/// The line that a byte of a text stands in, from 1.
#[must_use]
pub fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte.min(text.len())).unwrap_or_default().matches('\n').count() + 1
}

/// Shorter secrets would blank ordinary words of a message.
const SHORTEST_REDACTED: usize = 4;

impl Source {
    /// A file's text, with the places of it that are never shown.
    #[must_use]
    pub fn new(file: PathBuf, text: String, masks: Vec<Place>) -> Self {
        Self { file, text, masks }
    }

    /// The line that a byte stands in, from 1.
    #[must_use]
    pub fn line(&self, byte: usize) -> usize {
        line_of(&self.text, byte)
    }

    /// The place of a part of a scalar's text; the whole scalar when escapes or folding stand between.
    #[must_use]
    pub fn within(&self, scalar: Place, text: &str, part: std::ops::Range<usize>) -> Place {
        let raw = self.slice(scalar.start, scalar.end);
        let unquoted = raw.trim_matches(['"', '\'']);
        if unquoted != text || part.end > text.len() {
            return scalar;
        }
        let start = scalar.start + raw.find(unquoted).unwrap_or_default();
        Place { start: start + part.start, end: start + part.end }
    }

    /// What people write for a place: `scenarios/codetalk.yaml:9:3`.
    #[must_use]
    pub fn position(&self, place: Place) -> String {
        let start = self.line_start(place.start);
        let column = self.slice(start, place.start).chars().count() + 1;
        format!("{}:{}:{column}", self.file.display(), self.line(place.start))
    }

    /// Shows a problem in the line where it begins.
    #[must_use]
    pub fn diagnostic(&self, problem: &Problem) -> Diagnostic {
        let start = self.line_start(problem.place.start);
        let line_end = self.text.get(start..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |n| start + n);
        let from = problem.place.start.clamp(start, line_end);
        let to = problem.place.end.clamp(from, line_end);
        Diagnostic {
            file: self.file.clone(),
            line: self.line(start),
            column: self.slice(start, from).chars().count() + 1,
            length: self.slice(from, to).chars().count().max(1),
            message: self.redact(&problem.message),
            hint: problem.hint.as_deref().map(|hint| self.redact(hint)),
            excerpt: Some(Excerpt {
                before: self.masked(start, from),
                marked: self.masked(from, to),
                after: self.masked(to, line_end),
            }),
        }
    }

    fn line_start(&self, byte: usize) -> usize {
        self.slice(0, byte).rfind('\n').map_or(0, |n| n + 1)
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to.min(self.text.len())).unwrap_or_default()
    }

    /// A part of the text with `***` where it would show a secret.
    fn masked(&self, from: usize, to: usize) -> String {
        let mut out = String::new();
        let mut at = from;
        let mut inside: Vec<Place> = self.masks.iter().copied().filter(|m| m.start < to && m.end > from).collect();
        inside.sort_by_key(|m| m.start);
        for mask in inside {
            if mask.end <= at {
                continue;
            }
            out.push_str(self.slice(at, mask.start.max(at)));
            out.push_str("***");
            at = mask.end.min(to);
        }
        out.push_str(self.slice(at, to.max(at)));
        out
    }

    fn redact(&self, text: &str) -> String {
        let secrets = self.masks.iter().map(|m| self.slice(m.start, m.end).trim_matches(['"', '\'']));
        secrets.filter(|s| s.len() >= SHORTEST_REDACTED).fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, part: &str) -> Place {
        let start = text.find(part).expect(part);
        Place { start, end: start + part.len() }
    }

    #[test]
    fn a_place_becomes_line_and_column_in_characters() {
        let text = "a: 1\nüß: bad\nc: 3\n";
        let source = Source::new("x.yaml".into(), text.into(), Vec::new());
        let shown = source.diagnostic(&Problem::new(place(text, "bad"), "no"));
        assert_eq!((shown.line, shown.column, shown.length), (2, 5, 3));
        assert_eq!(source.position(place(text, "bad")), "x.yaml:2:5");
    }

    #[test]
    fn a_place_over_several_lines_or_past_the_end_stays_in_its_line() {
        let text = "a: |\n  x\n";
        let source = Source::new("x.yaml".into(), text.into(), Vec::new());
        let shown = source.diagnostic(&Problem::new(Place { start: 3, end: 9 }, "no"));
        assert_eq!((shown.line, shown.column, shown.length), (1, 4, 1));
        let shown = source.diagnostic(&Problem::new(Place { start: 9, end: 20 }, "no"));
        assert_eq!((shown.line, shown.column, shown.length), (3, 1, 1));
    }

    #[test]
    fn a_masked_part_is_shown_neither_in_the_line_nor_in_the_words() {
        let text = "pass: hunter2 # x\n";
        let source = Source::new("x.yaml".into(), text.into(), vec![place(text, "hunter2")]);
        let shown = source.diagnostic(&Problem::new(place(text, "hunter2"), "bad `hunter2`").hint("Not hunter2."));
        let excerpt = shown.excerpt.clone().expect("a line");
        assert_eq!((excerpt.before.as_str(), excerpt.marked.as_str(), excerpt.after.as_str()), ("pass: ", "***", " # x"));
        assert_eq!((shown.message.as_str(), shown.hint.as_deref()), ("bad `***`", Some("Not ***.")));
    }
}
