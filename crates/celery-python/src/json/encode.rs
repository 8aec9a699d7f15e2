//! Python objects to JSON text, as `json.dumps` with its defaults writes it (which is what kombu calls).
//!
//! Copies: one, from the Python objects into the text. Uncommon, and left to kombu: subclasses of the built-in types,
//! keys that are no strings, floats that are not finite, lone surrogates, and every other type.

use celery_protocol::json::write_string;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::Uncommon;

const MAX_DEPTH: usize = 200;

/// Appends `value` to `out`. After an error `out` holds a part of it.
pub(crate) fn encode(value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Uncommon> {
    write::<true>(value, out, 0)
}

/// The same, only for what reads back as it is: a tuple comes back as a list.
pub(crate) fn encode_lasting(value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Uncommon> {
    write::<false>(value, out, 0)
}

fn write<const TUPLES: bool>(
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Uncommon> {
    if depth > MAX_DEPTH {
        return Err(Uncommon);
    }
    if value.is_none() {
        out.extend_from_slice(b"null");
    } else if let Ok(text) = value.cast_exact::<PyString>() {
        write_string(out, text.to_str().map_err(|_| Uncommon)?);
    } else if let Ok(number) = value.cast_exact::<PyInt>() {
        write_int(number, out)?;
    } else if let Ok(flag) = value.cast_exact::<PyBool>() {
        out.extend_from_slice(if flag.is_true() { b"true" } else { b"false" });
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        if !number.value().is_finite() {
            return Err(Uncommon);
        }
        // `json.dumps` writes `float.__repr__`, the shortest text that reads back the same.
        let text = number.repr().map_err(|_| Uncommon)?;
        out.extend_from_slice(text.to_str().map_err(|_| Uncommon)?.as_bytes());
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        write_dict::<TUPLES>(dict, out, depth)?;
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        write_items::<TUPLES>(list.iter(), out, depth)?;
    } else if TUPLES && let Ok(tuple) = value.cast_exact::<PyTuple>() {
        write_items::<TUPLES>(tuple.iter(), out, depth)?;
    } else {
        return Err(Uncommon);
    }
    Ok(())
}

fn write_int(number: &Bound<'_, PyInt>, out: &mut Vec<u8>) -> Result<(), Uncommon> {
    if let Ok(number) = number.extract::<i64>() {
        out.extend_from_slice(number.to_string().as_bytes());
        return Ok(());
    }
    let text = number.repr().map_err(|_| Uncommon)?;
    out.extend_from_slice(text.to_str().map_err(|_| Uncommon)?.as_bytes());
    Ok(())
}

fn write_dict<const TUPLES: bool>(
    dict: &Bound<'_, PyDict>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Uncommon> {
    out.push(b'{');
    for (index, (key, value)) in dict.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        let key = key.cast_exact::<PyString>().map_err(|_| Uncommon)?;
        write_string(out, key.to_str().map_err(|_| Uncommon)?);
        out.extend_from_slice(b": ");
        write::<TUPLES>(&value, out, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_items<'py, const TUPLES: bool>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Uncommon> {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        write::<TUPLES>(&item, out, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}
