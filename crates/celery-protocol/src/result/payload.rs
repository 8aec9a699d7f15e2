//! What lies under a key of the result backend: a serialised value, perhaps compressed.

use super::{compress_result, decompress_result};
use crate::{Error, MAX_MESSAGE_SIZE, Value, limits::check_size, serializer::Serializer};

/// Reads whatever a result backend stored: takes the compression off, and reads the value in the serialiser
/// of `result_serializer`, which the bytes do not name (`celery/backends/base.py: Backend.decode`).
///
/// # Errors
///
/// [`Error::TooLarge`] past [`MAX_MESSAGE_SIZE`], and those of [`decompress_result`] and
/// [`Serializer::decode`].
pub fn decode_payload(payload: &[u8], serializer: Serializer) -> Result<Value, Error> {
    check_size("result", payload.len(), MAX_MESSAGE_SIZE)?;
    serializer.decode(&decompress_result(payload, MAX_MESSAGE_SIZE)?)
}

/// Writes what a result backend stores, with `result_serializer` and `result_compression`
/// (`celery/backends/base.py: Backend.encode`). Celery before 5.7 reads no compressed ones.
///
/// # Errors
///
/// Those of [`Serializer::encode`] and [`compress_result`].
pub fn encode_payload(
    value: &Value,
    serializer: Serializer,
    compression: Option<&str>,
) -> Result<Vec<u8>, Error> {
    let payload = serializer.encode(value)?;
    match compression {
        Some(method) => compress_result(&payload, method),
        None => Ok(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_compressed_payload_is_read() {
        let payload = include_bytes!("../../fixtures/result/compressed.bin");
        let value = decode_payload(payload, Serializer::Json).unwrap();
        assert_eq!(value.get("status"), Some(&"SUCCESS".into()));
        let again = encode_payload(&value, Serializer::Json, Some("gzip")).unwrap();
        assert_eq!(decode_payload(&again, Serializer::Json).unwrap(), value);
    }

    #[test]
    fn a_pickled_one_is_refused_by_name() {
        let said = decode_payload(b"\x80\x05N.", Serializer::Pickle).unwrap_err().to_string();
        assert!(said.contains("application/x-python-serialize"), "{said}");
    }
}
