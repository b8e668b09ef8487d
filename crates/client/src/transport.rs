//! The HTTP client of the SDK: hyper's, over connections of [`Route`], that also tells whether
//! anything of a failed request can have left.
//!
//! Invariant: `unsent` is true only if no connection was had for the request, on the SDK's first
//! attempt. Later attempts cannot know what became of those before them.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::Request;
use http::header::PROXY_AUTHORIZATION;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use thiserror::Error;

use crate::proxy::Proxies;
use crate::route::{CONNECT_TIMEOUT, Route, RouteError};

/// Of the SDK, in each request: which attempt of an operation this is.
const ATTEMPT_HEADER: &str = "amz-sdk-request";

/// A request without an answer.
#[derive(Debug, Error)]
#[error("{}", if *is_connecting { "no connection" } else { "no answer" })]
pub(crate) struct Unanswered {
    /// Whether there was no connection for it.
    pub(crate) is_connecting: bool,
    /// Whether it is proven that nothing of the operation has left.
    pub(crate) unsent: bool,
    /// Whether a limit of time ended it.
    pub(crate) timed_out: bool,
    source: Box<dyn StdError + Send + Sync>,
}

/// No head of an answer came in time.
#[derive(Debug, Error)]
#[error("no answer within {} ms", limit.as_millis())]
struct ReadTimeout {
    limit: Duration,
}

type Hyper = legacy::Client<Route, SdkBody>;

#[derive(Debug)]
struct Transport {
    route: Route,
    proxies: Arc<Proxies>,
    connections_kept: usize,
    /// By the limit for making a connection, of which a program has two or three.
    clients: Mutex<Vec<(Duration, Hyper)>>,
}

/// Makes the HTTP client, which keeps so many idle connections to each endpoint.
pub(crate) fn http_client(
    tls: &ClientConfig,
    proxies: &Arc<Proxies>,
    connections_kept: usize,
) -> SharedHttpClient {
    let route = Route::new(tls, Arc::clone(proxies));
    let proxies = Arc::clone(proxies);
    SharedHttpClient::new(Transport { route, proxies, connections_kept, clients: Mutex::default() })
}

impl Transport {
    fn client(&self, connect_timeout: Duration) -> Hyper {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(limit, _)| *limit == connect_timeout) {
            return client.clone();
        }
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(self.connections_kept)
            .build(self.route.within(connect_timeout));
        clients.push((connect_timeout, client.clone()));
        client
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            client: self.client(settings.connect_timeout().unwrap_or(CONNECT_TIMEOUT)),
            proxies: Arc::clone(&self.proxies),
            read_timeout: settings.read_timeout(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

#[derive(Debug)]
struct Connector {
    client: Hyper,
    proxies: Arc<Proxies>,
    read_timeout: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_first = is_first_attempt(request.headers().get(ATTEMPT_HEADER));
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        self.authorize(&mut request);
        let response = self.client.request(request);
        let read_timeout = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let outcome = match read_timeout {
                None => response.await,
                Some(limit) => match tokio::time::timeout(limit, response).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Err(too_late(limit)),
                },
            };
            let response = outcome.map_err(|error| unanswered(error, is_first))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl Connector {
    /// A proxy that forwards requests reads its authorization in each; one that tunnels had it.
    fn authorize(&self, request: &mut Request<SdkBody>) {
        if request.uri().scheme_str() != Some("http") {
            return;
        }
        if let Some(value) = self.proxies.via(request.uri()).and_then(|via| via.authorization) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
    }
}

/// Reads `attempt=1; max=3`. What is not understood is no first attempt.
fn is_first_attempt(header: Option<&str>) -> bool {
    header.is_some_and(|pairs| pairs.split(';').any(|pair| pair.trim() == "attempt=1"))
}

fn too_late(limit: Duration) -> ConnectorError {
    let source = Box::new(ReadTimeout { limit });
    let error = Unanswered { is_connecting: false, unsent: false, timed_out: true, source };
    ConnectorError::timeout(Box::new(error))
}

fn unanswered(error: legacy::Error, is_first: bool) -> ConnectorError {
    let timed_out = is_caused_by(&error, |cause| {
        matches!(cause.downcast_ref(), Some(RouteError::TooSlow { .. }))
    });
    let is_user = is_caused_by(&error, |cause| {
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user)
    });
    // Hyper's `is_connect` is of the time before a connection is handed the request.
    let is_connecting = error.is_connect();
    let unsent = is_connecting && is_first;
    let error = Box::new(Unanswered { is_connecting, unsent, timed_out, source: error.into() });
    match (timed_out, is_user) {
        (true, _) => ConnectorError::timeout(error),
        (false, true) => ConnectorError::user(error),
        // The SDK sends again, if it may: what broke a connection may be gone.
        (false, false) => ConnectorError::other(error, Some(ErrorKind::TransientError)),
    }
}

fn is_caused_by(
    error: &(dyn StdError + 'static),
    is: impl Fn(&(dyn StdError + 'static)) -> bool,
) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_a_first_attempt() {
        assert!(is_first_attempt(Some("attempt=1; max=3")));
        assert!(is_first_attempt(Some("ttl=20261128T181618Z; attempt=1")));
        for other in [None, Some(""), Some("attempt=10"), Some("attempt=2; max=3"), Some("max=1")] {
            assert!(!is_first_attempt(other), "{other:?}");
        }
    }
}
