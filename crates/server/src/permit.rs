//! What a caller was allowed, asked again later: for answers that go on for minutes.

use crate::access::{Asking, Resource};
use crate::auth::{Authenticator, Caller};
use crate::context::{Context, Origin};
use crate::peer::Peer;
use crate::service::Service;
use anabranch_env::Clock;
use std::sync::Arc;

/// That a caller may do something, as long as it may.
#[derive(Debug)]
pub(crate) struct Permit {
    authenticator: Arc<Authenticator>,
    clock: Arc<dyn Clock>,
    caller: Caller,
    peer: Peer,
    user_agent: Option<Box<str>>,
    prefix: &'static str,
    operation: &'static str,
}

impl Permit {
    /// Whether the caller's key is still good, and what it may do still has the operation with the
    /// resource in it.
    pub(crate) fn holds(&self, resource: &Resource<'_>) -> bool {
        let now_ms = self.clock.wall_ms();
        let now_secs = (now_ms / 1000).cast_signed();
        let Some(caller) = self.authenticator.again(&self.caller, now_secs) else { return false };
        let origin = Origin { peer: self.peer, user_agent: self.user_agent.as_deref() };
        let asking = Asking { caller: &caller, origin, now_ms };
        asking.authorize(self.prefix, self.operation, resource).is_ok()
    }
}

impl<S: Service> Context<'_, S> {
    /// What to ask later, for an operation that the caller may do now.
    pub(crate) fn permit(&self, operation: &'static str) -> Permit {
        Permit {
            authenticator: self.authenticator.clone(),
            clock: self.clock.clone(),
            caller: self.caller.clone(),
            peer: self.origin.peer,
            user_agent: self.origin.user_agent.map(Box::from),
            prefix: self.service.wire().action_prefix,
            operation,
        }
    }
}
