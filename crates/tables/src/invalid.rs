//! Why an expression, or what stands for one, is refused. All are ValidationExceptions.

use crate::expression::{ExpressionKind, Path};
use crate::number::NumberError;
use crate::value::{AttributeType, ValueError};

/// What is wrong, with DynamoDB's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// An expression is wrong before any item is looked at.
    #[error("Invalid {expression}: {problem}")]
    Expression {
        /// Which of the request's expressions.
        expression: ExpressionKind,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A key condition does not ask for keys.
    #[error(transparent)]
    KeyCondition(#[from] KeyConditionProblem),
    /// Names or values of placeholders are wrong.
    #[error(transparent)]
    Placeholders(#[from] PlaceholderProblem),
    /// A parameter from before there were expressions is wrong.
    #[error(transparent)]
    Legacy(#[from] LegacyProblem),
    /// An update cannot be done to this item.
    #[error(transparent)]
    Update(#[from] UpdateProblem),
    /// A value is none.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is none.
    #[error("The expression can not be empty;")]
    Empty,
    /// More than 4 KB.
    #[error("Expression size has exceeded the maximum allowed size; expression size: {bytes}")]
    TooLong {
        /// How long it is, in bytes.
        bytes: usize,
    },
    /// A token stands where it may not.
    #[error("Syntax error; token: \"{token}\", near: \"{near}\"")]
    Syntax {
        /// The token, `<EOF>` at the end.
        token: String,
        /// The text from the token before it to the one after it.
        near: String,
    },
    /// `((a = b))`.
    #[error("The expression has redundant parentheses;")]
    RedundantParentheses,
    /// More than 300 operators and functions.
    #[error("The expression contains too many operators; operator count: {count}")]
    TooManyOperators {
        /// How many there are.
        count: usize,
    },
    /// Functions lie too deep in each other: more than 32 levels. The text is ours.
    #[error("The expression has too many nested functions; nesting level: {levels}")]
    TooManyNestedFunctions {
        /// How deep.
        levels: usize,
    },
    /// A path is longer than attributes nest: more than 33 elements. The text is ours.
    #[error("The document path has too many nesting elements; nesting level: {levels}")]
    PathTooDeep {
        /// How long.
        levels: usize,
    },
    /// An index of a list has too many digits.
    #[error("List index is not within the allowable range; index: [{0}]")]
    IndexTooLarge(String),
    /// IN has more than 100 values.
    #[error("The IN operator is provided with too many operands; number of operands: {count}")]
    TooManyInOperands {
        /// How many.
        count: usize,
    },
    /// No function is called so.
    #[error("Invalid function name; function: {0}")]
    UnknownFunction(String),
    /// A function of conditions in an update, or the other way round.
    #[error("The function is not allowed in {place} expression; function: {function}")]
    ForeignFunction {
        /// `a condition` or `an update`.
        place: &'static str,
        /// Which function.
        function: String,
    },
    /// A function stands where its answer means nothing.
    #[error("The function is not allowed to be used this way in an expression; function: {0}")]
    MisusedFunction(String),
    /// A name that needs a placeholder.
    #[error("Attribute name is a reserved keyword; reserved keyword: {0}")]
    ReservedWord(String),
    /// A placeholder of a name that the request does not define.
    #[error(
        "An expression attribute name used in the document path is not defined; attribute name: {0}"
    )]
    UndefinedName(String),
    /// A placeholder of a value that the request does not define.
    #[error(
        "An expression attribute value used in expression is not defined; attribute value: {0}"
    )]
    UndefinedValue(String),
    /// A function or operator has too few or too many operands.
    #[error(
        "Incorrect number of operands for operator or function; operator or function: {function}, number of operands: {count}"
    )]
    OperandCount {
        /// Which function.
        function: String,
        /// How many it has.
        count: usize,
    },
    /// A value of a type that the function or operator does not take.
    #[error(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {found}"
    )]
    OperandType {
        /// Which function or operator.
        operator: String,
        /// What it has: a type, or a set of types.
        found: String,
    },
    /// A value of a type that ADD or DELETE does not take.
    #[error(
        "Incorrect operand type for operator or function; operator: {section}, operand type: {}, typeSet: {}",
        found.long_name(), section_types(section)
    )]
    SectionOperandType {
        /// ADD or DELETE.
        section: &'static str,
        /// What it has.
        found: AttributeType,
    },
    /// A path compared with itself.
    #[error(
        "The first operand must be distinct from the remaining operands for this operator or function; operator: {operator}, first operand: {operand}"
    )]
    SameOperands {
        /// Which operator.
        operator: String,
        /// The path.
        operand: Path,
    },
    /// A function needs a path.
    #[error("Operator or function requires a document path; operator or function: {0}")]
    PathNeeded(String),
    /// The second operand of attribute_type is no type.
    #[error(
        "Invalid attribute type name found; type: {0}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
    )]
    UnknownType(String),
    /// The bounds of BETWEEN are of different types.
    #[error(
        "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
    )]
    BoundTypes {
        /// As `{S:a}`.
        lower: String,
        /// As `{S:a}`.
        upper: String,
    },
    /// The lower bound of BETWEEN is above the upper one.
    #[error(
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
    )]
    BoundOrder {
        /// As `{S:a}`.
        lower: String,
        /// As `{S:a}`.
        upper: String,
    },
    /// A section of an update twice.
    #[error("The \"{0}\" section can only be used once in an update expression;")]
    RepeatedSection(&'static str),
    /// A path is the beginning of another, or the same.
    #[error(
        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
    )]
    OverlappingPaths {
        /// The one that stands first.
        one: Path,
        /// The other.
        two: Path,
    },
    /// What is at the same place is a map for one path and a list for the other.
    #[error(
        "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
    )]
    ConflictingPaths {
        /// The one that stands first.
        one: Path,
        /// The other.
        two: Path,
    },
}

