//! Compressed bodies and results, named by content type (`kombu/compression.py`).

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

use crate::{Error, limits::check_size};

/// What the header `compression` says of zlib data. The bytes are in zlib format, not gzip.
pub const ZLIB: &str = "application/x-gzip";

/// The content type of a compression method, whose name may also be one of kombu's aliases.
///
/// # Errors
///
/// [`Error::UnsupportedCompression`] for every method but zlib.
pub fn content_type(name: &str) -> Result<&'static str, Error> {
    match name {
        ZLIB | "gzip" | "zlib" => Ok(ZLIB),
        _ => Err(Error::UnsupportedCompression { content_type: name.to_owned() }),
    }
}

/// Decompresses what the header `compression` names, up to `limit` bytes.
///
/// # Errors
///
/// [`Error::UnsupportedCompression`] for every method but zlib, [`Error::Compression`] for damaged bytes,
/// [`Error::TooLarge`] when more than `limit` bytes come out.
pub fn decompress(compression: &str, data: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let content_type = content_type(compression)?;
    let mut out = Vec::with_capacity(data.len().saturating_mul(4).min(limit));
    ZlibDecoder::new(data)
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|source| Error::Compression { content_type, source })?;
    check_size("decompressed content", out.len(), limit)?;
    Ok(out)
}

/// Compresses as Python's `zlib.compress` does, at its default level.
///
/// # Errors
///
/// [`Error::UnsupportedCompression`] for every method but zlib.
pub fn compress(compression: &str, data: &[u8]) -> Result<Vec<u8>, Error> {
    let content_type = content_type(compression)?;
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(data.len() / 2), Compression::default());
    encoder
        .write_all(data)
        .and_then(|()| encoder.finish())
        .map_err(|source| Error::Compression { content_type, source })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{MAX_MESSAGE_SIZE, Message, TaskHeaders};

    #[test]
    fn a_captured_compressed_task_decompresses() {
        let message =
            Message::from_envelope(include_bytes!("../fixtures/envelope/task_compressed.json")).unwrap();
        let headers = TaskHeaders::decode(message.headers.get()).unwrap();
        let compression = headers.compression.unwrap();
        assert_eq!(compression, ZLIB);
        let body = decompress(&compression, &message.body, MAX_MESSAGE_SIZE).unwrap();
        let expected = format!(
            r#"[["{}"], {{}}, {{"callbacks": null, "errbacks": null, "chain": null, "chord": null}}]"#,
            "z".repeat(200)
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn other_methods_are_named() {
        for name in ["application/x-bz2", "application/x-lzma", "application/zstd", "application/x-brotli"] {
            let error = decompress(name, b"", 1).unwrap_err();
            assert!(error.to_string().contains(name));
            assert!(compress(name, b"").is_err());
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = compress(ZLIB, &vec![0; 1 << 20]).unwrap();
        let error = decompress(ZLIB, &bomb, 1000).unwrap_err();
        assert!(matches!(error, Error::TooLarge { size: 1001, limit: 1000, .. }));
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(data: Vec<u8>) {
            prop_assert_eq!(decompress("gzip", &compress("zlib", &data).unwrap(), data.len()).unwrap(), data);
        }

        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>) {
            let _ = decompress(ZLIB, &data, 1 << 16);
        }
    }
}
