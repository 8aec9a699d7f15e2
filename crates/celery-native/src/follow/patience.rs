//! Asking a result store until it answers.

use std::time::Duration;

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// Asks a result store until it answers; `None` when it refuses, which is said.
pub(super) async fn persist<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = celery_results::Result<T>>,
{
    let mut pause = Duration::from_millis(100);
    loop {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(error) if error.is_transient() => {
                tracing::warn!("Cannot {what}: {error}. Trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
            Err(error) => {
                tracing::error!("Cannot {what}: {error}");
                return None;
            }
        }
    }
}
