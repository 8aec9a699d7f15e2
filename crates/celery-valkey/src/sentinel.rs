//! Sentinel: who is the master now?
//!
//! The client library's own search forgets the Sentinels that it was given for those that the first one names, which
//! leaves nobody to ask when that one is gone, and has one set of credentials and certificates for both kinds of server.
//!
//! Source: `redis/sentinel.py: Sentinel.discover_master, check_master_state`, `kombu/transport/redis.py:
//! SentinelChannel._sentinel_managed_pool`, `celery/backends/redis.py: SentinelBackend`.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fred::{cmd, prelude::ClientLike, types::RespVersion};
use serde_json::{Map, Value};

use crate::{
    Access, Error, Result,
    connection::Settings,
    dial::{Dial, dial},
    failure,
    place::{Endpoint, NO_PROVIDER, Place},
    tls::TlsSettings,
};

/// How long one Sentinel may take: there are others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Those who know the master.
pub(crate) struct Sentinels {
    places: Vec<Place>,
    /// The one that answered last is asked first.
    first: AtomicUsize,
    name: String,
    min_others: u64,
    /// The master, but for its endpoint.
    master: Place,
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentinels").field("name", &self.name).field("places", &self.places).finish()
    }
}

impl Sentinels {
    /// `given` are the URLs; user, password, database and TLS of `master` are those of the server.
    pub(crate) fn new(given: &[Place], master: Place, access: &Access) -> Result<Self> {
        let refuse = |option: &str, reason: &str| Error::Option {
            option: option.to_owned(),
            reason: reason.to_owned(),
        };
        let name = access.master_name.clone().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| refuse("master_name", "sentinel:// needs the name of the master"))?;
        let own = read(&access.sentinel_kwargs).map_err(|reason| refuse("sentinel_kwargs", &reason))?;
        let places = given.iter().map(|place| Place {
            username: own.username.clone(),
            password: own.password.clone(),
            database: 0,
            tls: own.tls.clone(),
            ..place.clone()
        });
        Ok(Self {
            places: places.collect(),
            first: AtomicUsize::new(0),
            name,
            min_others: access.min_other_sentinels,
            master,
        })
    }

    /// Asks one after the other until one knows a master that is up.
    pub(crate) async fn find(&self, settings: &Settings) -> Result<Place> {
        let count = self.places.len().max(1);
        let first = self.first.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for turn in 0..count {
            let index = (first + turn) % count;
            let Some(sentinel) = self.places.get(index) else { break };
            match self.ask(sentinel, settings).await {
                Ok(endpoint) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(self.place(endpoint));
                }
                Err(error) => failures.push(error),
            }
        }
        let reasons: Vec<_> = failures
            .iter()
            .zip(self.places.iter().cycle().skip(first))
            .map(|(error, sentinel)| format!("{}: {}", sentinel.shown, error.reason()))
            .collect();
        let (url, reason) = (self.master.shown.to_string(), reasons.join("; "));
        let reason = format!("no Sentinel knows a master {:?} that is up ({reason})", self.name);
        Err(if failures.iter().any(Error::is_transient) {
            Error::Lost { url, reason }
        } else {
            Error::Refused { url, reason }
        })
    }

    async fn ask(&self, sentinel: &Place, settings: &Settings) -> Result<Endpoint> {
        let patience = settings.connect_timeout.min(PATIENCE);
        let settings = Settings {
            name: String::new(),
            connect_timeout: patience,
            command_timeout: patience,
            ..settings.clone()
        };
        let dialed = dial(sentinel, &settings, &Dial { version: RespVersion::RESP2, keeps: false }).await?;
        let failed = |error| failure::from_client(&sentinel.shown, &error);
        let state: HashMap<String, String> =
            dialed.client.custom(cmd!("SENTINEL"), vec!["MASTER", &self.name]).await.map_err(failed)?;
        self.check(&state).map_err(|reason| Error::Lost { url: sentinel.shown.to_string(), reason })
    }

    /// Where the master is, if it is up and enough Sentinels say so.
    fn check(&self, state: &HashMap<String, String>) -> Result<Endpoint, String> {
        let get = |name: &str| state.get(name).map(String::as_str).unwrap_or_default();
        let flags = get("flags");
        if !flags.split(',').any(|flag| flag == "master") {
            return Err(format!("its flags are {flags:?}"));
        }
        if flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down")) {
            return Err("it is down".to_owned());
        }
        let others = get("num-other-sentinels").parse().unwrap_or(0);
        if others < self.min_others {
            return Err(format!(
                "in touch with {others} other Sentinels, min_other_sentinels is {}",
                self.min_others
            ));
        }
        match (get("ip"), get("port").parse()) {
            ("", _) | (_, Err(_)) => Err("the answer has no address".to_owned()),
            (host, Ok(port)) => Ok(Endpoint::Tcp { host: host.to_owned(), port }),
        }
    }

    fn place(&self, endpoint: Endpoint) -> Place {
        let shown = match &endpoint {
            Endpoint::Tcp { host, port } => format!("{} at {host}:{port}", self.name),
            Endpoint::Unix { path } => format!("{} at {}", self.name, path.display()),
        };
        Place { endpoint, shown: shown.into(), ..self.master.clone() }
    }
}

