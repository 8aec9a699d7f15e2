//! Where the server is: the result backend URL.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{Error, Result};

/// A parsed result backend URL.
///
/// Source: `celery/backends/redis.py: RedisBackend._params_from_url`.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: u8,
    /// The URL with the password hidden.
    pub(super) shown: String,
}

impl Address {
    /// Reads `redis://user:password@host:port/database`, also with the scheme `valkey`.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let refuse = |reason: String| Error::Url { url: hide_password(url), reason };
        if url.contains(';') {
            return Err(refuse(
                "several URLs (failover) are not supported yet; give one redis:// URL".to_owned(),
            ));
        }
        let parsed = Url::parse(url).map_err(|error| refuse(error.to_string()))?;
        if let Some(reason) = unsupported(parsed.scheme()) {
            return Err(refuse(reason));
        }
        for (name, _) in parsed.query_pairs() {
            tracing::warn!(
                "{}: the parameter {name:?} of the result backend URL is not used; \
                 set it in result_backend_transport_options if it is an option",
                hide_password(url)
            );
        }
        let database = match parsed.path().trim_start_matches('/') {
            "" => 0,
            path => path.parse().map_err(|_| {
                refuse(format!("the database is a number from 0 to 255, not {path:?}: redis://host:6379/0"))
            })?,
        };
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let some = |text: String| if text.is_empty() { None } else { Some(text) };
        Ok(Self {
            host: parsed
                .host_str()
                .map(|host| decode(host.trim_matches(['[', ']'])))
                .and_then(some)
                .unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: parsed.port().unwrap_or(6379),
            username: some(decode(parsed.username())),
            password: parsed.password().map(decode).and_then(some),
            database,
            shown: hide_password(url),
        })
    }
}

/// Why a scheme cannot be used; `None` if it can.
fn unsupported(scheme: &str) -> Option<String> {
    let what = match scheme {
        "redis" | "valkey" => return None,
        "rediss" | "valkeys" => "TLS",
        "sentinel" => "Sentinel",
        "redis+socket" | "redis+unix" | "unix" | "socket" => "a Unix socket",
        "rediss+cluster" | "redis+cluster" | "redis-cluster" | "cluster" => "Redis Cluster",
        _ => return Some(format!("no driver for {scheme:?}; this worker speaks redis:// and valkey://")),
    };
    Some(format!(
        "{what} ({scheme}://) is not supported yet; this worker speaks redis:// and valkey:// over TCP"
    ))
}

/// `url` with the password replaced by `**`, also where it is no valid URL.
///
/// Source: `kombu/utils/url.py: maybe_sanitize_url`.
pub fn hide_password(url: &str) -> String {
    url.split(';').map(hide_one).collect::<Vec<_>>().join(";")
}

fn hide_one(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:**@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts() {
        let address = Address::parse("redis://me:p%40ss%2Fword@example.org:6380/3").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.database), ("example.org", 6380, 3));
        assert_eq!(address.username.as_deref(), Some("me"));
        assert_eq!(address.password.as_deref(), Some("p@ss/word"));
        assert_eq!(address.shown, "redis://me:**@example.org:6380/3");
    }

    #[test]
    fn defaults() {
        for url in ["redis://", "valkey:///", "redis:///0"] {
            let address = Address::parse(url).unwrap();
            assert_eq!(
                (address.host.as_str(), address.port, address.database),
                ("127.0.0.1", 6379, 0),
                "{url}"
            );
            assert_eq!((address.username, address.password), (None, None));
        }
        let address = Address::parse("redis://:secret@[::1]:7000//2").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.database), ("::1", 7000, 2));
        assert_eq!((address.username, address.password.as_deref()), (None, Some("secret")));
    }

    #[test]
    fn refused_by_name() {
        for (url, word) in [
            ("rediss://h", "TLS"),
            ("sentinel://h:26379", "Sentinel"),
            ("redis+socket:///run/redis.sock", "Unix socket"),
            ("rediss+cluster://h", "Cluster"),
            ("redis://a;redis://b", "several URLs"),
            ("redis://h/main", "database"),
            ("redis://h:port", "port"),
        ] {
            let error = Address::parse(url).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn passwords_are_hidden_also_in_what_is_no_url() {
        assert_eq!(hide_password("redis://u:p@ss@h:x/0;redis://:q@h2"), "redis://u:**@h:x/0;redis://:**@h2");
        assert_eq!(hide_password("redis://h/0"), "redis://h/0");
        let error = Address::parse("redis://u:secret@h:port").err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
