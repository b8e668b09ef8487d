//! The operations' shapes as JSON, for comparison with the service models.

use crate::operation_schema::OperationSchema;
use crate::services::DESCRIBED;
use anabranch_protocol::Codec;
use anabranch_protocol::shape::RequestError;
use serde_json::{Map, Value, json};

/// The operations of all services that are there.
#[must_use]
pub fn operation_names() -> Vec<&'static str> {
    DESCRIBED.iter().flat_map(|service| service.operations).copied().collect()
}

/// Decodes a body as an operation's request and forgets it: what a fuzzer drives. `None`: there
/// is no such operation here.
#[must_use]
pub fn decode(operation: &str, codec: Codec, body: &[u8]) -> Option<Result<(), RequestError>> {
    DESCRIBED.iter().find_map(|service| (service.decode)(operation, codec, body))
}

/// The whole schema: `{"services": {"kinesis/2013-12-02": {"operations": [...]}}}`, by the place of
/// botocore's model.
#[must_use]
pub fn to_json() -> Value {
    let services = DESCRIBED.iter().map(|service| {
        let operations = (service.schemas)();
        let operations: Vec<Value> = operations.iter().map(OperationSchema::to_json).collect();
        (service.model.to_owned(), json!({ "operations": operations }))
    });
    json!({ "services": services.collect::<Map<_, _>>() })
}
