//! Values as Python's `repr` shows them: upstream's replies to control commands have them in their texts.

use celery_protocol::control::Stamp;

/// A string: `'id'`.
pub(crate) fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push(quote);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if character == quote => shown.extend(['\\', character]),
            _ => shown.push(character),
        }
    }
    shown.push(quote);
    shown
}

/// A list of strings: `['a', 'b']`.
pub(crate) fn list<S: AsRef<str>>(texts: &[S]) -> String {
    format!("[{}]", strings(texts))
}

/// A stamp: `'a'`, `5`, `None`.
pub(crate) fn stamp(stamp: &Stamp) -> String {
    match stamp {
        Stamp::Text(text) => string(text),
        Stamp::Json(json) => match &**json {
            "null" => "None",
            "true" => "True",
            "false" => "False",
            other => other,
        }
        .to_owned(),
    }
}

/// A list of stamps: `['a', 5]`.
pub(crate) fn stamps(stamps: &[Stamp]) -> String {
    let shown: Vec<_> = stamps.iter().map(stamp).collect();
    format!("[{}]", shown.join(", "))
}

/// A set of strings, in the order given: `{'a', 'b'}`.
pub(crate) fn set<S: AsRef<str>>(texts: &[S]) -> String {
    if texts.is_empty() { String::from("set()") } else { format!("{{{}}}", strings(texts)) }
}

/// A dict whose values are shown already: `{'a': 1}`.
pub(crate) fn dict<'a>(entries: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let entries: Vec<_> =
        entries.into_iter().map(|(name, value)| format!("{}: {value}", string(name))).collect();
    format!("{{{}}}", entries.join(", "))
}

fn strings<S: AsRef<str>>(texts: &[S]) -> String {
    let shown: Vec<_> = texts.iter().map(|text| string(text.as_ref())).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_shows_them() {
        assert_eq!(string("it's"), "\"it's\"");
        assert_eq!(string("both ' and \""), "'both \\' and \"'");
        assert_eq!(string("a\\b\n"), "'a\\\\b\\n'");
        assert_eq!(list(&["a", "b"]), "['a', 'b']");
        assert_eq!((set(&["a"]), set::<&str>(&[])), ("{'a'}".to_owned(), "set()".to_owned()));
        let mixed = ["a".into(), Stamp::Json("5".into()), Stamp::Json("null".into())];
        assert_eq!(stamps(&mixed), "['a', 5, None]");
        assert_eq!(dict([("k", list(&["v"]))]), "{'k': ['v']}");
    }
}
