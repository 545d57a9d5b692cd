//! An S3 bucket as a store, whatever speaks the protocol: AWS, Backblaze B2, `MinIO`, Garage, Ceph ...

mod answer;
mod client;
mod failure;
mod listing;

use super::retry::Retry;
use super::{Chunks, Object, ReadError, Store, overwritten};
use crate::error::{Error, Result};
use crate::scenario::S3Spec;
use crate::secret::Secrets;
use async_trait::async_trait;
use aws_sdk_s3::Client;
use client::Plan;
use failure::Place;
use jiff::Timestamp;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A bucket, or what lies below a prefix in it.
pub struct S3Store {
    place: Place,
    plan: Plan,
    retry: Retry,
    /// Made when it is first needed: the SDK's chain may ask the network, certificates are read from the disk.
    client: OnceCell<Client>,
    /// `ETag`s of the first answers, for servers whose listing tells none (s3s-fs), by key and upload: an object that was
    /// listed anew may have changed.
    first_etags: Mutex<HashMap<(String, Timestamp), String>>,
}

impl std::fmt::Debug for S3Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Store").field("place", &self.place).finish_non_exhaustive()
    }
}

impl S3Store {
    /// Reads the keys and the certificate authority; no call goes out.
    ///
    /// # Errors
    /// Harness: a key or the `ca` file cannot be read. Scenario: AWS without a region.
    pub fn connect(spec: &S3Spec, secrets: &Secrets) -> Result<Self> {
        Ok(Self {
            place: Place::new(spec),
            plan: Plan::new(spec, secrets)?,
            retry: Retry::default(),
            client: OnceCell::new(),
            first_etags: Mutex::default(),
        })
    }

    /// How patiently a listing is retried; six attempts when it is not said.
    #[must_use]
    pub fn retrying(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    async fn client(&self) -> Result<&Client> {
        self.client.get_or_try_init(|| self.plan.client()).await
    }

    fn stall(&self) -> Duration {
        self.plan.waits().stall
    }

    /// The mark that a read must find: the listing's, else that of the first answer.
    fn known_etag(&self, object: &Object) -> Option<String> {
        object.etag.clone().or_else(|| self.first_etags.lock().ok()?.get(&upload(object)).cloned())
    }

    /// Compares an answer's mark with the known one, and keeps the first where there is none.
    fn same_etag(&self, object: &Object, known: Option<&str>, answered: Option<&str>) -> Result<(), ReadError> {
        match (known, answered) {
            (Some(known), Some(answered)) if known.trim_matches('"') != answered.trim_matches('"') => {
                Err(ReadError::Final(overwritten(&object.key)))
            }
            (None, Some(answered)) => {
                let Ok(mut first) = self.first_etags.lock() else { return Ok(()) };
                let first = first.entry(upload(object)).or_insert_with(|| answered.to_owned());
                // A parallel read may have been faster.
                if first == answered { Ok(()) } else { Err(ReadError::Final(overwritten(&object.key))) }
            }
            _ => Ok(()),
        }
    }
}

fn upload(object: &Object) -> (String, Timestamp) {
    (object.key.clone(), object.modified)
}

#[async_trait]
impl Store for S3Store {
    fn location(&self) -> String {
        self.place.location()
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, visit: &mut (dyn FnMut(Object) + Send)) -> Result<()> {
        let client = self.client().await?;
        listing::Listing::new(client, &self.place, self.stall() * 2, &self.retry).run(prefix, start_after, visit).await
    }

    async fn read(&self, object: &Object, range: Range<u64>) -> Result<Chunks, ReadError> {
        let client = self.client().await.map_err(ReadError::Final)?;
        let known = self.known_etag(object);
        let whole = range == (0..object.size);
        let asked = (!whole).then(|| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let request = client.get_object().bucket(&self.place.bucket).key(self.place.full_key(&object.key));
        let request = request.set_range(asked).set_if_match(known.clone());
        let output = request.send().await.map_err(|e| failure::read(&e, &self.place, &object.key))?;
        self.same_etag(object, known.as_deref(), output.e_tag())?;
        answer::right_range(object, &range, output.content_range(), output.content_length())?;
        Ok(answer::chunks(output.body, range.end - range.start, self.stall()))
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        error.into_error()
    }
}
