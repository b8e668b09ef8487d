//! Names of code in the documents: each must be in the code.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use crate::tools::Project;

/// Documents that may name what is no longer there.
const HISTORY: &[&str] = &["CHANGELOG.md"];

/// Where names come from. Documents do not prove each other right.
const SOURCE_SUFFIXES: &[&str] = &[".rs", ".py", ".js", ".mjs", ".toml", ".sh"];

/// Names of AWS and of other people's programs, which our source does not have.
const OTHERS: &[&str] = &["sched_setattr(2)"];

/// Every name in a document that the tree does not have.
pub(crate) fn check(project: &Project, files: &[PathBuf]) -> Vec<String> {
    let tree = Tree::read(project, files);
    let mut findings = Vec::new();
    let documents = files.iter().map(|file| file.to_string_lossy());
    for document in documents.filter(|name| name.ends_with(".md") && !HISTORY.contains(&&**name)) {
        let text = fs::read_to_string(project.root.join(&*document)).unwrap_or_default();
        for (line, span) in spans(&text) {
            if !OTHERS.contains(&span) && !tree.has(span) {
                findings.push(format!("{document}:{line}: there is no `{span}`"));
            }
        }
    }
    findings
}

/// The code spans of one line each, outside of fenced blocks.
fn spans(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| (index + 1, span)));
        }
    }
    found
}

/// The source files.
#[derive(Default)]
struct Tree {
    files: Vec<Source>,
}

struct Source {
    path: String,
    words: HashSet<String>,
    /// Words that are declared: after `fn`, `const` and their like, or before a colon.
    declared: HashSet<String>,
    /// Types that are declared or have an `impl`.
    types: HashSet<String>,
}

impl Tree {
    fn read(project: &Project, files: &[PathBuf]) -> Self {
        let mut tree = Self::default();
        for file in files {
            let path = file.to_string_lossy().into_owned();
            let is_source = SOURCE_SUFFIXES.iter().any(|suffix| path.ends_with(suffix));
            let text = is_source.then(|| fs::read_to_string(project.root.join(file)).ok());
            tree.files.push(Source::new(path, &text.flatten().unwrap_or_default()));
        }
        tree
    }

    /// Whether a span is no name of code, or one that is there.
    fn has(&self, span: &str) -> bool {
        if span.ends_with(".rs") || span.ends_with(".toml") {
            let end = format!("/{span}");
            return self.files.iter().any(|file| file.path == span || file.path.ends_with(&end));
        }
        let Some(name) = name_of(span) else { return true };
        let parts: Vec<&str> = name.split("::").collect();
        match parts.as_slice() {
            [] => true,
            [one] => self.files.iter().any(|file| file.is_about(one) || file.words.contains(*one)),
            [.., outer, inner] => {
                self.files.iter().any(|file| file.is_about(outer) && file.declares(inner))
            }
        }
    }
}

impl Source {
    fn new(path: String, text: &str) -> Self {
        let (mut words, mut declared) = (HashSet::new(), HashSet::new());
        let mut types = HashSet::new();
        for line in text.lines().map(str::trim) {
            if line.starts_with("//") {
                continue;
            }
            let mut before = "";
            for (word, after) in identifiers(line) {
                words.insert(word.to_owned());
                let is_field = after.starts_with(':') && !after.starts_with("::");
                if is_field || matches!(before, "fn" | "const" | "static" | "mod") {
                    declared.insert(word.to_owned());
                }
                if matches!(before, "struct" | "enum" | "trait" | "type" | "macro_rules") {
                    types.insert(word.to_owned());
                }
                // A variant stands at the beginning of its line.
                let is_first = line.starts_with(word) && before.is_empty();
                if is_first && word.starts_with(char::is_uppercase) {
                    declared.insert(word.to_owned());
                }
                if line.starts_with("impl") && word.starts_with(char::is_uppercase) {
                    types.insert(word.to_owned());
                }
                before = word;
            }
        }
        Self { path, words, declared, types }
    }

    /// Whether the file is this module, lies in this folder, or has something of this type.
    fn is_about(&self, name: &str) -> bool {
        let mut parts = self.path.split(['/', '.']);
        self.types.contains(name) || parts.any(|part| part == name)
    }

    fn declares(&self, name: &str) -> bool {
        self.declared.contains(name) || self.types.contains(name)
    }
}

/// The name that a span is: a path, or a word that no prose has. `None` for everything else.
fn name_of(span: &str) -> Option<String> {
    let mut name = span;
    // A call, a macro, a generic argument, a file before an item.
    name = name.split_once('(').map_or(name, |(name, _)| name);
    name = name.strip_suffix('!').unwrap_or(name);
    name = name.split_once("::<").map_or(name, |(name, _)| name);
    let name = name.replace(".rs::", "::");
    let is_path = !name.is_empty()
        && name.split("::").all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
    let has_humps = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().any(|c| c.is_ascii_lowercase())
        && name.chars().skip(1).any(|c| c.is_ascii_uppercase());
    let is_name = name.contains("::") || name.contains('_') || has_humps || span.ends_with("()");
    (is_path && is_name).then_some(name)
}

/// The identifiers of a line, each with what follows it.
fn identifiers(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c| !is_part(c));
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some((word, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let engine = "pub struct Engine;\nimpl<D> Engine<D> {\n    fn put(&self) {}\n}\n\
                      // fn gone()\nenum Fault {\n    Torn,\n}\n";
        let queue = "pub(crate) struct Queue {\n    next_index: u64,\n}\nfn call() {\n    \
                     client.stream_name(a);\n}\nconst LOST_MAX: u64 = 1;\n";
        Tree {
            files: vec![
                Source::new("crates/engine/src/engine.rs".to_owned(), engine),
                Source::new("crates/storage/src/queue.rs".to_owned(), queue),
            ],
        }
    }

    #[test]
    fn names_that_are_declared_are_found() {
        let tree = tree();
        for name in [
            "Engine::put",
            "Engine::put::<Sync>",
            "Queue::next_index",
            "queue::LOST_MAX",
            "queue.rs::LOST_MAX",
            "Fault::Torn",
            "engine.rs",
            "storage/src/queue.rs",
            "stream_name",
            "call()",
        ] {
            assert!(tree.has(name), "{name}");
        }
    }

    #[test]
    fn names_that_are_only_used_or_remembered_are_not() {
        let tree = tree();
        for name in
            ["Engine::gone", "queue::stream_name", "Engine::next_index", "ghost.rs", "PutRecord"]
        {
            assert!(!tree.has(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_let_pass() {
        for span in ["cargo xtask tidy", "--data-dir", "sync", "interval=MS", "64KiB", "AWS"] {
            assert_eq!(name_of(span), None, "{span}");
        }
        let text = "`one` and\n```\n`two`\n```\n`three`";
        assert_eq!(spans(text), [(1, "one"), (5, "three")]);
    }
}
