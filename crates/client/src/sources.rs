//! Where a setting comes from that the program does not give: the environment, then the profile.

use aws_config::ConfigLoader;
use aws_sdk_kinesis::config::Region;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// A look-up of a setting by its name.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment and the chosen profile of the AWS configuration files.
pub(crate) struct Sources {
    variable: Box<Lookup>,
    profile: SdkConfig,
}

impl Sources {
    /// Reads the files that `loader` names. Asks nobody over the network.
    pub(crate) async fn read(
        loader: ConfigLoader,
        variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        // A Region that is there keeps the loader from looking for one, which may take seconds.
        let profile = loader.no_credentials().region(Region::new("us-east-1")).load().await;
        Self { variable: Box::new(variable), profile }
    }

    /// A variable of the environment. An empty one is none: that is how scripts leave one out.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    /// A key of the profile: that of its `services` section for Kinesis, else its own.
    pub(crate) fn profile(&self, key: &str) -> Option<String> {
        let key = ServiceConfigKey::builder()
            .service_id("Kinesis")
            // The SDK would ask the environment first; that is ours to do.
            .env("ANABRANCH_NOT_A_VARIABLE")
            .profile(key)
            .build()
            .expect("all three parts are there");
        let value = self.profile.service_config()?.load_config(key)?;
        Some(value).filter(|value| !value.trim().is_empty())
    }
}
