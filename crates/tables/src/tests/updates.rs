//! What updates do to an item.

use super::support::*;
use crate::{AttributeValue, Item, Update, Updated};
use proptest::prelude::*;

fn lease() -> Item {
    item(&[
        ("leaseKey", s("shard-1")),
        ("counter", n("7")),
        ("owner", s("w-1")),
        ("parents", ss(&["a", "b"])),
        ("marks", ns(&["1", "2"])),
        ("blobs", bs(&[b"x"])),
        ("list", l(&[n("0"), n("1"), n("2"), n("3")])),
        ("tree", m(&[("leaf", s("old")), ("twig", m(&[("set", ss(&["a"]))]))])),
    ])
}

fn updated(text: &str) -> Result<Updated, String> {
    let values = [
        (":one", n("1")),
        (":half", n("0.5")),
        (":w2", s("w-2")),
        (":a", ss(&["a"])),
        (":ab", ss(&["a", "b"])),
        (":c", ss(&["c"])),
        (":ns", ns(&["2.0", "3"])),
        (":bs", bs(&[b"x", b"y"])),
        (":l", l(&[s("x")])),
        (":empty", l(&[])),
        (":max", n("9.9e125")),
    ];
    let names =
        [("#o", "owner"), ("#c", "counter"), ("#l", "list"), ("#s", "set"), ("#dot", "a.b")];
    let mut placeholders = placeholders(&names, &values);
    let update =
        Update::parse(text, &mut placeholders).unwrap_or_else(|error| panic!("{text}: {error}"));
    update.apply(lease()).map_err(|error| error.to_string())
}

#[test]
fn updates_do_as_dynamodb_does() {
    let with = |changes: &[(&str, AttributeValue)]| {
        let mut item = lease();
        item.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        item
    };
    let without = |name: &str| {
        let mut item = lease();
        item.remove(name);
        item
    };
    let numbers = |members: &[&str]| l(&members.iter().map(|one| n(one)).collect::<Vec<_>>());
    let cases = [
        ("SET #o = :w2", with(&[("owner", s("w-2"))])),
        ("set #o = :w2", with(&[("owner", s("w-2"))])),
        ("SET #c = #c + :one", with(&[("counter", n("8"))])),
        ("SET #c = #c - :half", with(&[("counter", n("6.5"))])),
        ("SET #c = (:one - #c)", with(&[("counter", n("-6"))])),
        ("SET #c = ((#c) + (:one))", with(&[("counter", n("8"))])),
        ("SET #c = (#c)", lease()),
        ("SET seen = if_not_exists(seen, :one)", with(&[("seen", n("1"))])),
        ("SET #c = if_not_exists(#c, :one)", lease()),
        ("SET #c = if_not_exists(seen, :one) + #c", with(&[("counter", n("8"))])),
        ("SET seen = if_not_exists(seen, if_not_exists(#o, :one))", with(&[("seen", s("w-1"))])),
        (
            "SET #l = list_append(#l, :l)",
            with(&[("list", l(&[n("0"), n("1"), n("2"), n("3"), s("x")]))]),
        ),
        ("SET #l = list_append(:l, :l)", with(&[("list", l(&[s("x"), s("x")]))])),
        (
            "SET seen = list_append(if_not_exists(seen, :empty), :l)",
            with(&[("seen", l(&[s("x")]))]),
        ),
        // All is read before anything is written.
        (
            "SET #o = leaseKey, leaseKey = #o",
            with(&[("owner", s("shard-1")), ("leaseKey", s("w-1"))]),
        ),
        ("SET seen = #o REMOVE #o", {
            let mut item = without("owner");
            item.insert("seen".to_owned(), s("w-1"));
            item
        }),
        ("SET #l[1] = :half", with(&[("list", numbers(&["0", "0.5", "2", "3"]))])),
        ("SET #l[9] = :half", with(&[("list", numbers(&["0", "1", "2", "3", "0.5"]))])),
        (
            "SET #l[9] = :half, #l[8] = :one",
            with(&[("list", numbers(&["0", "1", "2", "3", "1", "0.5"]))]),
        ),
        (
            "SET tree.leaf = :w2",
            with(&[("tree", m(&[("leaf", s("w-2")), ("twig", m(&[("set", ss(&["a"]))]))]))]),
        ),
        (
            "SET tree.bud = :one",
            with(&[(
                "tree",
                m(&[("bud", n("1")), ("leaf", s("old")), ("twig", m(&[("set", ss(&["a"]))]))]),
            )]),
        ),
        ("SET #dot = :one", with(&[("a.b", n("1"))])),
        ("REMOVE #o", without("owner")),
        ("REMOVE seen", lease()),
        ("REMOVE #l[1], #l[3]", with(&[("list", numbers(&["0", "2"]))])),
        ("REMOVE #l[9]", lease()),
        // An index means the list as it was.
        ("REMOVE #l[0] SET #l[1] = :half", with(&[("list", numbers(&["0.5", "2", "3"]))])),
        (
            "REMOVE #l[4] SET #l[9] = :half",
            with(&[("list", numbers(&["0", "1", "2", "3", "0.5"]))]),
        ),
        ("REMOVE tree.leaf", with(&[("tree", m(&[("twig", m(&[("set", ss(&["a"]))]))]))])),
        ("REMOVE tree.bud", lease()),
        ("ADD #c :one", with(&[("counter", n("8"))])),
        ("ADD seen :one", with(&[("seen", n("1"))])),
        ("ADD parents :c", with(&[("parents", ss(&["a", "b", "c"]))])),
        ("ADD marks :ns", with(&[("marks", ns(&["1", "2", "3"]))])),
        ("ADD blobs :bs", with(&[("blobs", bs(&[b"x", b"y"]))])),
        ("ADD seen :ab", with(&[("seen", ss(&["a", "b"]))])),
        ("ADD #l[1] :one", with(&[("list", numbers(&["0", "2", "2", "3"]))])),
        ("DELETE parents :a", with(&[("parents", ss(&["b"]))])),
        ("DELETE parents :ab", without("parents")),
        ("DELETE parents :c", lease()),
        ("DELETE seen :a", lease()),
        ("DELETE blobs :bs", without("blobs")),
        ("DELETE tree.twig.#s :a", with(&[("tree", m(&[("leaf", s("old")), ("twig", m(&[]))]))])),
        ("delete parents :a add #c :one remove #o set seen = :one", {
            let mut item = with(&[("parents", ss(&["b"])), ("counter", n("8")), ("seen", n("1"))]);
            item.remove("owner");
            item
        }),
    ];
    for (text, expected) in cases {
        assert_eq!(updated(text).map(|updated| updated.item), Ok(expected), "{text}");
    }
}

