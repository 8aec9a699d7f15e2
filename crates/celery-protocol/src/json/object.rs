//! Writes one JSON object, field by field.

use super::{formatter::to_vec, string::write_string, write_f64};

/// An object under construction, in Python's form. Call [`ObjectWriter::end`] after the last field.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes the key, and gives the buffer for the value.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.extend_from_slice(b", ");
        }
        self.first = false;
        write_string(self.out, key);
        self.out.extend_from_slice(b": ");
        self.out
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    pub(crate) fn str(&mut self, key: &str, text: &str) {
        write_string(self.key(key), text);
    }

    /// A string or null.
    pub(crate) fn opt_str(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.str(key, text),
            None => self.raw(key, "null"),
        }
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    pub(crate) fn int(&mut self, key: &str, value: impl Into<i64>) {
        self.raw(key, &value.into().to_string());
    }

    /// An unknown field that was kept.
    pub(crate) fn value(&mut self, key: &str, value: &serde_json::Value) {
        // A `Value` has string keys and finite numbers only, so that nothing can fail.
        let json = to_vec(value).unwrap_or_else(|_| b"null".to_vec());
        self.key(key).extend_from_slice(&json);
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends an array of strings.
pub(crate) fn write_names(out: &mut Vec<u8>, names: &[String]) {
    out.push(b'[');
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write_string(out, name);
    }
    out.push(b']');
}

/// Writes seconds as Python code would have them: `30` for a whole number, `12.5` otherwise.
pub(crate) fn write_seconds(out: &mut Vec<u8>, seconds: f64) {
    if seconds.fract() == 0.0 && seconds.abs() < 1e15 {
        out.extend_from_slice(format!("{seconds:.0}").as_bytes());
    } else {
        write_f64(out, seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_python_separators() {
        let mut out = Vec::new();
        let mut object = ObjectWriter::new(&mut out);
        object.str("a", "é");
        object.opt_str("b", None);
        object.bool("c", true);
        object.int("d", -1);
        object.value("e", &serde_json::json!([1.5, {}]));
        object.end();
        assert_eq!(out, br#"{"a": "\u00e9", "b": null, "c": true, "d": -1, "e": [1.5, {}]}"#);
    }

    #[test]
    fn whole_seconds_have_no_point() {
        let written = |seconds| {
            let mut out = Vec::new();
            write_seconds(&mut out, seconds);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(30.0), "30");
        assert_eq!(written(0.25), "0.25");
        assert_eq!(written(-0.0), "-0");
        assert_eq!(written(1e300), "1e+300");
    }
}
