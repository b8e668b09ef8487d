//! What is wrong with a request by itself, or with the table that it is about.

use super::Constraint;
use super::constraint::Broken;
use crate::invalid::Invalid;
use crate::schema::KeyType;
use std::sync::Arc;

const PARAMETER: &str = "One or more parameter values were invalid:";

/// A ValidationException.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Validation {
    #[error("{}", Broken(.0))]
    Constraints(Vec<Constraint>),
    /// Of an expression, a legacy parameter or a value.
    #[error(transparent)]
    Expression(#[from] Invalid),

    // Keys and items.
    #[error("The provided key element does not match the schema")]
    KeyMismatch,
    #[error("{PARAMETER} Missing the key {name} in the item")]
    MissingKey { name: Arc<str> },
    #[error("{PARAMETER} Type mismatch for key {name} expected: {expected} actual: {actual}")]
    KeyType { name: Arc<str>, expected: KeyType, actual: &'static str },
    #[error(
        "{PARAMETER} Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} \
         IndexName: {}",
        index
    )]
    IndexKeyType { name: Arc<str>, expected: KeyType, actual: &'static str, index: String },
    #[error(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
         contain an empty {} value. Key: {name}", kind_of(*of)
    )]
    EmptyKey { name: Arc<str>, of: KeyType },
    #[error(
        "One or more parameter values are not valid. A value specified for a secondary index key \
         is not supported. The AttributeValue for a key attribute cannot contain an empty {} \
         value. IndexName: {}, IndexKey: {name}", kind_of(*of), index
    )]
    EmptyIndexKey { name: Arc<str>, of: KeyType, index: String },
    #[error("{PARAMETER} Size of hashkey has exceeded the maximum size limit of2048 bytes")]
    HashTooLong,
    #[error(
        "{PARAMETER} Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    )]
    RangeTooLong,
    #[error("Item size has exceeded the maximum allowed size")]
    ItemTooLarge,
    #[error("Item size to update has exceeded the maximum allowed size")]
    UpdatedItemTooLarge,
    #[error("{PARAMETER} Cannot update attribute {name}. This attribute is part of the key")]
    KeyUpdated { name: String },

    // How parameters go together.
    #[error("Return values set to invalid value")]
    ReturnValues,

    // Making tables.
    #[error(
        "{PARAMETER} ReadCapacityUnits and WriteCapacityUnits must both be specified when \
         BillingMode is PROVISIONED"
    )]
    UnitsMissing,
    #[error(
        "{PARAMETER} Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when \
         BillingMode is PAY_PER_REQUEST"
    )]
    UnitsWithPayPerRequest,
    #[error("Given value {units} for {name} is out of bounds")]
    UnitsOutOfBounds { name: &'static str, units: u64 },
    #[error(
        "{PARAMETER} ProvisionedThroughput should not be specified for index: {index} when \
         BillingMode is PAY_PER_REQUEST"
    )]
    IndexUnits { index: String },
    #[error("{PARAMETER} ProvisionedThroughput must be specified for index: {index}")]
    IndexUnitsMissing { index: String },
    #[error(
        "{PARAMETER} Some index key attributes are not defined in AttributeDefinitions. Keys: \
         [{keys}], AttributeDefinitions: [{definitions}]"
    )]
    UndefinedKeys { keys: String, definitions: String },
    #[error("{PARAMETER} Duplicate AttributeName in AttributeDefinitions: {name}")]
    DefinedTwice { name: String },
    #[error("Both the Hash Key and the Range Key element in the KeySchema have the same name")]
    SameKeys,
    #[error("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")]
    FirstKeyNotHash,
    #[error("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")]
    SecondKeyNotRange,
    #[error(
        "{PARAMETER} Number of attributes in KeySchema does not exactly match number of attributes \
         defined in AttributeDefinitions"
    )]
    DefinitionCount,
    #[error(
        "{PARAMETER} Some AttributeDefinitions are not used. AttributeDefinitions: [{definitions}], keys used: [{keys}]"
    )]
    DefinitionsUnused { definitions: String, keys: String },
    #[error("{PARAMETER} List of LocalSecondaryIndexes is empty")]
    NoLocalIndexes,
    #[error("{PARAMETER} List of GlobalSecondaryIndexes is empty")]
    NoGlobalIndexes,
    #[error(
        "{PARAMETER} Table KeySchema does not have a range key, which is required when specifying a \
         LocalSecondaryIndex"
    )]
    LocalIndexOfHashTable,
    #[error("{PARAMETER} Index KeySchema does not have a range key for index: {index}")]
    LocalIndexWithoutRange { index: String },
    #[error(
        "{PARAMETER} Index KeySchema does not have the same leading hash key as table KeySchema for \
         index: {index}. index hash key: {hash}, table hash key: {table_hash}"
    )]
    LocalIndexHash { index: String, hash: String, table_hash: String },
    #[error("{PARAMETER} Number of LocalSecondaryIndexes exceeds per-table limit of 5")]
    TooManyLocalIndexes,
    #[error("{PARAMETER} GlobalSecondaryIndex count exceeds the per-table limit of 20")]
    TooManyGlobalIndexes,
    #[error("{PARAMETER} Unknown ProjectionType: null")]
    ProjectionMissing,
    #[error("{PARAMETER} ProjectionType is {kind}, but NonKeyAttributes is specified")]
    NonKeyAttributesGiven { kind: &'static str },
    #[error("{PARAMETER} ProjectionType is INCLUDE, but NonKeyAttributes is not specified")]
    NonKeyAttributesMissing,
    #[error("{PARAMETER} Duplicate index name: {index}")]
    IndexTwice { index: String },
    #[error("{PARAMETER} Tag key cannot be used more than once: {key}")]
    TagTwice { key: String },
    #[error("{PARAMETER} A resource can have at most {max} tags")]
    TooManyTags { max: usize },

    // Changing tables.
    #[error(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
         GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
    )]
    NothingToUpdate,
    #[error(
        "{PARAMETER} Only one global secondary index update per index is allowed simultaneously. \
         Index: {index}"
    )]
    IndexUpdatedTwice { index: String },
    #[error("Attempting to create an index which already exists")]
    IndexExists,
    #[error(
        "The provisioned throughput for the table will not change. The requested value equals the \
         current value. Current ReadCapacityUnits provisioned for the table: {read}. Requested \
         ReadCapacityUnits: {read}. Current WriteCapacityUnits provisioned for the table: {write}. \
         Requested WriteCapacityUnits: {write}. Refer to the Amazon DynamoDB Developer Guide for \
         current limits and how to request higher limits."
    )]
    SameUnits { read: u64, write: u64 },
    #[error(
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
         protection first."
    )]
    Protected,
    #[error("TimeToLive is already {}", if *.is_enabled { "enabled" } else { "disabled" })]
    SameTimeToLive { is_enabled: bool },
    #[error("TimeToLive is active on a different AttributeName: current AttributeName is {name}")]
    OtherTimeToLive { name: Arc<str> },
    #[error("Invalid TableArn: Invalid ResourceArn provided as input {arn}")]
    NoArn { arn: String },

    // Reading.
    #[error("The table does not have the specified index: {index}")]
    NoIndex { index: String },
    #[error("Cannot read from backfilling global secondary index: {index}")]
    IndexBackfilling { index: String },
    #[error("Consistent reads are not supported on global secondary indexes")]
    ConsistentIndexRead,
    #[error(
        "{PARAMETER} Select type ALL_ATTRIBUTES is not supported for global secondary index {index} \
         because its projection type is not ALL"
    )]
    AllOfIndex { index: String },
    #[error("{PARAMETER} Global secondary index {index} does not project {names}")]
    NotProjected { index: String, names: String },
    #[error("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")]
    ProjectedWithoutIndex,
    #[error("Cannot specify the {given} when choosing to get {select}")]
    SelectWithAttributes { given: &'static str, select: &'static str },
    #[error(
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get \
         SPECIFIC_ATTRIBUTES"
    )]
    SpecificWithoutAttributes,
    #[error("The provided starting key is invalid")]
    StartKey,
    #[error("The provided starting key is invalid: {0}")]
    StartKeyFault(Box<Validation>),
    #[error(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use \
         ExclusiveStartKey with correct Segment. TotalSegments: {total} Segment: {segment}"
    )]
    StartKeyOfOtherSegment { segment: u32, total: u32 },
    #[error("The provided starting key is outside query boundaries based on provided conditions")]
    StartKeyOutside,
    #[error("The provided starting key does not match the range key predicate")]
    StartKeyRange,
    #[error("The query can return at most one row and cannot be restarted")]
    OneRow,
    #[error(
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: \
         {name}"
    )]
    FilterOnKey { name: String },
    #[error(
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: {name}"
    )]
    LegacyFilterOnKey { name: String },
    #[error(
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the \
         request."
    )]
    NoKeyCondition,
    #[error(
        "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"
    )]
    TotalSegmentsMissing,
    #[error(
        "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"
    )]
    SegmentMissing,
    #[error(
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
         Segment: {segment} is not less than TotalSegments: {total}"
    )]
    SegmentTooHigh { segment: u32, total: u32 },

    // Batches and transactions.
    #[error("Too many items requested for the BatchWriteItem call")]
    TooManyWrites,
    #[error("Too many items requested for the BatchGetItem call")]
    TooManyKeys,
    #[error("Provided list of item keys contains duplicates")]
    KeysTwice,
    #[error("TransactItems can only contain one of Check, Put, Update or Delete")]
    OneAction,
    #[error("Transaction request cannot include multiple operations on one item")]
    ItemTwice,
    #[error("Transaction request is too large: its items have more than {max} bytes")]
    TransactionTooLarge { max: usize },
}

impl From<Constraint> for Validation {
    fn from(constraint: Constraint) -> Self {
        Self::Constraints(vec![constraint])
    }
}

fn kind_of(key: KeyType) -> &'static str {
    match key {
        KeyType::B => "binary",
        KeyType::S | KeyType::N => "string",
    }
}
