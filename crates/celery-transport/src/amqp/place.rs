//! One broker: a URL of kombu's, and how to get in.
//!
//! Source: `kombu/utils/url.py: url_to_parts`, `kombu/transport/pyamqp.py: Transport.default_connection_params`,
//! `SSLTransport`.

use std::sync::Arc;

use celery_valkey::{TlsNames, TlsSettings, hide_password};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use percent_encoding::percent_decode_str;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};
use url::Url;

use super::{address::SCHEMES, options::Options};
use crate::{Error, Result};

/// See the module.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) uri: AMQPUri,
    pub(super) tls: Option<Tls>,
}

/// How to talk TLS.
#[derive(Clone)]
pub(super) struct Tls {
    settings: TlsSettings,
    pub(super) config: Arc<ClientConfig>,
    /// Whom the certificate has to be for.
    pub(super) server: ServerName<'static>,
}

impl Tls {
    fn new(settings: TlsSettings, host: &str) -> Result<Self, String> {
        let config = settings.build()?;
        let server = server(&settings, host)?;
        Ok(Self { settings, config, server })
    }
}

fn server(settings: &TlsSettings, host: &str) -> Result<ServerName<'static>, String> {
    let name = settings.server(host);
    ServerName::try_from(name.to_owned())
        .map_err(|_| format!("{name:?} is no name that a certificate can be for"))
}

impl Place {
    /// Reads a URL, and the files with certificates if it asks for TLS.
    pub(super) fn parse(text: &str, options: &Options) -> Result<Self> {
        let refuse = |reason: String| Error::Url { url: hide_password(text), reason };
        let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
        let secure = match url.scheme() {
            "amqp" | "pyamqp" => false,
            "amqps" => true,
            other => return Err(refuse(format!("{other}:// is not supported; {SCHEMES} are"))),
        };
        let settings = options.tls.clone().or_else(|| secure.then(|| TlsSettings::named(TlsNames::Amqp)));
        let given = decoded(url.host_str().unwrap_or_default());
        let given = given.trim_start_matches('[').trim_end_matches(']');
        let given = if given.is_empty() { "localhost" } else { given };
        let tls = settings.map(|settings| Tls::new(settings, given)).transpose();
        let tls = tls.map_err(|reason| Error::Setting { setting: "broker_use_ssl".to_owned(), reason })?;
        let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
        let authority = AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: or(decoded(url.username()), "guest"),
                password: or(decoded(url.password().unwrap_or_default()), "guest"),
            },
            host: address_of(given).to_owned(),
            port: url.port().unwrap_or(if tls.is_some() { 5671 } else { 5672 }),
        };
        let vhost = or(decoded(url.path().strip_prefix('/').unwrap_or(url.path())), "/");
        let scheme = if tls.is_some() { AMQPScheme::AMQPS } else { AMQPScheme::AMQP };
        let query = query(&url, options).map_err(refuse)?;
        Ok(Self { uri: AMQPUri { scheme, authority, vhost, query }, tls })
    }

    /// The same at a bare `host` or `host:port`, as further ones of several may be.
    pub(super) fn at(&self, bare: &str) -> Result<Self> {
        let mut place = self.clone();
        let (host, port) = bare.split_once(':').unwrap_or((bare, ""));
        let authority = &mut place.uri.authority;
        authority.host = address_of(host).to_owned();
        authority.port = port.parse().unwrap_or(authority.port);
        if let Some(tls) = &mut place.tls {
            let refuse = |reason: String| Error::Url { url: bare.to_owned(), reason };
            tls.server = server(&tls.settings, host).map_err(refuse)?;
        }
        Ok(place)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// kombu does not look up this one either: it may be an address that nobody listens to.
fn address_of(host: &str) -> &str {
    if host == "localhost" { "127.0.0.1" } else { host }
}

/// What is agreed upon with the broker: the options, unless the URL says otherwise.
fn query(url: &Url, options: &Options) -> Result<AMQPQueryString, String> {
    let mut query = AMQPQueryString {
        heartbeat: options.heartbeat,
        auth_mechanism: options.login_method,
        ..AMQPQueryString::default()
    };
    for (name, value) in url.query_pairs() {
        match &*name {
            "heartbeat" => query.heartbeat = value.parse::<f64>().ok().map(|seconds| seconds as u16),
            "login_method" => {
                query.auth_mechanism = Some(value.parse().map_err(|error| format!("login_method: {error}"))?);
            }
            _ => tracing::warn!("The parameter {name} of the broker URL is not used."),
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> AMQPUri {
        Place::parse(url, &Options::default()).unwrap().uri
    }

    fn vhost(url: &str) -> String {
        place(url).vhost
    }

    #[test]
    fn what_is_not_said_is_kombus_default() {
        for url in ["amqp://", "pyamqp://", "amqp://localhost", "amqp://guest:guest@localhost:5672//"] {
            let place = place(url);
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
    fn tls_by_scheme_and_by_setting() {
        let tls = Some(TlsSettings::named(TlsNames::Amqp));
        let set = Options { tls, ..Options::default() };
        for (url, options) in [("amqps://u:p@h.org/v", &Options::default()), ("amqp://h.org", &set)] {
            let place = Place::parse(url, options).unwrap();
            assert_eq!(place.uri.authority.port, 5671, "{url}");
            let of = |place: &Place| place.tls.as_ref().unwrap().server.to_str().into_owned();
            assert_eq!(of(&place), "h.org");
            assert_eq!(of(&place.at("other:7").unwrap()), "other");
        }
        // The certificate is for the name, the connection to the address.
        let place = Place::parse("amqps://localhost", &Options::default()).unwrap();
        assert_eq!(place.uri.authority.host, "127.0.0.1");
        assert_eq!(place.tls.unwrap().server.to_str(), "localhost");
        assert!(Place::parse("amqp://h", &Options::default()).unwrap().tls.is_none());
    }

    #[test]
    fn the_url_goes_before_the_settings() {
        let external = lapin::uri::SASLMechanism::External;
        let options = Options { heartbeat: Some(9), login_method: Some(external), ..Options::default() };
        let query = |url: &str| Place::parse(url, &options).unwrap().uri.query;
        let settings = query("amqp://h");
        assert_eq!((settings.heartbeat, settings.auth_mechanism), (Some(9), Some(external)));
        let own = query("amqp://h?heartbeat=3&login_method=AMQPLAIN");
        assert_eq!((own.heartbeat, own.auth_mechanism), (Some(3), Some(lapin::uri::SASLMechanism::AMQPlain)));
    }
}
