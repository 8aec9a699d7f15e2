//! Bodies in other serialisers than JSON.

use std::borrow::Cow;

use super::Message;
use crate::{Error, serializer::Serializer};

impl Message {
    /// The body as JSON text, whichever serialiser it is in. One without a content type is taken for JSON.
    ///
    /// Requests and replies of remote control are in the `task_serializer` of an app (`celery/app/control.py:
    /// Control.__init__`), events in its `event_serializer`.
    ///
    /// # Errors
    ///
    /// Those of [`Serializer::decode`]: [`Error::UnsupportedSerializer`] for pickle, and for what this build cannot read.
    pub fn json_body(&self) -> Result<Cow<'_, [u8]>, Error> {
        let serializer = Serializer::from_content_type(&self.content_type);
        match serializer.filter(|_| !self.content_type.is_empty()) {
            None | Some(Serializer::Json) => Ok(Cow::Borrowed(&self.body)),
            Some(other) => Ok(Cow::Owned(other.decode(&self.body)?.to_json()?.into_bytes())),
        }
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
