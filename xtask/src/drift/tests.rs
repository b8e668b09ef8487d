//! Small models with one change each.

use serde_json::{Value, json};

use super::compare::{Difference, compare};
use super::exceptions::{apply, parse};
use super::schema::{from_botocore, from_ours};

fn their_model() -> Value {
    json!({
        "operations": {
            "Put": {
                "input": {"shape": "PutInput"},
                "output": {"shape": "PutOutput"},
                "errors": [{"shape": "NotFound"}, {"shape": "Busy"}]
            },
            "Wipe": {}
        },
        "shapes": {
            "PutInput": {
                "type": "structure",
                "required": ["Name"],
                "members": {
                    "Name": {"shape": "Name"},
                    "Mode": {"shape": "Mode"},
                    "Tags": {"shape": "Tags"},
                    "Entries": {"shape": "Entries"}
                }
            },
            "PutOutput": {"type": "structure", "members": {"Count": {"shape": "Count"}}},
            "Name": {"type": "string", "min": 1, "max": 128, "pattern": "[a-z]+"},
            "Mode": {"type": "string", "enum": ["FAST", "SAFE"]},
            "Tags": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Count"}},
            "Entries": {"type": "list", "member": {"shape": "Entry"}, "min": 1, "max": 500},
            "Entry": {
                "type": "structure",
                "required": ["Data"],
                "members": {"Data": {"shape": "Data"}}
            },
            "Data": {"type": "blob", "max": 10},
            "Count": {"type": "integer"}
        }
    })
}

fn our_schema() -> Value {
    let name = json!({"type": "string", "min": 1, "max": 128, "pattern": "[a-z]+"});
    json!({"operations": [
        {
            "name": "Put",
            "input": [
                {"name": "Name", "required": true, "type": "string",
                 "min": 1, "max": 128, "pattern": "[a-z]+"},
                {"name": "Mode", "type": "string", "enum": ["SAFE", "FAST"]},
                {"name": "Tags", "type": "map", "key": name, "value": {"type": "integer"}},
                {"name": "Entries", "type": "list", "min": 1, "max": 500, "member": {
                    "type": "structure",
                    "members": [{"name": "Data", "required": true, "type": "blob", "max": 10}]
                }}
            ],
            "output": [{"name": "Count", "required": false, "type": "integer"}],
            "errors": ["Busy", "NotFound"]
        },
        {"name": "Wipe", "supported": false}
    ]})
}

/// What a binary with this one service prints.
fn printed(ours: &Value) -> Vec<u8> {
    json!({"services": {"lakes/2020-02-02": ours}}).to_string().into_bytes()
}

fn differences(theirs: &Value, ours: &Value) -> Vec<Difference> {
    let theirs = from_botocore(theirs).expect("their model is well formed");
    let ours = from_ours(&printed(ours)).expect("our schema is well formed");
    compare(&theirs, &ours["lakes/2020-02-02"])
}

/// The paths and kinds found after `change` was made to our schema.
fn found_after(change: impl FnOnce(&mut Value)) -> Vec<(String, &'static str)> {
    let mut ours = our_schema();
    change(&mut ours);
    differences(&their_model(), &ours)
        .into_iter()
        .map(|difference| (difference.path, difference.kind))
        .collect()
}

#[test]
fn equal_models_do_not_differ() {
    assert_eq!(differences(&their_model(), &our_schema()), []);
}

#[test]
fn an_unsupported_operation_is_not_compared_but_must_exist() {
    let found = found_after(|ours| ours["operations"][1]["name"] = json!("Wash"));
    assert_eq!(
        found,
        [("Wipe".to_owned(), "missing-operation"), ("Wash".to_owned(), "extra-operation")]
    );
}

#[test]
fn a_missing_and_an_extra_member_are_found() {
    let found = found_after(|ours| ours["operations"][0]["input"][1]["name"] = json!("Speed"));
    assert_eq!(
        found,
        [
            ("Put.input.Mode".to_owned(), "missing-member"),
            ("Put.input.Speed".to_owned(), "extra-member")
        ]
    );
}

