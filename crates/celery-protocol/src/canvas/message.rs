//! Calls as messages.

use serde_json::value::RawValue;

use super::{Call, OptionValue};
use crate::{
    Error, Expires, Message, Properties, TaskHeaders, TimeLimits, Value, compression, json::RawJson,
    serializer::Serializer,
};

/// The longest `argsrepr` and `kwargsrepr`, in characters (`celery/app/amqp.py: AMQP.argsrepr_maxsize`).
const REPR_MAX: usize = 1024;

/// How a call is written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Encoding {
    /// What writes the body, unless the call names another in its option `serializer` (`task_serializer`).
    pub serializer: Serializer,
    /// What compresses the body, unless the call names another in its option `compression` (`task_compression`).
    pub compression: Option<String>,
    /// Who sends: `gen<pid>@<host>` in Celery.
    pub origin: String,
    /// Where `rpc://` results go.
    pub reply_to: String,
}

impl Encoding {
    /// JSON, not compressed.
    pub fn json(origin: impl Into<String>, reply_to: impl Into<String>) -> Self {
        Self {
            serializer: Serializer::Json,
            compression: None,
            origin: origin.into(),
            reply_to: reply_to.into(),
        }
    }
}

impl Call {
    /// The headers (`celery/app/amqp.py: AMQP.as_task_v2`).
    ///
    /// A `countdown`, and an `expires` in seconds, need a clock: whoever has one puts the moments into the options `eta`
    /// and `expires` before, as ISO 8601 texts.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidField`] for an option of the wrong type.
    pub fn headers(&self, encoding: &Encoding) -> Result<TaskHeaders, Error> {
        let options = &self.options;
        let text = |key: &'static str| match options.value(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text.clone())),
            Some(_) => Err(invalid(key, "a str")),
        };
        let seconds = |key: &'static str| match options.value(key) {
            None | Some(Value::Null) => Ok(None),
            #[expect(clippy::cast_precision_loss, reason = "seconds are small")]
            Some(Value::Int(seconds)) => Ok(Some(*seconds as f64)),
            Some(Value::Float(seconds)) => Ok(Some(*seconds)),
            Some(_) => Err(invalid(key, "a number of seconds")),
        };
        let count = |key: &'static str| match options.value(key) {
            None | Some(Value::Null) => Ok(0),
            Some(Value::Int(count)) => u32::try_from(*count).map_err(|_| invalid(key, "a count")),
            Some(_) => Err(invalid(key, "a count")),
        };
        let stamped: Option<Vec<String>> = options
            .value("stamped_headers")
            .and_then(Value::as_list)
            .map(|_| options.stamped_headers().map(str::to_owned).collect());
        let mut stamps = Vec::new();
        for name in stamped.iter().flatten() {
            if let Some(value) = options.get(name) {
                stamps.push((name.clone(), raw(&value.to_value())?));
            }
        }
        let mut headers = TaskHeaders {
            shadow: text("shadow")?,
            eta: text("eta")?,
            expires: match options.value("expires") {
                None | Some(Value::Null) => None,
                Some(Value::Str(moment)) => Some(Expires::Iso(moment.clone())),
                Some(_) => return Err(invalid("expires", "an ISO 8601 str by now")),
            },
            group: text("group_id")?,
            group_index: match options.value("group_index") {
                Some(Value::Int(index)) => Some(*index),
                _ => None,
            },
            retries: count("retries")?,
            timelimit: TimeLimits { hard: seconds("time_limit")?, soft: seconds("soft_time_limit")? },
            parent_id: text("parent_id")?,
            argsrepr: Some(match options.text("argsrepr") {
                Some(repr) => repr.to_owned(),
                None => args_repr(&self.args),
            }),
            kwargsrepr: Some(match options.text("kwargsrepr") {
                Some(repr) => repr.to_owned(),
                None => kwargs_repr(&self.kwargs),
            }),
            origin: Some(text("origin")?.unwrap_or_else(|| encoding.origin.clone())),
            ignore_result: options.value("ignore_result").map(|value| !value.is_falsy()),
            replaced_task_nesting: count("replaced_task_nesting")?,
            stamped_headers: stamped,
            stamps,
            ..TaskHeaders::new(&*self.task, &*self.id)
        };
        if let Some(root) = text("root_id")?.filter(|id| !id.is_empty()) {
            headers.root_id = Some(root);
        }
        if let Some(custom) = options.value("headers").and_then(Value::as_map) {
            for (key, value) in custom {
                let key = key.as_str().ok_or(invalid("headers", "a dict with string keys"))?;
                headers.rest.push((key.to_owned(), raw(value)?));
            }
        }
        Ok(headers)
    }

    /// The body `[args, kwargs, embed]`, serialised.
    ///
    /// # Errors
    ///
    /// Those of the serialiser.
    pub fn body(&self, serializer: Serializer) -> Result<Vec<u8>, Error> {
        let embed = |key: &str| match self.options.get(key) {
            None => Value::Null,
            // celery/utils/functional.py: maybe_list
            Some(OptionValue::Signature(signature)) if key != "chord" => {
                Value::List(vec![signature.to_value()])
            }
            Some(value) => value.to_value(),
        };
        let embed =
            [("callbacks", "link"), ("errbacks", "link_error"), ("chain", "chain"), ("chord", "chord")]
                .map(|(name, key)| (Value::from(name), embed(key)));
        let body = Value::List(vec![
            Value::List(self.args.clone()),
            Value::Map(self.kwargs.clone()),
            Value::Map(embed.into()),
        ]);
        serializer.encode(&body)
    }

    /// The message, as a transport takes it.
    ///
    /// # Errors
    ///
    /// As [`headers`](Self::headers) and [`body`](Self::body), and those of the compression.
    pub fn message(&self, encoding: &Encoding) -> Result<Message, Error> {
        let options = &self.options;
        let serializer = match options.text("serializer") {
            Some(name) => Serializer::from_name(name)
                .ok_or_else(|| Error::UnsupportedSerializer { content_type: name.to_owned(), hint: "" })?,
            None => encoding.serializer,
        };
        let mut headers = self.headers(encoding)?;
        let mut body = self.body(serializer)?;
        if let Some(name) = options.text("compression").or(encoding.compression.as_deref()) {
            body = compression::compress(name, &body)?;
            headers.compression = Some(compression::content_type(name)?.to_owned());
        }
        let headers = String::from_utf8(headers.encode()).unwrap_or_default();
        let headers = RawValue::from_string(headers).map_err(Error::json("task headers"))?;
        let (content_type, content_encoding) = (serializer.content_type(), serializer.content_encoding());
        Ok(Message::new(headers, self.properties(encoding)?, body.into(), content_type, content_encoding))
    }

    /// The properties (`celery/app/amqp.py: send_task_message`, `kombu/messaging.py: Producer.publish`).
    /// An option that nobody knows is no property here, other than in Celery.
    fn properties(&self, encoding: &Encoding) -> Result<Properties, Error> {
        let options = &self.options;
        let byte = |key: &'static str| match options.value(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(number)) => {
                u8::try_from(*number).map(Some).map_err(|_| invalid(key, "a number from 0 to 255"))
            }
            Some(_) => Err(invalid(key, "a number from 0 to 255")),
        };
        let reply_to = options.text("reply_to").filter(|oid| !oid.is_empty()).unwrap_or(&encoding.reply_to);
        let mut properties = Properties {
            correlation_id: Some(self.id.clone()),
            reply_to: Some(reply_to.to_owned()),
            delivery_mode: Some(byte("delivery_mode")?.unwrap_or(2)),
            priority: byte("priority")?,
            ..Properties::default()
        };
        // kombu/messaging.py: Producer.publish; milliseconds, as text.
        match options.value("expiration") {
            Some(Value::Int(seconds)) => {
                properties
                    .rest
                    .insert("expiration".to_owned(), seconds.saturating_mul(1000).to_string().into());
            }
            #[expect(clippy::cast_possible_truncation, reason = "Python's int() cuts too")]
            Some(Value::Float(seconds)) => {
                properties
                    .rest
                    .insert("expiration".to_owned(), ((seconds * 1000.0) as i64).to_string().into());
            }
            _ => {}
        }
        Ok(properties)
    }
}

fn args_repr(args: &[Value]) -> String {
    match args {
        [one] => format!("({},)", one.repr(REPR_MAX - 3)),
        _ => {
            let list = Value::List(args.to_vec()).repr(REPR_MAX);
            match list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(inner) => format!("({inner})"),
                // It was cut.
                None => list.replacen('[', "(", 1),
            }
        }
    }
}

fn kwargs_repr(kwargs: &[(Value, Value)]) -> String {
    if kwargs.is_empty() { "{}".to_owned() } else { Value::Map(kwargs.to_vec()).repr(REPR_MAX) }
}

fn raw(value: &Value) -> Result<RawJson, Error> {
    RawJson::new(value.to_json()?).map_err(Error::json("task headers"))
}

fn invalid(field: &'static str, expected: &'static str) -> Error {
    Error::InvalidField { object: "options", field, expected }
}
