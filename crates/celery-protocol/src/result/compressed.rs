//! Compressed results (`result_compression`, Celery 5.7).

use std::borrow::Cow;

use crate::{Error, compression};

/// What a compressed result starts with (`celery/backends/base.py: COMPRESSED_PAYLOAD_MAGIC`).
const MAGIC: &[u8] = b"\0celery-compressed\0";

/// Takes the compression off a stored result; one without is given back as it is.
///
/// (`celery/backends/base.py: decompress_payload`.) At most `limit` bytes come out.
///
/// # Errors
///
/// As [`compression::decompress`].
pub fn decompress_result(payload: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Error> {
    let Some(rest) = payload.strip_prefix(MAGIC) else {
        return Ok(Cow::Borrowed(payload));
    };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let content_type = std::str::from_utf8(&rest[..end])
        .map_err(|source| Error::Utf8 { object: "compression of the result", source })?;
    compression::decompress(content_type, rest.get(end + 1..).unwrap_or_default(), limit).map(Cow::Owned)
}

/// Compresses an encoded result by a method, named as in `result_compression`.
///
/// (`celery/backends/base.py: compress_payload`.)
///
/// # Errors
///
/// As [`compression::compress`].
pub fn compress_result(meta: &[u8], method: &str) -> Result<Vec<u8>, Error> {
    let content_type = compression::content_type(method)?;
    let body = compression::compress(method, meta)?;
    Ok([MAGIC, content_type.as_bytes(), b"\0", &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_MESSAGE_SIZE, StoredMeta};

    const CAPTURED: &[u8] = include_bytes!("../../fixtures/result/compressed.bin");

    #[test]
    fn a_captured_result_is_read() {
        let meta = StoredMeta::decode(CAPTURED).unwrap();
        assert_eq!((&*meta.task_id, &*meta.result), ("id-compressed", r#"{"n": [1, 2, 3]}"#));
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let plain = decompress_result(CAPTURED, MAX_MESSAGE_SIZE).unwrap();
        let again = compress_result(&plain, "gzip").unwrap();
        assert!(again.starts_with(b"\0celery-compressed\0application/x-gzip\0"));
        assert_eq!(decompress_result(&again, MAX_MESSAGE_SIZE).unwrap(), plain);
        assert_eq!(&*decompress_result(b"{}", 1).unwrap(), b"{}");
    }

    #[test]
    fn damaged_ones_are_refused() {
        assert!(decompress_result(&CAPTURED[..40], MAX_MESSAGE_SIZE).is_err());
        assert!(matches!(decompress_result(MAGIC, 1), Err(Error::UnsupportedCompression { .. })));
        let other = [MAGIC, b"application/rot13\0x"].concat();
        let said = decompress_result(&other, 1).unwrap_err().to_string();
        assert_eq!(said, "compression `application/rot13` is not supported");
    }
}
