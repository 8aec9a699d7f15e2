//! A call on its way to a handler.

use std::sync::Arc;

use celery_protocol::{Value, to_value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::Arguments;
use crate::parameters::{Bound, Parameters, missing_text};
use crate::shape::Shape;
use crate::{Exception, Request, TaskError};

/// A call on its way to a handler: what [layers](crate::Tasks::layer) see of it, and what
/// [extractors](crate::FromTask) take from it.
#[derive(Debug)]
pub struct TaskRequest {
    request: Request,
    arguments: Arguments,
    signature: Arc<Named>,
}

/// What a task takes, and what errors call it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) function: String,
    pub(crate) parameters: Parameters,
}

impl TaskRequest {
    pub(crate) fn new(request: Request, arguments: Arguments, signature: Arc<Named>) -> Self {
        Self { request, arguments, signature }
    }

    /// The call.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The positional and the keyword arguments, to be looked at or changed before the handler has them.
    ///
    /// # Errors
    ///
    /// When they cannot be read, or an extractor has taken them.
    #[expect(clippy::type_complexity, reason = "a list and a dict")]
    pub fn arguments(&mut self) -> Result<(&mut Vec<Value>, &mut Vec<(Value, Value)>), TaskError> {
        Ok(self.arguments.values()?)
    }

    /// Whether an argument that nobody takes was given.
    pub(crate) fn check_all_taken(&mut self) -> Result<(), TaskError> {
        if !self.arguments.are_none() {
            self.bind()?;
        }
        Ok(())
    }

    /// The positional arguments as `T`.
    pub(crate) fn positional<T: DeserializeOwned>(&mut self) -> Result<T, TaskError> {
        if let Some(direct) = self.arguments.direct() {
            return Ok(direct);
        }
        let signature = Arc::clone(&self.signature);
        let Named { function, parameters } = &*signature;
        let bound = self.bind()?;
        let places = std::mem::take(&mut bound.positional);
        let absent: Vec<&str> = parameters
            .names()
            .zip(&places)
            .filter(|(_, value)| value.is_none())
            .filter_map(|(name, _)| name)
            .collect();
        let value = if parameters.is_struct() {
            let named = parameters.names().zip(places);
            Value::Map(named.filter_map(|(name, value)| Some((name?.into(), value?))).collect())
        } else if places.is_empty() && bound.rest.is_empty() && Shape::of::<T>() == Shape::Unit {
            Value::Null
        } else {
            let rest = std::mem::take(&mut bound.rest);
            Value::List(places.into_iter().flatten().chain(rest).collect())
        };
        celery_protocol::from_value(value)
            .map_err(|error| unfit(function, "positional", &absent, &error).into())
    }

    /// The keyword arguments that only names have, as `T`.
    pub(crate) fn keywords<T: DeserializeOwned>(&mut self) -> Result<T, TaskError> {
        let signature = Arc::clone(&self.signature);
        let bound = self.bind()?;
        let keywords = std::mem::take(&mut bound.keywords);
        let given: Vec<String> =
            keywords.iter().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect();
        let absent: Vec<&str> = signature
            .parameters
            .keyword_names()
            .filter(|name| !given.iter().any(|one| one == name))
            .collect();
        let value = Value::Map(keywords);
        celery_protocol::from_value(value)
            .map_err(|error| unfit(&signature.function, "keyword-only", &absent, &error).into())
    }

    fn bind(&mut self) -> Result<&mut Bound, TaskError> {
        Ok(self.arguments.bind(&self.signature.function, &self.signature.parameters)?)
    }
}

/// What Python would say of arguments that are not what the task takes.
fn unfit(function: &str, kind: &str, absent: &[&str], error: &celery_protocol::Error) -> Exception {
    let text = error.to_string();
    let missing = text.split("missing field `").nth(1).and_then(|rest| rest.split('`').next());
    match missing.filter(|name| absent.contains(name)) {
        Some(name) => {
            let missing = missing_text(kind, &[name.to_owned()]);
            Exception::type_error(format!("{function}() {missing}"))
        }
        None => Exception::type_error(format!("{function}() cannot take these arguments: {text}")),
    }
}

/// What a handler returned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskResponse {
    value: Value,
}

impl TaskResponse {
    /// The response with this value.
    ///
    /// # Errors
    ///
    /// When it has no form in Python: a map with keys that are no strings, say.
    pub fn new(value: &impl Serialize) -> Result<Self, TaskError> {
        Ok(Self { value: to_value(value)? })
    }

    pub(crate) fn into_value(self) -> Value {
        self.value
    }

    /// The value as Python will see it.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// What handlers return: a `Result` of anything that serde serialises and of anything that `?` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a task can return",
    label = "not what a task can return",
    note = "a task returns a `Result` of something that serde serialises, and of an error that becomes a `TaskError`"
)]
pub trait IntoTaskResponse {
    /// What it gives when it succeeds.
    type Value;

    /// The response.
    ///
    /// # Errors
    ///
    /// What the handler returned instead of a value.
    fn into_task_response(self) -> Result<TaskResponse, TaskError>;
}

impl<T: Serialize, E: Into<TaskError>> IntoTaskResponse for Result<T, E> {
    type Value = T;

    fn into_task_response(self) -> Result<TaskResponse, TaskError> {
        TaskResponse::new(&self.map_err(Into::into)?)
    }
}
