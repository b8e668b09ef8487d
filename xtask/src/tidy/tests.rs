//! What each rule finds and what it lets pass.

use serde_json::json;

use super::edges;
use super::source::check;

#[test]
fn an_edge_against_the_layers_is_found() {
    let metadata = json!({"packages": [
        {"name": "anabranch-model", "dependencies": [
            {"name": "anabranch-engine", "kind": null}, {"name": "thiserror", "kind": null}]},
        {"name": "anabranch-engine", "dependencies": [{"name": "anabranch-model", "kind": null}]},
        {"name": "anabranch-testkit", "dependencies": []},
        {"name": "anabranch-env", "dependencies": [{"name": "anabranch-testkit", "kind": "dev"}]},
        {"name": "anabranch-storage", "dependencies": [
            {"name": "anabranch-testkit", "kind": null}]}
    ]});
    assert_eq!(
        edges::check(&metadata).expect("the metadata is well formed"),
        [
            "anabranch-model must not depend on anabranch-engine",
            "anabranch-storage must not depend on anabranch-testkit"
        ]
    );
}

#[test]
fn a_crate_without_a_place_in_the_table_is_refused() {
    let metadata = json!({"packages": [{"name": "anabranch-misc", "dependencies": []}]});
    assert!(edges::check(&metadata).is_err());
}

#[test]
fn long_source_files_are_found_and_long_data_is_not() {
    let long = "x\n".repeat(801);
    assert_eq!(check("a.rs", &long), ["a.rs: 801 lines, more than 800"]);
    assert_eq!(check("a.csv", &long), [""; 0]);
    assert_eq!(check("a.py", &"x\n".repeat(800)), [""; 0]);
}

#[test]
fn unwrap_is_found_outside_tests_only() {
    let text = "fn a() { b.unwrap(); }\n\
                // c.unwrap()\n\
                #[cfg(test)]\n\
                mod tests {\n    fn d() {\n        e.unwrap();\n    }\n}\n\
                fn f() { g.unwrap(); }\n\
                #[cfg(test)]\n\
                use h::i;\n\
                fn j() { k.unwrap(); }\n";
    assert_eq!(
        check("src/a.rs", text),
        [
            "src/a.rs:1: unwrap outside tests",
            "src/a.rs:9: unwrap outside tests",
            "src/a.rs:12: unwrap outside tests"
        ]
    );
    assert_eq!(check("crates/a/tests/b.rs", text), [""; 0]);
    assert_eq!(check("src/a/tests.rs", text), [""; 0]);
}

#[test]
fn the_lint_against_unsafe_is_lifted_in_one_module_only() {
    let text = ["#[allow(dead_code, unsafe", "_code)]"].concat();
    assert_eq!(check("crates/storage/src/a.rs", &text).len(), 1);
    assert_eq!(check("crates/env/src/short_slices.rs", &text), [""; 0]);
}

#[test]
fn paths_of_one_machine_are_found() {
    let path = ["/wo", "rk/thing"].concat();
    assert_eq!(check("a.txt", &format!("see {path}")).len(), 1);
    assert_eq!(check("a.txt", &format!("see a{path}")), [""; 0]);
    let path = ["/tm", "p/thing"].concat();
    assert_eq!(check("a.rs", &path), [""; 0]);
    assert_eq!(check("a.md", &path).len(), 1);
}

#[test]
fn hosts_of_registries_are_found_outside_lock_files_of_cargo() {
    let host = ["https://registry.np", "mjs.org/x"].concat();
    assert_eq!(check("tests/js/package-lock.json", &host).len(), 1);
    assert_eq!(check("Cargo.lock", &host), [""; 0]);
}
