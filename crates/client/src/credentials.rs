//! Region and credentials.
//!
//! Invariant: the metadata service of an instance is asked only for an endpoint of Amazon's. Elsewhere
//! it may not exist, asking takes seconds, and its credentials are nobody else's to see.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::credentials::EnvironmentVariableCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as Unavailable;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kinesis::config::{Region, SharedHttpClient};
use thiserror::Error;

use crate::endpoint::Endpoint;

/// Why there are no credentials.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// A profile was asked for by its name and has none.
    #[error("no credentials in the named profile; correct --profile or AWS_PROFILE")]
    NamedProfile(#[source] Unavailable),
    /// Nobody has any.
    #[error(
        "no credentials are configured; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
    )]
    None(#[source] Unavailable),
}

/// The Region: the one asked for, else that of the environment, of the profile, for Amazon's
/// endpoints of the instance, else us-east-1.
pub(crate) async fn region(
    wanted: Option<&str>,
    profile: Option<&str>,
    endpoint: &Endpoint,
) -> Option<Region> {
    let mut file = ProfileFileRegionProvider::builder();
    if let Some(name) = profile {
        file = file.profile_name(name);
    }
    let chain = RegionProviderChain::first_try(wanted.map(|name| Region::new(name.to_owned())))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(file.build());
    let chain = if endpoint.is_amazons() { chain.or_default_provider() } else { chain };
    chain.or_else("us-east-1").region().await
}

/// The credentials for an endpoint; `None` for those that the SDK finds by itself.
pub(crate) async fn credentials(
    endpoint: &Endpoint,
    profile: Option<&str>,
    region: Option<Region>,
    http_client: SharedHttpClient,
) -> Result<Option<SharedCredentialsProvider>, CredentialsError> {
    if endpoint.is_amazons() {
        return Ok(None);
    }
    let config = ProviderConfig::without_region().with_region(region).with_http_client(http_client);
    let mut file = ProfileFileCredentialsProvider::builder().configure(&config);
    if let Some(name) = profile {
        file = file.profile_name(name);
    }
    if endpoint.is_loopback() {
        return local(file.build(), profile).await.map(Some);
    }
    let token = WebIdentityTokenCredentialsProvider::builder().configure(&config).build();
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    let environment = EnvironmentVariableCredentialsProvider::new();
    let chain = CredentialsProviderChain::first_try("Environment", environment)
        .or_else("Profile", file.build())
        .or_else("WebIdentityToken", token)
        .or_else("EcsContainer", container);
    Ok(Some(SharedCredentialsProvider::new(chain)))
}

/// Credentials for a server on this machine: those of the environment or the profile, and if there
/// are none, made-up ones, which a server without a credentials file accepts.
async fn local(
    file: ProfileFileCredentialsProvider,
    profile: Option<&str>,
) -> Result<SharedCredentialsProvider, CredentialsError> {
    let environment = EnvironmentVariableCredentialsProvider::new();
    if profile.is_none() && environment.provide_credentials().await.is_ok() {
        return Ok(SharedCredentialsProvider::new(environment));
    }
    let named = profile.is_some() || std::env::var_os("AWS_PROFILE").is_some();
    match file.provide_credentials().await {
        Ok(_) => Ok(SharedCredentialsProvider::new(file)),
        Err(error) if named => Err(CredentialsError::NamedProfile(error)),
        Err(_) => {
            let made_up = Credentials::new("anabranch", "anabranch", None, None, "none needed");
            Ok(SharedCredentialsProvider::new(made_up))
        }
    }
}
