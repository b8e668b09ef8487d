//! Reading policy documents.
//!
//! Two passes: the first finds the version, on which the meaning of `${` depends wherever it
//! stands; the second builds the policy. Errors carry line and column.

use crate::condition::{Condition, Operator, Value};
use crate::key::Key;
use crate::pattern::{ArnPattern, ArnUse, Pattern};
use crate::policy::{ACTION_SYNTAX, Effect, Listed, Policy, Statement};
use crate::principal::{NamedPrincipal, Principal};
use crate::request::{Request, RequestTags};
use crate::steps::Asked;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Bytes of a document at most, white space included.
pub const TEXT_BYTES_MAX: usize = 20 * 1024;

/// Why a document is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at line {line} column {column}")]
pub struct PolicyError {
    /// What is wrong.
    pub problem: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1; 0 at the end of the line before.
    pub column: usize,
}

impl Policy {
    /// Reads a policy of a caller: without principals.
    ///
    /// # Errors
    /// When it is none, and where.
    pub fn parse_identity(text: &str) -> Result<Self, PolicyError> {
        parse(text, None).and_then(|policy| policy.with_known_keys(text))
    }

    /// Reads the policy of a resource: every statement has principals, and is about this resource
    /// and actions of its service.
    ///
    /// # Errors
    /// When it is none, and where.
    pub fn parse_resource(text: &str, resource_arn: &str) -> Result<Self, PolicyError> {
        parse(text, Some(resource_arn)).and_then(|policy| policy.with_known_keys(text))
    }

    /// Reads a policy of a caller that was accepted once, perhaps by a version that did not know
    /// which condition keys there are. Such a key is one that no request has.
    ///
    /// # Errors
    /// As [`Policy::parse_identity`].
    pub fn read_identity(text: &str) -> Result<Self, PolicyError> {
        parse(text, None)
    }

    /// Reads a policy of a resource that was accepted once, as [`Policy::read_identity`] does.
    ///
    /// # Errors
    /// As [`Policy::parse_resource`].
    pub fn read_resource(text: &str, resource_arn: &str) -> Result<Self, PolicyError> {
        parse(text, Some(resource_arn))
    }

    /// What is wrong with the condition keys of a policy that was read from this text.
    ///
    /// # Errors
    /// When there is no such key, or not with the actions of its statement.
    pub fn check_keys(&self, text: &str) -> Result<(), PolicyError> {
        let Some(name) = self.unknown_key() else { return Ok(()) };
        let problem =
            format!("there is no condition key `{name}`, so that it would never have a value");
        let before = &text[..text.find(name).unwrap_or(0)];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        Err(PolicyError { problem, line, column })
    }

    fn with_known_keys(self, text: &str) -> Result<Self, PolicyError> {
        self.check_keys(text).map(|()| self)
    }
}

/// How statements are read.
#[derive(Clone, Copy)]
struct Dialect<'a> {
    /// `${...}` is a variable.
    variables: bool,
    /// In the policy of a resource: which one.
    resource: Option<&'a str>,
}

fn parse(text: &str, resource: Option<&str>) -> Result<Policy, PolicyError> {
    if text.len() > TEXT_BYTES_MAX {
        let problem = format!("the policy is longer than {TEXT_BYTES_MAX} bytes");
        return Err(PolicyError { problem, line: 1, column: 0 });
    }
    let mut found_version = Version::default();
    let mut first_pass = serde_json::Deserializer::from_str(text);
    let read = first_pass.deserialize_map(&mut found_version).and_then(|()| first_pass.end());
    read.map_err(error)?;
    let dialect = Dialect { variables: found_version.has_variables, resource };
    let mut second_pass = serde_json::Deserializer::from_str(text);
    second_pass.deserialize_map(DocumentVisitor(dialect)).map_err(error)
}

fn error(error: serde_json::Error) -> PolicyError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(&*text, |(problem, _)| problem).to_owned();
    PolicyError { problem, line, column }
}

/// The first pass.
#[derive(Default)]
struct Version {
    has_variables: bool,
}

