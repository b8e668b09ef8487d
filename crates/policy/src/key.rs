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
    /// A key that no request to this server has, such as `aws:SourceArn`.
    NeverThere(Box<str>),
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

/// Keys of AWS that no request to this server has: there are no organizations, networks of AWS and
/// federated sessions here. Those with `/` are beginnings.
const NEVER_THERE: [&str; 43] = [
    "aws:AssumedRoot",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalTag/",
    "aws:referer",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:SignInSessionArn",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:TokenIssueTime",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:VpcSourceIp",
    "codebuild:BuildArn",
    "codebuild:ProjectArn",
    "ec2:RoleDelivery",
    "ec2:SourceInstanceArn",
    "glue:CredentialIssuingService",
    "glue:RoleAssumedBy",
    "identitystore:UserId",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
    "sts:ExternalId",
    "sts:RoleSessionName",
];

/// Prefixes with no keys but those above: the services of this server have none of their own.
const WITHOUT_OTHERS: [&str; 3] = ["aws", "anabranch", "kinesis"];

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
            Some((prefix, rest)) if !prefix.is_empty() && !rest.is_empty() => {
                Ok(Self::NeverThere(name.into()))
            }
            _ => invalid(),
        }
    }

    /// Its name, if there is no such key: a statement that asks for it would silently be without
    /// effect. Keys of other services are known by the prefixes of these; those of identity
    /// providers have a host name for a prefix.
    pub(crate) fn unknown_name(&self, is_service: impl Fn(&str) -> bool) -> Option<&str> {
        let Self::NeverThere(name) = self else { return None };
        let is_listed = NEVER_THERE.iter().any(|known| match known.strip_suffix('/') {
            None => known.eq_ignore_ascii_case(name),
            Some(kind) => name
                .split_once('/')
                .is_some_and(|(start, tag)| start.eq_ignore_ascii_case(kind) && !tag.is_empty()),
        });
        let prefix = name.split(':').next().unwrap_or_default();
        let is_elsewhere = prefix.contains('.')
            || !WITHOUT_OTHERS.iter().any(|known| known.eq_ignore_ascii_case(prefix))
                && is_service(prefix);
        (!is_listed && !is_elsewhere).then_some(name)
    }

    /// Whether a request has a list of values for it.
    pub(crate) fn has_many_values(&self) -> bool {
        *self == Self::TagKeys
    }
}
