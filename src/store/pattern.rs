//! The pattern of an artifact's key: `postgresql-backups/codetalk-{timestamp}.dump`.

use jiff::Timestamp;

/// A key with at most one `{timestamp}` in it. Whatever stands around it must match to the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPattern(String);

impl KeyPattern {
    /// The literal text before the time (the whole key when there is none): the prefix to list.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// Whether a key belongs to the series, and the time in it; `Some(None)` for a pattern without a time.
    #[must_use]
    pub fn matches(&self, _key: &str) -> Option<Option<Timestamp>> {
        todo!()
    }

    /// A key that sorts before every key of the series that is not older than `time`; `None` when the format of the
    /// time does not sort by time.
    #[must_use]
    pub fn start_after(&self, _time: Timestamp) -> Option<String> {
        todo!()
    }
}

impl std::str::FromStr for KeyPattern {
    type Err = String;
    fn from_str(_text: &str) -> Result<Self, String> {
        todo!()
    }
}

impl std::fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
