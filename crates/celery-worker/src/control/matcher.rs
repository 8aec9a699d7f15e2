//! Which workers a request is for, by pattern.

use regex::Regex;

/// Whether `pattern` matches `node` under a matcher that the protocol leaves to the worker. kombu's `pcre` is Python's
/// `re.match`: anchored at the beginning (`kombu/matcher.py`). `None` for a matcher or a pattern that nobody knows.
pub(super) fn matches(matcher: &str, pattern: &str, node: &str) -> Option<bool> {
    if matcher != "pcre" {
        return None;
    }
    let pattern = Regex::new(&format!("^(?:{pattern})")).ok()?;
    Some(pattern.is_match(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchored_at_the_beginning_only() {
        assert_eq!(matches("pcre", "w[12]|x", "w1@host"), Some(true));
        assert_eq!(matches("pcre", "host", "w1@host"), Some(false));
        assert_eq!(matches("pcre", "(", "w1@host"), None);
        assert_eq!(matches("other", "w1", "w1@host"), None);
    }
}
