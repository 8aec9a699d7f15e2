//! Sending something in the place of a task (`celery/app/task.py: Task.replace`).

use celery_protocol::canvas::{Options, Replaced, Signature};
use celery_worker::Parent;
use uuid::Uuid;

use crate::embed::Embed;
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
    let embed = Embed::of(request)?;
    let mut replaced = Replaced::new(&*headers.id);
    replaced.root_id.clone_from(&headers.root_id);
    replaced.group_id.clone_from(&headers.group);
    replaced.group_index = headers.group_index;
    replaced.nesting = headers.replaced_task_nesting;
    replaced.callbacks = embed.signatures("callbacks")?;
    replaced.errbacks = embed.signatures("errbacks")?;
    replaced.chain = embed.signatures("chain")?;
    replaced.chord = embed.signatures("chord")?.pop();
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
