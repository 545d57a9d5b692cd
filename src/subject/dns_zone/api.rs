//! Cloudflare's own JSON: pages of records in their envelopes, as an export keeps them and as the live API sends them.

use super::bind::qualified;
use super::lexer::lines;
use super::rdata;
use super::record::ZoneRecord;
use serde_json::{Deserializer, Map, Value};

/// Records, and how many the API said there are.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The records in their order.
    pub records: Vec<ZoneRecord>,
    /// `result_info.total_count`, where an envelope was kept.
    pub total: Option<u64>,
    /// Entries that are no record.
    pub strange: usize,
}

/// What the API answered instead of a result: its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(pub String);

/// Why a JSON file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not JSON, or ends too early: where.
    Json(usize),
    /// The API said no, and that was saved.
    Refused(Refused),
    /// It is JSON of some other kind.
    Other,
}

/// All JSON documents of a file: `jq` writes several one behind the other.
pub(super) fn documents(text: &[u8]) -> Result<Vec<Value>, Unusable> {
    let found: Result<Vec<Value>, _> = Deserializer::from_slice(text).into_iter().collect();
    found.map_err(|error| Unusable::Json(error.line()))
}

/// The records of a saved file: one list, one envelope, pages of either kind, or records one behind the other.
pub(super) fn listing(text: &[u8]) -> Result<Listing, Unusable> {
    let mut listing = Listing::default();
    let documents = documents(text)?;
    if documents.is_empty() {
        return Err(Unusable::Json(1));
    }
    for document in documents {
        listing.take(document)?;
    }
    Ok(listing)
}

impl Listing {
    fn take(&mut self, document: Value) -> Result<(), Unusable> {
        match document {
            Value::Array(items) => items.into_iter().try_for_each(|item| self.take(item)),
            Value::Object(object) if is_envelope(&object) => self.page(object),
            Value::Object(object) => {
                match record(&object) {
                    Some(record) => self.records.push(record),
                    None => self.strange += 1,
                }
                Ok(())
            }
            _ => Err(Unusable::Other),
        }
    }

    /// One page in its envelope.
    pub fn page(&mut self, mut envelope: Map<String, Value>) -> Result<(), Unusable> {
        if let Some(refused) = refused(&envelope) {
            return Err(Unusable::Refused(refused));
        }
        let total = envelope.get("result_info").and_then(|info| info.get("total_count")).and_then(Value::as_u64);
        self.total = self.total.max(total);
        match envelope.remove("result") {
            Some(Value::Array(items)) => items.into_iter().try_for_each(|item| self.take(item)),
            _ => Err(Unusable::Other),
        }
    }
}

fn is_envelope(object: &Map<String, Value>) -> bool {
    object.contains_key("success") || object.get("result").is_some_and(Value::is_array)
}

/// The API's own error, when this is one: `success: false` (reference: the error item).
pub(super) fn refused(envelope: &Map<String, Value>) -> Option<Refused> {
    if envelope.get("success") != Some(&Value::Bool(false)) {
        return None;
    }
    let errors = envelope.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for error in errors {
        words.push(one_error(error));
        words.extend(error.get("error_chain").and_then(Value::as_array).into_iter().flatten().map(one_error));
    }
    Some(Refused(if words.is_empty() { "no reason given".to_owned() } else { words.join("; ") }))
}

fn one_error(error: &Value) -> String {
    let message = error.get("message").and_then(Value::as_str).unwrap_or("no words");
    let message: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
    match error.get("code").and_then(Value::as_u64) {
        Some(code) => format!("{message} ({code})"),
        None => message,
    }
}

