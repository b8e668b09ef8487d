//! Which endpoint a client talks to.
//!
//! The first of these that says something:
//!
//! 1. what the program or its user asked for ([`EndpointChoice`]),
//! 2. `AWS_ENDPOINT_URL_KINESIS`, then `AWS_ENDPOINT_URL`,
//! 3. the profile's `services` section (`kinesis =` with `endpoint_url` in it), then the profile's own
//!    `endpoint_url`,
//! 4. [`DEFAULT_ENDPOINT`].
//!
//! That is AWS's order with one more end. `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true`, or the same key
//! in the profile, skips 2 and 3.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;
use thiserror::Error;

use crate::sources::Sources;

/// Where `anabranch serve` listens unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4567";

/// Ends of host names that are Amazon's, VPC endpoints and China among them.
const AMAZONS: &[&str] = &[".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];

/// What a program asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EndpointChoice {
    /// The one that the environment or the profile names, else [`DEFAULT_ENDPOINT`].
    #[default]
    Configured,
    /// Amazon's, of the Region.
    Amazon,
    /// This URL, `http://` or `https://`.
    Url(String),
}

impl EndpointChoice {
    /// An endpoint by host and port, as the KPL has it: TLS, unless the host comes with `http://`.
    pub fn host_and_port(host: &str, port: u16) -> Self {
        let (scheme, host) = host.split_once("://").unwrap_or(("https", host));
        let host = host.trim_end_matches('/');
        if host.parse::<Ipv6Addr>().is_ok() {
            Self::Url(format!("{scheme}://[{host}]:{port}"))
        } else {
            Self::Url(format!("{scheme}://{host}:{port}"))
        }
    }
}

/// Why there is no endpoint.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// The text is no `http://` or `https://` URL with a host.
    #[error("the endpoint is not a URL like {DEFAULT_ENDPOINT} endpoint={url:?} from={from}")]
    NotUrl {
        /// What was given.
        url: String,
        /// Where it was given.
        from: &'static str,
    },
}

/// An endpoint that was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Amazon's, computed by the SDK.
    Amazon,
    /// This URL, which has a scheme and a host.
    Url(String),
}

impl Endpoint {
    /// Whether an instance of Amazon's may give Region and credentials for it.
    pub(crate) fn is_amazons(&self) -> bool {
        let Self::Url(url) = self else { return true };
        let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
        host.is_some_and(|host| AMAZONS.iter().any(|end| host.ends_with(end)))
    }

    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self, Self::Url(url) if is_loopback(url))
    }
}

/// Decides; the order is in the head of this file.
pub(crate) fn resolve(
    choice: &EndpointChoice,
    sources: &Sources,
) -> Result<Endpoint, EndpointError> {
    match choice {
        EndpointChoice::Amazon => return Ok(Endpoint::Amazon),
        EndpointChoice::Url(url) => return checked(url.clone(), "the program"),
        EndpointChoice::Configured => {}
    }
    let ignored = sources
        .variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .or_else(|| sources.profile("ignore_configured_endpoint_urls"));
    if ignored.is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Ok(Endpoint::Url(DEFAULT_ENDPOINT.to_owned()));
    }
    for variable in ["AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"] {
        if let Some(url) = sources.variable(variable) {
            return checked(url, variable);
        }
    }
    match sources.profile("endpoint_url") {
        Some(url) => checked(url, "the profile's endpoint_url"),
        None => Ok(Endpoint::Url(DEFAULT_ENDPOINT.to_owned())),
    }
}

fn checked(url: String, from: &'static str) -> Result<Endpoint, EndpointError> {
    let uri = url.parse::<Uri>().ok();
    let is_url = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_url { Ok(Endpoint::Url(url)) } else { Err(EndpointError::NotUrl { url, from }) }
}

/// Whether a URL's host is this machine.
pub fn is_loopback(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback_host))
}

/// Whether a host name or address is this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    #[expect(deprecated, reason = "the type has moved to a crate that we do not depend on")]
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};

    use super::*;

    /// What a profile of both files and the environment say.
    async fn sources(
        variables: &'static [(&'static str, &'static str)],
        profile: &str,
        [config, credentials]: [&str; 2],
    ) -> Sources {
        #[expect(deprecated, reason = "the type has moved to a crate that we do not depend on")]
        let files = ProfileFiles::builder()
            .with_contents(ProfileFileKind::Config, config)
            .with_contents(ProfileFileKind::Credentials, credentials)
            .build();
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .profile_files(files)
            .profile_name(profile);
        Sources::read(loader, move |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted)?;
            Some(found.1.to_owned())
        })
        .await
    }

    async fn configured(
        variables: &'static [(&'static str, &'static str)],
        config: &'static str,
    ) -> Result<Endpoint, EndpointError> {
        configured_of("default", variables, config).await
    }

    async fn configured_of(
        profile: &str,
        variables: &'static [(&'static str, &'static str)],
        config: &'static str,
    ) -> Result<Endpoint, EndpointError> {
        let sources = sources(variables, profile, [config, ""]).await;
        resolve(&EndpointChoice::Configured, &sources)
    }

    fn url(text: &str) -> Result<Endpoint, EndpointError> {
        Ok(Endpoint::Url(text.to_owned()))
    }

    /// A profile that says it both ways.
    const BOTH: &str = "[default]
services = here
endpoint_url = http://profile

[profile other]
endpoint_url = http://other

[services here]
dynamodb =
  endpoint_url = http://tables
kinesis =
  endpoint_url = http://service-of-profile
