//! How an access key is shown: without its secret.

use anabranch_server::auth::Credential;

pub(super) fn public_json(credential: &Credential) -> serde_json::Value {
    serde_json::json!({
        "access_key_id": &*credential.access_key_id,
        "account_id": &*credential.account_id,
        "user": &*credential.user,
        "principal_arn": &**credential.principal.arn(),
        "policies": credential.policies.as_ref().map(|policies| {
            policies.names.iter().map(ToString::to_string).collect::<Vec<_>>()
        }),
        "has_session_token": credential.session_token.is_some(),
        "expires_at": credential.expires_at,
        "created_at": credential.created_at,
    })
}

/// What a key may do, in a few words.
pub(super) fn summary(credential: &Credential) -> String {
    match &credential.policies {
        None => "everything in its account".to_owned(),
        Some(policies) if policies.names.is_empty() => "nothing".to_owned(),
        Some(policies) => policies.names.join(", "),
    }
}
