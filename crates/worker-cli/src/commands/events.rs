//! `events`: what happens, as it happens (`celery/bin/events.py`, `celery/events/dumper.py`).

use celery_protocol::control::{Command, ControlRequest, glob_matches, pidbox_exchange};
use celery_protocol::event::{Event, split_batch};
use celery_transport::{Broadcast, Publication, Subscription, Transport};

use crate::app::Question;
use crate::events::{Dump, Lines};
use crate::failure::Failure;
use crate::options::EventsOptions;
use crate::output::Screen;
use crate::session::Session;

/// How events are written.
enum Form {
    Json,
    Dump(Dump),
    Lines(Lines),
}

pub(crate) async fn run(options: &EventsOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let known = session.settings(&options.broker, Question::default())?;
    let transport = known.transport()?;
    let mut events = transport.subscribe(&known.settings.event_exchange, &["#"]).await?;
    wake(&*transport, &known.settings.control_exchange, options.enable).await?;
    let screen = &mut session.screen;
    let mut form = match (options.json, options.dump) {
        (true, _) => Form::Json,
        (_, true) => Form::Dump(Dump::default()),
        _ => Form::Lines(Lines::default()),
    };
    if options.dump {
        screen.line("-> evdump: starting capture...")?;
    }
    tokio::select! {
        // There is no other end than the user's.
        _ = tokio::signal::ctrl_c() => Ok(()),
        shown = show(options, &mut *events, &mut form, screen) => shown,
    }
}

/// Has the workers send a heartbeat, so that they are seen at once (`celery/events/receiver.py: wakeup_workers`), and
/// events of tasks if they are to.
async fn wake(transport: &dyn Transport, namespace: &str, enable: bool) -> Result<(), Failure> {
    let commands = [Some(Command::EnableEvents).filter(|_| enable), Some(Command::Heartbeat)];
    let mut batch = Vec::new();
    for command in commands.into_iter().flatten() {
        let mut request = ControlRequest::new(&command)?;
        request.clock = 1;
        let message = request.to_message(namespace)?;
        batch.push(Publication::new(pidbox_exchange(namespace), "", message).of_type("fanout"));
    }
    Ok(transport.publisher().await?.publish_all(&batch).await?)
}

async fn show(
    options: &EventsOptions,
    events: &mut dyn Subscription,
    form: &mut Form,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let mut left = options.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let Broadcast { message, .. } = match events.next().await {
            Ok(broadcast) => broadcast,
            Err(error) if error.is_transient() => {
                screen.note(format_args!("{error}; trying again"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let read = message.map_err(|undecodable| undecodable.error);
        let body = match read.as_ref().map(|message| message.json_body()) {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => {
                screen.note(format_args!("warning: {error}"));
                continue;
            }
            Err(error) => {
                screen.note(format_args!("warning: {error}"));
                continue;
            }
        };
        for text in split_batch(&body).unwrap_or_else(|error| {
            screen.note(format_args!("warning: {error}"));
            Vec::new()
        }) {
            let event = match Event::decode(text.as_bytes()) {
                Ok(event) => event,
                Err(error) => {
                    screen.note(format_args!("warning: {error}"));
                    continue;
                }
            };
            // Also what is not shown says which task an id is of.
            let line = match form {
                Form::Json => text.to_owned(),
                Form::Dump(dump) => dump.line(&event, text),
                Form::Lines(lines) => lines.line(&event, screen),
            };
            if left > 0 && is_wanted(options, event.kind.name()) {
                screen.line(line)?;
                left -= 1;
            }
        }
    }
    Ok(())
}

fn is_wanted(options: &EventsOptions, name: &str) -> bool {
    options.types.is_empty() || options.types.iter().any(|pattern| glob_matches(pattern, name))
}
