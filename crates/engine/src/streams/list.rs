//! Pages: ListStreams and ListShards.

use super::control::Control;
use crate::error::{
    ListError, StreamNotFound, StreamUnavailable, TokenError, TokenExpired, TokenInvalid,
    TokenOfAnotherStream,
};
use crate::live::named::NamedStream;
use crate::live::slot::ShardSlot;
use crate::live::stream::Stream;
use crate::lookup::require_settled;
use crate::state::scope::Scope;
use crate::token::Purpose;
use anabranch_model::shard_filter::ShardFilter;
use anabranch_model::{ShardId, limits};
use std::sync::Arc;

/// Which shards to list.
#[derive(Clone, Debug)]
pub enum ShardPageRequest<'a> {
    /// From the start.
    First {
        stream: &'a NamedStream,
        /// Start after this shard.
        after: Option<ShardId>,
        /// Which shards.
        filter: ShardFilter,
        /// Shards at most; capped at 1000.
        limit: Option<usize>,
        /// Creation time that the stream must have, epoch seconds.
        created_secs: Option<i64>,
    },
    /// Go on where this token's page ended.
    Next {
        token: &'a OpenShardToken,
        /// Name that the caller gave beside the token; it must be the token's stream.
        name: Option<&'a str>,
        /// Shards at most; capped at 1000.
        limit: Option<usize>,
    },
}

/// A page of shards.
#[derive(Clone, Debug)]
pub struct ShardPage {
    /// In id order.
    pub shards: Vec<Arc<ShardSlot>>,
    /// There is more: the token for it.
    pub next_token: Option<String>,
}

impl Control {
    /// An account's streams in name order, from the first name after `after`; those of this cell,
    /// and `limit` at most.
    #[must_use]
    pub fn streams_after(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<Stream>> {
        let (view, now_ms) = (self.ledger.view(), self.ledger.now_ms());
        let streams = view.streams().after(scope, after);
        streams.filter(|stream| stream.status(now_ms).is_some()).take(limit).cloned().collect()
    }

    /// A token is when it was made, and account, Region and last name of its page.
    pub(crate) fn seal_stream_token(&self, scope: &Scope, last: &str) -> String {
        let now_ms = self.ledger.now_ms();
        let Scope { account, region } = scope;
        let mut payload = now_ms.to_le_bytes().to_vec();
        payload.extend_from_slice(format!("{account}/{region}/{last}").as_bytes());
        self.tokens.seal(Purpose::ListStreams, &payload)
    }

    pub(crate) fn open_stream_token(
        &self,
        scope: &Scope,
        token: &str,
    ) -> Result<String, TokenError> {
        let payload = self.tokens.open(Purpose::ListStreams, token);
        let payload = payload.ok_or(TokenInvalid)?;
        let (issued_ms, text) = payload.split_first_chunk().ok_or(TokenInvalid)?;
        let Scope { account, region } = scope;
        let last = std::str::from_utf8(text).ok().and_then(|text| {
            text.strip_prefix(&**account)?
                .strip_prefix('/')?
                .strip_prefix(&**region)?
                .strip_prefix('/')
        });
        let last = last.ok_or(TokenInvalid)?;
        let now_ms = self.ledger.now_ms();
        if now_ms.saturating_sub(u64::from_le_bytes(*issued_ms)) > limits::NEXT_TOKEN_LIFE_MS {
            return Err(TokenExpired.into());
        }
        Ok(last.to_owned())
    }

    /// Lists a stream's shards in id order.
    ///
    /// # Errors
    /// When there is no such stream, it is coming or going, or the token is no good.
    pub fn list_shards(
        &self,
        scope: &Scope,
        request: &ShardPageRequest<'_>,
    ) -> Result<ShardPage, ListError> {
        let moment = self.ledger.moment();
        let now_ms = moment.now_ms;
        let (stream, after, filter, limit) = match request {
            ShardPageRequest::First { stream, after, filter, limit, created_secs } => {
                let stream = stream.stream().map_err(StreamUnavailable::from)?;
                let created = (stream.created_ms / 1000) as i64;
                if created_secs.is_some_and(|wanted| wanted != created) {
                    let refused = StreamNotFound(stream.reference.clone());
                    return Err(StreamUnavailable::from(refused).into());
                }
                (stream, *after, *filter, *limit)
            }
            ShardPageRequest::Next { token, name, limit } => {
                let OpenShardToken { stream, page } = token;
                if stream.reference.scope != *scope {
                    return Err(TokenError::Invalid(TokenInvalid).into());
                }
                if name.is_some_and(|name| *stream.reference.name != *name) {
                    return Err(TokenOfAnotherStream.into());
                }
                (stream, Some(page.after), page.filter, *limit)
            }
        };
        require_settled(stream, now_ms)?;
        let limit = limit.unwrap_or(limits::LIST_SHARDS_PAGE).min(limits::LIST_SHARDS_PAGE);
        // Of a young stream, the horizon is its beginning.
        let horizon_ms =
            stream.retention.trim_horizon_ms(moment.believed_ms).max(stream.created_ms);
        let mut passing = stream
            .visible_shards(moment)
            .filter(|slot| after.is_none_or(|after| slot.shard.id > after))
            .filter(|slot| filter.passes(&slot.shard, horizon_ms));
        let shards: Vec<Arc<ShardSlot>> = passing.by_ref().take(limit).cloned().collect();
        let last = shards.last().filter(|_| passing.next().is_some());
        let next_token = last.map(|last| {
            let page = ShardToken { stream: stream.number, after: last.shard.id, filter };
            self.tokens.seal(Purpose::ListShards, &page.encode(now_ms))
        });
        Ok(ShardPage { shards, next_token })
    }

    /// Opens a token that [`Control::list_shards`] gave.
    ///
    /// # Errors
    /// When the token is no good, or its stream is gone.
    pub fn open_shard_token(&self, token: &str) -> Result<OpenShardToken, TokenError> {
        let payload = self.tokens.open(Purpose::ListShards, token);
        let opened = payload.as_deref().and_then(ShardToken::decode);
        let (page, issued_ms) = opened.ok_or(TokenInvalid)?;
        if self.ledger.now_ms().saturating_sub(issued_ms) > limits::NEXT_TOKEN_LIFE_MS {
            return Err(TokenExpired.into());
        }
        let stream = self.ledger.view().streams().of_number(page.stream).cloned();
        Ok(OpenShardToken { stream: stream.ok_or(TokenInvalid)?, page })
    }
}

/// A token of ListShards that was opened.
#[derive(Clone, Debug)]
pub struct OpenShardToken {
    /// The stream that it lists shards of, in whatever state.
    pub stream: Arc<Stream>,
    page: ShardToken,
}

/// Where a ListShards page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShardToken {
    stream: u32,
    after: ShardId,
    filter: ShardFilter,
}