fn section_types(section: &str) -> &'static str {
    match section {
        "ADD" => "ALLOWED_FOR_ADD_OPERAND",
        _ => "ALLOWED_FOR_DELETE_OPERAND",
    }
}

/// What is wrong with a key condition, beside what is wrong with it as an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyConditionProblem {
    /// An operator or function that no key can be looked up by.
    #[error("Invalid operator used in KeyConditionExpression: {0}")]
    Operator(&'static str),
    /// BETWEEN or begins_with about something else than an attribute.
    #[error(
        "Invalid condition in KeyConditionExpression: {0} operator must have the key attribute as its first operand"
    )]
    FirstOperand(&'static str),
    /// A path with more than a name.
    #[error("KeyConditionExpressions cannot have conditions on nested attributes")]
    Nested,
    /// Two conditions about one attribute.
    #[error("KeyConditionExpressions must only contain one condition per key")]
    Repeated,
    /// Two attributes are compared.
    #[error(
        "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
    )]
    TwoAttributes,
    /// No attribute is in a condition.
    #[error("Invalid condition in KeyConditionExpression: No key attribute specified")]
    NoAttribute,
    /// A function inside of a condition.
    #[error("KeyConditionExpressions cannot contain nested operations")]
    NestedOperation,
    /// More conditions than keys have parts.
    #[error("Conditions can be of length 1 or 2 only")]
    Count,
    /// The key's hash attribute, or its range attribute, has no condition.
    #[error("Query condition missed key schema element: {0}")]
    Missing(String),
    /// An attribute is no key, or a hash attribute is not asked for by value.
    #[error("Query key condition not supported")]
    Unsupported,
    /// An operator of before there were expressions that no key can be looked up by.
    #[error("Attempted conditional constraint is not an indexable operation")]
    NotIndexable,
    /// A value of another type than the key's.
    #[error(
        "One or more parameter values were invalid: Condition parameter type does not match schema type"
    )]
    WrongType,
}

/// What is wrong with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderProblem {
    /// A map of names without any.
    #[error("ExpressionAttributeNames must not be empty")]
    NoNames,
    /// A map of values without any.
    #[error("ExpressionAttributeValues must not be empty")]
    NoValues,
    /// A name's placeholder is none.
    #[error("ExpressionAttributeNames contains invalid key: Syntax error; key: \"{0}\"")]
    NameKey(String),
    /// A value's placeholder is none.
    #[error("ExpressionAttributeValues contains invalid key: Syntax error; key: \"{0}\"")]
    ValueKey(String),
    /// A placeholder stands for what is no value.
    #[error("ExpressionAttributeValues contains invalid value: {problem} for key {key}")]
    Value {
        /// The placeholder.
        key: String,
        /// What is wrong.
        problem: ValueError,
    },
    /// A placeholder stands for no name. The text is ours.
    #[error("ExpressionAttributeNames contains invalid value for key {0}")]
    EmptyName(String),
    /// Names without an expression.
    #[error("ExpressionAttributeNames can only be specified when using expressions")]
    NamesWithoutExpression,
    /// Values without an expression.
    #[error("ExpressionAttributeValues can only be specified when using expressions: {}", nulls(.0))]
    ValuesWithoutExpression(Vec<ExpressionKind>),
    /// Names that no expression has.
    #[error("Value provided in ExpressionAttributeNames unused in expressions: keys: {{{}}}", .0.join(", "))]
    UnusedNames(Vec<String>),
    /// Values that no expression has.
    #[error("Value provided in ExpressionAttributeValues unused in expressions: keys: {{{}}}", .0.join(", "))]
    UnusedValues(Vec<String>),
}

