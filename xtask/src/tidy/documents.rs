//! Lists and numbers in the documents, against the code that they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use crate::tools::Project;

/// The table of operations.
const OPERATIONS: &str = "crates/server/src/services/kinesis/operations.rs";
/// The settings of `serve`, as clap reads them.
const SETTINGS: &str = "crates/cli/src/settings.rs";
const README: &str = "README.md";
const COMPATIBILITY: &str = "docs/compatibility.md";

/// A flag of `serve` that is no setting.
const NO_SETTING: &str = "--config";

/// Everything in which a document differs from the code.
pub(crate) fn check(project: &Project) -> Result<Vec<String>> {
    let read = |name: &str| {
        fs::read_to_string(project.root.join(name)).with_context(|| format!("cannot read {name}"))
    };
    let (operations, readme, compatibility) =
        (read(OPERATIONS)?, read(README)?, read(COMPATIBILITY)?);
    let table = Operations::parse(&operations);
    let mut findings = check_operations(&table, &readme, &compatibility);
    findings.extend(check_settings(&read(SETTINGS)?, &readme));
    Ok(findings)
}

/// What the table of operations says.
#[derive(Debug, PartialEq, Eq)]
struct Operations<'a> {
    supported: BTreeSet<&'a str>,
    unsupported: BTreeSet<&'a str>,
}

impl<'a> Operations<'a> {
    /// Lines `Name => module,` and `"Name",` of the call of the macro.
    fn parse(source: &'a str) -> Self {
        let call = source.split("\noperations! {").nth(1).unwrap_or_default();
        let call = call.split("\n}").next().unwrap_or_default();
        let lines = || call.lines().map(str::trim);
        let supported = lines().filter_map(|line| Some(line.split_once(" => ")?.0));
        let unsupported = lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix("\","));
        Self { supported: supported.collect(), unsupported: unsupported.collect() }
    }

    fn len(&self) -> usize {
        self.supported.len() + self.unsupported.len()
    }

    fn contains(&self, word: &str) -> bool {
        self.supported.contains(word) || self.unsupported.contains(word)
    }
}

fn check_operations(table: &Operations<'_>, readme: &str, compatibility: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if table.supported.is_empty() || table.unsupported.is_empty() {
        findings.push(format!("{OPERATIONS}: no table of operations"));
    }
    let (supported, all) = (table.supported.len(), table.len());
    for (name, text, sentence) in [
        (README, readme, format!("{supported} of the {all} operations")),
        (README, readme, format!("all {all} operations")),
        (COMPATIBILITY, compatibility, format!("{supported} of {all} are there")),
    ] {
        if !text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&sentence) {
            findings.push(format!("{name}: does not say \"{sentence}\""));
        }
    }
    let named: BTreeSet<&str> = words(section(readme, "What works")).collect();
    let named = named.into_iter().filter(|word| table.contains(word)).collect();
    findings.extend(differences(README, &table.supported, &named));

    let rows = || rows(section(compatibility, "Operations"));
    let are = |answer: &'static str| {
        let found = rows().filter(move |cells| cells.get(1) == Some(&answer));
        found.flat_map(|cells| cells[0].split(", ")).collect::<BTreeSet<_>>()
    };
    findings.extend(differences(COMPATIBILITY, &table.supported, &are("yes")));
    findings.extend(differences(COMPATIBILITY, &table.unsupported, &are("no")));
    findings
}

/// What a document lacks of the code's names, and what it has beside them.
fn differences(document: &str, code: &BTreeSet<&str>, found: &BTreeSet<&str>) -> Vec<String> {
    let missing = code.difference(found).map(|name| format!("{document}: lacks {name}"));
    let wrong = found.difference(code).map(|name| format!("{document}: {name} is not so"));
    missing.chain(wrong).collect()
}

