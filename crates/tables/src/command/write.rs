//! Commands about items.

use crate::scope::Scope;
use crate::value::Item;
use minicbor::{Decode, Encode};
use std::sync::Arc;

/// See [`super::Command::Write`].
#[derive(Clone, Debug, PartialEq, Default, Encode, Decode)]
pub struct Write {
    /// What happens, to each item once. It may be nothing.
    #[n(0)]
    pub changes: Vec<Change>,
    /// The transaction's token, if it has one.
    #[n(1)]
    pub token: Option<Token>,
}

/// What happens to one item.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Change {
    /// It is put into the place of what has its key.
    #[n(0)]
    Put {
        /// The table's number.
        #[n(0)]
        table: u32,
        /// The whole item.
        #[cbor(n(1), with = "super::item::shared")]
        item: Arc<Item>,
    },
    /// It is deleted, if it is there.
    #[n(1)]
    Delete {
        /// The table's number.
        #[n(0)]
        table: u32,
        /// The key's attributes.
        #[cbor(n(1), with = "super::item::shared")]
        key: Arc<Item>,
    },
}

/// What makes a transaction idempotent for some minutes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Token {
    /// Account.
    #[n(0)]
    pub account: String,
    /// Region.
    #[n(1)]
    pub region: String,
    /// The token.
    #[n(2)]
    pub token: String,
    /// Digest of what was asked, 16 bytes.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub request: Vec<u8>,
}

impl Token {
    pub(crate) fn scope(&self) -> Scope {
        Scope { account: Arc::from(&*self.account), region: Arc::from(&*self.region) }
    }
}

/// See [`super::Command::ExpireItems`].
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ExpireItems {
    /// The table's number.
    #[n(0)]
    pub table: u32,
    /// Keys' attributes.
    #[n(1)]
    pub keys: Vec<Key>,
}

/// An item's key.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub struct Key(#[cbor(n(0), with = "super::item::shared")] pub Arc<Item>);
