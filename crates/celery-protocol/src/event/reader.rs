//! Takes the fields of an object one by one, and knows which are left.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Text;
use crate::{
    Error,
    json::{Fields, Finite, RawJson, read_lenient},
};

/// The fields of one JSON object, of which some have been taken.
pub(crate) struct Reader<'a, 'f> {
    object: &'static str,
    finite: &'f Finite<'a>,
    fields: Fields<'f>,
    taken: Vec<&'static str>,
}

/// Reads one JSON object. `NaN` and `Infinity` in it are taken where a field is kept as text.
pub(crate) fn read_object<'a, T>(
    object: &'static str,
    text: &'a str,
    read: impl Fn(&mut Reader<'a, '_>) -> Result<T, Error>,
) -> Result<T, Error> {
    read_lenient(object, text, |finite| {
        let fields: Fields<'_> = serde_json::from_str(finite.masked()).map_err(Error::json(object))?;
        read(&mut Reader { object, finite, fields, taken: Vec::with_capacity(16) })
    })
}

impl<'a> Reader<'a, '_> {
    /// The text of a field, null or not.
    pub(crate) fn raw(&mut self, field: &'static str) -> Option<&'a str> {
        let slice = self.fields.get(field)?;
        self.taken.push(field);
        Some(self.finite.original_of(slice))
    }

    /// The text of a field that is not null. A null is left, so that it stays in the rest.
    pub(crate) fn raw_some(&mut self, field: &'static str) -> Option<&'a str> {
        self.fields.get_some(field)?;
        self.raw(field)
    }

    /// A field that may be absent or null.
    pub(crate) fn nullable<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, Error> {
        match self.raw(field) {
            Some(json) => serde_json::from_str(json).map_err(|_| self.invalid(field, expected)),
            None => Ok(None),
        }
    }

    /// A field that may be absent. A null is left.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, Error> {
        self.fields.get_some(field).map_or(Ok(None), |_| self.nullable(field, expected))
    }

    /// A field that has to be there.
    pub(crate) fn required<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<T, Error> {
        self.nullable(field, expected)?.ok_or(self.missing(field))
    }

    /// What Python's `if` makes of a value that may be absent or null: Flower sends 0 and 1 for flags.
    pub(crate) fn truth(&mut self, field: &'static str) -> Option<bool> {
        let json = self.raw(field).filter(|json| *json != "null")?;
        // Only `NaN` and `Infinity` cannot be read, and they are true.
        Some(serde_json::from_str(json).map_or(true, |value: Value| match value {
            Value::Null => false,
            Value::Bool(flag) => flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
        }))
    }

    /// A string that may be absent or null.
    pub(crate) fn nullable_text(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, Error> {
        match self.raw(field) {
            Some("null") | None => Ok(None),
            Some(json) => serde_json::from_str::<Text<'a>>(json)
                .map(|text| Some(text.0))
                .map_err(|_| self.invalid(field, "a string")),
        }
    }

    /// A string that may be absent. A null is left.
    pub(crate) fn optional_text(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, Error> {
        self.fields.get_some(field).map_or(Ok(None), |_| self.nullable_text(field))
    }

    /// A string that has to be there.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Cow<'a, str>, Error> {
        self.nullable_text(field)?.ok_or(self.missing(field))
    }

    /// What was not taken, in its order.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when a value holds `NaN` or `Infinity`.
    pub(crate) fn rest(&self) -> Result<Vec<(String, RawJson)>, Error> {
        let left = self.fields.iter().filter(|(key, _)| !self.taken.contains(key));
        left.map(|(key, slice)| {
            let json = RawJson::new(self.finite.original_of(slice)).map_err(Error::json(self.object))?;
            Ok((key.to_owned(), json))
        })
        .collect()
    }

    /// Whether something was not taken.
    pub(crate) fn has_rest(&self) -> bool {
        self.fields.iter().any(|(key, _)| !self.taken.contains(&key))
    }

    /// The error of a field that is absent or null.
    pub(crate) fn missing(&self, field: &'static str) -> Error {
        Error::MissingField { object: self.object, field }
    }

    /// The error of a field with a wrong value.
    pub(crate) fn invalid(&self, field: &'static str, expected: &'static str) -> Error {
        Error::InvalidField { object: self.object, field, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_the_rest() {
        let text = r#"{"a": 1, "b": null, "c": "x", "d": [NaN], "e": {"z": 1.50, "a": 2}}"#;
        let rest = read_object("thing", text, |fields| {
            assert_eq!(fields.required::<u8>("a", "a byte")?, 1);
            assert_eq!(fields.optional::<u8>("b", "a byte")?, None);
            assert!(matches!(fields.text("c")?, Cow::Borrowed("x")));
            assert_eq!(fields.raw("d"), Some("[NaN]"));
            assert!(fields.has_rest());
            fields.rest()
        });
        let rest: Vec<_> =
            rest.unwrap().into_iter().map(|(key, json)| (key, json.get().to_owned())).collect();
        assert_eq!(
            rest,
            [("b".to_owned(), "null".to_owned()), ("e".to_owned(), r#"{"z": 1.50, "a": 2}"#.to_owned())]
        );
    }

    #[test]
    fn truth_is_pythons() {
        let truth = |json: &str| {
            read_object("thing", &format!(r#"{{"a": {json}}}"#), |fields| Ok(fields.truth("a"))).unwrap()
        };
        for json in ["true", "1", "-0.5", r#""no""#, "[0]", r#"{"a": 0}"#, "NaN", "Infinity"] {
            assert_eq!(truth(json), Some(true), "{json}");
        }
        for json in ["false", "0", "-0.0", r#""""#, "[ ]", "{ }"] {
            assert_eq!(truth(json), Some(false), "{json}");
        }
        assert_eq!(truth("null"), None);
        assert_eq!(read_object("thing", "{}", |fields| Ok(fields.truth("a"))).unwrap(), None);
    }

    #[test]
    fn errors_name_the_field() {
        let said = |text: &str| {
            read_object("thing", text, |fields| fields.required::<u8>("a", "a byte")).unwrap_err().to_string()
        };
        assert_eq!(said("{}"), "thing has no `a`");
        assert_eq!(said(r#"{"a": null}"#), "thing has no `a`");
        assert_eq!(said(r#"{"a": 300}"#), "thing: `a` must be a byte");
        assert!(said("[]").starts_with("thing cannot be decoded: invalid type: sequence"));
    }
}
