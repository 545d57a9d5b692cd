//! Reading a whole object: parallel ranges, in order, each resumed from the very byte where it broke.

use super::retry::Retry;
use super::{Chunks, Object, ReadError, Store};
use crate::error::Error;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::ops::Range;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// How an object is cut into ranges, and how patiently each is read. `part` times `parallel` bounds the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPolicy {
    /// Bytes per range.
    pub part: u64,
    /// Ranges that are read at once.
    pub parallel: usize,
    /// Attempts per range without a single new byte.
    pub retry: Retry,
}

/// 32 MiB in memory: enough to fill a fast line although each answer takes its time to begin.
impl Default for FetchPolicy {
    fn default() -> Self {
        Self { part: 8 << 20, parallel: 4, retry: Retry::default() }
    }
}

/// The object's bytes in order, from its first to its last. Nothing is read before the stream is polled; what is under way
/// ends when it is dropped.
#[must_use]
pub fn fetch(store: Arc<dyn Store>, object: Object) -> Chunks {
    fetch_with(store, object, FetchPolicy::default())
}

/// [`fetch`] with a policy of one's own.
#[must_use]
pub fn fetch_with(store: Arc<dyn Store>, object: Object, policy: FetchPolicy) -> Chunks {
    let object = Arc::new(object);
    let parts = parts(object.size, policy.part).map(move |range| {
        let (store, object) = (store.clone(), object.clone());
        // A task of its own per range: it goes on while the consumer is busy, so that no connection idles into a timeout.
        let read = async move { read_part(store.as_ref(), &object, range, &policy.retry).await };
        let task = AbortOnDropHandle::new(tokio::spawn(read));
        async move { task.await.unwrap_or_else(|e| Err(Error::harness(format!("a read ended: {e}")))) }
    });
    stream::iter(parts)
        .buffered(policy.parallel.max(1))
        .map_err(ReadError::Final)
        .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
}

/// The ranges of an object; `stream::iter` asks for the next one only when there is room for it.
fn parts(size: u64, part: u64) -> impl Iterator<Item = Range<u64>> {
    let part = part.max(1);
    (0..size.div_ceil(part)).map(move |n| n * part..size.min((n + 1) * part))
}

/// One range, whole, with as many attempts as the policy allows.
async fn read_part(store: &dyn Store, object: &Object, range: Range<u64>, retry: &Retry) -> Result<Vec<Bytes>, Error> {
    let mut part = Part { range, pieces: Vec::new(), received: 0 };
    let (mut failed, mut furthest) = (0, 0);
    loop {
        let error = match part.read_on(store, object).await {
            Ok(()) => return Ok(part.pieces),
            Err(ReadError::Final(error)) => return Err(error),
            Err(ReadError::Transient(error)) => error,
        };
        failed = if part.received > furthest { 1 } else { failed + 1 };
        furthest = furthest.max(part.received);
        if failed >= retry.attempts {
            let at = part.range.start + part.received;
            return Err(retry.gave_up(error).context(format!("cannot read {} from byte {at} on", object.key)));
        }
        tracing::debug!(key = object.key, failed, %error, "reading on where it broke");
        tokio::time::sleep(retry.pause(failed)).await;
    }
}

/// A range as far as it was received.
struct Part {
    range: Range<u64>,
    pieces: Vec<Bytes>,
    received: u64,
}

impl Part {
    /// One attempt at what is missing.
    async fn read_on(&mut self, store: &dyn Store, object: &Object) -> Result<(), ReadError> {
        let wanted = self.range.end - self.range.start;
        let mut chunks = store.read(object, self.range.start + self.received..self.range.end).await?;
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                // An error behind the last byte speaks against all of them: a checksum did not match.
                Err(error) if self.received == wanted => {
                    self.pieces.clear();
                    self.received = 0;
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            self.received += chunk.len() as u64;
            if self.received > wanted {
                return Err(ReadError::Final(more_than_asked(object, wanted)));
            }
            self.pieces.push(chunk);
        }
        if self.received < wanted {
            let message = format!("the answer ended after {} of {wanted} bytes", self.received);
            return Err(ReadError::Transient(Error::harness(message).hint("Check the store's server and the network to it.")));
        }
        Ok(())
    }
}

