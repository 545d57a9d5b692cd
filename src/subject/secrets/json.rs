//! The members of a JSON object (RFC 8259), with their values in memory that is wiped. A general parser copies text into buffers of
//! its own and quotes it in its errors; this one does neither.

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

/// One member of the object.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its key.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// A member's value.
pub(super) enum Value {
    /// A text.
    Text(Zeroizing<String>),
    /// Something else, in words: `an object`. It is not kept, but for `false`.
    Other(&'static str),
}

/// Shows nothing of it.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "a text",
            Self::Other(what) => what,
        })
    }
}

/// Why there are no members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is no JSON from this line on.
    Line(usize),
    /// It ends before the object does.
    Cut,
    /// It is JSON, but no object: what it is.
    NoObject(&'static str),
    /// Behind the object there is something else.
    Behind,
}

/// All members, in their order, duplicates too.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Bad> {
    let mut scanner = Scanner { text, at: text.len() - text.trim_start_matches('\u{feff}').len() };
    match scanner.peek() {
        Some(b'{') => scanner.at += 1,
        Some(other) => return Err(kind(other).map_or(Bad::Line(1), Bad::NoObject)),
        None => return Err(Bad::Cut),
    }
    let mut entries = Vec::new();
    if scanner.peek() == Some(b'}') {
        scanner.at += 1;
    } else {
        loop {
            entries.push(scanner.entry()?);
            match scanner.next()? {
                b',' => {}
                b'}' => break,
                _ => return Err(scanner.bad()),
            }
        }
    }
    if scanner.peek().is_some() { Err(Bad::Behind) } else { Ok(entries) }
}

/// The members of the object that one member of the outer object is, each with its value as it is written. Nothing is copied but the
/// names. `None` when there is no such object.
pub(super) fn members<'t>(text: &'t str, outer: &str) -> Option<Vec<(String, &'t str)>> {
    let inside = raw(text)?.into_iter().find(|(name, _)| name == outer)?.1;
    raw(inside)
}

fn raw(text: &str) -> Option<Vec<(String, &str)>> {
    let mut scanner = Scanner { text, at: 0 };
    let mut members = Vec::new();
    if scanner.next().ok()? != b'{' {
        return None;
    }
    if scanner.peek()? == b'}' {
        return Some(members);
    }
    loop {
        if scanner.next().ok()? != b'"' {
            return None;
        }
        let name = scanner.string().ok()?.to_string();
        if scanner.next().ok()? != b':' {
            return None;
        }
        scanner.peek()?;
        let from = scanner.at;
        scanner.pass().ok()?;
        members.push((name, text.get(from..scanner.at)?));
        match scanner.next().ok()? {
            b',' => {}
            b'}' => return Some(members),
            _ => return None,
        }
    }
}

/// What a value is, by its first byte.
fn kind(first: u8) -> Option<&'static str> {
    Some(match first {
        b'"' => "a text",
        b'{' => "an object",
        b'[' => "a list",
        b't' => "true",
        b'f' => "false",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => return None,
    })
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn next(&mut self) -> Result<u8, Bad> {
        let byte = self.peek().ok_or(Bad::Cut)?;
        self.at += 1;
        Ok(byte)
    }

    /// It goes wrong just before this place.
    fn bad(&self) -> Bad {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        Bad::Line(1 + memchr::memchr_iter(b'\n', before).count())
    }

    fn entry(&mut self) -> Result<Entry, Bad> {
        if self.next()? != b'"' {
            return Err(self.bad());
        }
        let name = self.string()?.to_string();
        if self.next()? != b':' {
            return Err(self.bad());
        }
        let first = self.peek().ok_or(Bad::Cut)?;
        if first == b'"' {
            self.at += 1;
            return Ok(Entry { name, value: Value::Text(self.string()?) });
        }
        let what = kind(first).ok_or_else(|| self.bad())?;
        self.pass()?;
        Ok(Entry { name, value: Value::Other(what) })
    }

    /// Goes over a value that is no text. What is ignored is never copied.
    fn pass(&mut self) -> Result<(), Bad> {
        let rest = self.text.get(self.at..).ok_or(Bad::Cut)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                self.at += values.byte_offset();
                Ok(())
            }
            Some(Err(error)) if !error.is_eof() => Err(self.bad()),
            _ => Err(Bad::Cut),
        }
    }

    /// The rest of a string whose opening quote was read.
    fn string(&mut self) -> Result<Zeroizing<String>, Bad> {
        let rest = self.text.get(self.at..).ok_or(Bad::Cut)?;
        let length = closing(rest.as_bytes()).ok_or(Bad::Cut)?;
        // Never longer than as it is written: it does not grow, and leaves no copy behind.
        let mut out = Zeroizing::new(String::with_capacity(length));
        let mut chars = rest[..length].chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => out.push(escape(&mut chars).ok_or_else(|| self.bad())?),
                c if c < ' ' => return Err(self.bad()),
                c => out.push(c),
            }
        }
        self.at += length + 1;
        Ok(out)
    }
}

