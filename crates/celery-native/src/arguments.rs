//! The arguments of a call, read no further than somebody asks.

use std::ops::Range;
use std::sync::Arc;

use celery_protocol::serializer::Serializer;
use celery_protocol::{Body, Message, TaskHeaders, Value, compression};
use serde::de::DeserializeOwned;

use crate::Exception;
use crate::parameters::{Bound, Parameters};

/// The arguments of a call.
#[derive(Debug)]
pub(crate) enum Arguments {
    /// In the body, as JSON.
    Text { message: Arc<Message>, args: Range<usize>, kwargs: Range<usize> },
    /// Read.
    Values(Vec<Value>, Vec<(Value, Value)>),
    /// Each in its place.
    Bound(Bound),
}

/// The positional and the keyword arguments of a call.
pub(crate) type Given<'a> = (&'a mut Vec<Value>, &'a mut Vec<(Value, Value)>);

/// A body that was taken apart.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) arguments: Arguments,
    /// Whether something follows the task.
    pub(crate) is_followed: bool,
}

impl Arguments {
    /// Finds the arguments in a message.
    pub(crate) fn open(message: &Arc<Message>) -> Result<Opened, Exception> {
        let undecodable = |error: celery_protocol::Error| {
            Exception::new("kombu.exceptions", "DecodeError", error.to_string())
        };
        let compressed = message.headers.get().contains("\"compression\"");
        if message.content_type == "application/json" && !compressed {
            let text = std::str::from_utf8(&message.body).unwrap_or_default();
            let body = Body::split(text).map_err(undecodable)?;
            let place = |part: &str| {
                let from = part.as_ptr() as usize - text.as_ptr() as usize;
                from..from + part.len()
            };
            let (args, kwargs) = (place(body.args), place(body.kwargs));
            let arguments = Self::Text { message: Arc::clone(message), args, kwargs };
            return Ok(Opened { arguments, is_followed: !body.embed.is_empty() });
        }
        let value = whole(message).map_err(undecodable)?;
        let malformed = || {
            Exception::new(
                "celery.exceptions",
                "InvalidTaskError",
                "Task message has no args, kwargs and embed",
            )
        };
        let Value::List(parts) = value else { return Err(malformed()) };
        let [args, kwargs, embed] = <[Value; 3]>::try_from(parts).map_err(|_| malformed())?;
        let (Value::List(args), Value::Map(kwargs)) = (args, kwargs) else { return Err(malformed()) };
        let is_followed = embed.as_map().is_some_and(|parts| parts.iter().any(|(_, part)| !part.is_falsy()));
        Ok(Opened { arguments: Self::Values(args, kwargs), is_followed })
    }

    /// The arguments as values.
    pub(crate) fn values(&mut self) -> Result<Given<'_>, Exception> {
        if let Self::Text { message, args, kwargs } = self {
            let read = |range: &Range<usize>| {
                let text = std::str::from_utf8(&message.body[range.clone()]).unwrap_or_default();
                let value = Value::from_json(text);
                value.map_err(|error| Exception::new("kombu.exceptions", "DecodeError", error.to_string()))
            };
            // `Body::split` has seen an array and an object.
            let (Value::List(args), Value::Map(kwargs)) = (read(args)?, read(kwargs)?) else {
                return Err(Exception::type_error("the arguments are no list and no dict".to_owned()));
            };
            *self = Self::Values(args, kwargs);
        }
        match self {
            Self::Values(args, kwargs) => Ok((args, kwargs)),
            _ => Err(Exception::type_error("the arguments are bound already".to_owned())),
        }
    }

    /// Puts each argument in its place.
    pub(crate) fn bind(&mut self, function: &str, parameters: &Parameters) -> Result<&mut Bound, Exception> {
        if !matches!(self, Self::Bound(_)) {
            let (args, kwargs) = self.values()?;
            let bound = parameters.bind(function, std::mem::take(args), std::mem::take(kwargs))?;
            *self = Self::Bound(bound);
        }
        match self {
            Self::Bound(bound) => Ok(bound),
            _ => Err(Exception::type_error("the arguments cannot be bound".to_owned())),
        }
    }

    /// Reads positional arguments straight from the text, where nothing has to be bound: no names are given, and there
    /// are no typed values among them.
    pub(crate) fn direct<T: DeserializeOwned>(&mut self) -> Option<T> {
        let Self::Text { message, args, kwargs } = self else { return None };
        let (args, kwargs) = (&message.body[args.clone()], &message.body[kwargs.clone()]);
        let typed = || args.windows(8).any(|window| window == b"__type__");
        if kwargs != b"{}" || typed() {
            return None;
        }
        let value = serde_json::from_slice(args).ok()?;
        *self = Self::Bound(Bound::default());
        Some(value)
    }

    /// Whether nothing is given at all.
    pub(crate) fn are_none(&self) -> bool {
        match self {
            Self::Text { message, args, kwargs } => {
                message.body[args.clone()] == *b"[]" && message.body[kwargs.clone()] == *b"{}"
            }
            Self::Values(args, kwargs) => args.is_empty() && kwargs.is_empty(),
            Self::Bound(_) => true,
        }
    }
}

/// The body of a message in whichever serialiser and compression it came.
pub(crate) fn whole(message: &Message) -> Result<Value, celery_protocol::Error> {
    let headers = TaskHeaders::decode(message.headers.get())?;
    let mut body = message.body.clone();
    if let Some(method) = headers.compression.as_deref() {
        body = compression::decompress(method, &body, celery_protocol::MAX_MESSAGE_SIZE)?.into();
    }
    let serializer = Serializer::from_content_type(&message.content_type).ok_or_else(|| {
        celery_protocol::Error::UnsupportedSerializer { content_type: message.content_type.clone(), hint: "" }
    })?;
    serializer.decode(&body)
}
