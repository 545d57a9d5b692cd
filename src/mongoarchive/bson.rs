//! BSON where it lies: a walk over the structure of a document, and its elements. Nothing is copied. Source: bsonspec.org, version 1.1.

use jiff::Timestamp;

/// What is wrong with a document.
pub(super) type Fault = &'static str;

/// Deeper than any document of a server: it refuses more than 200 levels (`BSONDepth::kDefaultMaxAllowableDepth`).
const DEEPEST: usize = 256;

const PAST_THE_END: Fault = "a value runs past the end of its document";
const NO_ZERO: Fault = "a document does not end in a zero byte";
const NO_STRING: Fault = "a string has no terminating zero byte where its length says";
const NO_TYPE: Fault = "a value has a type that does not exist";
const NO_NAME: Fault = "the name of a field has no end";
const TOO_DEEP: Fault = "documents are nested deeper than a server allows";
const NO_BOOL: Fault = "a boolean is neither true nor false";
const NO_SCOPE: Fault = "a piece of code with scope has lengths that do not add up";
const TOO_EARLY: Fault = "a document ends before its length says";

pub(super) mod kind {
    pub(in super::super) const STRING: u8 = 0x02;
    pub(in super::super) const DOCUMENT: u8 = 0x03;
    pub(in super::super) const OBJECT_ID: u8 = 0x07;
    pub(in super::super) const BOOL: u8 = 0x08;
    pub(in super::super) const INT32: u8 = 0x10;
    pub(in super::super) const TIMESTAMP: u8 = 0x11;
    pub(in super::super) const INT64: u8 = 0x12;
    pub(super) const ARRAY: u8 = 0x04;
    pub(super) const SCOPE: u8 = 0x0f;
}

/// Walks over documents. Kept from one to the next for its stack.
pub(super) struct Walker {
    /// Where the documents end that were begun: the place of their terminating zero byte.
    ends: [usize; DEEPEST],
}

impl Walker {
    pub(super) const fn new() -> Self {
        Self { ends: [0; DEEPEST] }
    }

    /// Whether the structure is sound: types, lengths, terminators, depth. `document` is as long as its own length says.
    pub(super) fn check(&mut self, document: &[u8]) -> Result<(), Fault> {
        let mut depth = 0;
        let mut end = document.len().saturating_sub(1);
        if document.get(end) != Some(&0) {
            return Err(NO_ZERO);
        }
        let mut at = 4;
        loop {
            let kind = *document.get(at).ok_or(PAST_THE_END)?;
            at += 1;
            if kind == 0 {
                if at != end + 1 {
                    return Err(TOO_EARLY);
                }
                if depth == 0 {
                    return Ok(());
                }
                depth -= 1;
                end = *self.ends.get(depth).ok_or(TOO_DEEP)?;
                continue;
            }
            at = name_end(document, at, end)?;
            let rest = document.get(at..end).ok_or(PAST_THE_END)?;
            let length = length_of(kind, rest)?;
            let Some(skip) = skip_to_inner(kind, rest) else {
                at += length;
                continue;
            };
            *self.ends.get_mut(depth).ok_or(TOO_DEEP)? = end;
            depth += 1;
            end = at + length - 1;
            at += skip;
        }
    }
}

/// How far the elements of the document in this value are away; `None` when there is none.
fn skip_to_inner(kind: u8, value: &[u8]) -> Option<usize> {
    match kind {
        kind::DOCUMENT | kind::ARRAY => Some(4),
        // int32, string, document: `length_of` has seen that they are there.
        kind::SCOPE => int(value.get(4..)?).and_then(|length| usize::try_from(length).ok()).map(|length| 8 + length + 4),
        _ => None,
    }
}

/// The place behind the name that begins at `at` and its terminator. Names are short: eight bytes at a time beat a call.
fn name_end(document: &[u8], mut at: usize, end: usize) -> Result<usize, Fault> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    while let Some(eight) = document.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let eight = u64::from_le_bytes(*eight);
        let zeros = eight.wrapping_sub(ONES) & !eight & (ONES << 7);
        if zeros != 0 {
            at += (zeros.trailing_zeros() / 8) as usize;
            return if at < end { Ok(at + 1) } else { Err(NO_NAME) };
        }
        at += 8;
    }
    let rest = document.get(at..end).ok_or(NO_NAME)?;
    rest.iter().position(|byte| *byte == 0).map(|n| at + n + 1).ok_or(NO_NAME)
}

