//! The answer to a ranged read: is it what was asked for, and its body with every wait bounded.

use crate::error::Error;
use crate::store::{Chunks, Object, ReadError, overwritten};
use crate::units::Span;
use aws_sdk_s3::primitives::ByteStream;
use futures_util::{StreamExt, stream};
use std::ops::Range;
use std::time::Duration;

/// Looks whether the answer holds the range of the object that the listing told of.
///
/// # Errors
/// Final: the object has another size by now, or the server sends other bytes than those.
pub(super) fn right_range(
    object: &Object,
    range: &Range<u64>,
    content_range: Option<&str>,
    length: Option<i64>,
) -> Result<(), ReadError> {
    let length = length.and_then(|l| u64::try_from(l).ok());
    let Some(content_range) = content_range else {
        return match length {
            // 200 with the whole object: right when the whole was asked for.
            Some(length) if length != object.size => Err(ReadError::Final(overwritten(&object.key))),
            _ if *range == (0..object.size) => Ok(()),
            _ => Err(ReadError::Final(
                Error::harness("the store sends the whole object when it is asked for a range of it")
                    .hint("Look for a proxy or cache in front of the store that drops the Range header."),
            )),
        };
    };
    let Some((sent, total)) = parse(content_range) else {
        return Err(ReadError::Final(Error::harness(format!("the store answers with the odd range `{content_range}`"))));
    };
    if total.is_some_and(|total| total != object.size) {
        return Err(ReadError::Final(overwritten(&object.key)));
    }
    if sent != *range {
        let message = format!("the store was asked for the bytes {range:?} and sends `{content_range}`");
        return Err(ReadError::Final(Error::harness(message)));
    }
    Ok(())
}

/// `bytes 0-9/100` or `bytes 0-9/*`, as a half-open range and the total.
fn parse(content_range: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = content_range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?, total))
}

/// The body's pieces; a body that pauses longer than `stall` or ends early is a transient error.
pub(super) fn chunks(body: ByteStream, expected: u64, stall: Duration) -> Chunks {
    stream::unfold(Some((body, 0u64)), move |state| async move {
        let (mut body, received) = state?;
        let broken = |message: String| {
            let error = Error::harness(message).hint(super::failure::RAISE_WAITS);
            Some((Err(ReadError::Transient(error)), None))
        };
        match tokio::time::timeout(stall, body.next()).await {
            Err(_) => broken(format!("the store sent nothing for {}, after {received} of {expected} bytes", Span(stall))),
            Ok(None) => None,
            Ok(Some(Ok(piece))) => {
                let received = received + piece.len() as u64;
                Some((Ok(piece), Some((body, received))))
            }
            Ok(Some(Err(error))) => {
                let why = super::failure::root_cause(&error);
                broken(format!("the answer broke off after {received} of {expected} bytes ({why})"))
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use jiff::Timestamp;

    #[test]
    fn only_the_range_that_was_asked_for_is_right() {
        let object = Object { key: "k".into(), size: 100, modified: Timestamp::UNIX_EPOCH, etag: None };
        let judge = |range: Range<u64>, content_range: Option<&str>, length| right_range(&object, &range, content_range, length);
        assert!(judge(0..10, Some("bytes 0-9/100"), Some(10)).is_ok());
        assert!(judge(0..10, Some("bytes 0-9/*"), None).is_ok());
        assert!(judge(0..100, None, Some(100)).is_ok());
        for (range, content_range, length, words) in [
            (0..10, Some("bytes 0-9/101"), None, "overwritten"),
            (0..100, None, Some(101), "overwritten"),
            (0..10, Some("bytes 10-19/100"), None, "was asked for the bytes"),
            (0..10, None, Some(100), "the whole object"),
            (0..10, Some("lines 3-4"), None, "odd range"),
            (0..10, Some("bytes 0-18446744073709551615/100"), None, "odd range"),
        ] {
            let Err(ReadError::Final(error)) = judge(range, content_range, length) else { panic!("{content_range:?}") };
            assert!(error.message.contains(words), "{error}");
            assert_eq!(error.blame, Blame::Harness);
        }
    }
}
