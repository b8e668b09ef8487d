//! One pass from a body to a struct, with the rules checked on the way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::violation::{PER_LIST_MAX, Shown};
use super::{Constraint, Kind, Member, Rule, Shape, Violation, Violations};
use crate::decode_error::DecodeError;
use crate::reader::{IntKind, Peek, Reader, is_well_formed_map};
use crate::shown::{SHOWN_BYTES_MAX, ShownText};
use crate::value::{Blob, Timestamp};

/// Why a request has no struct.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The body is not one well-formed map.
    #[error("the body does not parse")]
    Malformed,
    /// A member has another type; the service's text.
    #[error("{0}")]
    Mismatch(String),
    /// Members violate their rules.
    #[error("{0}")]
    Invalid(Violations),
}

/// Decodes a whole request body.
///
/// A body that is malformed anywhere is [`RequestError::Malformed`], whatever else is wrong with
/// it; then the first member of another type counts, then the violations.
pub fn decode_request<'a, T: Decode<'a>, R: Reader<'a>>(body: &'a [u8]) -> Result<T, RequestError> {
    let mut context = Context::default();
    match decode_whole::<T, R>(body, &mut context) {
        Err(DecodeError::Mismatch(text)) if is_well_formed_map::<R>(body) => {
            Err(RequestError::Mismatch(text))
        }
        Err(_) => Err(RequestError::Malformed),
        Ok(decoded) => match (decoded, Violations::of(context.violations)) {
            (_, Some(violations)) => Err(RequestError::Invalid(violations)),
            (Decoded::Value(value), None) => Ok(value),
            (_, None) => unreachable!("a value is rejected for its violations only"),
        },
    }
}

fn decode_whole<'a, T: Decode<'a>, R: Reader<'a>>(
    body: &'a [u8],
    context: &mut Context,
) -> Result<Decoded<T>, DecodeError> {
    let mut reader = R::new(body);
    if reader.peek()? != Peek::Map {
        return Err(DecodeError::Malformed);
    }
    let decoded = T::decode(&mut reader, context, &Path::TOP, &Rule::ANY)?;
    reader.finish().map(|()| decoded)
}

/// What became of a value of the right type.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded<T> {
    /// It is good so far.
    Value(T),
    /// Something in it violates a rule, which has been reported.
    Rejected,
    /// It is this string, but not a value of its enum; the caller reports.
    Unlisted(ShownText),
}

/// A type that requests are made of.
pub trait Decode<'a>: Shape + Sized {
    /// Reads the next value, which is not null.
    ///
    /// Checks the rules of what is inside the value; the value's own `rule` is the caller's to
    /// [check](Self::check), and may be used here only to stop keeping what it rejects anyway.
    fn decode<R: Reader<'a>>(
        reader: &mut R,
        context: &mut Context,
        path: &Path<'_>,
        rule: &Rule,
    ) -> Result<Decoded<Self>, DecodeError>;

    /// Calls `fail` for every part of `rule` that the value does not satisfy.
    #[inline]
    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        let _ = (rule, fail);
    }

    /// Writes the value as violations show it. Those that they leave out are never asked.
    fn print(&self, text: &mut ShownText) {
        let _ = text;
    }
}

/// Where in the request a value stands. Text only once there is something to report.
#[derive(Debug, Clone, Copy)]
pub struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Top,
    Member {
        members: &'static [Member],
        name: &'static str,
    },
    /// Counted from one.
    Item(usize),
}

impl<'p> Path<'p> {
    const TOP: Path<'static> = Path { parent: None, step: Step::Top };

    /// The path of the member `name`, one of `members`.
    #[inline]
    pub fn member(&'p self, members: &'static [Member], name: &'static str) -> Self {
        Self { parent: Some(self), step: Step::Member { members, name } }
    }

    #[inline]
    fn item(&'p self, number: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(number) }
    }

