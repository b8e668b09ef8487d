//! Partition keys: one for all, one out of each record, or a random one.

use anyhow::{Context, bail, ensure};

/// A JSON pointer, as it is given.
pub(super) fn parse_pointer(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!("a JSON pointer starts with / pointer={text:?}"))
    }
}

/// The given key, the key named by a JSON pointer, or a random one.
pub(super) fn partition_key(
    fixed: Option<&str>,
    pointer: Option<&str>,
    data: &[u8],
) -> anyhow::Result<String> {
    let key = match (fixed, pointer) {
        (Some(key), _) => key.to_owned(),
        (None, None) => format!("{:016x}", rand::random::<u64>()),
        (None, Some(pointer)) => {
            let value: serde_json::Value =
                serde_json::from_slice(data).context("not JSON, but --key-field needs it")?;
            match value.pointer(pointer) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(scalar @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                    scalar.to_string()
                }
                Some(_) => bail!("the key field is not a string, number or boolean at={pointer}"),
                None => bail!("the key field is missing at={pointer}"),
            }
        }
    };
    let characters = key.chars().count();
    ensure!(
        (1..=256).contains(&characters),
        "a partition key has 1 to 256 characters characters={characters}"
    );
    Ok(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn takes_keys_from_fields() {
        let key = |pointer, data: &str| partition_key(None, Some(pointer), data.as_bytes());
        assert_eq!(key("/a/b", r#"{"a":{"b":"x"}}"#).unwrap(), "x");
        assert_eq!(key("/id", r#"{"id":42}"#).unwrap(), "42");
        for (pointer, data) in [
            ("/id", "{}"),
            ("/id", r#"{"id":[]}"#),
            ("/id", r#"{"id":null}"#),
            ("/id", r#"{"id":""}"#),
            ("/id", "plain"),
        ] {
            assert!(key(pointer, data).is_err(), "{data}");
        }
        assert_eq!(partition_key(Some("k"), None, b"plain").unwrap(), "k");
        let random = || partition_key(None, None, b"").unwrap();
        assert_ne!(random(), random());
    }
}
