//! What answers the requests of connections.

use super::connected::Connected;
use super::request_body::RequestBody;
use crate::peer::Peer;
use crate::reply::Reply;
use std::sync::Arc;

/// What answers the requests of all connections.
pub(crate) trait Answering: Send + Sync + 'static {
    /// Whether a request with this head may be a known caller's, whatever its body.
    fn may_be_known(&self, head: &http::request::Parts) -> bool;

    /// Whatever the request, there is an answer.
    fn answer(
        &self,
        request: http::Request<RequestBody>,
        peer: Peer,
        connected: &Arc<Connected>,
    ) -> impl Future<Output = Reply> + Send;
}
