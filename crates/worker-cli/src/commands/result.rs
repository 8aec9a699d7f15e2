//! `result`: what became of a task (`celery/bin/result.py`).

use std::time::Duration;

use celery_protocol::result::decompress_result;
use celery_protocol::{ExceptionInfo, MAX_MESSAGE_SIZE, State, StoredMeta, Value};
use celery_results::{ConnectOptions, ResultBackend, connect_backend};
use tokio::time::timeout;

use crate::app::Question;
use crate::failure::Failure;
use crate::options::ResultOptions;
use crate::session::{Known, Session, client_name};

/// A stored result, and its bytes.
struct Stored {
    meta: StoredMeta,
    json: String,
}

pub(crate) async fn run(options: &ResultOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let known = session.settings(&options.broker, Question { results: true, ..Question::default() })?;
    let backend = connect(&known).await?;
    if options.traceback {
        return show_traceback(&options.id, now(&*backend, &options.id).await?, session);
    }
    let stored = tokio::select! {
        stored = ended(&*backend, &options.id, options.timeout) => stored?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::Interrupted),
    };
    let Some(Stored { meta, json }) = stored else {
        let state = now(&*backend, &options.id).await?.map_or(State::Pending, |stored| stored.meta.status);
        let seconds = options.timeout.unwrap_or_default().as_secs_f64();
        let (id, state) = (&options.id, state.as_str());
        return Err(Failure::Failed(format!("no result of {id} within {seconds} s: it is {state}")));
    };
    if options.json {
        session.screen.line(json)?;
    }
    if meta.status != State::Success {
        return Err(Failure::Failed(failure(&meta)));
    }
    if !options.json {
        session.screen.line(shown(&Value::from_json(&meta.result)?))?;
    }
    Ok(())
}

async fn connect(known: &Known) -> Result<std::sync::Arc<dyn ResultBackend>, Failure> {
    let settings = &known.settings;
    let url = settings.results().map_err(Failure::Usage)?;
    let options = ConnectOptions::new(settings.result_backend_transport_options.clone(), client_name())
        .with_use_ssl(settings.redis_backend_use_ssl.clone());
    Ok(connect_backend(url, &options).await?)
}

/// The result that is there to stay, once it is stored; nothing when the time is up before.
async fn ended(
    backend: &dyn ResultBackend,
    id: &str,
    limit: Option<Duration>,
) -> Result<Option<Stored>, Failure> {
    let wait = async {
        let mut watch = backend.watch(id).await?;
        loop {
            let stored = read(&watch.next().await?)?;
            if stored.meta.status.is_ready() {
                return Ok(stored);
            }
        }
    };
    match limit {
        None => wait.await.map(Some),
        Some(limit) => timeout(limit, wait).await.ok().transpose(),
    }
}

/// What is stored now.
async fn now(backend: &dyn ResultBackend, id: &str) -> Result<Option<Stored>, Failure> {
    let stored = backend.get(&[id]).await?.into_iter().next().flatten();
    stored.map(|payload| read(&payload)).transpose()
}

fn read(payload: &[u8]) -> Result<Stored, Failure> {
    let meta = StoredMeta::decode(payload)?;
    let json = String::from_utf8_lossy(&decompress_result(payload, MAX_MESSAGE_SIZE)?).into_owned();
    Ok(Stored { meta, json })
}

fn show_traceback(id: &str, stored: Option<Stored>, session: &mut Session<'_>) -> Result<(), Failure> {
    let state = stored.as_ref().map_or(State::Pending, |stored| stored.meta.status.clone());
    match stored.and_then(|stored| stored.meta.traceback) {
        Some(traceback) => session.screen.line(traceback.trim_end())?,
        None => session.screen.note(format_args!("{id} is {} and has no traceback", state.as_str())),
    }
    Ok(())
}

/// `task ID is FAILURE: ValueError('no')`.
fn failure(meta: &StoredMeta) -> String {
    let described = match ExceptionInfo::decode(&meta.result) {
        Ok(exception) => {
            let arguments = match Value::from_json(&exception.exc_message) {
                Ok(Value::List(arguments)) => {
                    arguments.iter().map(|value| value.repr(MAX_MESSAGE_SIZE)).collect::<Vec<_>>().join(", ")
                }
                Ok(other) => other.repr(MAX_MESSAGE_SIZE),
                Err(_) => exception.exc_message,
            };
            format!("{}({arguments})", exception.exc_type)
        }
        Err(_) => meta.result.clone(),
    };
    format!("task {} is {}: {described}", meta.task_id, meta.status.as_str())
}

/// `str()` of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => other.repr(MAX_MESSAGE_SIZE),
    }
}
