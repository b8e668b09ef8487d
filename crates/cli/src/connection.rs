//! The flags of the everyday commands that say how to reach the service.

use std::path::PathBuf;

use anabranch_client::{Client, Connection, EndpointChoice};
use clap::Args;

/// How to reach the service.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Endpoint URL [default: AWS_ENDPOINT_URL(_KINESIS), else the profile's endpoint_url, else
    /// http://127.0.0.1:4567]
    #[arg(long, value_name = "URL", env = "ANABRANCH_ENDPOINT", conflicts_with = "aws")]
    endpoint: Option<String>,
    /// Use Amazon's own endpoint of the Region
    #[arg(long)]
    aws: bool,
    /// Region [default: from the environment or profile, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// PEM file of certificates to trust as well as the system's
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE")]
    ca_bundle: Option<PathBuf>,
}

impl ConnectionArgs {
    /// Makes a client. Finding credentials may call SSO or, for Amazon's endpoints, the instance's
    /// metadata service.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        Ok(self.connection().client().await?)
    }

    fn connection(&self) -> Connection {
        Connection {
            endpoint: match &self.endpoint {
                _ if self.aws => EndpointChoice::Amazon,
                Some(url) => EndpointChoice::Url(url.clone()),
                None => EndpointChoice::Configured,
            },
            region: self.region.clone(),
            profile: self.profile.clone(),
            ca_bundle: self.ca_bundle.clone(),
            hint: "is `anabranch serve` running, or did you mean --aws?".to_owned(),
            ..Connection::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_an_endpoint() {
        let endpoint = |endpoint: Option<&str>, aws| {
            let endpoint = endpoint.map(str::to_owned);
            let args =
                ConnectionArgs { endpoint, aws, region: None, profile: None, ca_bundle: None };
            args.connection().endpoint
        };
        assert_eq!(endpoint(Some("http://a"), false), EndpointChoice::Url("http://a".to_owned()));
        assert_eq!(endpoint(None, true), EndpointChoice::Amazon);
        assert_eq!(endpoint(None, false), EndpointChoice::Configured);
    }
}