/// One record of the list API.
fn record(object: &Map<String, Value>) -> Option<ZoneRecord> {
    let kind = text(object.get("type"))?.to_ascii_uppercase();
    let name = text(object.get("name"))?;
    let ttl = object.get("ttl").and_then(Value::as_u64).and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or(0);
    let words = words(&kind, object)?;
    let names = rdata::kind(&kind).map(rdata::names).unwrap_or_default();
    let whole = |(i, word): (usize, String)| if names.contains(&i) { qualified(&word, None) } else { word };
    Some(ZoneRecord::new(name, &kind, ttl, &words.into_iter().enumerate().map(whole).collect::<Vec<_>>()))
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

/// The value's words as a zone file has them. Structured types are clearer in `data` than in `content`, whose form has changed.
fn words(kind: &str, object: &Map<String, Value>) -> Option<Vec<String>> {
    let data = |keys: &[&str]| -> Option<Vec<String>> {
        let data = object.get("data")?;
        keys.iter().map(|key| word(data.get(*key)?)).collect()
    };
    let structured = match kind {
        "SRV" => data(&["priority", "weight", "port", "target"]),
        "CAA" => data(&["flags", "tag", "value"]).map(|w| vec![w[0].clone(), w[1].clone(), quoted(&w[2])]),
        "URI" => data(&["weight", "target"]).and_then(|w| Some(vec![priority(object)?, w[0].clone(), quoted(&w[1])])),
        _ => None,
    };
    if structured.is_some() {
        return structured;
    }
    let content = text(object.get("content"))?;
    if matches!(kind, "TXT" | "SPF") {
        return Some(strings(content));
    }
    let mut words: Vec<String> = lines(content).into_iter().flat_map(|line| line.words).collect();
    let whole = match kind {
        "MX" => 2,
        "URI" => 3,
        "SRV" => 4,
        _ => 0,
    };
    if words.len() + 1 == whole {
        words.insert(0, priority(object)?);
    }
    Some(words)
}

fn priority(object: &Map<String, Value>) -> Option<String> {
    word(object.get("priority")?)
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A TXT's content: today in quotes, as in a zone file; earlier as plain text of any length.
fn strings(content: &str) -> Vec<String> {
    if content.starts_with('"') {
        return lines(content).into_iter().flat_map(|line| line.words).collect();
    }
    // Pieces that a server can send, cut between characters.
    let mut pieces = vec![String::new()];
    for c in content.chars() {
        if pieces.last().is_some_and(|piece| piece.len() + c.len_utf8() > 255) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces.iter().map(|piece| quoted(piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str) -> ZoneRecord {
        listing(json.as_bytes()).expect("listing").records.remove(0)
    }

    #[test]
    fn the_forms_that_values_have_had_are_one() {
        for (kind, content, more, zone_file) in [
            ("MX", "mx1.example.net", "\"priority\":10", "10 mx1.example.net."),
            ("CNAME", "Www.example.net", "\"proxied\":true", "www.example.net."),
            ("SRV", "1 5060 sip.example.net", "\"priority\":10", "10 1 5060 sip.example.net."),
            (
                "SRV",
                "x",
                "\"data\":{\"priority\":10,\"weight\":1,\"port\":5060,\"target\":\"sip.example.net\"}",
                "10 1 5060 sip.example.net.",
            ),
            (
                "CAA",
                "0 issue letsencrypt.org",
                "\"data\":{\"flags\":0,\"tag\":\"issue\",\"value\":\"ca.example; x=1\"}",
                "0 issue \"ca.example; x=1\"",
            ),
            ("TXT", "v=DMARC1; p=none", "\"ttl\":1", "\"v=DMARC1; p=none\""),
            ("TXT", "\\\"v=DMARC1; p=none\\\"", "\"ttl\":1", "\"v=DMARC1; p=none\""),
            ("URI", "1 \\\"https://example.net/\\\"", "\"priority\":10", "10 1 \"https://example.net/\""),
            ("HTTPS", "1 . alpn=h2", "\"data\":{}", "1 . alpn=h2"),
        ] {
            let record = one(&format!("{{\"type\":\"{kind}\",\"name\":\"example.com\",\"content\":\"{content}\",{more}}}"));
            assert_eq!(record.content, zone_file, "{kind}");
            assert!(record.data.is_ok(), "{kind}");
        }
        let long = one(&format!("{{\"type\":\"TXT\",\"name\":\"a\",\"content\":\"{}\"}}", "x".repeat(600)));
        assert!(long.data.is_ok());
    }

    #[test]
    fn lists_envelopes_pages_and_lines() {
        let record = r#"{"type":"A","name":"a.example.com","content":"192.0.2.1"}"#;
        let envelope = format!(r#"{{"success":true,"errors":[],"result":[{record}],"result_info":{{"total_count":2}}}}"#);
        for (text, records, total) in [
            (format!("[{record},{record}]"), 2, None),
            (envelope.clone(), 1, Some(2)),
            (format!("[{envelope},{envelope}]"), 2, Some(2)),
            (format!("{envelope}\n{envelope}"), 2, Some(2)),
            (format!("[[{record}],[{record}]]"), 2, None),
            (format!("{record}\n{record}\n"), 2, None),
            ("[]".to_owned(), 0, None),
        ] {
            let listing = listing(text.as_bytes()).expect("listing");
            assert_eq!((listing.records.len(), listing.total, listing.strange), (records, total, 0), "{text}");
        }
        assert_eq!(listing(b"[{\"id\":1}]").expect("listing").strange, 1);
    }

    #[test]
    fn errors_saved_as_backups_and_what_is_no_listing() {
        let error = r#"{"success":false,"errors":[{"code":6003,"message":"Invalid request headers","error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]}],"messages":[],"result":null}"#;
        let words = "Invalid request headers (6003); Invalid format for Authorization header (6111)";
        assert_eq!(listing(error.as_bytes()).err(), Some(Unusable::Refused(Refused(words.into()))));
        for (text, why) in [
            ("[{\"type\":\"A\"", Unusable::Json(1)),
            ("", Unusable::Json(1)),
            ("<html>", Unusable::Json(1)),
            ("\"text\"", Unusable::Other),
            ("{\"success\":true,\"result\":null}", Unusable::Other),
        ] {
            assert_eq!(listing(text.as_bytes()).err(), Some(why), "{text}");
        }
    }
}
