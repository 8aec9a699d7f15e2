//! Bodies in other serialisers than JSON.
//!
//! Clients and workers of an app write requests and replies with its `task_serializer` (`celery/app/control.py:
//! Control.__init__`).

use std::borrow::Cow;

use crate::{Error, Message, serializer::Serializer};

/// The body as JSON text. One without a content type is JSON.
///
/// # Errors
///
/// Those of [`Serializer::decode`]: [`Error::UnsupportedSerializer`] for pickle, and what this build cannot read.
pub(super) fn json_of(message: &Message) -> Result<Cow<'_, [u8]>, Error> {
    let serializer = Serializer::from_content_type(&message.content_type);
    match serializer.filter(|_| !message.content_type.is_empty()) {
        None | Some(Serializer::Json) => Ok(Cow::Borrowed(&message.body)),
        Some(other) => Ok(Cow::Owned(other.decode(&message.body)?.to_json()?.into_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ControlReply;
    #[cfg(all(feature = "msgpack", feature = "yaml"))]
    use crate::control::ControlRequest;

    #[cfg(all(feature = "msgpack", feature = "yaml"))]
    fn in_another(raw: &[u8], serializer: Serializer) -> Message {
        let mut message = Message::from_envelope(raw).unwrap();
        let value = Serializer::Json.decode(&message.body).unwrap();
        message.body = serializer.encode(&value).unwrap().into();
        message.content_type = serializer.content_type().to_owned();
        message
    }

    #[cfg(all(feature = "msgpack", feature = "yaml"))]
    #[test]
    fn what_is_said_does_not_depend_on_the_serialiser() {
        let (request, reply) = (
            include_bytes!("../../fixtures/control/envelope_request.json"),
            include_bytes!("../../fixtures/control/envelope_reply.json"),
        );
        let asked = ControlRequest::from_message(&Message::from_envelope(request).unwrap()).unwrap();
        let answered = ControlReply::from_message(&Message::from_envelope(reply).unwrap()).unwrap();
        for serializer in [Serializer::Msgpack, Serializer::Yaml] {
            let request = ControlRequest::from_message(&in_another(request, serializer)).unwrap();
            // YAML sorts the keys.
            assert_eq!(request.command().unwrap(), asked.command().unwrap());
            assert_eq!(request.ticket, asked.ticket);
            assert_eq!(ControlReply::from_message(&in_another(reply, serializer)).unwrap(), answered);
        }
    }

    #[test]
    fn pickle_is_named() {
        let mut message =
            Message::from_envelope(include_bytes!("../../fixtures/control/envelope_reply.json")).unwrap();
        message.content_type = "application/x-python-serialize".to_owned();
        let error = ControlReply::from_message(&message).unwrap_err();
        assert!(error.to_string().contains("x-python-serialize"), "{error}");
        message.content_type.clear();
        assert!(ControlReply::from_message(&message).is_ok());
    }
}
