//! Which workers a request is for.

use super::{ControlRequest, glob_matches};
use crate::Error;

impl ControlRequest {
    /// Whether the request is for the worker `node` (`kombu/pidbox.py: Node.handle_message`): it is named, or
    /// there are no names and it matches the pattern, or there is neither.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidField`] when another matcher than `glob` is asked for. There is `pcre` in kombu, for
    /// which this crate has no engine: see [`ControlRequest::is_for_with`].
    pub fn is_for(&self, node: &str) -> Result<bool, Error> {
        self.is_for_with(node, |_, _, _| None)
    }

    /// As [`ControlRequest::is_for`]; matchers other than `glob` are looked up with `matches(matcher,
    /// pattern, node)`, which gives nothing for one it does not know. kombu's `pcre` is Python's `re.match`:
    /// anchored at the beginning only.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidField`] when nobody knows the matcher.
    pub fn is_for_with(
        &self,
        node: &str,
        matches: impl FnOnce(&str, &str, &str) -> Option<bool>,
    ) -> Result<bool, Error> {
        if let Some(nodes) = self.destination.as_ref().filter(|nodes| !nodes.is_empty()) {
            return Ok(nodes.iter().any(|name| name == node));
        }
        let given = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
        match (given(&self.pattern), given(&self.matcher)) {
            (Some(pattern), Some(matcher)) if matcher == "glob" => Ok(glob_matches(&pattern, node)),
            (Some(pattern), Some(matcher)) => matches(&matcher, &pattern, node).ok_or(Error::InvalidField {
                object: "control request",
                field: "matcher",
                expected: "one that this worker has: `glob`",
            }),
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Command;

    fn request(destination: Option<&[&str]>, pattern: Option<&str>, matcher: Option<&str>) -> ControlRequest {
        ControlRequest {
            destination: destination.map(|nodes| nodes.iter().map(|&node| node.to_owned()).collect()),
            pattern: pattern.map(str::to_owned),
            matcher: matcher.map(str::to_owned),
            ..ControlRequest::new(&Command::Ping).unwrap()
        }
    }

    #[test]
    fn names_go_before_patterns() {
        let to = |request: ControlRequest| request.is_for("w1@h").unwrap();
        assert!(to(request(None, None, None)));
        assert!(to(request(Some(&[]), None, None)));
        assert!(to(request(Some(&["w2@h", "w1@h"]), None, None)));
        assert!(!to(request(Some(&["w1@hh"]), Some("*"), Some("glob"))));
        assert!(!to(request(None, Some("w2@*"), Some("glob"))));
        assert!(to(request(None, Some("w?@*"), Some("glob"))));
        // kombu looks at the pattern only when the matcher is there too.
        assert!(to(request(None, Some("w2@*"), None)));
        assert!(to(request(None, None, Some("glob"))));
    }

    #[test]
    fn other_matchers_are_asked_for() {
        let request = request(None, Some("w.*"), Some("pcre"));
        let error = request.is_for("w1@h").unwrap_err();
        assert_eq!(error.to_string(), "control request: `matcher` must be one that this worker has: `glob`");
        let found = request.is_for_with("w1@h", |matcher, pattern, node| {
            (matcher == "pcre").then(|| pattern == "w.*" && node == "w1@h")
        });
        assert!(found.unwrap());
    }
}
