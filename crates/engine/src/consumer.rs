//! Fan-out consumers: RegisterStreamConsumer, DeregisterStreamConsumer, DescribeStreamConsumer
//! and ListStreamConsumers.

use crate::catalog::Catalog;
use crate::catalog::command::{Command, DeregisterConsumer, RegisterConsumer};
use crate::engine::{Engine, find, require_settled};
use crate::error::EngineError;
use crate::resource_policy::ResourcePolicy;
use crate::scope::{ConsumerRef, StreamRef};
use crate::settings::EngineSettings;
use crate::stream::Stream;
use crate::token::Purpose;
use anabranch_model::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fan-out consumer of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name, unique within the stream.
    pub name: Arc<str>,
    /// Its creation time, epoch seconds: another one of the same name has another.
    pub created_secs: u64,
    /// It is CREATING until then, epoch milliseconds.
    pub active_at_ms: u64,
    /// When it is DELETING: it is gone from then on, epoch milliseconds.
    pub gone_at_ms: Option<u64>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Who else may do what with it.
    pub policy: Option<Arc<ResourcePolicy>>,
}

/// A consumer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// Not there yet for subscriptions.
    Creating,
    /// In order.
    Active,
    /// On its way out.
    Deleting,
}

impl Consumer {
    /// The consumer's state. `None`: it is gone.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> Option<ConsumerStatus> {
        match self.gone_at_ms {
            Some(gone_at_ms) if now_ms >= gone_at_ms => None,
            Some(_) => Some(ConsumerStatus::Deleting),
            None if now_ms < self.active_at_ms => Some(ConsumerStatus::Creating),
            None => Some(ConsumerStatus::Active),
        }
    }

    /// Its full name.
    #[must_use]
    pub fn reference(&self, stream: &StreamRef) -> ConsumerRef {
        let (name, created_secs) = (self.name.clone(), self.created_secs);
        ConsumerRef { stream: stream.clone(), name, created_secs }
    }
}

/// How a caller names a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerName {
    /// The stream it reads.
    pub stream: StreamRef,
    /// Its name.
    pub name: Arc<str>,
    /// Its creation time in epoch seconds, if the caller said it.
    pub created_secs: Option<u64>,
}

impl From<ConsumerRef> for ConsumerName {
    fn from(consumer: ConsumerRef) -> Self {
        let ConsumerRef { stream, name, created_secs } = consumer;
        Self { stream, name, created_secs: Some(created_secs) }
    }
}

impl ConsumerName {
    pub(crate) fn not_found(&self) -> EngineError {
        let Self { stream, name, created_secs } = self.clone();
        let account = stream.scope.account.clone();
        let named = match created_secs {
            Some(created_secs) => ConsumerRef { stream, name, created_secs }.arn(),
            None => name.to_string(),
        };
        EngineError::ConsumerNotFound { named, account }
    }

    /// The consumer, in whatever state. A missing stream shows as a missing consumer.
    pub(crate) fn find<'a>(
        &self,
        stream: &'a Stream,
        now_ms: u64,
    ) -> Result<(&'a Consumer, ConsumerStatus), EngineError> {
        let consumer = stream.consumers.get(&self.name);
        let is_meant =
            |created: u64| self.created_secs.is_none_or(|created_secs| created_secs == created);
        let consumer = consumer.filter(|consumer| is_meant(consumer.created_secs));
        let found = consumer.and_then(|consumer| Some((consumer, consumer.status(now_ms)?)));
        found.ok_or_else(|| self.not_found())
    }
}

/// Which consumers to list.
#[derive(Clone, Debug)]
pub struct ConsumerPageRequest<'a> {
    /// The stream.
    pub stream: &'a StreamRef,
    /// Creation time that the stream must have, epoch seconds.
    pub created_secs: Option<i64>,
    /// Go on where this token's page ended.
    pub token: Option<&'a str>,
    /// Consumers at most; capped at 100.
    pub limit: Option<usize>,
}

/// A page of consumers.
#[derive(Clone, Debug)]
pub struct ConsumerPage {
    /// In name order.
    pub consumers: Vec<(Consumer, ConsumerStatus)>,
    /// There is more: the token for it.
    pub next_token: Option<String>,
}

