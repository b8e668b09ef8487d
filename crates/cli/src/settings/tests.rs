//! What settings become.

use super::*;

fn merged(strong: &str, weak: &str) -> anyhow::Result<ServeSettings> {
    ServeLayer::from_toml(strong)?.over(ServeLayer::from_toml(weak)?).into_settings()
}

#[test]
fn has_defaults_for_everything() {
    let settings = merged("", "").unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:4567");
    assert_eq!(settings.durability, Durability::Sync);
    assert_eq!(settings.shard_limits, AWS_SHARD_LIMITS);
    assert_eq!(settings.tls, Tls::Off);
    assert_eq!(settings.memory.tail_cache_bytes, 268_435_456);
}

#[test]
fn the_stronger_layer_wins_and_leaves_the_rest() {
    let weak = "listen = '127.0.0.1:1'\ndata-dir = '/weak'\ntail-cache-bytes = '1MiB'";
    let settings = merged("listen = '127.0.0.1:2'\ntail-cache-bytes = 5", weak).unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.data_dir, PathBuf::from("/weak"));
    assert_eq!(settings.memory.tail_cache_bytes, 5);
}

#[test]
fn single_limits_override_the_preset_of_any_layer() {
    let settings = merged("limits = 'off'", "limit-shard-write-bytes = '4MiB'").unwrap();
    let expected = ShardLimits { write_bytes_per_s: 4 << 20, ..NO_SHARD_LIMITS };
    assert_eq!(settings.shard_limits, expected);
    // Those on streams are the preset's.
    assert!(!settings.to_server().engine.limit_streams);
    let settings = merged("limit-shard-read-calls = 0", "").unwrap();
    assert_eq!(settings.shard_limits, ShardLimits { read_calls_per_s: 0, ..AWS_SHARD_LIMITS });
    assert!(settings.to_server().engine.limit_streams);
}

#[test]
fn names_unknown_fields_and_their_line() {
    let error = ServeLayer::from_toml("region = 'x'\nlisten-on = 'y'").unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("listen-on") && text.contains("line 2"), "{text}");
    assert!(text.contains("journal-file-bytes"), "expected names are listed: {text}");
}

#[test]
fn refuses_what_does_not_fit_together() {
    for (config, expected) in [
        ("listen = '0.0.0.0:1'", "--insecure-anonymous"),
        ("tls-cert = 'a'", "needs tls-key"),
        ("tls-key = 'a'", "needs tls-cert"),
        ("tls-self-signed = true\ntls-cert = 'a'\ntls-key = 'b'", "excludes"),
        ("insecure-anonymous = true\ncredentials = 'a'", "excludes"),
        ("account-id = '12'", "twelve digits"),
        ("journal-file-bytes = 1", "at least 16MiB"),
        ("max-connections = 0", "at least 1"),
        ("transition-ms = 18446744073709551615", "an hour"),
        ("durability = 'interval=0'", "positive"),
        ("durability = 'async'", "use sync"),
        ("memory-full = 'drop-oldest'", "needs durability memory"),
        ("tail-cache-bytes = '5XB'", "unknown unit"),
        ("allowed-host = ['a@b']", "NAME:PORT"),
        ("audit-data-calls = true", "needs audit-log"),
        ("admin-listen = 'on'", "ADDR:PORT or off"),
        ("listen = '127.0.0.1:1'\nadmin-listen = '0.0.0.0:2'", "admin-listen"),
        ("drain-timeout = '2h'", "an hour"),
        ("lame-duck = 'long'", "lame-duck is not valid"),
        ("region = ''", "lower-case"),
        ("regions = ['aws', 'Europe']", "lower-case"),
    ] {
        let text = format!("{:#}", merged("", config).unwrap_err());
        assert!(text.contains(expected), "{config}: {text}");
    }
    merged("listen = '0.0.0.0:1'\ninsecure-anonymous = true", "").unwrap();
    merged("listen = '0.0.0.0:1'\ncredentials = 'keys'", "").unwrap();
}

#[test]
fn written_settings_read_back_the_same() {
    for config in [
        "",
        "durability = 'interval=50'\nlog-format = 'json'\nlimits = 'off'",
        "durability = 'memory'\nmemory-full = 'drop-oldest'",
        "limits = 'aws'\nscaling-period-ms = 0",
        "limits = 'off'\nlimit-shard-write-bytes = '1MiB'",
        "tls-self-signed = true\ncredentials = 'a \"quoted\" path'",
        "audit-log = 'stderr'",
        "audit-log = '/var/log/a.jsonl'\naudit-data-calls = true",
        "admin-listen = 'off'\ndrain-timeout = '1m'",
        "admin-listen = '[::1]:1'\nlame-duck = '2.5s'",
        "regions = []\nregion = 'local'\naccount-shard-limit = 7\naccount-on-demand-limit = 8",
        "allowed-host = ['a', 'b.example:80', '[::1]', '*']",
        "tls-cert = 'c'\ntls-key = 'k'\nlisten = '[::1]:0'\ndurability = 'memory'",
    ] {
        let settings = merged("", config).unwrap();
        assert_eq!(merged(&settings.to_toml(), "").unwrap(), settings);
    }
}
