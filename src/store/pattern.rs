//! The pattern of an artifact's key: `postgresql-backups/codetalk-{timestamp}.dump`.
//!
//! Pure, and strict by construction: whatever stands around the time must match to the letter, and the time itself must be
//! spelled exactly as its format spells it. So `app-{timestamp}.dump` can never pick `app-graphql-20260101-030000.dump`.

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// What `{timestamp}` stands for when it names no format.
const DEFAULT_FORMAT: &str = "%Y%m%d-%H%M%S";

/// A key with at most one `{timestamp}` in it. Whatever stands around it must match to the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPattern {
    /// As it was written.
    text: String,
    /// The literal text before the time; the whole key when there is none.
    prefix: String,
    /// The time and what follows it.
    time: Option<TimePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TimePart {
    /// In jiff's strptime language.
    format: String,
    /// Whether texts of this format sort as their times do.
    sorts: bool,
    /// The literal text after the time.
    suffix: String,
}

/// Why a text is no key pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// What is wrong with it: a fragment.
    pub message: String,
    /// How to mend it: a sentence.
    pub hint: String,
    /// The bytes of the pattern that are meant.
    pub at: Range<usize>,
}

impl KeyPattern {
    /// The literal text before the time (the whole key when there is none): the prefix to list.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the pattern has a `{timestamp}`, so that it describes a series and not one key.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Whether a key belongs to the series, and the time in it; `Some(None)` for a pattern without a time.
    #[must_use]
    pub fn matches(&self, key: &str) -> Option<Option<Timestamp>> {
        let rest = key.strip_prefix(self.prefix.as_str())?;
        match &self.time {
            None => rest.is_empty().then_some(None),
            Some(part) => part.read(rest.strip_suffix(part.suffix.as_str())?).map(Some),
        }
    }

    /// A key that sorts before every key of the series that is not older than `time`; `None` when the format of the
    /// time does not sort by time.
    ///
    /// It is the key of that very time, cut short inside the time: a true prefix of a text sorts before it and before
    /// everything that sorts after it.
    #[must_use]
    pub fn start_after(&self, time: Timestamp) -> Option<String> {
        let part = self.time.as_ref().filter(|part| part.sorts)?;
        let mut text = part.write(time)?;
        text.pop()?;
        Some(format!("{}{text}", self.prefix))
    }
}

impl TimePart {
    /// The time that a text spells, in UTC unless the format has a zone; midnight for a format without a time of day.
    fn read(&self, text: &str) -> Option<Timestamp> {
        // strptime is lenient (missing zeros, letter case, a leap second); spelling the time again is not.
        let parsed = BrokenDownTime::parse(&self.format, text).ok()?;
        if parsed.to_string(&self.format).ok()? != text {
            return None;
        }
        instant(&parsed)
    }

    fn write(&self, time: Timestamp) -> Option<String> {
        let utc = Offset::UTC.to_datetime(time);
        (utc.year() >= 1).then(|| BrokenDownTime::from(utc).to_string(&self.format).ok())?
    }
}

fn instant(parsed: &BrokenDownTime) -> Option<Timestamp> {
    if let Some(timestamp) = parsed.timestamp() {
        return Some(timestamp);
    }
    let civil = parsed.to_datetime().ok()?;
    // A signed year is no date in a key, and it would not sort.
    if civil.year() < 1 {
        return None;
    }
    parsed.offset().unwrap_or(Offset::UTC).to_timestamp(civil).ok()
}

impl FromStr for KeyPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(wrong("the key is empty", 0..0, "Write the object's key, such as \"backups/app-{timestamp}.dump\"."));
        }
        if text.starts_with('/') {
            let hint = "Keys start without a slash; what stands before all of a store's keys is the store's `prefix`.";
            return Err(wrong("the key starts with a slash", 0..1, hint));
        }
        let Some(hole) = placeholder(text)? else {
            return Ok(Self { text: text.to_owned(), prefix: text.to_owned(), time: None });
        };
        let (prefix, suffix) = (&text[..hole.start], &text[hole.end..]);
        refuse_second(suffix, hole.end)?;
        let format = format_of(&text[hole.start + 1..hole.end - 1], &hole)?;
        let time = TimePart { sorts: sorts_by_time(&format), format, suffix: suffix.to_owned() };
        Ok(Self { text: text.to_owned(), prefix: prefix.to_owned(), time: Some(time) })
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn wrong(message: impl Into<String>, at: Range<usize>, hint: impl Into<String>) -> PatternError {
    PatternError { message: message.into(), hint: hint.into(), at }
}

