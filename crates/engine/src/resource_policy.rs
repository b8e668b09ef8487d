//! What resources have that are named by ARN: PutResourcePolicy, GetResourcePolicy,
//! DeleteResourcePolicy, TagResource, UntagResource, ListTagsForResource.

use crate::catalog::Catalog;
use crate::catalog::command::{
    AddTags, Command, DeletePolicy, PutPolicy, RemoveTags, TagConsumer, UntagConsumer,
};
use crate::consumer::{Consumer, ConsumerName, ConsumerStatus};
use crate::engine::{Engine, find, find_active, require_settled};
use crate::error::EngineError;
use crate::scope::{ConsumerRef, StreamRef};
use crate::stream::{Stream, StreamStatus};
use anabranch_model::limits;
use anabranch_policy::{Policy, PolicyError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A resource's policy: as it was put, and as it decides.
#[derive(Clone, Debug)]
pub struct ResourcePolicy {
    text: String,
    policy: Policy,
}

/// What a policy says follows from its text.
impl PartialEq for ResourcePolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ResourcePolicy {}

impl ResourcePolicy {
    /// Reads the policy of the resource with this ARN.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: String, arn: &str) -> Result<Self, PolicyError> {
        Ok(Self { policy: Policy::parse_resource(&text, arn)?, text })
    }

    /// A policy that was journaled. One that cannot be read any more denies everything: what it
    /// denied must not be allowed.
    pub(crate) fn stored(text: String, arn: &str) -> Self {
        let policy =
            Policy::parse_resource(&text, arn).unwrap_or_else(|_| Policy::deny_everything());
        Self { text, policy }
    }

    /// The document as it was put.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// A resource that can have a policy and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceName {
    /// A stream.
    Stream(StreamRef),
    /// A fan-out consumer of a stream.
    Consumer(ConsumerRef),
}

impl ResourceName {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Stream(stream) => stream.arn(),
            Self::Consumer(consumer) => consumer.arn(),
        }
    }

    /// The stream that it is or belongs to.
    #[must_use]
    pub fn stream(&self) -> &StreamRef {
        match self {
            Self::Stream(stream) => stream,
            Self::Consumer(consumer) => &consumer.stream,
        }
    }
}

/// What there is of a resource.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    stream: &'a Stream,
    consumer: Option<(&'a Consumer, ConsumerStatus)>,
}

impl<'a> Found<'a> {
    /// A consumer that is none shows as a missing consumer, whatever its stream is.
    fn find(stream: &'a Stream, name: &ResourceName, now_ms: u64) -> Result<Self, EngineError> {
        let consumer = match name {
            ResourceName::Stream(_) => None,
            ResourceName::Consumer(name) => {
                Some(ConsumerName::from(name.clone()).find(stream, now_ms)?)
            }
        };
        Ok(Self { stream, consumer })
    }

    /// Refuses a resource that is on its way out, and one that is only coming unless `early`.
    fn require_present(&self, now_ms: u64, early: bool) -> Result<(), EngineError> {
        match self.consumer {
            Some((_, ConsumerStatus::Creating)) if early => Ok(()),
            Some((consumer, ConsumerStatus::Creating | ConsumerStatus::Deleting)) => {
                let consumer = consumer.reference(&self.stream.reference);
                Err(EngineError::ConsumerNotChangeable(consumer))
            }
            Some((_, ConsumerStatus::Active)) => Ok(()),
            None if early && self.stream.status(now_ms) == Some(StreamStatus::Creating) => Ok(()),
            None => require_settled(self.stream, now_ms),
        }
    }

    fn policy(&self) -> Option<&'a Arc<ResourcePolicy>> {
        match self.consumer {
            Some((consumer, _)) => consumer.policy.as_ref(),
            None => self.stream.policy.as_ref(),
        }
    }

    fn tags(&self) -> &'a BTreeMap<String, String> {
        self.consumer.map_or(&self.stream.tags, |(consumer, _)| &consumer.tags)
    }

    fn consumer_name(&self) -> Option<String> {
        self.consumer.map(|(consumer, _)| consumer.name.to_string())
    }
}

/// The resource, if its policy or tags can be changed.
fn find_changeable<'a>(
    catalog: &'a Catalog,
    name: &ResourceName,
    now_ms: u64,
) -> Result<Found<'a>, EngineError> {
    let StreamRef { scope, name: stream } = name.stream();
    let found = match name {
        ResourceName::Stream(_) => find_active(catalog, scope, stream, now_ms)?,
        ResourceName::Consumer(consumer) => find(catalog, scope, stream, now_ms)
            .map_err(|_| ConsumerName::from(consumer.clone()).not_found())?,
    };
    let found = Found::find(found, name, now_ms)?;
    match found.consumer {
        Some((consumer, ConsumerStatus::Creating | ConsumerStatus::Deleting)) => {
            let consumer = consumer.reference(&found.stream.reference);
            Err(EngineError::ConsumerNotChangeable(consumer))
        }
        Some((_, ConsumerStatus::Active)) | None => Ok(found),
    }
}

