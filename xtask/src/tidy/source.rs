//! Rules about the text of one file.

/// The longest source file.
const LINES_MAX: usize = 800;

const SOURCE_SUFFIXES: &[&str] = &[".rs", ".py", ".js", ".mjs"];

/// Written by cargo, which puts its registry's address into every entry.
const LOCK_FILE: &str = "Cargo.lock";

/// Words in no file at all: directories of one machine, and hosts of package registries, which
/// differ between the networks that people build in. Split so that this file passes its own rule.
const FORBIDDEN: &[(&str, &str)] = &[
    ("/wo", "rk/"),
    ("registry.np", "mjs.org"),
    ("files.python", "hosted.org"),
    ("pypi", ".org/simple"),
    ("index.cra", "tes.io"),
    ("static.cra", "tes.io"),
    ("deb.deb", "ian.org"),
];

/// The one module that may hold `unsafe`.
const UNSAFE_MODULE: &str = "crates/env/src/short_slices.rs";
/// The lint against it, which code names only to lift it; split so that this file passes its own rule.
const UNSAFE_LINT: (&str, &str) = ("unsafe", "_code");

/// Words in no document: a path that a reader would copy into trouble.
const FORBIDDEN_IN_DOCUMENTS: &[(&str, &str)] = &[("/tm", "p/")];

/// Every finding in one file; `name` is its path from the root, with forward slashes.
pub(crate) fn check(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if SOURCE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(format!("{name}: {lines} lines, more than {LINES_MAX}"));
        }
    }
    if !name.ends_with(LOCK_FILE) {
        check_words(&mut findings, name, text, FORBIDDEN);
    }
    if name.ends_with(".md") {
        check_words(&mut findings, name, text, FORBIDDEN_IN_DOCUMENTS);
    }
    if name.ends_with(".rs") && !is_test_file(name) {
        let lines = unwraps(text).into_iter();
        findings.extend(lines.map(|line| format!("{name}:{line}: unwrap outside tests")));
    }
    if name.ends_with(".rs") && name != UNSAFE_MODULE {
        check_words(&mut findings, name, text, &[UNSAFE_LINT]);
    }
    findings
}

fn check_words(findings: &mut Vec<String>, name: &str, text: &str, words: &[(&str, &str)]) {
    for (head, tail) in words {
        let word = [*head, *tail].concat();
        for (index, line) in text.lines().enumerate() {
            if has_word(line, &word) {
                findings.push(format!("{name}:{}: contains {word}", index + 1));
            }
        }
    }
}

/// Whether `word` stands in `line` and, if it is a path, begins there rather than inside another.
fn has_word(line: &str, word: &str) -> bool {
    let begins = |at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && !"._-*}])~$".contains(c))
    };
    line.match_indices(word).any(|(at, _)| !word.starts_with('/') || begins(at))
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.split('/').any(|part| matches!(part, "tests" | "benches"))
}

/// The lines that unwrap, outside comments and outside items under `#[cfg(test)]`.
fn unwraps(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut position = Position::Code;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        position = position.after(code);
        if matches!(position, Position::Code) && code.contains(concat!(".unw", "rap()")) {
            found.push(index + 1);
        }
    }
    found
}

/// Where a line stands relative to an item under `#[cfg(test)]`.
#[derive(Clone, Copy)]
enum Position {
    Code,
    /// After the attribute, before the item's brace or semicolon.
    Attribute,
    /// Inside the item, with so many braces open.
    Test(usize),
    /// On the item's last line.
    End,
}

impl Position {
    fn after(self, code: &str) -> Self {
        let opened = code.matches('{').count();
        let closed = code.matches('}').count();
        let inside = |open: usize| match (open + opened).saturating_sub(closed) {
            0 => Self::End,
            depth => Self::Test(depth),
        };
        match self {
            Self::Code | Self::End if code.starts_with("#[cfg(test)]") => Self::Attribute,
            Self::Code | Self::End => Self::Code,
            Self::Attribute if opened > 0 => inside(0),
            Self::Attribute if code.ends_with(';') => Self::End,
            Self::Attribute => Self::Attribute,
            Self::Test(depth) => inside(depth),
        }
    }
}
