//! Who is calling: from an HTTP request to an account, a Region and a principal.
//!
//! Order of the checks with [`AuthMode::Sigv4`], which is also the order of what a stranger can
//! learn: is there a signature and is it complete, is its access key known, does the session
//! token fit, has the key expired, and last whether scope, clock and signature are right. The
//! body is hashed only for a known key.
//!
//! A Region that is none of the server's is refused last of all, so that strangers do not learn which
//! there are.
//!
//! With [`AuthMode::Open`] everybody is believed and nothing is ever refused. Who names no Region of
//! the server's is in the default one.

pub mod credentials;
mod intern;
pub mod policies;
mod regions;
mod secret;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anabranch_policy::{Policy, Principal};
use anabranch_protocol::sigv4::{self, SigV4Error, Verifier};
use anabranch_protocol::{CommonError, WireError};
use http::request::Parts;

use credentials::ACCESS_KEY_ID_LEN_MAX;
pub(crate) use credentials::is_account_id;
pub use credentials::{Credential, CredentialsError, CredentialsFile, NewCredential};
pub use policies::{AttachedPolicies, NamedPolicy};
pub use secret::Secret;
pub use store::CredentialStore;
pub(crate) use store::may_pass;

use intern::Interner;
use regions::Regions;

/// One is needed per access key, day, Region and service in use.
const SIGNING_KEYS_MAX: usize = 4096;
/// Access key id of a caller who named none.
const ANONYMOUS: &str = "anonymous";

/// How callers prove who they are.
#[derive(Debug)]
pub enum AuthMode {
    /// By signature with a key of the credentials file.
    Sigv4(CredentialStore),
    /// Not at all: any credentials or none are accepted, as emulators do.
    Open {
        /// Account of callers whose access key id is not itself an account id.
        account_id: Arc<str>,
    },
}

/// Who called, and where. Clones share their text.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// 12 digits.
    pub account_id: Arc<str>,
    /// Region of the credential scope.
    pub region: Arc<str>,
    /// The key that was used, or `anonymous`.
    pub access_key_id: Arc<str>,
    /// ARN of a user or of the session of a role; without authentication
    /// `arn:aws:iam::ACCOUNT:root`.
    pub principal_arn: Arc<str>,
    /// The same, as policies see it.
    pub principal: Arc<Principal>,
    /// What the caller may do; `None`: everything in its account.
    pub policies: Option<Arc<[Arc<Policy>]>>,
    /// The key that the request was signed with; `None` if everybody is believed.
    pub credential: Option<Arc<Credential>>,
}

impl Caller {
    fn of(credential: Arc<Credential>, region: Arc<str>) -> Self {
        Self {
            account_id: Arc::clone(&credential.account_id),
            region,
            access_key_id: Arc::clone(&credential.access_key_id),
            principal_arn: Arc::clone(credential.principal.arn()),
            principal: Arc::clone(&credential.principal),
            policies: credential.policies.as_ref().map(|policies| Arc::clone(&policies.parsed)),
            credential: Some(credential),
        }
    }
}

