//! Conditions and updates that are made, written down and read again; and texts of all kinds.

use super::support::*;
use crate::expression::{
    Action, Change, Comparator, Operand, SetOperand, SetValue, SizeOf, Step, Test,
};
use crate::{
    AttributeType, AttributeValue, Condition, KeyCondition, Path, PathElement, Placeholders,
    Projection, Update,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn paths() -> impl Strategy<Value = Path> {
    let elements = prop_oneof![
        "[a-c]|name|x y".prop_map(|name| PathElement::Name(name.into())),
        (0..3_usize).prop_map(PathElement::Index),
    ];
    ("[a-c]|status", prop::collection::vec(elements, 0..4))
        .prop_map(|(head, rest)| Path::new(head.into(), rest))
}

fn scalars() -> impl Strategy<Value = Arc<AttributeValue>> {
    prop_oneof![
        "[a-c]{0,2}".prop_map(|text| s(&text)),
        (-2..3_i64).prop_map(|one| n(&one.to_string()))
    ]
    .prop_map(Arc::new)
}

fn tests() -> impl Strategy<Value = Test> {
    let sizes = prop_oneof![
        paths().prop_map(SizeOf::Path),
        "[a-c]".prop_map(|text| SizeOf::Value(Arc::new(s(&text)))),
    ];
    let operands = prop_oneof![
        3 => paths().prop_map(Operand::Path),
        1 => sizes.prop_map(Operand::Size),
    ]
    .boxed();
    let values = scalars().prop_map(Operand::Value).boxed();
    let comparators = prop_oneof![
        Just(Comparator::Equal),
        Just(Comparator::NotEqual),
        Just(Comparator::Less),
        Just(Comparator::LessOrEqual),
        Just(Comparator::Greater),
        Just(Comparator::GreaterOrEqual),
    ];
    let prefix = "[a-c]{0,2}".prop_map(|text| Operand::Value(Arc::new(s(&text))));
    let kinds =
        prop_oneof![Just(AttributeType::S), Just(AttributeType::Bool), Just(AttributeType::M)];
    prop_oneof![
        (comparators, operands.clone(), values.clone(), any::<bool>()).prop_map(
            |(comparator, one, other, is_turned)| match is_turned {
                true => Test::Compare(comparator, other, one),
                false => Test::Compare(comparator, one, other),
            }
        ),
        (operands.clone(), values.clone())
            .prop_map(|(operand, one)| { Test::Between(operand, one.clone(), one) }),
        (operands.clone(), prop::collection::vec(values.clone(), 1..4))
            .prop_map(|(operand, list)| Test::In(operand, list)),
        paths().prop_map(Test::Exists),
        paths().prop_map(Test::NotExists),
        (operands.clone(), kinds).prop_map(|(operand, kind)| Test::HasType(operand, kind)),
        (paths(), prefix).prop_map(|(path, prefix)| Test::BeginsWith(Operand::Path(path), prefix)),
        (operands, values).prop_map(|(operand, part)| Test::Contains(operand, part)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = tests().prop_map(|test| vec![Step::Test(test)]);
    leaf.prop_recursive(6, 24, 2, |inner| {
        let two = (inner.clone(), inner.clone(), prop_oneof![Just(Step::And), Just(Step::Or)]);
        prop_oneof![
            two.prop_map(|(one, other, step)| [one, other, vec![step]].concat()),
            inner.prop_map(|one| [one, vec![Step::Not]].concat()),
        ]
    })
}

/// Writes with a placeholder for each name and value.
#[derive(Default)]
struct Writer {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl Writer {
    fn name(&mut self, name: &str) -> String {
        let key = format!("#n{}", self.names.len());
        self.names.insert(key.clone(), name.to_owned());
        key
    }

    fn path(&mut self, path: &Path) -> String {
        let mut text = self.name(path.head());
        for element in path.rest() {
            text += &match element {
                PathElement::Name(name) => format!(" . {}", self.name(name)),
                PathElement::Index(at) => format!("[ {at} ]"),
            };
        }
        text
    }

    fn value(&mut self, value: &AttributeValue) -> String {
        let key = format!(":v{}", self.values.len());
        self.values.insert(key.clone(), value.clone());
        key
    }

    fn operand(&mut self, operand: &Operand) -> String {
        match operand {
            Operand::Path(path) => self.path(path),
            Operand::Value(value) => format!("({})", self.value(value)),
            Operand::Size(SizeOf::Path(path)) => format!("size({})", self.path(path)),
            Operand::Size(SizeOf::Value(value)) => format!("(size ({}))", self.value(value)),
        }
    }

    fn test(&mut self, test: &Test) -> String {
        match test {
            Test::Compare(comparator, one, other) => {
                let one = self.operand(one);
                format!("{one}{}{}", comparator.text(), self.operand(other))
            }
            Test::Between(one, lower, upper) => {
                let (one, lower) = (self.operand(one), self.operand(lower));
                format!("{one} BETWEEN {lower} AND {}", self.operand(upper))
            }
            Test::In(one, list) => {
                let one = self.operand(one);
                let list: Vec<String> = list.iter().map(|one| self.operand(one)).collect();
                format!("{one} IN ({})", list.join(","))
            }
            Test::Exists(path) => format!("attribute_exists({})", self.path(path)),
            Test::NotExists(path) => format!("attribute_not_exists({})", self.path(path)),
            Test::HasType(one, kind) => {
                let one = self.operand(one);
                format!("attribute_type({one}, {})", self.value(&s(kind.name())))
            }
            Test::BeginsWith(one, other) => {
                let one = self.operand(one);
                format!("begins_with({one}, {})", self.operand(other))
            }
            Test::Contains(one, other) => {
                let one = self.operand(one);
                format!("contains({one}, {})", self.operand(other))
            }
        }
    }

    fn condition(&mut self, steps: &[Step]) -> String {
        // With how strongly what was written last binds: OR 1, AND 2, NOT 3, a test 4.
        let mut texts: Vec<(String, u8)> = Vec::new();
        let within = |(text, binds): (String, u8), needed: u8| match binds < needed {
            true => format!("({text})"),
            false => text,
        };
        for step in steps {
            let written = match step {
                Step::Test(test) => (self.test(test), 4),
                Step::Not => (format!("NOT {}", within(texts.pop().unwrap(), 3)), 3),
                Step::And | Step::Or => {
                    let (word, binds) = if *step == Step::And { ("and", 2) } else { ("OR", 1) };
                    let (right, left) = (texts.pop().unwrap(), texts.pop().unwrap());
                    // Operators of one kind bind to the left.
                    (format!("{} {word} {}", within(left, binds), within(right, binds + 1)), binds)
                }
            };
            texts.push(written);
        }
        texts.pop().unwrap().0
    }

    fn set_operand(&mut self, operand: &SetOperand) -> String {
        match operand {
            SetOperand::Path(path) => self.path(path),
            SetOperand::Value(value) => self.value(value),
            SetOperand::IfNotExists(path, other) => {
                let path = self.path(path);
                format!("if_not_exists({path}, {})", self.set_operand(other))
            }
            SetOperand::ListAppend(one, other) => {
                let one = self.set_operand(one);
                format!("(list_append({one}, {}))", self.set_operand(other))
            }
        }
    }

    fn set_value(&mut self, value: &SetValue) -> String {
        let (one, sign, other) = match value {
            SetValue::Operand(one) => return self.set_operand(one),
            SetValue::Plus(one, other) => (one, "+", other),
            SetValue::Minus(one, other) => (one, "-", other),
        };
        let one = self.set_operand(one);
        format!("({one} {sign} {})", self.set_operand(other))
    }

    fn placeholders(self) -> Placeholders {
        let (names, values) = (self.names, self.values);
        Placeholders::new(
            (!names.is_empty()).then_some(names),
            (!values.is_empty()).then_some(values),
        )
        .unwrap()
    }
}

fn set_values() -> impl Strategy<Value = SetValue> {
    let numbers = (-2..3_i64).prop_map(|one| SetOperand::Value(Arc::new(n(&one.to_string()))));
    let leaf = prop_oneof![paths().prop_map(SetOperand::Path), numbers];
    let operands = leaf.prop_recursive(3, 6, 2, |inner| {
        let lists = prop_oneof![
            paths().prop_map(SetOperand::Path),
            Just(SetOperand::Value(Arc::new(l(&[s("x")])))),
        ];
        prop_oneof![
            (paths(), inner)
                .prop_map(|(path, other)| SetOperand::IfNotExists(path, Box::new(other))),
            (lists.clone(), lists).prop_map(|(one, other)| {
                SetOperand::ListAppend(Box::new(one), Box::new(other))
            }),
        ]
    });
    (operands.clone(), operands, 0..3).prop_map(|(one, other, kind)| match kind {
        0 => SetValue::Plus(one, other),
        1 => SetValue::Minus(one, other),
        _ => SetValue::Operand(one),
    })
}

/// Actions at attributes of their own, so that no paths overlap. The sections are written one after the other.
fn actions() -> impl Strategy<Value = Vec<Action>> {
    let sets = prop::collection::vec(set_values().prop_map(Change::Set), 0..4);
    let removals = prop::collection::vec(Just(Change::Remove), 0..3);
    let additions = prop::collection::vec(Just(Change::Add(Arc::new(n("1")))), 0..3);
    let deletions = prop::collection::vec(Just(Change::Delete(Arc::new(ss(&["a"])))), 0..3);
    (sets, removals, additions, deletions)
        .prop_map(|(sets, removals, additions, deletions)| {
            let changes = [sets, removals, additions, deletions].concat();
            let places = (0..).map(|at| Path::attribute(format!("t{at}")));
            places.zip(changes).map(|(path, change)| Action { path, change }).collect()
        })
        .prop_filter("an update without actions", |actions: &Vec<Action>| !actions.is_empty())
}

fn write_update(writer: &mut Writer, actions: &[Action]) -> String {
    let mut text = String::new();
    let mut last = "";
    for Action { path, change } in actions {
        let path = writer.path(path);
        let (section, action) = match change {
            Change::Set(value) => ("SET", format!("{path} = {}", writer.set_value(value))),
            Change::Remove => ("remove", path),
            Change::Add(value) => ("Add", format!("{path} {}", writer.value(value))),
            Change::Delete(value) => ("DELETE", format!("{path} {}", writer.value(value))),
            other => unreachable!("{other:?} has no text"),
        };
        text += if section == last { ", " } else { " " };
        if section != last {
            text += &format!("{section} ");
        }
        text += &action;
        last = section;
    }
    text
}

/// Pieces that expressions are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b.c",
        "#n",
        "#m",
        ":v",
        ":l",
        ":no",
        "a[0]",
        "[",
        "]",
        "(",
        ")",
        ",",
        ".",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "AND",
        "or",
        "NOT",
        "between",
        "IN",
        "SET",
        "remove",
        "ADD",
        "delete",
        "size(",
        "attribute_exists(",
        "begins_with(",
        "contains(",
        "if_not_exists(",
        "list_append(",
        "f(",
        "name",
        "0",
        "99999999999",
        "!",
        "ä",
        "#",
        ":",
        "_",
        "\"",
        "\u{0}",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn conditions_are_read_as_they_were_written(steps in steps()) {
        let mut writer = Writer::default();
        let text = writer.condition(&steps);
        let mut placeholders = writer.placeholders();
        let read = Condition::parse(&text, &mut placeholders);
        prop_assert_eq!(read.as_ref(), Ok(&Condition::new(steps)), "{}", text);
        prop_assert_eq!(placeholders.finish(&[]), Ok(()));
    }

    #[test]
    fn updates_are_read_as_they_were_written(actions in actions()) {
        let mut writer = Writer::default();
        let text = write_update(&mut writer, &actions);
        let mut placeholders = writer.placeholders();
        let read = Update::parse(&text, &mut placeholders);
        prop_assert_eq!(read.as_ref(), Ok(&Update { actions }), "{}", text);
        prop_assert_eq!(placeholders.finish(&[]), Ok(()));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in prop_oneof![soup(), "\\PC{0,60}"]) {
        let things = item(&[
            ("a", l(&[n("1"), m(&[("c", s("x"))])])),
            ("b", m(&[("c", ss(&["x"]))])),
        ]);
        let mut placeholders =
            placeholders(&[("#n", "b"), ("#m", "c")], &[(":v", n("1")), (":l", l(&[]))]);
        if let Ok(condition) = Condition::parse(&text, &mut placeholders) {
            prop_assert!(condition.holds(&things).is_ok());
        }
        if let Ok(update) = Update::parse(&text, &mut placeholders)
            && let Ok(updated) = update.apply(things.clone())
        {
            updated.touched.of(&updated.item);
        }
        if let Ok(projection) = Projection::parse(&text, &mut placeholders) {
            projection.of(&things);
        }
        let _ = KeyCondition::parse(&text, &mut placeholders);
    }
}