/// What the Sentinels themselves want of a client. Nothing of it comes from the URL.
#[derive(Default)]
struct Own {
    username: Option<String>,
    password: Option<String>,
    tls: Option<Arc<fred::rustls::ClientConfig>>,
}

/// Reads `sentinel_kwargs`: arguments of `redis.Redis`.
fn read(kwargs: &Map<String, Value>) -> Result<Own, String> {
    let mut own = Own::default();
    let (mut is_tls, mut tls) = (false, TlsSettings::default());
    for (name, value) in kwargs {
        let text = || match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            _ => Err(format!("{name}: a string is needed")),
        };
        match name.as_str() {
            "username" => own.username = text()?,
            "password" => own.password = text()?,
            "ssl" => is_tls = value.as_bool().ok_or_else(|| format!("{name}: true or false is needed"))?,
            "credential_provider" => return Err(NO_PROVIDER.to_owned()),
            name if name.starts_with("ssl_") => tls.set(name, value)?,
            // How redis-py manages its sockets.
            "retry_on_timeout" | "health_check_interval" | "max_connections" => {}
            name if name.starts_with("socket_") => {}
            _ => return Err(format!("{name}: unknown")),
        }
    }
    if is_tls {
        own.tls = Some(tls.build()?);
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Owner;

    fn sentinels(min_others: u64) -> Sentinels {
        let place = Place::parse("sentinel://:pw@h/1", Owner::Broker, None).unwrap();
        let access = Access {
            master_name: Some("m".to_owned()),
            min_other_sentinels: min_others,
            ..Access::default()
        };
        Sentinels::new(std::slice::from_ref(&place), place.clone(), &access).unwrap()
    }

    fn state(flags: &str, others: &str) -> HashMap<String, String> {
        [("flags", flags), ("num-other-sentinels", others), ("ip", "10.0.0.1"), ("port", "6379")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_master_must_be_up_and_known_to_enough() {
        let found = Endpoint::Tcp { host: "10.0.0.1".to_owned(), port: 6379 };
        assert_eq!(sentinels(0).check(&state("master", "0")), Ok(found.clone()));
        assert_eq!(sentinels(2).check(&state("master,failover_in_progress", "2")), Ok(found));
        for (flags, others) in
            [("slave", "2"), ("master,s_down", "2"), ("master,o_down", "2"), ("master", "1")]
        {
            assert!(sentinels(2).check(&state(flags, others)).is_err(), "{flags} {others}");
        }
        assert!(sentinels(0).check(&HashMap::new()).is_err());
    }

    #[test]
    fn the_password_of_the_url_is_the_servers() {
        let sentinels = sentinels(0);
        assert_eq!(sentinels.places[0].password, None);
        let place = sentinels.place(Endpoint::Tcp { host: "10.0.0.1".to_owned(), port: 6380 });
        assert_eq!((place.password.as_deref(), place.database), (Some("pw"), 1));
        assert_eq!(&*place.shown, "m at 10.0.0.1:6380");
    }

    #[test]
    fn kwargs() {
        let read = |value: Value| read(value.as_object().unwrap());
        let own = read(json!({"password": "x", "username": "u", "socket_timeout": 1, "ssl": false})).unwrap();
        assert_eq!((own.username.as_deref(), own.password.as_deref()), (Some("u"), Some("x")));
        assert!(own.tls.is_none());
        assert!(read(json!({"ssl": true, "ssl_cert_reqs": "none"})).unwrap().tls.is_some());
        for (wrong, name) in [(json!({"pasword": "x"}), "pasword"), (json!({"ssl": "yes"}), "ssl")] {
            assert!(read(wrong).err().unwrap().starts_with(name));
        }
    }
}
