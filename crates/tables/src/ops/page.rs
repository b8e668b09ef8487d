//! What Query and Scan share: which of a table or index is read, how far, and what is answered of it.

use super::capacity::{ConsumedCapacity, Meter, ReturnConsumedCapacity};
use super::found;
use super::write::key_of;
use crate::error::{Constraint, Error, KeyFault, Validation};
use crate::expression::{Condition, Path, Projection};
use crate::index;
use crate::key::{IndexKey, PrimaryKey};
use crate::schema::{self, IndexKind, IndexName, IndexSchema, KeySchema};
use crate::scope::Scope;
use crate::stored::Stored;
use crate::table::Table;
use crate::tables::Tables;
use crate::value::Item;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

/// A page ends with the item that fills it, in bytes.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// What of the items is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    AllAttributes,
    AllProjectedAttributes,
    SpecificAttributes,
    /// Only how many there are.
    Count,
}

/// What Query and Scan answer.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Page {
    /// Nothing if only their count was asked for.
    pub items: Option<Vec<Arc<Item>>>,
    /// How many fulfil the filter.
    pub count: usize,
    /// How many were looked at.
    pub scanned_count: usize,
    /// Where to go on, if it was not the end.
    pub last_evaluated_key: Option<Item>,
    pub consumed_capacity: Option<ConsumedCapacity>,
}

/// What a Query or Scan asks, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) table_name: String,
    pub(crate) index_name: Option<IndexName>,
    pub(crate) is_consistent: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) filter: Option<Condition>,
    pub(crate) projection: Option<Projection>,
    pub(crate) select: Option<Select>,
    pub(crate) exclusive_start_key: Option<Item>,
    pub(crate) return_consumed_capacity: ReturnConsumedCapacity,
}

/// # Errors
/// A limit below 1.
pub(super) fn parse_limit(limit: Option<i64>) -> Result<Option<usize>, Validation> {
    let Some(limit) = limit else { return Ok(None) };
    Constraint::check_range(limit, "limit", 1, i64::from(i32::MAX))?;
    Ok(usize::try_from(limit).ok())
}

/// # Errors
/// Parameters about attributes that do not go together. `given` are ways to name attributes, and whether the
/// request does.
pub(super) fn check_select(
    select: Option<Select>,
    given: [(&'static str, bool); 2],
    has_index: bool,
) -> Result<(), Validation> {
    let given = given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name);
    match (select, given) {
        (Some(Select::AllProjectedAttributes), _) if !has_index => {
            Err(Validation::ProjectedWithoutIndex)
        }
        (Some(Select::SpecificAttributes), None) => Err(Validation::SpecificWithoutAttributes),
        (Some(Select::Count), Some(given)) => {
            Err(Validation::SelectWithAttributes { given, select: "only the Count" })
        }
        (Some(Select::AllAttributes), Some(given)) => {
            Err(Validation::SelectWithAttributes { given, select: "ALL_ATTRIBUTES" })
        }
        (Some(Select::AllProjectedAttributes), Some(given)) => {
            Err(Validation::SelectWithAttributes { given, select: "ALL_PROJECTED_ATTRIBUTES" })
        }
        _ => Ok(()),
    }
}

/// A table, or an index of it, that is read.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) table: &'a Table,
    pub(crate) index: Option<(usize, &'a Arc<IndexSchema>)>,
    /// Items come from the table, though what is read is an index that has not all of them.
    is_fetched: bool,
}

impl Reading {
    /// # Errors
    /// There is no such table or index, or it cannot be read as is asked.
    pub(crate) fn source<'a>(
        &self,
        tables: &'a Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<Source<'a>, Error> {
        let table = found::ready(tables, scope, &self.table_name, now_ms)?;
        let Some(name) = &self.index_name else {
            return Ok(Source { table, index: None, is_fetched: false });
        };
        let text = || name.as_str().to_owned();
        let index = table.schema().index(name);
        let (position, schema) = index.ok_or_else(|| Validation::NoIndex { index: text() })?;
        let mut source = Source { table, index: Some((position, schema)), is_fetched: false };
        let missing = self.missing(&table.schema().keys, schema);
        if schema.kind == IndexKind::Local {
            source.is_fetched = missing.is_some();
            return Ok(source);
        }
        if self.is_consistent {
            return Err(Validation::ConsistentIndexRead.into());
        }
        if now_ms < schema.active_at_ms {
            return Err(Validation::IndexBackfilling { index: text() }.into());
        }
        match missing {
            Some(names) if names.is_empty() => Err(Validation::AllOfIndex { index: text() }.into()),
            Some(names) => {
                let names = format!("[{}]", names.join(", "));
                Err(Validation::NotProjected { index: text(), names }.into())
            }
            None => Ok(source),
        }
    }

    /// Attributes that are asked for and that an index does not have; without names if all are asked for.
    fn missing(&self, keys: &KeySchema, index: &IndexSchema) -> Option<Vec<String>> {
        if index.projection == schema::Projection::All {
            return None;
        }
        if self.select == Some(Select::AllAttributes) {
            return Some(Vec::new());
        }
        let paths = self.projection.as_ref()?.paths();
        let missing = paths.map(Path::head).filter(|name| !index::is_projected(keys, index, name));
        let missing: Vec<String> = missing.map(ToOwned::to_owned).collect();
        (!missing.is_empty()).then_some(missing)
    }

    /// One page of what is walked over.
    pub(crate) fn page<'a>(
        &self,
        source: Source<'a>,
        walk: impl Iterator<Item = &'a Arc<Stored>>,
    ) -> Result<Page, Error> {
        let schema = source.table.schema();
        let mut page = Page::default();
        let (mut items, mut bytes, mut meter) = (Vec::new(), 0, Meter::default());
        for stored in walk {
            page.scanned_count += 1;
            bytes += source.size(stored);
            if source.is_fetched {
                meter.add(Meter::read(schema, None, stored.size, self.is_consistent));
            }
            let item = source.item(stored);
            if self.filter.as_ref().map_or(Ok(true), |filter| filter.holds(&item))? {
                page.count += 1;
                if self.select != Some(Select::Count) {
                    items.push(match &self.projection {
                        Some(projection) => Arc::new(projection.of(&item)),
                        None => item,
                    });
                }
            }
            if Some(page.scanned_count) == self.limit || bytes >= PAGE_BYTES_MAX {
                page.last_evaluated_key = Some(source.start_key(&stored.item));
                break;
            }
        }
        let position = source.index.map(|(position, _)| position);
        meter.add(Meter::read(schema, position, bytes, self.is_consistent));
        page.consumed_capacity = meter.report(self.return_consumed_capacity, schema);
        page.items = (self.select != Some(Select::Count)).then_some(items);
        Ok(page)
    }

    /// The place after which to start.
    pub(crate) fn start(&self, source: Source<'_>) -> Result<Option<Position>, Validation> {
        let Some(key) = &self.exclusive_start_key else { return Ok(None) };
        let keys = &source.table.schema().keys;
        let names = keys
            .attributes()
            .chain(source.index_keys().into_iter().flat_map(KeySchema::attributes));
        let mut names: Vec<&str> = names.map(|attribute| &*attribute.name).collect();
        names.sort_unstable();
        names.dedup();
        if key.len() != names.len() || !names.iter().all(|name| key.contains_key(*name)) {
            return Err(Validation::StartKey);
        }
        let primary = PrimaryKey::of(keys, key).map_err(KeyFault::in_starting_key)?;
        Ok(Some(match source.index_keys() {
            None => Position::Table(primary),
            Some(index) => {
                let checked = PrimaryKey::of(index, key).map_err(KeyFault::in_starting_key)?;
                Position::Index(IndexKey { sorted: Box::from(checked.as_bytes()), primary })
            }
        }))
    }
}