fn nulls(kinds: &[ExpressionKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("{one} is null"),
        many => format!("{} are null", many.join(" and ")),
    }
}

/// What is wrong with a parameter from before there were expressions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LegacyProblem {
    /// Such a parameter together with an expression.
    #[error(
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
        others.join(", "), expressions.join(", ")
    )]
    BesideExpressions {
        /// The parameters that are no expressions.
        others: Vec<&'static str>,
        /// Those that are.
        expressions: Vec<&'static str>,
    },
    /// ConditionalOperator without anything to combine.
    #[error("ConditionalOperator cannot be used without Filter or Expected")]
    OperatorWithoutConditions,
    /// ConditionalOperator with one condition.
    #[error(
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    )]
    OperatorWithOneCondition,
    /// `Exists` together with a comparison.
    #[error(
        "One or more parameter values were invalid: Exists and ComparisonOperator cannot be used together for Attribute: {0}"
    )]
    ExistsAndComparison(String),
    /// `Value` together with `AttributeValueList`.
    #[error(
        "One or more parameter values were invalid: Value and AttributeValueList cannot be used together for Attribute: {0}"
    )]
    ValueAndList(String),
    /// `AttributeValueList` without a comparison.
    #[error(
        "One or more parameter values were invalid: AttributeValueList can only be used with a ComparisonOperator for Attribute: {0}"
    )]
    ListWithoutComparison(String),
    /// An attribute that has to be there, without its value.
    #[error(
        "One or more parameter values were invalid: Value must be provided when Exists is {} for Attribute: {attribute}",
        if *.is_said { "true" } else { "null" }
    )]
    ValueMissing {
        /// Which attribute.
        attribute: String,
        /// Whether `Exists` is true, and not only left out.
        is_said: bool,
    },
    /// An attribute that may not be there, with a value.
    #[error(
        "One or more parameter values were invalid: Value cannot be used when Exists is false for Attribute: {0}"
    )]
    ValueOfAbsent(String),
    /// A comparison has too few or too many values.
    #[error(
        "One or more parameter values were invalid: Invalid number of argument(s) for the {0} ComparisonOperator"
    )]
    ArgumentCount(&'static str),
    /// A comparison does not take values of this type.
    #[error(
        "One or more parameter values were invalid: ComparisonOperator {comparison} is not valid for {found} AttributeValue type"
    )]
    ArgumentType {
        /// Which comparison.
        comparison: &'static str,
        /// What it has.
        found: AttributeType,
    },
    /// The values of a comparison are of different types.
    #[error(
        "One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type"
    )]
    ArgumentTypesDiffer,
    /// The bounds of BETWEEN are the wrong way round.
    #[error(
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    )]
    BoundOrder,
    /// An update without a value.
    #[error(
        "One or more parameter values were invalid: Only DELETE action is allowed when no attribute value is specified"
    )]
    UpdateWithoutValue,
    /// An action does not take values of this type.
    #[error(
        "One or more parameter values were invalid: {action} action {} the type {found}",
        if *action == "DELETE" { "with value is not supported for" } else { "is not supported for" }
    )]
    UpdateType {
        /// ADD or DELETE.
        action: &'static str,
        /// What it has.
        found: AttributeType,
    },
    /// A name twice in AttributesToGet.
    #[error("One or more parameter values were invalid: Duplicate value in attribute name: {0}")]
    DuplicateName(String),
}

/// Why an update cannot be done to this item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateProblem {
    /// An operand that the item does not have.
    #[error("The provided expression refers to an attribute that does not exist in the item")]
    MissingOperand,
    /// An operand of the wrong type.
    #[error("An operand in the update expression has an incorrect data type")]
    OperandType,
    /// The place is not there.
    #[error("The document path provided in the update expression is invalid for update")]
    InvalidPath,
    /// A set or number is combined with something else, without expressions.
    #[error("Type mismatch for attribute to update")]
    TypeMismatch,
    /// Arithmetic goes out of bounds.
    #[error(transparent)]
    Arithmetic(#[from] NumberError),
    /// The item would be over [`crate::ITEM_BYTES_MAX`].
    #[error("Item size to update has exceeded the maximum allowed size")]
    TooLarge,
    /// The item would have maps and lists deeper than [`crate::NESTING_MAX`].
    #[error(
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
    )]
    NestingTooDeep,
}