/// The bytes of the first `{...}`, braces included.
fn placeholder(text: &str) -> Result<Option<Range<usize>>, PatternError> {
    let (open, close) = (text.find('{'), text.find('}'));
    match (open, close) {
        (None, None) => Ok(None),
        (Some(open), Some(close)) if open < close => Ok(Some(open..close + 1)),
        (Some(open), None) => Err(wrong("`{` is never closed", open..text.len(), "Close it: `{timestamp}`.")),
        (_, Some(close)) => Err(wrong("`}` closes nothing", close..close + 1, "Write `{timestamp}` where the time stands.")),
    }
}

fn refuse_second(suffix: &str, offset: usize) -> Result<(), PatternError> {
    let shift = |at: Range<usize>| at.start + offset..at.end + offset;
    match placeholder(suffix) {
        Ok(None) => Ok(()),
        Ok(Some(at)) => {
            let hint = "A key has one time; name all its parts in one format, such as {timestamp:%Y/%m/%d/%H%M%S}.";
            Err(wrong("the key has more than one placeholder", shift(at), hint))
        }
        Err(error) => Err(PatternError { at: shift(error.at), ..error }),
    }
}

/// The time format inside a placeholder.
fn format_of(inner: &str, hole: &Range<usize>) -> Result<String, PatternError> {
    let (name, format) = match inner.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (inner, None),
    };
    if name != "timestamp" {
        let hint = "The only placeholder is `{timestamp}`, or with a format `{timestamp:%Y-%m-%dT%H%M%SZ}`.";
        return Err(wrong(format!("unknown placeholder `{{{inner}}}`"), hole.clone(), hint));
    }
    let Some(format) = format else { return Ok(DEFAULT_FORMAT.to_owned()) };
    check_format(format).map_err(|reason| {
        let hint = "Use strftime's directives for a whole date, such as %Y-%m-%d or %Y%m%d-%H%M%S.";
        wrong(format!("`{format}` is not a time format: {reason}"), hole.clone(), hint)
    })?;
    Ok(format.to_owned())
}

/// A usable format spells a date and reads it again.
fn check_format(format: &str) -> Result<(), String> {
    if !format.contains('%') {
        return Err("it has no directive".to_owned());
    }
    // Every field differs from every other and from its default, so a mix-up shows.
    let sample = jiff::civil::date(2027, 11, 23).at(14, 35, 46, 0);
    let sample = Offset::UTC.to_timestamp(sample).map_err(|e| e.to_string())?;
    let spelled = BrokenDownTime::from(&sample.to_zoned(jiff::tz::TimeZone::UTC));
    let text = spelled.to_string(format).map_err(|e| reason(&e))?;
    let part = TimePart { format: format.to_owned(), sorts: false, suffix: String::new() };
    let parsed = BrokenDownTime::parse(format, &text).map_err(|e| reason(&e))?;
    if parsed.timestamp().is_none() {
        parsed.to_datetime().map_err(|_| "it does not name a whole date".to_owned())?;
    }
    let read = part.read(&text).ok_or("it cannot be read back")?;
    let days_apart = (read.as_second() - sample.as_second()).abs() / 86_400;
    if days_apart == 0 { Ok(()) } else { Err("it does not name a whole date".to_owned()) }
}

/// jiff's words without what it was doing.
fn reason(error: &jiff::Error) -> String {
    let text = error.to_string();
    text.rsplit_once("failed: ").map_or(text.as_str(), |(_, reason)| reason).to_owned()
}

