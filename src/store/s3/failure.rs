//! What went wrong with a request, in words, with what to do about it, and whether it may pass by itself. The SDK's own
//! texts are dumps of its structures: nothing of them reaches a person.

use crate::error::Error;
use crate::scenario::S3Spec;
use crate::store::{ReadError, gone, overwritten};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error as StdError;
use std::io::ErrorKind;

/// What to do about a wait that was too long.
pub(super) const RAISE_WAITS: &str = "Check the network to the store, or raise the store's limits for waiting.";

/// The bucket and the server, as messages name them.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) prefix: String,
    /// The endpoint's URL, or `AWS`.
    pub(super) server: String,
    region: String,
}

impl Place {
    pub(super) fn new(spec: &S3Spec) -> Self {
        Self {
            bucket: spec.bucket.clone(),
            prefix: spec.prefix.clone(),
            server: spec.endpoint.clone().unwrap_or_else(|| "AWS".to_owned()),
            region: spec.region.clone().unwrap_or_else(|| "none given".to_owned()),
        }
    }

    pub(super) fn location(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    pub(super) fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// Why a listing failed.
pub(super) fn list<E>(error: &SdkError<E, HttpResponse>, place: &Place) -> ReadError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match Refusal::of(error) {
        Some(refusal) => refusal.judge(place, None),
        None => unanswered(error, place),
    }
}

/// Why a read failed.
pub(super) fn read<E>(error: &SdkError<E, HttpResponse>, place: &Place, key: &str) -> ReadError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match Refusal::of(error) {
        Some(refusal) => refusal.judge(place, Some(key)),
        None => unanswered(error, place),
    }
}

/// An answer of the server that is an error.
struct Refusal {
    status: u16,
    code: String,
    message: String,
    /// The region that the server names as the right one.
    region: Option<String>,
}

impl Refusal {
    fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Self> {
        let response = error.raw_response()?;
        let status = response.status().as_u16();
        if status < 300 {
            return None;
        }
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let in_body = || between(&body, "<Region>", "</Region>");
        Some(Self {
            status,
            code: clean(meta.and_then(|m| m.code()).unwrap_or_default()),
            message: clean(meta.and_then(|m| m.message()).unwrap_or_default()),
            region: response.headers().get("x-amz-bucket-region").or_else(in_body).map(clean),
        })
    }

    /// `503 SlowDown: please reduce your request rate`.
    fn words(&self) -> String {
        let mut words = self.status.to_string();
        for (separator, part) in [(" ", &self.code), (": ", &self.message)] {
            if !part.is_empty() {
                words.push_str(separator);
                words.push_str(part);
            }
        }
        words
    }

    fn judge(&self, place: &Place, key: Option<&str>) -> ReadError {
        if self.is_transient() {
            let message = format!("{} is busy or out of order ({})", place.server, self.words());
            return ReadError::Transient(
                Error::harness(message).hint("Run again later; if it stays so, look at the store's status."),
            );
        }
        ReadError::Final(self.object(key).or_else(|| self.credentials()).unwrap_or_else(|| self.bucket(place, key)))
    }

    fn is_transient(&self) -> bool {
        let throttled = self.code.contains("Throttl") || self.code.contains("TooManyRequests");
        // 501 says that the server will never know the call.
        throttled
            || (self.status >= 500 && self.status != 501)
            || self.status == 429
            || matches!(self.code.as_str(), "SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable")
    }

    /// What is wrong with the one object.
    fn object(&self, key: Option<&str>) -> Option<Error> {
        let key = key?;
        match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket") => None,
            (404, _) => Some(gone(key)),
            (412 | 416, _) => Some(overwritten(key)),
            (_, "InvalidObjectState") => Some(
                Error::harness(format!("{key} lies in an archive class and cannot be read at once"))
                    .hint("Restore it into a class that can be read, then run again."),
            ),
            _ => None,
        }
    }

    /// What is wrong with who we are.
    fn credentials(&self) -> Option<Error> {
        let (message, hint) = match self.code.as_str() {
            "InvalidAccessKeyId" => (
                "the store does not know the access key id",
                "Check `access_key_id`; on Backblaze B2 it must be an application key, not the master key.",
            ),
            "SignatureDoesNotMatch" => (
                "the store does not accept the signature: the secret access key is wrong",
                "Check `secret_access_key`: a wrong key, or a space or line break too many.",
            ),
            "RequestTimeTooSkewed" | "RequestExpired" => (
                "the clock of this machine and that of the store are too far apart",
                "Set the clock (systemctl enable --now systemd-timesyncd), then run again.",
            ),
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                ("the temporary credentials have expired", "Get new ones, or let the SDK's own chain refresh them.")
            }
            _ => return None,
        };
        Some(Error::harness(format!("{message} ({})", self.words())).hint(hint))
    }

    /// What is wrong with where we ask.
    fn bucket(&self, place: &Place, key: Option<&str>) -> Error {
        let Place { bucket, server, .. } = place;
        match (self.status, self.code.as_str()) {
            (_, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException")
            | (301 | 307 | 308, _) => self.wrong_region(place),
            (_, "InvalidBucketName") => Error::scenario(format!("{bucket} is no valid name of a bucket")),
            (404, _) => Error::scenario(format!("there is no bucket {bucket} at {server}"))
                .hint("Check `bucket`, `endpoint` and `path_style` of the store in assay.yaml."),
            (401 | 403, _) => {
                let (doing, right) = key.map_or(("list", "s3:ListBucket (listFiles on Backblaze B2)"), |_| {
                    ("read", "s3:GetObject (readFiles on Backblaze B2)")
                });
                let what = key.map_or_else(|| place.location(), str::to_owned);
                Error::harness(format!("access denied: the store does not let us {doing} {what} ({})", self.words()))
                    .hint(format!("Give the key the right {right} on this bucket and prefix; nothing else is needed."))
            }
            _ => Error::harness(format!("{server} refuses the request ({})", self.words())),
        }
    }

    fn wrong_region(&self, place: &Place) -> Error {
        let error =
            Error::harness(format!("the region ({}) of the bucket {} is wrong ({})", place.region, place.bucket, self.words()));
        match &self.region {
            Some(region) => error.hint(format!("Set `region: {region}` in assay.yaml: the store names it.")),
            None => error.hint("Set the bucket's own `region` (and its `endpoint`) in assay.yaml."),
        }
    }
}

