//! Base64 as Python reads and writes it.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::Error;

/// Decodes base64. Characters outside its alphabet are skipped, as `base64.b64decode` skips them.
pub(crate) fn decode(object: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    if let Ok(bytes) = STANDARD.decode(text) {
        return Ok(bytes);
    }
    let kept: Vec<u8> = text
        .bytes()
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        .collect();
    STANDARD.decode(kept).map_err(|source| Error::Base64 { object, source })
}

/// The base64 of `bytes`.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Appends the base64 of `bytes`.
pub(crate) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(encoded(bytes).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_skipped() {
        assert_eq!(decode("body", "AP\n8=\n").unwrap(), [0, 255]);
        assert!(matches!(decode("body", "A"), Err(Error::Base64 { object: "body", .. })));
    }
}
