//! Who asks, and who is meant by a policy.

use std::sync::Arc;

/// Who makes a request. Clones share their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    account: Arc<str>,
    kind: Kind,
    arn: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Root,
    User { name: Arc<str> },
    Session { role: Arc<str>, name: Arc<str> },
}

impl Principal {
    /// The account itself: `arn:aws:iam::ACCOUNT:root`.
    #[must_use]
    pub fn root(account: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:root").into();
        Self { account: account.into(), kind: Kind::Root, arn }
    }

    /// A user: `arn:aws:iam::ACCOUNT:user/NAME`.
    #[must_use]
    pub fn user(account: &str, name: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{name}").into();
        Self { account: account.into(), kind: Kind::User { name: name.into() }, arn }
    }

    /// Who has taken on a role: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME`.
    #[must_use]
    pub fn session(account: &str, role: &str, name: &str) -> Self {
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{name}").into();
        let kind = Kind::Session { role: role.into(), name: name.into() };
        Self { account: account.into(), kind, arn }
    }

    /// Twelve digits.
    #[must_use]
    pub fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// The principal's name in error texts.
    #[must_use]
    pub fn arn(&self) -> &Arc<str> {
        &self.arn
    }

    /// `aws:PrincipalArn`: of a session, the role.
    pub(crate) fn principal_arn(&self) -> String {
        match &self.kind {
            Kind::Session { role, .. } => format!("arn:aws:iam::{}:role/{role}", self.account),
            Kind::Root | Kind::User { .. } => self.arn.to_string(),
        }
    }

    /// `aws:PrincipalType`.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Root => "Account",
            Kind::User { .. } => "User",
            Kind::Session { .. } => "AssumedRole",
        }
    }

    /// `aws:username`: only users have one.
    pub(crate) fn user_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::User { name } => Some(name),
            Kind::Root | Kind::Session { .. } => None,
        }
    }

    /// `aws:userid`. There are no ids beside the names here, so that names stand for them.
    pub(crate) fn user_id(&self) -> String {
        match &self.kind {
            Kind::Root => self.account.to_string(),
            Kind::User { name } => name.to_string(),
            Kind::Session { role, name } => format!("{role}:{name}"),
        }
    }
}

/// Whom an element `Principal` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamedPrincipal {
    /// `*`.
    Everyone,
    /// An account as a whole.
    Account(Box<str>),
    /// One user, role or session of an account: the last field of its ARN.
    Member { account: Box<str>, name: Box<str> },
    /// A service, identity provider or canonical user: never a caller here.
    Foreign,
}

/// How a policy speaks of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// Not at all.
    NotNamed,
    /// By its account, which then decides for itself what its members may.
    ByAccount,
    /// The caller as such.
    Directly,
}

impl NamedPrincipal {
    /// Reads a value of `AWS`.
    ///
    /// # Errors
    /// When it is neither `*`, an account, nor the ARN of a user, role or session.
    pub(crate) fn parse_aws(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a principal");
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if is_account_id(text) {
            return Ok(Self::Account(text.into()));
        }
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, name] = fields[..] else {
            return Err(invalid());
        };
        let is_arn = arn == "arn" && partition.starts_with("aws") && region.is_empty();
        if !is_arn || !is_account_id(account) || name.contains(['*', '?', '$']) {
            return Err(invalid());
        }
        let has_parts = |parts: usize| {
            name.split('/').count() >= parts && name.split('/').all(|part| !part.is_empty())
        };
        let kind = name.split('/').next().unwrap_or_default();
        match (service, kind) {
            ("iam", "root") if name == "root" => Ok(Self::Account(account.into())),
            ("iam", "user" | "role") if has_parts(2) => {
                Ok(Self::Member { account: account.into(), name: name.into() })
            }
            ("sts", "assumed-role") if has_parts(3) => {
                Ok(Self::Member { account: account.into(), name: name.into() })
            }
            ("sts", "federated-user") if has_parts(2) => Ok(Self::Foreign),
            _ => Err(invalid()),
        }
    }

    /// How this names the caller.
    pub(crate) fn naming(&self, caller: &Principal) -> Naming {
        match self {
            Self::Everyone => Naming::Directly,
            Self::Account(account) if **account != *caller.account => Naming::NotNamed,
            Self::Account(_) if caller.kind == Kind::Root => Naming::Directly,
            Self::Account(_) => Naming::ByAccount,
            Self::Member { account, name } if **account == *caller.account => {
                if is_member(name, &caller.kind) { Naming::Directly } else { Naming::NotNamed }
            }
            Self::Member { .. } | Self::Foreign => Naming::NotNamed,
        }
    }
}

fn is_member(name: &str, kind: &Kind) -> bool {
    match kind {
        Kind::Root => false,
        Kind::User { name: user } => name.strip_prefix("user/") == Some(user),
        Kind::Session { role, name: session } => {
            // A role's ARN has its path, the session's has not.
            let is_role = name.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
            let is_session =
                name.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/'));
            is_role == Some(role) || is_session == Some((role, session))
        }
    }
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