/// How many bytes the value of this kind has that `bytes` begins with. They are there. Documents inside are not looked at.
fn length_of(kind: u8, bytes: &[u8]) -> Result<usize, Fault> {
    let length = match kind {
        // Double, time, timestamp, 64 bits.
        0x01 | 0x09 | kind::TIMESTAMP | kind::INT64 => 8,
        kind::INT32 => 4,
        kind::OBJECT_ID => 12,
        // Strings, code, symbols.
        kind::STRING | 0x0d | 0x0e => return string(bytes),
        kind::DOCUMENT | kind::ARRAY => return document(bytes),
        // Undefined, null, the largest key, the smallest key.
        0x06 | 0x0a | 0x7f | 0xff => 0,
        kind::BOOL => return if matches!(bytes.first(), Some(0 | 1)) { Ok(1) } else { Err(NO_BOOL) },
        // Binary: length, subtype, bytes.
        0x05 => int(bytes).and_then(|n| usize::try_from(n).ok()).ok_or(PAST_THE_END)? + 5,
        0x0b => {
            let pattern = name_end(bytes, 0, bytes.len())?;
            name_end(bytes, pattern, bytes.len())?
        }
        // A pointer into another collection: string, ObjectId.
        0x0c => string(bytes)? + 12,
        kind::SCOPE => return scope(bytes),
        0x13 => 16,
        _ => return Err(NO_TYPE),
    };
    if length <= bytes.len() { Ok(length) } else { Err(PAST_THE_END) }
}

fn int(bytes: &[u8]) -> Option<i32> {
    bytes.first_chunk().map(|four| i32::from_le_bytes(*four))
}

fn string(bytes: &[u8]) -> Result<usize, Fault> {
    let length = int(bytes).and_then(|n| usize::try_from(n).ok()).ok_or(PAST_THE_END)?;
    let last = length.checked_sub(1).and_then(|before| bytes.get(4 + before));
    if last == Some(&0) { Ok(4 + length) } else { Err(NO_STRING) }
}

fn document(bytes: &[u8]) -> Result<usize, Fault> {
    let length = int(bytes).and_then(|n| usize::try_from(n).ok()).ok_or(PAST_THE_END)?;
    match bytes.get(..length).and_then(<[u8]>::last) {
        _ if length < 5 => Err(PAST_THE_END),
        None => Err(PAST_THE_END),
        Some(0) => Ok(length),
        Some(_) => Err(NO_ZERO),
    }
}

fn scope(bytes: &[u8]) -> Result<usize, Fault> {
    let total = int(bytes).and_then(|n| usize::try_from(n).ok()).ok_or(PAST_THE_END)?;
    let code = string(bytes.get(4..).ok_or(PAST_THE_END)?)?;
    let inner = document(bytes.get(4 + code..).ok_or(PAST_THE_END)?)?;
    if total == 4 + code + inner { Ok(total) } else { Err(NO_SCOPE) }
}

/// One field of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
}

/// The fields of a document that [`Walker::check`] has found sound. Of any other, those before the first that is not.
pub(super) fn elements(document: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = document.get(4..document.len().saturating_sub(1)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first()?;
        let end = name_end(after, 0, after.len()).ok()?;
        let name = after.get(..end - 1)?;
        let value = after.get(end..)?;
        let length = length_of(*kind, value).ok()?;
        rest = value.get(length..)?;
        Some(Element { name, kind: *kind, value: value.get(..length)? })
    })
}

/// The first field of this name.
pub(super) fn field<'a>(document: &'a [u8], name: &str) -> Option<Element<'a>> {
    elements(document).find(|element| element.name == name.as_bytes())
}

impl<'a> Element<'a> {
    pub(super) fn text(&self) -> Option<&'a str> {
        let bytes = self.value.get(4..self.value.len().checked_sub(1)?)?;
        if self.kind == kind::STRING { std::str::from_utf8(bytes).ok() } else { None }
    }

    pub(super) fn document(&self) -> Option<&'a [u8]> {
        (self.kind == kind::DOCUMENT).then_some(self.value)
    }

    pub(super) fn int32(&self) -> Option<i32> {
        if self.kind == kind::INT32 { int(self.value) } else { None }
    }

    pub(super) fn int64(&self) -> Option<i64> {
        let bits = self.value.first_chunk().map(|eight| i64::from_le_bytes(*eight));
        if self.kind == kind::INT64 { bits } else { None }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        if self.kind == kind::BOOL { self.value.first().map(|byte| *byte == 1) } else { None }
    }

    /// The seconds of a BSON timestamp: the upper half of its 64 bits.
    pub(super) fn timestamp(&self) -> Option<u32> {
        let seconds = self.value.get(4..).and_then(|upper| upper.first_chunk()).map(|four| u32::from_le_bytes(*four));
        if self.kind == kind::TIMESTAMP { seconds } else { None }
    }
}

/// The seconds in the `_id`, when it stands first, where the server puts it, and is an `ObjectId`.
pub(super) fn id_seconds(document: &[u8]) -> Option<u32> {
    let id = document.get(4..)?.strip_prefix(b"\x07_id\0")?;
    id.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// Seconds since 1970 as a time.
pub(super) fn time(seconds: u32) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(seconds)).ok()
}
