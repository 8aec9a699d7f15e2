//! MessagePack to values.

use rmp::Marker;

use super::{NAME, is_extension};
use crate::{Error, MAX_DEPTH, Value, json::Typed, serializer::last_wins};

/// How many elements a container is given room for before they are seen.
const ROOM: usize = 16;

/// Reads one value, with nothing after it (`msgpack/_unpacker.pyx: unpackb`).
///
/// As `strict_map_key` has it, the keys of a map are strings or bytes. Memory: at most 96 bytes allocated for each
/// byte read, since room is made only for what is there, and 512 KiB for [`ROOM`] on every level.
pub(crate) fn decode(data: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { data, at: 0 };
    let value = reader.value(0)?;
    if reader.at < data.len() {
        return Err(reader.wrong("there is more after the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let marker = Marker::from_u8(self.byte()?);
        let (len, map) = match marker {
            Marker::FixArray(len) => (usize::from(len), false),
            Marker::Array16 => (self.len16()?, false),
            Marker::Array32 => (self.len32()?, false),
            Marker::FixMap(len) => (usize::from(len), true),
            Marker::Map16 => (self.len16()?, true),
            Marker::Map32 => (self.len32()?, true),
            _ => return self.scalar(marker),
        };
        if map { self.map(len, depth) } else { self.list(len, depth) }
    }

    /// Apart from containers, so that these need little of the stack.
    fn scalar(&mut self, marker: Marker) -> Result<Value, Error> {
        Ok(match marker {
            Marker::Null => Value::Null,
            Marker::True => Value::Bool(true),
            Marker::False => Value::Bool(false),
            Marker::FixPos(value) => value.into(),
            Marker::FixNeg(value) => value.into(),
            Marker::U8 => self.byte()?.into(),
            Marker::U16 => u16::from_be_bytes(self.array()?).into(),
            Marker::U32 => u32::from_be_bytes(self.array()?).into(),
            Marker::U64 => u64::from_be_bytes(self.array()?).into(),
            Marker::I8 => i8::from_be_bytes(self.array()?).into(),
            Marker::I16 => i16::from_be_bytes(self.array()?).into(),
            Marker::I32 => i32::from_be_bytes(self.array()?).into(),
            Marker::I64 => i64::from_be_bytes(self.array()?).into(),
            Marker::F32 => f64::from(f32::from_be_bytes(self.array()?)).into(),
            Marker::F64 => f64::from_be_bytes(self.array()?).into(),
            Marker::FixStr(len) => self.text(usize::from(len))?,
            Marker::Str8 => self.len8().and_then(|len| self.text(len))?,
            Marker::Str16 => self.len16().and_then(|len| self.text(len))?,
            Marker::Str32 => self.len32().and_then(|len| self.text(len))?,
            Marker::Bin8 => self.len8().and_then(|len| self.bytes(len))?,
            Marker::Bin16 => self.len16().and_then(|len| self.bytes(len))?,
            Marker::Bin32 => self.len32().and_then(|len| self.bytes(len))?,
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.len8().and_then(|len| self.extension(len))?,
            Marker::Ext16 => self.len16().and_then(|len| self.extension(len))?,
            Marker::Ext32 => self.len32().and_then(|len| self.extension(len))?,
            _ => return Err(self.wrong("0xc1 begins no value")),
        })
    }

    fn text(&mut self, len: usize) -> Result<Value, Error> {
        match std::str::from_utf8(self.take(len)?) {
            Ok(text) => Ok(text.into()),
            Err(source) => Err(Error::Utf8 { object: "a str of msgpack", source }),
        }
    }

    fn bytes(&mut self, len: usize) -> Result<Value, Error> {
        Ok(Value::Typed(Typed::Bytes(self.take(len)?.to_vec())))
    }

    fn extension(&mut self, len: usize) -> Result<Value, Error> {
        let code = i8::from_be_bytes(self.array()?);
        let bytes = self.take(len)?;
        if !is_extension(code, len) {
            return Err(self.wrong("an extension that Python has no form for"));
        }
        Ok(Value::Extension(code, bytes.into()))
    }

    fn list(&mut self, len: usize, depth: usize) -> Result<Value, Error> {
        self.enter(len, depth)?;
        let mut items = Vec::with_capacity(len.min(ROOM));
        for _ in 0..len {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, len: usize, depth: usize) -> Result<Value, Error> {
        self.enter(len.saturating_mul(2), depth)?;
        let mut entries = Vec::with_capacity(len.min(ROOM));
        for _ in 0..len {
            let key = self.value(depth + 1)?;
            if !matches!(key, Value::Str(_) | Value::Typed(Typed::Bytes(_))) {
                return Err(self.wrong("the key of a map is neither str nor bytes"));
            }
            entries.push((key, self.value(depth + 1)?));
        }
        Ok(Value::Map(last_wins(entries)))
    }

    /// Before a container of `len` values, each of which has a byte at least.
    fn enter(&self, len: usize, depth: usize) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            return Err(Error::TooDeep { object: NAME, limit: MAX_DEPTH });
        }
        if len > self.data.len().saturating_sub(self.at) {
            return Err(self.wrong("it ends too early"));
        }
        Ok(())
    }

    fn len8(&mut self) -> Result<usize, Error> {
        self.byte().map(usize::from)
    }

    fn len16(&mut self) -> Result<usize, Error> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn len32(&mut self) -> Result<usize, Error> {
        Ok(usize::try_from(u32::from_be_bytes(self.array()?)).unwrap_or(usize::MAX))
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.data.get(self.at..).and_then(|rest| rest.first_chunk());
        let bytes = bytes.copied().ok_or_else(|| self.wrong("it ends too early"))?;
        self.at += N;
        Ok(bytes)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(len);
        let bytes = end.and_then(|end| self.data.get(self.at..end));
        let bytes = bytes.ok_or_else(|| self.wrong("it ends too early"))?;
        self.at += len;
        Ok(bytes)
    }

    fn wrong(&self, what: &str) -> Error {
        Error::Malformed { serializer: NAME, reason: format!("{what}, at byte {}", self.at) }
    }
}
