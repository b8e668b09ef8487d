//! Amazon resource names of streams.

use std::fmt;

/// The partition that a Region belongs to, the second field of an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition(&'static str);

impl Partition {
    /// The partition of a Region, by the Region's prefix.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        const BY_PREFIX: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        Self(BY_PREFIX.iter().find(|(p, _)| region.starts_with(p)).map_or("aws", |(_, name)| name))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `arn:{partition}:kinesis:{region}:{account}:stream/{name}`, borrowed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamArn<'a> {
    /// The Region.
    pub region: &'a str,
    /// The account, 12 digits.
    pub account: &'a str,
    /// The stream.
    pub name: &'a str,
}

impl<'a> StreamArn<'a> {
    /// Takes an ARN apart. `None` when it does not name a stream.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        let arn = fields.next()? == "arn" && fields.next()?.starts_with("aws");
        if !arn || fields.next()? != "kinesis" {
            return None;
        }
        let (region, account) = (fields.next()?, fields.next()?);
        let name = fields.next()?.strip_prefix("stream/")?;
        (!name.is_empty() && !name.contains('/')).then_some(Self { region, account, name })
    }
}

impl fmt::Display for StreamArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, account, name } = self;
        write!(f, "arn:{}:kinesis:{region}:{account}:stream/{name}", Partition::of_region(region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_what_it_prints() {
        for region in ["us-east-1", "cn-north-1", "us-gov-west-1"] {
            let arn = StreamArn { region, account: "123456789012", name: "a.b_c-d" };
            assert_eq!(StreamArn::parse(&arn.to_string()), Some(arn));
        }
        assert_eq!(Partition::of_region("cn-north-1").to_string(), "aws-cn");
    }

    #[test]
    fn refuses_other_resources() {
        for text in [
            "",
            "arn:aws:kinesis:us-east-1:123456789012:queue/x",
            "arn:aws:kinesis:us-east-1:123456789012:stream/",
            "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1",
            "arn:aws:sqs:us-east-1:123456789012:stream/x",
        ] {
            assert_eq!(StreamArn::parse(text), None, "{text}");
        }
    }
}
