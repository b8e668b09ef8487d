//! The model's regular expressions as hand-written matchers of whole strings, linear in time.

use std::ops::RangeInclusive;

/// A regular expression of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Pattern {
    /// Names of streams, consumers, channels and queues, and shard ids.
    Name,
    HashKey,
    SequenceNumber,
    StreamId,
    StreamArn,
    ConsumerArn,
    ChannelArn,
    QueueArn,
    ResourceArn,
    AccountId,
    RecordId,
    RoleArn,
    BucketArn,
    TableBucketArn,
    GlueSchemaArn,
    LogGroupName,
    LogStreamName,
    /// Of an Iceberg partition.
    SourceName,
    /// Namespace or name of an S3 table.
    TableName,
    ErrorOutputPrefix,
    OutputKeyTemplate,
}

impl Pattern {
    /// The expression as messages print it: without the anchors that the model has around some.
    pub const fn printed(self) -> &'static str {
        match self {
            Self::Name => "[a-zA-Z0-9_.-]+",
            Self::HashKey => r"0|([1-9]\d{0,38})",
            Self::SequenceNumber => r"0|([1-9]\d{0,128})",
            Self::StreamId => "[a-z0-9]{20}-[a-z0-9]{3}",
            Self::StreamArn => r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            Self::ConsumerArn => concat!(
                r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+",
                r"\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
            ),
            Self::ChannelArn => r"arn:aws.*:kinesis:.*:\d{12}:channel/\S+",
            Self::QueueArn => r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+",
            Self::ResourceArn => r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+",
            Self::AccountId => r"\d{12}",
            Self::RecordId => "[a-z0-9]+",
            Self::RoleArn => r"arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+",
            Self::BucketArn => "arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}",
            Self::TableBucketArn => {
                r"arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}"
            }
            Self::GlueSchemaArn => concat!(
                r"arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema",
                "/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+"
            ),
            Self::LogGroupName => r"[\.\-_/#A-Za-z0-9]+",
            Self::LogStreamName => "[^:*]*",
            Self::SourceName => r"[a-zA-Z0-9\.\_]+",
            Self::TableName => "[0-9a-z_]+",
            Self::ErrorOutputPrefix => r"[0-9A-Za-z!\-_'.*()\/]+",
            Self::OutputKeyTemplate => r"[0-9A-Za-z!\-_'.*()\/=:{}]+",
        }
    }

    /// The expression as the service model writes it.
    pub const fn modelled(self) -> &'static str {
        match self {
            Self::HashKey => r"^(0|([1-9]\d{0,38}))$",
            Self::SequenceNumber => r"^(0|([1-9]\d{0,128}))$",
            Self::RecordId => "^[a-z0-9]+$",
            _ => self.printed(),
        }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(self, text: &str) -> bool {
        let all = |class: fn(u8) -> bool| Cursor::at(text).class(class, 1..=usize::MAX).is_end();
        match self {
            Self::Name => all(is_name),
            Self::HashKey => is_decimal(text, 39),
            Self::SequenceNumber => is_decimal(text, 129),
            Self::StreamId => Cursor::at(text)
                .class(is_lower_or_digit, 20..=20)
                .literal("-")
                .class(is_lower_or_digit, 3..=3)
                .is_end(),
            Self::StreamArn => is_kinesis_arn(text, ":stream/"),
            Self::ChannelArn => is_kinesis_arn(text, ":channel/"),
            Self::QueueArn => is_kinesis_arn(text, ":queue/"),
            Self::ConsumerArn => is_consumer_arn(text),
            Self::ResourceArn => is_resource_arn(text),
            Self::AccountId => Cursor::at(text).class(is_digit, 12..=12).is_end(),
            Self::RecordId => all(is_lower_or_digit),
            Self::RoleArn => arn_of(text, ":iam::")
                .class(is_digit, 12..=12)
                .literal(":role/")
                .class(|byte| is_alphanumeric_or(byte, b"_+=,.@-/"), 1..=usize::MAX)
                .is_end(),
            Self::BucketArn => arn_of(text, ":s3:::")
                .class(|byte| is_lower_or_digit(byte) || b"._-".contains(&byte), 3..=63)
                .is_end(),
            Self::TableBucketArn => arn_of(text, ":s3tables:")
                .region_and_account()
                .literal(":bucket/")
                .class(|byte| is_lower_or_digit(byte) || b"_-".contains(&byte), 3..=63)
                .is_end(),
            Self::GlueSchemaArn => {
                let is_part = |byte| is_alphanumeric_or(byte, b"-_$#.");
                arn_of(text, ":glue:")
                    .region_and_account()
                    .literal(":schema/")
                    .class(is_part, 1..=usize::MAX)
                    .literal("/")
                    .class(is_part, 1..=usize::MAX)
                    .is_end()
            }
            Self::LogGroupName => all(|byte| is_alphanumeric_or(byte, b".-_/#")),
            Self::LogStreamName => !text.contains([':', '*']),
            Self::SourceName => all(|byte| is_alphanumeric_or(byte, b"._")),
            Self::TableName => all(|byte| is_lower_or_digit(byte) || byte == b'_'),
            Self::ErrorOutputPrefix => all(|byte| is_alphanumeric_or(byte, b"!-_'.*()/")),
            Self::OutputKeyTemplate => all(|byte| is_alphanumeric_or(byte, b"!-_'.*()/=:{}")),
        }
    }
}

