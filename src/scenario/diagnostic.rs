//! What can be said against a file: where, what, and how to mend it; and one way to show it.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 when the whole file is meant.
    pub column: usize,
    /// How many characters are meant.
    pub length: usize,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// How to mend it: sentences, and an example in lines of its own where one helps.
    pub hint: Option<String>,
    /// The line itself, free of secrets.
    pub excerpt: Option<Excerpt>,
}

/// A line of a file around the meant part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// What stands before it.
    pub before: String,
    /// What is meant.
    pub marked: String,
    /// What stands after it.
    pub after: String,
}

/// Everything that is wrong, sorted by file and line. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostic {
    /// About a file as a whole.
    pub fn file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, length: 0, message: message.into(), hint: None, excerpt: None }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn render(&self, out: &mut String, paint: Paint) {
        let gutter = if self.line == 0 { 1 } else { self.line.to_string().len() + 1 };
        let (red, blue, bold, off) = (paint.red(), paint.blue(), paint.bold(), paint.off());
        let _ = writeln!(out, "{red}error{off}{bold}: {}{off}", clean(&self.message));
        let _ = write!(out, "{:gutter$}{blue}-->{off} {}", "", clean(&self.file.display().to_string()));
        if self.line > 0 {
            let _ = write!(out, ":{}:{}", self.line, self.column);
        }
        out.push('\n');
        if let Some(excerpt) = &self.excerpt {
            let (text, indent, carets) = excerpt.layout();
            let _ = writeln!(out, "{:gutter$} {blue}|{off}", "");
            let _ = writeln!(out, "{blue}{:>gutter$} |{off} {}", self.line, text.trim_end());
            let _ = writeln!(out, "{:gutter$} {blue}|{off} {:indent$}{red}{}{off}", "", "", "^".repeat(carets));
        }
        if let Some(hint) = &self.hint {
            let mut lines = hint.lines().map(clean);
            let first = lines.next().unwrap_or_default();
            let _ = writeln!(out, "{:gutter$} {blue}={off} {bold}help:{off} {first}", "");
            for line in lines {
                let _ = writeln!(out, "{:gutter$}         {line}", "");
            }
        }
    }
}

/// Longer lines are cut.
const WIDEST: usize = 120;
/// The most columns of a cut line that are shown before, in and after the meant part.
const AROUND: usize = 50;
const CUT: &str = "...";

impl Excerpt {
    /// The line as it is shown, the columns before the carets, and how many carets.
    fn layout(&self) -> (String, usize, usize) {
        let (before, marked, after) = (clean(&self.before), clean(&self.marked), clean(&self.after));
        let is_long = columns([before.as_str(), &marked, &after].concat().chars()) > WIDEST;
        let (before, marked, after) = if is_long {
            (keep_end(&before, AROUND), keep_start(&marked, AROUND), keep_start(&after, AROUND))
        } else {
            (before, marked, after)
        };
        let (indent, carets) = (before.width(), marked.width().max(1));
        (format!("{before}{marked}{after}"), indent, carets)
    }
}

/// Marks without a width count as one column here, so that a million of them are no short line.
fn columns(text: impl Iterator<Item = char>) -> usize {
    text.map(|c| c.width().unwrap_or(1).max(1)).sum()
}

/// The text's end, at most `width` columns of it.
fn keep_end(text: &str, width: usize) -> String {
    let mut room = width.saturating_sub(CUT.len());
    if columns(text.chars()) <= width {
        return text.to_owned();
    }
    let kept = text.chars().rev().take_while(|c| fits(&mut room, *c)).map(char::len_utf8).sum::<usize>();
    format!("{CUT}{}", &text[text.len() - kept..])
}

/// The text's start, at most `width` columns of it.
fn keep_start(text: &str, width: usize) -> String {
    let mut room = width.saturating_sub(CUT.len());
    if columns(text.chars()) <= width {
        return text.to_owned();
    }
    let kept = text.chars().take_while(|c| fits(&mut room, *c)).map(char::len_utf8).sum::<usize>();
    format!("{}{CUT}", &text[..kept])
}

/// Takes a character's columns out of the room that is left, if they fit.
fn fits(room: &mut usize, c: char) -> bool {
    let left = room.checked_sub(columns(std::iter::once(c)));
    *room = left.unwrap_or_default();
    left.is_some()
}

