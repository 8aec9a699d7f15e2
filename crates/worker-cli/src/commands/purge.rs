//! `purge`: remove all messages from queues (`celery/bin/purge.py`).

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Write};

use celery_transport::Queue;
use serde_json::{Map, Value};

use crate::app::Question;
use crate::failure::Failure;
use crate::options::PurgeOptions;
use crate::session::{Known, Session};

pub(crate) async fn run(options: &PurgeOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let known = session.settings(&options.broker, Question::default())?;
    let queues = chosen(options, &known);
    if queues.is_empty() {
        return Err(Failure::Usage(String::from("-X leaves no queue to purge")));
    }
    let transport = known.transport()?;
    if !options.force {
        confirm(&queues, &transport.as_uri())?;
    }
    let mut purged = Map::new();
    let mut messages = 0;
    for name in &queues {
        let count = transport.purge(&Queue::named(&**name)).await?;
        messages += count;
        purged.insert(name.clone(), Value::from(count));
    }
    let screen = &mut session.screen;
    if options.json {
        return Ok(screen.line(Value::Object(purged))?);
    }
    let count = queues.len();
    let named = if count == 1 { "queue" } else { "queues" };
    screen.line(match messages {
        0 => format!("No messages purged from {count} {named}."),
        1 => format!("Purged 1 message from {count} known task {named}."),
        _ => format!("Purged {messages} messages from {count} known task {named}."),
    })?;
    Ok(())
}

/// The queues that are named, or all of the app, or the default one; without those that are excluded.
fn chosen(options: &PurgeOptions, known: &Known) -> BTreeSet<String> {
    let of_app = known.answer.as_ref().map(|answer| answer.queues.clone());
    let mut queues: BTreeSet<String> = if options.queues.is_empty() {
        let default = || vec![known.settings.task_default_queue.clone()];
        of_app.unwrap_or_else(default).into_iter().collect()
    } else {
        options.queues.iter().cloned().collect()
    };
    for excluded in &options.exclude_queues {
        queues.remove(excluded);
    }
    queues
}

/// Asks whoever sits at the terminal.
fn confirm(queues: &BTreeSet<String>, broker: &str) -> Result<(), Failure> {
    let names = queues.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let queue = if queues.len() == 1 { "queue" } else { "queues" };
    if !io::stdin().is_terminal() {
        let refusal = format!(
            "this removes all messages from the {queue} {names} of {broker}; say that you mean it with -f"
        );
        return Err(Failure::Usage(refusal));
    }
    let mut asked = io::stderr();
    write!(
        asked,
        "This removes all messages from the {queue} {names} of {broker}. There is no way back.\nAre you sure? [y/N] "
    )?;
    asked.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Failed(String::from("nothing was removed"))),
    }
}
