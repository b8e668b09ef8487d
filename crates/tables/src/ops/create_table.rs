//! CreateTable.

use super::describe_table::{TableDescription, description_of};
use crate::command::{Command, CreateTable as CreateTableCommand};
use crate::error::{Constraint, Error, InUse, Limit, Rule, Validation};
use crate::memory;
use crate::schema::{
    BillingMode, IndexKind, IndexName, IndexSchema, KeyAttribute, KeyRole, KeySchema, KeyType,
    Projection, ProjectionType, TableName, Tags, Throughput, check_tags,
};
use crate::scope::Scope;
use crate::tables::{Place, Tables};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const LOCAL_INDEXES_MAX: usize = 5;
const GLOBAL_INDEXES_MAX: usize = 20;
const KEY_NAME_LEN_MAX: usize = 255;
const PROJECTED_NAMES_MAX: usize = 20;

/// Name and role of a key's attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySchemaElement {
    pub attribute_name: String,
    pub key_type: KeyRole,
}

/// Name and type of a key's attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeDefinition {
    pub attribute_name: String,
    pub attribute_type: KeyType,
}

/// A projection as requests have it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProjectionInput {
    pub projection_type: Option<ProjectionType>,
    pub non_key_attributes: Option<Vec<String>>,
}

/// An index as requests have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInput {
    pub index_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub projection: ProjectionInput,
    /// Of global ones alone.
    pub provisioned_throughput: Option<Throughput>,
}

/// What CreateTable is asked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CreateTableInput {
    pub table_name: String,
    pub attribute_definitions: Vec<AttributeDefinition>,
    pub key_schema: Vec<KeySchemaElement>,
    pub local_secondary_indexes: Option<Vec<IndexInput>>,
    pub global_secondary_indexes: Option<Vec<IndexInput>>,
    pub billing_mode: Option<BillingMode>,
    pub provisioned_throughput: Option<Throughput>,
    pub tags: Vec<(String, String)>,
    pub deletion_protection_enabled: bool,
    /// Whether SSESpecification asks for a key of the account.
    pub sse_enabled: bool,
}

/// A table that can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    table_name: String,
    keys: KeySchema,
    indexes: Vec<IndexSchema>,
    units: Option<Throughput>,
    tags: Tags,
    is_protected: bool,
    is_encrypted: bool,
}

impl CreateTable {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: CreateTableInput) -> Result<Self, Error> {
        let definitions = Definitions::of(&input.attribute_definitions)?;
        let mode = input.billing_mode.unwrap_or(BillingMode::Provisioned);
        let units = billing(mode, input.provisioned_throughput)?;
        let tags = check_tags(&input.tags)?;
        let has_indexes =
            input.local_secondary_indexes.is_some() || input.global_secondary_indexes.is_some();
        let keys = definitions.keys(&input.key_schema, "keySchema")?;
        if !has_indexes && input.attribute_definitions.len() != input.key_schema.len() {
            return Err(Validation::DefinitionCount.into());
        }
        let local = input.local_secondary_indexes.as_deref();
        let global = input.global_secondary_indexes.as_deref();
        let indexes = indexes(&definitions, &keys, local, global, mode)?;
        definitions.check_used(&keys, &indexes)?;
        Ok(Self {
            table_name: input.table_name,
            keys,
            indexes,
            units,
            tags,
            is_protected: input.deletion_protection_enabled,
            is_encrypted: input.sse_enabled,
        })
    }

    /// # Errors
    /// A table that is there, and one too many.
    pub fn decide(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(Command, TableDescription), Error> {
        let name = TableName::parse(&self.table_name, scope)?;
        if tables.of_name(scope, &name).is_some() {
            return Err(InUse::Exists { name: name.as_str().to_owned() }.into());
        }
        let max = tables.settings().tables_max;
        if tables.after(scope, None).count() >= max {
            return Err(Limit::Tables { max }.into());
        }
        let bytes = tables.memory() + (memory::TABLE * (1 + self.indexes.len())) as u64;
        let memory_max = tables.settings().memory_max;
        if bytes > memory_max {
            return Err(Limit::Memory { bytes, max: memory_max }.into());
        }
        let command = Command::CreateTable(CreateTableCommand {
            number: tables.next_table(),
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            name: name.as_str().to_owned(),
            keys: (&self.keys).into(),
            indexes: self.indexes.iter().map(Into::into).collect(),
            units: self.units.map(Into::into),
            tags: self.tags.clone(),
            is_protected: self.is_protected,
            is_encrypted: self.is_encrypted,
            transition_ms: tables.settings().transition_ms,
        });
        let mut after = Tables::new(*tables.settings());
        after.apply(&command, Place { number: 1, arrival_ms: now_ms });
        let table = after.of_name(scope, &name).expect("it was just created");
        Ok((command, description_of(table, now_ms)))
    }
}

