//! A restore from a file, and the look through the same bytes beside it.

use super::{Attempt, Restored, Surveyed};
use crate::error::{Blame, Error, Result};
use std::future::Future;
use std::io::{self, Read};
use tokio_util::sync::CancellationToken;

/// What a survey found, and whether there is any use in restoring further.
#[derive(Debug, Default)]
pub struct Survey {
    /// What it found.
    pub surveyed: Surveyed,
    /// The artifact is so damaged that the tool can only fail, hang or restore something else; why.
    pub hopeless: Option<Error>,
}

/// Restores while `survey` looks through the same bytes in a thread of its own. Where the survey finds the artifact hopeless, a
/// restore that is still under way is given up: some tools never come back from a damaged file.
///
/// The survey reads through what it makes of the token ([`Until`]): it ends when nobody waits for it any more.
pub async fn alongside<S>(survey: S, restore: impl Future<Output = Result<Restored>>) -> Attempt
where
    S: FnOnce(CancellationToken) -> Result<Survey> + Send + 'static,
{
    let token = CancellationToken::new();
    let _given_up = token.clone().drop_guard();
    let survey = tokio::task::spawn_blocking(move || survey(token));
    let survey = async { survey.await.unwrap_or_else(|e| Err(Error::harness(format!("the survey ended: {e}")))) };
    tokio::pin!(survey, restore);
    tokio::select! {
        biased;
        found = &mut survey => match found {
            Ok(Survey { surveyed, hopeless: Some(error) }) => Attempt { surveyed, restored: Err(error) },
            Ok(Survey { surveyed, hopeless: None }) => Attempt { surveyed, restored: restore.await },
            Err(error) => Attempt { surveyed: Surveyed::default(), restored: Err(error) },
        },
        restored = &mut restore => match survey.await {
            Ok(Survey { surveyed, hopeless }) => Attempt { surveyed, restored: blamed(restored, hopeless) },
            Err(error) => Attempt { surveyed: Surveyed::default(), restored: restored.and(Err(error)) },
        },
    }
}

/// A reader that ends with an error when it is given up: a thread that reads a large file cannot be ended otherwise.
#[derive(Debug)]
pub struct Until<R> {
    from: R,
    given_up: CancellationToken,
}

impl<R> Until<R> {
    /// Reads from `from` until it is given up.
    pub const fn new(from: R, given_up: CancellationToken) -> Self {
        Self { from, given_up }
    }
}

impl<R: Read> Read for Until<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.given_up.is_cancelled() {
            return Err(Error::harness("the survey was given up").into());
        }
        self.from.read(buf)
    }
}

/// A damaged artifact makes tools say all kinds of things; where their error does not blame it, the survey does.
fn blamed(restored: Result<Restored>, hopeless: Option<Error>) -> Result<Restored> {
    match (restored, hopeless) {
        (Err(error), Some(hopeless)) if error.blame != Blame::Backup => {
            Err(hopeless.evidence([error.message]).evidence(error.evidence))
        }
        (restored, _) => restored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    fn hopeless() -> Survey {
        Survey { surveyed: Surveyed::default(), hopeless: Some(Error::backup("damaged")) }
    }

    #[tokio::test]
    async fn a_hopeless_artifact_ends_a_restore_that_would_never_end() {
        let attempt = alongside(|_| Ok(hopeless()), pending()).await;
        assert_eq!(attempt.restored.expect_err("given up"), Error::backup("damaged"));
    }

    #[tokio::test]
    async fn the_survey_is_waited_for_and_blames_what_the_tool_does_not() {
        let (told, wait) = std::sync::mpsc::channel();
        let survey = move |_| wait.recv().map_or_else(|_| Ok(Survey::default()), |()| Ok(hopeless()));
        let restore = async move {
            told.send(()).expect("the survey waits");
            Err(Error::harness("the tool made no progress"))
        };
        let error = alongside(survey, restore).await.restored.expect_err("damaged");
        assert_eq!(error, Error::backup("damaged").evidence(["the tool made no progress"]));
        let own = alongside(|_| Ok(hopeless()), ready(Err(Error::backup("the tool's own words")))).await;
        assert!(own.restored.is_err_and(|e| e.blame == Blame::Backup));
    }

    #[tokio::test]
    async fn a_survey_that_cannot_read_is_no_proof() {
        let attempt = alongside(|_| Err(Error::harness("the disk broke")), pending()).await;
        assert_eq!(attempt.restored.expect_err("unread"), Error::harness("the disk broke"));
    }

    #[tokio::test]
    async fn a_survey_that_nobody_waits_for_ends() {
        let (ended, wait) = std::sync::mpsc::channel();
        let survey = move |token| {
            let read = io::copy(&mut Until::new(io::repeat(0), token), &mut io::sink());
            ended.send(read.is_err()).expect("the test waits");
            Ok(Survey::default())
        };
        let work = alongside(survey, pending());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), work).await.is_err());
        let ended = tokio::task::spawn_blocking(move || wait.recv_timeout(std::time::Duration::from_secs(5)));
        assert_eq!(ended.await.expect("no panic"), Ok(true));
    }
}
