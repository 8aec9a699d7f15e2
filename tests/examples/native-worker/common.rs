//! What several tasks need.

use celery_native::TaskError;
use redis::{Connection, TypedCommands};

/// The Redis in which tasks leave notes: `NOTES_URL`, or the one of Celery's suite.
pub(crate) fn notes() -> Result<Connection, TaskError> {
    let url = std::env::var("NOTES_URL").unwrap_or_else(|_| {
        let variable = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        format!("redis://{}:{}/0", variable("REDIS_HOST", "localhost"), variable("REDIS_PORT", "6379"))
    });
    Ok(redis::Client::open(url)?.get_connection()?)
}

/// Leaves a note.
pub(crate) fn note(key: &str, text: &str) -> Result<(), TaskError> {
    notes()?.rpush(key, text)?;
    Ok(())
}
