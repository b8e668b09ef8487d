//! Amazon resource names: of any service, and those of streams and consumers.

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

/// `arn:{partition}:{service}:{region}:{account}:{resource}`, borrowed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, or another that begins so.
    pub partition: &'a str,
    /// The service's prefix: `kinesis`.
    pub service: &'a str,
    /// The Region; empty for what has none.
    pub region: &'a str,
    /// The account, 12 digits; empty for what has none.
    pub account: &'a str,
    /// What the service calls it. It may have colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes an ARN apart. `None` when it is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        let mut next = || fields.next();
        let is_arn = next()? == "arn";
        let (partition, service) = (next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let arn = Self { partition, service, region, account, resource };
        (is_arn && partition.starts_with("aws")).then_some(arn)
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
    /// Takes an ARN apart. `None` when it does not name a stream: a Region is in one partition, and in
    /// another there is no such Region.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "kinesis")?;
        if arn.partition != Partition::of_region(arn.region).0 {
            return None;
        }
        let Arn { region, account, .. } = arn;
        let name = arn.resource.strip_prefix("stream/")?;
        (!name.is_empty() && !name.contains('/')).then_some(Self { region, account, name })
    }
}

impl fmt::Display for StreamArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, account, name } = self;
        write!(f, "arn:{}:kinesis:{region}:{account}:stream/{name}", Partition::of_region(region))
    }
}

/// `{stream ARN}/consumer/{name}:{created_secs}`, borrowed from its text.
///
/// A name that is registered again gets another ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerArn<'a> {
    /// The stream it reads.
    pub stream: StreamArn<'a>,
    /// The consumer.
    pub name: &'a str,
    /// When it was registered, epoch seconds.
    pub created_secs: u64,
}

impl<'a> ConsumerArn<'a> {
    /// Takes an ARN apart. `None` when it does not name a consumer.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (stream, consumer) = text.split_once("/consumer/")?;
        let (name, created) = consumer.split_once(':')?;
        let is_plain = !created.is_empty() && created.bytes().all(|byte| byte.is_ascii_digit());
        let created_secs = is_plain.then(|| created.parse().ok()).flatten()?;
        let stream = StreamArn::parse(stream)?;
        (!name.is_empty() && !name.contains('/')).then_some(Self { stream, name, created_secs })
    }
}

impl fmt::Display for ConsumerArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/consumer/{}:{}", self.stream, self.name, self.created_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_arns_of_any_service() {
        let table = Arn::parse("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t/index/i:1");
        let expected = Arn {
            partition: "aws-cn",
            service: "dynamodb",
            region: "cn-north-1",
            account: "123456789012",
            resource: "table/t/index/i:1",
        };
        assert_eq!(table, Some(expected));
        let global = Arn::parse("arn:aws:iam::123456789012:user/u").expect("an ARN");
        assert_eq!((global.service, global.region), ("iam", ""));
        for text in ["", "*", "arn:aws:iam::1", "urn:aws:iam::1:user/u", "arn:gcp:iam::1:user/u"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn takes_apart_a_consumers_arn() {
        let text = "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c.1:1525898737";
        let arn = ConsumerArn::parse(text).expect("a consumer");
        assert_eq!((arn.stream.name, arn.name, arn.created_secs), ("s", "c.1", 1_525_898_737));
        assert_eq!(arn.to_string(), text);
        let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
        for rest in ["", "/consumer/c", "/consumer/c:", "/consumer/:1", "/consumer/c:+1"] {
            assert_eq!(ConsumerArn::parse(&format!("{stream}{rest}")), None, "{rest}");
        }
        assert_eq!(ConsumerArn::parse(&format!("{stream}/x/consumer/c:1")), None);
    }

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
            "arn:aws-cn:kinesis:us-east-1:123456789012:stream/x",
            "arn:aws:kinesis:cn-north-1:123456789012:stream/x",
            "arn:aws-us-gov:kinesis:us-iso-east-1:123456789012:stream/x",
        ] {
            assert_eq!(StreamArn::parse(text), None, "{text}");
        }
    }
}
