//! Values to MessagePack.

use rmp::encode::{self as write, ByteBuf};

use super::{NAME, is_extension};
use crate::{Error, MAX_DEPTH, Value, json::Typed};

/// Writes a value, each in its shortest form but floats, which have 64 bits (`msgpack/_packer.pyx: _pack_inner`).
pub(crate) fn encode(value: &Value) -> Result<Vec<u8>, Error> {
    let mut out = ByteBuf::with_capacity(64);
    write_value(&mut out, value, 0)?;
    Ok(out.into_vec())
}

fn write_value(out: &mut ByteBuf, value: &Value, depth: usize) -> Result<(), Error> {
    match value {
        Value::List(items) => {
            let len = enter(items.len(), depth)?;
            write::write_array_len(out, len).map_err(|_| no_form(value))?;
            for item in items {
                write_value(out, item, depth + 1)?;
            }
        }
        Value::Map(entries) => {
            let len = enter(entries.len(), depth)?;
            write::write_map_len(out, len).map_err(|_| no_form(value))?;
            for (key, value) in entries {
                write_value(out, key, depth + 1)?;
                write_value(out, value, depth + 1)?;
            }
        }
        scalar => write_scalar(out, scalar)?,
    }
    Ok(())
}

/// Apart from containers, so that these need little of the stack. What `rmp` reports cannot happen: the buffer grows.
fn write_scalar(out: &mut ByteBuf, value: &Value) -> Result<(), Error> {
    match value {
        Value::Null => write::write_nil(out).map_err(|_| no_form(value)),
        Value::Bool(truth) => write::write_bool(out, *truth).map_err(|_| no_form(value)),
        Value::Int(int) => write::write_sint(out, *int).map(drop).map_err(|_| no_form(value)),
        Value::BigInt(digits) => {
            let int = digits.parse().map_err(|_| no_form(value))?;
            write::write_uint(out, int).map(drop).map_err(|_| no_form(value))
        }
        Value::Float(float) => write::write_f64(out, *float).map_err(|_| no_form(value)),
        Value::Str(text) => {
            write::write_str_len(out, length(text.len())?).map_err(|_| no_form(value))?;
            out.as_mut_vec().extend_from_slice(text.as_bytes());
            Ok(())
        }
        Value::Typed(Typed::Bytes(bytes)) => {
            write::write_bin_len(out, length(bytes.len())?).map_err(|_| no_form(value))?;
            out.as_mut_vec().extend_from_slice(bytes);
            Ok(())
        }
        Value::Extension(code, bytes) if is_extension(*code, bytes.len()) => {
            write::write_ext_meta(out, length(bytes.len())?, *code).map_err(|_| no_form(value))?;
            out.as_mut_vec().extend_from_slice(bytes);
            Ok(())
        }
        other => Err(no_form(other)),
    }
}

/// Before a container: its length.
fn enter(len: usize, depth: usize) -> Result<u32, Error> {
    if depth >= MAX_DEPTH {
        return Err(Error::TooDeep { object: NAME, limit: MAX_DEPTH });
    }
    length(len)
}

fn length(len: usize) -> Result<u32, Error> {
    u32::try_from(len)
        .map_err(|_| Error::NotSerializable { serializer: NAME, value: "what is longer than 4 GiB" })
}

fn no_form(value: &Value) -> Error {
    Error::NotSerializable { serializer: NAME, value: value.kind() }
}
