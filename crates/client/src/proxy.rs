//! Which proxy a connection goes through.
//!
//! Those of the environment are `HTTPS_PROXY` and `HTTP_PROXY` by the scheme of the endpoint, then
//! `ALL_PROXY`; `NO_PROXY` excepts hosts, their subdomains, addresses and networks. Each may be in
//! lower case. This machine and the metadata services of instances are never asked through a proxy of
//! the environment: it cannot reach them. A proxy that the program names is used for every host that
//! it does not except.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;

use crate::endpoint::is_loopback_host;
use crate::sources::Sources;

/// Addresses where clouds and containers give credentials, which are on this machine's own link.
const METADATA: &[&str] =
    &["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]"];

/// Whether to use a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// That of the environment, if it names one.
    #[default]
    FromEnvironment,
    /// None, whatever the environment says.
    Never,
    /// This one.
    Server(ProxyServer),
}

/// A proxy that the program names.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    /// `http://host:port`, or `https://host:port` for one that is spoken to over TLS. A user and password in
    /// it are used if there is no other `user`.
    pub url: String,
    /// The user name, if it asks for one.
    pub user: Option<String>,
    /// The password of that user.
    pub password: Option<String>,
    /// Hosts to reach without it, as in `NO_PROXY`.
    pub except: String,
}

impl ProxyServer {
    /// A proxy by host and port, as the KPL has it, without a user.
    pub fn host_and_port(host: &str, port: u16) -> Self {
        let url = format!("http://{host}:{port}");
        Self { url, user: None, password: None, except: String::new() }
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the password.
        formatter
            .debug_struct("ProxyServer")
            .field("url", &without_user(&self.url))
            .field("user", &self.user)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

/// Why a proxy cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProxyError {
    /// The text is no `http://` or `https://` URL with a host.
    #[error("the proxy is not a URL like http://host:3128 proxy={url:?}")]
    NotUrl {
        /// What was given, without a user and password.
        url: String,
    },
}

/// A URL that may be shown.
fn without_user(url: &str) -> String {
    let Some((before, rest)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
    format!("{scheme}://{rest}")
}

/// A proxy to go through.
#[derive(Debug, Clone)]
pub(crate) struct Via {
    pub(crate) uri: Uri,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
}

/// Answers which proxy each destination takes.
#[derive(Debug)]
pub(crate) struct Proxies {
    /// `None` if there is no proxy at all.
    matcher: Option<Matcher>,
    /// Whether [`METADATA`] and this machine are excepted.
    spares_neighbours: bool,
    /// In place of what the proxy's URL says.
    authorization: Option<HeaderValue>,
}

impl Proxies {
    pub(crate) fn new(proxy: &Proxy, sources: &Sources) -> Result<Self, ProxyError> {
        match proxy {
            Proxy::Never => {
                Ok(Self { matcher: None, spares_neighbours: true, authorization: None })
            }
            Proxy::Server(server) => Self::explicit(server),
            Proxy::FromEnvironment => Ok(Self::of_environment(sources)),
        }
    }

    fn explicit(server: &ProxyServer) -> Result<Self, ProxyError> {
        let uri = server.url.parse::<Uri>().ok();
        let is_url = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
        if !is_url {
            return Err(ProxyError::NotUrl { url: without_user(&server.url) });
        }
        let matcher = Matcher::builder().all(&server.url).no(&server.except).build();
        let authorization = server
            .user
            .as_deref()
            .filter(|user| !user.is_empty())
            .map(|user| basic(user, server.password.as_deref().unwrap_or_default()));
        Ok(Self { matcher: Some(matcher), spares_neighbours: false, authorization })
    }

    fn of_environment(sources: &Sources) -> Self {
        // In a CGI program HTTP_PROXY is a header of the request, so none of them is trusted.
        let is_cgi = sources.variable("REQUEST_METHOD").is_some();
        let first = |upper: &str| {
            let lower = upper.to_ascii_lowercase();
            sources.variable(upper).or_else(|| sources.variable(&lower)).unwrap_or_default()
        };
        let matcher = Matcher::builder()
            .all(first("ALL_PROXY"))
            .http(first("HTTP_PROXY"))
            .https(first("HTTPS_PROXY"))
            .no(first("NO_PROXY"))
            .build();
        let matcher = (!is_cgi).then_some(matcher);
        Self { matcher, spares_neighbours: true, authorization: None }
    }

    /// The proxy that a destination takes, `None` for the direct way.
    pub(crate) fn via(&self, destination: &Uri) -> Option<Via> {
        let matcher = self.matcher.as_ref()?;
        let host = destination.host()?;
        if self.spares_neighbours && (is_loopback_host(host) || METADATA.contains(&host)) {
            return None;
        }
        let intercept = matcher.intercept(destination)?;
        let authorization = self.authorization.clone().or(intercept.basic_auth().cloned());
        Some(Via { uri: intercept.uri().clone(), authorization })
    }
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let text = base64_simd::STANDARD.encode_to_string(format!("{user}:{password}"));
    let mut value =
        HeaderValue::try_from(format!("Basic {text}")).expect("base64 is text of headers");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    async fn of_environment(variables: &'static [(&'static str, &'static str)]) -> Proxies {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let sources = Sources::read(loader, move |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted)?;
            Some(found.1.to_owned())
        });
        Proxies::of_environment(&sources.await)
    }

