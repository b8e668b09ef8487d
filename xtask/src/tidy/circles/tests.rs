//! Arrows of small crates, and the circles in them.

use super::circles;
use super::modules::{Arrows, Modules};

fn arrows(files: &[(&str, &str)]) -> Arrows {
    let read = |wanted: &str| {
        let file = files.iter().find(|(file, _)| *file == wanted);
        file.map(|(_, text)| (*text).to_owned())
    };
    Modules::read(files[0].0, &read).expect("the crate can be read").arrows()
}

/// The arrows of a crate, one a line.
fn drawn(files: &[(&str, &str)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (from, targets) in arrows(files) {
        for (to, names) in targets {
            let names: Vec<String> = names.into_iter().collect();
            lines.push(format!("{from} -> {to}: {}", names.join(" ")));
        }
    }
    lines
}

#[test]
fn every_kind_of_path_is_an_arrow() {
    let root = "mod a; mod b;";
    for text in [
        "use crate::b::X;",
        "use super::b::X;",
        "use super::b::{Y as Z, X};",
        "use self::super::b::X;",
        "fn f() -> crate::b::X { loop {} }",
        "fn f() { super::b::X::new(); }",
        "fn f() { use super::b; b::X::new(); }",
        "use super::b as c; impl Default for c::X {}",
        "fn f() { println!(\"{}\", crate::b::X(1)); }",
        "macro_rules! m { ($x:ident) => { $x::b::c($crate::b::X) } }",
        "#[serde(with = crate::b::X)] struct S;",
    ] {
        let found = drawn(&[("lib.rs", root), ("a.rs", text), ("b.rs", "pub struct X; struct Y;")]);
        let [arrow] = &found[..] else { panic!("{text}: {found:?}") };
        assert!(arrow.starts_with("a.rs -> b.rs: ") && arrow.contains('X'), "{text}: {arrow}");
    }
}

#[test]
fn a_path_into_a_child_is_an_arrow_and_its_declaration_is_none() {
    let child = ("a/mod.rs", "pub fn f() {}");
    assert_eq!(drawn(&[("lib.rs", "mod a;"), child]), [""; 0]);
    assert_eq!(drawn(&[("lib.rs", "mod a; fn g() { a::f() }"), child]), ["lib.rs -> a/mod.rs: f"]);
    assert_eq!(drawn(&[("main.rs", "mod a; pub use a::f;"), child]), ["main.rs -> a/mod.rs: f"]);
    // A variable may have a module's name.
    assert_eq!(drawn(&[("lib.rs", "mod a; fn g(a: u8) -> u8 { a }"), child]), [""; 0]);
}

#[test]
fn super_leads_one_module_up() {
    let files = [
        ("lib.rs", "mod a; pub struct X;"),
        ("a.rs", "mod b; pub struct X;"),
        ("a/b.rs", "use super::X; use super::super::X as Y; use self::super::super::X as Z;"),
    ];
    assert_eq!(drawn(&files), ["a/b.rs -> a.rs: X", "a/b.rs -> lib.rs: X"]);
}

#[test]
fn what_is_passed_on_is_followed_to_its_definition() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use b::Y;"),
        ("a.rs", "use crate::b::{self, X}; use crate::Y; fn f() { b::Z; }"),
        ("b/mod.rs", "mod d; pub use self::d::*; pub(crate) use crate::c::Z;"),
        ("b/d.rs", "pub struct X; pub use crate::c::Y1 as Y;"),
        ("c.rs", "pub struct Y1; pub struct Z;"),
    ];
    assert_eq!(
        drawn(&files),
        [
            "a.rs -> b/d.rs: X",
            "a.rs -> b/mod.rs: b",
            "a.rs -> c.rs: Y1 Z",
            "b/d.rs -> c.rs: Y1",
            "b/mod.rs -> b/d.rs: *",
            "b/mod.rs -> c.rs: Z",
            "lib.rs -> c.rs: Y1",
        ]
    );
}