#[test]
fn every_constraint_is_compared() {
    let cases = [
        ("required", json!(false), "required"),
        ("type", json!("blob"), "type"),
        ("min", json!(2), "min"),
        ("max", json!(null), "max"),
        ("pattern", json!("[a-z]*"), "pattern"),
    ];
    for (field, value, kind) in cases {
        let found = found_after(|ours| ours["operations"][0]["input"][0][field] = value.clone());
        assert_eq!(found, [("Put.input.Name".to_owned(), kind)], "{field}");
    }
}

#[test]
fn enum_values_and_errors_are_compared_as_sets() {
    let found = found_after(|ours| {
        ours["operations"][0]["input"][1]["enum"] = json!(["SAFE", "SLOW"]);
        ours["operations"][0]["errors"] = json!(["Busy", "Late"]);
    });
    assert_eq!(
        found,
        [
            ("Put.input.Mode.FAST".to_owned(), "missing-enum-value"),
            ("Put.input.Mode.SLOW".to_owned(), "extra-enum-value"),
            ("Put.errors.NotFound".to_owned(), "missing-error"),
            ("Put.errors.Late".to_owned(), "extra-error")
        ]
    );
}

#[test]
fn parts_of_lists_and_maps_are_compared() {
    let found = found_after(|ours| {
        ours["operations"][0]["input"][2]["key"]["max"] = json!(64);
        ours["operations"][0]["input"][3]["member"]["members"][0]["required"] = json!(false);
    });
    assert_eq!(
        found,
        [
            ("Put.input.Entries.member.Data".to_owned(), "required"),
            ("Put.input.Tags.key".to_owned(), "max")
        ]
    );
}

#[test]
fn an_exception_excuses_its_own_difference_only() {
    let exceptions = parse(
        r#"
        [[exception]]
        path = "*.input.Mode"
        difference = "missing-member"
        reason = "we have one mode only"
        [[exception]]
        path = "Put.input.Name"
        difference = "max"
        reason = "an exception from an older day"
        "#,
    )
    .expect("the list is well formed");
    let mut ours = our_schema();
    ours["operations"][0]["input"][1]["name"] = json!("Speed");
    let found = differences(&their_model(), &ours);
    let (unexcused, unused) = apply(&found, &exceptions);
    assert_eq!(unexcused.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["Put.input.Speed"]);
    assert_eq!(unused.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), ["Put.input.Name"]);
}

#[test]
fn an_exception_may_cover_a_whole_side() {
    let exceptions = parse(
        r#"
        [[exception]]
        path = "*.output.**"
        difference = "min"
        reason = "what we answer is not checked on its way out"
        "#,
    )
    .expect("the list is well formed");
    let mut ours = our_schema();
    ours["operations"][0]["output"][0]["min"] = json!(7);
    ours["operations"][0]["input"][0]["min"] = json!(7);
    let found = differences(&their_model(), &ours);
    let (unexcused, unused) = apply(&found, &exceptions);
    assert_eq!(unexcused.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["Put.input.Name"]);
    assert!(unused.is_empty());
}

#[test]
fn an_exception_without_a_reason_is_refused() {
    let text = "[[exception]]\npath = \"a\"\ndifference = \"max\"\nreason = \" \"\n";
    assert!(parse(text).is_err());
}

#[test]
fn a_cycle_of_shapes_is_reported_instead_of_followed() {
    let model = json!({
        "operations": {"Loop": {"input": {"shape": "Node"}}},
        "shapes": {"Node": {"type": "structure", "members": {"Next": {"shape": "Node"}}}}
    });
    assert!(from_botocore(&model).is_err());
}

#[test]
fn a_word_of_our_schema_that_is_not_known_is_refused() {
    let mut ours = our_schema();
    ours["operations"][0]["input"][0]["maximum"] = json!(3);
    assert!(from_ours(&printed(&ours)).is_err());
}