fn check_settings(source: &str, readme: &str) -> Vec<String> {
    let settings = settings(source);
    let mut documented = BTreeMap::new();
    for cells in rows(section(readme, "Configuration")) {
        let flags = cells[0].split('`').skip(1).step_by(2);
        for flag in flags.filter_map(|span| span.split(' ').next()) {
            documented.insert(flag.to_owned(), cells.get(1).copied().unwrap_or_default());
        }
    }
    documented.remove(NO_SETTING);
    let in_code = settings.keys().map(String::as_str).collect();
    let in_readme = documented.keys().map(String::as_str).collect();
    let mut findings = differences(README, &in_code, &in_readme);
    for (flag, default) in &settings {
        let Some(shown) = documented.get(flag) else { continue };
        let shown: String = shown.chars().filter(|c| !c.is_whitespace() && *c != '`').collect();
        if default.as_ref().is_some_and(|default| *default != shown) {
            let default = default.as_deref().unwrap_or_default();
            findings.push(format!("{README}: the default of {flag} is {default}, not {shown}"));
        }
    }
    findings
}

/// The flags of the struct that clap reads, each with its default if that is one word.
fn settings(source: &str) -> BTreeMap<String, Option<String>> {
    let layer = source.split("struct ServeLayer {").nth(1).unwrap_or_default();
    let layer = layer.split("\n}").next().unwrap_or_default();
    let mut settings = BTreeMap::new();
    let mut doc = String::new();
    for line in layer.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push_str(text);
        } else if let Some((field, _)) = line.split_once(": Option<") {
            let default = doc.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']'));
            let default = default.map(|(default, _)| default.to_owned());
            let default = default.filter(|default| !default.contains(' '));
            settings.insert(format!("--{}", field.replace('_', "-")), default);
            doc.clear();
        }
    }
    settings
}

/// The text from a heading of the second level to the next one.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let after = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_default();
    after.split("\n## ").next().unwrap_or_default()
}

/// The cells of the rows of all tables.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "macro_rules! operations {}\noperations! {\n    supported {\n    \
                         PutRecord => put_record,\n    GetRecords => get_records,\n    }\n    \
                         unsupported {\n    \"CreateQueue\",\n    }\n}\n";
    const README_TEXT: &str = "2 of the 3\noperations; all 3 operations\n\n## What works\n\n\
                               | writing | PutRecord, in batches |\n| reading | GetRecords |\n";
    const COMPATIBILITY_TEXT: &str = "\n## Operations\n\n2 of 3 are there.\n\n\
                                      | GetRecords, PutRecord | yes |\n| CreateQueue | no | |\n";

    #[test]
    fn operations_of_the_documents_are_those_of_the_table() {
        let table = Operations::parse(TABLE);
        assert_eq!(check_operations(&table, README_TEXT, COMPATIBILITY_TEXT), [""; 0]);
        let readme = README_TEXT.replace("2 of", "1 of").replace("GetRecords", "CreateQueue");
        assert_eq!(
            check_operations(&table, &readme, COMPATIBILITY_TEXT),
            [
                "README.md: does not say \"2 of the 3 operations\"",
                "README.md: lacks GetRecords",
                "README.md: CreateQueue is not so"
            ]
        );
        let compatibility = COMPATIBILITY_TEXT.replace("GetRecords, ", "").replace("no", "yes");
        assert_eq!(
            check_operations(&table, README_TEXT, &compatibility),
            [
                "docs/compatibility.md: lacks GetRecords",
                "docs/compatibility.md: CreateQueue is not so",
                "docs/compatibility.md: lacks CreateQueue"
            ]
        );
    }

    #[test]
    fn settings_of_the_readme_are_those_of_the_code() {
        let source = "struct ServeLayer {\n    /// Where [default:\n    /// here]\n    #[arg(long)]\n    \
                      data_dir: Option<PathBuf>,\n    /// Limit [default: by --limits]\n    \
                      limit: Option<u64>,\n    /// File\n    keyring: Option<PathBuf>,\n}\n";
        let readme = "\n## Configuration\n\n| flag | default | |\n| `--config FILE` | | |\n\
                      | `--data-dir DIR` | `there` | |\n| `--limit N`, `--other` | 5 | |\n";
        assert_eq!(
            check_settings(source, readme),
            [
                "README.md: lacks --keyring",
                "README.md: --other is not so",
                "README.md: the default of --data-dir is here, not there"
            ]
        );
    }
}
