//! One answer, and what it says to people.

use crate::error::Error;
use crate::secret::Secrets;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use std::time::Duration;
use zeroize::Zeroizing;

/// So much of a body that nobody expects is shown.
const SHOWN: usize = 200;

/// An answer, read to its end. Its body is wiped from memory.
pub struct Answer {
    place: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    secrets: Secrets,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.status, self.place)
    }
}

impl Answer {
    pub(super) fn new(place: &str, status: StatusCode, headers: HeaderMap, body: Zeroizing<Vec<u8>>, secrets: Secrets) -> Self {
        Self { place: place.to_owned(), status, headers, body, secrets }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Another try may get a better one. A server error in JSON is the API's own last word (reference: Doppler), but a gateway's
    /// page is not.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let asked_to_wait = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        asked_to_wait || self.status.is_server_error() && !self.is_json()
    }

    fn is_json(&self) -> bool {
        self.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|kind| kind.contains("json"))
    }

    /// How long the server wants to be left alone: seconds, or a date (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = rfc2822::parse(text).ok()?.timestamp();
        Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
    }

    /// That it is not what was asked for, in words: the status, and what the body says in `says`, or its first words.
    #[must_use]
    pub fn refused(&self, says: Option<&str>) -> Error {
        let said = says.map_or_else(|| self.words(), |words| format!(": {words}"));
        let error = Error::harness(self.secrets.redact(&format!("{} answers {}{said}", self.place, self.status)));
        match self.status.as_u16() {
            401 | 403 => error.hint("Check the token, its rights, and whether it has expired."),
            404 => error.hint("Check the URL and the names in it."),
            429 => error.hint("Too many questions were asked of it. Run again later, or less often."),
            500.. => error.hint("The service has trouble of its own. Run again later."),
            _ => error,
        }
    }

    /// The first words of a text; a web page has none worth showing.
    fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim();
        if text.is_empty() {
            return " and says nothing".to_owned();
        }
        if text.starts_with('<') {
            return " with a web page".to_owned();
        }
        let shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!(": {shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let secrets = Secrets::default();
        let _ = secrets.known("hunter2-token");
        let headers = headers.iter().map(|(n, v)| (n.parse().expect("name"), v.parse().expect("value"))).collect();
        let status = StatusCode::from_u16(status).expect("status");
        Answer::new("https://api.example.net/v4", status, headers, Zeroizing::new(body.into()), secrets)
    }

    #[test]
    fn the_servers_own_pause_in_both_its_forms() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("time");
        for (value, pause) in [
            ("37", Some(37)),
            ("Sat, 21 Nov 2026 12:01:00 GMT", Some(60)),
            ("Sat, 21 Nov 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let found = answer(429, &[("retry-after", value)], "").retry_after(now);
            assert_eq!(found, pause.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn a_gateways_page_may_become_better_and_the_apis_own_word_does_not() {
        for (status, kind, transient) in [
            (429, "text/plain", true),
            (503, "text/html", true),
            (500, "application/json", false),
            (403, "text/html", false),
            (200, "", false),
        ] {
            assert_eq!(answer(status, &[("content-type", kind)], "").is_transient(), transient, "{status} {kind}");
        }
    }

    #[test]
    fn bodies_are_told_in_words_and_without_secrets() {
        for (body, words) in [
            ("<html><h1>502</h1></html>", "https://api.example.net/v4 answers 502 Bad Gateway with a web page"),
            ("", "https://api.example.net/v4 answers 502 Bad Gateway and says nothing"),
            ("bad token hunter2-token", "https://api.example.net/v4 answers 502 Bad Gateway: bad token ***"),
        ] {
            assert_eq!(answer(502, &[], body).refused(None).message, words);
        }
        assert!(!format!("{:?}", answer(200, &[], "value")).contains("value"));
    }
}
