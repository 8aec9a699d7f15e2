//! Reading the stream of a fanout exchange without polling it.
//!
//! The connection that listens to channels has the server track the stream's key, there or not: what is appended sends an
//! invalidation, and the next read arms it again. Nothing is lost by a new connection, because the place in the stream is
//! kept.

use bytes::Bytes;
use celery_valkey::{Events, PubSub};
use fred::{
    interfaces::TrackingInterface,
    prelude::ClientLike,
    types::{Key, MultipleStrings, Value, client::Invalidation},
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Duration, sleep},
};

use super::reply;
use crate::{Error, Result};

/// How many entries one read takes.
const BATCH: &str = "256";
/// When to look without being told: covers what the server forgets (`FLUSHALL`).
const SAFETY_NET: Duration = Duration::from_secs(30);

/// A place in a stream.
pub(super) struct StreamReader {
    stream: Key,
    /// The entry that was read last.
    last: String,
    invalidations: Events<Invalidation>,
    tracking: bool,
    /// There may be more than was read.
    may_have_more: bool,
}

impl StreamReader {
    /// The end of a stream, and whether there is one. `None` where the server does not let us.
    pub(super) async fn open(pubsub: &PubSub, stream: Key) -> Result<Option<(Self, bool)>> {
        let invalidations = pubsub.connection().invalidations();
        let name = stream.clone();
        let last = pubsub.ask(|client| async move {
            let args = vec![Value::from(name), "+".into(), "-".into(), "COUNT".into(), "1".into()];
            client.custom::<Value, _>(fred::cmd!("XREVRANGE"), args).await
        });
        let last = match last.await.map_err(Error::from) {
            Ok(last) => last,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::debug!("streams of broadcasts are not read: {error}");
                return Ok(None);
            }
        };
        let last = reply::elements(last).into_iter().next().and_then(|entry| Some(entry_of(entry)?.0));
        let there = last.is_some();
        let last = last.unwrap_or_else(|| "0-0".to_owned());
        let (tracking, may_have_more) = (false, true);
        Ok(Some((Self { stream, last, invalidations, tracking, may_have_more }, there)))
    }

    /// The connection is another one, which tracks nothing.
    pub(super) fn reconnected(&mut self) {
        (self.tracking, self.may_have_more) = (false, true);
    }

    /// Waits until a read may find something. Cancel-safe.
    pub(super) async fn ready(&mut self) {
        if self.may_have_more {
            return;
        }
        tokio::select! {
            received = self.invalidations.recv() => {
                // Lagged is a wake-up as well.
                if let Err(RecvError::Closed) = received {
                    sleep(SAFETY_NET).await;
                }
            }
            () = sleep(SAFETY_NET) => {}
        }
        self.may_have_more = true;
    }

    /// The payloads that came. Cancel-safe: what was read and not returned is read again.
    pub(super) async fn read(&mut self, pubsub: &PubSub) -> Result<Vec<Bytes>> {
        if !self.tracking {
            // NOLOOP does no harm: nothing is written here.
            pubsub
                .ask(|client| async move {
                    let no_prefix = MultipleStrings::from(Vec::<String>::new());
                    client.start_tracking(no_prefix, false, false, false, true).await
                })
                .await?;
            self.tracking = true;
        }
        // What came before this read the read will see.
        while self.invalidations.try_recv().is_ok() {}
        let args = [
            Value::from("COUNT"),
            BATCH.into(),
            "STREAMS".into(),
            Value::from(self.stream.clone()),
            self.last.as_str().into(),
        ];
        let found = pubsub
            .ask(|client| async move { client.custom::<Value, _>(fred::cmd!("XREAD"), args.to_vec()).await })
            .await?;
        let entries = entries_of(found);
        self.may_have_more = entries.len().to_string() == BATCH;
        let mut payloads = Vec::with_capacity(entries.len());
        for (id, fields) in entries {
            self.last = id;
            payloads.extend(payload_of(fields));
        }
        Ok(payloads)
    }
}

/// The entries of the one stream in a reply to `XREAD`, which is a map, or an array where the server speaks RESP2.
fn entries_of(found: Value) -> Vec<(String, Vec<Value>)> {
    let entries = match found {
        Value::Map(streams) => streams.inner().into_values().next(),
        Value::Array(mut streams) if streams.len() == 2 && !matches!(streams[0], Value::Array(_)) => {
            streams.pop()
        }
        Value::Array(mut streams) => streams.pop().and_then(|stream| reply::elements(stream).pop()),
        _ => None,
    };
    entries.map(reply::elements).unwrap_or_default().into_iter().filter_map(entry_of).collect()
}

/// The id and the fields of an entry.
fn entry_of(entry: Value) -> Option<(String, Vec<Value>)> {
    let mut parts = reply::elements(entry).into_iter();
    Some((parts.next()?.into_string()?, reply::elements(parts.next()?)))
}

fn payload_of(fields: Vec<Value>) -> Option<Bytes> {
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if name.as_str().as_deref() == Some("payload") {
            return reply::bytes(value);
        }
    }
    None
}
