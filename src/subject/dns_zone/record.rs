//! One record, in the form that the API's export, the BIND file and an answer over DNS can be compared in.

use super::rdata::{self, Unreadable};
use crate::units::hex;
use hickory_proto::rr::RData;

/// One record of a zone.
#[derive(Debug, Clone)]
pub(super) struct ZoneRecord {
    /// The owner: lower case, without its closing dot.
    pub name: String,
    /// The type, in capitals.
    pub kind: String,
    /// The value as it is written in a zone file, its names whole.
    pub content: String,
    /// The time to live in seconds; 1 is Cloudflare's "automatic".
    pub ttl: u32,
    /// The value as a server can send it.
    pub data: Result<RData, Unreadable>,
}

/// What makes two records the same one: owner, type and value on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub kind: String,
    pub name: String,
    pub value: Vec<u8>,
}

impl ZoneRecord {
    /// Out of the words of a zone file, whose names are whole.
    pub fn new(name: &str, kind: &str, ttl: u32, words: &[String]) -> Self {
        let lower =
            |(i, word): (usize, &String), names: &[usize]| if names.contains(&i) { word.to_lowercase() } else { word.clone() };
        let record_type = rdata::kind(kind);
        let names = record_type.map(rdata::names).unwrap_or_default();
        let words: Vec<String> = words.iter().enumerate().map(|word| lower(word, names)).collect();
        let data = record_type.and_then(|kind| rdata::parse(kind, &words));
        Self { name: host(name), kind: kind.to_ascii_uppercase(), content: words.join(" "), ttl, data }
    }

    /// Its identity; a value that nobody can read counts as it is written. A TXT's pieces are one text: how it is cut says nothing.
    pub fn identity(&self) -> Identity {
        let value = match &self.data {
            Ok(RData::TXT(txt)) => txt.txt_data.concat(),
            Ok(data) => rdata::wire(data).unwrap_or_else(|| self.content.clone().into_bytes()),
            Err(_) => self.content.clone().into_bytes(),
        };
        Identity { kind: self.kind.clone(), name: self.name.clone(), value }
    }

    /// How reports name it. The text of a TXT record is often a secret: it shows as a digest.
    pub fn label(&self) -> String {
        let Self { name, kind, .. } = self;
        match kind.as_str() {
            "TXT" | "SPF" => {
                format!("{kind} {name} (text {})", self.digest())
            }
            _ => format!("{kind} {name} {}", self.shown()),
        }
    }

    /// The content. Keys and certificates fill lines: they are cut, and what was cut off is told apart by a digest.
    fn shown(&self) -> String {
        const LONGEST: usize = 80;
        let content = self.content.replace(|c: char| c.is_control(), " ");
        if content.chars().count() <= LONGEST {
            return content;
        }
        let begin: String = content.chars().take(LONGEST).collect();
        format!("{begin}... ({})", self.digest())
    }

    /// Tells one value from another without showing it.
    fn digest(&self) -> String {
        hex(&openssl::sha::sha256(&self.identity().value)[..4])
    }
}

/// A host's name as it is compared: lower case, no closing dot.
pub(super) fn host(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, words: &[&str]) -> ZoneRecord {
        ZoneRecord::new("Example.COM.", kind, 1, &words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_case_of_names_and_the_cut_of_texts_are_no_difference() {
        assert_eq!(record("MX", &["10", "MX.Example.net."]).identity(), record("MX", &["10", "mx.example.net."]).identity());
        assert_eq!(record("TXT", &["\"ab\"", "\"c\""]).identity(), record("TXT", &["\"abc\""]).identity());
        assert_ne!(record("TXT", &["\"abC\""]).identity(), record("TXT", &["\"abc\""]).identity());
        assert_eq!(record("A", &["192.0.2.1"]).label(), "A example.com 192.0.2.1");
    }

    #[test]
    fn the_text_of_a_txt_never_shows() {
        let label = record("TXT", &["\"google-site-verification=hunter2\""]).label();
        assert!(label.starts_with("TXT example.com (text ") && !label.contains("hunter2"), "{label}");
    }
}
