//! What is said about TLS, and the client configuration of it.

use std::sync::Arc;

use fred::rustls::ClientConfig;
use serde_json::Value;

/// How the settings are called: redis-py has a prefix, py-amqp has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsNames {
    /// `ssl_ca_certs` and so on (`redis/connection.py: SSLConnection`).
    #[default]
    Redis,
    /// `ca_certs` and so on (`amqp/transport.py: SSLTransport._wrap_socket_sni`).
    Amqp,
}

impl TlsNames {
    fn prefix(self) -> &'static str {
        match self {
            Self::Redis => "ssl_",
            Self::Amqp => "",
        }
    }

    /// What a setting is called.
    pub fn of(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }
}

/// `broker_use_ssl`, `redis_backend_use_ssl`, or the parameters of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    pub(super) names: TlsNames,
    /// Whom the certificate of the server must be for, instead of the host in the URL (`server_hostname`).
    pub(super) server: Option<String>,
    /// Whether the certificate of the server must be good. A client has no use for "optional": the server always shows
    /// one, so it means the same as "required", as in Python.
    pub(super) verify: bool,
    pub(super) check_hostname: bool,
    /// Whom to trust instead of the system's roots: a file in PEM.
    pub(super) ca_certs: Option<String>,
    /// The same, as PEM.
    pub(super) ca_data: Option<String>,
    /// Our own certificate: a file in PEM.
    pub(super) certfile: Option<String>,
    /// Its key: a file in PEM; the one of the certificate if it is not given.
    pub(super) keyfile: Option<String>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            names: TlsNames::Redis,
            server: None,
            verify: true,
            check_hostname: true,
            ca_certs: None,
            ca_data: None,
            certfile: None,
            keyfile: None,
        }
    }
}

impl TlsSettings {
    /// Reads `broker_use_ssl` or `redis_backend_use_ssl`: `None` when it asks for no TLS.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the name of the setting.
    pub fn read(given: &Value, names: TlsNames) -> Result<Option<Self>, String> {
        match given {
            Value::Null | Value::Bool(false) => Ok(None),
            Value::Bool(true) => Ok(Some(Self::named(names))),
            Value::Object(given) if given.is_empty() => Ok(None),
            Value::Object(given) => {
                let mut settings = Self::named(names);
                for (name, value) in given {
                    settings.set(name, value)?;
                }
                Ok(Some(settings))
            }
            _ => Err("true, false or a dictionary is needed".to_owned()),
        }
    }

    /// Those that hold when nothing is said: the system's roots, everything verified, no certificate of ours.
    pub fn named(names: TlsNames) -> Self {
        Self { names, ..Self::default() }
    }

    /// Whom the certificate of a server at `host` must be for.
    pub fn server<'a>(&'a self, host: &'a str) -> &'a str {
        self.server.as_deref().unwrap_or(host)
    }

    /// One setting. An error names it.
    pub(crate) fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let text = || match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(format!("{name}: a string is needed")),
        };
        let bare = name.strip_prefix(self.names.prefix()).unwrap_or_default();
        match (bare, self.names) {
            ("cert_reqs", _) => self.verify = verify(name, value)?,
            ("check_hostname", TlsNames::Redis) => match value {
                Value::Bool(check) => self.check_hostname = *check,
                Value::String(check) => self.check_hostname = !check.eq_ignore_ascii_case("false"),
                _ => return Err(format!("{name}: true or false is needed")),
            },
            ("ca_certs", _) => self.ca_certs = text()?,
            ("ca_data", TlsNames::Redis) => self.ca_data = text()?,
            ("certfile", _) => self.certfile = text()?,
            ("keyfile", _) => self.keyfile = text()?,
            ("server_hostname", TlsNames::Amqp) => self.server = text()?,
            (_, TlsNames::Redis) => {
                return Err(format!(
                    "{name}: not supported; ssl_cert_reqs, ssl_check_hostname, ssl_ca_certs, ssl_ca_data, \
                     ssl_certfile and ssl_keyfile are"
                ));
            }
            (_, TlsNames::Amqp) => {
                return Err(format!(
                    "{name}: not supported; cert_reqs, ca_certs, certfile, keyfile and server_hostname are"
                ));
            }
        }
        Ok(())
    }

    /// What the client library needs. Reads the files.
    ///
    /// # Errors
    ///
    /// What is wrong with a file, with the name of the setting.
    pub fn build(&self) -> Result<Arc<ClientConfig>, String> {
        super::connector::build(self).map(Arc::new)
    }
}