/// Why a caller was turned away. `Display` is the message on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The signature is missing, incomplete, out of date or wrong.
    #[error(transparent)]
    Signature(#[from] SigV4Error),
    /// The access key is unknown, or its session token is missing, wrong or not expected. AWS
    /// does not say which.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
    /// The access key was good once.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

impl AuthError {
    /// The error of the wire.
    pub fn kind(&self) -> CommonError {
        match self {
            Self::Signature(error) => error.kind(),
            Self::UnrecognizedClient => CommonError::UnrecognizedClient,
            Self::ExpiredToken => CommonError::ExpiredToken,
        }
    }
}

impl From<AuthError> for WireError {
    fn from(error: AuthError) -> Self {
        error.kind().because(error.to_string())
    }
}

/// Tells callers from strangers.
#[derive(Debug)]
pub struct Authenticator {
    mode: AuthMode,
    default_region: Arc<str>,
    verifier: Verifier,
    regions: Regions,
    /// With [`AuthMode::Open`]: callers in the default Region by access key id.
    open_callers: Interner<Caller>,
}

impl Authenticator {
    /// `default_region` is for callers without a credential scope. There are it and `regions`.
    pub fn new(mode: AuthMode, default_region: &str, regions: &[String]) -> Self {
        let names = regions.iter().map(String::as_str).chain([default_region]);
        Self {
            mode,
            default_region: default_region.into(),
            verifier: Verifier::new(SIGNING_KEYS_MAX),
            regions: Regions::new(names),
            open_callers: Interner::default(),
        }
    }

    /// Looks at the credentials file at once, if there is one.
    pub fn look(&self) {
        match &self.mode {
            AuthMode::Sigv4(store) => store.look(),
            AuthMode::Open { .. } => {}
        }
    }

    /// Says who sent this request with this body. `services` are the names that the credential
    /// scope may carry for it: `["kinesis"]` for an operation of Kinesis.
    pub fn authenticate(
        &self,
        parts: &Parts,
        payload: &[u8],
        services: &[&str],
        now_unix_secs: i64,
    ) -> Result<Caller, AuthError> {
        match &self.mode {
            AuthMode::Open { account_id } => Ok(self.believe(parts, account_id)),
            AuthMode::Sigv4(store) => self.verify(parts, payload, services, now_unix_secs, store),
        }
    }

    /// Whether a request with this head can be a caller's at all, whatever its body: what
    /// [`Authenticator::authenticate`] finds before it looks at that.
    ///
    /// # Errors
    /// The same as then.
    pub fn check_head(
        &self,
        parts: &Parts,
        services: &[&str],
        now_unix_secs: i64,
    ) -> Result<(), AuthError> {
        let AuthMode::Sigv4(store) = &self.mode else { return Ok(()) };
        let headers = header_slices(parts);
        let request = request_of(parts, &headers);
        let (presented, _) = claim(&request, now_unix_secs, store)?;
        Ok(sigv4::check_claim(&presented, &request, services, now_unix_secs)?)
    }

    fn verify(
        &self,
        parts: &Parts,
        payload: &[u8],
        services: &[&str],
        now_unix_secs: i64,
        store: &CredentialStore,
    ) -> Result<Caller, AuthError> {
        let headers = header_slices(parts);
        let unhashed = request_of(parts, &headers);
        let (presented, credential) = claim(&unhashed, now_unix_secs, store)?;
        let hash = sigv4::sha256_hex(payload);
        let request = sigv4::Request { payload_sha256_hex: hash.as_str(), ..unhashed };
        let secret = credential.secret_access_key.expose();
        self.verifier.verify(&presented, &request, secret, services, now_unix_secs)?;
        let region = presented.credential.region();
        let region = self.regions.of(region).ok_or_else(|| SigV4Error::unknown_region(region))?;
        Ok(Caller::of(credential, region))
    }

    /// A caller whose request goes on for long, as its key is now: it may have other policies.
    /// `None` if the key is gone, has expired, or is another one under the same id.
    pub fn again(&self, caller: &Caller, now_unix_secs: i64) -> Option<Caller> {
        let (AuthMode::Sigv4(store), Some(then)) = (&self.mode, &caller.credential) else {
            return Some(caller.clone());
        };
        let credential = store.lookup(&then.access_key_id, now_unix_secs)?;
        let is_same = credential.secret_access_key == then.secret_access_key
            && credential.session_token == then.session_token
            && credential.principal == then.principal;
        let has_expired = credential.expires_at.is_some_and(|expiry| now_unix_secs >= expiry);
        (is_same && !has_expired).then(|| Caller::of(credential, caller.region.clone()))
    }

    fn believe(&self, parts: &Parts, default_account_id: &Arc<str>) -> Caller {
        let authorization = parts.headers.get(http::header::AUTHORIZATION);
        let headers = authorization.map(|value| ("authorization", value.as_bytes()));
        let request = request_of(parts, headers.as_slice());
        let claimed = sigv4::claimed_credential(&request);

        let id = claimed.as_ref().map_or(ANONYMOUS, |credential| credential.access_key_id());
        // No key has a longer one; what is kept of strangers is bounded.
        let id = if id.len() <= ACCESS_KEY_ID_LEN_MAX { id } else { ANONYMOUS };
        let caller = self.open_callers.get_or_make(id, || {
            let account_id =
                if is_account_id(id) { id.into() } else { Arc::clone(default_account_id) };
            let principal = Principal::root(&account_id);
            Caller {
                principal_arn: Arc::clone(principal.arn()),
                principal: Arc::new(principal),
                policies: None,
                credential: None,
                account_id,
                region: Arc::clone(&self.default_region),
                access_key_id: id.into(),
            }
        });
        match claimed.and_then(|credential| self.regions.of(credential.region())) {
            Some(region) => Caller { region, ..caller },
            None => caller,
        }
    }
}

/// Who a request claims to be from, if there is such a key and it is still good.
fn claim<'a>(
    request: &sigv4::Request<'a>,
    now_unix_secs: i64,
    store: &CredentialStore,
) -> Result<(sigv4::Presented<'a>, Arc<Credential>), AuthError> {
    let presented = sigv4::parse(request)?;
    let credential = store
        .lookup(presented.credential.access_key_id(), now_unix_secs)
        .ok_or(AuthError::UnrecognizedClient)?;
    check_token(&credential, presented.session_token.as_deref())?;
    if credential.expires_at.is_some_and(|expiry| now_unix_secs >= expiry) {
        return Err(AuthError::ExpiredToken);
    }
    Ok((presented, credential))
}

fn check_token(credential: &Credential, presented: Option<&str>) -> Result<(), AuthError> {
    let fits = match (&credential.session_token, presented) {
        (None, None) => true,
        (Some(expected), Some(presented)) => expected.matches(presented),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if fits { Ok(()) } else { Err(AuthError::UnrecognizedClient) }
}

fn header_slices(parts: &Parts) -> Vec<(&str, &[u8])> {
    let mut headers = Vec::with_capacity(parts.headers.len() + 1);
    headers.extend(parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    // HTTP/2 has `:authority` instead, and clients sign it as `host`.
    if let Some(authority) = parts.uri.authority()
        && !parts.headers.contains_key(http::header::HOST)
    {
        headers.push(("host", authority.as_str().as_bytes()));
    }
    headers
}

/// The request as SigV4 sees it, its payload not yet hashed.
fn request_of<'a>(parts: &'a Parts, headers: &'a [(&'a str, &'a [u8])]) -> sigv4::Request<'a> {
    sigv4::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers,
        payload_sha256_hex: "",
    }
}
