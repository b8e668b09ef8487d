//! Tags of streams.

use crate::catalog::command::{AddTags, Command, RemoveTags};
use crate::engine::{Engine, find_active};
use crate::error::EngineError;
use crate::scope::Scope;

use anabranch_model::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Engine {
    /// Adds or overwrites tags.
    ///
    /// # Errors
    /// When the stream would have too many, or is not active.
    pub async fn add_tags(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let (scope, name) = (scope.clone(), name.to_owned());
        self.change(move |catalog, now_ms| {
            let stream = find_active(catalog, &scope, &name, now_ms)?;
            let new = tags.keys().filter(|key| !stream.tags.contains_key(*key)).count();
            if stream.tags.len() + new > limits::TAGS_MAX {
                let stream = stream.reference.clone();
                return Err(EngineError::TagLimit { stream, limit: limits::TAGS_MAX });
            }
            Ok((Command::AddTags(AddTags { stream: stream.number, tags }), ()))
        })
        .await
    }

    /// Removes tags; keys that are not there do not matter.
    ///
    /// # Errors
    /// When the stream is not active.
    pub async fn remove_tags(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        keys: Vec<String>,
    ) -> Result<(), EngineError> {
        let (scope, name) = (scope.clone(), name.to_owned());
        self.change(move |catalog, now_ms| {
            let stream = find_active(catalog, &scope, &name, now_ms)?;
            Ok((Command::RemoveTags(RemoveTags { stream: stream.number, keys }), ()))
        })
        .await
    }
}