/// The text that is still to match, or nothing once something did not.
struct Cursor<'t>(Option<&'t str>);

impl<'t> Cursor<'t> {
    fn at(text: &'t str) -> Self {
        Self(Some(text))
    }

    fn literal(self, literal: &str) -> Self {
        Self(self.0.and_then(|text| text.strip_prefix(literal)))
    }

    /// As many bytes of `class` as there are, if that is one of `counts`. Exact as long as what
    /// follows in the expression does not start with a byte of the class.
    fn class(self, class: impl Fn(u8) -> bool, counts: RangeInclusive<usize>) -> Self {
        Self(self.0.and_then(|text| {
            let count = text.bytes().take_while(|&byte| class(byte)).count();
            text.get(count..).filter(|_| counts.contains(&count))
        }))
    }

    fn region_and_account(self) -> Self {
        self.class(|byte| is_lower_or_digit(byte) || byte == b'-', 1..=usize::MAX)
            .literal(":")
            .class(is_digit, 12..=12)
    }

    fn is_end(&self) -> bool {
        self.0 == Some("")
    }
}

/// After `arn:aws[-a-z0-9]*` and `service`.
fn arn_of<'t>(text: &'t str, service: &str) -> Cursor<'t> {
    Cursor::at(text)
        .literal("arn:aws")
        .class(|byte| is_lower_or_digit(byte) || byte == b'-', 0..=usize::MAX)
        .literal(service)
}

/// `0|([1-9]\d{0,n})` with `n + 1 = digits_max`.
fn is_decimal(text: &str, digits_max: usize) -> bool {
    let is_zero_led = text.len() > 1 && text.starts_with('0');
    !is_zero_led && Cursor::at(text).class(is_digit, 1..=digits_max).is_end()
}

/// `arn:aws.*:kinesis:.*:\d{12}`, then `resource` (with its colon and slash), then `\S+`.
fn is_kinesis_arn(text: &str, resource: &str) -> bool {
    let Some(service_end) = kinesis_end(text) else { return false };
    let rest = &text[service_end..];
    // The later the place, the shorter the tail that must be free of whitespace.
    let place = rest.rmatch_indices(resource).find(|&(at, _)| {
        at + resource.len() < rest.len() && ends_with_account(&rest.as_bytes()[..at])
    });
    place.is_some_and(|(at, _)| {
        let (head, tail) = text.split_at(service_end + at + resource.len());
        is_one_line(head) && !has_whitespace(tail)
    })
}

/// Whether `.*:\d{12}` matches.
fn ends_with_account(text: &[u8]) -> bool {
    text.last_chunk::<13>()
        .is_some_and(|[colon, digits @ ..]| *colon == b':' && digits.iter().all(u8::is_ascii_digit))
}

/// `arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+`
fn is_resource_arn(text: &str) -> bool {
    let Some(account_end) = account_end(text) else { return false };
    let rest = &text[account_end..];
    let ends = rest.rmatch_indices('/').map(|(at, _)| at).filter(|&at| at + 1 < rest.len());
    let kinds = ["stream", "channel", "queue"];
    let end = { ends }.find(|&at| kinds.iter().any(|kind| rest[..at].ends_with(kind)));
    end.is_some_and(|at| {
        let (head, tail) = text.split_at(account_end + at + 1);
        is_one_line(head) && !has_whitespace(tail)
    })
}

/// `arn:aws.*:kinesis:.*:\d{12}:.*stream/NAME/consumer/NAME:[0-9]+`
fn is_consumer_arn(text: &str) -> bool {
    let Some(account_end) = account_end(text) else { return false };
    let rest = &text[account_end..];
    rest.match_indices("stream/").any(|(at, _)| {
        Cursor::at(&rest[at..])
            .literal("stream/")
            .class(is_name, 1..=usize::MAX)
            .literal("/consumer/")
            .class(is_name, 1..=usize::MAX)
            .literal(":")
            .class(is_digit, 1..=usize::MAX)
            .is_end()
            && is_one_line(&text[..account_end + at])
    })
}

/// Where the earliest match of `arn:aws.*:kinesis:` ends.
fn kinesis_end(text: &str) -> Option<usize> {
    const PREFIX: &str = "arn:aws";
    const SERVICE: &str = ":kinesis:";
    let at = text.strip_prefix(PREFIX)?.find(SERVICE)?;
    Some(PREFIX.len() + at + SERVICE.len())
}

/// Where the earliest match of `arn:aws.*:kinesis:.*:\d{12}:` ends.
fn account_end(text: &str) -> Option<usize> {
    let service_end = kinesis_end(text)?;
    let rest = &text.as_bytes()[service_end..];
    let is_account = |window: &[u8]| {
        window[0] == b':' && window[13] == b':' && window[1..13].iter().all(u8::is_ascii_digit)
    };
    let at = rest.windows(14).position(is_account)?;
    Some(service_end + at + 14)
}

/// Whether `.*` matches it: the dot stands for no line terminator.
fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// What `\s` stands for.
fn has_whitespace(text: &str) -> bool {
    text.contains([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_alphanumeric_or(byte: u8, others: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || others.contains(&byte)
}

fn is_name(byte: u8) -> bool {
    is_alphanumeric_or(byte, b"_.-")
}
