//! The operations' shapes as JSON, for comparison with the service model.

use crate::operation_schema::OperationSchema;
use crate::operations;
use anabranch_protocol::Codec;
use anabranch_protocol::shape::RequestError;
use serde_json::{Value, json};

/// The operations that are there.
#[must_use]
pub fn operation_names() -> &'static [&'static str] {
    operations::NAMES
}

/// Decodes a body as an operation's request and forgets it: what a fuzzer drives. `None`: there
/// is no such operation here.
#[must_use]
pub fn decode(operation: &str, codec: Codec, body: &[u8]) -> Option<Result<(), RequestError>> {
    operations::decode(operation, codec, body)
}

/// The whole schema: `{"operations": [...]}`.
#[must_use]
pub fn to_json() -> Value {
    let operations: Vec<Value> =
        operations::schemas().iter().map(OperationSchema::to_json).collect();
    json!({ "operations": operations })
}
