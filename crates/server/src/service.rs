//! What a service is: a wire that it speaks, and the operations behind it.
//!
//! The way of a request is the same for every service: [`crate::front_door`] finds the service that
//! it is for, and [`crate::operation::answer`] decodes it, asks who is calling and lets the operation do
//! it. What differs (names, body formats, errors, refusals before an operation is known) is the
//! service's own.

use crate::answer::Answered;
use crate::audit::{Strangers, Trail};
use crate::auth::{AuthError, Authenticator, Caller};
use crate::connection::Connected;
use crate::peer::Peer;
use crate::refusal::{ContentKind, Refusal};
use crate::reply::Reply;
use crate::reply_body::ReplyMemory;
use anabranch_env::Clock;
use anabranch_protocol::{Codec, WireError};
use http::Method;
use http::request::Parts;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

/// What a service is called, and how it is spoken to.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Its name in the credential scope of signatures.
    pub(crate) signing_name: &'static str,
    /// Before an operation's name in `X-Amz-Target`.
    pub(crate) target_prefix: &'static str,
    /// Before an operation's name in policies: the `kinesis` of `kinesis:PutRecord`.
    pub(crate) action_prefix: &'static str,
    /// The body formats that it takes and answers with.
    pub(crate) codecs: &'static [Codec],
    /// Before the names of errors that are not of its own table.
    pub(crate) common_errors: &'static str,
}

/// A service at work.
pub(crate) trait Service: fmt::Debug + Send + Sync {
    fn wire(&self) -> &'static Wire;

    /// The operation that a request's head names, if it speaks to this service. Most services are
    /// told by their target; one that is told by its paths has its own way.
    fn operation<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        let target = parts.headers.get("x-amz-target")?.to_str().ok()?;
        target.strip_prefix(self.wire().target_prefix)
    }

    /// The body format of a request for an operation. These are the checks of services whose
    /// operations are told by their target, in AWS's order.
    ///
    /// # Errors
    /// Why no operation gets it.
    fn codec<'a>(&self, parts: &Parts, body: &'a [u8]) -> Result<Codec, Refusal<'a>> {
        if parts.method != Method::POST {
            return Err(Refusal::Undetermined);
        }
        let kind = ContentKind::of(&parts.headers, self.wire().codecs);
        if body.is_empty() {
            let is_known = self.found(parts) != Found::Unknown;
            return Err(Refusal::EmptyBody { codec: kind.codec(), is_known });
        }
        match kind {
            ContentKind::Spoken(codec) => Ok(codec),
            ContentKind::PlainJson => Err(Refusal::PlainJson(body)),
            ContentKind::Other if parts.headers.contains_key("x-amz-target") => {
                Err(Refusal::ContentType)
            }
            ContentKind::Other => Err(Refusal::Undetermined),
        }
    }

    /// What is behind an operation's name.
    fn find(&self, operation: &str) -> Found;

    /// What is behind the operation that a request's head names.
    fn found(&self, parts: &Parts) -> Found {
        self.operation(parts).map_or(Found::Unknown, |operation| self.find(operation))
    }

    /// Runs an operation that [`Service::find`] has found, by its place in the table.
    fn answer<'a>(&'a self, place: usize, call: Call<'a>) -> BoxedAnswer<'a>;

    /// The reply to what is no request of an operation.
    fn refuse(&self, refusal: Refusal<'_>) -> Reply;
}

/// What is behind an operation's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An operation that is there, by its place in the table.
    Supported(usize),
    /// An operation of the service that is not there yet.
    Unsupported(&'static str),
    /// Nothing.
    Unknown,
}

/// An operation under way.
pub(crate) type BoxedAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<Answered, WireError>> + Send + 'a>>;

/// A request whose operation is known.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) authenticator: &'a Arc<Authenticator>,
    pub(crate) parts: &'a Parts,
    pub(crate) peer: Peer,
    pub(crate) codec: Codec,
    pub(crate) body: &'a [u8],
    /// What is noted of it for the audit log.
    pub(crate) trail: &'a Trail,
    /// Who counts it if its caller is not known.
    pub(crate) strangers: &'a Strangers,
    pub(crate) clock: &'a Arc<dyn Clock>,
    /// Now by the wall clock, epoch milliseconds: that is what callers have.
    pub(crate) now_ms: u64,
    /// Turns true when the server stops.
    pub(crate) stopping: &'a watch::Receiver<bool>,
    /// The connection that it came on.
    pub(crate) connected: &'a Connected,
    /// Where large replies have their memory.
    pub(crate) replies: &'a ReplyMemory,
}

impl Call<'_> {
    /// Who is calling the service that signs with this name.
    pub(crate) fn authenticate(&self, signing_name: &str) -> Result<Caller, WireError> {
        let now_secs = (self.now_ms / 1000).cast_signed();
        let caller =
            self.authenticator.authenticate(self.parts, self.body, &[signing_name], now_secs);
        match caller {
            Ok(caller) => {
                self.connected.prove();
                self.trail.caller(&caller);
                Ok(caller)
            }
            Err(error) => Err(self.turn_away(error)),
        }
    }

    /// Counts a caller who is not known.
    pub(crate) fn turn_away(&self, error: AuthError) -> WireError {
        self.trail.stranger();
        self.strangers.note(self.peer.address, &error, self.now_ms);
        error.into()
    }
}
