//! What follows a task, as its message has it (`celery/app/amqp.py: as_task_v2`, the third part of the body).

use celery_protocol::Value;
use celery_protocol::canvas::Signature;

use crate::Request;
use crate::arguments::whole;

/// The signatures in a message.
#[derive(Debug)]
pub(crate) struct Embed(Value);

impl Embed {
    pub(crate) fn of(request: &Request) -> Result<Self, celery_protocol::Error> {
        let body = whole(request.message())?;
        Ok(Self(body.as_list().and_then(|parts| parts.get(2)).cloned().unwrap_or_default()))
    }

    /// The signatures under a key: a list, one, or none.
    pub(crate) fn signatures(&self, key: &str) -> Result<Vec<Signature>, celery_protocol::Error> {
        match self.0.get(key) {
            Some(Value::List(items)) => items.iter().cloned().map(Signature::from_value).collect(),
            Some(one @ Value::Map(entries)) if !entries.is_empty() => {
                Ok(vec![Signature::from_value(one.clone())?])
            }
            _ => Ok(Vec::new()),
        }
    }
}
