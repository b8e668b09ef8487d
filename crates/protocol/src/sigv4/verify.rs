//! Step 4 on the server's side: is the claim true, and is it for now and for here?

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::canonical::{self, QueryScope};
use super::string_to_sign::string_to_sign;
use super::{
    CLOCK_TOLERANCE_SECS, Placement, Presented, Request, ScopeFault, SigV4Error, SigningKey,
    SigningKeyCache, TERMINATOR, Timestamp,
};

/// Longest name of a Region that is accepted; AWS's own have 14 characters or less.
const REGION_LEN_MAX: usize = 32;

/// Verifies a request against a secret, with a key derived on the spot.
///
/// `services` are the names that the scope may carry; the first is the one that the error quotes.
pub fn verify(
    presented: &Presented<'_>,
    request: &Request<'_>,
    secret: &str,
    services: &[&str],
    now_unix_secs: i64,
) -> Result<(), SigV4Error> {
    let claim = claim_of(presented, request, services, now_unix_secs)?;
    check_signature(&claim, &derive_key(presented, secret))
}

/// Checks everything that needs neither secret nor payload, in the order of [`verify`].
///
/// # Errors
/// What [`verify`] would find.
pub fn check_claim(
    presented: &Presented<'_>,
    request: &Request<'_>,
    services: &[&str],
    now_unix_secs: i64,
) -> Result<(), SigV4Error> {
    claim_of(presented, request, services, now_unix_secs).map(drop)
}

/// [`verify`] with remembered signing keys: one HMAC per request instead of five.
#[derive(Debug)]
pub struct Verifier {
    keys: SigningKeyCache,
}

impl Verifier {
    /// A verifier that remembers at most this many keys; one is needed per access key, Region and
    /// service in use.
    pub fn new(keys_max: usize) -> Self {
        Self { keys: SigningKeyCache::new(keys_max) }
    }

    /// See [`verify`](super::verify()).
    pub fn verify(
        &self,
        presented: &Presented<'_>,
        request: &Request<'_>,
        secret: &str,
        services: &[&str],
        now_unix_secs: i64,
    ) -> Result<(), SigV4Error> {
        let claim = claim_of(presented, request, services, now_unix_secs)?;
        if let Some(key) = self.keys.get(&presented.credential, secret) {
            return check_signature(&claim, &key);
        }
        let key = derive_key(presented, secret);
        check_signature(&claim, &key)?;
        self.keys.put(&presented.credential, secret, key);
        Ok(())
    }
}

fn derive_key(presented: &Presented<'_>, secret: &str) -> SigningKey {
    let credential = &presented.credential;
    SigningKey::derive(secret, credential.date(), credential.region(), credential.service())
}

/// A claim that holds but for its signature.
struct Claim<'a> {
    presented: &'a Presented<'a>,
    request: &'a Request<'a>,
    /// Canonical order.
    signed: Vec<&'a str>,
}

/// Checks everything that needs no secret.
fn claim_of<'a>(
    presented: &'a Presented<'_>,
    request: &'a Request<'_>,
    services: &[&str],
    now_unix_secs: i64,
) -> Result<Claim<'a>, SigV4Error> {
    let signed = canonical::signed_names(&presented.signed_headers);
    check_scope(presented, services)?;
    check_signed_headers(&signed, request)?;
    check_time(presented, now_unix_secs)?;
    Ok(Claim { presented, request, signed })
}

fn check_scope(presented: &Presented<'_>, services: &[&str]) -> Result<(), SigV4Error> {
    let credential = &presented.credential;
    let mut faults = Vec::new();
    if !is_region_name(credential.region()) {
        faults.push(ScopeFault::Region { region: credential.region().to_owned() });
    }
    if !services.contains(&credential.service()) {
        let expected = services.first().copied().unwrap_or_default().to_owned();
        faults.push(ScopeFault::Service { expected });
    }
    if credential.terminator() != TERMINATOR {
        faults.push(ScopeFault::Terminator { got: credential.terminator().to_owned() });
    }
    if credential.date() != presented.timestamp.date() {
        faults.push(ScopeFault::Date {
            scope_date: credential.date().to_owned(),
            timestamp: presented.timestamp,
        });
    }
    if faults.is_empty() { Ok(()) } else { Err(SigV4Error::BadScope { faults }) }
}

/// Whether this may be the name of a Region: 1 to 32 lower-case letters, digits and hyphens.
pub fn is_region_name(name: &str) -> bool {
    (1..=REGION_LEN_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn check_signed_headers(signed: &[&str], request: &Request<'_>) -> Result<(), SigV4Error> {
    let is_signed = |name: &str| signed.binary_search(&name).is_ok();
    if !is_signed("host") {
        return Err(SigV4Error::HostNotSigned);
    }
    request
        .headers
        .iter()
        .map(|(name, _)| *name)
        .find(|name| {
            name.starts_with("x-amz-") && *name != "x-amz-security-token" && !is_signed(name)
        })
        .map_or(Ok(()), |name| Err(SigV4Error::HeaderNotSigned { name: name.to_owned() }))
}

fn check_time(presented: &Presented<'_>, now_unix_secs: i64) -> Result<(), SigV4Error> {
    let timestamp = presented.timestamp;
    let valid_secs = match presented.placement {
        Placement::Query { expires_secs: Some(secs) } => i64::from(secs),
        Placement::Query { expires_secs: None } | Placement::Header => CLOCK_TOLERANCE_SECS,
    };
    let age_secs = now_unix_secs.saturating_sub(timestamp.unix_secs());
    let now = Timestamp::from_unix(now_unix_secs);
    if age_secs > valid_secs {
        return Err(SigV4Error::Expired { timestamp, now, valid_secs });
    }
    if age_secs < -CLOCK_TOLERANCE_SECS {
        return Err(SigV4Error::NotYetCurrent { timestamp, now });
    }
    Ok(())
}

fn check_signature(claim: &Claim<'_>, key: &SigningKey) -> Result<(), SigV4Error> {
    let Claim { presented, request, signed } = claim;
    let query_scope = match presented.placement {
        Placement::Header => QueryScope::Whole,
        Placement::Query { .. } => QueryScope::WithoutSignature,
    };
    let canonical_request = canonical::canonical_request(request, signed, query_scope);
    let to_sign =
        string_to_sign(&presented.timestamp, presented.credential.scope(), &canonical_request);
    let expected = key.signature(&to_sign);
    verify_slices_are_equal(expected.as_str().as_bytes(), presented.signature.as_bytes()).map_err(
        |_| SigV4Error::SignatureMismatch {
            canonical_request: String::from_utf8_lossy(&canonical_request).into_owned(),
            string_to_sign: to_sign,
        },
    )
}
