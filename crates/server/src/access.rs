//! What a caller may do: the one place where policies are asked.

use crate::auth::Caller;
use crate::context::{Context, Origin};
use crate::service::Service;
use anabranch_policy::{Identity, Policy, Request, RequestTags, decide};
use anabranch_protocol::{CommonError, WireError};
use std::collections::BTreeMap;
use std::fmt;

/// A resource as policies see it.
#[derive(Clone, Copy)]
pub(crate) struct Resource<'a> {
    /// Its ARN as we write it, since another spelling must not pass a policy; `*` if it has none.
    pub(crate) arn: &'a dyn fmt::Display,
    /// The account that it belongs to.
    pub(crate) account: &'a str,
    /// Its policy, if it is there and has one.
    pub(crate) policy: Option<&'a Policy>,
    /// Its tags, if it is there.
    pub(crate) tags: Option<&'a BTreeMap<String, String>>,
    /// The tags in the request.
    pub(crate) request_tags: RequestTags<'a>,
}

impl<'a> Resource<'a> {
    /// What has no resource but belongs to an account.
    pub(crate) fn none(account: &'a str) -> Self {
        Self { arn: &"*", account, policy: None, tags: None, request_tags: RequestTags::None }
    }
}

/// Who asks, and how.
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) origin: Origin<'a>,
    /// Epoch milliseconds.
    pub(crate) now_ms: u64,
}

impl Asking<'_> {
    /// Whether the caller may do `prefix:operation` with the resource.
    ///
    /// # Errors
    /// `AccessDeniedException` with AWS's text.
    pub(crate) fn authorize(
        &self,
        prefix: &str,
        operation: &str,
        resource: &Resource<'_>,
    ) -> Result<(), WireError> {
        let Resource { arn, account, policy, tags, request_tags } = *resource;
        let caller = self.caller;
        let identity = match &caller.policies {
            // Nothing is written out for those who may do everything.
            None if *account == *caller.account_id && policy.is_none() => return Ok(()),
            None => Identity::FullAccess,
            Some(policies) => Identity::Policies(policies),
        };
        let (action, arn) = (format!("{prefix}:{operation}"), arn.to_string());
        let request = Request {
            principal: &caller.principal,
            action: &action,
            resource: &arn,
            resource_account: account,
            resource_tags: tags,
            request_tags,
            region: &caller.region,
            source_ip: Some(self.origin.peer.address),
            user_agent: self.origin.user_agent,
            is_secure: self.origin.peer.is_tls,
            now_ms: self.now_ms,
        };
        decide(&request, identity, policy).map_err(|refusal| {
            CommonError::AccessDenied.because(format!(
                "User: {} is not authorized to perform: {action} on resource: {arn} {}",
                caller.principal_arn,
                refusal.because(&action)
            ))
        })
    }
}

impl<S: Service> Context<'_, S> {
    /// Lets the operation go on if the caller may do it with the resource.
    ///
    /// # Errors
    /// `AccessDeniedException` with AWS's text.
    pub(crate) fn authorize(
        &self,
        operation: &str,
        resource: &Resource<'_>,
    ) -> Result<(), WireError> {
        self.asked.set();
        self.trail.resource(resource.arn);
        let asking = Asking { caller: self.caller, origin: self.origin, now_ms: self.now_ms };
        asking.authorize(self.service.wire().action_prefix, operation, resource)
    }
}
