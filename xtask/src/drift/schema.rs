//! One form for two sources: the shapes of botocore's service model and what our binary prints.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// Shapes of the service are shallow; a deeper one is a cycle.
const DEPTH_MAX: usize = 12;

/// What one operation takes, gives and raises.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Operation {
    pub(crate) input: BTreeMap<String, Shape>,
    pub(crate) output: BTreeMap<String, Shape>,
    pub(crate) errors: BTreeSet<String>,
}

/// A type with its constraints. `required` belongs to the place where it is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) required: bool,
    pub(crate) kind: String,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<String>,
    pub(crate) values: BTreeSet<String>,
    /// Parts of a structure by name; `member` of a list; `key` and `value` of a map.
    pub(crate) parts: BTreeMap<String, Shape>,
}

/// The operations of a botocore service model.
pub(crate) fn from_botocore(model: &Value) -> Result<BTreeMap<String, Operation>> {
    let shapes = &model["shapes"];
    let operations = model["operations"].as_object().context("the model has no operations")?;
    operations
        .iter()
        .map(|(name, operation)| {
            let structure = |side: &str| -> Result<_> {
                match operation[side]["shape"].as_str() {
                    Some(shape) => Ok(resolve(shapes, shape, 0)?.parts),
                    None => Ok(BTreeMap::new()),
                }
            };
            let errors = operation["errors"].as_array().into_iter().flatten();
            let errors = errors.filter_map(|error| error["shape"].as_str().map(str::to_owned));
            let operation = Operation {
                input: structure("input").with_context(|| format!("input of {name}"))?,
                output: structure("output").with_context(|| format!("output of {name}"))?,
                errors: errors.collect(),
            };
            Ok((name.clone(), operation))
        })
        .collect()
}

fn resolve(shapes: &Value, name: &str, depth: usize) -> Result<Shape> {
    if depth > DEPTH_MAX {
        bail!("shape {name} is nested more than {DEPTH_MAX} deep");
    }
    let shape = shapes.get(name).with_context(|| format!("no shape {name}"))?;
    let part = |reference: &Value| {
        let target = reference["shape"].as_str().context("a member without a shape")?;
        resolve(shapes, target, depth + 1)
    };
    let mut parts = BTreeMap::new();
    for (name, member) in shape["members"].as_object().into_iter().flatten() {
        parts.insert(name.clone(), part(member)?);
    }
    for name in ["member", "key", "value"] {
        if let Some(member) = shape.get(name) {
            parts.insert(name.to_owned(), part(member)?);
        }
    }
    for name in strings(&shape["required"]) {
        parts.get_mut(&name).with_context(|| format!("required {name} is no member"))?.required =
            true;
    }
    Ok(Shape {
        required: false,
        kind: shape["type"].as_str().context("a shape without a type")?.to_owned(),
        min: shape["min"].as_i64(),
        max: shape["max"].as_i64(),
        pattern: shape["pattern"].as_str().map(str::to_owned),
        values: strings(&shape["enum"]).collect(),
        parts,
    })
}

fn strings(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurSchema {
    /// By the place of botocore's model.
    services: BTreeMap<String, OurService>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurService {
    operations: Vec<OurOperation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurOperation {
    name: String,
    #[serde(default = "yes")]
    supported: bool,
    #[serde(default)]
    input: Vec<OurMember>,
    #[serde(default)]
    output: Vec<OurMember>,
    #[serde(default)]
    errors: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurMember {
    #[serde(default)]
    name: String,
    #[serde(default)]
    required: bool,
    #[serde(rename = "type")]
    kind: String,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(rename = "enum", default)]
    values: BTreeSet<String>,
    member: Option<Box<OurMember>>,
    key: Option<Box<OurMember>>,
    value: Option<Box<OurMember>>,
    #[serde(default)]
    members: Vec<OurMember>,
}

fn yes() -> bool {
    true
}

/// The operations of each service that our binary prints; `None` for one that is named as not
/// supported yet.
pub(crate) fn from_ours(
    json: &[u8],
) -> Result<BTreeMap<String, BTreeMap<String, Option<Operation>>>> {
    let schema: OurSchema = serde_json::from_slice(json).context("cannot read our schema")?;
    let services = schema.services.into_iter();
    services.map(|(service, ours)| Ok((service, operations(ours)?))).collect()
}

fn operations(service: OurService) -> Result<BTreeMap<String, Option<Operation>>> {
    let mut operations = BTreeMap::new();
    for ours in service.operations {
        let operation = ours.supported.then_some(Operation {
            input: members(ours.input),
            output: members(ours.output),
            errors: ours.errors,
        });
        if operations.insert(ours.name.clone(), operation).is_some() {
            bail!("our schema names {} twice", ours.name);
        }
    }
    Ok(operations)
}

fn members(members: Vec<OurMember>) -> BTreeMap<String, Shape> {
    members.into_iter().map(|member| (member.name.clone(), shape(member))).collect()
}

fn shape(ours: OurMember) -> Shape {
    let mut parts = members(ours.members);
    for (name, part) in [("member", ours.member), ("key", ours.key), ("value", ours.value)] {
        if let Some(part) = part {
            // Where it stands, not the element itself, decides what is required of an element.
            parts.insert(name.to_owned(), Shape { required: false, ..shape(*part) });
        }
    }
    Shape {
        required: ours.required,
        kind: ours.kind,
        min: ours.min,
        max: ours.max,
        pattern: ours.pattern,
        values: ours.values,
        parts,
    }
}
