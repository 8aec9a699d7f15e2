//! The result backend of a worker that starts.

use std::sync::Arc;
use std::time::Duration;

use celery_results::{ConnectOptions, ResultBackend};
use celery_transport::Transport;
use celery_worker::{Phase, Shutdown};

use crate::settings::Settings;

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_secs(2);

/// Connects to the result backend, again and again while it is away: upstream connects when there is a result to store, so
/// its workers start without it. `None` when the worker was told to end meanwhile.
pub(crate) async fn open(
    url: &str,
    settings: &Settings,
    shutdown: &Shutdown,
    broker: &Arc<dyn Transport>,
) -> Result<Option<Arc<dyn ResultBackend>>, String> {
    let transport_options = settings.result_backend_transport_options.clone();
    let options = ConnectOptions::new(transport_options, &*settings.hostname)
        .with_use_ssl(settings.redis_backend_use_ssl.clone())
        .with_persistent(settings.result_persistent);
    let mut phases = shutdown.phases();
    loop {
        let error = match celery_results::connect_through(url, &options, broker).await {
            Ok(results) => return Ok(Some(results)),
            Err(error) => error,
        };
        if !error.is_transient() || !settings.connection_retry {
            return Err(error.to_string());
        }
        tracing::error!("Cannot connect to the result backend: {error}.\nTrying again in {RETRY:?}...");
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            _ = phases.wait_for(|phase| *phase >= Phase::Warm) => return Ok(None),
        }
    }
}
