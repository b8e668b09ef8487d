//! Condition keys: what a policy can ask about a request.

/// A condition key. Names are compared without regard to case, as on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    CurrentTime,
    EpochTime,
    PrincipalAccount,
    PrincipalArn,
    PrincipalIsAwsService,
    PrincipalType,
    RequestedRegion,
    /// `aws:RequestTag/KEY`.
    RequestTag(Box<str>),
    ResourceAccount,
    /// `aws:ResourceTag/KEY`.
    ResourceTag(Box<str>),
    SecureTransport,
    SourceIp,
    TagKeys,
    UserAgent,
    UserId,
    Username,
    ViaAwsService,
    /// A key that no request to this service has, such as `aws:SourceArn`.
    NeverThere,
}

const NAMES: [(&str, Key); 15] = [
    ("aws:CurrentTime", Key::CurrentTime),
    ("aws:EpochTime", Key::EpochTime),
    ("aws:PrincipalAccount", Key::PrincipalAccount),
    ("aws:PrincipalArn", Key::PrincipalArn),
    ("aws:PrincipalIsAWSService", Key::PrincipalIsAwsService),
    ("aws:PrincipalType", Key::PrincipalType),
    ("aws:RequestedRegion", Key::RequestedRegion),
    ("aws:ResourceAccount", Key::ResourceAccount),
    ("aws:SecureTransport", Key::SecureTransport),
    ("aws:SourceIp", Key::SourceIp),
    ("aws:TagKeys", Key::TagKeys),
    ("aws:UserAgent", Key::UserAgent),
    ("aws:userid", Key::UserId),
    ("aws:username", Key::Username),
    ("aws:ViaAWSService", Key::ViaAwsService),
];

impl Key {
    /// Reads a key's name.
    ///
    /// # Errors
    /// When it is not `PREFIX:NAME`, or a tag's without the tag.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        if let Some((_, key)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(key.clone());
        }
        let invalid = || Err(format!("`{name}` is not a condition key"));
        if let Some((kind, tag)) = name.split_once('/') {
            if tag.is_empty() {
                return invalid();
            }
            if kind.eq_ignore_ascii_case("aws:RequestTag") {
                return Ok(Self::RequestTag(tag.into()));
            }
            if kind.eq_ignore_ascii_case("aws:ResourceTag") {
                return Ok(Self::ResourceTag(tag.into()));
            }
        }
        match name.split_once(':') {
            Some((prefix, rest)) if !prefix.is_empty() && !rest.is_empty() => Ok(Self::NeverThere),
            _ => invalid(),
        }
    }

    /// Whether a request has a list of values for it.
    pub(crate) fn has_many_values(&self) -> bool {
        *self == Self::TagKeys
    }
}
