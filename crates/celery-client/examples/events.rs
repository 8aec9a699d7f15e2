//! Prints what workers do, a line an event.
//!
//! ```text
//! cargo run -p celery-client --example events -- redis://localhost/0
//! ```

use celery_client::{
    Client, Error,
    protocol::{
        control::Command,
        event::{Event, EventKind},
    },
};

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost/0".to_owned());
    let client = Client::builder(url).without_results().connect().await?;
    let mut events = client.events(&["#"]).await?;
    // Workers that were not started with `-E` send events of tasks from now on.
    client.broadcast(&Command::EnableEvents).await?;
    loop {
        match events.next().await {
            Ok(batch) => {
                for event in batch.events()? {
                    println!("{}", line(&event));
                }
            }
            Err(Error::Broker(error)) if error.is_transient() => eprintln!("{error}"),
            Err(error) => return Err(error.into()),
        }
    }
}

fn line(event: &Event<'_>) -> String {
    let about = match &event.kind {
        EventKind::WorkerHeartbeat(status) => format!(
            "{} running, {} done",
            status.active.unwrap_or_default(),
            status.processed.unwrap_or_default()
        ),
        EventKind::TaskReceived(task) => {
            format!("{} {}", task.uuid, task.name.as_deref().unwrap_or_default())
        }
        EventKind::TaskStarted(task) => task.uuid.to_string(),
        EventKind::TaskSucceeded(task) => {
            format!("{} {}", task.uuid, task.result.as_deref().unwrap_or_default())
        }
        EventKind::TaskFailed(task) => {
            format!("{} {}", task.uuid, task.exception.as_deref().unwrap_or_default())
        }
        _ => String::new(),
    };
    format!("{:<17} {:<24} {about}", event.kind.name(), event.hostname)
}
