//! `ListObjectsV2` over all its pages, guarded against listings that never end.

use super::failure::{self, Place};
use crate::error::{Error, Result};
use crate::store::retry::Retry;
use crate::store::{Object, ReadError};
use crate::units::Span;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use jiff::Timestamp;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// So many pages in a row may be empty: stores skip deleted objects page by page, but not for ever.
const MOST_EMPTY_PAGES: u32 = 1000;

/// One listing of a bucket.
pub(super) struct Listing<'a> {
    client: &'a Client,
    place: &'a Place,
    /// The longest that one page may take, from the request to its last byte.
    patience: Duration,
    retry: &'a Retry,
}

impl<'a> Listing<'a> {
    pub(super) fn new(client: &'a Client, place: &'a Place, patience: Duration, retry: &'a Retry) -> Self {
        Self { client, place, patience, retry }
    }

    /// Visits every object below the prefix and after `start_after`. Both are looked at here too: not every server does.
    pub(super) async fn run(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        visit: &mut (dyn FnMut(Object) + Send),
    ) -> Result<()> {
        let mut guard = LoopGuard::default();
        let mut token = None;
        loop {
            let page = self.retry.run(|| self.page(prefix, start_after, token.clone())).await?;
            guard.page(&page).map_err(|what| self.endless(&what))?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            for listed in page.contents() {
                if let Some(object) = self.object(listed, encoded)
                    && object.key.starts_with(prefix)
                    && start_after.is_none_or(|after| object.key.as_str() > after)
                {
                    visit(object);
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
            token = page.next_continuation_token.filter(|t| !t.is_empty());
            guard.token(token.as_deref()).map_err(|what| self.endless(&what))?;
        }
    }

    async fn page(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        token: Option<String>,
    ) -> Result<ListObjectsV2Output, ReadError> {
        let request = self.client.list_objects_v2().bucket(&self.place.bucket).prefix(self.place.full_key(prefix));
        // The server ignores `start-after` on the pages behind the first.
        let start_after = start_after.filter(|_| token.is_none()).map(|key| self.place.full_key(key));
        let request = request.set_start_after(start_after).set_continuation_token(token);
        let request = request.customize().interceptor(WholePage);
        let Ok(result) = tokio::time::timeout(self.patience, request.send()).await else {
            let message = format!("{} did not finish its listing within {}", self.place.server, Span(self.patience));
            return Err(ReadError::Transient(Error::harness(message).hint(failure::RAISE_WAITS)));
        };
        result.map_err(|e| failure::list(&e, self.place))
    }

    fn object(&self, listed: &aws_sdk_s3::types::Object, encoded: bool) -> Option<Object> {
        let key = listed.key()?;
        let decoded = if encoded { decode(key) } else { key.to_owned() };
        let key = decoded.strip_prefix(&self.place.prefix)?.to_owned();
        let modified = listed.last_modified().and_then(|t| {
            let nanos = i32::try_from(t.subsec_nanos()).ok()?;
            Timestamp::new(t.secs(), nanos).ok()
        });
        Some(Object {
            key,
            size: listed.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            modified: modified.unwrap_or(Timestamp::UNIX_EPOCH),
            etag: listed.e_tag().map(str::to_owned),
        })
    }

    fn endless(&self, what: &str) -> Error {
        Error::harness(format!("the listing of {} does not end: {what}", self.place.location()))
            .hint("This is a fault of the store's server: update it, or look for a proxy or cache in front of it.")
    }
}

/// Notices a page whose XML breaks off. The SDK takes what it could read for all there is, and the newest backup may be
/// in what is missing.
#[derive(Debug)]
struct WholePage;

impl Intercept for WholePage {
    fn name(&self) -> &'static str {
        "WholePage"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().unwrap_or_default();
        let whole = body.trim_ascii_end().ends_with(b"</ListBucketResult>");
        if whole || !response.status().is_success() { Ok(()) } else { Err("the listing breaks off".into()) }
    }
}

/// Notices a listing that goes in circles. Keeps a hash per page, so that a million objects cost kilobytes.
#[derive(Default)]
struct LoopGuard {
    tokens: HashSet<u64>,
    pages: HashSet<u64>,
    empty: u32,
}

impl LoopGuard {
    fn page(&mut self, page: &ListObjectsV2Output) -> Result<(), String> {
        let keys = page.contents();
        if keys.is_empty() {
            self.empty += 1;
            if self.empty > MOST_EMPTY_PAGES {
                return Err(format!("{MOST_EMPTY_PAGES} pages in a row were empty"));
            }
            return Ok(());
        }
        self.empty = 0;
        let mut hasher = DefaultHasher::new();
        for object in keys {
            object.key().hash(&mut hasher);
        }
        if self.pages.insert(hasher.finish()) { Ok(()) } else { Err("a page came a second time".to_owned()) }
    }

    fn token(&mut self, token: Option<&str>) -> Result<(), String> {
        let Some(token) = token else {
            return Err("a page says that more follows, but not how to ask for it (no continuation token)".to_owned());
        };
        let mut hasher = DefaultHasher::new();
        token.hash(&mut hasher);
        if self.tokens.insert(hasher.finish()) { Ok(()) } else { Err("a continuation token came a second time".to_owned()) }
    }
}

/// `encoding-type=url`, which we never ask for but some servers use: percent signs, and `+` for a space.
fn decode(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::Object as Listed;

    fn page(keys: &[&str]) -> ListObjectsV2Output {
        let contents = keys.iter().map(|k| Listed::builder().key(*k).build()).collect();
        ListObjectsV2Output::builder().set_contents(Some(contents)).build()
    }

    #[test]
    fn circles_are_noticed() {
        let mut guard = LoopGuard::default();
        assert!(guard.page(&page(&["a", "b"])).is_ok());
        assert!(guard.token(Some("1")).is_ok());
        assert!(guard.page(&page(&["b", "c"])).is_ok());
        assert!(guard.token(Some("1")).expect_err("again").contains("second time"));
        assert!(guard.page(&page(&["a", "b"])).expect_err("again").contains("second time"));
        assert!(guard.token(None).expect_err("none").contains("no continuation token"));
    }

    #[test]
    fn empty_pages_are_fine_but_not_for_ever() {
        let mut guard = LoopGuard::default();
        assert!((0..MOST_EMPTY_PAGES).all(|_| guard.page(&page(&[])).is_ok()));
        assert!(guard.page(&page(&[])).is_err());
    }

    #[test]
    fn url_encoded_keys_are_decoded() {
        for (encoded, key) in [("a%2Fb+c%2B", "a/b c+"), ("%C3%A4", "ä"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("é%41", "éA")]
        {
            assert_eq!(decode(encoded), key);
        }
    }
}
