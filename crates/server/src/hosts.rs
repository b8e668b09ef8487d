//! Which names of this server and which web pages are answered.
//!
//! Without credentials whoever gets a request through to the port is served, and any web page can
//! have a browser on this machine send one: across origins, or under a name of its own that it has
//! pointed here (DNS rebinding). So a server without credentials answers only to names that no
//! stranger can own, and only to pages from there. With credentials signatures keep pages out, and
//! names are looked at only if the operator lists some: a request that was signed for another
//! server with the same keys is then none for this one.

use crate::settings::{Access, AllowedHost};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, header};
use std::net::IpAddr;

/// What requests may name.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    allowed: Vec<AllowedHost>,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Everything is answered.
    Anything,
    /// With credentials: the listed hosts, and every origin.
    Listed,
    /// Without credentials: what is listed, loopback, and this address.
    Open { listen: IpAddr },
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostRefusal {
    /// Its `Host` is no name of an open server.
    Host,
    /// It comes from a web page of somebody else.
    Origin,
    /// With credentials: its `Host` is not listed.
    NotListed,
}

impl HostRefusal {
    /// What the caller is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Host => {
                "The Host of this request is not answered: without credentials only loopback names \
                 and the address that the server listens on are. Start the server with \
                 --allowed-host NAME if the name is yours."
            }
            Self::Origin => {
                "The Origin of this request is not answered: without credentials only pages from \
                 loopback are. Start the server with --allowed-host NAME if the page is yours."
            }
            Self::NotListed => {
                "The Host of this request is not answered: it is none of those that the server was \
                 started with (--allowed-host)."
            }
        }
    }
}

impl Hosts {
    /// The rule for a server that lets in whom `access` says, and listens on `listen`.
    pub(crate) fn new(access: &Access, listen: IpAddr, allowed: &[AllowedHost]) -> Self {
        let rule = match access {
            _ if allowed.contains(&AllowedHost::Any) => Rule::Anything,
            Access::Credentials(_) if allowed.is_empty() => Rule::Anything,
            Access::Credentials(_) => Rule::Listed,
            Access::Open { .. } => Rule::Open { listen },
        };
        Self { allowed: allowed.to_vec(), rule }
    }

    /// Whether a request with this head is answered. One without a host is: no browser sends it,
    /// and no signature is good without.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), HostRefusal> {
        let refusal = match self.rule {
            Rule::Anything => return Ok(()),
            Rule::Listed => HostRefusal::NotListed,
            Rule::Open { .. } => HostRefusal::Host,
        };
        let is_open = refusal == HostRefusal::Host;
        let mut named = parts.headers.get_all(header::HOST).iter().map(HeaderValue::as_bytes);
        let is_answered = named.all(|host| {
            (is_open && is_plain_loopback(host))
                || Authority::try_from(host).is_ok_and(|host| self.is_host(&host))
        }) && parts.uri.authority().is_none_or(|host| self.is_host(host));
        if !is_answered {
            return Err(refusal);
        }
        match self.rule {
            Rule::Open { listen } => self.check_origin(&parts.headers, listen),
            Rule::Anything | Rule::Listed => Ok(()),
        }
    }

    fn check_origin(&self, headers: &HeaderMap, listen: IpAddr) -> Result<(), HostRefusal> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let is_ours = |origin: &HeaderValue| {
            let text = origin.to_str().unwrap_or_default();
            let scheme = ["http://", "https://"].iter().find_map(|s| text.strip_prefix(s));
            let host = scheme.and_then(|host| Authority::try_from(host).ok());
            host.is_some_and(|host| {
                let name = name_of(&host);
                self.is_listed(&host) || is_loopback(name) || ip_of(name) == Some(listen)
            })
        };
        origins.all(is_ours).then_some(()).ok_or(HostRefusal::Origin)
    }

    fn is_host(&self, host: &Authority) -> bool {
        if self.is_listed(host) {
            return true;
        }
        let Rule::Open { listen } = self.rule else { return false };
        let name = name_of(host);
        if host.as_str().contains('@') {
            return false;
        }
        // A number is nobody's to point elsewhere. Which ones lead here from outside nobody knows,
        // for there may be port forwarding before us.
        is_loopback(name) || ip_of(name).is_some_and(|ip| ip == listen || !listen.is_loopback())
    }

    fn is_listed(&self, host: &Authority) -> bool {
        let name = name_of(host);
        self.allowed.iter().any(|allowed| match allowed {
            AllowedHost::Any => true,
            AllowedHost::Name { name: allowed, port } => {
                name.eq_ignore_ascii_case(allowed)
                    && port.is_none_or(|port| host.port_u16() == Some(port))
            }
        })
    }
}

/// The host without its port and the dot that a full name may end in.
fn name_of(host: &Authority) -> &str {
    let name = host.host();
    name.strip_suffix('.').unwrap_or(name)
}

fn ip_of(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    Some(bare.parse::<IpAddr>().ok()?.to_canonical())
}

/// Whether it is loopback as nearly all clients write it, which is told without taking it apart.
fn is_plain_loopback(host: &[u8]) -> bool {
    let name = [b"127.0.0.1", b"localhost"];
    match name.iter().find_map(|name| host.strip_prefix(*name)) {
        Some([b':', port @ ..]) => !port.is_empty() && port.iter().all(u8::is_ascii_digit),
        Some(rest) => rest.is_empty(),
        None => false,
    }
}

