//! Tables, what can be seen of them elsewhere, and the journal.

use anabranch_tables::command::Command;
use anabranch_tables::error::Error;
use anabranch_tables::ops::{
    AttributeDefinition, ConditionInput, CreateTable, CreateTableInput, DeleteItem,
    DeleteItemInput, GetItem, GetItemInput, IndexInput, KeySchemaElement, Page, ProjectionInput,
    PutItem, PutItemInput, Query, QueryInput, ReturnValues, Scan, ScanInput, TableDescription,
    UpdateItem, UpdateItemInput, WriteOptions, WriteOutput,
};
use anabranch_tables::schema::{BillingMode, KeyRole, KeyType, ProjectionType};
use anabranch_tables::{AttributeValue, Item, Place, Scope, Settings, Tables};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) tables: Tables,
    /// Takes over effects, and never sees commands.
    view: Tables,
    journal: Vec<(Bytes, Place)>,
    pub(crate) now_ms: u64,
    pub(crate) scope: Scope,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let scope = Scope { account: Arc::from("000000000001"), region: Arc::from("eu-west-1") };
        Self {
            tables: Tables::new(settings),
            view: Tables::new(settings),
            journal: Vec::new(),
            now_ms: 1_700_000_000_000,
            scope,
        }
    }

    /// With the table `tab` of these keys: a hash key, and a range key if there is one.
    pub(crate) fn of_keys(keys: &[(&str, KeyType)]) -> Self {
        let mut world = Self::new();
        world.create(table(keys)).expect("a table");
        world
    }

    pub(crate) fn commit<T>(&mut self, decided: Result<(Command, T), Error>) -> Result<T, Error> {
        let (command, answer) = decided?;
        self.apply(&command);
        Ok(answer)
    }

    pub(crate) fn apply(&mut self, command: &Command) {
        let bytes = command.encode();
        let read = Command::decode(&bytes).expect("a command comes back");
        assert_eq!(read, *command);
        let number = self.tables.applied() + 1;
        let place = Place { number, arrival_ms: self.now_ms };
        let effects = self.tables.apply(&read, place);
        self.view.show(number, &effects);
        self.journal.push((bytes, place));
    }

    pub(crate) fn create(&mut self, input: CreateTableInput) -> Result<TableDescription, Error> {
        let create = CreateTable::parse(input)?;
        self.commit(create.decide(&self.tables, &self.scope, self.now_ms))
    }

    pub(crate) fn put(&mut self, item: Item) {
        self.put_with(item, ConditionInput::default(), WriteOptions::default()).expect("put");
    }

    pub(crate) fn put_with(
        &mut self,
        item: Item,
        condition: ConditionInput,
        options: WriteOptions,
    ) -> Result<WriteOutput, Error> {
        let put = PutItem::parse(PutItemInput { table_name: t(), item, condition, options })?;
        self.commit(put.decide(&self.tables, &self.scope, self.now_ms))
    }

    pub(crate) fn delete(&mut self, key: Item) -> WriteOutput {
        let options = WriteOptions { return_values: ReturnValues::AllOld, ..Default::default() };
        let condition = ConditionInput::default();
        let input = DeleteItemInput { table_name: t(), key, condition, options };
        let delete = DeleteItem::parse(input).expect("parses");
        self.commit(delete.decide(&self.tables, &self.scope, self.now_ms)).expect("delete")
    }

    pub(crate) fn update(&mut self, input: UpdateItemInput) -> Result<WriteOutput, Error> {
        let update = UpdateItem::parse(UpdateItemInput { table_name: t(), ..input })?;
        self.commit(update.decide(&self.tables, &self.scope, self.now_ms))
    }

    pub(crate) fn get(&self, key: Item) -> Option<Arc<Item>> {
        let get = GetItem::parse(GetItemInput { table_name: t(), key, ..Default::default() });
        let get = get.expect("parses");
        get.read(&self.tables, &self.scope, self.now_ms).expect("get").item
    }

    pub(crate) fn query(&self, input: QueryInput) -> Result<Page, Error> {
        let query = Query::parse(QueryInput { table_name: t(), ..input })?;
        query.read(&self.tables, &self.scope, self.now_ms)
    }

    pub(crate) fn scan(&self, input: ScanInput) -> Result<Page, Error> {
        let scan = Scan::parse(ScanInput { table_name: t(), ..input })?;
        scan.read(&self.tables, &self.scope, self.now_ms)
    }

    /// What was decided, what was shown, what is replayed and what a snapshot gives are the same.
    pub(crate) fn check(&self) {
        let snapshot = self.tables.snapshot();
        assert!(self.view.snapshot() == snapshot, "effects make the same tables");
        let mut replayed = Tables::new(*self.tables.settings());
        for (bytes, place) in &self.journal {
            replayed.apply(&Command::decode(bytes).expect("a command comes back"), *place);
        }
        assert!(replayed.snapshot() == snapshot, "the same commands make the same tables");
        let restored = Tables::restore(&snapshot).expect("a snapshot comes back");
        assert!(restored.snapshot() == snapshot, "a snapshot has everything");
        for tables in [&self.view, &replayed, &restored] {
            assert_eq!(tables.memory(), self.tables.memory(), "memory is counted alike");
            assert_eq!(tables.applied(), self.tables.applied());
        }
        for table in self.tables.all() {
            let other = restored.of_number(table.schema().number).expect("the same table");
            assert_eq!(table.item_bytes(), other.item_bytes());
        }
    }

    /// As after a restart from a snapshot.
    pub(crate) fn restart(&mut self) {
        self.check();
        let settings = *self.tables.settings();
        self.tables = Tables::restore(&self.tables.snapshot()).expect("restores").with(settings);
    }
}

