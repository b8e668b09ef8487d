//! Which crate of ours may depend on which. ARCHITECTURE.md says why.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Every crate and the crates of ours that it may use, without their common prefix.
const ALLOWED: &[(&str, &str)] = &[
    ("anabranch-model", ""),
    ("anabranch-protocol", ""),
    ("anabranch-env", ""),
    ("anabranch-policy", ""),
    ("anabranch-tables", ""),
    ("anabranch-storage", "model env"),
    ("anabranch-engine", "model policy env storage"),
    ("anabranch-server", "engine model policy protocol env"),
    ("anabranch-client", "model protocol"),
    ("anabranch-producer", "client model protocol env"),
    ("anabranch-testkit", ""),
    ("anabranch", "model policy protocol env storage engine server client producer"),
    ("ceilings", "env"),
    ("overload", "testkit"),
    ("probes", "model policy env storage engine testkit"),
    ("raw_load", "testkit"),
    ("strangers", "model protocol testkit"),
    ("produce", "client producer testkit"),
    ("produce_proof", "client model producer protocol shards testkit"),
    ("shards", ""),
    ("torture", "client producer shards testkit"),
    ("xtask", ""),
];

/// For tests and tools: any crate may have it as a dev-dependency.
const TESTKIT: &str = "anabranch-testkit";

/// Every edge between our crates that the table does not have.
pub(crate) fn check(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            bail!("crate {name} is not in the table of allowed edges");
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            if !names.contains(&used) || used == name {
                continue;
            }
            let is_for_tests = dependency["kind"].as_str() == Some("dev");
            let short = used.strip_prefix("anabranch-").unwrap_or(used);
            let is_in_table = allowed.split(' ').any(|one| one == short);
            let is_test_support = is_for_tests && used == TESTKIT;
            if !is_in_table && !is_test_support {
                findings.push(format!("{name} must not depend on {used}"));
            }
        }
    }
    Ok(findings)
}
