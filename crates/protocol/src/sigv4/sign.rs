//! Step 4 on the client's side.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::canonical::{QueryScope, canonical_request};
use super::string_to_sign::string_to_sign;
use super::{ALGORITHM, Request, SigningKey, TERMINATOR, Timestamp, uri};

/// What a client signs with.
#[derive(Clone)]
pub struct Credentials {
    /// Names the secret.
    pub access_key_id: String,
    /// The secret, which never leaves this process.
    pub secret_access_key: String,
    /// Token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"***")
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .finish()
    }
}

/// Headers to add to a request that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `Authorization`.
    pub authorization: String,
    /// `X-Amz-Date`.
    pub x_amz_date: String,
    /// `X-Amz-Security-Token`.
    pub x_amz_security_token: Option<String>,
}

/// Signs requests to one service in one Region; remembers the day's signing key.
#[derive(Debug)]
pub struct Signer {
    credentials: Credentials,
    region: String,
    service: String,
    /// The last day signed for, as `YYYYMMDD`, with its key.
    key: RwLock<Option<(String, SigningKey)>>,
}

impl Signer {
    /// A signer for `service` (`kinesis`) in `region`.
    pub fn new(
        credentials: Credentials,
        region: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        let (region, service) = (region.into(), service.into());
        Self { credentials, region, service, key: RwLock::new(None) }
    }

    /// Signs every header of the request, which must include `host`; the date and the token are
    /// added here. Headers that a proxy may change must not be among them.
    pub fn sign(&self, request: &Request<'_>, now_unix_secs: i64) -> SignatureHeaders {
        let timestamp = Timestamp::from_unix(now_unix_secs);
        let token = self.credentials.session_token.as_deref();
        let mut headers = signable_headers(request);
        headers.push(("x-amz-date", timestamp.as_str().as_bytes()));
        headers.extend(token.map(|token| ("x-amz-security-token", token.as_bytes())));

        let signed = names_of(&headers);
        let request = Request { headers: &headers, ..*request };
        let canonical = canonical_request(&request, &signed, QueryScope::Whole);
        let scope = self.scope(&timestamp);
        let signature =
            self.key_for(&timestamp).signature(&string_to_sign(&timestamp, &scope, &canonical));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.credentials.access_key_id,
            signed.join(";"),
        );
        SignatureHeaders {
            authorization,
            x_amz_date: timestamp.to_string(),
            x_amz_security_token: token.map(str::to_owned),
        }
    }

    /// The query of a presigned request: what `request.query` has, then the signature of it and
    /// of every header, which must include `host`.
    pub fn presign(&self, request: &Request<'_>, expires_secs: u32, now_unix_secs: i64) -> String {
        let timestamp = Timestamp::from_unix(now_unix_secs);
        let headers = signable_headers(request);
        let signed = names_of(&headers);
        let scope = self.scope(&timestamp);
        let credential = format!("{}/{scope}", self.credentials.access_key_id);

        let mut query = request.query.to_owned();
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!(
            "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={}&X-Amz-Date={timestamp}\
             &X-Amz-Expires={expires_secs}&X-Amz-SignedHeaders={}",
            uri::encode(&credential),
            uri::encode(&signed.join(";")),
        ));
        if let Some(token) = &self.credentials.session_token {
            query.push_str("&X-Amz-Security-Token=");
            query.push_str(&uri::encode(token));
        }

        let request = Request { headers: &headers, query: &query, ..*request };
        let canonical = canonical_request(&request, &signed, QueryScope::WithoutSignature);
        let signature =
            self.key_for(&timestamp).signature(&string_to_sign(&timestamp, &scope, &canonical));
        format!("{query}&X-Amz-Signature={signature}")
    }

    fn scope(&self, timestamp: &Timestamp) -> String {
        [timestamp.date(), "/", &self.region, "/", &self.service, "/", TERMINATOR].concat()
    }

    fn key_for(&self, timestamp: &Timestamp) -> SigningKey {
        let date = timestamp.date();
        let remembered = self.key.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = remembered.as_ref().filter(|(day, _)| day == date) {
            return key.clone();
        }
        drop(remembered);
        let secret = &self.credentials.secret_access_key;
        let key = SigningKey::derive(secret, date, &self.region, &self.service);
        *self.key.write().unwrap_or_else(PoisonError::into_inner) =
            Some((date.to_owned(), key.clone()));
        key
    }
}

/// The request's headers without those that signing itself sets.
fn signable_headers<'a>(request: &Request<'a>) -> Vec<(&'a str, &'a [u8])> {
    request
        .headers
        .iter()
        .copied()
        .filter(|(name, _)| {
            !matches!(*name, "authorization" | "x-amz-date" | "x-amz-security-token")
        })
        .collect()
}

fn names_of<'a>(headers: &[(&'a str, &[u8])]) -> Vec<&'a str> {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