/// A place in a table or an index.
#[derive(Clone, Debug)]
pub(crate) enum Position {
    Table(PrimaryKey),
    Index(IndexKey),
}

impl Position {
    /// The bytes that it is sorted by, beside those of the item's own key in an index.
    pub(crate) fn sorted(&self) -> &[u8] {
        match self {
            Self::Table(key) => key.as_bytes(),
            Self::Index(key) => &key.sorted,
        }
    }
}

/// Bytes that keys begin with: from the first on, and before the second if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Option<Vec<u8>>,
}

impl Span {
    pub(crate) fn has(&self, sorted: &[u8]) -> bool {
        *sorted >= *self.start && self.end.as_ref().is_none_or(|end| sorted < &**end)
    }

    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

impl<'a> Source<'a> {
    /// Keys of what is read: the index's if it is one.
    pub(crate) fn keys(&self) -> &'a KeySchema {
        self.index_keys().unwrap_or(&self.table.schema().keys)
    }

    fn index_keys(&self) -> Option<&'a KeySchema> {
        self.index.map(|(_, schema)| &schema.keys)
    }

    fn size(&self, stored: &Stored) -> usize {
        match self.index {
            Some((_, index)) => index::projected_size(&self.table.schema().keys, index, stored),
            None => stored.size,
        }
    }

    fn item(&self, stored: &Stored) -> Arc<Item> {
        match self.index {
            Some((_, index)) if !self.is_fetched && index.projection != schema::Projection::All => {
                Arc::new(index::projected(&self.table.schema().keys, index, &stored.item))
            }
            _ => stored.item.clone(),
        }
    }

    fn start_key(&self, item: &Item) -> Item {
        let mut key = key_of(&self.table.schema().keys, item);
        if let Some(index) = self.index_keys() {
            key.extend(key_of(index, item));
        }
        key
    }

    /// Items whose keys are in a span, after a position, which must be in it.
    pub(crate) fn walk(
        &self,
        span: Span,
        after: Option<Position>,
        is_forward: bool,
    ) -> Box<dyn Iterator<Item = &'a Arc<Stored>> + 'a> {
        if span.is_empty() {
            return Box::new(std::iter::empty());
        }
        match self.index {
            None => {
                let after = match after {
                    Some(Position::Table(key)) => Some(key),
                    _ => None,
                };
                let mut start = Included(PrimaryKey::starting(span.start));
                let mut end = span.end.map_or(Unbounded, |end| Excluded(PrimaryKey::starting(end)));
                match after {
                    Some(key) if is_forward => start = Excluded(key),
                    Some(key) => end = Excluded(key),
                    None => (),
                }
                let items = self.table.range((start, end)).map(|(_, stored)| stored);
                if is_forward { Box::new(items) } else { Box::new(items.rev()) }
            }
            Some((position, _)) => {
                let after = match after {
                    Some(Position::Index(key)) => Some(key),
                    _ => None,
                };
                let key = |sorted: Vec<u8>| IndexKey {
                    sorted: Box::from(sorted),
                    primary: PrimaryKey::least(),
                };
                let mut start = Included(key(span.start));
                let mut end = span.end.map_or(Unbounded, |end| Excluded(key(end)));
                match after {
                    Some(key) if is_forward => start = Excluded(key),
                    Some(key) => end = Excluded(key),
                    None => (),
                }
                let items = self.table.index(position).range((start, end)).map(|(_, one)| one);
                if is_forward { Box::new(items) } else { Box::new(items.rev()) }
            }
        }
    }
}
