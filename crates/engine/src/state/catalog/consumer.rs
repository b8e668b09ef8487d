//! What commands do to fan-out consumers.

use crate::state::command::{DeregisterConsumer, RegisterConsumer};
use crate::state::consumer::Consumer;
use crate::state::machine::Place;
use crate::state::stream::StreamEntry;
use std::sync::Arc;

impl StreamEntry {
    pub(super) fn register_consumer(&mut self, register: &RegisterConsumer, place: Place) {
        self.forget_consumers(place);
        let consumer = Consumer {
            name: Arc::from(register.name.as_str()),
            created_secs: register.created_secs,
            active_at_ms: place.arrival_ms.saturating_add(register.transition_ms),
            gone_at_ms: None,
            tags: register.tags.clone(),
            policy: None,
        };
        self.consumers.insert(consumer.name.clone(), consumer);
    }

    pub(super) fn deregister_consumer(&mut self, deregister: &DeregisterConsumer, place: Place) {
        self.forget_consumers(place);
        if let Some(consumer) = self.consumers.get_mut(deregister.name.as_str()) {
            consumer.gone_at_ms = Some(deregister.gone_at_ms);
        }
    }

    /// Forgets those that are gone, once a new one of the name cannot get their creation time.
    fn forget_consumers(&mut self, place: Place) {
        self.consumers.retain(|_, consumer| {
            consumer.status(place.arrival_ms).is_some()
                || consumer.created_secs >= place.arrival_ms / 1000
        });
    }
}