/// Text that a terminal only shows: tabs become blanks, control characters and those that turn the direction of writing
/// become `�`.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim_end_matches('\r').chars() {
        match c {
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl Diagnostics {
    /// Sorts what was found and drops what was found twice; `None` when nothing was found.
    #[must_use]
    pub fn of(mut found: Vec<Diagnostic>) -> Option<Self> {
        found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let mut unique: Vec<Diagnostic> = Vec::with_capacity(found.len());
        for diagnostic in found {
            // An anchor that is used twice is read twice.
            if !unique
                .iter()
                .rev()
                .take_while(|d| d.file == diagnostic.file && d.line == diagnostic.line)
                .any(|d| *d == diagnostic)
            {
                unique.push(diagnostic);
            }
        }
        (!unique.is_empty()).then_some(Self(unique))
    }

    /// The single diagnostics.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// All of them as people read them, with a closing line. Colour only if `colour`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.0 {
            diagnostic.render(&mut out, Paint(colour));
            out.push('\n');
        }
        // They are sorted by file, so a file's diagnostics are neighbours.
        let files = self.0.chunk_by(|a, b| a.file == b.file).count();
        let _ = writeln!(out, "{} in {}", plural(self.0.len(), "error"), plural(files, "file"));
        out
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Escape sequences, or none.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    const fn pick(self, code: &'static str) -> &'static str {
        if self.0 { code } else { "" }
    }
    const fn red(self) -> &'static str {
        self.pick("\x1b[1;31m")
    }
    const fn blue(self) -> &'static str {
        self.pick("\x1b[1;34m")
    }
    const fn bold(self) -> &'static str {
        self.pick("\x1b[1m")
    }
    const fn off(self) -> &'static str {
        self.pick("\x1b[0m")
    }
}

/// The candidate that was probably meant: at most a third of its letters differ.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, before: &str, marked: &str, after: &str) -> Diagnostic {
        let excerpt = Excerpt { before: before.into(), marked: marked.into(), after: after.into() };
        Diagnostic {
            line,
            column: 1 + before.chars().count(),
            length: 1,
            excerpt: Some(excerpt),
            ..Diagnostic::file("a.yaml", "no")
        }
    }

    fn lines(diagnostic: Diagnostic) -> Vec<String> {
        Diagnostics::of(vec![diagnostic]).expect("one").render(false).lines().map(str::to_owned).collect()
    }

    #[test]
    fn it_points_at_the_place() {
        let shown = lines(at(9, "  ", "cadance", ": 1d").hint("Did you mean `cadence`?"));
        assert_eq!(
            shown,
            [
                "error: no",
                "  --> a.yaml:9:3",
                "   |",
                " 9 |   cadance: 1d",
                "   |   ^^^^^^^",
                "   = help: Did you mean `cadence`?",
                "",
                "1 error in 1 file"
            ]
        );
    }

    #[test]
    fn the_caret_is_right_after_tabs_and_wide_characters() {
        let shown = lines(at(1, "\t日本: ", "字", ""));
        assert_eq!(shown[3..5], [" 1 |     日本: 字", "   |           ^^"]);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let shown = lines(at(1, &"é".repeat(1000), "bad", &"z".repeat(1000)));
        assert_eq!(shown[3], format!(" 1 | ...{}bad{}...", "é".repeat(47), "z".repeat(47)));
        assert_eq!(shown[4], format!("   | {}^^^", " ".repeat(50)));
    }

    #[test]
    fn marks_without_a_width_do_not_make_a_line_endless() {
        let shown = lines(at(1, "", &"\u{301}".repeat(100_000), ""));
        assert!(shown[3].chars().count() < 100, "{}", shown[3].chars().count());
    }

    #[test]
    fn nothing_of_a_file_steers_the_terminal() {
        let mut hostile = at(1, "\u{1b}[31m", "\u{202e}x\u{7}", "\r");
        hostile.message = "a\u{1b}b\nc".into();
        let shown = Diagnostics::of(vec![hostile]).expect("one").render(false);
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
        assert!(shown.starts_with("error: a\u{fffd}b c\n"));
    }

    #[test]
    fn colour_comes_only_when_asked_for() {
        let one = Diagnostics::of(vec![at(1, "", "x", "")]).expect("one");
        assert!(!one.render(false).contains('\x1b'));
        assert!(one.render(true).starts_with("\x1b[1;31merror"));
    }

    #[test]
    fn they_are_sorted_counted_and_not_repeated() {
        let other = Diagnostic { file: "b.yaml".into(), ..at(1, "", "x", "") };
        let all = Diagnostics::of(vec![other, at(3, "", "x", ""), at(2, "", "x", ""), at(3, "", "x", "")]).expect("some");
        let order: Vec<_> = all.iter().map(|d| (d.file.display().to_string(), d.line)).collect();
        assert_eq!(order, [("a.yaml".into(), 2), ("a.yaml".into(), 3), ("b.yaml".into(), 1)]);
        assert!(all.to_string().ends_with("\n3 errors in 2 files\n"));
        assert_eq!(Diagnostics::of(Vec::new()), None);
    }

    #[test]
    fn a_near_miss_is_found_and_a_stranger_is_not() {
        let known = ["store", "key", "cadence", "retention"];
        for (typed, meant) in [("cadance", Some("cadence")), ("Store", Some("store")), ("kye", Some("key")), ("colour", None)] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
