//! JSON text to Python objects.
//!
//! Copies: one, from the text into the Python objects. Uncommon, and left to kombu: typed values (`__type__`), lone
//! surrogates, `NaN` and `Infinity`, and whatever is no JSON.

use std::borrow::Cow;

use celery_protocol::json::{Build, parse};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use super::Uncommon;

/// Decodes one JSON value.
pub(crate) fn decode<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>, Uncommon> {
    parse("body", text, &mut Objects { py })
}

/// Builds Python objects.
struct Objects<'py> {
    py: Python<'py>,
}

impl<'py> Build<'_> for Objects<'py> {
    type Value = Bound<'py, PyAny>;
    type Array = Bound<'py, PyList>;
    type Object = Bound<'py, PyDict>;
    type Error = Uncommon;

    fn null(&mut self) -> Result<Self::Value, Uncommon> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn bool(&mut self, value: bool) -> Result<Self::Value, Uncommon> {
        Ok(PyBool::new(self.py, value).to_owned().into_any())
    }

    fn integer(&mut self, digits: &str) -> Result<Self::Value, Uncommon> {
        match digits.parse::<i64>() {
            Ok(value) => Ok(PyInt::new(self.py, value).into_any()),
            // Longer than a machine word: Python's ints have no bound.
            Err(_) => self.py.get_type::<PyInt>().call1((digits,)).map_err(|_| Uncommon),
        }
    }

    fn float(&mut self, value: f64) -> Result<Self::Value, Uncommon> {
        // Both Rust and Python round to the nearest float.
        if value.is_finite() { Ok(PyFloat::new(self.py, value).into_any()) } else { Err(Uncommon) }
    }

    fn string(&mut self, text: Cow<'_, str>) -> Result<Self::Value, Uncommon> {
        // kombu/utils/json.py: object_hook looks for this key.
        if text == "__type__" {
            return Err(Uncommon);
        }
        Ok(PyString::new(self.py, &text).into_any())
    }

    fn surrogates(&mut self, _escaped: &str) -> Result<Self::Value, Uncommon> {
        Err(Uncommon)
    }

    fn array(&mut self) -> Result<Self::Array, Uncommon> {
        Ok(PyList::empty(self.py))
    }

    fn element(&mut self, array: &mut Self::Array, value: Self::Value) -> Result<(), Uncommon> {
        array.append(value).map_err(|_| Uncommon)
    }

    fn end_array(&mut self, array: Self::Array) -> Result<Self::Value, Uncommon> {
        Ok(array.into_any())
    }

    fn object(&mut self) -> Result<Self::Object, Uncommon> {
        Ok(PyDict::new(self.py))
    }

    fn entry(
        &mut self,
        object: &mut Self::Object,
        key: Self::Value,
        value: Self::Value,
    ) -> Result<(), Uncommon> {
        object.set_item(key, value).map_err(|_| Uncommon)
    }

    fn end_object(&mut self, object: Self::Object) -> Result<Self::Value, Uncommon> {
        Ok(object.into_any())
    }
}
