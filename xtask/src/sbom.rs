//! What is in a release: a bill of materials of the program `anabranch`, in CycloneDX's JSON.
//!
//! The components are the crates that the program is built from or with, as Cargo has resolved and
//! locked them; those that only tests need are left out. The same sources give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tools::Project;

/// The package of the program.
const PROGRAM: &str = "anabranch";
/// Where crates come from. Others would need another way to name them.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
    repository: Option<String>,
    /// `None`: it is part of this repository.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    /// `null`, `build` or `dev`.
    kind: Option<String>,
}

/// The part of `Cargo.lock` that is needed.
#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Writes the bill to `target/anabranch.cdx.json`.
pub(crate) fn run(project: &Project) -> Result<()> {
    let host = host_triple()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &host]);
    let output = cargo.current_dir(&project.root).output().context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata's answer")?;
    let lock = fs::read_to_string(project.root.join("Cargo.lock")).context("Cargo.lock")?;
    let bill = bill(&metadata, &toml::from_str(&lock).context("Cargo.lock")?)?;
    let path = project.root.join("target").join("anabranch.cdx.json");
    fs::write(&path, serde_json::to_string_pretty(&bill)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;
    let components = bill["components"].as_array().map_or(0, Vec::len);
    println!("{}: {components} components for {host}", path.display());
    Ok(())
}

fn host_triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc's answer")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

/// The bill of materials of the program.
fn bill(metadata: &Metadata, lock: &Lock) -> Result<Value> {
    let program = metadata.packages.iter().find(|package| package.name == PROGRAM);
    let program = program.with_context(|| format!("there is no package {PROGRAM}"))?;
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (&*package.id, package)).collect();
    let needed = reachable(&nodes, &program.id);
    let refer = |id: &str| packages.get(id).map(|package| purl(package)).context("a package");

    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &needed {
        let package = packages.get(id).context("a package of the graph")?;
        if *id != program.id {
            components.push(component(package, lock)?);
        }
        let uses = uses(nodes[id]).map(refer).collect::<Result<BTreeSet<_>>>()?;
        dependencies.push(json!({ "ref": refer(id)?, "dependsOn": uses }));
    }
    components.sort_by_key(|component| component["bom-ref"].as_str().map(str::to_owned));
    dependencies.sort_by_key(|dependency| dependency["ref"].as_str().map(str::to_owned));
    let mut itself = component(program, lock)?;
    itself["type"] = "application".into();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": itself },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages that this one is built from or with, itself included.
fn reachable<'a>(nodes: &BTreeMap<&'a str, &'a Node>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(id) = next.pop() {
        if found.insert(id)
            && let Some(node) = nodes.get(id)
        {
            next.extend(uses(node));
        }
    }
    found
}

fn uses(node: &Node) -> impl Iterator<Item = &str> {
    let is_for_tests = |dependency: &&Dependency| {
        dependency.dep_kinds.iter().all(|kind| kind.kind.as_deref() == Some("dev"))
    };
    node.deps
        .iter()
        .filter(move |dependency| !is_for_tests(dependency))
        .map(|dependency| &*dependency.pkg)
}

fn component(package: &Package, lock: &Lock) -> Result<Value> {
    if let Some(source) = &package.source
        && source != REGISTRY
    {
        bail!("{} comes from {source}, which has no name in a bill yet", package.name);
    }
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(description) = &package.description {
        component["description"] = description.trim().into();
    }
    if let Some(license) = &package.license {
        // The older way to say "or".
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    let is_it = |locked: &&Locked| locked.name == package.name && locked.version == package.version;
    if let Some(checksum) = lock.package.iter().find(is_it).and_then(|it| it.checksum.as_ref()) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    Ok(component)
}

/// The package's name for tools of all languages.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, is_ours: bool) -> Value {
        let source = (!is_ours).then_some(REGISTRY);
        json!({ "id": name, "name": name, "version": "1.0.0+x", "license": "MIT/Apache-2.0",
                "source": source })
    }

    fn uses(name: &str, kind: Option<&str>) -> Value {
        json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] })
    }

    fn metadata() -> Value {
        json!({
            "packages": [package("anabranch", true), package("engine", true),
                         package("serde", false), package("cc", false), package("proptest", false)],
            "resolve": { "nodes": [
                { "id": "anabranch", "deps": [uses("engine", None), uses("proptest", Some("dev"))] },
                { "id": "engine", "deps": [uses("serde", None), uses("cc", Some("build"))] },
                { "id": "serde", "deps": [] },
                { "id": "cc", "deps": [] },
                { "id": "proptest", "deps": [uses("serde", None)] },
            ]},
        })
    }

    fn made(metadata: Value) -> Result<Value> {
        let lock =
            toml::from_str("[[package]]\nname = 'serde'\nversion = '1.0.0+x'\nchecksum = 'abc'\n")?;
        bill(&serde_json::from_value(metadata)?, &lock)
    }

    #[test]
    fn what_the_program_is_built_from_and_with_is_in_it() {
        let bill = made(metadata()).expect("a bill");
        let names = |list: &str| -> Vec<String> {
            let list = bill[list].as_array().expect("a list");
            list.iter().filter_map(|c| c["name"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(names("components"), ["cc", "engine", "serde"]);
        assert_eq!(bill["metadata"]["component"]["type"], "application");
        let serde = &bill["components"][2];
        assert_eq!(serde["purl"], "pkg:cargo/serde@1.0.0%2Bx");
        assert_eq!(serde["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(serde["hashes"][0]["content"], "abc");
        assert_eq!(bill["components"][0].get("hashes"), None);
        let engine = bill["dependencies"].as_array().expect("a list");
        let engine = engine.iter().find(|one| one["ref"] == "pkg:cargo/engine@1.0.0%2Bx");
        let uses = json!(["pkg:cargo/cc@1.0.0%2Bx", "pkg:cargo/serde@1.0.0%2Bx"]);
        assert_eq!(engine.expect("engine")["dependsOn"], uses);
    }

    #[test]
    fn a_crate_from_elsewhere_is_refused() {
        let mut metadata = metadata();
        metadata["packages"][2]["source"] = "git+https://example.com/serde".into();
        let error = made(metadata).expect_err("it has no name");
        assert!(error.to_string().contains("serde comes from git+"), "{error}");
    }
}
