//! A request as policies see it.

use crate::date;
use crate::key::Key;
use crate::principal::Principal;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Tags that a request carries.
#[derive(Clone, Copy, Debug)]
pub enum RequestTags<'a> {
    /// None.
    None,
    /// Tags to set.
    Set(&'a BTreeMap<String, String>),
    /// Keys of tags to remove.
    Remove(&'a [String]),
}

/// One request: who wants to do what with which resource, and how it came.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// Service and operation: `kinesis:PutRecord`.
    pub action: &'a str,
    /// ARN of the resource; `*` for an operation without one.
    pub resource: &'a str,
    /// Account that the resource belongs to, twelve digits.
    pub resource_account: &'a str,
    /// The resource's tags; `None` if there is no such resource (yet).
    pub resource_tags: Option<&'a BTreeMap<String, String>>,
    /// Tags in the request.
    pub request_tags: RequestTags<'a>,
    /// Region that was called.
    pub region: &'a str,
    /// Where the request came from, if that is known.
    pub source_ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// When, epoch milliseconds.
    pub now_ms: u64,
}

/// Bytes of a client's name that policies see.
const USER_AGENT_BYTES_MAX: usize = 512;

impl<'a> Request<'a> {
    /// The value of a key that has one; the first of one that has many.
    pub(crate) fn value(&self, key: &Key) -> Option<Cow<'a, str>> {
        let borrowed = |text: &'a str| Some(Cow::Borrowed(text));
        match key {
            Key::CurrentTime => Some(date::to_text(self.now_ms).into()),
            Key::EpochTime => Some((self.now_ms / 1000).to_string().into()),
            Key::PrincipalAccount => borrowed(self.principal.account()),
            Key::PrincipalArn => Some(self.principal.principal_arn().into()),
            Key::PrincipalIsAwsService | Key::ViaAwsService => borrowed("false"),
            Key::PrincipalType => borrowed(self.principal.type_name()),
            Key::RequestedRegion => borrowed(self.region),
            Key::RequestTag(tag) => match self.request_tags {
                RequestTags::Set(tags) => find_tag(tags, tag).map(Cow::Borrowed),
                RequestTags::None | RequestTags::Remove(_) => None,
            },
            Key::ResourceAccount => borrowed(self.resource_account),
            Key::ResourceTag(tag) => find_tag(self.resource_tags?, tag).map(Cow::Borrowed),
            Key::SecureTransport => borrowed(if self.is_secure { "true" } else { "false" }),
            Key::SourceIp => self.source_ip.map(|ip| ip.to_canonical().to_string().into()),
            Key::UserAgent => self.user_agent.map(|text| {
                let end = text.floor_char_boundary(USER_AGENT_BYTES_MAX);
                Cow::Borrowed(&text[..end])
            }),
            Key::UserId => Some(self.principal.user_id().into()),
            Key::Username => self.principal.user_name().map(Cow::Borrowed),
            Key::TagKeys => self.tag_keys().into_iter().next().map(Cow::Borrowed),
            Key::NeverThere(_) => None,
        }
    }

    /// How many values are looked at to find that of a key, at most.
    pub(crate) fn values_to_look_at(&self, key: &Key) -> usize {
        let request_tags = || match self.request_tags {
            RequestTags::None => 0,
            RequestTags::Set(tags) => tags.len(),
            RequestTags::Remove(keys) => keys.len(),
        };
        1 + match key {
            Key::RequestTag(_) | Key::TagKeys => request_tags(),
            Key::ResourceTag(_) => self.resource_tags.map_or(0, BTreeMap::len),
            _ => 0,
        }
    }

    /// The values of a key; none if the request does not have it.
    pub(crate) fn values(&self, key: &Key) -> Vec<Cow<'a, str>> {
        match key {
            Key::TagKeys => self.tag_keys().into_iter().map(Cow::Borrowed).collect(),
            other => self.value(other).into_iter().collect(),
        }
    }

    fn tag_keys(&self) -> Vec<&'a str> {
        match self.request_tags {
            RequestTags::None => Vec::new(),
            RequestTags::Set(tags) => tags.keys().map(String::as_str).collect(),
            RequestTags::Remove(keys) => keys.iter().map(String::as_str).collect(),
        }
    }
}

/// The value of a tag. Tag keys in condition keys are compared without regard to case; of several
/// such tags, the one spelled alike counts.
fn find_tag<'a>(tags: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    let alike = || tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, v)| v);
    tags.get(key).or_else(alike).map(String::as_str)
}
