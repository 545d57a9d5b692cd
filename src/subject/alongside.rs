//! A restore from a file, and the look through the same bytes beside it.

use super::{Attempt, Restored, Surveyed};
use crate::error::{Blame, Error, Result};
use std::future::Future;

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
pub async fn alongside<S>(survey: S, restore: impl Future<Output = Result<Restored>>) -> Attempt
where
    S: FnOnce() -> Result<Survey> + Send + 'static,
{
    let survey = tokio::task::spawn_blocking(survey);
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
        let attempt = alongside(|| Ok(hopeless()), pending()).await;
        assert_eq!(attempt.restored.expect_err("given up"), Error::backup("damaged"));
    }

    #[tokio::test]
    async fn the_survey_is_waited_for_and_blames_what_the_tool_does_not() {
        let (told, wait) = std::sync::mpsc::channel();
        let survey = move || wait.recv().map_or_else(|_| Ok(Survey::default()), |()| Ok(hopeless()));
        let restore = async move {
            told.send(()).expect("the survey waits");
            Err(Error::harness("the tool made no progress"))
        };
        let error = alongside(survey, restore).await.restored.expect_err("damaged");
        assert_eq!(error, Error::backup("damaged").evidence(["the tool made no progress"]));
        let own = alongside(|| Ok(hopeless()), ready(Err(Error::backup("the tool's own words")))).await;
        assert!(own.restored.is_err_and(|e| e.blame == Blame::Backup));
    }

    #[tokio::test]
    async fn a_survey_that_cannot_read_is_no_proof() {
        let attempt = alongside(|| Err(Error::harness("the disk broke")), pending()).await;
        assert_eq!(attempt.restored.expect_err("unread"), Error::harness("the disk broke"));
    }
}