    /// The path as text, and the positions of its steps among their siblings.
    fn resolve(&self) -> (String, Vec<usize>) {
        let Some(parent) = self.parent else { return Default::default() };
        let (mut text, mut place) = parent.resolve();
        match self.step {
            Step::Top => {}
            Step::Member { members, name } => {
                if !text.is_empty() {
                    text.push('.');
                }
                let mut letters = name.chars();
                text.extend(letters.next().map(|first| first.to_ascii_lowercase()));
                text.push_str(letters.as_str());
                let position = members.iter().position(|member| member.name == name);
                place.push(position.expect("the macro passes names of the same table"));
            }
            Step::Item(number) => {
                text.push_str(&format!(".{number}.member"));
                place.push(number);
            }
        }
        (text, place)
    }
}

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Context {
    violations: Vec<Violation>,
    /// Further violations could not be printed.
    is_full: bool,
}

impl Context {
    /// Checks `value` and reports what fails.
    #[inline]
    fn accepts<'a, T: Decode<'a>>(&mut self, value: &T, rule: &Rule, path: &Path<'_>) -> bool {
        let mut is_accepted = true;
        value.check(rule, &mut |constraint| {
            is_accepted = false;
            self.report(path, shown(value), constraint);
        });
        is_accepted
    }

    #[cold]
    fn report(&mut self, path: &Path<'_>, shown: Shown, constraint: Constraint) {
        if !self.is_full {
            let (path, place) = path.resolve();
            self.violations.push(Violation { place, path, shown, constraint });
        }
    }

    /// Takes back what has been reported at `path` and below: its member is given again.
    #[cold]
    fn forget(&mut self, path: &Path<'_>) {
        let (_, place) = path.resolve();
        self.violations.retain(|violation| !violation.place.starts_with(&place));
    }
}

/// What is known of a member while its structure is being read.
#[derive(Debug)]
pub enum Slot<T> {
    /// Not given, or given as null.
    Absent,
    /// Given, but in violation of a rule.
    Rejected,
    /// Given.
    Present(T),
}

impl<T> Slot<T> {
    /// Reads the member's value.
    #[inline]
    pub fn fill<'a, R: Reader<'a>>(
        &mut self,
        reader: &mut R,
        context: &mut Context,
        path: &Path<'_>,
        rule: &Rule,
    ) -> Result<(), DecodeError>
    where
        T: Decode<'a>,
    {
        if matches!(self, Self::Rejected) {
            context.forget(path);
        }
        if reader.take_null()? {
            *self = Self::Absent;
            return Ok(());
        }
        *self = match T::decode(reader, context, path, rule)? {
            Decoded::Value(value) if context.accepts(&value, rule, path) => Self::Present(value),
            Decoded::Value(_) | Decoded::Rejected => Self::Rejected,
            Decoded::Unlisted(text) => {
                context.report(path, Shown::Text(text), Constraint::EnumSet(texts_of::<T>()));
                Self::Rejected
            }
        };
        Ok(())
    }
}

/// A value as a violation shows it.
#[cold]
fn shown<'a, T: Decode<'a>>(value: &T) -> Shown {
    if !is_shown(&T::KIND) {
        return Shown::Nothing;
    }
    let mut text = ShownText::default();
    value.print(&mut text);
    Shown::Text(text)
}

/// Whether violations show values of this kind.
const fn is_shown(kind: &Kind) -> bool {
    match kind {
        Kind::Blob | Kind::Structure(_) | Kind::Timestamp => false,
        Kind::List(item) | Kind::Map(item) => is_shown(item),
        _ => true,
    }
}

fn texts_of<T: Shape>() -> &'static [&'static str] {
    match T::KIND {
        Kind::Enum(texts) => texts,
        _ => &[],
    }
}

/// The type of a struct's field: `T` for what is required, `Option<T>` for what is not.
pub trait Field<'a>: Sized {
    /// `T`.
    type Value: Decode<'a>;
    /// Whether null is a violation.
    const REQUIRED: bool;

    /// The field, or `None` for a violation, which has been reported.
    fn from_slot(
        slot: Slot<Self::Value>,
        context: &mut Context,
        path: &Path<'_>,
        members: &'static [Member],
        name: &'static str,
    ) -> Option<Self>;
}

impl<'a, T: Decode<'a>> Field<'a> for T {
    type Value = T;
    const REQUIRED: bool = true;

    #[inline]
    fn from_slot(
        slot: Slot<T>,
        context: &mut Context,
        path: &Path<'_>,
        members: &'static [Member],
        name: &'static str,
    ) -> Option<T> {
        match slot {
            Slot::Present(value) => Some(value),
            Slot::Rejected => None,
            Slot::Absent => {
                context.report(&path.member(members, name), Shown::Null, Constraint::NotNull);
                None
            }
        }
    }
}

