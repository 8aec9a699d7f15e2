//! Envelopes, their bodies, and how the bodies are compressed.

use celery_protocol::{
    Error, MAX_MESSAGE_SIZE, Message, Value,
    compression::{compress, content_type, decompress},
    serializer::Serializer,
};

use crate::line::Line;

/// An envelope, and the value in its body where this crate reads it.
pub(crate) struct Checked {
    pub(crate) message: Message,
    pub(crate) body: Option<Value>,
}

/// Reads an envelope and its body, and writes both again.
pub(crate) fn check(line: &Line) -> Checked {
    let message = Message::from_envelope(&line.payload).unwrap_or_else(|error| panic!("{line}: {error}"));
    if line.stable {
        assert_eq!(utf8(&message.to_envelope()), utf8(&line.payload), "{line}");
    }
    let serializer = line.serializer();
    assert_eq!(Serializer::from_content_type(&message.content_type), Some(serializer), "{line}");
    assert_eq!(message.content_encoding, serializer.content_encoding(), "{line}");
    let body = plain_body(line, &message);
    if serializer == Serializer::Pickle || !line.readable {
        check_refused(line, serializer.decode(&body));
        return Checked { message, body: None };
    }
    let value = serializer.decode(&body).unwrap_or_else(|error| panic!("{line}: {error}"));
    let again = serializer.encode(&value).unwrap_or_else(|error| panic!("{line}: {error}"));
    if line.body_stable == Some(true) {
        assert_eq!(again, body, "{line}: {}", String::from_utf8_lossy(&again));
    }
    // NaN is not equal to itself.
    assert_eq!(format!("{:?}", serializer.decode(&again).unwrap()), format!("{value:?}"), "{line}");
    Checked { message, body: Some(value) }
}

/// The body without its compression, which the header names.
pub(crate) fn plain_body(line: &Line, message: &Message) -> Vec<u8> {
    let headers = Value::from_json(message.headers.get()).unwrap();
    let header = headers.get("compression").map(|name| name.as_str().unwrap());
    assert_eq!(header, line.compression().map(|name| content_type(name).unwrap()), "{line}");
    let Some(method) = header else {
        return message.body.to_vec();
    };
    let body = decompress(method, &message.body, MAX_MESSAGE_SIZE).unwrap();
    let again = compress(method, &body).unwrap();
    assert_eq!(decompress(method, &again, body.len()).unwrap(), body, "{line}");
    body
}

/// What only Python can read, or nobody, is refused; what is pickled by its content type.
pub(crate) fn check_refused<T>(line: &Line, read: Result<T, Error>) {
    let Err(error) = read else {
        panic!("{line} was read");
    };
    if line.is_opaque() {
        assert!(matches!(error, Error::UnsupportedSerializer { .. }), "{line}: {error}");
        assert!(error.to_string().contains("application/x-python-serialize"), "{line}: {error}");
    }
}

pub(crate) fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
