//! Publishing what was gathered.

use std::sync::Arc;

use celery_protocol::event::{BATCH_ROUTING_KEY, encoded_message, routing_key};
use celery_transport::{Publication, Publisher};

use super::dispatcher::{Dispatcher, Waiting};

/// Sends events until the dispatcher is closed. One round trip for what has gathered meanwhile.
///
/// What cannot be sent is lost, as with upstream once its buffer is full: a monitor wants to know what happens now.
pub(crate) async fn send(dispatcher: Dispatcher, publisher: Arc<dyn Publisher>) {
    let mut failed = false;
    while let Some(waiting) = dispatcher.next().await {
        let batch = messages(&dispatcher, waiting);
        if batch.is_empty() {
            continue;
        }
        match publisher.publish_all(&batch).await {
            Ok(()) => failed = false,
            Err(error) => {
                if !failed {
                    tracing::warn!("Cannot send events: {error}");
                }
                failed = true;
            }
        }
    }
}

fn messages(dispatcher: &Dispatcher, waiting: Waiting) -> Vec<Publication> {
    let origin = dispatcher.origin();
    let mut bodies: Vec<(String, Vec<u8>)> =
        waiting.singles.into_iter().map(|(name, body)| (routing_key(&name), body)).collect();
    if !waiting.tasks.is_empty() {
        let mut body = waiting.tasks;
        body.push(b']');
        bodies.push((BATCH_ROUTING_KEY.to_owned(), body));
    }
    let publication = |(key, body): (String, Vec<u8>)| match encoded_message(
        &origin.exchange,
        key.clone(),
        &origin.hostname,
        body,
    ) {
        Ok(message) => Some(Publication::new(&*origin.exchange, key, message).of_type("fanout")),
        Err(error) => {
            tracing::error!("Cannot make an event: {error}");
            None
        }
    };
    bodies.into_iter().filter_map(publication).collect()
}
