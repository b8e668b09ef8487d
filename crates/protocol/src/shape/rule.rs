//! What a member's value must satisfy, apart from its type.

use super::Pattern;

/// Bounds, pattern and the rules of nested values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Least value of a number; least length of a string (characters), blob (bytes), list or map
    /// (entries).
    pub min: Option<i64>,
    /// Greatest value or length, likewise.
    pub max: Option<i64>,
    /// Of a string.
    pub pattern: Option<Pattern>,
    /// Of each string in a list.
    pub items: Option<&'static Rule>,
    /// Of each key of a map.
    pub keys: Option<&'static Rule>,
    /// Of each value of a map.
    pub values: Option<&'static Rule>,
}

impl Rule {
    /// Satisfied by everything.
    pub const ANY: Self =
        Self { min: None, max: None, pattern: None, items: None, keys: None, values: None };

    /// Values or lengths within these bounds.
    pub const fn between(min: i64, max: i64) -> Self {
        assert!(min <= max);
        Self { min: Some(min), max: Some(max), ..Self::ANY }
    }

    /// Values or lengths of `min` and more.
    pub const fn at_least(min: i64) -> Self {
        Self { min: Some(min), ..Self::ANY }
    }

    /// Values or lengths of `max` and less.
    pub const fn at_most(max: i64) -> Self {
        Self { max: Some(max), ..Self::ANY }
    }

    /// Strings of this pattern, and whatever else the rule says.
    pub const fn pattern(self, pattern: Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// Lists of such strings.
    pub const fn items(self, items: &'static Rule) -> Self {
        Self { items: Some(items), ..self }
    }

    /// Maps of such keys and values.
    pub const fn entries(self, keys: &'static Rule, values: &'static Rule) -> Self {
        Self { keys: Some(keys), values: Some(values), ..self }
    }
}

/// The rules that several operations share, named as the service model names the shapes.
#[allow(missing_docs)]
pub mod rules {
    use super::{Pattern, Rule};

    pub const ANY: Rule = Rule::ANY;
    pub const POSITIVE: Rule = Rule::at_least(1);
    pub const NATURAL: Rule = Rule::at_least(0);

    pub const STREAM_NAME: Rule = Rule::between(1, 128).pattern(Pattern::Name);
    pub const CONSUMER_NAME: Rule = STREAM_NAME;
    pub const CHANNEL_NAME: Rule = STREAM_NAME;
    pub const QUEUE_NAME: Rule = STREAM_NAME;
    pub const SHARD_ID: Rule = STREAM_NAME;
    pub const STREAM_ID: Rule = Rule::between(1, 24).pattern(Pattern::StreamId);
    pub const STREAM_ARN: Rule = Rule::between(1, 2048).pattern(Pattern::StreamArn);
    pub const CONSUMER_ARN: Rule = Rule::between(1, 2048).pattern(Pattern::ConsumerArn);
    pub const CHANNEL_ARN: Rule = Rule::between(1, 2048).pattern(Pattern::ChannelArn);
    pub const QUEUE_ARN: Rule = Rule::between(1, 2048).pattern(Pattern::QueueArn);
    pub const RESOURCE_ARN: Rule = Rule::between(1, 2048).pattern(Pattern::ResourceArn);

    pub const HASH_KEY: Rule = Rule::ANY.pattern(Pattern::HashKey);
    pub const SEQUENCE_NUMBER: Rule = Rule::ANY.pattern(Pattern::SequenceNumber);
    pub const PARTITION_KEY: Rule = Rule::between(1, 256);
    pub const DATA: Rule = Rule::between(0, 10_485_760);
    pub const RECORDS: Rule = Rule::between(1, 500);
    pub const SHARD_ITERATOR: Rule = Rule::between(1, 512);
    pub const NEXT_TOKEN: Rule = Rule::between(1, 1_048_576);
    pub const KEY_ID: Rule = Rule::between(1, 2048);

    pub const TAG_KEY: Rule = Rule::between(1, 128);
    pub const TAG_VALUE: Rule = Rule::between(0, 256);
    pub const TAG_MAP: Rule = Rule::between(1, 200).entries(&TAG_KEY, &TAG_VALUE);
    pub const TAG_KEYS: Rule = Rule::between(1, 50).items(&TAG_KEY);
    pub const METRICS_NAMES: Rule = Rule::between(1, 7);
}
