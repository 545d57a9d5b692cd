//! How often and how patiently something transient is tried again.

use super::ReadError;
use crate::error::Error;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Attempts and the pauses between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, before it is given up. With progress in between the count begins anew.
    pub attempts: u32,
    /// The pause after the first attempt; it doubles from one to the next.
    pub base: Duration,
    /// The longest pause.
    pub longest: Duration,
}

/// Six attempts over about seven seconds: some stores (Backblaze B2) answer 503 in ordinary operation and mean "ask again".
impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 6, base: Duration::from_millis(250), longest: Duration::from_secs(10) }
    }
}

impl Retry {
    /// The pause after this many failed attempts (from 1): exponential, and by chance between its half and its whole, so
    /// that parallel reads do not come back all at once.
    #[must_use]
    pub fn pause(&self, failed: u32) -> Duration {
        let whole = self.base.saturating_mul(1u32 << failed.saturating_sub(1).min(16)).min(self.longest);
        // The standard library's seeds are random; a crate for one dice is not needed.
        let dice = u32::try_from(RandomState::new().hash_one(failed) % 1000).unwrap_or(0);
        whole / 2 + whole / 2 * dice / 1000
    }

    /// Runs an attempt until it works, fails for good, or was tried often enough. The last error is told.
    ///
    /// # Errors
    /// The error of the last attempt; its message says how often it was tried.
    pub async fn run<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, ReadError>>,
    {
        let mut failed = 0;
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(ReadError::Final(error)) => return Err(error),
                Err(ReadError::Transient(error)) => {
                    failed += 1;
                    if failed >= self.attempts {
                        return Err(self.gave_up(error));
                    }
                    tracing::debug!(failed, %error, "trying again");
                    tokio::time::sleep(self.pause(failed)).await;
                }
            }
        }
    }

    /// The error of the last attempt, with how often it was tried.
    #[must_use]
    pub fn gave_up(&self, mut error: Error) -> Error {
        error.message = format!("{} (tried {} times)", error.message, self.attempts);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Retry = Retry { attempts: 3, base: Duration::from_millis(1), longest: Duration::from_millis(4) };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry { attempts: 6, base: Duration::from_millis(100), longest: Duration::from_millis(300) };
        for (failed, whole) in [(1, 100), (2, 200), (3, 300), (40, 300)] {
            let pause = retry.pause(failed).as_millis();
            assert!((whole / 2..=whole).contains(&pause), "{failed}: {pause}");
        }
    }

    #[tokio::test]
    async fn what_is_transient_is_tried_again_and_what_is_final_is_not() {
        let mut calls = 0;
        let result = FAST.run(|| {
            calls += 1;
            let now = calls;
            async move { if now < 3 { Err(ReadError::Transient(Error::harness("busy"))) } else { Ok(now) } }
        });
        assert_eq!(result.await, Ok(3));
        let mut calls = 0;
        let result: Result<(), _> = FAST
            .run(|| {
                calls += 1;
                async { Err(ReadError::Final(Error::harness("no"))) }
            })
            .await;
        assert_eq!((result.expect_err("final").message.as_str(), calls), ("no", 1));
    }

    #[tokio::test]
    async fn giving_up_tells_the_last_error_and_how_often() {
        let result: Result<(), _> = FAST.run(|| async { Err(ReadError::Transient(Error::harness("busy"))) }).await;
        assert_eq!(result.expect_err("busy").message, "busy (tried 3 times)");
    }
}
