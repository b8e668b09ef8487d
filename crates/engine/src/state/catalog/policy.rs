//! What commands about resource policies, and about tags of consumers, change.

use crate::state::command::{DeletePolicy, PutPolicy, TagConsumer, UntagConsumer};
use crate::state::consumer::Consumer;
use crate::state::policy::ResourcePolicy;
use crate::state::stream::StreamEntry;
use std::sync::Arc;

impl StreamEntry {
    pub(super) fn put_policy(&mut self, put: &PutPolicy) {
        self.set_policy(put.consumer.as_deref(), Some(&put.policy));
    }

    pub(super) fn delete_policy(&mut self, gone: &DeletePolicy) {
        self.set_policy(gone.consumer.as_deref(), None);
    }

    fn set_policy(&mut self, consumer: Option<&str>, text: Option<&str>) {
        let stored =
            |arn: &str| text.map(|text| Arc::new(ResourcePolicy::stored(text.to_owned(), arn)));
        match consumer {
            None => self.policy = stored(&self.reference.arn()),
            Some(name) => {
                if let Some(consumer) = self.consumers.get_mut(name) {
                    consumer.policy = stored(&consumer.reference(&self.reference).arn());
                }
            }
        }
    }

    pub(super) fn tag_consumer(&mut self, tag: &TagConsumer) {
        if let Some(Consumer { tags, .. }) = self.consumers.get_mut(&*tag.consumer) {
            tags.extend(tag.tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }

    pub(super) fn untag_consumer(&mut self, untag: &UntagConsumer) {
        if let Some(Consumer { tags, .. }) = self.consumers.get_mut(&*untag.consumer) {
            tags.retain(|key, _| !untag.keys.contains(key));
        }
    }
}