#[test]
fn updates_that_an_item_does_not_allow_are_refused() {
    let path = "The document path provided in the update expression is invalid for update";
    let missing = "The provided expression refers to an attribute that does not exist in the item";
    let kind = "An operand in the update expression has an incorrect data type";
    let cases = [
        ("SET seen = gone", missing),
        ("SET #c = gone + :one", missing),
        ("SET #l = list_append(gone, :l)", missing),
        ("SET #c = #o + :one", kind),
        ("SET seen = list_append(#o, :l)", kind),
        ("SET gone.a = :one", path),
        ("SET gone[0] = :one", path),
        ("SET #o.a = :one", path),
        ("SET tree[0] = :one", path),
        ("SET #l.a = :one", path),
        ("SET tree.gone.a = :one", path),
        ("SET #l[7].a = :one", path),
        ("REMOVE gone.a", path),
        ("REMOVE #o[0]", path),
        ("ADD gone.a :one", path),
        ("ADD #o :one", kind),
        ("ADD parents :ns", kind),
        ("ADD parents :one", kind),
        ("DELETE parents :ns", kind),
        ("DELETE #o :a", kind),
        (
            "SET #c = :max + :max",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            "ADD #c :max",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(updated(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn an_update_tells_what_it_has_touched() {
    let text = "SET #l[1] = :half, tree.leaf = :w2, seen = :one REMOVE #o";
    let updated = updated(text).unwrap();
    let old =
        item(&[("list", l(&[n("1")])), ("owner", s("w-1")), ("tree", m(&[("leaf", s("old"))]))]);
    assert_eq!(updated.touched.of(&lease()), old);
    let new =
        item(&[("list", l(&[n("0.5")])), ("seen", n("1")), ("tree", m(&[("leaf", s("w-2"))]))]);
    assert_eq!(updated.touched.of(&updated.item), new);
}

#[test]
fn an_update_names_its_targets_and_sources() {
    let mut placeholders = placeholders(&[], &[(":n", n("1"))]);
    let text = "SET a.b = c + :n, d = if_not_exists(e, list_append(f, g[0])) ADD h :n";
    let update = Update::parse(text, &mut placeholders).unwrap();
    let texts =
        |paths: Vec<&crate::Path>| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(update.targets().collect()), ["[a, b]", "[d]", "[h]"]);
    assert_eq!(texts(update.sources()), ["[c]", "[e]", "[f]", "[g, [0]]"]);
}

#[test]
fn what_is_put_is_not_larger_than_an_item() {
    let large = s(&"x".repeat(300 * 1024));
    let mut placeholders = placeholders(&[], &[(":v", large)]);
    let update = Update::parse("SET a = :v, b = :v", &mut placeholders).unwrap();
    let refused = update.apply(Item::new()).unwrap_err().to_string();
    assert_eq!(refused, "Item size to update has exceeded the maximum allowed size");
    let nested = format!("SET a = {}a, :l{}", "list_append(".repeat(10), ", a)".repeat(10));
    assert!(Update::parse(&nested, &mut placeholders).is_err());
}

#[test]
fn what_is_appended_again_and_again_is_not_larger_than_an_item() {
    let large = l(&[s(&"x".repeat(300 * 1024))]);
    let mut placeholders = placeholders(&[], &[(":l", large)]);
    let text = format!("SET a = {}:l{}", "list_append(:l, ".repeat(20), ")".repeat(20));
    let update = Update::parse(&text, &mut placeholders).unwrap();
    let refused = update.apply(Item::new()).unwrap_err().to_string();
    assert_eq!(refused, "Item size to update has exceeded the maximum allowed size");
}

#[test]
fn what_is_put_does_not_nest_too_deep() {
    let deep = (0..30).fold(s("x"), |value, _| l(&[value]));
    let mut placeholders = placeholders(&[], &[(":v", deep)]);
    let tree = item(&[("a", m(&[("b", m(&[("c", m(&[]))]))]))]);
    let fits = Update::parse("SET a.b.c = :v", &mut placeholders).unwrap();
    assert!(fits.apply(tree.clone()).is_ok());
    let too_deep = Update::parse("SET a.b.c.d = :v", &mut placeholders).unwrap();
    let refused = too_deep.apply(tree).unwrap_err().to_string();
    assert!(refused.starts_with("Nesting Levels have exceeded supported limits"), "{refused}");
}

#[test]
fn what_is_not_there_can_be_taken_from_an_item_that_is_not_there() {
    let mut placeholders = placeholders(&[], &[(":v", n("1"))]);
    let key = item(&[("leaseKey", s("a"))]);
    let update = Update::parse("REMOVE x.y, x[0]", &mut placeholders);
    assert!(update.is_err());
    let update = Update::parse("REMOVE x.y, z[0] ADD n :v", &mut placeholders).unwrap();
    assert!(update.apply(key.clone()).is_err());
    let made = update.apply_to_missing(key.clone()).unwrap().item;
    assert_eq!(made, item(&[("leaseKey", s("a")), ("n", n("1"))]));
    let update = Update::parse("SET x.y = :v", &mut placeholders).unwrap();
    assert!(update.apply_to_missing(key).is_err());
}

/// What happens to an element: it stays, it is replaced, or it goes.
fn fates() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..3_u8, 1..12)
}

proptest! {
    #[test]
    fn indexes_mean_the_list_as_it_was(fates in fates(), length in 0..10_usize, turn in 0..12_usize) {
        let before: Vec<AttributeValue> = (0..length).map(|at| n(&at.to_string())).collect();
        let mut sets = Vec::new();
        let mut removals = Vec::new();
        let mut after = Vec::new();
        for (at, fate) in fates.iter().enumerate().chain((fates.len()..length).map(|at| (at, &0))) {
            match fate {
                1 => {
                    sets.push(format!("l[{at}] = :v"));
                    after.push(s("new"));
                }
                2 => removals.push(format!("l[{at}]")),
                _ => after.extend(before.get(at).cloned()),
            }
        }
        // In any order.
        let turn_by = turn % sets.len().max(1);
        sets.rotate_left(turn_by);
        let turn_by = turn % removals.len().max(1);
        removals.rotate_left(turn_by);
        let mut text = String::new();
        if !sets.is_empty() {
            text += &format!("SET {} ", sets.join(", "));
        }
        if !removals.is_empty() {
            text += &format!("REMOVE {}", removals.join(", "));
        }
        prop_assume!(!text.is_empty());
        let mut placeholders = placeholders(&[], &[(":v", s("new"))]);
        let update = Update::parse(&text, &mut placeholders).unwrap();
        let updated = update.apply(item(&[("l", AttributeValue::L(before))])).unwrap();
        prop_assert_eq!(&updated.item["l"], &AttributeValue::L(after), "{}", text);
    }
}
