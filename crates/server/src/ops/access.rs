//! What a caller may do: the one place where policies are asked.

use super::Context;
use anabranch_engine::{Consumer, Scope, Stream};
use anabranch_model::{ConsumerArn, StreamArn};
use anabranch_policy::{Identity, Policy, Request, RequestTags, decide};
use anabranch_protocol::{ErrorKind, WireError};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Context<'_> {
    /// Lets the operation go on if the caller may do it with the resource: an ARN, or `*` if it
    /// has none.
    ///
    /// # Errors
    /// `AccessDeniedException` with the service's text.
    pub(crate) fn authorize(&self, operation: &str, resource: &str) -> Result<(), WireError> {
        self.authorize_tagging(operation, resource, RequestTags::None)
    }

    /// As [`Context::authorize`], for a request that sets or removes tags.
    ///
    /// # Errors
    /// `AccessDeniedException` with the service's text.
    pub(crate) fn authorize_tagging(
        &self,
        operation: &str,
        resource: &str,
        request_tags: RequestTags<'_>,
    ) -> Result<(), WireError> {
        self.asked.set();
        let own = &*self.scope.account;
        let resource_account = match resource {
            "*" => own,
            arn => arn.split(':').nth(4).unwrap_or_default(),
        };
        let found = self.find(resource);
        let policy = found.as_ref().and_then(Found::policy);
        let identity = match &self.caller.policies {
            None if resource_account == own && policy.is_none() => return Ok(()),
            None => Identity::FullAccess,
            Some(policies) => Identity::Policies(policies),
        };
        let action = format!("kinesis:{operation}");
        let request = Request {
            principal: &self.caller.principal,
            action: &action,
            resource,
            resource_account,
            resource_tags: found.as_ref().map(Found::tags),
            request_tags,
            region: &self.scope.region,
            source_ip: Some(self.origin.peer.address),
            user_agent: self.origin.user_agent,
            is_secure: self.origin.peer.is_tls,
            now_ms: self.cells.now_ms(),
        };
        decide(&request, identity, policy).map_err(|refusal| {
            WireError::new(
                ErrorKind::AccessDenied,
                format!(
                    "User: {} is not authorized to perform: {action} on resource: {resource} {}",
                    self.caller.principal_arn,
                    refusal.because(&action)
                ),
            )
        })
    }

    /// The resource, if it is there.
    fn find(&self, resource: &str) -> Option<Found> {
        let consumer = ConsumerArn::parse(resource);
        let stream = consumer.as_ref().map(|consumer| consumer.stream);
        let StreamArn { region, account, name } = stream.or_else(|| StreamArn::parse(resource))?;
        let stream = match (account, region) == (&*self.scope.account, &*self.scope.region) {
            true => self.cells.of(&self.scope, name).stream(&self.scope, name),
            false => {
                let scope = Scope { account: account.into(), region: region.into() };
                self.cells.of(&scope, name).stream(&scope, name)
            }
        };
        let stream = stream.ok()?;
        let consumer = match consumer {
            None => None,
            Some(ConsumerArn { name, created_secs, .. }) => {
                let registered = stream.consumers.get(name)?;
                let is_there = registered.status(self.cells.now_ms()).is_some();
                (is_there && registered.created_secs == created_secs).then_some(())?;
                Some(registered.name.clone())
            }
        };
        Some(Found { stream, consumer })
    }
}

/// A resource that is there.
struct Found {
    stream: Arc<Stream>,
    /// Name of the stream's consumer that it is.
    consumer: Option<Arc<str>>,
}

impl Found {
    fn consumer(&self) -> Option<&Consumer> {
        self.stream.consumers.get(self.consumer.as_ref()?)
    }

    fn policy(&self) -> Option<&Policy> {
        let policy = self.consumer().map_or(&self.stream.policy, |consumer| &consumer.policy);
        policy.as_ref().map(|policy| policy.policy())
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        self.consumer().map_or(&self.stream.tags, |consumer| &consumer.tags)
    }
}