impl<'a, T: Decode<'a>> Field<'a> for Option<T> {
    type Value = T;
    const REQUIRED: bool = false;

    #[inline]
    fn from_slot(
        slot: Slot<T>,
        _context: &mut Context,
        _path: &Path<'_>,
        _members: &'static [Member],
        _name: &'static str,
    ) -> Option<Option<T>> {
        match slot {
            Slot::Present(value) => Some(Some(value)),
            Slot::Absent => Some(None),
            Slot::Rejected => None,
        }
    }
}

/// `Decode` for a type whose values a reader's method answers.
macro_rules! scalar {
    ($type:ty, $kind:expr, |$reader:ident| $read:expr, { $($methods:item)* }) => {
        #[allow(clippy::extra_unused_lifetimes)]
        impl<'a> Shape for $type {
            const KIND: Kind = $kind;
        }

        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode<R: Reader<'a>>(
                $reader: &mut R,
                _context: &mut Context,
                _path: &Path<'_>,
                _rule: &Rule,
            ) -> Result<Decoded<Self>, DecodeError> {
                Ok(Decoded::Value($read))
            }

            $($methods)*
        }
    };
}

scalar!(String, Kind::String, |reader| reader.string()?.into_owned(), {
    #[inline]
    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        rule.check_text(self, fail);
    }

    fn print(&self, text: &mut ShownText) {
        text.push(self);
    }
});

scalar!(Cow<'a, str>, Kind::String, |reader| reader.string()?, {
    #[inline]
    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        rule.check_text(self, fail);
    }

    fn print(&self, text: &mut ShownText) {
        text.push(self);
    }
});

scalar!(
    i32,
    Kind::Integer,
    |reader| {
        let number = reader.integer(IntKind::Integer)?;
        i32::try_from(number).expect("readers clamp integers to 32 bits")
    },
    {
        #[inline]
        fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
            rule.check_value(i64::from(*self), fail);
        }

        fn print(&self, text: &mut ShownText) {
            text.push(&self.to_string());
        }
    }
);

scalar!(i64, Kind::Long, |reader| reader.integer(IntKind::Long)?, {
    #[inline]
    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        rule.check_value(*self, fail);
    }

    fn print(&self, text: &mut ShownText) {
        text.push(&self.to_string());
    }
});

scalar!(bool, Kind::Boolean, |reader| reader.boolean()?, {
    fn print(&self, text: &mut ShownText) {
        text.push(&self.to_string());
    }
});

scalar!(Timestamp, Kind::Timestamp, |reader| reader.timestamp()?, {});

scalar!(Blob<'a>, Kind::Blob, |reader| reader.blob()?, {
    #[inline]
    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        rule.check_length(self.decoded_len(), fail);
    }
});

impl<T: Shape> Shape for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
}

/// Items that a list gets room for when its first one tells how long they are.
const LIKELY_ITEMS_MAX: usize = 512;
/// Items of a list that are kept for messages to show: each takes a separator of two bytes or more,
/// so that messages have room for no more of them.
const SHOWN_ITEMS_MAX: usize = SHOWN_BYTES_MAX / 2 + 1;
/// Likewise of a map: but for one with an empty key, each entry takes four bytes or more.
const SHOWN_ENTRIES_MAX: usize = SHOWN_BYTES_MAX / 4 + 2;

/// How many items or entries of this kind are kept: one too many makes it too long. Of those that
/// messages show there may be more, up to `shown_max`.
fn kept_max(kind: &Kind, rule: &Rule, shown_max: usize) -> usize {
    let max = rule.max.expect("schema::bounded has asked for it");
    let too_many = usize::try_from(max).unwrap_or(0) + 1;
    if is_shown(kind) { too_many.max(shown_max) } else { too_many }
}

