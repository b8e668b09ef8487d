//! What a request says about its own signature, in a header or in the query.

use std::borrow::Cow;

use super::{ALGORITHM, EXPIRES_SECS_MAX, Request, SigV4Error, Timestamp, uri};

/// A request's claim, complete and readable but not yet believed.
#[derive(Debug, Clone)]
pub struct Presented<'a> {
    /// Who claims, and for which day, Region and service.
    pub credential: Credential<'a>,
    /// Names of the signed headers, separated by `;`.
    pub signed_headers: Cow<'a, str>,
    /// The signature, supposedly 64 hexadecimal digits.
    pub signature: Cow<'a, str>,
    /// Session token of temporary credentials.
    pub session_token: Option<Cow<'a, str>>,
    /// When it was signed.
    pub timestamp: Timestamp,
    /// Where the claim was found.
    pub placement: Placement,
}

/// Where a signature was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned request.
    Query {
        /// `X-Amz-Expires`, from 1 to a week.
        expires_secs: Option<u32>,
    },
}

/// `access-key-id/date/region/service/terminator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential<'a> {
    text: Cow<'a, str>,
    /// Positions of the four slashes.
    slashes: [usize; 4],
}

impl<'a> Credential<'a> {
    /// Splits a credential into its five elements; none may be empty.
    pub fn parse(text: Cow<'a, str>) -> Result<Self, SigV4Error> {
        let mut slashes = [0; 4];
        let mut found = 0;
        for (at, _) in text.match_indices('/') {
            if let Some(slot) = slashes.get_mut(found) {
                *slot = at;
            }
            found += 1;
        }
        if found != 4 || text.split('/').any(str::is_empty) {
            return Err(SigV4Error::MalformedCredential { credential: text.into_owned() });
        }
        Ok(Self { text, slashes })
    }

    /// All five elements, as presented.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose secret is to be used.
    pub fn access_key_id(&self) -> &str {
        &self.text[..self.slashes[0]]
    }

    /// `date/region/service/terminator`, which the string to sign repeats.
    pub fn scope(&self) -> &str {
        &self.text[self.slashes[0] + 1..]
    }

    /// Day of the scope, supposedly `YYYYMMDD`.
    pub fn date(&self) -> &str {
        &self.text[self.slashes[0] + 1..self.slashes[1]]
    }

    /// Region of the scope.
    pub fn region(&self) -> &str {
        &self.text[self.slashes[1] + 1..self.slashes[2]]
    }

    /// Service of the scope.
    pub fn service(&self) -> &str {
        &self.text[self.slashes[2] + 1..self.slashes[3]]
    }

    /// End of the scope, supposedly `aws4_request`.
    pub fn terminator(&self) -> &str {
        &self.text[self.slashes[3] + 1..]
    }
}

/// Reads the signature of a request, wherever it is.
pub fn parse<'a>(request: &Request<'a>) -> Result<Presented<'a>, SigV4Error> {
    let presigned = PresignedQuery::read(request.query);
    match (request.header("authorization"), presigned.algorithm.is_some()) {
        (None, false) => Err(SigV4Error::MissingAuthenticationToken),
        (Some(_), true) => Err(SigV4Error::FoundBoth),
        (Some(value), false) => parse_header(request, value),
        (None, true) => presigned.parse(request),
    }
}

/// The credential that a request names, if it is well formed, whatever else is missing or wrong.
/// For servers that believe everybody: nothing about it is verified.
pub fn claimed_credential<'a>(request: &Request<'a>) -> Option<Credential<'a>> {
    let text = match request.header("authorization") {
        Some(value) => {
            let (_, rest) = std::str::from_utf8(value).ok()?.split_once("Credential=")?;
            rest.split([',', ' ']).next()?.into()
        }
        None => PresignedQuery::read(request.query).credential?,
    };
    Credential::parse(text).ok()
}

fn parse_header<'a>(request: &Request<'a>, value: &'a [u8]) -> Result<Presented<'a>, SigV4Error> {
    let authorization = String::from_utf8_lossy(value);
    let Ok(text) = std::str::from_utf8(value) else {
        // Its parts can only be garbage; all of them count as missing.
        return Err(incomplete_header(vec!["Credential", "Signature", "SignedHeaders"], request));
    };
    let (algorithm, parameters) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let (mut credential, mut signature, mut signed_headers) = (None, None, None);
    for part in parameters.split([',', ' ']).filter(|part| !part.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(SigV4Error::MalformedPair {
                part: part.to_owned(),
                authorization: authorization.into_owned(),
            });
        };
        let value = Some(value).filter(|value| !value.is_empty());
        match name {
            "Credential" => credential = value,
            "Signature" => signature = value,
            "SignedHeaders" => signed_headers = value,
            _ => {}
        }
    }
    let (Some(credential), Some(signature), Some(signed_headers)) =
        (credential, signature, signed_headers)
    else {
        let found = [
            ("Credential", credential),
            ("Signature", signature),
            ("SignedHeaders", signed_headers),
        ];
        return Err(incomplete_header(absent(&found), request));
    };
    let timestamp = header_timestamp(request)?;
    if algorithm != ALGORITHM {
        return Err(SigV4Error::UnsupportedAlgorithm { algorithm: algorithm.to_owned() });
    }
    Ok(Presented {
        credential: Credential::parse(credential.into())?,
        signed_headers: signed_headers.into(),
        signature: signature.into(),
        session_token: token_header(request),
        timestamp,
        placement: Placement::Header,
    })
}

