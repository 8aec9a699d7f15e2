//! Sending something in the place of a task (`celery/app/task.py: Task.replace`).

use celery_protocol::Value;
use celery_protocol::canvas::{Options, Replaced, Signature};
use celery_worker::Parent;
use uuid::Uuid;

use crate::arguments::whole;
use crate::{Exception, Request, TaskError};

/// Sends `signature` in the place of the task; gives what the task ends with.
pub(crate) async fn replace(request: &Request, signature: Signature) -> TaskError {
    match send(request, signature).await {
        Ok(()) => TaskError::ignore(),
        Err(error) => error,
    }
}

async fn send(request: &Request, signature: Signature) -> Result<(), TaskError> {
    let sender = request.sender().ok_or_else(|| TaskError::msg("the task does not run in a worker"))?;
    let headers = request.headers();
    let body = whole(request.message())?;
    let embed = body.as_list().and_then(|parts| parts.get(2)).cloned().unwrap_or_default();
    let mut replaced = Replaced::new(&*headers.id);
    replaced.root_id.clone_from(&headers.root_id);
    replaced.group_id.clone_from(&headers.group);
    replaced.group_index = headers.group_index;
    replaced.nesting = headers.replaced_task_nesting;
    replaced.callbacks = signatures(&embed, "callbacks")?;
    replaced.errbacks = signatures(&embed, "errbacks")?;
    replaced.chain = signatures(&embed, "chain")?;
    replaced.chord = signatures(&embed, "chord")?.pop();
    let reply_to = sender.known().encoding.reply_to.clone();
    let mut ids = || Uuid::new_v4().to_string();
    let signature = signature
        .replacing(replaced, &mut ids, &reply_to)
        .map_err(|error| Exception::new("celery.exceptions", "ImproperlyConfigured", refusal(&error)))?;
    let parent = Parent::new(headers, request.priority());
    sender.send(Some(request.job()), parent, &signature, &[], Options::default()).await?;
    Ok(())
}

/// What Celery says.
fn refusal(error: &celery_protocol::Error) -> String {
    match error {
        celery_protocol::Error::Canvas(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The signatures under a key of what follows a task: a list, one, or none.
fn signatures(embed: &Value, key: &str) -> Result<Vec<Signature>, celery_protocol::Error> {
    match embed.get(key) {
        Some(Value::List(items)) => items.iter().cloned().map(Signature::from_value).collect(),
        Some(one @ Value::Map(entries)) if !entries.is_empty() => {
            Ok(vec![Signature::from_value(one.clone())?])
        }
        _ => Ok(Vec::new()),
    }
}
