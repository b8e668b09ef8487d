//! The connection to the service that settings and environment ask for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anabranch_client::{
    Client, CloudWatchClient, Connection, EndpointChoice, Proxy, ProxyServer, Retries,
};
use anabranch_producer::KplSettings;
use anyhow::Context;
use aws_config::meta::region::RegionProviderChain;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::credentials::PipedCredentials;

/// A client. Every error is one of configuration.
pub(super) async fn client(
    settings: &KplSettings,
    credentials: PipedCredentials,
) -> anyhow::Result<Client> {
    let mut connection = connection(settings, |name| std::env::var_os(name));
    connection.credentials = Some(SharedCredentialsProvider::new(credentials));
    find_region(&mut connection).await?;
    Ok(connection.client().await?)
}

/// A client of CloudWatch. `None`: metrics are not uploaded, for whoever stores at a server of their own is not to send
/// Amazon what they did not ask for.
pub(super) async fn cloudwatch(
    settings: &KplSettings,
    credentials: PipedCredentials,
) -> anyhow::Result<Option<CloudWatchClient>> {
    let endpoint = match (settings.cloudwatch_url(), settings.kinesis_url()) {
        (Some(url), _) => EndpointChoice::Url(url),
        (None, None) => EndpointChoice::Amazon,
        (None, Some(_)) => return Ok(None),
    };
    let mut connection = connection(settings, |name| std::env::var_os(name));
    connection.endpoint = endpoint;
    // What is counted waits for credentials, not a request: that it was not sent must be certain.
    let credentials = credentials.without_waiting();
    connection.credentials = Some(SharedCredentialsProvider::new(credentials));
    find_region(&mut connection).await?;
    Ok(Some(connection.cloudwatch().await?))
}

async fn find_region(connection: &mut Connection) -> anyhow::Result<()> {
    if connection.region.is_none() && connection.endpoint == EndpointChoice::Amazon {
        // Another Region than the machine's must never be taken for it.
        let found = RegionProviderChain::default_provider().region().await;
        let found = found.context("Region is not set, and the machine has none")?;
        connection.region = Some(found.to_string());
    }
    Ok(())
}

/// The Java half says by `CA_FILE` and `CA_DIR` whom to trust. Empty: whom the system trusts.
fn connection(settings: &KplSettings, variable: impl Fn(&str) -> Option<OsString>) -> Connection {
    let path = |name: &str, setting: &str| {
        let found = variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        found.or_else(|| (!setting.is_empty()).then(|| PathBuf::from(setting)))
    };
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let port = u16::try_from(settings.proxy_port).unwrap_or(u16::MAX);
    Connection {
        endpoint: settings.kinesis_url().map_or(EndpointChoice::Amazon, EndpointChoice::Url),
        region: some(&settings.region),
        proxy: some(&settings.proxy_host).map_or(Proxy::Never, |host| {
            Proxy::Server(ProxyServer {
                user: some(&settings.proxy_user_name),
                password: some(&settings.proxy_password),
                ..ProxyServer::host_and_port(&host, port)
            })
        }),
        ca_bundle: path("CA_FILE", &settings.ca_cert_file),
        ca_folder: path("CA_DIR", &settings.ca_cert_path),
        verify_certificate: settings.verify_certificate,
        connect_timeout: Duration::from_millis(settings.connect_timeout),
        request_timeout: Some(Duration::from_millis(settings.request_timeout)),
        retries: Retries::Off,
        ..Connection::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_a_connection() {
        let mut settings = KplSettings::default();
        let plain = connection(&settings, |_| Some(OsString::new()));
        assert_eq!((plain.endpoint, plain.proxy), (EndpointChoice::Amazon, Proxy::Never));
        assert_eq!((plain.region, plain.ca_bundle, plain.ca_folder), (None, None, None));
        for (name, value) in [
            ("KinesisEndpoint", "localhost"),
            ("KinesisPort", "4567"),
            ("Region", "eu-west-1"),
            ("ProxyHost", "proxy"),
            ("ProxyPort", "3128"),
            ("ProxyUserName", "me"),
            ("ProxyPassword", "secret"),
            ("VerifyCertificate", "false"),
            ("ConnectTimeout", "250"),
            ("RequestTimeout", "350"),
        ] {
            assert_eq!(settings.set(name, value), Ok(true), "{name}");
        }
        let found = connection(&settings, |name| Some(format!("/{name}").into()));
        let url = EndpointChoice::Url("https://localhost:4567".to_owned());
        assert_eq!((found.endpoint, found.region.as_deref()), (url, Some("eu-west-1")));
        let Proxy::Server(proxy) = found.proxy else { panic!("a proxy") };
        assert_eq!((proxy.url.as_str(), proxy.user.as_deref()), ("http://proxy:3128", Some("me")));
        assert_eq!(proxy.password.as_deref(), Some("secret"));
        assert_eq!(found.ca_bundle, Some(PathBuf::from("/CA_FILE")));
        assert_eq!(found.ca_folder, Some(PathBuf::from("/CA_DIR")));
        assert!(!found.verify_certificate);
        assert_eq!(found.connect_timeout, Duration::from_millis(250));
        assert_eq!(found.request_timeout, Some(Duration::from_millis(350)));
    }
}