/// Whether the format's directives are of fixed width, run from the year downwards without a gap, and name no zone:
/// then texts sort as their times do.
fn sorts_by_time(format: &str) -> bool {
    let format = format.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").replace("%R", "%H:%M");
    let mut directives = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            match chars.next() {
                Some('%') => {}
                Some(directive) => directives.push(directive),
                None => return false,
            }
        }
    }
    !directives.is_empty() && ["YmdHMS", "YjHMS"].iter().any(|order| order.starts_with(&directives))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> KeyPattern {
        text.parse().expect(text)
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn a_key_of_the_series_gives_its_time() {
        for (text, key, at) in [
            ("pg/codetalk-{timestamp}.dump", "pg/codetalk-20261121-033000.dump", "2026-11-21T03:30:00Z"),
            ("{timestamp}", "20261121-033000", "2026-11-21T03:30:00Z"),
            ("a-{timestamp:%Y-%m-%dT%H%M%SZ}.gz", "a-2026-11-21T033000Z.gz", "2026-11-21T03:30:00Z"),
            ("{timestamp:%Y/%m/%d}/all.sql", "2026/11/21/all.sql", "2026-11-21T00:00:00Z"),
            ("a-{timestamp:%Y-%m-%dT%H:%M:%S%:z}", "a-2026-11-21T03:30:00+02:00", "2026-11-21T01:30:00Z"),
            ("a-{timestamp:%s}", "a-1795231800", "2026-11-21T03:30:00Z"),
            ("a-{timestamp:%d%b%Y}", "a-21Nov2026", "2026-11-21T00:00:00Z"),
            ("ü-{timestamp}-ö", "ü-20261121-033000-ö", "2026-11-21T03:30:00Z"),
        ] {
            assert_eq!(pattern(text).matches(key), Some(Some(time(at))), "{text} with {key}");
        }
        assert_eq!(pattern("latest.dump").matches("latest.dump"), Some(None));
    }

    #[test]
    fn a_key_of_another_series_never_matches() {
        for (text, key) in [
            ("educationelly-{timestamp}.archive", "educationelly-graphql-20260101-030000.archive"),
            ("educationelly-graphql-{timestamp}.archive", "educationelly-20260101-030000.archive"),
            ("a-{timestamp}.dump", "a-20260101-030000.dump.tmp"),
            ("a-{timestamp}.dump", "b/a-20260101-030000.dump"),
            ("a-{timestamp}.dump", "a-2026101-030000.dump"),
            ("a-{timestamp}.dump", "a-20260101-30000.dump"),
            ("a-{timestamp}.dump", "a-20261301-030000.dump"),
            ("a-{timestamp}.dump", "a-20260229-030000.dump"),
            ("a-{timestamp}.dump", "a-20260101-030060.dump"),
            ("a-{timestamp}.dump", "a-20260101-240000.dump"),
            ("a-{timestamp}.dump", "a-00000101-030000.dump"),
            ("a-{timestamp}.dump", "a-.dump"),
            ("a-{timestamp}-a", "a-a"),
            ("a-{timestamp:%Y-%m-%d}", "a-2026-1-1"),
            ("a-{timestamp:%Y-%m-%d}", "a--002-01-01"),
            ("a-{timestamp:%d%b%Y}", "a-21nov2026"),
            ("latest.dump", "latest.dump2"),
        ] {
            assert_eq!(pattern(text).matches(key), None, "{text} with {key}");
        }
    }

    #[test]
    fn the_prefix_is_what_stands_before_the_time() {
        assert_eq!(pattern("pg/a-{timestamp}.dump").prefix(), "pg/a-");
        assert_eq!(pattern("pg/latest.dump").prefix(), "pg/latest.dump");
        assert!(!pattern("pg/latest.dump").has_time());
    }

    #[test]
    fn only_formats_that_sort_give_a_start() {
        let now = time("2026-11-21T03:30:00Z");
        for (text, start) in [
            ("a-{timestamp}.dump", Some("a-20261121-03300")),
            ("a-{timestamp:%F}.dump", Some("a-2026-11-2")),
            ("a-{timestamp:%Y%j}", Some("a-202632")),
            ("a-{timestamp:%d-%m-%Y}", None),
            ("a-{timestamp:%Y-%m-%dT%H%M%S%z}", None),
            ("a-{timestamp:%-Y-%m-%d}", None),
            ("a-{timestamp:%s}", None),
            ("latest.dump", None),
        ] {
            assert_eq!(pattern(text).start_after(now).as_deref(), start, "{text}");
        }
        assert_eq!(pattern("a-{timestamp}").start_after(time("-000001-01-01T00:00:00Z")), None);
    }

    #[test]
    fn what_is_no_pattern_says_why_and_where() {
        for (text, message, at) in [
            ("", "the key is empty", 0..0),
            ("/a-{timestamp}", "the key starts with a slash", 0..1),
            ("a-{date}.dump", "unknown placeholder `{date}`", 2..8),
            ("a-{}.dump", "unknown placeholder `{}`", 2..4),
            ("a-{timestamp.dump", "`{` is never closed", 2..17),
            ("a-timestamp}.dump", "`}` closes nothing", 11..12),
            ("a-{timestamp}-{timestamp}", "the key has more than one placeholder", 14..25),
            ("a-{timestamp}-{x", "`{` is never closed", 14..16),
        ] {
            let error = text.parse::<KeyPattern>().expect_err(text);
            assert_eq!((error.message.as_str(), error.at.clone()), (message, at), "{text}");
            assert!(error.hint.ends_with('.'), "{text}: {}", error.hint);
        }
        for format in ["", "plain", "%H%M%S", "%Y-%m", "%!", "%Y-%m-%d %Z", "%q", "%Y%m%d%"] {
            let text = format!("a-{{timestamp:{format}}}");
            let error = text.parse::<KeyPattern>().expect_err(&text);
            assert!(error.message.contains("is not a time format"), "{text}: {error}");
        }
    }

    /// Any second from year 1 to year 9999.
    fn any_second() -> impl Strategy<Value = Timestamp> {
        (-62_135_596_800_i64..253_402_207_200).prop_map(|s| Timestamp::from_second(s).expect("in range"))
    }

    const SORTING: [&str; 4] =
        ["a/{timestamp}.dump", "{timestamp:%Y-%m-%dT%H%M%SZ}", "x-{timestamp:%Y/%m/%d/%H:%M:%S}", "{timestamp:%Y%j%H%M%S}é"];

    fn key(pattern: &KeyPattern, at: Timestamp) -> String {
        let part = pattern.time.as_ref().expect("a time");
        format!("{}{}{}", pattern.prefix, part.write(at).expect("spelled"), part.suffix)
    }

    proptest! {
        #[test]
        fn a_key_made_from_a_time_gives_it_back(at in any_second(), which in 0..SORTING.len()) {
            let pattern = pattern(SORTING[which]);
            prop_assert_eq!(pattern.matches(&key(&pattern, at)), Some(Some(at)));
        }

        #[test]
        fn the_start_sorts_before_every_key_that_is_not_older(a in any_second(), b in any_second(), which in 0..SORTING.len()) {
            let pattern = pattern(SORTING[which]);
            let (limit, later) = (a.min(b), a.max(b));
            let start = pattern.start_after(limit).expect("sorts");
            prop_assert!(start < key(&pattern, limit), "{start} before {}", key(&pattern, limit));
            prop_assert!(start < key(&pattern, later), "{start} before {}", key(&pattern, later));
        }

        #[test]
        fn nothing_but_the_digits_matches(between in "[0-9a-zA-Z_.T/-]{0,20}") {
            let shape = between.len() == 15 && between.bytes().enumerate().all(|(i, b)| if i == 8 { b == b'-' } else { b.is_ascii_digit() });
            prop_assume!(!shape);
            prop_assert_eq!(pattern("a-{timestamp}.dump").matches(&format!("a-{between}.dump")), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}", key in ".{0,40}") {
            if let Ok(pattern) = text.parse::<KeyPattern>() {
                let _ = pattern.matches(&key);
                let _ = pattern.start_after(Timestamp::UNIX_EPOCH);
            }
        }
    }
}
