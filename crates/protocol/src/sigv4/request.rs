//! What both sides sign.

/// The parts of an HTTP request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Path as on the request line, still percent-encoded.
    pub path: &'a str,
    /// Query as on the request line, still percent-encoded, without `?`; empty if there is none.
    pub query: &'a str,
    /// Lower-case names with their values, in order of arrival, repeated names repeated. Over
    /// HTTP/2 the caller adds `host` from `:authority`.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// [`sha256_hex`](super::sha256_hex) of the body. [`parse`](super::parse()) does not look at it.
    pub payload_sha256_hex: &'a str,
}

impl<'a> Request<'a> {
    /// First value of the header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }
}
