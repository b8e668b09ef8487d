use super::*;
use proptest::prelude::*;
use std::fs;
use std::process::Command;

fn entries(text: &str) -> Vec<(usize, String, String)> {
    let found = read(text.as_bytes()).expect("a properties file");
    found.into_iter().map(|one| (one.line, one.key, one.value)).collect()
}

fn entry(line: usize, key: &str, value: &str) -> (usize, String, String) {
    (line, key.to_owned(), value.to_owned())
}

#[test]
fn reads_entries_with_their_lines() {
    let text =
        "# a comment \\\n\n! another\r\nA=1\rB : two words \n  C\tx=y\nD\nE = a, \\\n   b\nF=\n";
    let expected = [
        entry(4, "A", "1"),
        entry(5, "B", "two words "),
        entry(6, "C", "x=y"),
        entry(7, "D", ""),
        entry(8, "E", "a, b"),
        entry(10, "F", ""),
    ];
    assert_eq!(entries(text), expected);
}

#[test]
fn resolves_escapes() {
    let text = r"a\=b\:c\ d = \t\u00e9\ud83d\ude00\q\\";
    assert_eq!(entries(text), [entry(1, "a=b:c d", "\té😀q\\")]);
    assert_eq!(read(b"a=\xe9").expect("a file")[0].value, "é");
    for (text, line) in [(r"a=\u12", 1), ("a=1\n\nb=\\u00g0", 3)] {
        assert_eq!(read(text.as_bytes()), Err(PropertiesError::Escape { line }));
    }
}

#[test]
fn refuses_a_file_that_is_too_large() {
    let bytes = vec![b'\n'; FILE_BYTES_MAX + 1];
    let refused = PropertiesError::TooLarge { bytes: bytes.len() };
    assert_eq!(read(&bytes), Err(refused));
    assert_eq!(read(&bytes[1..]), Ok(vec![]));
}

proptest! {
    #[test]
    fn reads_anything_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}

/// What `java.util.Properties` makes of each file that is named: its entries in hexadecimal, one in a
/// line, and a full stop; or `malformed`.
const READER: &str = r#"
import java.io.*;
import java.util.*;

public class Reader {
    public static void main(String[] files) throws Exception {
        var out = new PrintStream(System.out, false, "US-ASCII");
        for (var file : files) {
            var read = new TreeMap<String, String>();
            var properties = new Properties() {
                public synchronized Object put(Object key, Object value) {
                    return read.put(hex(key), hex(value));
                }
            };
            try (var in = new FileInputStream(file)) {
                properties.load(in);
                read.forEach((key, value) -> out.println(key + "=" + value));
                out.println(".");
            } catch (IllegalArgumentException malformed) {
                out.println("malformed");
            }
        }
        out.flush();
    }

    static String hex(Object text) {
        var hex = new StringBuilder("x");
        for (char unit : ((String) text).toCharArray()) hex.append(String.format("%04x", (int) unit));
        return hex.toString();
    }
}
"#;

fn hex(text: &str) -> String {
    text.encode_utf16().fold("x".to_owned(), |hex, unit| format!("{hex}{unit:04x}"))
}

/// What this module makes of a file, as [`READER`] prints it.
fn printed(bytes: &[u8]) -> String {
    let Ok(found) = read(bytes) else { return "malformed\n".to_owned() };
    let last: std::collections::BTreeMap<_, _> =
        found.into_iter().map(|one| (hex(&one.key), hex(&one.value))).collect();
    let lines = last.iter().map(|(key, value)| format!("{key}={value}\n"));
    lines.collect::<String>() + ".\n"
}

/// Files of what matters to the format, by a generator that is the same each time.
fn odd_files() -> Vec<Vec<u8>> {
    const PIECES: [&str; 18] = [
        "\\", "\\", "\n", "\n", "\r", "\r\n", "=", ":", " ", "\t", "\x0c", "#", "!", "a", "b",
        "\\u00e9", "\\u", "\u{e9}",
    ];
    let mut state = 1_u64;
    let mut next = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut file = |_| {
        let pieces = (0..next(14)).map(|_| PIECES[next(PIECES.len())]);
        // ISO 8859-1.
        pieces.flat_map(str::chars).map(|char| char as u8).collect()
    };
    (0..3_000).map(&mut file).collect()
}

#[expect(clippy::disallowed_methods, reason = "the files of a test")]
#[test]
fn reads_what_java_reads() {
    if Command::new("java").arg("-version").output().is_err() {
        eprintln!("skipped: there is no java");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("Reader.java");
    fs::write(&source, READER).expect("written");
    let files = odd_files();
    let mut java = Command::new("java");
    java.arg("-Xshare:auto").arg("-XX:TieredStopAtLevel=1").arg(&source);
    for (number, bytes) in files.iter().enumerate() {
        let path = folder.path().join(format!("{number}.properties"));
        fs::write(&path, bytes).expect("written");
        java.arg(path);
    }
    let output = java.output().expect("java runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).expect("ASCII");
    let mut lines = told.lines();
    for bytes in &files {
        let mut expected = String::new();
        loop {
            let line = lines.next().expect("an end of each file");
            expected += line;
            expected.push('\n');
            if matches!(line, "." | "malformed") {
                break;
            }
        }
        assert_eq!(printed(bytes), expected, "{:?}", bytes.escape_ascii().to_string());
    }
}
