//! Where the server is: everything that the user says about it.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    Error, Result, hide_password,
    place::Place,
    route::{FailoverStrategy, Route},
    sentinel::Sentinels,
    tls::{TlsNames, TlsSettings},
};

/// Whose URL it is, for what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// `broker_url`.
    Broker,
    /// `result_backend`.
    ResultBackend,
}

impl Owner {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::ResultBackend => "result backend",
        }
    }

    /// The setting with the options of the driver.
    pub(crate) fn options(self) -> &'static str {
        match self {
            Self::Broker => "broker_transport_options",
            Self::ResultBackend => "result_backend_transport_options",
        }
    }

    /// The setting that asks for TLS.
    fn use_ssl(self) -> &'static str {
        match self {
            Self::Broker => "broker_use_ssl",
            Self::ResultBackend => "redis_backend_use_ssl",
        }
    }
}

/// What the user says besides the URL.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `broker_use_ssl` or `redis_backend_use_ssl`: a dictionary, `true` or nothing.
    pub use_ssl: Option<Value>,
    /// `broker_failover_strategy`: `round-robin` (also when it is not given) or `shuffle`.
    pub failover_strategy: Option<String>,
    /// The transport option `master_name`: what Sentinel calls the server.
    pub master_name: Option<String>,
    /// The transport option `sentinel_kwargs`: `username`, `password`, `ssl` and `ssl_*` of the Sentinels themselves.
    pub sentinel_kwargs: Map<String, Value>,
    /// The transport option `min_other_sentinels`: with how many others a Sentinel must be in touch to be believed.
    pub min_other_sentinels: u64,
}

/// A server, one of several, or the one that Sentinel names. Connections that are made with the same address, or clones
/// of it, are always connected to the same server.
#[derive(Clone)]
pub struct Address {
    pub(crate) route: Arc<Route>,
    database: u8,
    /// The URLs with the passwords hidden.
    shown: String,
}

impl Address {
    /// Reads a URL, or several with semicolons between them. A parameter in the query that is not used is warned of.
    ///
    /// Reads the files with certificates; connects to nobody.
    ///
    /// # Errors
    ///
    /// [`Error::Url`], [`Error::Option`] and [`Error::Setting`], which name what cannot be used.
    pub fn parse(urls: &str, owner: Owner, access: &Access) -> Result<Self> {
        let use_ssl = access.use_ssl.as_ref();
        let use_ssl = use_ssl.map_or(Ok(None), |given| TlsSettings::read(given, TlsNames::Redis));
        let use_ssl =
            use_ssl.map_err(|reason| Error::Setting { setting: owner.use_ssl().to_owned(), reason })?;
        let places = urls
            .split(';')
            .map(|url| Place::parse(url, owner, use_ssl.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        let shown = hide_password(urls);
        let refuse = |reason: &str| Error::Url { url: shown.clone(), reason: reason.to_owned() };
        let [first, others @ ..] = places.as_slice() else { return Err(refuse("a URL is needed")) };
        let database = first.database;
        if others.iter().any(|place| place.is_sentinel != first.is_sentinel) {
            return Err(refuse("either all URLs or none are sentinel://"));
        }
        let route = if first.is_sentinel {
            Route::behind(Sentinels::new(&places, first.clone(), access)?)
        } else if others.is_empty() {
            Route::to(first.clone())
        } else if owner == Owner::ResultBackend {
            // Source: `celery/backends/redis.py`: only `SentinelBackend` splits its URL.
            return Err(refuse("a result backend is one URL; only sentinel:// may be several"));
        } else if others.iter().any(|place| place.database != database) {
            return Err(refuse("brokers that stand in for each other need the same database number"));
        } else {
            Route::among(places, FailoverStrategy::read(access.failover_strategy.as_deref())?)
        };
        Ok(Self { route: Arc::new(route), database, shown })
    }

    /// The number of the database.
    pub fn database(&self) -> u8 {
        self.database
    }

    /// The URLs, with the passwords hidden.
    pub fn as_uri(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(urls: &str, owner: Owner, access: &Access) -> String {
        Address::parse(urls, owner, access).err().unwrap().to_string()
    }

    #[test]
    fn several_brokers() {
        let address =
            Address::parse("redis://:a@a/1;redis://:b@b/1", Owner::Broker, &Access::default()).unwrap();
        assert_eq!(address.database(), 1);
        assert_eq!(address.as_uri(), "redis://:**@a/1;redis://:**@b/1");
        let none = Access::default();
        assert!(refused("redis://a/0;redis://b/1", Owner::Broker, &none).contains("database"));
        assert!(refused("redis://a;redis://b", Owner::ResultBackend, &none).contains("one URL"));
        assert!(refused("redis://a;sentinel://b", Owner::Broker, &none).contains("sentinel"));
        assert!(refused("redis://a;", Owner::Broker, &none).contains("URL"));
        let access = Access { failover_strategy: Some("my.strategy".to_owned()), ..Access::default() };
        assert!(refused("redis://a;redis://b", Owner::Broker, &access).contains("broker_failover_strategy"));
    }

    #[test]
    fn sentinel_needs_the_name_of_the_master() {
        let urls = "sentinel://:pw@a:26379/2;sentinel://b";
        assert!(refused(urls, Owner::Broker, &Access::default()).contains("master_name"));
        let mut access = Access { master_name: Some("mymaster".to_owned()), ..Access::default() };
        for owner in [Owner::Broker, Owner::ResultBackend] {
            assert_eq!(Address::parse(urls, owner, &access).unwrap().database(), 2);
        }
        access.sentinel_kwargs = json!({"pasword": "x"}).as_object().unwrap().clone();
        assert!(refused(urls, Owner::Broker, &access).contains("pasword"));
    }

    #[test]
    fn settings_for_tls_are_named() {
        for (owner, setting) in
            [(Owner::Broker, "broker_use_ssl"), (Owner::ResultBackend, "redis_backend_use_ssl")]
        {
            let access = Access { use_ssl: Some(json!({"ssl_cert_reqs": "x"})), ..Access::default() };
            let error = refused("redis://h", owner, &access);
            assert!(error.contains(setting) && error.contains("ssl_cert_reqs"), "{error}");
        }
    }
}
