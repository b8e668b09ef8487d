//! Fan-out consumers: RegisterStreamConsumer, DeregisterStreamConsumer, DescribeStreamConsumer
//! and ListStreamConsumers.

use super::control::Control;
use crate::error::{
    ChangeFailure, ConsumerExists, ConsumerLimit, ConsumerNotFound, ConsumersCreatingLimit,
    DeregisterConsumerError, Interrupted, ListError, RegisterConsumerError, StreamNotFound,
    StreamUnavailable, TokenError, TokenExpired, TokenInvalid, TokenOfAnotherStream,
};
use crate::live::named::NamedStream;
use crate::live::stream::Stream;
use crate::lookup::{find, find_consumer, require_settled};
use crate::settings::EngineSettings;
use crate::state::catalog::Catalog;
use crate::state::command::{Command, DeregisterConsumer, RegisterConsumer};
use crate::state::consumer::{Consumer, ConsumerName, ConsumerStatus};
use crate::state::scope::StreamRef;
use crate::state::stream::StreamEntry;
use crate::token::Purpose;
use anabranch_model::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which consumers to list.
#[derive(Clone, Debug)]
pub struct ConsumerPageRequest<'a> {
    pub stream: &'a NamedStream,
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

impl Control {
    /// Registers a consumer: it is CREATING at first, then ACTIVE.
    ///
    /// # Errors
    /// When the name is taken, a limit reached, or the stream is not there for it.
    pub async fn register_consumer(
        &self,
        stream: &StreamRef,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Consumer, RegisterConsumerError> {
        let (reference, settings) = (stream.clone(), self.settings.clone());
        let name: Arc<str> = Arc::from(name);
        let registered = name.clone();
        let number = self
            .ledger
            .change::<_, RegisterConsumerError>(move |catalog, now_ms| {
                let stream = find(catalog.streams(), &reference.scope, &reference.name, now_ms);
                let stream = stream.map_err(StreamUnavailable::from)?;
                let command = decide_register(catalog, stream, &settings, &name, tags, now_ms)?;
                Ok((Command::RegisterConsumer(command), stream.number))
            })
            .await?;
        let view = self.ledger.view();
        let stream = view.streams().of_number(number);
        let consumer = stream.and_then(|stream| stream.consumers.get(&registered));
        consumer.cloned().ok_or_else(|| ChangeFailure::from(Interrupted).into())
    }

    /// Deregisters a consumer: it is DELETING at first, then gone. To do it again changes nothing.
    ///
    /// # Errors
    /// When there is none.
    pub async fn deregister_consumer(
        &self,
        consumer: ConsumerName,
    ) -> Result<(), DeregisterConsumerError> {
        let transition_ms = self.settings.transition_ms;
        self.ledger
            .change(move |catalog, now_ms| {
                let StreamRef { scope, name } = &consumer.stream;
                let stream = find(catalog.streams(), scope, name, now_ms)
                    .map_err(|_| ConsumerNotFound::from(&consumer))?;
                let (found, _) = find_consumer(stream, &consumer, now_ms)?;
                let command = DeregisterConsumer {
                    stream: stream.number,
                    name: found.name.to_string(),
                    gone_at_ms: found.gone_at_ms.unwrap_or(now_ms + transition_ms),
                };
                Ok((Command::DeregisterConsumer(command), ()))
            })
            .await
    }

    /// Lists a stream's consumers in name order.
    ///
    /// # Errors
    /// When there is no such stream, it is coming or going, or the token is no good.
    pub fn list_consumers(
        &self,
        request: &ConsumerPageRequest<'_>,
    ) -> Result<ConsumerPage, ListError> {
        let is_token =
            |token: &str| self.tokens.open(Purpose::ListStreamConsumers, token).is_some();
        if request.token.is_some_and(|token| !is_token(token)) {
            return Err(TokenError::Invalid(TokenInvalid).into());
        }
        let stream = request.stream.stream().map_err(StreamUnavailable::from)?;
        let created = (stream.created_ms / 1000).cast_signed();
        if request.created_secs.is_some_and(|wanted| wanted != created) {
            let refused = StreamNotFound(stream.reference.clone());
            return Err(StreamUnavailable::from(refused).into());
        }
        let now_ms = self.ledger.now_ms();
        require_settled(stream, now_ms)?;
        let after = request.token.map(|token| self.open_consumer_token(stream, token, now_ms));
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
            last.map(|(consumer, _)| self.seal_consumer_token(stream, &consumer.name, now_ms));
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
    ) -> Result<String, ListError> {
        let payload = self.tokens.open(Purpose::ListStreamConsumers, token);
        let payload = payload.ok_or(TokenError::Invalid(TokenInvalid))?;
        let (number, rest) =
            payload.split_first_chunk().ok_or(TokenError::Invalid(TokenInvalid))?;
        let (issued_ms, last) =
            rest.split_first_chunk().ok_or(TokenError::Invalid(TokenInvalid))?;
        if u32::from_le_bytes(*number) != stream.number {
            return Err(TokenOfAnotherStream.into());
        }
        if now_ms.saturating_sub(u64::from_le_bytes(*issued_ms)) > limits::NEXT_TOKEN_LIFE_MS {
            return Err(TokenError::from(TokenExpired).into());
        }
        String::from_utf8(last.to_vec()).map_err(|_| TokenError::from(TokenInvalid).into())
    }
}

fn decide_register(
    catalog: &Catalog,
    stream: &StreamEntry,
    settings: &EngineSettings,
    name: &Arc<str>,
    tags: BTreeMap<String, String>,
    now_ms: u64,
) -> Result<RegisterConsumer, RegisterConsumerError> {
    let reference = || stream.reference.clone();
    require_settled(stream, now_ms)?;
    let former = stream.consumers.get(name);
    if let Some(consumer) = former.filter(|consumer| consumer.status(now_ms).is_some()) {
        return Err(ConsumerExists(consumer.reference(&stream.reference)).into());
    }
    let present: Vec<ConsumerStatus> =
        stream.consumers_present(now_ms).map(|(_, status)| status).collect();
    let creating = present.iter().filter(|status| **status == ConsumerStatus::Creating).count();
    let limit = catalog.commitments().consumers_max(stream, now_ms);
    if settings.limit_streams && present.len() >= limit {
        return Err(ConsumerLimit { stream: reference(), limit }.into());
    }
    if settings.limit_streams && creating >= limits::CONSUMERS_CREATING_MAX {
        let limit = limits::CONSUMERS_CREATING_MAX;
        return Err(ConsumersCreatingLimit { stream: reference(), limit }.into());
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
