//! How to reach the service: all that a program or its user may say, and a client from it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{IdentityCache, SharedHttpClient};
use thiserror::Error;

use crate::client::Client;
use crate::credentials::{self, CredentialsError};
use crate::endpoint::{self, Endpoint, EndpointChoice, EndpointError};
use crate::proxy::{Proxies, Proxy, ProxyError};
use crate::sources::Sources;
use crate::tls::{self, TrustError};
use crate::transport;

/// How to reach the service. The default is what the environment and the AWS configuration files
/// say, else a server on this machine.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The endpoint.
    pub endpoint: EndpointChoice,
    /// The Region; `None` for that of the environment or profile, else us-east-1.
    pub region: Option<String>,
    /// The profile of the AWS configuration files; `None` for `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// Credentials of the program's own, static or not, which are asked for with each call; `None` for those that are configured.
    pub credentials: Option<SharedCredentialsProvider>,
    /// The proxy.
    pub proxy: Proxy,
    /// A PEM file of certificates to trust as well as the system's; `None` for `AWS_CA_BUNDLE`, else the
    /// profile's `ca_bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// A folder of PEM files of certificates to trust as well.
    pub ca_folder: Option<PathBuf>,
    /// Whether the endpoint must prove by a certificate who it is. Off only on a user's explicit word: the
    /// one who answers may then be anybody. It is logged.
    pub verify_certificate: bool,
    /// The longest wait for a connection, TLS included. Default 3,100 ms.
    pub connect_timeout: Duration,
    /// The longest wait for an answer, of each attempt; `None` for no limit, the default. A subscription
    /// is answered when it begins.
    pub request_timeout: Option<Duration>,
    /// Who sends again after a failure.
    pub retries: Retries,
    /// Idle connections that are kept for later. Default 64.
    pub connections_kept: usize,
    /// What [`Client::explain`] asks if the service is out of reach; may be empty.
    pub hint: String,
}

/// Who sends a call again after a failure that may pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Retries {
    /// The SDK, as often as `AWS_MAX_ATTEMPTS` and the profile say.
    #[default]
    Configured,
    /// Nobody, or the program itself. Only then is [`crate::Sent`] exact.
    Off,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            endpoint: EndpointChoice::Configured,
            region: None,
            profile: None,
            credentials: None,
            proxy: Proxy::FromEnvironment,
            ca_bundle: None,
            ca_folder: None,
            verify_certificate: true,
            connect_timeout: Duration::from_millis(3_100),
            request_timeout: None,
            retries: Retries::Configured,
            connections_kept: 64,
            hint: String::new(),
        }
    }
}

