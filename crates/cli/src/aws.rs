//! The SDK client of the everyday commands: which endpoint, Region and credentials it uses.
//!
//! Everything the AWS CLI understands works: profiles, SSO, instance roles, proxies. On top of
//! that, an endpoint on this machine works with no configuration at all.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use aws_config::environment::credentials::EnvironmentVariableCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use clap::Args;

/// Where `anabranch serve` listens unless told otherwise.
pub(crate) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4567";

/// The SDK's client, and the name of its endpoint for error messages.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    sdk: aws_sdk_kinesis::Client,
    endpoint: Arc<str>,
}

impl Deref for Client {
    type Target = aws_sdk_kinesis::Client;

    fn deref(&self) -> &Self::Target {
        &self.sdk
    }
}

/// How to reach the service.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Endpoint URL [default: AWS_ENDPOINT_URL(_KINESIS), else http://127.0.0.1:4567]
    #[arg(long, value_name = "URL", env = "ANABRANCH_ENDPOINT", conflicts_with = "aws")]
    endpoint: Option<String>,
    /// Use Amazon's own endpoint of the Region
    #[arg(long)]
    aws: bool,
    /// Region [default: from the environment or profile, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// PEM file of certificates to trust as well as the system's
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE")]
    ca_bundle: Option<PathBuf>,
}

/// Where an endpoint comes from.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    /// Amazon's, computed by the SDK.
    Amazon,
    /// The one of the environment, which the SDK reads itself.
    Configured(String),
    /// This URL.
    Url(String),
}

impl ConnectionArgs {
    /// Makes a client. Finding credentials may call SSO or the instance's metadata service, but
    /// never for an endpoint on this machine.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        let configured =
            ["AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"].map(|name| std::env::var(name).ok());
        let endpoint = self.endpoint(configured.into_iter().flatten().next());
        if let Endpoint::Url(url) = &endpoint {
            let uri = url.parse::<http::Uri>().ok().filter(|uri| uri.scheme().is_some());
            uri.with_context(|| format!("the endpoint is not a URL endpoint={url:?}"))?;
        }
        let local = matches!(&endpoint, Endpoint::Url(url) if is_loopback(url));

        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(self.region_chain(matches!(endpoint, Endpoint::Amazon)));
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(path) = &self.ca_bundle {
            loader = loader.http_client(http_client_trusting(path)?);
        }
        if local {
            loader = loader.credentials_provider(self.local_credentials().await?);
        }
        let shared = loader.load().await;

        let mut config = aws_sdk_kinesis::config::Builder::from(&shared);
        let name = match endpoint {
            Endpoint::Amazon => {
                config.set_endpoint_url(None);
                "Amazon's endpoint".to_owned()
            }
            Endpoint::Configured(url) => url,
            Endpoint::Url(url) => {
                config.set_endpoint_url(Some(url.clone()));
                url
            }
        };
        let sdk = aws_sdk_kinesis::Client::from_conf(config.build());
        Ok(Client { sdk, endpoint: name.into() })
    }

    fn endpoint(&self, configured: Option<String>) -> Endpoint {
        match (&self.endpoint, configured) {
            _ if self.aws => Endpoint::Amazon,
            (Some(url), _) => Endpoint::Url(url.clone()),
            (None, Some(url)) if is_loopback(&url) => Endpoint::Url(url),
            (None, Some(url)) => Endpoint::Configured(url),
            (None, None) => Endpoint::Url(DEFAULT_ENDPOINT.to_owned()),
        }
    }

    /// The metadata service of an instance is asked for Amazon only: elsewhere it may not exist
    /// and asking takes seconds.
    fn region_chain(&self, ask_instance: bool) -> RegionProviderChain {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let chain = RegionProviderChain::first_try(self.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build());
        let chain = if ask_instance { chain.or_default_provider() } else { chain };
        chain.or_else("us-east-1")
    }

    /// Credentials for a server on this machine: those of the environment or the profile, and
    /// if there are none, made-up ones, which a server without a credentials file accepts.
    async fn local_credentials(&self) -> anyhow::Result<SharedCredentialsProvider> {
        let environment = EnvironmentVariableCredentialsProvider::new();
        if self.profile.is_none() && environment.provide_credentials().await.is_ok() {
            return Ok(SharedCredentialsProvider::new(environment));
        }
        let mut builder = ProfileFileCredentialsProvider::builder();
        if let Some(name) = &self.profile {
            builder = builder.profile_name(name);
        }
        let profile = builder.build();
        let named = self.profile.is_some() || std::env::var_os("AWS_PROFILE").is_some();
        match profile.provide_credentials().await {
            Ok(_) => Ok(SharedCredentialsProvider::new(profile)),
            Err(error) if named => Err(error).context("no credentials in the named profile"),
            Err(_) => {
                let dummy = Credentials::new("anabranch", "anabranch", None, None, "none needed");
                Ok(SharedCredentialsProvider::new(dummy))
            }
        }
    }
}

/// Whether a URL's host is this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    match uri.host() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

fn http_client_trusting(
    path: &std::path::Path,
) -> anyhow::Result<aws_sdk_kinesis::config::SharedHttpClient> {
    use aws_smithy_http_client::{Builder, tls};

    let pem = std::fs::read(path)
        .with_context(|| format!("cannot read the CA bundle path={}", path.display()))?;
    let trust = tls::TrustStore::default().with_pem_certificate(pem);
    let context = tls::TlsContext::builder().with_trust_store(trust).build()?;
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Ok(Builder::new().tls_provider(provider).tls_context(context).build_https())
}

impl Client {
    /// An SDK error as one line for a person: the service's code and message, or why the
    /// service could not be reached.
    pub(crate) fn explain<E, R>(&self, error: SdkError<E, R>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        match &error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                let code = meta.code().unwrap_or("unknown error");
                match meta.message() {
                    Some(message) => anyhow!("{code}: {message}"),
                    None => anyhow!("{code}"),
                }
            }
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => anyhow!(
                "cannot reach {} (is `anabranch serve` running, or did you mean --aws?): {}",
                self.endpoint,
                causes(&error)
            ),
            _ => anyhow!("{}: {}", self.endpoint, causes(&error)),
        }
    }
}

/// The messages of an error and its causes, without the repetitions that wrappers make.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn args(endpoint: Option<&str>, aws: bool) -> ConnectionArgs {
        let endpoint = endpoint.map(str::to_owned);
        ConnectionArgs { endpoint, aws, region: None, profile: None, ca_bundle: None }
    }

    #[test]
    fn knows_this_machine() {
        for url in ["http://127.0.0.1:4567", "https://localhost", "http://[::1]:1/x"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://kinesis.us-east-1.amazonaws.com", "http://10.0.0.1", "not a url", ""] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn flag_then_environment_then_default() {
        let url = |text: &str| Endpoint::Url(text.to_owned());
        let configured = || Some("http://far".to_owned());
        assert_eq!(args(Some("http://a"), false).endpoint(configured()), url("http://a"));
        let expected = Endpoint::Configured("http://far".to_owned());
        assert_eq!(args(None, false).endpoint(configured()), expected);
        assert_eq!(args(None, false).endpoint(None), url(DEFAULT_ENDPOINT));
        assert_eq!(args(None, true).endpoint(configured()), Endpoint::Amazon);
    }
}