";

    #[test]
    fn knows_this_machine() {
        for url in ["http://127.0.0.1:4567", "https://LOCALHOST", "http://[::1]:1/x"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://kinesis.us-east-1.amazonaws.com", "http://10.0.0.1", "not a url", ""] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn knows_amazons() {
        let is_amazons = |url: &str| Endpoint::Url(url.to_owned()).is_amazons();
        assert!(Endpoint::Amazon.is_amazons());
        for url in [
            "https://kinesis.us-east-1.amazonaws.com",
            "https://kinesis.cn-north-1.amazonaws.com.cn/",
            "https://vpce-1-2.kinesis.eu-west-1.vpce.AMAZONAWS.com:443",
            "https://kinesis.us-east-1.api.aws",
        ] {
            assert!(is_amazons(url), "{url}");
        }
        for url in [
            "http://127.0.0.1:4567",
            "https://amazonaws.com.example.org",
            "https://notamazonaws.com",
            "https://example.org/.amazonaws.com",
        ] {
            assert!(!is_amazons(url), "{url}");
        }
    }

    #[tokio::test]
    async fn the_program_comes_first() {
        let sources =
            sources(&[("AWS_ENDPOINT_URL_KINESIS", "http://env")], "default", [BOTH, ""]).await;
        let choice = EndpointChoice::Url("http://a".to_owned());
        assert_eq!(resolve(&choice, &sources), url("http://a"));
        assert_eq!(resolve(&EndpointChoice::Amazon, &sources), Ok(Endpoint::Amazon));
    }

    #[tokio::test]
    async fn then_the_environment_by_service() {
        const BOTH_VARIABLES: &[(&str, &str)] =
            &[("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_KINESIS", "http://ours")];
        assert_eq!(configured(BOTH_VARIABLES, BOTH).await, url("http://ours"));
        assert_eq!(
            configured(&[("AWS_ENDPOINT_URL", "http://all")], BOTH).await,
            url("http://all")
        );
    }

    #[tokio::test]
    async fn then_the_profile_by_service() {
        assert_eq!(configured(&[], BOTH).await, url("http://service-of-profile"));
        assert_eq!(configured_of("other", &[], BOTH).await, url("http://other"));
        let without_kinesis = "[default]
services = here
endpoint_url = http://profile
[services here]
dynamodb =
  endpoint_url = http://tables
";
        assert_eq!(configured(&[], without_kinesis).await, url("http://profile"));
    }

    #[tokio::test]
    async fn the_file_of_credentials_has_profiles_too() {
        let sources =
            sources(&[], "default", ["", "[default]\nendpoint_url = http://keys\n"]).await;
        assert_eq!(resolve(&EndpointChoice::Configured, &sources), url("http://keys"));
    }

    #[tokio::test]
    async fn then_this_machine() {
        assert_eq!(configured(&[], "").await, url(DEFAULT_ENDPOINT));
        assert_eq!(configured_of("nobody", &[], BOTH).await, url(DEFAULT_ENDPOINT));
    }

    #[tokio::test]
    async fn an_empty_setting_is_none() {
        const EMPTY: &[(&str, &str)] =
            &[("AWS_ENDPOINT_URL_KINESIS", ""), ("AWS_ENDPOINT_URL", " ")];
        assert_eq!(configured(EMPTY, BOTH).await, url("http://service-of-profile"));
        assert_eq!(configured(&[], "[default]\nendpoint_url =\n").await, url(DEFAULT_ENDPOINT));
    }

    #[tokio::test]
    async fn what_is_configured_can_be_ignored() {
        const IGNORED: &[(&str, &str)] =
            &[("AWS_ENDPOINT_URL", "http://all"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True")];
        assert_eq!(configured(IGNORED, BOTH).await, url(DEFAULT_ENDPOINT));
        let in_profile = "[default]
ignore_configured_endpoint_urls = true
endpoint_url = http://profile
";
        assert_eq!(
            configured(&[("AWS_ENDPOINT_URL", "http://all")], in_profile).await,
            url(DEFAULT_ENDPOINT)
        );
        const NOT: &[(&str, &str)] =
            &[("AWS_ENDPOINT_URL", "http://all"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false")];
        assert_eq!(configured(NOT, in_profile).await, url("http://all"));
    }

    #[tokio::test]
    async fn what_is_no_url_is_refused_with_its_place() {
        for text in ["localhost:4567", "ftp://a", "http://", "/tmp/socket", "http://a b"] {
            let sources = sources(&[], "default", ["", ""]).await;
            let refused = resolve(&EndpointChoice::Url(text.to_owned()), &sources);
            let expected = EndpointError::NotUrl { url: text.to_owned(), from: "the program" };
            assert_eq!(refused, Err(expected));
        }
        let refused = configured(&[("AWS_ENDPOINT_URL", "here")], "").await.expect_err("no URL");
        assert!(
            refused.to_string().ends_with("endpoint=\"here\" from=AWS_ENDPOINT_URL"),
            "{refused}"
        );
    }

    #[test]
    fn a_host_and_a_port_are_an_endpoint() {
        let made = |host, port| match EndpointChoice::host_and_port(host, port) {
            EndpointChoice::Url(url) => url,
            other => panic!("{other:?}"),
        };
        assert_eq!(made("localhost", 4567), "https://localhost:4567");
        assert_eq!(made("http://localhost/", 4567), "http://localhost:4567");
        assert_eq!(made("::1", 443), "https://[::1]:443");
    }
}