impl Engine {
    /// A resource's policy.
    ///
    /// # Errors
    /// When the resource is not there, or coming or going.
    pub fn resource_policy(
        &self,
        name: &ResourceName,
    ) -> Result<Option<Arc<ResourcePolicy>>, EngineError> {
        self.look_at(name, |found, now_ms| {
            found.require_present(now_ms, false)?;
            Ok(found.policy().cloned())
        })
    }

    /// A resource's tags, which it has from its creation on.
    ///
    /// # Errors
    /// When the resource is not there, or going.
    pub fn resource_tags(
        &self,
        name: &ResourceName,
    ) -> Result<BTreeMap<String, String>, EngineError> {
        self.look_at(name, |found, now_ms| {
            found.require_present(now_ms, true)?;
            Ok(found.tags().clone())
        })
    }

    fn look_at<T>(
        &self,
        name: &ResourceName,
        look: impl FnOnce(&Found<'_>, u64) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let StreamRef { scope, name: stream } = name.stream();
        let stream = self.stream(scope, stream).map_err(|error| match name {
            ResourceName::Stream(_) => error,
            ResourceName::Consumer(consumer) => ConsumerName::from(consumer.clone()).not_found(),
        })?;
        let now_ms = self.now_ms();
        look(&Found::find(&stream, name, now_ms)?, now_ms)
    }

    /// Sets or replaces a resource's policy.
    ///
    /// # Errors
    /// When the resource is not there or not active.
    pub async fn put_policy(
        self: &Arc<Self>,
        name: ResourceName,
        policy: ResourcePolicy,
    ) -> Result<(), EngineError> {
        self.change(move |catalog, now_ms| {
            let found = find_changeable(catalog, &name, now_ms)?;
            let (stream, consumer) = (found.stream.number, found.consumer_name());
            Ok((Command::PutPolicy(PutPolicy { stream, policy: policy.text, consumer }), ()))
        })
        .await
    }

    /// Removes a resource's policy.
    ///
    /// # Errors
    /// When the resource is not there or not active, or has none.
    pub async fn delete_policy(self: &Arc<Self>, name: ResourceName) -> Result<(), EngineError> {
        self.change(move |catalog, now_ms| {
            let found = find_changeable(catalog, &name, now_ms)?;
            if found.policy().is_none() {
                return Err(EngineError::PolicyNotFound { arn: name.arn() });
            }
            let (stream, consumer) = (found.stream.number, found.consumer_name());
            Ok((Command::DeletePolicy(DeletePolicy { stream, consumer }), ()))
        })
        .await
    }

    /// Adds or overwrites tags of a resource.
    ///
    /// # Errors
    /// When it would have too many, or is not there or not active.
    pub async fn tag_resource(
        self: &Arc<Self>,
        name: ResourceName,
        tags: BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        self.change(move |catalog, now_ms| {
            let found = find_changeable(catalog, &name, now_ms)?;
            let new = tags.keys().filter(|key| !found.tags().contains_key(*key)).count();
            if found.tags().len() + new > limits::TAGS_MAX {
                let stream = found.stream.reference.clone();
                return Err(EngineError::TagLimit { stream, limit: limits::TAGS_MAX });
            }
            let stream = found.stream.number;
            let command = match found.consumer_name() {
                None => Command::AddTags(AddTags { stream, tags }),
                Some(consumer) => Command::TagConsumer(TagConsumer { stream, consumer, tags }),
            };
            Ok((command, ()))
        })
        .await
    }

    /// Removes tags of a resource; keys that are not there do not matter.
    ///
    /// # Errors
    /// When it is not there or not active.
    pub async fn untag_resource(
        self: &Arc<Self>,
        name: ResourceName,
        keys: Vec<String>,
    ) -> Result<(), EngineError> {
        self.change(move |catalog, now_ms| {
            let found = find_changeable(catalog, &name, now_ms)?;
            let stream = found.stream.number;
            let command = match found.consumer_name() {
                None => Command::RemoveTags(RemoveTags { stream, keys }),
                Some(consumer) => Command::UntagConsumer(UntagConsumer { stream, consumer, keys }),
            };
            Ok((command, ()))
        })
        .await
    }
}
