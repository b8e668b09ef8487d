//! The snapshot of all tables: CBOR values one after another.
//!
//! ```text
//! version | header | for each table: what it is | each of its items
//! ```
//! What a table is says how many items follow. They are written one by one, so that nothing but the buffer
//! that is handed on holds them.

use crate::command::{CommandError, NewIndex, Token, Units, decode_item, encode_item};
use crate::key::PrimaryKey;
use crate::schema::{Billing, TableName, TableSchema, TimeToLive};
use crate::scope::Scope;
use crate::stored::Stored;
use crate::table::Table;
use crate::tables::{Effect, Tables};
use crate::tokens::{Remembered, Tokens};
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode, Encoder};
use std::collections::BTreeMap;
use std::sync::Arc;

const VERSION: u32 = 1;
/// How much is handed on at once, in bytes, and what one item has beyond that.
const CHUNK_BYTES: usize = 64 * 1024;

impl Tables {
    /// Hands on a snapshot in pieces of 64 KiB and at most one item.
    pub fn write_snapshot(&self, mut sink: impl FnMut(&[u8])) {
        let mut encoder = Encoder::new(Vec::new());
        let tokens = self.tokens().iter().map(|remembered| TokenState {
            token: remembered.token.clone(),
            at_ms: remembered.at_ms,
        });
        let header = Header {
            applied: self.applied(),
            next_table: self.next_table(),
            tables: self.all().count() as u64,
            tokens: tokens.collect(),
        };
        let written = "writing to memory cannot fail";
        encoder.encode(VERSION).expect(written).encode(header).expect(written);
        for table in self.all() {
            encoder.encode(TableState::of(table)).expect(written);
            for (_, stored) in table.range(..) {
                encode_item(&stored.item, &mut encoder).expect(written);
                if encoder.writer().len() >= CHUNK_BYTES {
                    sink(encoder.writer());
                    encoder.writer_mut().clear();
                }
            }
        }
        sink(encoder.writer());
    }

    /// A snapshot as a whole.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_snapshot(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// The tables that a snapshot was made of, under default settings.
    ///
    /// # Errors
    /// One that was written by a version that knew more than this one, or is damaged.
    pub fn restore(snapshot: &[u8]) -> Result<Self, CommandError> {
        let mut decoder = Decoder::new(snapshot);
        if decoder.u32()? != VERSION {
            return Err(DecodeError::message("a version that is not known").into());
        }
        let header: Header = decoder.decode()?;
        let mut tokens = Tokens::default();
        for TokenState { token, at_ms } in header.tokens {
            tokens.remember(&Arc::new(Remembered { token, at_ms }));
        }
        let mut tables = Self::of(header.next_table, header.applied, tokens);
        for _ in 0..header.tables {
            let state: TableState = decoder.decode()?;
            let items = state.items;
            let schema = Arc::new(state.schema());
            let number = schema.number;
            if tables.of_number(number).is_some() {
                return Err(DecodeError::message("a table twice").into());
            }
            let keys = schema.keys.clone();
            tables.show(header.applied, &[Effect::Table(schema)]);
            for _ in 0..items {
                let item = Arc::new(decode_item(&mut decoder)?);
                let key = PrimaryKey::of(&keys, &item)
                    .map_err(|_| DecodeError::message("an item without its key"))?;
                let stored = Stored::new(item);
                tables.show(header.applied, &[Effect::Put { table: number, key, stored }]);
            }
        }
        if decoder.position() != snapshot.len() {
            return Err(DecodeError::message("more than a snapshot").into());
        }
        Ok(tables)
    }
}

#[derive(Encode, Decode)]
struct Header {
    #[n(0)]
    applied: u64,
    #[n(1)]
    next_table: u32,
    #[n(2)]
    tables: u64,
    #[n(3)]
    tokens: Vec<TokenState>,
}

#[derive(Encode, Decode)]
struct TokenState {
    #[n(0)]
    token: Token,
    #[n(1)]
    at_ms: u64,
}

#[derive(Encode, Decode)]
struct IndexState {
    #[n(0)]
    index: NewIndex,
    #[n(1)]
    active_at_ms: u64,
}

#[derive(Encode, Decode)]
struct TableState {
    #[n(0)]
    number: u32,
    #[n(1)]
    account: String,
    #[n(2)]
    region: String,
    #[n(3)]
    name: String,
    #[n(4)]
    keys: crate::command::Keys,
    #[n(5)]
    indexes: Vec<IndexState>,
    /// What was bought; nothing if it is paid for by the request.
    #[n(6)]
    units: Option<Units>,
    /// Since when it is paid for by the request.
    #[n(7)]
    pay_per_request_since_ms: Option<u64>,
    #[n(8)]
    tags: BTreeMap<String, String>,
    #[n(9)]
    time_to_live: Option<String>,
    #[n(10)]
    time_to_live_set_ms: u64,
    #[n(11)]
    is_protected: bool,
    #[n(12)]
    is_encrypted: bool,
    #[n(13)]
    recovery_days: Option<u32>,
    #[n(14)]
    created_ms: u64,
    #[n(15)]
    active_at_ms: u64,
    #[n(16)]
    updating_until_ms: u64,
    /// How many items follow.
    #[n(17)]
    items: u64,
}

impl TableState {
    fn of(table: &Table) -> Self {
        let schema = table.schema();
        let (units, pay_per_request_since_ms) = match schema.billing {
            Billing::Provisioned(throughput) => (Some(throughput.into()), None),
            Billing::PayPerRequest { since_ms } => (None, Some(since_ms)),
        };
        let indexes = schema
            .indexes
            .iter()
            .map(|index| IndexState { index: (&**index).into(), active_at_ms: index.active_at_ms });
        Self {
            number: schema.number,
            account: schema.scope.account.to_string(),
            region: schema.scope.region.to_string(),
            name: schema.name.as_str().to_owned(),
            keys: (&schema.keys).into(),
            indexes: indexes.collect(),
            units,
            pay_per_request_since_ms,
            tags: schema.tags.clone(),
            time_to_live: schema.time_to_live.as_ref().map(|one| one.attribute.to_string()),
            time_to_live_set_ms: schema.time_to_live_set_ms,
            is_protected: schema.is_protected,
            is_encrypted: schema.is_encrypted,
            recovery_days: schema.recovery_days,
            created_ms: schema.created_ms,
            active_at_ms: schema.active_at_ms,
            updating_until_ms: schema.updating_until_ms,
            items: table.item_count() as u64,
        }
    }

    fn schema(self) -> TableSchema {
        let scope = Scope { account: Arc::from(self.account), region: Arc::from(self.region) };
        let indexes = self.indexes.iter().map(|state| state.index.schema(state.active_at_ms));
        TableSchema {
            number: self.number,
            scope,
            name: TableName::decided(&self.name),
            keys: (&self.keys).into(),
            indexes: indexes.map(Arc::new).collect(),
            billing: match self.units {
                Some(units) => Billing::Provisioned(units.into()),
                None => Billing::PayPerRequest {
                    since_ms: self.pay_per_request_since_ms.unwrap_or(self.created_ms),
                },
            },
            tags: self.tags,
            time_to_live: self
                .time_to_live
                .map(|attribute| TimeToLive { attribute: Arc::from(attribute) }),
            time_to_live_set_ms: self.time_to_live_set_ms,
            is_protected: self.is_protected,
            is_encrypted: self.is_encrypted,
            recovery_days: self.recovery_days,
            created_ms: self.created_ms,
            active_at_ms: self.active_at_ms,
            updating_until_ms: self.updating_until_ms,
        }
    }
}
