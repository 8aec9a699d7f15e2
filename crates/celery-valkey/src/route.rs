//! Which server is used now, by all connections of one driver: messages fetched from one broker cannot be acknowledged on
//! another.
//!
//! Whoever notices that the server is gone chooses the next one, one at a time; the others follow.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
};

use tokio::sync::{Mutex, watch};

use crate::{
    Error, Result,
    connection::Settings,
    dial::{Server, dial_server},
    place::Place,
    sentinel::Sentinels,
};

/// Who comes next of several brokers (`broker_failover_strategy`). Source: `kombu/connection.py: failover_strategies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverStrategy {
    /// The one that was given next, after the last the first.
    RoundRobin,
    /// Any other.
    Shuffle,
}

impl FailoverStrategy {
    /// Reads the setting. Round-robin when it is not given.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for any other, such as a function of the app's own.
    pub fn read(given: Option<&str>) -> Result<Self> {
        match given {
            None | Some("round-robin") => Ok(Self::RoundRobin),
            Some("shuffle") => Ok(Self::Shuffle),
            Some(other) => Err(Error::Setting {
                setting: "broker_failover_strategy".to_owned(),
                reason: format!("{other:?} is not supported; \"round-robin\" and \"shuffle\" are"),
            }),
        }
    }
}

#[derive(Debug)]
enum Kind {
    One,
    Several { places: Vec<Arc<Place>>, order: FailoverStrategy },
    Sentinel(Sentinels),
}

/// What was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// One higher with every choice.
    pub(crate) number: u64,
    /// `None` before a Sentinel was asked.
    place: Option<Arc<Place>>,
}

/// The servers, and which is used.
#[derive(Debug)]
pub(crate) struct Route {
    kind: Kind,
    chosen: watch::Sender<Chosen>,
    choosing: Mutex<()>,
}

impl Route {
    fn new(kind: Kind, first: Option<Arc<Place>>) -> Self {
        let (chosen, _) = watch::channel(Chosen { number: 0, place: first });
        Self { kind, chosen, choosing: Mutex::default() }
    }

    /// To one server.
    pub(crate) fn to(place: Place) -> Self {
        Self::new(Kind::One, Some(Arc::new(place)))
    }

    /// To the first of several that answers and is no replica.
    pub(crate) fn among(places: Vec<Place>, order: FailoverStrategy) -> Self {
        let places: Vec<_> = places.into_iter().map(Arc::new).collect();
        let first = places.first().cloned();
        Self::new(Kind::Several { places, order }, first)
    }

    /// To the one that Sentinel names.
    pub(crate) fn behind(sentinels: Sentinels) -> Self {
        Self::new(Kind::Sentinel(sentinels), None)
    }

    /// Whether there is another server than the one that is used.
    pub(crate) fn has_others(&self) -> bool {
        !matches!(self.kind, Kind::One)
    }

    /// Whether it is not known here, but asked for, who the server is.
    pub(crate) fn is_asked_for(&self) -> bool {
        matches!(self.kind, Kind::Sentinel(_))
    }

    /// Tells of new choices.
    pub(crate) fn changes(&self) -> watch::Receiver<Chosen> {
        self.chosen.subscribe()
    }

    /// Connects to the server that is used; when it does not answer, to the next one that does.
    pub(crate) async fn open(&self, settings: &Settings) -> Result<Server> {
        if !self.has_others() {
            return self.follow(settings).await;
        }
        let _choosing = self.choosing.lock().await;
        let lost = match &self.kind {
            Kind::Sentinel(sentinels) => return self.ask(sentinels, settings).await,
            _ => match self.follow(settings).await {
                Err(error) if error.is_transient() => error,
                done => return done,
            },
        };
        match self.next(settings).await {
            Some(server) => Ok(server),
            None => Err(lost),
        }
    }

    /// Connects to the server that is used.
    pub(crate) async fn follow(&self, settings: &Settings) -> Result<Server> {
        let Chosen { number, place } = self.chosen.borrow().clone();
        let Some(place) = place else {
            return Err(Error::Lost { url: String::new(), reason: "there is no server yet".to_owned() });
        };
        // Where there is a choice, a server that cannot be written to is none.
        let dialed = dial_server(&place, settings, self.has_others()).await?;
        Ok(Server { dialed, place, number })
    }

    /// Connects to another server than the choice `number`; `None` when there is none, or when that is still right.
    pub(crate) async fn leave(&self, number: u64, settings: &Settings) -> Result<Option<Server>> {
        let _choosing = self.choosing.lock().await;
        if self.chosen.borrow().number != number {
            return self.follow(settings).await.map(Some);
        }
        match &self.kind {
            Kind::One => Ok(None),
            Kind::Several { .. } => Ok(self.next(settings).await),
            Kind::Sentinel(sentinels) => {
                let place = sentinels.find(settings).await?;
                if self.is_chosen(&place) { Ok(None) } else { self.take(place, settings).await.map(Some) }
            }
        }
    }

    /// Connects to whom the Sentinels name.
    async fn ask(&self, sentinels: &Sentinels, settings: &Settings) -> Result<Server> {
        let place = sentinels.find(settings).await?;
        if self.is_chosen(&place) { self.follow(settings).await } else { self.take(place, settings).await }
    }

    async fn take(&self, place: Place, settings: &Settings) -> Result<Server> {
        let dialed = dial_server(&place, settings, true).await?;
        let place = Arc::new(place);
        Ok(Server { dialed, number: self.choose(Arc::clone(&place)), place })
    }

    fn is_chosen(&self, place: &Place) -> bool {
        self.chosen.borrow().place.as_ref().is_some_and(|chosen| chosen.endpoint == place.endpoint)
    }

    /// Connects to the first of the others that answers and is no replica.
    async fn next(&self, settings: &Settings) -> Option<Server> {
        let Kind::Several { places, order } = &self.kind else { return None };
        let now = self.chosen.borrow().place.clone();
        let is_now = |place: &Arc<Place>| now.as_ref().is_some_and(|now| Arc::ptr_eq(now, place));
        let from = places.iter().position(is_now).unwrap_or_default();
        let mut others: Vec<_> = places.iter().cycle().skip(from + 1).take(places.len() - 1).collect();
        if *order == FailoverStrategy::Shuffle {
            others.sort_by_cached_key(|_| RandomState::new().build_hasher().finish());
        }
        for place in others {
            match dial_server(place, settings, true).await {
                Ok(dialed) => {
                    let number = self.choose(Arc::clone(place));
                    return Some(Server { dialed, place: Arc::clone(place), number });
                }
                Err(error) => tracing::debug!("{error}"),
            }
        }
        None
    }

    fn choose(&self, place: Arc<Place>) -> u64 {
        let before = self.chosen.borrow().clone();
        if let Some(left) = before.place {
            tracing::warn!("{} is used instead of {}", place.shown, left.shown);
        }
        let number = before.number + 1;
        self.chosen.send_replace(Chosen { number, place: Some(place) });
        number
    }
}
