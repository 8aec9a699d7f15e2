//! One server: from its URL to everything that connecting needs.

use std::{fmt, path::PathBuf, sync::Arc};

use fred::rustls::ClientConfig;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use crate::{Error, Owner, Result, hide_password, tls::TlsSettings};

/// The port of a server that names none.
const SERVER_PORT: u16 = 6379;
/// The port of a Sentinel that names none. Source: `kombu/transport/redis.py: SentinelTransport.default_port`.
const SENTINEL_PORT: u16 = 26379;

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Over TCP: a name, or an address without brackets, and the port.
    Tcp { host: String, port: u16 },
    /// Over a Unix socket.
    Unix { path: PathBuf },
}

/// One server.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: u8,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// The URL with the password hidden.
    pub(crate) shown: Arc<str>,
    /// The URL is that of a Sentinel, which knows the server.
    pub(crate) is_sentinel: bool,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.shown).finish()
    }
}

/// What a scheme stands for.
struct Scheme {
    tls: bool,
    socket: bool,
    sentinel: bool,
}

impl Place {
    /// Reads one URL. `use_ssl` is what `broker_use_ssl` or `redis_backend_use_ssl` says.
    ///
    /// Source: `kombu/utils/url.py: url_to_parts, parse_url`, `kombu/transport/redis.py: Channel._connparams`,
    /// `celery/backends/redis.py: RedisBackend._params_from_url`.
    pub(crate) fn parse(url: &str, owner: Owner, use_ssl: Option<&TlsSettings>) -> Result<Self> {
        let shown = hide_password(url);
        let refuse = |reason: String| Error::Url { url: shown.clone(), reason };
        let (parsed, has_host) = parts(url).map_err(|error| refuse(error.to_string()))?;
        let scheme = scheme(parsed.scheme()).map_err(refuse)?;
        let host = parsed.host_str().filter(|_| has_host);
        let host = host.map(|host| decode(host.trim_matches(['[', ']']))).and_then(some);
        let mut place = Self {
            endpoint: if scheme.socket {
                Endpoint::Unix { path: socket(&parsed, host.as_deref()).map_err(refuse)? }
            } else {
                let port = if scheme.sentinel { SENTINEL_PORT } else { SERVER_PORT };
                Endpoint::Tcp {
                    host: host.unwrap_or_else(|| "127.0.0.1".to_owned()),
                    port: parsed.port().unwrap_or(port),
                }
            },
            username: some(decode(parsed.username())),
            password: parsed.password().map(decode).and_then(some),
            database: 0,
            tls: None,
            shown: shown.as_str().into(),
            is_sentinel: scheme.sentinel,
        };
        if !scheme.socket {
            place.database = database(&decode(parsed.path())).map_err(refuse)?;
        }
        let mut tls = if scheme.tls { Some(use_ssl.cloned().unwrap_or_default()) } else { use_ssl.cloned() };
        for (name, value) in parsed.query_pairs() {
            match &*name {
                "db" | "virtual_host" => place.database = database(&value).map_err(refuse)?,
                "username" => place.username = some(value.into_owned()),
                "password" => place.password = some(value.into_owned()),
                "credential_provider" => return Err(refuse(NO_PROVIDER.to_owned())),
                name if name.starts_with("ssl_") => {
                    if owner == Owner::ResultBackend && !scheme.tls {
                        return Err(refuse(format!("{name} is given, but the scheme is not rediss://")));
                    }
                    tls.get_or_insert_default()
                        .set(name, &Value::String(value.into_owned()))
                        .map_err(refuse)?;
                }
                name => tracing::warn!(
                    "{shown}: the parameter {name:?} of the {} URL is not used; set it in {} if it is an option",
                    owner.name(),
                    owner.options()
                ),
            }
        }
        if let Some(tls) = tls {
            if scheme.socket {
                return Err(refuse("a Unix socket has no TLS".to_owned()));
            }
            place.tls = Some(tls.build().map_err(refuse)?);
        }
        Ok(place)
    }
}