#[test]
fn a_name_of_module_and_function_means_what_its_place_says() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use b::b;"),
        ("a.rs", "use crate::b; fn f() { crate::b::c(); }"),
        ("b.rs", "pub fn b() {} pub fn c() {}"),
    ];
    assert_eq!(drawn(&files), ["a.rs -> b.rs: b c", "lib.rs -> b.rs: b"]);
}

#[test]
fn what_comes_from_elsewhere_belongs_to_the_file_that_takes_it_in() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use std::fmt; use other::Thing;"),
        ("a.rs", "use std::io; use crate::fmt::Debug; use crate::b::Made; fn f() { io::x() }"),
        ("b.rs", "make!(Made);"),
    ];
    assert_eq!(drawn(&files), ["a.rs -> b.rs: Made", "a.rs -> lib.rs: fmt"]);
}

#[test]
fn an_exported_macro_stands_at_the_root_but_belongs_to_its_file() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "fn f() { crate::m!(); }"),
        ("b.rs", "#[macro_export] macro_rules! m { () => {} }"),
    ];
    assert_eq!(drawn(&files), ["a.rs -> b.rs: m"]);
}

#[test]
fn inline_modules_belong_to_their_file() {
    let files = [
        ("lib.rs", "mod a; pub mod b { use super::a::X; pub mod c; pub struct Y; }"),
        ("a.rs", "pub struct X; use crate::b::Y;"),
        ("b/c.rs", "use super::super::a::X;"),
    ];
    assert_eq!(drawn(&files), ["a.rs -> lib.rs: Y", "b/c.rs -> a.rs: X", "lib.rs -> a.rs: X"]);
}

#[test]
fn what_is_compiled_for_tests_only_does_not_count() {
    let text = "#[cfg(test)] use crate::b::X;\n\
                #[cfg(all(test, unix))] mod tests { use crate::b::X; }\n\
                impl S { #[cfg(test)] fn f() -> crate::b::X {} }\n\
                fn g() { #[cfg(test)] let x = crate::b::X; #[cfg(test)] crate::b::m!(); }\n\
                pub(in crate::b) struct S { #[cfg(test)] x: crate::b::X }";
    let files = [("lib.rs", "mod a; mod b; #[cfg(test)] mod missing;"), ("a.rs", text)];
    let b = ("b.rs", "pub struct X;");
    assert_eq!(drawn(&[files[0], files[1], b]), [""; 0]);
    let counts = ("a.rs", "#[cfg(not(test))] use crate::b::X;");
    assert_eq!(drawn(&[files[0], counts, b]), ["a.rs -> b.rs: X"]);
}

#[test]
fn each_circle_is_one_finding_with_its_arrows() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e; pub use a::A;"),
        ("a.rs", "use crate::b::{B, C}; pub struct A;"),
        ("b.rs", "use crate::c::D; pub struct B; pub struct C;"),
        ("c.rs", "pub use crate::a::A; use crate::d; pub struct D;"),
        ("d.rs", "use crate::e::E; pub struct F;"),
        ("e.rs", "pub struct E; fn f() -> crate::d::F {}"),
    ];
    assert_eq!(
        circles("x", &arrows(&files)),
        [
            "x: 3 files import each other in a circle\
             \n    a.rs -> b.rs: B, C\
             \n    b.rs -> c.rs: D\
             \n    c.rs -> a.rs: A",
            "x: 2 files import each other in a circle\
             \n    d.rs -> e.rs: E\
             \n    e.rs -> d.rs: F",
        ]
    );
}

#[test]
fn the_root_is_in_a_circle_with_a_child_that_uses_what_it_defines() {
    let root = ("lib.rs", "mod a; pub use a::A; pub struct R;");
    assert_eq!(circles("x", &arrows(&[root, ("a.rs", "pub struct A; use crate::R;")])).len(), 1);
    assert_eq!(
        circles("x", &arrows(&[root, ("a.rs", "pub struct A; use crate::A as B;")])).len(),
        0
    );
}
