//! What resources have that are named by ARN: PutResourcePolicy, GetResourcePolicy,
//! DeleteResourcePolicy, TagResource, UntagResource, ListTagsForResource.

use super::control::Control;
use crate::error::{
    ConsumerNotChangeable, ConsumerNotFound, PolicyNotFound, ResourceError, ResourceUnavailable,
    StreamUnavailable, TagLimit,
};
use crate::live::named::NamedStream;
use crate::lookup::{find, find_active, find_consumer, require_settled};
use crate::state::catalog::Catalog;
use crate::state::command::{
    AddTags, Command, DeletePolicy, PutPolicy, RemoveTags, TagConsumer, UntagConsumer,
};
use crate::state::consumer::{Consumer, ConsumerName, ConsumerStatus};
use crate::state::policy::ResourcePolicy;
use crate::state::scope::{ResourceName, StreamRef};
use crate::state::stream::{StreamEntry, StreamStatus};
use anabranch_model::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What there is of a resource.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    stream: &'a StreamEntry,
    consumer: Option<(&'a Consumer, ConsumerStatus)>,
}

impl<'a> Found<'a> {
    /// A consumer that is none shows as a missing consumer, whatever its stream is.
    fn find(
        stream: &'a StreamEntry,
        name: &ResourceName,
        now_ms: u64,
    ) -> Result<Self, ResourceUnavailable> {
        let consumer = match name {
            ResourceName::Stream(_) => None,
            ResourceName::Consumer(name) => {
                Some(find_consumer(stream, &ConsumerName::from(name.clone()), now_ms)?)
            }
        };
        Ok(Self { stream, consumer })
    }

    /// Refuses a resource that is on its way out, and one that is only coming unless `early`.
    fn require_present(&self, now_ms: u64, early: bool) -> Result<(), ResourceUnavailable> {
        match self.consumer {
            Some((_, ConsumerStatus::Creating)) if early => Ok(()),
            Some((consumer, ConsumerStatus::Creating | ConsumerStatus::Deleting)) => {
                let consumer = consumer.reference(&self.stream.reference);
                Err(ConsumerNotChangeable(consumer).into())
            }
            Some((_, ConsumerStatus::Active)) => Ok(()),
            None if early && self.stream.status(now_ms) == Some(StreamStatus::Creating) => Ok(()),
            None => Ok(require_settled(self.stream, now_ms)?),
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
) -> Result<Found<'a>, ResourceUnavailable> {
    let StreamRef { scope, name: stream } = name.stream();
    let found = match name {
        ResourceName::Stream(_) => find_active(catalog.streams(), scope, stream, now_ms)?,
        ResourceName::Consumer(consumer) => find(catalog.streams(), scope, stream, now_ms)
            .map_err(|_| ConsumerNotFound::from(&ConsumerName::from(consumer.clone())))?,
    };
    let found = Found::find(found, name, now_ms)?;
    match found.consumer {
        Some((consumer, ConsumerStatus::Creating | ConsumerStatus::Deleting)) => {
            let consumer = consumer.reference(&found.stream.reference);
            Err(ConsumerNotChangeable(consumer).into())
        }
        Some((_, ConsumerStatus::Active)) | None => Ok(found),
    }
}

impl Control {
    /// The policy of a resource that is this stream, or a consumer of it.
    ///
    /// # Errors
    /// When the resource is not there, or coming or going.
    pub fn resource_policy(
        &self,
        stream: &NamedStream,
        name: &ResourceName,
    ) -> Result<Option<Arc<ResourcePolicy>>, ResourceUnavailable> {
        self.look_at(stream, name, |found, now_ms| {
            found.require_present(now_ms, false)?;
            Ok(found.policy().cloned())
        })
    }

    /// The tags of a resource that is this stream, or a consumer of it: it has them from its creation
    /// on.
    ///
    /// # Errors
    /// When the resource is not there, or going.
    pub fn resource_tags(
        &self,
        stream: &NamedStream,
        name: &ResourceName,
    ) -> Result<BTreeMap<String, String>, ResourceUnavailable> {
        self.look_at(stream, name, |found, now_ms| {
            found.require_present(now_ms, true)?;
            Ok(found.tags().clone())
        })
    }

    fn look_at<T>(
        &self,
        stream: &NamedStream,
        name: &ResourceName,
        look: impl FnOnce(&Found<'_>, u64) -> Result<T, ResourceUnavailable>,
    ) -> Result<T, ResourceUnavailable> {
        let stream = stream.stream().map_err(|error| match name {
            ResourceName::Stream(_) => ResourceUnavailable::from(StreamUnavailable::from(error)),
            ResourceName::Consumer(consumer) => {
                ConsumerNotFound::from(&ConsumerName::from(consumer.clone())).into()
            }
        })?;
        let now_ms = self.ledger.now_ms();
        look(&Found::find(stream, name, now_ms)?, now_ms)
    }

    /// Sets or replaces a resource's policy.
    ///
    /// # Errors
    /// When the resource is not there or not active.
    pub async fn put_policy(
        &self,
        name: ResourceName,
        policy: ResourcePolicy,
    ) -> Result<(), ResourceError> {
        self.ledger
            .change(move |catalog, now_ms| {
                let found = find_changeable(catalog, &name, now_ms)?;
                let (stream, consumer) = (found.stream.number, found.consumer_name());
                Ok((
                    Command::PutPolicy(PutPolicy { stream, policy: policy.into_text(), consumer }),
                    (),
                ))
            })
            .await
    }

    /// Removes a resource's policy.
    ///
    /// # Errors
    /// When the resource is not there or not active, or has none.
    pub async fn delete_policy(&self, name: ResourceName) -> Result<(), ResourceError> {
        self.ledger
            .change(move |catalog, now_ms| {
                let found = find_changeable(catalog, &name, now_ms)?;
                if found.policy().is_none() {
                    return Err(PolicyNotFound { arn: name.arn() }.into());
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
        &self,
        name: ResourceName,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ResourceError> {
        self.ledger
            .change(move |catalog, now_ms| {
                let found = find_changeable(catalog, &name, now_ms)?;
                let new = tags.keys().filter(|key| !found.tags().contains_key(*key)).count();
                if found.tags().len() + new > limits::TAGS_MAX {
                    let stream = found.stream.reference.clone();
                    return Err(TagLimit { stream, limit: limits::TAGS_MAX }.into());
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
        &self,
        name: ResourceName,
        keys: Vec<String>,
    ) -> Result<(), ResourceError> {
        self.ledger
            .change(move |catalog, now_ms| {
                let found = find_changeable(catalog, &name, now_ms)?;
                let stream = found.stream.number;
                let command = match found.consumer_name() {
                    None => Command::RemoveTags(RemoveTags { stream, keys }),
                    Some(consumer) => {
                        Command::UntagConsumer(UntagConsumer { stream, consumer, keys })
                    }
                };
                Ok((command, ()))
            })
            .await
    }
}
