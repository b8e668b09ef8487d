//! No import circle inside a crate, so that every crate can be read from the bottom up.
//!
//! The nodes are the module files of a crate's `src`. There is an arrow from A to B when A's code
//! names something that B defines, in a `use` or in a path inside the code. What a file passes on
//! with `use` or `pub use` is followed to the file that defines it. Declaring a module is no arrow;
//! re-exporting something of it is one. Inline modules belong to their file. Code under
//! `#[cfg(test)]` does not count.
//!
//! Not seen: what is reached without a name (methods of a type, fields), and in macros, both in
//! their definitions and where they are called, names without a `::` and the names in `{}` after
//! one.

mod modules;
mod named;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use modules::{Arrows, Modules};

/// The circles of these crates, or of all.
pub(super) fn check(metadata: &Value, crates: &[String]) -> Result<Vec<String>> {
    let roots = crate_roots(metadata)?;
    if let Some(name) = crates.iter().find(|name| roots.iter().all(|(known, _)| known != name)) {
        bail!("there is no crate {name}");
    }
    let mut findings = Vec::new();
    for (name, root) in roots {
        if crates.is_empty() || crates.iter().any(|wanted| wanted == name) {
            findings.extend(circles(name, &read_arrows(root)?));
        }
    }
    Ok(findings)
}

/// The name of each crate, with the file that its modules begin at.
fn crate_roots(metadata: &Value) -> Result<Vec<(&str, &Path)>> {
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let mut roots = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        for target in package["targets"].as_array().into_iter().flatten() {
            if matches!(target["kind"][0].as_str(), Some("lib" | "bin")) {
                let path = target["src_path"].as_str().context("a target without a path")?;
                roots.push((name, Path::new(path)));
            }
        }
    }
    Ok(roots)
}

fn read_arrows(root: &Path) -> Result<Arrows> {
    let source = root.parent().context("a crate's root lies in a directory")?;
    let file = root.file_name().and_then(|name| name.to_str()).context("a root without a name")?;
    let modules = Modules::read(file, &|file: &str| fs::read_to_string(source.join(file)).ok())?;
    Ok(modules.arrows())
}

/// One finding for each set of files that all reach each other.
fn circles(crate_name: &str, arrows: &Arrows) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (file.as_str(), reached_from(file, arrows))).collect();
    let mut found = BTreeSet::new();
    for (file, others) in &reached {
        let returns = |other: &&str| reached.get(other).is_some_and(|back| back.contains(file));
        let circle: BTreeSet<&str> = others.iter().copied().filter(returns).collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    found.iter().map(|circle| describe(crate_name, circle, arrows)).collect()
}

/// Every file that can be reached over one arrow or more.
fn reached_from<'a>(file: &str, arrows: &'a Arrows) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![file];
    while let Some(file) = open.pop() {
        for next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

fn describe(crate_name: &str, circle: &BTreeSet<&str>, arrows: &Arrows) -> String {
    let mut text = format!("{crate_name}: {} files import each other in a circle", circle.len());
    for from in circle {
        for (to, names) in arrows.get(*from).into_iter().flatten() {
            if circle.contains(to.as_str()) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                text += &format!("\n    {from} -> {to}: {}", names.join(", "));
            }
        }
    }
    text
}
