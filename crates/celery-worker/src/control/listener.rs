//! Hearing requests.

use std::time::Duration;

use celery_protocol::control::ControlRequest;
use celery_transport::Subscription;

use super::{Panel, matcher};

/// How long to wait before listening is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens for requests until it is dropped. What others were told while the connection was down is asked of them.
pub(crate) async fn listen(panel: Panel, mut subscription: Box<dyn Subscription>) {
    let mut away = false;
    loop {
        let (message, broker) = match subscription.next().await {
            Ok(broadcast) => {
                away = false;
                (broadcast.message, broadcast.broker)
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::debug!("Not listening to commands for now: {error}");
                    panel.missed().await;
                }
                if !error.is_transient() {
                    tracing::error!("No commands are listened to any more: {error}");
                    return;
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let request = message
            .map_err(|undecodable| undecodable.error.to_string())
            .and_then(|message| ControlRequest::from_message(&message).map_err(|error| error.to_string()));
        match request {
            Ok(request) => hear(&panel, request, broker).await,
            Err(error) => tracing::error!("pidbox: a command cannot be read: {error}"),
        }
    }
}

/// Passes a request on that is meant for this worker, however late it comes (`kombu/pidbox.py: Node.handle_message`): its
/// `expires` is a second after it was written, by a clock that may be ahead of or behind this one. `broker` is where it
/// came from.
async fn hear(panel: &Panel, request: ControlRequest, broker: usize) {
    panel.lamport().adjust(request.clock);
    match request.is_for_with(panel.node(), matcher::matches) {
        Ok(true) => panel.take(request, broker).await,
        Ok(false) => {}
        Err(error) => tracing::error!("pidbox: {error}"),
    }
}