impl<'a, T: Decode<'a>> Decode<'a> for Vec<T> {
    fn decode<R: Reader<'a>>(
        reader: &mut R,
        context: &mut Context,
        path: &Path<'_>,
        rule: &Rule,
    ) -> Result<Decoded<Self>, DecodeError> {
        let reported_before = context.violations.len();
        let was_full = context.is_full;
        let kept_max = kept_max(&T::KIND, rule, SHOWN_ITEMS_MAX);
        let mut items = Vec::new();
        let mut unlisted: Option<ShownItems> = None;
        let mut is_rejected = false;
        let mut number = 0;
        reader.begin_list()?;
        let list_bytes = reader.remaining_bytes();
        while reader.next_item()? {
            number += 1;
            let item_path = path.item(number);
            let reported = context.violations.len() - reported_before;
            context.is_full = was_full || reported >= PER_LIST_MAX;
            if reader.take_null()? {
                context.report(&item_path, Shown::Null, Constraint::NotNull);
                is_rejected = true;
                continue;
            }
            match T::decode(reader, context, &item_path, rule.items.unwrap_or(&Rule::ANY))? {
                Decoded::Value(item) => {
                    if let Some(texts) = &mut unlisted {
                        texts.add(|text| item.print(text));
                    } else if items.len() < kept_max {
                        if items.is_empty() {
                            let item_bytes = list_bytes - reader.remaining_bytes();
                            let likely = list_bytes / item_bytes.max(1);
                            items.reserve(likely.min(kept_max).min(LIKELY_ITEMS_MAX));
                        }
                        items.push(item);
                    }
                }
                Decoded::Rejected => is_rejected = true,
                Decoded::Unlisted(item) => unlisted
                    .get_or_insert_with(|| ShownItems::of(&items))
                    .add(|text| text.push(item.as_str())),
            }
        }
        context.is_full = was_full;
        if let Some(texts) = unlisted {
            let shown = Shown::Text(texts.end());
            context.report(path, shown, Constraint::ItemEnumSet(texts_of::<T>()));
            is_rejected = true;
        }
        Ok(if is_rejected { Decoded::Rejected } else { Decoded::Value(items) })
    }

    #[inline]
    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        rule.check_length(self.len(), fail);
        if let Some(items) = rule.items {
            let mut is_accepted = true;
            for item in self {
                item.check(items, &mut |_| is_accepted = false);
            }
            if !is_accepted {
                fail(Constraint::Items(items));
            }
        }
    }

    fn print(&self, text: &mut ShownText) {
        text.push(ShownItems::of(self).end().as_str());
    }
}

/// A list as messages show it.
struct ShownItems {
    text: ShownText,
    is_empty: bool,
}

impl ShownItems {
    fn of<'a, T: Decode<'a>>(items: &[T]) -> Self {
        let mut shown = Self { text: ShownText::of("["), is_empty: true };
        for item in items {
            shown.add(|text| item.print(text));
        }
        shown
    }

    fn add(&mut self, print: impl FnOnce(&mut ShownText)) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.text.push(", ");
        }
        print(&mut self.text);
    }

    fn end(mut self) -> ShownText {
        self.text.push("]");
        self.text
    }
}

impl<V: Shape> Shape for BTreeMap<String, V> {
    const KIND: Kind = Kind::Map(&V::KIND);
}

