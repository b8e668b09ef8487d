//! An operation's shapes as JSON.

use crate::operation::Operation;
use anabranch_protocol::ErrorKind;
use anabranch_protocol::shape::{Kind, Member, Rule, Shape, Structure};
use serde_json::{Map, Value, json};

/// An operation's shapes.
pub(crate) struct OperationSchema {
    name: &'static str,
    shapes: Option<Shapes>,
}

struct Shapes {
    input: &'static [Member],
    output: &'static [Member],
    errors: Vec<&'static str>,
}

impl OperationSchema {
    pub(crate) fn of<O: Operation>() -> Self {
        let output = match <O::Output as Shape>::KIND {
            Kind::Structure(members) => members,
            _ => &[],
        };
        let errors = O::ERRORS.iter().map(|error| (*error).into());
        let errors = errors.map(|kind: ErrorKind| kind.event_stream_name).collect();
        let input = <O::Input<'_> as Structure>::MEMBERS;
        Self { name: O::NAME, shapes: Some(Shapes { input, output, errors }) }
    }

    pub(crate) const fn unsupported(name: &'static str) -> Self {
        Self { name, shapes: None }
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.shapes {
            None => json!({ "name": self.name, "supported": false }),
            Some(shapes) => json!({
                "name": self.name,
                "input": members(shapes.input),
                "output": members(shapes.output),
                "errors": shapes.errors,
            }),
        }
    }
}

fn members(members: &[Member]) -> Vec<Value> {
    members
        .iter()
        .map(|member| {
            let mut described = shape(&member.kind, &member.rule);
            described.insert("name".to_owned(), json!(member.name));
            described.insert("required".to_owned(), json!(member.required));
            Value::Object(described)
        })
        .collect()
}

fn shape(kind: &Kind, rule: &Rule) -> Map<String, Value> {
    let mut described = Map::new();
    let mut set = |key: &str, value: Value| drop(described.insert(key.to_owned(), value));
    let name = match kind {
        Kind::String | Kind::Enum(_) => "string",
        Kind::Integer => "integer",
        Kind::Long => "long",
        Kind::Boolean => "boolean",
        Kind::Timestamp => "timestamp",
        Kind::Blob => "blob",
        Kind::List(_) => "list",
        Kind::Map(_) => "map",
        Kind::Structure(_) => "structure",
    };
    set("type", json!(name));
    match kind {
        Kind::Enum(values) => set("enum", json!(values)),
        Kind::List(item) => {
            let inner = shape(item, rule.items.unwrap_or(&Rule::ANY));
            set("member", Value::Object(inner));
        }
        Kind::Map(value) => {
            let keys = shape(&Kind::String, rule.keys.unwrap_or(&Rule::ANY));
            set("key", Value::Object(keys));
            let values = shape(value, rule.values.unwrap_or(&Rule::ANY));
            set("value", Value::Object(values));
        }
        Kind::Structure(inner) => set("members", Value::Array(members(inner))),
        _ => {}
    }
    if let Some(min) = rule.min {
        set("min", json!(min));
    }
    if let Some(max) = rule.max {
        set("max", json!(max));
    }
    if let Some(pattern) = rule.pattern {
        set("pattern", json!(pattern.modelled()));
    }
    described
}
