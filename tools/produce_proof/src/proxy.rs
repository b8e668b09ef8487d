//! The proxy between producer and server: HTTP/1.1, which does to requests what [`crate::faults`] says.
//!
//! While there is no server, or the proxy is told to refuse, nobody listens at its port: connections are
//! refused, and those that were there are reset. What was passed on goes on when its sender does not wait
//! for it any more.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use anabranch_testkit::Port;
use anyhow::Result;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response, Uri};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::faults::{Fault, Plan, Withheld};

/// Where requests go, and whether they do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gate {
    /// The server, when there is one.
    pub(crate) server: Option<SocketAddr>,
    pub(crate) is_refusing: bool,
}

impl Gate {
    fn is_open(&self) -> bool {
        self.server.is_some() && !self.is_refusing
    }
}

/// What happened to requests.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    requests: AtomicU64,
    delays: AtomicU64,
    /// Records that were answered as failed while others of their request were not.
    records_withheld: AtomicU64,
    faults: Mutex<BTreeMap<&'static str, u64>>,
}

impl Happened {
    pub(crate) fn count(&self, name: &'static str) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Faults of each kind.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        faults.insert("delayed", self.delays.load(Ordering::Relaxed));
        faults.insert("records_withheld", self.records_withheld.load(Ordering::Relaxed));
        faults
    }
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) gate: watch::Sender<Gate>,
    pub(crate) happened: Happened,
    /// Of a fault, from 0 to 1.
    chance: f64,
    /// How late a request may be passed on.
    late_max: Duration,
    rng: Mutex<StdRng>,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Requests that were or will be passed on and have no answer yet.
    under_way: watch::Sender<usize>,
}

/// The connection is to be reset.
#[derive(Debug, thiserror::Error)]
#[error("the proxy resets the connection")]
struct Cut;

/// The server's answer.
type Answer = Response<Bytes>;

