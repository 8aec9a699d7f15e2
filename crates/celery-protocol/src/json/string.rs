//! Strings.

/// Writes `text` as a JSON string, quotes included, all but printable ASCII escaped.
///
/// As `json.dumps` with `ensure_ascii=True` does (CPython's `json/encoder.py: py_encode_basestring_ascii`): DEL is
/// escaped too, `/` is not, hexadecimal digits are lower case, and what lies past U+FFFF becomes a surrogate pair.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_fragment(out, text);
    out.push(b'"');
}

/// Writes `text` without quotes around it.
pub(super) fn write_fragment(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            write_escape(out, c);
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn needs_escape(byte: u8) -> bool {
    !(b' '..=b'~').contains(&byte) || byte == b'"' || byte == b'\\'
}

fn write_escape(out: &mut Vec<u8>, c: char) {
    let short = match c {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write_unit(out, *unit);
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_unit(out: &mut Vec<u8>, unit: u16) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| HEX[usize::from((unit >> shift) & 0xf)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_as_python_does() {
        let rows: Vec<(Vec<u32>, String)> =
            serde_json::from_str(include_str!("../../fixtures/json/strings.json")).unwrap();
        for (points, expected) in rows {
            let text: String = points.into_iter().map(|point| char::from_u32(point).unwrap()).collect();
            assert_eq!(written(&text), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_ascii_and_reads_back(text: String) {
            let json = written(&text);
            prop_assert!(json.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
