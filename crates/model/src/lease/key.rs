//! Lease keys of applications that read one stream, and of those that read many.

use super::names::{LeaseKey, ShardName};
use std::fmt;

/// A stream as keys of leases name it when an application reads many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The account's number.
    pub account: String,
    /// The stream's name.
    pub stream: String,
    /// When the stream was made, epoch seconds: a stream that is made again is another one.
    pub created_secs: u64,
}

impl StreamKey {
    /// Reads `account:stream:seconds`. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (account, stream, created) = (parts.next()?, parts.next()?, parts.next()?);
        let is_plain = !created.is_empty() && created.bytes().all(|b| b.is_ascii_digit());
        if account.is_empty() || stream.is_empty() || !is_plain {
            return None;
        }
        let created_secs = created.parse().ok()?;
        Some(Self { account: account.to_owned(), stream: stream.to_owned(), created_secs })
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.account, self.stream, self.created_secs)
    }
}

impl LeaseKey {
    /// The key of a shard's lease; `stream` is `None` when the application reads one stream.
    #[must_use]
    pub fn of(stream: Option<&StreamKey>, shard: &ShardName) -> Self {
        match stream {
            Some(stream) => Self(format!("{stream}:{shard}")),
            None => Self(shard.0.clone()),
        }
    }

    /// The stream, if the key names one, and the shard.
    #[must_use]
    pub fn split(&self) -> (Option<StreamKey>, ShardName) {
        let named = self
            .0
            .rsplit_once(':')
            .and_then(|(stream, shard)| Some((StreamKey::parse(stream)?, shard)));
        match named {
            Some((stream, shard)) => (Some(stream), ShardName(shard.to_owned())),
            None => (None, ShardName(self.0.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_the_stream_only_where_there_are_many() {
        let shard = ShardName::from("shardId-000000000007");
        let stream =
            StreamKey { account: "123456789012".into(), stream: "a.b-c_d".into(), created_secs: 9 };
        let single = LeaseKey::of(None, &shard);
        assert_eq!(single.as_str(), "shardId-000000000007");
        assert_eq!(single.split(), (None, shard.clone()));
        let multi = LeaseKey::of(Some(&stream), &shard);
        assert_eq!(multi.as_str(), "123456789012:a.b-c_d:9:shardId-000000000007");
        assert_eq!(multi.split(), (Some(stream), shard));
    }

    #[test]
    fn what_is_no_stream_is_part_of_the_shards_name() {
        for text in ["", "a", "a:b", "a:b:c", "a:b:c:shardId-0", ":b:1:x", "a::1:x", "a:b:+1:x"] {
            assert_eq!(LeaseKey::from(text).split(), (None, ShardName::from(text)), "{text}");
        }
    }
}