/// Why there is no client.
#[derive(Debug, Error)]
#[error(transparent)]
pub enum SetupError {
    /// The endpoint makes no sense.
    Endpoint(#[from] EndpointError),
    /// The proxy makes no sense.
    Proxy(#[from] ProxyError),
    /// The certificates to trust are not to be had.
    Trust(#[from] TrustError),
    /// The credentials are not to be had.
    Credentials(#[from] CredentialsError),
}

/// What a connection comes to.
struct Found {
    endpoint: Endpoint,
    /// Region, credentials, and what else the SDK reads.
    shared: SdkConfig,
    service: SharedHttpClient,
}

/// The HTTP clients of one connection.
struct HttpClients {
    /// For the service.
    service: SharedHttpClient,
    /// For those who give credentials, whose certificates are always checked.
    credentials: SharedHttpClient,
}

impl Connection {
    /// Makes a client. Opens no connection to the service. Finding Region and credentials may call
    /// SSO, STS or, for Amazon's endpoints, the instance's metadata service; never for an endpoint on
    /// this machine whose profile names neither.
    ///
    /// Cancel safe: nothing is left behind.
    pub async fn client(&self) -> Result<Client, SetupError> {
        let Found { endpoint, shared, service } = self.find().await?;
        let mut config = aws_sdk_kinesis::config::Builder::from(&shared);
        if self.credentials.is_some() {
            config.set_identity_cache(IdentityCache::no_cache());
        }
        config.set_http_client(Some(service));
        config.set_timeout_config(Some(self.timeouts()));
        if self.retries == Retries::Off {
            config.set_retry_config(Some(RetryConfig::disabled()));
        }
        let name = match &endpoint {
            Endpoint::Amazon => {
                config.set_endpoint_url(None);
                "Amazon's endpoint"
            }
            Endpoint::Url(url) => {
                config.set_endpoint_url(Some(url.clone()));
                url
            }
        };
        let sdk = aws_sdk_kinesis::Client::from_conf(config.build());
        let retries = self.retries != Retries::Off;
        Ok(Client::new(sdk, name, &self.hint, retries))
    }

    /// Makes a client of CloudWatch. The endpoint is one of CloudWatch's: [`EndpointChoice::Configured`] is that of
    /// Kinesis, and not for it.
    ///
    /// Cancel safe: nothing is left behind.
    #[cfg(feature = "cloudwatch")]
    pub async fn cloudwatch(&self) -> Result<aws_sdk_cloudwatch::Client, SetupError> {
        let Found { endpoint, shared, service } = self.find().await?;
        let mut config = aws_sdk_cloudwatch::config::Builder::from(&shared);
        if self.credentials.is_some() {
            config.set_identity_cache(IdentityCache::no_cache());
        }
        config.set_http_client(Some(service));
        config.set_timeout_config(Some(self.timeouts()));
        if self.retries == Retries::Off {
            config.set_retry_config(Some(RetryConfig::disabled()));
        }
        config.set_endpoint_url(match endpoint {
            Endpoint::Amazon => None,
            Endpoint::Url(url) => Some(url),
        });
        Ok(aws_sdk_cloudwatch::Client::from_conf(config.build()))
    }

    /// The credentials of the moment, for a program that signs by itself. They may expire.
    ///
    /// Cancel safe: nothing is left behind.
    pub async fn credentials_now(&self) -> Result<Credentials, SetupError> {
        let found = self.find().await?;
        let provider =
            found.shared.credentials_provider().expect("the loader was not told to have none");
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|error| CredentialsError::None(error).into())
    }

    async fn find(&self) -> Result<Found, SetupError> {
        let sources = Sources::read(self.loader(), |name: &str| std::env::var(name).ok()).await;
        let endpoint = endpoint::resolve(&self.endpoint, &sources)?;
        let HttpClients { service, credentials: http_client } = self.http_clients(&sources)?;
        let profile = self.profile.as_deref();
        let region = credentials::region(self.region.as_deref(), profile, &endpoint).await;

        let mut loader = self.loader().region(region.clone()).http_client(http_client.clone());
        let found = match &self.credentials {
            Some(own) => Some(own.clone()),
            None => credentials::credentials(&endpoint, profile, region, http_client).await?,
        };
        if let Some(provider) = found {
            loader = loader.credentials_provider(provider);
        }
        Ok(Found { endpoint, shared: loader.load().await, service })
    }

    fn loader(&self) -> aws_config::ConfigLoader {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        match &self.profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        }
    }

    fn timeouts(&self) -> TimeoutConfig {
        let mut timeouts = TimeoutConfig::builder().connect_timeout(self.connect_timeout);
        timeouts.set_operation_attempt_timeout(self.request_timeout);
        timeouts.build()
    }

    fn http_clients(&self, sources: &Sources) -> Result<HttpClients, SetupError> {
        let proxies = Arc::new(Proxies::new(&self.proxy, sources)?);
        let bundle = self.ca_bundle.clone().or_else(|| {
            let path = sources.variable("AWS_CA_BUNDLE").or_else(|| sources.profile("ca_bundle"));
            path.map(PathBuf::from)
        });
        let checked =
            tls::client_config(Some(tls::roots(bundle.as_deref(), self.ca_folder.as_deref())?));
        let http_client = |tls| transport::http_client(tls, &proxies, self.connections_kept);
        let credentials = http_client(&checked);
        if self.verify_certificate {
            return Ok(HttpClients { service: credentials.clone(), credentials });
        }
        tracing::warn!(
            "the certificate of the endpoint is not checked: whoever answers is taken for the service"
        );
        Ok(HttpClients { service: http_client(&tls::client_config(None)), credentials })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Whether an HTTP client goes on after it has seen a certificate that nobody vouches for.
    async fn takes_any_certificate(http_client: SharedHttpClient) -> bool {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let sdk = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http_client)
            .endpoint_url(url)
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        let call = aws_sdk_kinesis::Client::from_conf(sdk).list_streams().send();
        let handshake = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(stream).await.is_ok()
        };
        // The call fails in any case: nobody answers.
        tokio::join!(call, handshake).1
    }

    #[tokio::test]
    async fn who_gives_credentials_is_checked_even_if_the_endpoint_is_not() {
        let connection = Connection { verify_certificate: false, ..Connection::default() };
        let sources = Sources::read(connection.loader(), |_: &str| None).await;
        let clients = connection.http_clients(&sources).unwrap();
        assert!(takes_any_certificate(clients.service).await);
        assert!(!takes_any_certificate(clients.credentials).await);
    }
}