impl ShardToken {
    fn encode(&self, now_ms: u64) -> [u8; 25] {
        let (kind, argument) = match self.filter {
            ShardFilter::AfterShardId(id) => (0, u64::from(id.0)),
            ShardFilter::AtTrimHorizon => (1, 0),
            ShardFilter::FromTrimHorizon => (2, 0),
            ShardFilter::AtLatest => (3, 0),
            ShardFilter::AtTimestamp(ms) => (4, ms),
            ShardFilter::FromTimestamp(ms) => (5, ms),
        };
        let mut bytes = [0; 25];
        bytes[0] = kind;
        bytes[1..5].copy_from_slice(&self.stream.to_le_bytes());
        bytes[5..9].copy_from_slice(&self.after.0.to_le_bytes());
        bytes[9..17].copy_from_slice(&argument.to_le_bytes());
        bytes[17..].copy_from_slice(&now_ms.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(Self, u64)> {
        let bytes: &[u8; 25] = bytes.try_into().ok()?;
        let short = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
        let long = |at: usize| u64::from(short(at)) | u64::from(short(at + 4)) << 32;
        let argument = long(9);
        let filter = match bytes[0] {
            0 => ShardFilter::AfterShardId(ShardId(argument as u32)),
            1 => ShardFilter::AtTrimHorizon,
            2 => ShardFilter::FromTrimHorizon,
            3 => ShardFilter::AtLatest,
            4 => ShardFilter::AtTimestamp(argument),
            5 => ShardFilter::FromTimestamp(argument),
            _ => return None,
        };
        let token = Self { stream: short(1), after: ShardId(short(5)), filter };
        Some((token, long(17)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_tokens_round_trip() {
        let filters = [
            ShardFilter::AfterShardId(ShardId(3)),
            ShardFilter::AtTrimHorizon,
            ShardFilter::FromTrimHorizon,
            ShardFilter::AtLatest,
            ShardFilter::AtTimestamp(u64::MAX - 7),
            ShardFilter::FromTimestamp(1_700_000_000_000),
        ];
        for filter in filters {
            let token = ShardToken { stream: 0xdead_beef, after: ShardId(77), filter };
            assert_eq!(ShardToken::decode(&token.encode(42)), Some((token, 42)));
        }
        assert_eq!(ShardToken::decode(&[9; 25]), None);
        assert_eq!(ShardToken::decode(&[]), None);
    }
}