impl<'a> Decode<'a> for BTreeMap<String, String> {
    fn decode<R: Reader<'a>>(
        reader: &mut R,
        context: &mut Context,
        path: &Path<'_>,
        rule: &Rule,
    ) -> Result<Decoded<Self>, DecodeError> {
        let kept_max = kept_max(&Kind::String, rule, SHOWN_ENTRIES_MAX);
        let mut entries = BTreeMap::new();
        let mut nulls = BTreeSet::new();
        reader.begin_map()?;
        while let Some(key) = reader.next_key()? {
            // Of too many keys the first in their order are kept, with which messages begin. A null
            // that is forgotten is one of so many keys that the map is refused anyway.
            if reader.take_null()? {
                nulls.insert(key.into_owned());
                if nulls.len() > kept_max {
                    nulls.pop_last();
                }
            } else {
                nulls.remove(&*key);
                entries.insert(key.into_owned(), reader.string()?.into_owned());
                if entries.len() > kept_max {
                    entries.pop_last();
                }
            }
        }
        if nulls.is_empty() {
            return Ok(Decoded::Value(entries));
        }
        context.report(path, Shown::Nothing, Constraint::ValuesNotNull);
        Ok(Decoded::Rejected)
    }

    fn check(&self, rule: &Rule, fail: &mut dyn FnMut(Constraint)) {
        rule.check_length(self.len(), fail);
        if let Some(keys) = rule.keys.filter(|keys| !self.keys().all(|key| keys.accepts_text(key)))
        {
            fail(Constraint::Keys(keys));
        }
        let values = rule.values;
        if let Some(values) =
            values.filter(|rule| !self.values().all(|text| rule.accepts_text(text)))
        {
            fail(Constraint::Values(values));
        }
    }

    fn print(&self, text: &mut ShownText) {
        text.push("{");
        for (index, (key, value)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            [separator, key, "=", value].into_iter().for_each(|piece| text.push(piece));
        }
        text.push("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonReader;

    crate::input! {
        struct Items {
            items: Vec<Item> = "Items" [Rule::at_most(500)],
        }

        struct Item {
            name: String = "Name" [Rule::at_least(2)],
        }
    }

    #[test]
    fn a_hostile_list_is_not_remembered_item_by_item() {
        let json = format!(r#"{{"Items":[{}{{}}]}}"#, r#"{"Name":"x"},"#.repeat(10_000));
        let mut context = Context::default();
        let decoded =
            decode_whole::<Items, JsonReader<'_>>(json.as_bytes(), &mut context).expect("types");
        assert_eq!(decoded, Decoded::Rejected);
        assert_eq!(context.violations.len(), PER_LIST_MAX);
    }

    crate::input! {
        struct Lists {
            names: Option<Vec<String>> = "Names" [Rule::at_most(50)],
            items: Option<Vec<Item>> = "Items" [Rule::at_most(500)],
            tags: Option<BTreeMap<String, String>> = "Tags" [Rule::at_most(200)],
        }
    }

    /// What is kept of a value under this rule, for it to be refused.
    fn kept<T: for<'a> Decode<'a>>(json: &str, rule: Rule) -> T {
        let mut reader = JsonReader::new(json.as_bytes());
        let decoded = T::decode(&mut reader, &mut Context::default(), &Path::TOP, &rule);
        let Ok(Decoded::Value(value)) = decoded else { panic!("it has the type") };
        let mut is_refused = false;
        value.check(&rule, &mut |_| is_refused = true);
        assert!(is_refused);
        value
    }

    #[test]
    fn of_a_hostile_list_or_map_little_is_kept() {
        let list = |item: &str| format!("[{}{item}]", format!("{item},").repeat(9_999));
        let names = kept::<Vec<String>>(&list("\"\""), Rule::at_most(50));
        assert_eq!(names.len(), SHOWN_ITEMS_MAX);
        let names = kept::<Vec<String>>(&list("\"\""), Rule::at_most(9_000));
        assert_eq!(names.len(), 9_001);
        let items = kept::<Vec<Item>>(&list(r#"{"Name":"xy"}"#), Rule::at_most(500));
        assert_eq!(items.len(), 501);
        let entries: Vec<_> =
            (0..9_999).rev().map(|number| format!(r#""{number:04}":"""#)).collect();
        let json = format!("{{{}}}", entries.join(","));
        let tags = kept::<BTreeMap<String, String>>(&json, Rule::at_most(200));
        let first: Vec<_> = (0..SHOWN_ENTRIES_MAX).map(|number| format!("{number:04}")).collect();
        assert!(tags.keys().eq(&first));
    }

    #[test]
    fn of_many_nulls_in_a_map_none_is_taken_for_a_value() {
        let entries = |value: &str| -> String {
            let entries: Vec<_> =
                (0..9_999).map(|number| format!(r#""{number:04}":{value}"#)).collect();
            entries.join(",")
        };
        let (nulls, texts) = (entries("null"), entries("\"\""));
        for (entries, constraint) in [
            (nulls.clone(), Constraint::ValuesNotNull),
            (format!("{texts},{nulls}"), Constraint::ValuesNotNull),
            (format!("{nulls},{texts}"), Constraint::MaxLength(200)),
        ] {
            let json = format!(r#"{{"Tags":{{{entries}}}}}"#);
            let decoded = decode_request::<Lists, JsonReader<'_>>(json.as_bytes());
            let Err(RequestError::Invalid(violations)) = decoded else { panic!("invalid") };
            let constraints: Vec<_> =
                violations.as_slice().iter().map(Violation::constraint).collect();
            assert_eq!(constraints, [constraint]);
        }
    }
}