fn more_than_asked(object: &Object, wanted: u64) -> Error {
    Error::harness(format!("the store sent more than the {wanted} bytes of {} that were asked for", object.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use jiff::Timestamp;
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::time::Duration;

    /// What an attempt does.
    #[derive(Clone, Copy)]
    enum Act {
        /// Deliver at most this many bytes, then break.
        Break(usize),
        /// Deliver at most this many bytes, then end as if that were all.
        End(usize),
        /// Deliver everything, then complain.
        Complain,
        /// Deliver a byte too many.
        More,
        /// Refuse.
        Refuse,
    }

    struct Script {
        bytes: Vec<u8>,
        acts: Mutex<VecDeque<Act>>,
        asked: Mutex<Vec<Range<u64>>>,
    }

    impl Script {
        fn new(size: usize, acts: &[Act]) -> Arc<Self> {
            let bytes = (0..size).map(|i| u8::try_from(i % 251).expect("small")).collect();
            Arc::new(Self { bytes, acts: Mutex::new(acts.iter().copied().collect()), asked: Mutex::default() })
        }

        fn object(&self) -> Object {
            Object { key: "k".into(), size: self.bytes.len() as u64, modified: Timestamp::UNIX_EPOCH, etag: None }
        }
    }

    fn broken() -> ReadError {
        ReadError::Transient(Error::harness("broken"))
    }

    #[async_trait]
    impl Store for Script {
        fn location(&self) -> String {
            "script".into()
        }

        async fn list(&self, _: &str, _: Option<&str>, _: &mut (dyn FnMut(Object) + Send)) -> Result<(), Error> {
            Ok(())
        }

        async fn read(&self, _: &Object, range: Range<u64>) -> Result<Chunks, ReadError> {
            self.asked.lock().expect("lock").push(range.clone());
            let act = self.acts.lock().expect("lock").pop_front();
            let (from, to) = (usize::try_from(range.start).expect("small"), usize::try_from(range.end).expect("small"));
            let mut bytes = self.bytes[from..to].to_vec();
            let mut last = None;
            match act {
                None => {}
                Some(Act::Refuse) => return Err(broken()),
                Some(Act::Complain) => last = Some(broken()),
                Some(Act::More) => bytes.push(0),
                Some(Act::End(n)) => bytes.truncate(n),
                Some(Act::Break(n)) => {
                    bytes.truncate(n);
                    last = Some(broken());
                }
            }
            let chunks = (!bytes.is_empty()).then(|| Ok(Bytes::from(bytes)));
            Ok(stream::iter(chunks.into_iter().chain(last.map(Err))).boxed())
        }
    }

    fn policy(part: u64, parallel: usize) -> FetchPolicy {
        FetchPolicy { part, parallel, retry: Retry { attempts: 3, base: Duration::ZERO, longest: Duration::ZERO } }
    }

    async fn all(script: &Arc<Script>, policy: FetchPolicy) -> Result<Vec<u8>, Error> {
        let chunks = fetch_with(script.clone(), script.object(), policy);
        chunks
            .map_err(ReadError::into_error)
            .try_fold(Vec::new(), |mut all, c| async move {
                all.extend_from_slice(&c);
                Ok(all)
            })
            .await
    }

    #[tokio::test]
    async fn parts_arrive_in_order_and_cover_every_byte() {
        for size in [0, 1, 9, 10, 11, 95] {
            let script = Script::new(size, &[]);
            assert_eq!(all(&script, policy(10, 4)).await.expect("read"), script.bytes, "{size}");
            assert_eq!(script.asked.lock().expect("lock").len(), size.div_ceil(10), "{size}");
        }
    }

    #[tokio::test]
    async fn a_broken_part_goes_on_at_the_byte_where_it_broke() {
        let script = Script::new(10, &[Act::Break(4), Act::Refuse, Act::End(3)]);
        assert_eq!(all(&script, policy(10, 1)).await.expect("read"), script.bytes);
        assert_eq!(*script.asked.lock().expect("lock"), [0..10, 4..10, 4..10, 7..10]);
    }

    #[tokio::test]
    async fn progress_resets_the_count_and_its_absence_ends_it() {
        let script = Script::new(10, &[Act::Break(1); 9]);
        assert_eq!(all(&script, policy(10, 1)).await.expect("read"), script.bytes);
        let script = Script::new(10, &[Act::Break(2), Act::Refuse, Act::Break(0), Act::Refuse, Act::Refuse]);
        let error = all(&script, policy(10, 1)).await.expect_err("broken for ever");
        assert_eq!(error.message, "cannot read k from byte 2 on: broken (tried 3 times)");
        assert_eq!(script.asked.lock().expect("lock").len(), 3);
    }

    #[tokio::test]
    async fn a_complaint_behind_the_last_byte_discards_the_part() {
        let script = Script::new(10, &[Act::Complain]);
        assert_eq!(all(&script, policy(10, 1)).await.expect("read"), script.bytes);
        assert_eq!(*script.asked.lock().expect("lock"), [0..10, 0..10]);
        let script = Script::new(10, &[Act::Complain; 3]);
        assert!(all(&script, policy(10, 1)).await.is_err());
    }

    #[tokio::test]
    async fn more_than_asked_is_an_error() {
        let error = all(&Script::new(10, &[Act::More]), policy(10, 1)).await.expect_err("too much");
        assert!(error.message.contains("more than the 10 bytes"), "{error}");
    }

    #[test]
    fn the_default_needs_32_mib() {
        let policy = FetchPolicy::default();
        assert_eq!(policy.part * policy.parallel as u64, 32 << 20);
    }
}