/// Whether a name leads to the machine that it is looked up on, whoever answers the look-up.
fn is_loopback(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || ip_of(&name).is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn hosts(access: &Access, listen: &str, allowed: &[&str]) -> Hosts {
        let allowed: Vec<AllowedHost> =
            allowed.iter().map(|text| text.parse().expect("a host")).collect();
        Hosts::new(access, listen.parse().expect("an address"), &allowed)
    }

    fn parts(host: &str, origin: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri("/").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.body(()).expect("a request").into_parts().0
    }

    const OPEN: Access = Access::Open { insecure: false };

    #[test]
    fn what_is_not_taken_apart_would_be_answered_too() {
        let hosts = hosts(&OPEN, "10.0.0.1", &[]);
        for name in ["127.0.0.1", "localhost", "127.0.0.2", "localhosts", "27.0.0.1", "Localhost"] {
            for port in
                ["", ":", ":0", ":4567", ":99999", ":4a", ":-1", ":1:1", "@a", ".a", ".", "/"]
            {
                let host = format!("{name}{port}");
                let taken_apart = Authority::try_from(host.as_bytes());
                let is_host = taken_apart.is_ok_and(|host| hosts.is_host(&host));
                assert!(is_host || !is_plain_loopback(host.as_bytes()), "{host}");
            }
        }
        for host in ["127.0.0.1", "localhost:1", "127.0.0.1:4567"] {
            assert!(is_plain_loopback(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn loopback_must_be_listed_where_others_are_with_credentials() {
        let access = Access::Credentials(PathBuf::from("credentials"));
        let hosts = hosts(&access, "127.0.0.1", &["kinesis"]);
        assert_eq!(hosts.check(&parts("localhost", None)), Err(HostRefusal::NotListed));
    }

    #[test]
    fn open_loopback_servers_answer_to_loopback_and_to_what_is_listed() {
        let hosts = hosts(&OPEN, "127.0.0.2", &["kinesis", "dev.example:4567"]);
        for good in [
            "localhost",
            "LocalHost:4567",
            "localhost.",
            "kinesis.localhost:1",
            "127.0.0.1:4567",
            "127.9.9.9",
            "[::1]:4567",
            "[::ffff:127.0.0.1]",
            "kinesis",
            "KINESIS:80",
            "dev.example:4567",
        ] {
            assert_eq!(hosts.check(&parts(good, None)), Ok(()), "{good}");
        }
        for bad in [
            "example.org",
            "example.org:4567",
            "localhost.example.org",
            "notlocalhost",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "[::2]",
            "dev.example",
            "dev.example:80",
            "x@localhost",
            "",
            "a b",
            "0.0.0.0",
        ] {
            assert_eq!(hosts.check(&parts(bad, None)), Err(HostRefusal::Host), "{bad}");
        }
    }

    #[test]
    fn open_servers_for_the_network_answer_to_numbers_and_to_no_name() {
        let hosts = hosts(&OPEN, "0.0.0.0", &["kinesis"]);
        for good in ["10.0.0.1:4567", "[fe80::1]", "localhost", "kinesis:4567"] {
            assert_eq!(hosts.check(&parts(good, None)), Ok(()), "{good}");
        }
        assert_eq!(hosts.check(&parts("rebound.example", None)), Err(HostRefusal::Host));
        // A number says nothing of who made the page.
        let page = parts("10.0.0.1", Some("http://6.6.6.6"));
        assert_eq!(hosts.check(&page), Err(HostRefusal::Origin));
    }

    #[test]
    fn pages_are_answered_if_they_are_from_here() {
        let hosts = hosts(&OPEN, "127.0.0.1", &["app.example"]);
        for good in
            ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:1", "https://app.example"]
        {
            assert_eq!(hosts.check(&parts("localhost", Some(good))), Ok(()), "{good}");
        }
        for bad in [
            "null",
            "",
            "https://example.org",
            "http://localhost.example.org",
            "localhost",
            "file://localhost",
            "http://localhost@example.org",
            "http://10.0.0.1",
        ] {
            let refused = hosts.check(&parts("localhost", Some(bad)));
            assert_eq!(refused, Err(HostRefusal::Origin), "{bad}");
        }
    }

    #[test]
    fn every_host_that_a_request_names_is_looked_at() {
        let hosts = hosts(&OPEN, "127.0.0.1", &[]);
        let twice = http::Request::get("/").header("host", "localhost").header("host", "a.example");
        let (twice, ()) = twice.body(()).expect("a request").into_parts();
        assert_eq!(hosts.check(&twice), Err(HostRefusal::Host));
        let target = http::Request::get("http://a.example/").header("host", "localhost");
        let (target, ()) = target.body(()).expect("a request").into_parts();
        assert_eq!(hosts.check(&target), Err(HostRefusal::Host));
        let (none, ()) = http::Request::get("/").body(()).expect("a request").into_parts();
        assert_eq!(hosts.check(&none), Ok(()));
    }

    #[test]
    fn with_credentials_hosts_are_asked_for_only_if_some_are_listed() {
        let access = Access::Credentials(PathBuf::from("keys.toml"));
        let page = Some("https://example.org");
        assert_eq!(hosts(&access, "0.0.0.0", &[]).check(&parts("a", page)), Ok(()));
        let listed = hosts(&access, "0.0.0.0", &["a.example"]);
        assert_eq!(listed.check(&parts("a.example:443", page)), Ok(()));
        for other in ["b.example", "localhost", "127.0.0.1"] {
            assert_eq!(listed.check(&parts(other, None)), Err(HostRefusal::NotListed), "{other}");
        }
    }

    #[test]
    fn a_star_lifts_the_rule() {
        for access in [OPEN, Access::Credentials(PathBuf::from("keys.toml"))] {
            let hosts = hosts(&access, "127.0.0.1", &["a", "*"]);
            assert_eq!(hosts.check(&parts("b", Some("null"))), Ok(()));
        }
    }
}