/// Types of attributes by name.
pub(super) struct Definitions(BTreeMap<String, KeyType>);

impl Definitions {
    pub(super) fn of(definitions: &[AttributeDefinition]) -> Result<Self, Validation> {
        let mut by_name = BTreeMap::new();
        for (position, definition) in definitions.iter().enumerate() {
            let AttributeDefinition { attribute_name, attribute_type } = definition;
            let at = format!("attributeDefinitions.{}.member.attributeName", position + 1);
            check_name(attribute_name, &at, KEY_NAME_LEN_MAX)?;
            if by_name.insert(attribute_name.clone(), *attribute_type).is_some() {
                return Err(Validation::DefinedTwice { name: attribute_name.clone() });
            }
        }
        Ok(Self(by_name))
    }

    /// Names alone, as errors list them.
    fn names(&self) -> String {
        list(self.0.keys().map(String::as_str))
    }

    pub(super) fn keys(
        &self,
        elements: &[KeySchemaElement],
        at: &str,
    ) -> Result<KeySchema, Validation> {
        Constraint::check_count(elements.len(), at, 1, 2)?;
        let attribute = |element: &KeySchemaElement| {
            let name = &element.attribute_name;
            let of = *self.0.get(name).ok_or_else(|| Validation::UndefinedKeys {
                keys: list(elements.iter().map(|one| &*one.attribute_name)),
                definitions: self.names(),
            })?;
            Ok::<_, Validation>(KeyAttribute { name: Arc::from(&**name), of })
        };
        let hash = attribute(&elements[0])?;
        let range = elements.get(1).map(attribute).transpose()?;
        if range.as_ref().is_some_and(|range| range.name == hash.name) {
            return Err(Validation::SameKeys);
        }
        if elements[0].key_type != KeyRole::Hash {
            return Err(Validation::FirstKeyNotHash);
        }
        if elements.get(1).is_some_and(|element| element.key_type != KeyRole::Range) {
            return Err(Validation::SecondKeyNotRange);
        }
        Ok(KeySchema { hash, range })
    }

    fn check_used(&self, keys: &KeySchema, indexes: &[IndexSchema]) -> Result<(), Validation> {
        let all = [keys].into_iter().chain(indexes.iter().map(|index| &index.keys));
        let used: BTreeSet<&str> =
            all.flat_map(KeySchema::attributes).map(|attribute| &*attribute.name).collect();
        if self.0.keys().all(|name| used.contains(&**name)) {
            return Ok(());
        }
        let keys = list(used);
        Err(Validation::DefinitionsUnused { definitions: self.names(), keys })
    }
}

/// What was bought for a table.
pub(super) fn billing(
    mode: BillingMode,
    units: Option<Throughput>,
) -> Result<Option<Throughput>, Validation> {
    match (mode, units) {
        (BillingMode::PayPerRequest, None) => Ok(None),
        (BillingMode::PayPerRequest, Some(_)) => Err(Validation::UnitsWithPayPerRequest),
        (BillingMode::Provisioned, None) => Err(Validation::UnitsMissing),
        (BillingMode::Provisioned, Some(units)) => {
            check_units(units, "provisionedThroughput")?;
            Ok(Some(units))
        }
    }
}

pub(super) fn check_units(units: Throughput, at: &str) -> Result<(), Validation> {
    let members =
        [("readCapacityUnits", units.read_units), ("writeCapacityUnits", units.write_units)];
    if let Some((name, _)) = members.iter().find(|(_, units)| *units == 0) {
        return Err(Constraint::new("0", &format!("{at}.{name}"), Rule::ValueMin(1)).into());
    }
    units.check()
}

