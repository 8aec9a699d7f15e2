//! Where the broker is: kombu's URLs.
//!
//! Source: `kombu/utils/url.py: url_to_parts`, `kombu/connection.py: Connection.__init__`, `switch`,
//! `kombu/transport/pyamqp.py: Transport.default_connection_params`.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use celery_valkey::hide_password;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{Error, Result};

/// The schemes of this driver, as an error names them.
pub const SCHEMES: &str = "amqp:// and pyamqp://";

/// Whether this driver is meant, if only by a scheme that it refuses.
pub fn is_ours(url: &str) -> bool {
    ["amqp", "amqps", "pyamqp", "librabbitmq"].iter().any(|scheme| url.split("://").next() == Some(scheme))
}

/// Brokers that stand in for each other.
pub(super) struct Address {
    places: Vec<AMQPUri>,
    shown: String,
    /// Which is tried first.
    turn: AtomicUsize,
}

impl Address {
    /// Reads a URL, or several with semicolons between them. Connects to nobody.
    pub(super) fn parse(urls: &str, strategy: Option<&str>) -> Result<Self> {
        let mut places: Vec<AMQPUri> = Vec::new();
        for url in urls.split(';').filter(|url| !url.is_empty()) {
            let place = match places.first() {
                // A bare host is as the first URL in everything else.
                Some(first) if !url.contains("://") => {
                    let mut place = first.clone();
                    let (host, port) = url.split_once(':').unwrap_or((url, ""));
                    place.authority.host = host.to_owned();
                    place.authority.port = port.parse().unwrap_or(place.authority.port);
                    place
                }
                _ => place(url)?,
            };
            places.push(place);
        }
        let shown = hide_password(urls);
        if places.is_empty() {
            return Err(Error::Url {
                url: shown,
                reason: "a URL is needed: amqp://USER:PASSWORD@HOST:PORT/VHOST".to_owned(),
            });
        }
        // Source: `kombu/connection.py: failover_strategies`.
        let first = match strategy {
            None | Some("round-robin") => 0,
            Some("shuffle") => uuid::Uuid::new_v4().as_u128() as usize % places.len(),
            Some(other) => {
                return Err(Error::Setting {
                    setting: "broker_failover_strategy".to_owned(),
                    reason: format!("{other:?} is not supported; \"round-robin\" and \"shuffle\" are"),
                });
            }
        };
        Ok(Self { places, shown, turn: AtomicUsize::new(first) })
    }

    /// The URLs with the passwords hidden.
    pub(super) fn as_uri(&self) -> &str {
        &self.shown
    }

    /// The places in the order in which they are to be tried.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = (usize, &AMQPUri)> {
        let first = self.turn.load(Ordering::Relaxed);
        let count = self.places.len();
        (0..count).map(move |step| (first + step) % count).map(|index| (index, &self.places[index]))
    }

    /// This one answered: it is asked first from now on.
    pub(super) fn answered(&self, index: usize) {
        self.turn.store(index, Ordering::Relaxed);
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

fn place(text: &str) -> Result<AMQPUri> {
    let refuse = |reason: String| Error::Url { url: hide_password(text), reason };
    let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    let (scheme, port) = match url.scheme() {
        "amqp" | "pyamqp" => (AMQPScheme::AMQP, 5672),
        other => return Err(refuse(format!("{other}:// is not supported; {SCHEMES} are"))),
    };
    let mut query = AMQPQueryString::default();
    for (name, value) in url.query_pairs() {
        match &*name {
            "heartbeat" => query.heartbeat = value.parse::<f64>().ok().map(|seconds| seconds as u16),
            "login_method" => {
                query.auth_mechanism =
                    Some(value.parse().map_err(|error| refuse(format!("login_method: {error}")))?)
            }
            _ => tracing::warn!("The parameter {name} of the broker URL is not used."),
        }
    }
    let host = decoded(url.host_str().unwrap_or_default());
    let host = match host.as_str() {
        // kombu does not look up this one either: it may be an address that nobody listens to.
        "" | "localhost" => "127.0.0.1".to_owned(),
        host => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
    };
    Ok(AMQPUri {
        scheme,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: or(decoded(url.username()), "guest"),
                password: or(decoded(url.password().unwrap_or_default()), "guest"),
            },
            host,
            port: url.port().unwrap_or(port),
        },
        vhost: or(decoded(url.path().strip_prefix('/').unwrap_or(url.path())), "/"),
        query,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vhost(url: &str) -> String {
        place(url).unwrap().vhost
    }

    #[test]
    fn what_is_not_said_is_kombus_default() {
        for url in ["amqp://", "pyamqp://", "amqp://localhost", "amqp://guest:guest@localhost:5672//"] {
            let place = place(url).unwrap();
            let AMQPAuthority { userinfo, host, port } = place.authority;
            assert_eq!((&*host, port, &*place.vhost), ("127.0.0.1", 5672, "/"), "{url}");
            assert_eq!((&*userinfo.username, &*userinfo.password), ("guest", "guest"));
        }
    }

    #[test]
    fn virtual_hosts() {
        assert_eq!(vhost("amqp://h/"), "/");
        assert_eq!(vhost("amqp://h//"), "/");
        assert_eq!(vhost("amqp://h/%2f"), "/");
        assert_eq!(vhost("amqp://h/app"), "app");
        assert_eq!(vhost("amqp://h//app"), "/app");
    }

    #[test]
    fn passwords_are_decoded_and_not_shown() {
        let address = Address::parse("amqp://u:p%40%2Fss@h:1/v;amqp://u:q@h2", None).unwrap();
        assert_eq!(address.places[0].authority.userinfo.password, "p@/ss");
        assert_eq!(address.as_uri(), "amqp://u:**@h:1/v;amqp://u:**@h2");
    }

    #[test]
    fn several_take_turns_and_bare_hosts_inherit() {
        let address = Address::parse("amqp://u:p@one/v;two;three:7", None).unwrap();
        let hosts = |address: &Address| -> Vec<String> {
            address.in_turn().map(|(_, place)| place.authority.host.clone()).collect()
        };
        assert_eq!(hosts(&address), ["one", "two", "three"]);
        address.answered(1);
        assert_eq!(hosts(&address), ["two", "three", "one"]);
        let places = &address.places;
        assert_eq!((&*places[1].vhost, places[1].authority.port, places[2].authority.port), ("v", 5672, 7));
    }

    #[test]
    fn refused_with_a_reason() {
        for (url, word) in
            [("", "a URL is needed"), ("librabbitmq://h", "librabbitmq://"), ("amqp://h:x/", "port")]
        {
            let error = Address::parse(url, None).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(Address::parse("amqp://h", Some("mine")).unwrap_err().to_string().contains("\"mine\""));
    }
}