pub(crate) fn t() -> String {
    "tab".to_owned()
}

pub(crate) fn table(keys: &[(&str, KeyType)]) -> CreateTableInput {
    CreateTableInput {
        table_name: t(),
        attribute_definitions: keys.iter().map(|(name, of)| definition(name, *of)).collect(),
        key_schema: elements(&keys.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        billing_mode: Some(BillingMode::PayPerRequest),
        ..Default::default()
    }
}

pub(crate) fn definition(name: &str, of: KeyType) -> AttributeDefinition {
    AttributeDefinition { attribute_name: name.to_owned(), attribute_type: of }
}

pub(crate) fn elements(names: &[&str]) -> Vec<KeySchemaElement> {
    let element = |(name, key_type): (&&str, KeyRole)| KeySchemaElement {
        attribute_name: (*name).to_owned(),
        key_type,
    };
    names.iter().zip([KeyRole::Hash, KeyRole::Range]).map(element).collect()
}

pub(crate) fn index(name: &str, keys: &[&str], projection: ProjectionType) -> IndexInput {
    IndexInput {
        index_name: name.to_owned(),
        key_schema: elements(keys),
        projection: ProjectionInput {
            projection_type: Some(projection),
            non_key_attributes: (projection == ProjectionType::Include)
                .then(|| vec!["extra".to_owned()]),
        },
        provisioned_throughput: None,
    }
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::string(text)
}

pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::number(&number.to_string()).expect("a number")
}

pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(crate) fn names<const N: usize>(names: [(&str, &str); N]) -> Option<BTreeMap<String, String>> {
    Some(names.into_iter().map(|(key, name)| (key.to_owned(), name.to_owned())).collect())
}

pub(crate) fn condition<const N: usize>(
    text: &str,
    values: [(&str, AttributeValue); N],
) -> ConditionInput {
    ConditionInput {
        condition_expression: Some(text.to_owned()),
        expression_attribute_values: (N > 0).then(|| item(values)),
        ..Default::default()
    }
}

/// An update by an expression, without a condition.
pub(crate) fn update<const N: usize>(
    key: Item,
    text: &str,
    values: [(&str, AttributeValue); N],
) -> UpdateItemInput {
    UpdateItemInput {
        key,
        update_expression: Some(text.to_owned()),
        condition: ConditionInput {
            expression_attribute_values: (N > 0).then(|| item(values)),
            ..Default::default()
        },
        ..Default::default()
    }
}

/// A query by an expression.
pub(crate) fn query<const N: usize>(text: &str, values: [(&str, AttributeValue); N]) -> QueryInput {
    QueryInput {
        key_condition_expression: Some(text.to_owned()),
        expression_attribute_values: Some(item(values)),
        ..Default::default()
    }
}
