//! Step 1: the canonical request.
//!
//! ```text
//! METHOD \n
//! canonical path \n
//! canonical query \n
//! name:value \n        for each signed header, sorted
//! \n
//! name;name;name \n
//! hex(SHA-256(payload))
//! ```

use super::{Request, uri};

/// Which part of the query is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryScope {
    /// All of it: the signature is in a header.
    Whole,
    /// All but `X-Amz-Signature`, which a presigned request carries in the query.
    WithoutSignature,
}

/// Writes the canonical request. `signed` is sorted and without duplicates.
pub(super) fn canonical_request(
    request: &Request<'_>,
    signed: &[&str],
    scope: QueryScope,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    push_path(&mut out, request.path);
    out.push(b'\n');
    push_query(&mut out, request.query, scope);
    out.push(b'\n');
    for name in signed {
        push_header(&mut out, request, name);
    }
    out.push(b'\n');
    push_names(&mut out, signed);
    out.push(b'\n');
    out.extend_from_slice(request.payload_sha256_hex.as_bytes());
    out
}

/// The names of a `SignedHeaders` list in canonical order. Each is kept once: a repeated name
/// would let a short request grow into a long canonical one.
pub(super) fn signed_names(list: &str) -> Vec<&str> {
    let mut names: Vec<&str> = list.split(';').filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Appends `name;name;name`.
pub(super) fn push_names(out: &mut Vec<u8>, signed: &[&str]) {
    for (index, name) in signed.iter().enumerate() {
        if index > 0 {
            out.push(b';');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

/// Dot segments and empty segments are removed, then what is on the wire is encoded once more:
/// only S3 leaves the path alone.
fn push_path(out: &mut Vec<u8>, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        uri::encode_into(out, segment.as_bytes(), false);
    }
    let is_directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if segments.is_empty() || is_directory {
        out.push(b'/');
    }
}

/// Pairs are decoded, encoded again in the one canonical way, and sorted by name, then value.
fn push_query(out: &mut Vec<u8>, query: &str, scope: QueryScope) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = uri::query_pairs(query)
        .map(|(name, value)| (canonical_component(name), canonical_component(value)))
        .filter(|(name, _)| scope == QueryScope::Whole || name.as_slice() != b"X-Amz-Signature")
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

fn canonical_component(raw: &str) -> Vec<u8> {
    let decoded = uri::decode(raw);
    let mut out = Vec::with_capacity(raw.len());
    uri::encode_into(&mut out, &decoded, false);
    out
}

/// Values of one name are joined by commas in order of arrival. A header that was signed but is
/// not there counts as empty.
fn push_header(out: &mut Vec<u8>, request: &Request<'_>, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let values = request.headers.iter().filter(|(present, _)| *present == name);
    for (index, (_, value)) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_trimmed(out, value);
    }
    out.push(b'\n');
}

/// No white space around the value, and single spaces inside.
fn push_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    let mut after_space = false;
    for &byte in value.trim_ascii() {
        if byte != b' ' || !after_space {
            out.push(byte);
        }
        after_space = byte == b' ';
    }
}