impl Engine {
    /// Registers a consumer: it is CREATING at first, then ACTIVE.
    ///
    /// # Errors
    /// When the name is taken, a limit reached, or the stream is not there for it.
    pub async fn register_consumer(
        self: &Arc<Self>,
        stream: &StreamRef,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Consumer, EngineError> {
        let (reference, settings) = (stream.clone(), self.settings.clone());
        let name: Arc<str> = Arc::from(name);
        let registered = name.clone();
        let number = self
            .change(move |catalog, now_ms| {
                let stream = find(catalog, &reference.scope, &reference.name, now_ms)?;
                let command = decide_register(catalog, stream, &settings, &name, tags, now_ms)?;
                Ok((Command::RegisterConsumer(command), stream.number))
            })
            .await?;
        let catalog = self.catalog.read();
        let stream = catalog.stream_by_number(number);
        let consumer = stream.and_then(|stream| stream.consumers.get(&registered));
        consumer.cloned().ok_or(EngineError::Interrupted)
    }

    /// Deregisters a consumer: it is DELETING at first, then gone. To do it again changes nothing.
    ///
    /// # Errors
    /// When there is none.
    pub async fn deregister_consumer(
        self: &Arc<Self>,
        consumer: ConsumerName,
    ) -> Result<(), EngineError> {
        let transition_ms = self.settings.transition_ms;
        self.change(move |catalog, now_ms| {
            let StreamRef { scope, name } = &consumer.stream;
            let stream = find(catalog, scope, name, now_ms).map_err(|_| consumer.not_found())?;
            let (found, _) = consumer.find(stream, now_ms)?;
            let command = DeregisterConsumer {
                stream: stream.number,
                name: found.name.to_string(),
                gone_at_ms: found.gone_at_ms.unwrap_or(now_ms + transition_ms),
            };
            Ok((Command::DeregisterConsumer(command), ()))
        })
        .await
    }

    /// The consumer of this name, in whatever state.
    ///
    /// # Errors
    /// When there is none.
    pub fn consumer(
        &self,
        consumer: &ConsumerName,
    ) -> Result<(Consumer, ConsumerStatus), EngineError> {
        let StreamRef { scope, name } = &consumer.stream;
        let stream = self.stream(scope, name).map_err(|_| consumer.not_found())?;
        let (found, status) = consumer.find(&stream, self.now_ms())?;
        Ok((found.clone(), status))
    }

    /// Lists a stream's consumers in name order.
    ///
    /// # Errors
    /// When there is no such stream, it is coming or going, or the token is no good.
    pub fn list_consumers(
        &self,
        request: &ConsumerPageRequest<'_>,
    ) -> Result<ConsumerPage, EngineError> {
        let stream = self.stream(&request.stream.scope, &request.stream.name)?;
        let created = (stream.created_ms / 1000).cast_signed();
        if request.created_secs.is_some_and(|wanted| wanted != created) {
            return Err(EngineError::StreamNotFound(stream.reference.clone()));
        }
        let now_ms = self.now_ms();
        require_settled(&stream, now_ms)?;
        let after = request.token.map(|token| self.open_consumer_token(&stream, token, now_ms));
        let after = after.transpose()?;
        let limit = request.limit.unwrap_or(limits::LIST_CONSUMERS_PAGE);
        let limit = limit.min(limits::LIST_CONSUMERS_PAGE);
        let mut present = stream
            .consumers_present(now_ms)
            .filter(|(consumer, _)| after.as_deref().is_none_or(|after| *consumer.name > *after));
        let present = &mut present;
        let consumers: Vec<(Consumer, ConsumerStatus)> =
            present.take(limit).map(|(consumer, status)| (consumer.clone(), status)).collect();
        let last = consumers.last().filter(|_| present.next().is_some());
        let next_token =
            last.map(|(consumer, _)| self.seal_consumer_token(&stream, &consumer.name, now_ms));
        Ok(ConsumerPage { consumers, next_token })
    }

    /// A token is the stream's number, when it was made, and the last name of its page.
    fn seal_consumer_token(&self, stream: &Stream, last: &str, now_ms: u64) -> String {
        let payload =
            [&stream.number.to_le_bytes()[..], &now_ms.to_le_bytes(), last.as_bytes()].concat();
        self.tokens.seal(Purpose::ListStreamConsumers, &payload)
    }

    fn open_consumer_token(
        &self,
        stream: &Stream,
        token: &str,
        now_ms: u64,
    ) -> Result<String, EngineError> {
        let payload = self.tokens.open(Purpose::ListStreamConsumers, token);
        let payload = payload.ok_or(EngineError::TokenInvalid)?;
        let (number, rest) = payload.split_first_chunk().ok_or(EngineError::TokenInvalid)?;
        let (issued_ms, last) = rest.split_first_chunk().ok_or(EngineError::TokenInvalid)?;
        if u32::from_le_bytes(*number) != stream.number {
            return Err(EngineError::TokenOfAnotherStream);
        }
        if now_ms.saturating_sub(u64::from_le_bytes(*issued_ms)) > limits::NEXT_TOKEN_LIFE_MS {
            return Err(EngineError::TokenExpired);
        }
        String::from_utf8(last.to_vec()).map_err(|_| EngineError::TokenInvalid)
    }
}

fn decide_register(
    catalog: &Catalog,
    stream: &Stream,
    settings: &EngineSettings,
    name: &Arc<str>,
    tags: BTreeMap<String, String>,
    now_ms: u64,
) -> Result<RegisterConsumer, EngineError> {
    let reference = || stream.reference.clone();
    require_settled(stream, now_ms)?;
    let former = stream.consumers.get(name);
    if let Some(consumer) = former.filter(|consumer| consumer.status(now_ms).is_some()) {
        return Err(EngineError::ConsumerExists(consumer.reference(&stream.reference)));
    }
    let present: Vec<ConsumerStatus> =
        stream.consumers_present(now_ms).map(|(_, status)| status).collect();
    let creating = present.iter().filter(|status| **status == ConsumerStatus::Creating).count();
    let limit = catalog.consumers_max(stream, now_ms);
    if settings.limit_streams && present.len() >= limit {
        return Err(EngineError::ConsumerLimit { stream: reference(), limit });
    }
    if settings.limit_streams && creating >= limits::CONSUMERS_CREATING_MAX {
        let limit = limits::CONSUMERS_CREATING_MAX;
        return Err(EngineError::ConsumersCreatingLimit { stream: reference(), limit });
    }
    // The time in the ARN tells consumers of one name apart, also within a second.
    let after_former = former.map_or(0, |former| former.created_secs.saturating_add(1));
    Ok(RegisterConsumer {
        stream: stream.number,
        name: name.to_string(),
        created_secs: after_former.max(now_ms / 1000),
        tags,
        transition_ms: settings.transition_ms,
    })
}
