//! Credentials that come through the pipe, again and again.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::sync::watch;

use super::messages;

/// Where the newest credentials are put.
#[derive(Debug)]
pub(super) struct CredentialsInbox(watch::Sender<Option<Credentials>>);

/// Gives the newest credentials; waits until there are any, unless it is told not to.
#[derive(Clone, Debug)]
pub(super) struct PipedCredentials {
    newest: watch::Receiver<Option<Credentials>>,
    waits: bool,
}

/// Both ends; without credentials until some come.
pub(super) fn piped(first: Option<messages::Credentials>) -> (CredentialsInbox, PipedCredentials) {
    let (sender, receiver) = watch::channel(first.map(for_sdk));
    (CredentialsInbox(sender), PipedCredentials { newest: receiver, waits: true })
}

impl CredentialsInbox {
    /// From now on these are used. They come every few seconds, mostly the same.
    pub(super) fn set(&self, credentials: messages::Credentials) {
        let credentials = for_sdk(credentials);
        self.0.send_if_modified(|held| {
            let is_new = held.as_ref() != Some(&credentials);
            *held = Some(credentials);
            is_new
        });
    }
}

impl PipedCredentials {
    /// Calls without credentials fail, and nothing of them is sent.
    pub(super) fn without_waiting(self) -> Self {
        Self { waits: false, ..self }
    }
}

impl ProvideCredentials for PipedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let mut newest = self.newest.clone();
        let waits = self.waits;
        future::ProvideCredentials::new(async move {
            let found = newest.wait_for(|held| held.is_some() || !waits).await;
            let found = found.map_err(|_| CredentialsError::not_loaded("the child ends"))?;
            found.clone().ok_or_else(|| CredentialsError::not_loaded("none came"))
        })
    }
}

fn for_sdk(credentials: messages::Credentials) -> Credentials {
    let messages::Credentials { akid, secret_key, token } = credentials;
    let token = token.filter(|token| !token.is_empty());
    Credentials::new(akid, secret_key, token, None, "KPL")
}
