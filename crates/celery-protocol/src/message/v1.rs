//! Messages of protocol 1, whose body is an object that holds everything.

use super::{Body, Embed, TaskHeaders};
use crate::{
    Error,
    json::{Fields, Finite, ObjectWriter, read_lenient},
};

const OBJECT: &str = "protocol 1 task";

/// Fields of the body that are no headers in protocol 2.
const NOT_HEADERS: [&str; 8] =
    ["args", "kwargs", "callbacks", "errbacks", "chord", "utc", "taskset", "headers"];

/// A message of protocol 1, or of the hybrid of both, in the form of protocol 2.
///
/// Celery writes such messages with `task_protocol = 1` (`celery/app/amqp.py: AMQP.as_task_v1`).
#[derive(Debug, Clone, PartialEq)]
pub struct V1Task {
    /// The headers. Without an offset, `eta` and `expires` are local times unless `utc`.
    pub headers: TaskHeaders,
    /// The body as protocol 2 has it: see [`Body::split`].
    pub body: String,
    /// Whether times without an offset are UTC. True when the message does not say.
    pub utc: bool,
}

impl V1Task {
    /// Whether a JSON body is an object and so not of protocol 2.
    pub fn is_v1_body(body: &str) -> bool {
        body.trim_ascii_start().starts_with('{')
    }

    /// Converts a message (`celery/worker/strategy.py: proto1_to_proto2`, `hybrid_to_proto2`).
    ///
    /// In a hybrid, which has the header `task`, headers go before fields of the body. Otherwise they are custom
    /// headers. `argsrepr` and `kwargsrepr`, which only Python can write, stay as the message has them.
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when the body is no object, [`Error::MissingField`] without `task` or `id`,
    /// [`Error::InvalidField`] when the arguments are no array or the keyword arguments no object.
    pub fn convert(headers: &str, body: &str) -> Result<Self, Error> {
        let outer: Fields<'_> = serde_json::from_str(headers).map_err(Error::json(OBJECT))?;
        read_lenient(OBJECT, body, |text| Self::read(&outer, text))
    }

    fn read(outer: &Fields<'_>, text: &Finite<'_>) -> Result<Self, Error> {
        let fields: Fields<'_> = serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
        let place = |slice| text.original_of(slice);
        let embed = Embed {
            callbacks: fields.get_some("callbacks"),
            errbacks: fields.get_some("errbacks"),
            chain: None,
            chord: fields.get_some("chord"),
        };
        let args = fields.get("args").map_or("[]", place);
        let kwargs = fields.get("kwargs").map_or("{}", place);
        let mut body = Vec::new();
        Body::checked(args, kwargs, embed.map(place))?.write(&mut body);
        Ok(Self {
            headers: headers_of(outer, &fields, text)?,
            body: String::from_utf8(body)
                .map_err(|error| Error::Utf8 { object: OBJECT, source: error.utf8_error() })?,
            utc: fields.get("utc") != Some("false"),
        })
    }
}

/// The headers of protocol 2, gathered from both places.
fn headers_of(outer: &Fields<'_>, body: &Fields<'_>, text: &Finite<'_>) -> Result<TaskHeaders, Error> {
    let mut json = Vec::new();
    let mut object = ObjectWriter::new(&mut json);
    for (name, value) in body.iter().filter(|(name, _)| !NOT_HEADERS.contains(name)) {
        object.raw(name, text.original_of(value));
    }
    let hybrid = outer.get_some("task").is_some();
    if let Some(group) = body.get("taskset").filter(|_| !hybrid) {
        object.raw("group", text.original_of(group));
    }
    for (name, value) in outer.iter().filter(|(name, _)| hybrid || body.get(name).is_none()) {
        object.raw(name, value);
    }
    object.end();
    // Of a repeated name the decoder takes the last.
    let json = String::from_utf8(json)
        .map_err(|error| Error::Utf8 { object: OBJECT, source: error.utf8_error() })?;
    TaskHeaders::decode(&json)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Expires, Message};

    fn captured() -> (String, String) {
        let message =
            Message::from_envelope(include_bytes!("../../fixtures/envelope/protocol1.json")).unwrap();
        (message.headers.get().to_owned(), String::from_utf8(message.body.to_vec()).unwrap())
    }

    #[test]
    fn a_captured_message_is_converted() {
        let (headers, body) = captured();
        assert!(matches!(TaskHeaders::decode(&headers), Err(Error::MissingField { field: "task", .. })));
        assert!(V1Task::is_v1_body(&body));
        let task = V1Task::convert(&headers, &body).unwrap();
        assert!(task.utc);
        assert_eq!((&*task.headers.task, &*task.headers.id), ("capture.add", "id-v1"));
        assert!(matches!(&task.headers.expires, Some(Expires::Iso(_))));
        assert_eq!(task.headers.timelimit.hard, Some(5.0));
        let rest: Vec<_> =
            task.headers.rest.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(rest, [("own", "1")]);
        let body = Body::split(&task.body).unwrap();
        assert_eq!((body.args, body.kwargs), ("[1, 2]", r#"{"z": "\u00e9"}"#));
        assert!(body.embed.callbacks.unwrap().contains("capture.add"));
        assert_eq!(body.embed.chain, None);
    }

    #[test]
    fn headers_of_a_hybrid_go_first() {
        let task = V1Task::convert(
            r#"{"task": "new", "retries": 3}"#,
            r#"{"task": "old", "id": "i", "retries": 1, "args": [NaN], "utc": false}"#,
        )
        .unwrap();
        assert_eq!((&*task.headers.task, task.headers.retries, task.utc), ("new", 3, false));
        assert_eq!(
            task.body,
            r#"[[NaN], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#
        );
    }

    #[test]
    fn a_header_that_is_no_json_is_never_another_number() {
        let said = V1Task::convert("{}", r#"{"task": "t", "id": "i", "retries": NaN}"#).unwrap_err();
        assert!(matches!(said, Error::Json { .. }), "{said}");
    }

    #[test]
    fn the_taskset_is_the_group() {
        let task = V1Task::convert("{}", r#"{"task": "t", "id": "i", "taskset": "g"}"#).unwrap();
        assert_eq!(task.headers.group.as_deref(), Some("g"));
        assert!(task.headers.rest.is_empty());
    }

    #[test]
    fn incomplete_messages_are_refused() {
        let said = |body| V1Task::convert("{}", body).unwrap_err().to_string();
        assert_eq!(said("{}"), "task headers has no `task`");
        assert_eq!(said(r#"{"task": "t", "id": "i", "kwargs": 1}"#), "task body: `kwargs` must be an object");
        assert!(said("[]").starts_with("protocol 1 task cannot be decoded"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(headers: String, body: String) {
            let _ = V1Task::convert(&headers, &body);
            let _ = V1Task::convert("{}", &body);
        }
    }
}