/// No answer, or one that cannot be understood.
fn unanswered<E>(error: &SdkError<E, HttpResponse>, place: &Place) -> ReadError
where
    E: StdError + 'static,
{
    let causes = causes(error);
    let server = &place.server;
    if let Some(tls) = causes.iter().find_map(|c| c.downcast_ref::<rustls::Error>()) {
        return ReadError::Final(untrusted(tls, server));
    }
    let says = |words: &str| causes.iter().any(|c| c.to_string().contains(words));
    let kind = causes.iter().find_map(|c| c.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    let (message, hint) = if says("dns error") || says("failed to lookup") {
        (format!("the name in {server} does not resolve"), "Check `endpoint` in assay.yaml and this machine's DNS.")
    } else if kind == Some(ErrorKind::ConnectionRefused) {
        (format!("connection refused by {server}"), "Check that the store runs, and the port in `endpoint`.")
    } else if says("credential") {
        let message = format!("no usable credentials for the store ({})", root_cause(error));
        let hint = "Name `credentials` in assay.yaml, or set what the AWS SDK looks for: environment, profile, role.";
        return ReadError::Final(Error::harness(message).hint(hint));
    } else if matches!(error, SdkError::TimeoutError(_)) || says("timed out") || says("timeout") {
        (format!("{server} does not answer in time"), RAISE_WAITS)
    } else if never_sent(error) {
        let message = format!("the request to {server} cannot be made ({})", root_cause(error));
        return ReadError::Final(Error::harness(message).hint("Check `endpoint`, `bucket` and `region` in assay.yaml."));
    } else if error.raw_response().is_some() {
        (
            format!("{server} answers with something that is not S3's XML"),
            "Check `endpoint`: it must be the S3 API's address, not that of a web console, proxy or login page.",
        )
    } else {
        (format!("the connection to {server} broke ({})", root_cause(error)), "Check the network to the store.")
    };
    ReadError::Transient(Error::harness(message).hint(hint))
}

/// Whether the request did not even leave: no region, no valid endpoint.
fn never_sent<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_user() || (failure.is_other() && failure.as_other().is_none()),
        _ => false,
    }
}

fn untrusted(tls: &rustls::Error, server: &str) -> Error {
    use rustls::{CertificateError, Error as Tls};
    let (why, hint) = match tls {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "is not trusted: nobody we trust has signed it",
            "Name the authority's PEM file as `ca:` of the store in assay.yaml, or install the ca-certificates package.",
        ),
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("has expired", "Renew it on the store, or set this machine's clock.")
        }
        Tls::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => (
            "is for another name",
            "Use the name in the certificate as `endpoint`; if the bucket's name stands before it, set `path_style: true`.",
        ),
        Tls::InvalidMessage(_) => {
            return Error::harness(format!("{server} does not speak TLS")).hint("Write `http://` if the store has no TLS.");
        }
        other => {
            return Error::harness(format!("no secure connection to {server} ({other})"))
                .hint("If its certificate is one of your own, name its authority's PEM file as `ca:` of the store.");
        }
    };
    Error::harness(format!("the TLS certificate of {server} {why}")).hint(hint)
}

/// The error and everything behind it, with what `std::io::Error` hides between.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let next = |last: &&'e (dyn StdError + 'static)| -> Option<&'e (dyn StdError + 'static)> {
        let last: &'e (dyn StdError + 'static) = *last;
        let inner = last.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|e| e as &(dyn StdError + 'static)).or_else(|| last.source())
    };
    std::iter::successors(Some(error), next).collect()
}

/// The text of the innermost cause.
pub(super) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(|e| clean(&e.to_string())).unwrap_or_default()
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

/// A server's own words: one line, no control characters, no more than people read.
fn clean(text: &str) -> String {
    const LONGEST: usize = 200;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
