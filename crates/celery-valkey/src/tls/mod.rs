//! TLS: what is asked of the certificates.
//!
//! Source: `redis/connection.py: SSLConnection`, `celery/backends/redis.py: RedisBackend._params_from_url`,
//! `kombu/utils/url.py: parse_url`. Other than there, a certificate is verified unless it is said that it is not, and
//! `ssl_ca_certs` takes the place of the system's roots instead of adding to them.

mod connector;
mod settings;
mod verifier;

pub use settings::{TlsNames, TlsSettings};
