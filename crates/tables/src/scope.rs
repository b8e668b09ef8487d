//! Whose a table is.

use std::sync::Arc;

/// An account in a Region. Tables of different scopes never see each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// Twelve digits.
    pub account: Arc<str>,
    /// A Region's name.
    pub region: Arc<str>,
}

impl Scope {
    /// ARN of the scope's table of this name.
    #[must_use]
    pub fn table_arn(&self, name: &str) -> String {
        let Self { account, region } = self;
        format!("arn:aws:dynamodb:{region}:{account}:table/{name}")
    }

    /// Name of the table that an ARN is of, if that is one of this scope.
    #[must_use]
    pub fn table_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next();
        let is_ours = next() == Some("arn")
            && next().is_some_and(|partition| partition.starts_with("aws"))
            && next() == Some("dynamodb")
            && next() == Some(&*self.region)
            && next() == Some(&*self.account);
        next().filter(|_| is_ours)?.strip_prefix("table/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_table_of_its_own_scope_alone() {
        let scope = Scope { account: Arc::from("000000000001"), region: Arc::from("eu-west-1") };
        let arn = scope.table_arn("leases");
        assert_eq!(arn, "arn:aws:dynamodb:eu-west-1:000000000001:table/leases");
        assert_eq!(scope.table_of_arn(&arn), Some("leases"));
        let others = [
            "leases",
            "arn:aws:dynamodb:eu-west-2:000000000001:table/leases",
            "arn:aws:dynamodb:eu-west-1:000000000002:table/leases",
            "arn:aws:kinesis:eu-west-1:000000000001:table/leases",
            "arn:aws:dynamodb:eu-west-1:000000000001:stream/leases",
            "arn:aws:dynamodb:eu-west-1",
        ];
        for other in others {
            assert_eq!(scope.table_of_arn(other), None, "{other}");
        }
    }
}