impl Proxy {
    pub(crate) fn new(chance: f64, late_max: Duration, rng: StdRng) -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        client.retry_canceled_requests(false);
        Self {
            gate: watch::Sender::default(),
            happened: Happened::default(),
            chance,
            late_max,
            rng: Mutex::new(rng),
            client: client.build_http(),
            under_way: watch::Sender::new(0),
        }
    }

    /// Refuses connections, and resets those that are there, until it is told otherwise.
    pub(crate) fn refuse(&self, is_refusing: bool) {
        self.gate.send_modify(|gate| gate.is_refusing = is_refusing);
    }

    /// Waits until nothing is under way to the server.
    pub(crate) async fn until_idle(&self) {
        // Its sender is in `self`.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self: Arc<Self>, mut port: Port) -> Result<Infallible> {
        let mut gate = self.gate.subscribe();
        loop {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    stream = port.accept() => {
                        connections.spawn(self.clone().connection(stream?));
                    }
                    Some(_) = connections.join_next() => {}
                    _ = gate.wait_for(|gate| !gate.is_open()) => break,
                }
            }
            port.shut().await?;
            connections.shutdown().await;
            gate.wait_for(Gate::is_open).await?;
            port.open()?;
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Whenever this side ends it, it is reset.
        let set = stream.set_nodelay(true).and_then(|()| stream.set_zero_linger());
        if set.is_err() {
            return;
        }
        let service = service_fn(|request| self.clone().answer(request));
        // Either side may end it at any time.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        self.happened.requests.fetch_add(1, Ordering::Relaxed);
        let target = head.headers.get("x-amz-target");
        let is_put = target.is_some_and(|target| target.as_bytes().ends_with(b".PutRecords"));
        let Plan { delay, fault } = self.draw(|rng| Plan::draw(is_put, self.chance, rng));
        if delay > Duration::ZERO {
            self.happened.delays.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(delay).await;
        }
        let Some(fault) = fault else {
            return self.pass_on(head, body, Duration::ZERO).await.map(whole).ok_or(Cut);
        };
        self.happened.count(fault.name());
        match fault {
            Fault::CutBefore => Err(Cut),
            Fault::CutAfter => {
                self.pass_on(head, body, Duration::ZERO).await;
                Err(Cut)
            }
            Fault::CutWithin => {
                let answer = self.pass_on(head, body, Duration::ZERO).await.ok_or(Cut)?;
                Ok(answer.map(Body::half))
            }
            Fault::Fail(how) => Ok(failed(how.answer())),
            Fault::FailAfter(how) => {
                self.pass_on(head, body, Duration::ZERO).await;
                Ok(failed(how.answer()))
            }
            Fault::Withhold => self.withhold(head, &body).await.ok_or(Cut),
            Fault::Late => {
                let late = self.draw(|rng| self.late_max.mul_f64(rng.random()));
                self.pass_on(head, body, late).await.map(whole).ok_or(Cut)
            }
        }
    }

    async fn withhold(self: &Arc<Self>, head: Parts, body: &Bytes) -> Option<Response<Body>> {
        let withheld = self.draw(|rng| Withheld::draw(body, rng)).ok()?;
        let count = withheld.count() as u64;
        self.happened.records_withheld.fetch_add(count, Ordering::Relaxed);
        let answer = match &withheld.body {
            Some(body) => {
                let body = Bytes::copy_from_slice(body);
                self.pass_on(head, body, Duration::ZERO).await?
            }
            None => Response::builder()
                .header("content-type", "application/x-amz-json-1.1")
                .body(Bytes::new())
                .ok()?,
        };
        if !answer.status().is_success() {
            return Some(whole(answer));
        }
        let own = withheld.body.is_some().then(|| &answer.body()[..]);
        let merged = withheld.merge(own).ok()?;
        Some(answer.map(|_| Body::whole(merged.into())))
    }

    /// Passes a request on, whoever still waits for the answer. `None`: there was none.
    async fn pass_on(
        self: &Arc<Self>,
        head: Parts,
        body: Bytes,
        after: Duration,
    ) -> Option<Answer> {
        let under_way = UnderWay::of(self.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            under_way.0.forward(head, body).await
        });
        task.await.ok()?.ok()
    }

    async fn forward(&self, head: Parts, body: Bytes) -> Result<Answer> {
        let server = self.gate.borrow().server.ok_or(Cut)?;
        let mut request = Request::builder().method(head.method);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        request = request.uri(format!("http://{server}{path}").parse::<Uri>()?);
        for (name, value) in &head.headers {
            if ![HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
                request = request.header(name, value);
            }
        }
        let answer = self.client.request(request.body(Full::new(body))?).await?;
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            head.headers.remove(name);
        }
        Ok(Response::from_parts(head, body))
    }
}

/// Counts a request as under way while it lives.
struct UnderWay(Arc<Proxy>);

impl UnderWay {
    fn of(proxy: Arc<Proxy>) -> Self {
        proxy.under_way.send_modify(|count| *count += 1);
        Self(proxy)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

fn whole(answer: Answer) -> Response<Body> {
    answer.map(Body::whole)
}

fn failed((status, text): (u16, String)) -> Response<Body> {
    let mut answer = Response::new(Body::whole(text.into()));
    *answer.status_mut() = status.try_into().expect("a status");
    let kind = http::HeaderValue::from_static("application/x-amz-json-1.1");
    answer.headers_mut().insert("content-type", kind);
    answer
}

/// An answer's body, which may end too early.
struct Body {
    left: Option<Bytes>,
    bytes: u64,
    is_half: bool,
}

impl Body {
    fn whole(bytes: Bytes) -> Self {
        Self { bytes: bytes.len() as u64, left: Some(bytes), is_half: false }
    }

    fn half(bytes: Bytes) -> Self {
        let half = bytes.slice(..bytes.len() / 2);
        Self { bytes: bytes.len() as u64, left: Some(half), is_half: true }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Poll::Ready(match self.left.take() {
            Some(bytes) if !bytes.is_empty() => Some(Ok(Frame::data(bytes))),
            _ if self.is_half => Some(Err(Cut)),
            _ => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
