//! Where the broker is: one place, or several that stand in for each other.
//!
//! Source: `kombu/connection.py: Connection.__init__`, `switch`.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use celery_valkey::{FailoverStrategy, hide_password};

use super::{options::Options, place::Place};
use crate::{Error, Result};

/// The schemes of this driver, as an error names them.
pub const SCHEMES: &str = "amqp://, amqps:// and pyamqp://";

/// Whether this driver is meant, if only by a scheme that it refuses.
pub fn is_ours(url: &str) -> bool {
    ["amqp", "amqps", "pyamqp", "librabbitmq"].iter().any(|scheme| url.split("://").next() == Some(scheme))
}

/// Brokers that stand in for each other.
pub(super) struct Address {
    places: Vec<Place>,
    shown: String,
    /// Which is tried first.
    turn: AtomicUsize,
}

impl Address {
    /// Reads a URL, or several with semicolons between them. Connects to nobody.
    ///
    /// Reads the files with certificates.
    pub(super) fn parse(urls: &str, strategy: Option<&str>, options: &Options) -> Result<Self> {
        let mut places: Vec<Place> = Vec::new();
        for url in urls.split(';').filter(|url| !url.is_empty()) {
            let place = match places.first() {
                Some(first) if !url.contains("://") => first.at(url)?,
                _ => Place::parse(url, options)?,
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
        let first = match FailoverStrategy::read(strategy)? {
            FailoverStrategy::RoundRobin => 0,
            FailoverStrategy::Shuffle => uuid::Uuid::new_v4().as_u128() as usize % places.len(),
        };
        Ok(Self { places, shown, turn: AtomicUsize::new(first) })
    }

    /// The URLs with the passwords hidden.
    pub(super) fn as_uri(&self) -> &str {
        &self.shown
    }

    /// The places in the order in which they are to be tried.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = (usize, &Place)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(urls: &str, strategy: Option<&str>) -> Result<Address> {
        Address::parse(urls, strategy, &Options::default())
    }

    #[test]
    fn passwords_are_decoded_and_not_shown() {
        let address = parse("amqp://u:p%40%2Fss@h:1/v;amqp://u:q@h2", None).unwrap();
        assert_eq!(address.places[0].uri.authority.userinfo.password, "p@/ss");
        assert_eq!(address.as_uri(), "amqp://u:**@h:1/v;amqp://u:**@h2");
    }

    #[test]
    fn several_take_turns_and_bare_hosts_inherit() {
        let address = parse("amqp://u:p@one/v;two;three:7", None).unwrap();
        let hosts = |address: &Address| -> Vec<String> {
            address.in_turn().map(|(_, place)| place.uri.authority.host.clone()).collect()
        };
        assert_eq!(hosts(&address), ["one", "two", "three"]);
        address.answered(1);
        assert_eq!(hosts(&address), ["two", "three", "one"]);
        let places = &address.places;
        assert_eq!(
            (&*places[1].uri.vhost, places[1].uri.authority.port, places[2].uri.authority.port),
            ("v", 5672, 7)
        );
    }

    #[test]
    fn refused_with_a_reason() {
        for (url, word) in
            [("", "a URL is needed"), ("librabbitmq://h", "librabbitmq://"), ("amqp://h:x/", "port")]
        {
            let error = parse(url, None).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(parse("amqp://h", Some("mine")).unwrap_err().to_string().contains("\"mine\""));
    }
}
