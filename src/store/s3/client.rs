//! The SDK's client for one bucket: credentials, region, endpoint, TLS and time limits.

use crate::error::{Error, Result};
use crate::scenario::{Credentials, S3Spec, Waits};
use crate::secret::Secrets;
use crate::tls::read_ca;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::provider::future;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials as Keys, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

/// Everything that a client needs and that can be read without the network.
pub(super) struct Plan {
    spec: S3Spec,
    keys: Option<Keys>,
    /// The region, where it is known without asking the SDK's chain.
    region: Option<String>,
    ca: Option<Vec<u8>>,
    secrets: Secrets,
}

/// What the SDK's chain finds, taken into the redaction: a server may echo it in an error.
#[derive(Debug)]
struct Remembering {
    found: SharedCredentialsProvider,
    secrets: Secrets,
}

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let keys = self.found.provide_credentials().await?;
            for secret in [Some(keys.access_key_id()), Some(keys.secret_access_key()), keys.session_token()].into_iter().flatten()
            {
                let _ = self.secrets.known(secret);
            }
            Ok(keys)
        })
    }
}

/// A server that is not AWS mostly does not look at the region, but the signature needs one. `MinIO` insists on this one.
const DEFAULT_REGION: &str = "us-east-1";

impl Plan {
    pub(super) fn new(spec: &S3Spec, secrets: &Secrets) -> Result<Self> {
        let keys = match &spec.credentials {
            Credentials::Chain | Credentials::Profile(_) => None,
            Credentials::Keys { access_key_id, secret_access_key, session_token } => {
                let token = session_token.as_ref().map(|t| secrets.read(t)).transpose()?;
                let token = token.map(|t| t.expose().to_owned());
                let (id, secret) = (secrets.read(access_key_id)?, secrets.read(secret_access_key)?);
                Some(Keys::new(id.expose(), secret.expose(), token, None, "assay"))
            }
        };
        let region = spec.region.clone().or_else(|| spec.endpoint.as_ref().map(|_| DEFAULT_REGION.to_owned()));
        if region.is_none() && keys.is_some() {
            return Err(Error::scenario(format!("the region of the bucket {} is not given", spec.bucket))
                .hint("Add `region:` to the store in assay.yaml."));
        }
        let ca = spec.ca.as_deref().map(read_ca).transpose()?;
        Ok(Self { spec: spec.clone(), keys, region, ca, secrets: secrets.clone() })
    }

    pub(super) const fn waits(&self) -> Waits {
        self.spec.waits
    }

    /// Keys by reference cost no call and no wait; else the SDK's own chain is asked.
    pub(super) async fn client(&self) -> Result<Client> {
        let http = self.http();
        let builder = if let Some(keys) = &self.keys {
            Builder::new().credentials_provider(keys.clone()).http_client(http)
        } else {
            let chain = self.chain().http_client(http).load().await;
            let builder = Builder::from(&chain);
            match chain.credentials_provider() {
                Some(found) => builder.credentials_provider(Remembering { found, secrets: self.secrets.clone() }),
                None => builder,
            }
        };
        let mut builder = builder
            .behavior_version(BehaviorVersion::latest())
            .force_path_style(self.spec.path_style)
            // Retries are ours alone, so that they are counted, told and resumed in one place; and so are stalls.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(self.timeouts());
        if let Some(region) = &self.region {
            builder = builder.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &self.spec.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        if !self.is_aws() {
            // With the SDK's default, `when_supported`, a GET asks for the object's checksum. Ceph (until 2025), MinIO
            // (until 2023) and s3s then send that of the whole object with a range of it, and the SDK finds the body
            // damaged; Backblaze B2, OVH and others refuse requests that carry checksum headers at all.
            builder = builder
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Ok(Client::from_conf(builder.build()))
    }

    fn chain(&self) -> ConfigLoader {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Credentials::Profile(name) = &self.spec.credentials {
            loader = loader.profile_name(name);
        }
        loader
    }

    fn timeouts(&self) -> TimeoutConfig {
        let Waits { connect, stall } = self.spec.waits;
        TimeoutConfig::builder().connect_timeout(connect).read_timeout(stall).build()
    }

    fn is_aws(&self) -> bool {
        self.spec.endpoint.as_deref().is_none_or(|endpoint| {
            let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
            let host = host.split(['/', ':']).next().unwrap_or_default();
            host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
        })
    }

    /// Plain HTTP loads no certificates. The SDK's chain needs TLS even for such an endpoint.
    fn http(&self) -> SharedHttpClient {
        let plain = self.spec.endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
        if plain && self.keys.is_some() {
            return HttpBuilder::new().build_http();
        }
        // The SDK's client asserts that a machine that it takes the roots of has some: a small container has none.
        let native = !rustls_native_certs::load_native_certs().certs.is_empty();
        let mut trust = TrustStore::empty().with_native_roots(native);
        if let Some(ca) = &self.ca {
            trust = trust.with_pem_certificate(ca.clone());
        }
        let builder = HttpBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        match TlsContext::builder().with_trust_store(trust).build() {
            Ok(context) => builder.tls_context(context).build_https(),
            Err(_) => builder.build_https(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretRef;
    use std::path::Path;
    use std::time::Duration;

    fn spec() -> S3Spec {
        S3Spec {
            bucket: "b".into(),
            endpoint: None,
            region: None,
            path_style: false,
            prefix: String::new(),
            ca: None,
            credentials: Credentials::Chain,
            waits: Waits { connect: Duration::from_secs(1), stall: Duration::from_secs(1) },
        }
    }

    fn keys(dir: &Path) -> Credentials {
        let file = dir.join("key");
        std::fs::write(&file, "some-key\n").expect("write");
        let key = SecretRef::File(file);
        Credentials::Keys { access_key_id: key.clone(), secret_access_key: key, session_token: None }
    }

    #[test]
    fn only_amazons_own_hosts_are_aws() {
        for (endpoint, aws) in [
            (None, true),
            (Some("https://s3.eu-west-1.amazonaws.com"), true),
            (Some("https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com:443/x"), true),
            (Some("https://s3.eu-central-003.backblazeb2.com"), false),
            (Some("http://127.0.0.1:9000"), false),
            (Some("https://amazonaws.com.example.net"), false),
        ] {
            let spec = S3Spec { endpoint: endpoint.map(str::to_owned), ..spec() };
            assert_eq!(Plan::new(&spec, &Secrets::default()).expect("plan").is_aws(), aws, "{endpoint:?}");
        }
    }

    #[test]
    fn a_region_is_needed_on_aws_only() {
        let dir = tempfile::tempdir().expect("tempdir");
        let with_keys = S3Spec { credentials: keys(dir.path()), ..spec() };
        let error = Plan::new(&with_keys, &Secrets::default()).err().expect("no region");
        assert_eq!(error.message, "the region of the bucket b is not given");
        let with_endpoint = S3Spec { endpoint: Some("http://127.0.0.1:1".into()), ..with_keys };
        let plan = Plan::new(&with_endpoint, &Secrets::default()).expect("plan");
        assert_eq!(plan.region.as_deref(), Some("us-east-1"));
    }
}
