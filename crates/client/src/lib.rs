//! What every client of ours shares: where the service is, whom it knows us as, how bytes get there,
//! and what a failure means. It is the AWS SDK's client with the same settings in every program, so
//! it works against Amazon, against a server on this machine, and through what lies between.
//!
//! Guarantees:
//!
//! * [`Sent::NotSent`] is proven. What may have left is never called unsent: a caller that resends
//!   after `NotSent` makes no duplicate.
//! * An instance's metadata service is asked only for an endpoint of Amazon's.
//! * Certificates are checked unless [`Connection::verify_certificate`] is off, which is logged; and
//!   even then those of the services that give credentials are.
//! * What an unknown server makes us keep is bounded: connections by
//!   [`Connection::connections_kept`], the wait for one by [`Connection::connect_timeout`].

mod client;
mod connection;
mod credentials;
mod endpoint;
mod failure;
mod proxy;
mod route;
mod sources;
mod stream_reference;
mod tls;
mod transport;

#[cfg(feature = "cloudwatch")]
pub use aws_sdk_cloudwatch::Client as CloudWatchClient;
pub use client::{Client, Explanation};
pub use connection::{Connection, Retries, SetupError};
pub use credentials::CredentialsError;
pub use endpoint::{DEFAULT_ENDPOINT, EndpointChoice, EndpointError, is_loopback};
pub use failure::{Failure, Sent};
pub use proxy::{Proxy, ProxyError, ProxyServer};
pub use stream_reference::stream_reference;
pub use tls::{TrustError, client_config};