fn indexes(
    definitions: &Definitions,
    keys: &KeySchema,
    local: Option<&[IndexInput]>,
    global: Option<&[IndexInput]>,
    mode: BillingMode,
) -> Result<Vec<IndexSchema>, Validation> {
    let mut indexes: Vec<IndexSchema> = Vec::new();
    if local.is_some_and(<[_]>::is_empty) {
        return Err(Validation::NoLocalIndexes);
    }
    if local.is_some() && keys.range.is_none() {
        return Err(Validation::LocalIndexOfHashTable);
    }
    if global.is_some_and(<[_]>::is_empty) {
        return Err(Validation::NoGlobalIndexes);
    }
    if local.unwrap_or_default().len() > LOCAL_INDEXES_MAX {
        return Err(Validation::TooManyLocalIndexes);
    }
    if global.unwrap_or_default().len() > GLOBAL_INDEXES_MAX {
        return Err(Validation::TooManyGlobalIndexes);
    }
    let of = |kind, inputs: &[IndexInput], indexes: &mut Vec<IndexSchema>| {
        let list = match kind {
            IndexKind::Global => "globalSecondaryIndexes",
            IndexKind::Local => "localSecondaryIndexes",
        };
        for (position, input) in inputs.iter().enumerate() {
            let at = format!("{list}.{}.member", position + 1);
            let index = index(definitions, input, kind, mode, &at)?;
            if kind == IndexKind::Local {
                check_local(&index, keys)?;
            }
            if indexes.iter().any(|one| one.name == index.name) {
                return Err(Validation::IndexTwice { index: input.index_name.clone() });
            }
            indexes.push(index);
        }
        Ok(())
    };
    of(IndexKind::Local, local.unwrap_or_default(), &mut indexes)?;
    of(IndexKind::Global, global.unwrap_or_default(), &mut indexes)?;
    Ok(indexes)
}

/// Most global indexes of a table.
pub(super) const fn global_indexes_max() -> usize {
    GLOBAL_INDEXES_MAX
}

/// The index that a request asks for at `at`.
pub(super) fn index(
    definitions: &Definitions,
    input: &IndexInput,
    kind: IndexKind,
    mode: BillingMode,
    at: &str,
) -> Result<IndexSchema, Validation> {
    let name = IndexName::new(&input.index_name, &format!("{at}.indexName"))?;
    let keys = definitions.keys(&input.key_schema, &format!("{at}.keySchema"))?;
    let projection = projection(&input.projection, at)?;
    let index = || input.index_name.clone();
    match (mode, kind, input.provisioned_throughput) {
        (BillingMode::PayPerRequest, IndexKind::Global, Some(_)) => {
            return Err(Validation::IndexUnits { index: index() });
        }
        (BillingMode::Provisioned, IndexKind::Global, None) => {
            return Err(Validation::IndexUnitsMissing { index: index() });
        }
        (_, _, Some(units)) => check_units(units, &format!("{at}.provisionedThroughput"))?,
        (_, _, None) => (),
    }
    let throughput = input.provisioned_throughput;
    Ok(IndexSchema { name, kind, keys, projection, throughput, active_at_ms: 0 })
}

fn check_local(index: &IndexSchema, keys: &KeySchema) -> Result<(), Validation> {
    let name = || index.name.as_str().to_owned();
    if index.keys.range.is_none() {
        return Err(Validation::LocalIndexWithoutRange { index: name() });
    }
    if index.keys.hash != keys.hash {
        let (hash, table_hash) = (index.keys.hash.name.to_string(), keys.hash.name.to_string());
        return Err(Validation::LocalIndexHash { index: name(), hash, table_hash });
    }
    Ok(())
}

fn projection(input: &ProjectionInput, at: &str) -> Result<Projection, Validation> {
    let kind = input.projection_type.ok_or(Validation::ProjectionMissing)?;
    match (kind, &input.non_key_attributes) {
        (ProjectionType::All, None) => Ok(Projection::All),
        (ProjectionType::KeysOnly, None) => Ok(Projection::KeysOnly),
        (ProjectionType::Include, Some(names)) => {
            let at = format!("{at}.projection.nonKeyAttributes");
            Constraint::check_count(names.len(), &at, 1, PROJECTED_NAMES_MAX)?;
            for (position, name) in names.iter().enumerate() {
                check_name(name, &format!("{at}.{}.member", position + 1), KEY_NAME_LEN_MAX)?;
            }
            Ok(Projection::Include(Arc::new(names.iter().cloned().collect())))
        }
        (ProjectionType::Include, None) => Err(Validation::NonKeyAttributesMissing),
        (_, Some(_)) => Err(Validation::NonKeyAttributesGiven { kind: kind.as_str() }),
    }
}

/// # Errors
/// A name that is empty, or longer than `max` bytes.
pub(super) fn check_name(name: &str, at: &str, max: usize) -> Result<(), Validation> {
    let rule = match name.len() {
        0 => Rule::LengthMin(1),
        len if len > max => Rule::LengthMax(max),
        _ => return Ok(()),
    };
    Err(Constraint::new(name, at, rule).into())
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