/// Why redis-py's credential providers, which are Python objects, cannot be used.
pub const NO_PROVIDER: &str = "credential_provider is not supported: it is a Python object, and the connection \
    is not Python's; give a user and a password in the URL";

/// What `scheme` stands for, or why it cannot be used.
fn scheme(scheme: &str) -> Result<Scheme, String> {
    let (tls, socket, sentinel) = match scheme {
        "redis" | "valkey" => (false, false, false),
        "rediss" | "valkeys" => (true, false, false),
        "redis+socket" | "redis+unix" | "valkey+socket" | "valkey+unix" | "unix" | "socket" => {
            (false, true, false)
        }
        "sentinel" => (false, false, true),
        "redis-cluster" | "redis+cluster" | "rediss+cluster" | "valkey-cluster" | "cluster" => {
            return Err(format!(
                "{scheme}:// is not supported: Celery's queues are several keys that change together, which Redis \
                 Cluster keeps on different servers; use a server without cluster mode, or Sentinel"
            ));
        }
        _ => return Err(format!("no driver for {scheme:?}; this driver speaks {SCHEMES}")),
    };
    Ok(Scheme { tls, socket, sentinel })
}

/// Whether a URL with this scheme is for a Valkey or Redis server, be it supported or not.
pub fn is_ours(url: &str) -> bool {
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    let server = scheme.split(['+', '-']).next().unwrap_or_default();
    matches!(server, "redis" | "rediss" | "valkey" | "valkeys" | "sentinel" | "socket" | "unix" | "cluster")
}

/// The schemes, for people.
pub const SCHEMES: &str = "redis://, rediss://, redis+socket://, sentinel:// and the same with valkey";

/// The parts of `url`, and whether a host is one of them. A URL with a user and without a host is none for browsers:
/// `redis://:password@/0`.
fn parts(url: &str) -> Result<(Url, bool), url::ParseError> {
    match Url::parse(url) {
        Err(url::ParseError::EmptyHost) => {
            let begin = url.find("://").map_or(0, |colon| colon + 3);
            let rest = url.get(begin..).unwrap_or_default();
            let end = begin + rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (before, after) = url.split_at_checked(end).unwrap_or((url, ""));
            Ok((Url::parse(&format!("{before}localhost{after}"))?, false))
        }
        parsed => Ok((parsed?, true)),
    }
}

fn socket(url: &Url, host: Option<&str>) -> Result<PathBuf, String> {
    if let Some(host) = host {
        return Err(format!(
            "{host:?} is taken for a host; a path begins after three slashes: {}:///run/redis.sock",
            url.scheme()
        ));
    }
    let path = decode(url.path());
    if path.trim_matches('/').is_empty() {
        return Err(format!("the path of the socket is missing: {}:///run/redis.sock", url.scheme()));
    }
    Ok(PathBuf::from(path))
}