/// Where the closing quote stands.
fn closing(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

/// The character of an escape; a pair of surrogates is one.
fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = unit(chars)?;
            if !(0xd800..0xdc00).contains(&first) {
                return char::from_u32(first);
            }
            let low = (chars.next()? == '\\' && chars.next()? == 'u').then(|| unit(chars))??;
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?
        }
        _ => return None,
    })
}

fn unit(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + chars.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// As a general parser reads it, however it is written.
        #[test]
        fn every_object_of_texts_is_read(object in proptest::collection::btree_map("(?s).{0,5}", "(?s).{0,20}", 0..6), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.expect("json");
            let read: BTreeMap<String, String> = entries(&text).expect("entries").into_iter().map(|e| match e.value {
                Value::Text(text) => (e.name, text.to_string()),
                Value::Other(what) => panic!("{what}"),
            }).collect();
            prop_assert_eq!(read, object);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(?s)[{]?.{0,40}") {
            let ours = entries(&text).is_ok();
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text.trim_start_matches('\u{feff}')).is_ok();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn escapes_duplicates_and_values_of_other_kinds() {
        let text = "\u{feff} {\"A\": \"\\ud83d\\ude00\\u00e4\\n\\/\", \"A\":\"\",\n\"B\": {\"x\": [\"}\"]}, \"C\":[1], \"D\":-1.5e3,\"E\":null,\"F\":true}\n";
        let entries = entries(text).expect("entries");
        let shown: Vec<_> = entries.iter().map(|e| format!("{} {:?}", e.name, e.value)).collect();
        assert_eq!(shown, ["A a text", "A a text", "B an object", "C a list", "D a number", "E null", "F true"]);
        assert!(matches!(&entries[0].value, Value::Text(text) if text.as_str() == "\u{1f600}\u{e4}\n/"));
    }

    #[test]
    fn every_cut_is_an_error_and_none_shows_the_text() {
        let text = "{\"A\":\"hunter2\",\"B\":{\"x\":\"hunter2\"}}";
        for cut in 0..text.len() {
            assert_eq!(entries(&text[..cut]).expect_err("cut"), Bad::Cut, "{cut}");
        }
        for (text, bad) in [
            ("[1]", Bad::NoObject("a list")),
            ("\"x\"", Bad::NoObject("a text")),
            ("x", Bad::Line(1)),
            ("{\n\"a\" \"b\"}", Bad::Line(2)),
            ("{\"a\":\"\\x\"}", Bad::Line(1)),
            ("{\"a\":\"\n\"}", Bad::Line(1)),
            ("{\"a\":1,}", Bad::Line(1)),
            ("{} {}", Bad::Behind),
            ("{\"a\":\"\\ud83d\"}", Bad::Line(1)),
        ] {
            assert_eq!(entries(text).expect_err(text), bad, "{text}");
        }
    }
}
