//! A small HTTP client for other people's APIs: patient, bounded, and silent about secrets.
//!
//! Every answer is handed out, whatever its status: what it means is its reader's to say, and [`Answer::refused`] has the words for
//! those that nobody expects. What is transient is tried again: a connection that broke, 408, 429 and the 5xx, after the pause that
//! the server asks for.

mod answer;

pub use answer::Answer;

use crate::error::{Error, Result};
use crate::secret::Secrets;
use crate::store::ReadError;
use crate::store::retry::Retry;
use crate::tls;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method};
use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// How an API is talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manners {
    /// A PEM file with the certificate authority of a server of one's own.
    pub ca: Option<PathBuf>,
    /// For a connection.
    pub connect: Duration,
    /// For one answer, from the question to its last byte.
    pub answer: Duration,
    /// The longest pause that a server may ask for (`Retry-After`). A longer one is an error that says how long.
    pub longest_pause: Duration,
    /// The largest answer, in bytes.
    pub largest: usize,
    /// How often, and how patiently.
    pub retry: Retry,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            ca: None,
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            longest_pause: Duration::from_mins(1),
            largest: 32 << 20,
            retry: Retry { attempts: 4, base: Duration::from_millis(500), longest: Duration::from_secs(10) },
        }
    }
}

/// A request. Its headers may hold secrets that were read through [`Secrets`].
#[derive(Debug, Clone)]
pub struct Ask {
    /// `GET` for everything that only looks.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent.
    pub body: Vec<u8>,
}

impl Ask {
    /// A question that changes nothing.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// With a header. Its value shows in no log.
    ///
    /// # Errors
    /// Harness: no header can carry the value, such as one with a line break in it.
    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Error::harness(format!("the value of the header {name} cannot be sent: it has characters of no header"))
        })?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(self)
    }

    /// Without what follows the path: queries hold names that are nobody's business.
    fn place(&self) -> &str {
        self.url.split('?').next().unwrap_or(&self.url)
    }
}

/// A client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    manners: Manners,
    secrets: Secrets,
}

impl Http {
    /// Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY` ...).
    ///
    /// # Errors
    /// Harness: the `ca` file is unusable, or TLS is.
    pub fn new(manners: Manners, secrets: &Secrets) -> Result<Self> {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls::client(manners.ca.as_deref())?)
            .connect_timeout(manners.connect)
            .timeout(manners.answer)
            .redirect(Policy::custom(only_to_the_same_host))
            .user_agent(concat!("assay/", env!("CARGO_PKG_VERSION")));
        let client = builder.build().map_err(|e| Error::harness(format!("cannot make an HTTP client: {}", whole(&e))))?;
        Ok(Self { client, manners, secrets: secrets.clone() })
    }

    /// Asks until there is an answer that is not transient, or it was tried often enough; then the last one is handed out.
    ///
    /// # Errors
    /// Harness: no answer, a pause that is too long, one that is too large, or a redirect to another host.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer> {
        let Retry { attempts, .. } = self.manners.retry;
        let mut failed = 0;
        loop {
            let result = self.once(ask).await;
            failed += 1;
            let pause = match &result {
                Ok(answer) if answer.is_transient() => self.pause_after(answer, failed, ask)?,
                Err(ReadError::Transient(_)) => self.manners.retry.pause(failed),
                Ok(_) | Err(ReadError::Final(_)) => return result.map_err(ReadError::into_error),
            };
            if failed >= attempts {
                return result.map_err(|e| self.manners.retry.gave_up(e.into_error()));
            }
            tracing::debug!(place = ask.place(), failed, ?pause, "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    /// What the server asks for, a little more so that many do not come back at once; else our own.
    fn pause_after(&self, answer: &Answer, failed: u32, ask: &Ask) -> Result<Duration> {
        let own = self.manners.retry.pause(failed);
        let Some(asked) = answer.retry_after(jiff::Timestamp::now()) else { return Ok(own) };
        if asked > self.manners.longest_pause {
            let message = format!("{} asks for a pause of {} seconds ({})", ask.place(), asked.as_secs(), answer.status());
            return Err(Error::harness(message).hint("Too many questions were asked of it. Run again later, or less often."));
        }
        Ok(asked + own.min(Duration::from_secs(1)))
    }

    async fn once(&self, ask: &Ask) -> std::result::Result<Answer, ReadError> {
        let headers: HeaderMap = ask.headers.iter().cloned().collect();
        let request = self.client.request(ask.method.clone(), &ask.url).headers(headers).body(ask.body.clone());
        let mut response = request.send().await.map_err(|e| self.failed(ask, &e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(ask, &e))? {
            if body.len() + chunk.len() > self.manners.largest {
                let message = format!("the answer of {} is larger than {} bytes", ask.place(), self.manners.largest);
                return Err(ReadError::Final(Error::harness(message)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(ask.place(), status, headers, body, self.secrets.clone()))
    }

    /// A question without a whole answer. Only what cannot become better is final.
    fn failed(&self, ask: &Ask, error: &reqwest::Error) -> ReadError {
        let place = ask.place();
        let told = self.secrets.redact(&whole(error));
        if error.is_redirect() {
            return ReadError::Final(
                Error::harness(format!("{place} leads elsewhere: {told}")).hint("Write the URL that it leads to."),
            );
        }
        if error.is_builder() {
            return ReadError::Final(Error::scenario(format!("{place} cannot be asked: {told}")));
        }
        if told.contains("certificate") {
            let hint = "Check the URL. For an authority of your own, name its PEM file by `ca`.";
            return ReadError::Final(Error::harness(format!("{place} cannot be trusted: {told}")).hint(hint));
        }
        let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached, or its answer breaks off" };
        ReadError::Transient(Error::harness(format!("{place} {what}: {told}")))
    }
}

/// The credentials that go with a request are for one host. A redirect from another one could be anybody's.
fn only_to_the_same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let to = attempt.url();
    let same = attempt.previous().first().is_some_and(|first| first.origin() == to.origin());
    let host = to.host_str().unwrap_or_default().to_owned();
    if attempt.previous().len() > 5 {
        return attempt.error("it leads in a circle");
    }
    if same { attempt.follow() } else { attempt.error(format!("it redirects to another host, {host}")) }
}

/// An error with its causes: the outermost alone says little. The URL is told elsewhere, without its query.
fn whole(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    causes.dedup();
    causes.last().cloned().unwrap_or_else(|| "no reason given".to_owned())
}