/// `X-Amz-Date` decides if it is there; the general `Date` may also be in HTTP's own form.
fn header_timestamp(request: &Request<'_>) -> Result<Timestamp, SigV4Error> {
    let (value, may_be_http_date) = match request.header("x-amz-date") {
        Some(value) => (value, false),
        None => match request.header("date") {
            Some(value) => (value, true),
            None => return Err(incomplete_header(Vec::new(), request)),
        },
    };
    let text = String::from_utf8_lossy(value);
    let text = text.trim();
    Timestamp::parse_basic(text)
        .or_else(|| Timestamp::parse_http_date(text).filter(|_| may_be_http_date))
        .ok_or_else(|| SigV4Error::MalformedDate { date: text.to_owned() })
}

fn incomplete_header(missing: Vec<&'static str>, request: &Request<'_>) -> SigV4Error {
    let date = request.header("x-amz-date").or_else(|| request.header("date"));
    let authorization = request.header("authorization").unwrap_or_default();
    SigV4Error::IncompleteHeader {
        missing,
        date_missing: date.is_none(),
        authorization: String::from_utf8_lossy(authorization).into_owned(),
    }
}

fn token_header<'a>(request: &Request<'a>) -> Option<Cow<'a, str>> {
    request.header("x-amz-security-token").map(String::from_utf8_lossy)
}

fn absent<T>(parameters: &[(&'static str, Option<T>)]) -> Vec<&'static str> {
    parameters.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect()
}

/// The authentication parameters of a query. Of repeated ones the first counts, and an empty one
/// counts as missing, except that `X-Amz-Algorithm` marks a presigned request even when empty.
#[derive(Default)]
struct PresignedQuery<'a> {
    algorithm: Option<Cow<'a, str>>,
    credential: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    security_token: Option<Cow<'a, str>>,
}

impl<'a> PresignedQuery<'a> {
    fn read(query: &'a str) -> Self {
        let mut found = Self::default();
        for (name, value) in uri::query_pairs(query) {
            let slot = match uri::decode_text(name).as_ref() {
                "X-Amz-Algorithm" => &mut found.algorithm,
                "X-Amz-Credential" => &mut found.credential,
                "X-Amz-Signature" => &mut found.signature,
                "X-Amz-SignedHeaders" => &mut found.signed_headers,
                "X-Amz-Date" => &mut found.date,
                "X-Amz-Expires" => &mut found.expires,
                "X-Amz-Security-Token" => &mut found.security_token,
                _ => continue,
            };
            slot.get_or_insert_with(|| uri::decode_text(value));
        }
        found
    }

    fn parse(self, request: &Request<'a>) -> Result<Presented<'a>, SigV4Error> {
        let given = |value: Option<Cow<'a, str>>| value.filter(|value| !value.is_empty());
        let algorithm = given(self.algorithm);
        let credential = given(self.credential);
        let signature = given(self.signature);
        let signed_headers = given(self.signed_headers);
        let date = given(self.date);
        let (Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (&algorithm, &credential, &signature, &signed_headers, &date)
        else {
            let found = [
                ("X-Amz-Algorithm", algorithm),
                ("X-Amz-Credential", credential),
                ("X-Amz-Signature", signature),
                ("X-Amz-SignedHeaders", signed_headers),
                ("X-Amz-Date", date),
            ];
            return Err(SigV4Error::IncompleteQuery { missing: absent(&found) });
        };
        let timestamp = Timestamp::parse_basic(date)
            .ok_or_else(|| SigV4Error::MalformedDate { date: date.to_string() })?;
        if algorithm != ALGORITHM {
            return Err(SigV4Error::UnsupportedAlgorithm { algorithm: algorithm.to_string() });
        }
        let expires_secs = self.expires.as_deref().map(parse_expires).transpose()?;
        Ok(Presented {
            credential: Credential::parse(credential.clone())?,
            signed_headers: signed_headers.clone(),
            signature: signature.clone(),
            session_token: self.security_token.or_else(|| token_header(request)),
            timestamp,
            placement: Placement::Query { expires_secs },
        })
    }
}

fn parse_expires(text: &str) -> Result<u32, SigV4Error> {
    text.parse()
        .ok()
        .filter(|secs| (1..=EXPIRES_SECS_MAX).contains(secs))
        .ok_or(SigV4Error::BadExpires)
}