impl<'de> Visitor<'de> for &mut Version {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name != "Version" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            match map.next_value::<String>()?.as_str() {
                "2012-10-17" => self.has_variables = true,
                "2008-10-17" => {}
                other => return Err(A::Error::custom(format!("unknown version `{other}`"))),
            }
        }
        Ok(())
    }
}

struct DocumentVisitor<'a>(Dialect<'a>);

impl<'de> Visitor<'de> for DocumentVisitor<'_> {
    type Value = Policy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policy, A::Error> {
        let mut statements = None;
        let mut seen = Elements::default();
        while let Some(name) = map.next_key::<String>()? {
            seen.add(&name)?;
            match &*name {
                "Version" | "Id" => drop(map.next_value::<String>()?),
                "Statement" => {
                    let mut sids = HashSet::new();
                    let visitor = StatementsVisitor { dialect: self.0, sids: &mut sids };
                    statements = Some(map.next_value_seed(visitor)?);
                }
                other => return Err(A::Error::custom(format!("unknown element `{other}`"))),
            }
        }
        match statements {
            Some(statements) if !statements.is_empty() => Ok(Policy { statements }),
            _ => Err(A::Error::custom("a policy needs a statement")),
        }
    }
}

/// The names of an object's members, of which none may be repeated.
#[derive(Default)]
struct Elements(HashSet<String>);

impl Elements {
    fn add<E: Error>(&mut self, name: &str) -> Result<(), E> {
        if self.0.insert(name.to_owned()) {
            return Ok(());
        }
        Err(E::custom(format!("`{name}` is there twice")))
    }
}

/// One statement or a list of them.
struct StatementsVisitor<'a> {
    dialect: Dialect<'a>,
    sids: &'a mut HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for StatementsVisitor<'_> {
    type Value = Vec<Statement>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StatementsVisitor<'_> {
    type Value = Vec<Statement>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statement or a list of statements")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(vec![read_statement(map, self.dialect, self.sids)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        let Self { dialect, sids } = self;
        while let Some(one) = seq.next_element_seed(OneStatement { dialect, sids })? {
            all.push(one);
        }
        Ok(all)
    }
}

struct OneStatement<'a, 'b> {
    dialect: Dialect<'a>,
    sids: &'b mut HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for OneStatement<'_, '_> {
    type Value = Statement;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Statement, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneStatement<'_, '_> {
    type Value = Statement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statement, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Statement, A::Error> {
        read_statement(map, self.dialect, self.sids)
    }
}

fn read_statement<'de, A: MapAccess<'de>>(
    mut map: A,
    dialect: Dialect<'_>,
    sids: &mut HashSet<String>,
) -> Result<Statement, A::Error> {
    let mut seen = Elements::default();
    let (mut effect, mut conditions) = (None, Vec::new());
    let (mut principals, mut actions, mut resources) = (None, None, None);
    while let Some(name) = map.next_key::<String>()? {
        seen.add(&name)?;
        match &*name {
            "Sid" => {
                let sid = map.next_value::<String>()?;
                if !sid.is_empty() && !sids.insert(sid.clone()) {
                    return Err(A::Error::custom(format!("two statements have the Sid `{sid}`")));
                }
            }
            "Effect" => {
                let read: Read<'_, Effect> = &|text| match text {
                    "Allow" => Ok(Effect::Allow),
                    "Deny" => Ok(Effect::Deny),
                    other => Err(format!("unknown effect `{other}`")),
                };
                effect = map.next_value_seed(Item(Texts::of(read)))?.pop();
            }
            "Principal" | "NotPrincipal" => {
                if dialect.resource.is_none() {
                    return Err(A::Error::custom(format!("a caller's policy has no {name}")));
                }
                let list = map.next_value_seed(PrincipalsVisitor)?;
                set_list(&mut principals, &name, list)?;
            }
            "Action" | "NotAction" => {
                let list = map.next_value_seed(Texts::of(&|text| parse_action(text, dialect)))?;
                set_list(&mut actions, &name, list)?;
            }
            "Resource" | "NotResource" => {
                let is_not = name.starts_with("Not");
                let read = |text: &str| parse_resource(text, dialect, is_not);
                let list = map.next_value_seed(Texts::of(&read))?;
                set_list(&mut resources, &name, list)?;
            }
            "Condition" => conditions = map.next_value_seed(ConditionsVisitor(dialect))?,
            other => return Err(A::Error::custom(format!("unknown element `{other}`"))),
        }
    }
    let missing = |what: &str| A::Error::custom(format!("a statement needs {what}"));
    if dialect.resource.is_some() && principals.is_none() {
        return Err(missing("Principal or NotPrincipal"));
    }
    let effect = effect.ok_or_else(|| missing("Effect"))?;
    if effect == Effect::Allow && matches!(principals, Some(Listed::AllBut(_))) {
        return Err(A::Error::custom("NotPrincipal is only possible with the effect Deny"));
    }
    Ok(Statement {
        effect,
        principals,
        actions: actions.ok_or_else(|| missing("Action or NotAction"))?,
        resources: resources.ok_or_else(|| missing("Resource or NotResource"))?,
        conditions,
    })
}

