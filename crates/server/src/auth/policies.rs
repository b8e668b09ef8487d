//! Policies in the credentials file: documents by name, which credentials refer to.

use std::sync::Arc;

use anabranch_policy::Policy;

/// Policies that one credential can have.
pub(super) const POLICIES_MAX: usize = 20;

/// A policy that credentials can refer to.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// 1 to 128 letters, digits or `_+=,.@-`.
    pub name: Arc<str>,
    /// The JSON text.
    pub document: Arc<str>,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// The policies of one credential. With none of them it may do nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttachedPolicies {
    /// Their names, in the file's order.
    pub names: Vec<Arc<str>>,
    /// The same, as they decide.
    pub parsed: Arc<[Arc<Policy>]>,
}

impl AttachedPolicies {
    /// Finds the policies of these names.
    ///
    /// # Errors
    /// When there are too many, one is there twice, or one is unknown.
    pub(super) fn find<'a>(
        names: impl Iterator<Item = &'a str>,
        known: &[NamedPolicy],
    ) -> Result<Self, String> {
        let mut found: Vec<&NamedPolicy> = Vec::new();
        for name in names {
            let policy = known.iter().find(|policy| *policy.name == *name);
            let policy =
                policy.ok_or_else(|| format!("there is no policy `{name}` in the file"))?;
            if found.iter().any(|other| other.name == policy.name) {
                return Err(format!("policy `{name}` is named twice"));
            }
            found.push(policy);
        }
        if found.len() > POLICIES_MAX {
            return Err(format!("a credential can have at most {POLICIES_MAX} policies"));
        }
        Ok(Self {
            names: found.iter().map(|policy| Arc::clone(&policy.name)).collect(),
            parsed: found.iter().map(|policy| Arc::clone(&policy.policy)).collect(),
        })
    }
}

/// Checks a policy's name.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    let fits = (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if fits {
        return Ok(());
    }
    Err(format!("name must be 1 to 128 letters, digits or `_+=,.@-`, got `{text}`"))
}

/// Where a line of a TOML string is in the file: `source` is the string with its quotes, and the
/// answer is counted from its beginning.
pub(super) fn offset_of_line(source: &str, line: usize) -> usize {
    let is_multiline = source.starts_with("'''") || source.starts_with("\"\"\"");
    if !is_multiline {
        return 0;
    }
    // A line break right behind the quotes is not part of the string.
    let body = &source[3..];
    let skipped = match body {
        body if body.starts_with("\r\n") => 2,
        body if body.starts_with('\n') => 1,
        _ => 0,
    };
    let breaks = body[skipped..].match_indices('\n').map(|(at, _)| at + 1);
    let at = std::iter::once(0).chain(breaks).nth(line.saturating_sub(1)).unwrap_or(0);
    3 + skipped + at
}