    fn via(proxies: &Proxies, url: &'static str) -> Option<String> {
        proxies.via(&Uri::from_static(url)).map(|via| via.uri.to_string())
    }

    #[tokio::test]
    async fn the_environment_has_one_for_each_scheme() {
        const TWO: &[(&str, &str)] = &[("HTTPS_PROXY", "http://a:1"), ("http_proxy", "b:2")];
        let proxies = of_environment(TWO).await;
        assert_eq!(via(&proxies, "https://kinesis.test").as_deref(), Some("http://a:1/"));
        assert_eq!(via(&proxies, "http://kinesis.test").as_deref(), Some("http://b:2/"));
        let proxies = of_environment(&[
            ("HTTPS_PROXY", "http://a:1"),
            ("https_proxy", "http://c:3"),
            ("HTTP_PROXY", ""),
        ])
        .await;
        assert_eq!(via(&proxies, "https://kinesis.test").as_deref(), Some("http://a:1/"));
        assert_eq!(via(&proxies, "http://kinesis.test"), None);
        let proxies = of_environment(&[("all_proxy", "http://d:4")]).await;
        assert_eq!(via(&proxies, "https://kinesis.test").as_deref(), Some("http://d:4/"));
        assert_eq!(via(&of_environment(&[]).await, "https://kinesis.test"), None);
    }

    #[tokio::test]
    async fn the_environment_excepts_hosts() {
        const SOME: &[(&str, &str)] =
            &[("HTTPS_PROXY", "http://a:1"), ("no_proxy", "example.org, 10.0.0.0/8,kinesis.test")];
        let proxies = of_environment(SOME).await;
        for direct in ["https://kinesis.test", "https://a.example.org", "https://10.1.2.3:4567"] {
            assert_eq!(via(&proxies, direct), None, "{direct}");
        }
        assert!(via(&proxies, "https://other.test").is_some());
    }

    #[tokio::test]
    async fn neighbours_are_reached_without_that_of_the_environment() {
        let proxies = of_environment(&[("ALL_PROXY", "http://a:1")]).await;
        for direct in [
            "http://127.0.0.1:4567",
            "https://localhost",
            "http://[::1]:4567",
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::254]/latest",
            "http://169.254.170.2/creds",
        ] {
            assert_eq!(via(&proxies, direct), None, "{direct}");
        }
    }

    #[tokio::test]
    async fn a_cgi_program_trusts_none_of_the_environment() {
        const CGI: &[(&str, &str)] = &[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://a:1")];
        assert_eq!(via(&of_environment(CGI).await, "http://kinesis.test"), None);
    }

    #[test]
    fn a_named_one_is_for_all_but_its_exceptions() {
        let mut server = ProxyServer::host_and_port("proxy", 3128);
        server.except = "example.org".to_owned();
        let proxies = Proxies::explicit(&server).expect("a URL");
        for url in ["http://127.0.0.1:4567", "https://kinesis.test"] {
            assert_eq!(
                proxies.via(&url.parse().expect("a URL")).map(|via| via.uri.to_string()).as_deref(),
                Some("http://proxy:3128/"),
                "{url}"
            );
        }
        assert_eq!(via(&proxies, "https://example.org"), None);
        server.url = "proxy:3128".to_owned();
        assert_eq!(
            Proxies::explicit(&server).expect_err("no URL"),
            ProxyError::NotUrl { url: "proxy:3128".to_owned() }
        );
    }

    #[test]
    fn users_are_authorized_and_their_passwords_not_shown() {
        let mut server = ProxyServer::host_and_port("proxy", 3128);
        server.user = Some("Aladdin".to_owned());
        server.password = Some("open sesame".to_owned());
        let proxies = Proxies::explicit(&server).expect("a URL");
        let via = proxies.via(&Uri::from_static("https://kinesis.test")).expect("a proxy");
        assert_eq!(
            via.authorization.clone().expect("a user"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        for shown in [format!("{server:?}"), format!("{proxies:?}"), format!("{via:?}")] {
            assert!(!shown.contains("sesame") && !shown.contains("QWxh"), "{shown}");
        }
        server.user = None;
        server.url = "http://Aladdin:open%20sesame@proxy:3128".to_owned();
        server.password = None;
        assert!(format!("{server:?}").contains("\"http://proxy:3128\""), "{server:?}");
        let broken = ProxyServer { url: "Aladdin:sesame@a b".to_owned(), ..server.clone() };
        let error = Proxies::explicit(&broken).expect_err("no URL").to_string();
        assert!(error.ends_with("proxy=\"://a b\""), "{error}");
        let via = Proxies::explicit(&server).expect("a URL").via(&Uri::from_static("https://k"));
        assert_eq!(
            via.expect("a proxy").authorization.expect("a user"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }
}
