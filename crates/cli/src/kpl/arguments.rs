//! The command line that the Java half writes.
//!
//! Its names are the Java half's: what it calls its out pipe (`-o`) is read here, and `-i` is written.
//! Flags that are not known are ignored, with their values: newer Java halves may have more.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use prost::Message as _;

use super::messages::{Body, Configuration, Credentials, Message, SetCredentials};

/// What the command line says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    /// The pipe to read.
    pub(super) from_java: PathBuf,
    /// The pipe to write.
    pub(super) to_java: PathBuf,
    pub(super) configuration: Configuration,
    /// Credentials for Kinesis; `None`: they come through the pipe.
    pub(super) credentials: Option<Credentials>,
    /// Credentials for CloudWatch.
    pub(super) metrics_credentials: Option<Credentials>,
    pub(super) log_level: Option<String>,
}

impl Arguments {
    pub(super) fn parse(words: &[OsString]) -> anyhow::Result<Self> {
        let mut words = words.iter().peekable();
        let (mut from_java, mut to_java, mut configuration) = (None, None, None);
        let mut found = Self::default();
        while let Some(word) = words.next() {
            let mut value = |flag: &str| {
                words.next().cloned().with_context(|| format!("{flag} is followed by nothing"))
            };
            match word.to_str() {
                Some("-o") => from_java = Some(PathBuf::from(value("-o")?)),
                Some("-i") => to_java = Some(PathBuf::from(value("-i")?)),
                Some("-c") => {
                    let bytes = hexadecimal("-c", &value("-c")?)?;
                    configuration = Some(read_configuration(&bytes)?);
                }
                Some("-k") => found.credentials = credentials("-k", &value("-k")?)?,
                Some("-w") => found.metrics_credentials = credentials("-w", &value("-w")?)?,
                Some("-l") => found.log_level = value("-l")?.into_string().ok(),
                _ => {}
            }
        }
        let missing = |flag, what| anyhow!("{flag} is missing: {what}");
        found.from_java = from_java.ok_or_else(|| missing("-o", "the pipe to read"))?;
        found.to_java = to_java.ok_or_else(|| missing("-i", "the pipe to write"))?;
        found.configuration = configuration
            .ok_or_else(|| missing("-c", "a message with the configuration, in hexadecimal"))?;
        Ok(found)
    }
}

fn read_configuration(bytes: &[u8]) -> anyhow::Result<Configuration> {
    let message = Message::decode(bytes).context("-c is not a message")?;
    match message.body {
        Some(Body::Configuration(configuration)) => Ok(*configuration),
        _ => Err(anyhow!("-c is a message without a configuration")),
    }
}

fn credentials(flag: &str, value: &OsString) -> anyhow::Result<Option<Credentials>> {
    let bytes = hexadecimal(flag, value)?;
    // What was wrong is not told: it is a secret.
    let set = SetCredentials::decode(bytes.as_slice())
        .map_err(|_| anyhow!("{flag} is not a message with credentials"))?;
    if set.credentials.is_some() {
        return Ok(set.credentials);
    }
    // It may stand in a message, as the configuration does.
    match Message::decode(bytes.as_slice()).map(|message| message.body) {
        Ok(Some(Body::SetCredentials(set))) => Ok(set.credentials),
        _ => Ok(None),
    }
}

fn hexadecimal(flag: &str, value: &OsString) -> anyhow::Result<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let text = value.as_encoded_bytes();
    let bytes = text.chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    });
    bytes.collect::<Option<_>>().with_context(|| format!("{flag} is not hexadecimal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn configuration() -> String {
        let configuration = Configuration { rate_limit: Some(77), ..Configuration::default() };
        let body = Some(Body::Configuration(Box::new(configuration)));
        hex(&Message { id: 1, source_id: None, body }.encode_to_vec())
    }

    fn credentials() -> String {
        let credentials =
            Credentials { akid: "a".to_owned(), secret_key: "s".to_owned(), token: None };
        let set = SetCredentials { for_metrics: None, credentials: Some(credentials) };
        hex(&set.encode_to_vec())
    }

    #[test]
    fn reads_what_java_writes_and_ignores_what_is_newer() {
        let (configuration, credentials) = (configuration(), credentials());
        let line = words(&[
            "--new",
            "value",
            "-o",
            "/a",
            "-z",
            "-i",
            "/b",
            "-c",
            &configuration,
            "-k",
            &credentials,
            "-t",
            "-w",
            &credentials,
            "-l",
            "debug",
            "more",
        ]);
        let found = Arguments::parse(&line).expect("arguments");
        assert_eq!((found.from_java, found.to_java), ("/a".into(), "/b".into()));
        assert_eq!(found.configuration.rate_limit, Some(77));
        assert_eq!(found.credentials.map(|one| one.akid), Some("a".to_owned()));
        assert_eq!(found.log_level.as_deref(), Some("debug"));
    }

    #[test]
    fn says_what_is_wrong_and_no_secrets() {
        let configuration = configuration();
        let refusal =
            |line: &[&str]| format!("{:#}", Arguments::parse(&words(line)).expect_err("refused"));
        for (line, expected) in [
            (vec!["-i", "/b", "-c", &configuration], "-o is missing"),
            (vec!["-o", "/b", "-c", &configuration], "-i is missing"),
            (vec!["-o", "/b", "-i", "/b"], "-c is missing"),
            (vec!["-o"], "-o is followed by nothing"),
            (vec!["-c", "0"], "-c is not hexadecimal"),
            (vec!["-c", "0801"], "-c is a message without a configuration"),
            (vec!["-c", "ff"], "-c is not a message"),
            (vec!["-k", "ffff"], "-k is not a message with credentials"),
        ] {
            let told = refusal(&line);
            assert!(told.starts_with(expected), "{told}");
        }
        assert_eq!(refusal(&["-k", "ffff"]), "-k is not a message with credentials");
    }
}