fn database(text: &str) -> Result<u8, String> {
    match text.trim_matches('/') {
        "" => Ok(0),
        number => number.parse().map_err(|_| {
            format!("the database is a number from 0 to 255, not {number:?}: redis://host:6379/0")
        }),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn some(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(url: &str) -> Result<Place> {
        Place::parse(url, Owner::Broker, None)
    }

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn all_parts() {
        let place = parse("redis://me:p%40ss%2Fword@example.org:6380/3").unwrap();
        assert_eq!((&place.endpoint, place.database), (&tcp("example.org", 6380), 3));
        assert_eq!(place.username.as_deref(), Some("me"));
        assert_eq!(place.password.as_deref(), Some("p@ss/word"));
        assert_eq!(&*place.shown, "redis://me:**@example.org:6380/3");
        assert!(!format!("{place:?}").contains("word"));
    }

    #[test]
    fn defaults() {
        for url in ["redis://", "valkey:///", "redis:///0"] {
            let place = parse(url).unwrap();
            assert_eq!((&place.endpoint, place.database), (&tcp("127.0.0.1", 6379), 0), "{url}");
            assert_eq!((place.username, place.password), (None, None));
            assert!(place.tls.is_none());
        }
        let place = parse("redis://:secret@/3").unwrap();
        assert_eq!((&place.endpoint, place.database), (&tcp("127.0.0.1", 6379), 3));
        assert_eq!(place.password.as_deref(), Some("secret"));
        let place = parse("redis://:secret@[::1]:7000//2").unwrap();
        assert_eq!((&place.endpoint, place.database), (&tcp("::1", 7000), 2));
        assert_eq!((place.username, place.password.as_deref()), (None, Some("secret")));
        assert_eq!(parse("sentinel://h").unwrap().endpoint, tcp("h", 26379));
    }

    #[test]
    fn databases_in_the_query() {
        assert_eq!(parse("redis://h?db=4").unwrap().database, 4);
        assert_eq!(parse("redis://h/1?db=4").unwrap().database, 4);
        assert!(parse("redis://h?db=256").is_err());
    }

    #[test]
    fn sockets() {
        for scheme in ["redis+socket", "socket", "unix", "valkey+socket", "redis+unix"] {
            let place = parse(&format!("{scheme}:///run/my%20redis.sock?virtual_host=3")).unwrap();
            assert_eq!(place.endpoint, Endpoint::Unix { path: "/run/my redis.sock".into() }, "{scheme}");
            assert_eq!(place.database, 3);
        }
        let place = parse("redis+socket://me:pw@/run/s").unwrap();
        assert_eq!((place.username.as_deref(), place.password.as_deref()), (Some("me"), Some("pw")));
        let place = parse("unix:///s?username=me&password=pw").unwrap();
        assert_eq!((place.username.as_deref(), place.password.as_deref()), (Some("me"), Some("pw")));
        for url in ["redis+socket://run/redis.sock", "socket://", "unix:///s?ssl_cert_reqs=none"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn tls_by_scheme_and_by_parameter() {
        for url in ["rediss://h?ssl_cert_reqs=none", "valkeys://h?ssl_cert_reqs=CERT_NONE"] {
            assert!(parse(url).unwrap().tls.is_some(), "{url}");
            assert!(Place::parse(url, Owner::ResultBackend, None).unwrap().tls.is_some());
        }
        let url = "redis://h?ssl_cert_reqs=none";
        assert!(parse(url).unwrap().tls.is_some());
        let error = Place::parse(url, Owner::ResultBackend, None).unwrap_err().to_string();
        assert!(error.contains("ssl_cert_reqs") && error.contains("rediss://"), "{error}");
        let mut settings = TlsSettings::default();
        settings.set("ssl_cert_reqs", &Value::from("none")).unwrap();
        assert!(Place::parse("redis://h", Owner::ResultBackend, Some(&settings)).unwrap().tls.is_some());
    }

    #[test]
    fn refused_by_name() {
        for (url, word) in [
            ("redis-cluster://h", "Cluster"),
            ("rediss+cluster://h", "Cluster"),
            ("redis://h/main", "database"),
            ("redis://h:port", "port"),
            ("redis://h?credential_provider=a.b", "credential_provider"),
            ("rediss://h?ssl_cert_reqs=perhaps", "ssl_cert_reqs"),
            ("rediss://h?ssl_ciphers=x", "ssl_ciphers"),
            ("rediss://h?ssl_ca_certs=%2Fno%2Fsuch.pem", "/no/such.pem"),
            ("what://h", "what"),
        ] {
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
        let error = parse("redis://u:secret@h:port").err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(url in "\\PC{0,60}") {
            let _ = parse(&url);
            let _ = parse(&format!("redis://{url}"));
        }

        #[test]
        fn what_is_encoded_is_decoded(user in "\\PC{1,10}", password in "\\PC{1,10}", database: u8) {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            };
            let place = parse(&format!("redis://{}:{}@h/{database}", encode(&user), encode(&password))).unwrap();
            prop_assert_eq!(place.username, Some(user));
            prop_assert_eq!(place.password, Some(password));
            prop_assert_eq!(place.database, database);
        }
    }
}