fn set_list<T, E: Error>(place: &mut Option<Listed<T>>, name: &str, list: Vec<T>) -> Result<(), E> {
    if place.is_some() {
        let positive = name.trim_start_matches("Not");
        return Err(E::custom(format!("{positive} and Not{positive} exclude each other")));
    }
    let is_negated = name.starts_with("Not");
    *place = Some(if is_negated { Listed::AllBut(list) } else { Listed::These(list) });
    Ok(())
}

fn parse_action(text: &str, dialect: Dialect<'_>) -> Result<Pattern, String> {
    let is_action = text.split_once(':').is_some_and(|(service, name)| {
        let is_service = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'*' || b == b'?';
        !service.is_empty()
            && service.bytes().all(is_service)
            && !name.is_empty()
            && name.bytes().all(is_name)
    });
    if text != "*" && !is_action {
        return Err(format!("`{text}` is not an action"));
    }
    if dialect.resource.is_some_and(|arn| !is_of_service_of(text, arn)) {
        return Err(format!("`{text}` is not an action of the resource's service"));
    }
    Pattern::parse(text, ACTION_SYNTAX)
}

/// Whether an action is of the service that has this resource.
fn is_of_service_of(action: &str, resource_arn: &str) -> bool {
    let service = resource_arn.split(':').nth(2).unwrap_or_default();
    action == "*"
        || action.split_once(':').is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case(service))
}

fn parse_resource(text: &str, dialect: Dialect<'_>, is_not: bool) -> Result<ArnPattern, String> {
    let pattern = ArnPattern::parse(text, ArnUse::Resource, dialect.variables)?;
    match dialect.resource {
        Some(arn) if !is_not && !pattern.has_variables() && !is_about(&pattern, arn) => {
            Err(format!("`{text}` is not the resource {arn}"))
        }
        _ => Ok(pattern),
    }
}

/// Whether a pattern without variables is about a resource: the request does not matter.
fn is_about(pattern: &ArnPattern, arn: &str) -> bool {
    let nobody = Principal::root("");
    let request = Request {
        principal: &nobody,
        action: "",
        resource: arn,
        resource_account: "",
        resource_tags: None,
        request_tags: RequestTags::None,
        region: "",
        source_ip: None,
        user_agent: None,
        is_secure: false,
        now_ms: 0,
    };
    pattern.matches(arn, &Asked::new(&request))
}

/// What makes a value of a text.
type Read<'a, T> = &'a dyn Fn(&str) -> Result<T, String>;

/// A text, or a list of at least one.
struct Texts<'a, T> {
    read: Read<'a, T>,
    /// Numbers and booleans stand for their texts.
    scalars: bool,
}

impl<'a, T> Texts<'a, T> {
    fn of(read: Read<'a, T>) -> Self {
        Self { read, scalars: false }
    }

