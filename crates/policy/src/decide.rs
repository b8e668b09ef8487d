//! Whether a request may go on.

use crate::policy::{Policy, Verdict};
use crate::request::Request;
use crate::steps::Asked;
use std::fmt;
use std::sync::Arc;

/// What a caller may do by itself.
#[derive(Clone, Copy, Debug)]
pub enum Identity<'a> {
    /// Everything: it administers its account.
    FullAccess,
    /// What these policies allow and none of them denies.
    Policies(&'a [Arc<Policy>]),
}

/// Why a request may not go on. `Display` is the end of the service's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No policy of the caller allows it.
    NoIdentityPolicy,
    /// It is another account's, and no policy of the resource allows it.
    NoResourcePolicy,
    /// A policy of the caller denies it.
    DeniedByIdentity,
    /// The policy of the resource denies it.
    DeniedByResource,
    /// The policies are too many or too long to be asked on every call.
    TooManySteps,
}

impl Refusal {
    /// The end of the service's text for an action (`kinesis:PutRecord`).
    #[must_use]
    pub fn because(self, action: &str) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Self::NoIdentityPolicy => {
                write!(f, "because no identity-based policy allows the {action} action")
            }
            Self::NoResourcePolicy => {
                write!(f, "because no resource-based policy allows the {action} action")
            }
            Self::DeniedByIdentity => {
                f.write_str("with an explicit deny in an identity-based policy")
            }
            Self::DeniedByResource => {
                f.write_str("with an explicit deny in a resource-based policy")
            }
            // The service, which limits what a policy can be, has no such text.
            Self::TooManySteps => {
                f.write_str("because its policies take too long to evaluate: shorten them")
            }
        })
    }
}

/// What a caller with full access can do to its own resource whatever the resource's policy says,
/// so that no policy locks everybody out. The services that have such policies call them alike.
const MENDING: [&str; 3] = ["PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy"];

fn is_mending(action: &str) -> bool {
    action.split_once(':').is_some_and(|(_, operation)| MENDING.contains(&operation))
}

/// AWS's logic. What any policy denies is refused. Within an account, the caller's policies or the
/// resource's must allow it, and an allowance for the account as a whole leaves it to the
/// caller's. Across accounts, both must.
///
/// # Errors
/// Why not. Nobody may do what takes more steps to decide about than a decision has.
pub fn decide(
    request: &Request<'_>,
    identity: Identity<'_>,
    resource_policy: Option<&Policy>,
) -> Result<(), Refusal> {
    let asked = Asked::new(request);
    let decided = decide_in_steps(&asked, identity, resource_policy);
    if asked.is_exhausted() { Err(Refusal::TooManySteps) } else { decided }
}

fn decide_in_steps(
    asked: &Asked<'_>,
    identity: Identity<'_>,
    resource_policy: Option<&Policy>,
) -> Result<(), Refusal> {
    let request = asked.request;
    let by_identity = match identity {
        Identity::FullAccess => Verdict::Allowed,
        Identity::Policies(policies) => {
            let verdicts = policies.iter().map(|policy| policy.verdict(asked));
            verdicts.max().unwrap_or(Verdict::Silent)
        }
    };
    if by_identity == Verdict::Denied {
        return Err(Refusal::DeniedByIdentity);
    }
    let is_own = *request.resource_account == **request.principal.account();
    if is_own && matches!(identity, Identity::FullAccess) && is_mending(request.action) {
        return Ok(());
    }
    let by_resource = resource_policy.map_or(Verdict::Silent, |policy| policy.verdict(asked));
    match (by_resource, by_identity == Verdict::Allowed) {
        (Verdict::Denied, _) => Err(Refusal::DeniedByResource),
        (Verdict::Allowed, false) if is_own => Ok(()),
        (_, false) => Err(Refusal::NoIdentityPolicy),
        (Verdict::Silent, true) if !is_own => Err(Refusal::NoResourcePolicy),
        (_, true) => Ok(()),
    }
}