/// The names that Celery and kombu know, and the numbers of Python's `ssl.VerifyMode`.
fn verify(name: &str, value: &Value) -> Result<bool, String> {
    match value {
        Value::String(word) => match word.strip_prefix("CERT_").unwrap_or(word).to_ascii_lowercase().as_str()
        {
            "required" | "optional" => return Ok(true),
            "none" => return Ok(false),
            _ => {}
        },
        Value::Number(number) => match number.as_u64() {
            Some(0) => return Ok(false),
            Some(1 | 2) => return Ok(true),
            _ => {}
        },
        // redis-py takes `None` for CERT_NONE. Nothing said is no reason to trust everybody.
        Value::Null => return Ok(true),
        _ => {}
    }
    Err(format!("{name}: required, optional or none is needed (or CERT_REQUIRED, CERT_OPTIONAL, CERT_NONE)"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(given: &Value) -> Result<Option<TlsSettings>, String> {
        TlsSettings::read(given, TlsNames::Redis)
    }

    #[test]
    fn names_of_py_amqp() {
        let given =
            json!({"ca_certs": "/ca.pem", "cert_reqs": 2, "server_hostname": null, "keyfile": "/k.pem"});
        let settings = TlsSettings::read(&given, TlsNames::Amqp).unwrap().unwrap();
        assert_eq!((settings.ca_certs.as_deref(), settings.server("h")), (Some("/ca.pem"), "h"));
        let named = json!({"server_hostname": "other"});
        assert_eq!(TlsSettings::read(&named, TlsNames::Amqp).unwrap().unwrap().server("h"), "other");
        for name in ["ssl_ca_certs", "check_hostname", "ciphers"] {
            let error = TlsSettings::read(&json!({ name: "x" }), TlsNames::Amqp).unwrap_err();
            assert!(error.starts_with(name) && error.contains("server_hostname"), "{error}");
        }
        let error =
            TlsSettings { ca_certs: Some("/no/such.pem".to_owned()), ..settings }.build().unwrap_err();
        assert!(error.starts_with("ca_certs: cannot read /no/such.pem"), "{error}");
    }

    #[test]
    fn forms_of_use_ssl() {
        for nothing in [json!(null), json!(false), json!({})] {
            assert_eq!(read(&nothing).unwrap(), None);
        }
        assert_eq!(read(&json!(true)).unwrap(), Some(TlsSettings::default()));
        let given = json!({"ssl_cert_reqs": 0, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": "False"});
        let settings = read(&given).unwrap().unwrap();
        assert!(!settings.verify && !settings.check_hostname);
        assert_eq!(settings.ca_certs.as_deref(), Some("/ca.pem"));
    }

    #[test]
    fn words_for_verifying() {
        for word in ["required", "CERT_REQUIRED", "optional", "CERT_OPTIONAL"] {
            assert!(verify("n", &json!(word)).unwrap(), "{word}");
        }
        for word in [json!("none"), json!("CERT_NONE"), json!(0)] {
            assert!(!verify("n", &word).unwrap(), "{word}");
        }
        for word in [json!("maybe"), json!(3), json!(true), json!("")] {
            assert!(verify("n", &word).is_err(), "{word}");
        }
    }

    #[test]
    fn refused_by_name() {
        for (given, name) in [
            (json!({"ssl_ciphers": "x"}), "ssl_ciphers"),
            (json!({"cert_reqs": 0}), "cert_reqs"),
            (json!({"ssl_ca_certs": 1}), "ssl_ca_certs"),
        ] {
            let error = read(&given).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
        assert!(read(&json!("yes")).is_err());
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let settings = TlsSettings { ca_certs: Some("/no/such/ca.pem".to_owned()), ..TlsSettings::default() };
        let error = settings.build().unwrap_err();
        assert!(error.contains("ssl_ca_certs") && error.contains("/no/such/ca.pem"), "{error}");
    }
}