    fn one<E: Error>(&self, text: &str) -> Result<Vec<T>, E> {
        (self.read)(text).map(|value| vec![value]).map_err(E::custom)
    }

    fn scalar<E: Error>(&self, value: &dyn fmt::Display) -> Result<Vec<T>, E> {
        match self.scalars {
            true => self.one(&value.to_string()),
            false => Err(E::custom(format!("`{value}` is not a string"))),
        }
    }
}

impl<'de, T> DeserializeSeed<'de> for Texts<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T> Visitor<'de> for Texts<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        self.one(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Vec<T>, E> {
        self.scalar(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Vec<T>, E> {
        self.scalar(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Vec<T>, E> {
        self.scalar(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Vec<T>, E> {
        self.scalar(&value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        let Self { read, scalars } = self;
        while let Some(one) = seq.next_element_seed(Item(Texts { read, scalars }))? {
            all.extend(one);
        }
        if all.is_empty() {
            return Err(A::Error::custom("the list is empty"));
        }
        Ok(all)
    }
}

/// One value of a list, which is not a list itself.
struct Item<'a, T>(Texts<'a, T>);

impl<'de, T> DeserializeSeed<'de> for Item<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T> Visitor<'de> for Item<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        self.0.visit_str(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Vec<T>, E> {
        self.0.visit_bool(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Vec<T>, E> {
        self.0.visit_u64(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Vec<T>, E> {
        self.0.visit_i64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Vec<T>, E> {
        self.0.visit_f64(value)
    }
}

/// `"*"`, or an object from kinds of principals to principals.
struct PrincipalsVisitor;

impl<'de> DeserializeSeed<'de> for PrincipalsVisitor {
    type Value = Vec<NamedPrincipal>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PrincipalsVisitor {
    type Value = Vec<NamedPrincipal>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`*` or an object of principals")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "*" => Ok(vec![NamedPrincipal::Everyone]),
            other => Err(E::custom(format!("`{other}` is not `*` or an object of principals"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        let mut seen = Elements::default();
        while let Some(kind) = map.next_key::<String>()? {
            seen.add(&kind)?;
            let read: Read<'_, NamedPrincipal> = match &*kind {
                "AWS" => &NamedPrincipal::parse_aws,
                "Service" | "Federated" | "CanonicalUser" => &|_| Ok(NamedPrincipal::Foreign),
                other => return Err(A::Error::custom(format!("unknown principals `{other}`"))),
            };
            all.extend(map.next_value_seed(Texts::of(read))?);
        }
        if all.is_empty() {
            return Err(A::Error::custom("no principal is named"));
        }
        Ok(all)
    }
}

/// An object from operators to objects from keys to values.
struct ConditionsVisitor<'a>(Dialect<'a>);

impl<'de> DeserializeSeed<'de> for ConditionsVisitor<'_> {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ConditionsVisitor<'_> {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of condition operators")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        let mut seen = Elements::default();
        while let Some(name) = map.next_key::<String>()? {
            seen.add(&name)?;
            let operator = Operator::parse(&name).map_err(A::Error::custom)?;
            let keys = KeysVisitor { operator, dialect: self.0 };
            all.extend(map.next_value_seed(keys)?);
        }
        Ok(all)
    }
}

struct KeysVisitor<'a> {
    operator: Operator,
    dialect: Dialect<'a>,
}

impl<'de> DeserializeSeed<'de> for KeysVisitor<'_> {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeysVisitor<'_> {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of condition keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { operator, dialect } = self;
        let read = |text: &str| Value::parse(text, operator, dialect.variables);
        let mut all = Vec::new();
        let mut seen = Elements::default();
        while let Some(name) = map.next_key::<String>()? {
            // Keys are compared without regard to case.
            seen.add(&name.to_ascii_lowercase())?;
            let key = Key::parse(&name).map_err(A::Error::custom)?;
            let values = map.next_value_seed(Texts { read: &read, scalars: true })?;
            all.push(Condition { operator, key, values });
        }
        Ok(all)
    }
}
