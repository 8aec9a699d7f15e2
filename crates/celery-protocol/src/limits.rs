//! How much of the wire is taken at all.

use crate::Error;

/// The largest message that is decoded, in bytes, before and after decompression: 128 MiB.
pub const MAX_MESSAGE_SIZE: usize = 128 * 1024 * 1024;

/// How deep arrays and objects may nest in a body or a result: 512.
///
/// CPython's `json` gives up at about 1000. Headers and properties, which are parsed and not only cut out,
/// stop at `serde_json`'s own limit of 128.
pub const MAX_DEPTH: usize = 512;

/// Refuses `object` when its `size` is over `limit` bytes.
pub(crate) fn check_size(object: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        return Err(Error::TooLarge { object, size, limit });
    }
    Ok(())
}

/// Refuses the JSON text of `object` when it nests deeper than [`MAX_DEPTH`].
pub(crate) fn check_depth(object: &'static str, text: &str) -> Result<(), Error> {
    // Counting is several times faster than following strings, and settles nearly every message.
    let openings = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if openings > MAX_DEPTH && depth(text) > MAX_DEPTH {
        return Err(Error::TooDeep { object, limit: MAX_DEPTH });
    }
    Ok(())
}

/// The deepest nesting in a JSON text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(depth(r#"[{"[[\"[": [1]}, []]"#), 3);
        assert_eq!(depth(r#""[""#), 0);
    }

    #[test]
    fn many_siblings_are_not_deep() {
        let wide = format!("[{}[]]", "[],".repeat(2 * MAX_DEPTH));
        assert!(check_depth("body", &wide).is_ok());
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert!(matches!(check_depth("body", &deep), Err(Error::TooDeep { limit: MAX_DEPTH, .. })));
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        assert!(check_size("envelope", 8, 8).is_ok());
        assert!(matches!(check_size("envelope", 9, 8), Err(Error::TooLarge { size: 9, limit: 8, .. })));
    }
}
