//! A policy as it is evaluated.

use crate::condition::Condition;
use crate::pattern::{ArnPattern, Case, Pattern, Syntax};
use crate::principal::{NamedPrincipal, Naming};
use crate::steps::Asked;

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A list, or everything but the list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Listed<T> {
    These(Vec<T>),
    AllBut(Vec<T>),
}

impl<T> Listed<T> {
    fn all(&self) -> &[T] {
        match self {
            Self::These(list) | Self::AllBut(list) => list,
        }
    }

    fn has(&self, is_it: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::These(list) => list.iter().any(is_it),
            Self::AllBut(list) => !list.iter().any(is_it),
        }
    }
}

/// How actions are written.
pub(crate) const ACTION_SYNTAX: Syntax = Syntax { wildcards: true, variables: false };

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    /// In policies of resources.
    pub(crate) principals: Option<Listed<NamedPrincipal>>,
    pub(crate) actions: Listed<Pattern>,
    pub(crate) resources: Listed<ArnPattern>,
    pub(crate) conditions: Vec<Condition>,
}

impl Statement {
    /// The name of a condition key in it that does not exist, or not with these actions.
    fn unknown_key(&self) -> Option<&str> {
        let of_resources = self.resources.all().iter().flat_map(ArnPattern::keys);
        let of_conditions = self.conditions.iter().flat_map(Condition::keys);
        let is_service =
            |prefix: &str| self.actions.all().iter().any(|action| action.is_of_service(prefix));
        of_resources.chain(of_conditions).find_map(|key| key.unknown_name(is_service))
    }

    /// How it speaks of the caller, if it is about this request.
    fn applies(&self, asked: &Asked<'_>) -> Naming {
        let request = asked.request;
        let naming = self.naming(asked);
        let is_about_it = naming != Naming::NotNamed
            && self.actions.has(|action| action.matches(request.action, Case::Ignored, asked))
            && self.resources.has(|resource| resource.matches(request.resource, asked))
            && self.conditions.iter().all(|condition| condition.holds(asked));
        if is_about_it { naming } else { Naming::NotNamed }
    }

    fn naming(&self, asked: &Asked<'_>) -> Naming {
        let caller = asked.request.principal;
        match &self.principals {
            None => Naming::Directly,
            Some(Listed::These(named)) => {
                let namings = named.iter().map(|named| named.naming(caller));
                namings.max().unwrap_or(Naming::NotNamed)
            }
            // An account that is excepted is not all its members.
            Some(Listed::AllBut(named)) => {
                match named.iter().any(|named| named.naming(caller) == Naming::Directly) {
                    true => Naming::NotNamed,
                    false => Naming::Directly,
                }
            }
        }
    }
}

/// What policies say about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Nothing.
    Silent,
    /// The caller's account may, and decides for its members.
    AllowedToAccount,
    /// Yes.
    Allowed,
    /// No, whatever others say.
    Denied,
}

/// A policy document that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(crate) statements: Vec<Statement>,
}

impl Policy {
    /// A policy that denies everything to everyone: what stands for one that can no longer be
    /// read.
    #[must_use]
    pub fn deny_everything() -> Self {
        let anything = Pattern::parse("*", ACTION_SYNTAX).expect("no variable");
        Self {
            statements: vec![Statement {
                effect: Effect::Deny,
                principals: Some(Listed::These(vec![NamedPrincipal::Everyone])),
                actions: Listed::These(vec![anything]),
                resources: Listed::These(vec![ArnPattern::Everything]),
                conditions: Vec::new(),
            }],
        }
    }

    /// The name of a condition key in it that does not exist: a misspelt one would silently leave a
    /// statement without effect.
    pub(crate) fn unknown_key(&self) -> Option<&str> {
        self.statements.iter().find_map(Statement::unknown_key)
    }

    pub(crate) fn verdict(&self, asked: &Asked<'_>) -> Verdict {
        let statements = self.statements.iter().take_while(|_| !asked.is_exhausted());
        let verdicts =
            statements.map(|statement| match (statement.applies(asked), statement.effect) {
                (Naming::NotNamed, _) => Verdict::Silent,
                (_, Effect::Deny) => Verdict::Denied,
                (Naming::ByAccount, Effect::Allow) => Verdict::AllowedToAccount,
                (Naming::Directly, Effect::Allow) => Verdict::Allowed,
            });
        verdicts.max().unwrap_or(Verdict::Silent)
    }
}
