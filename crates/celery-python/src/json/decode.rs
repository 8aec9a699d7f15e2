//! JSON text to Python objects.
//!
//! Copies: one, from the text into the Python objects. Uncommon, and left to kombu: typed values (`__type__`), lone
//! surrogates, `NaN` and `Infinity`, and whatever is no JSON.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use super::Uncommon;

/// Python's own decoder gives up at its recursion limit (1,000 frames); what is deeper than this goes to it.
const MAX_DEPTH: usize = 200;

/// Decodes one JSON value.
pub(crate) fn decode<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>, Uncommon> {
    let mut parser = Parser { py, text, bytes: text.as_bytes(), at: 0, scratch: String::new() };
    parser.skip_space();
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at == parser.bytes.len() { Ok(value) } else { Err(Uncommon) }
}

struct Parser<'py, 'a> {
    py: Python<'py>,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    scratch: String,
}

impl<'py> Parser<'py, '_> {
    fn value(&mut self, depth: usize) -> Result<Bound<'py, PyAny>, Uncommon> {
        match self.peek()? {
            b'"' => Ok(self.string()?.into_any()),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'n' => self.word("null").map(|()| self.py.None().into_bound(self.py)),
            b't' => self.word("true").map(|()| PyBool::new(self.py, true).to_owned().into_any()),
            b'f' => self.word("false").map(|()| PyBool::new(self.py, false).to_owned().into_any()),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Uncommon),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Bound<'py, PyAny>, Uncommon> {
        if depth >= MAX_DEPTH {
            return Err(Uncommon);
        }
        self.at += 1;
        let list = PyList::empty(self.py);
        if self.ends(b']')? {
            return Ok(list.into_any());
        }
        loop {
            let value = self.value(depth + 1)?;
            list.append(value).map_err(|_| Uncommon)?;
            if self.separator(b']')? {
                return Ok(list.into_any());
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Bound<'py, PyAny>, Uncommon> {
        if depth >= MAX_DEPTH {
            return Err(Uncommon);
        }
        self.at += 1;
        let dict = PyDict::new(self.py);
        if self.ends(b'}')? {
            return Ok(dict.into_any());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(Uncommon);
            }
            // kombu/utils/json.py: object_hook looks for this key.
            if self.text[self.at..].starts_with("\"__type__\"") {
                return Err(Uncommon);
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek()? != b':' {
                return Err(Uncommon);
            }
            self.at += 1;
            self.skip_space();
            let value = self.value(depth + 1)?;
            dict.set_item(key, value).map_err(|_| Uncommon)?;
            if self.separator(b'}')? {
                return Ok(dict.into_any());
            }
        }
    }

    /// After a value: whether the container ends here, or else the next item begins.
    fn separator(&mut self, end: u8) -> Result<bool, Uncommon> {
        self.skip_space();
        let byte = self.peek()?;
        self.at += 1;
        self.skip_space();
        match byte {
            b',' => Ok(false),
            byte if byte == end => Ok(true),
            _ => Err(Uncommon),
        }
    }

    /// After an opening bracket: whether the container is empty.
    fn ends(&mut self, end: u8) -> Result<bool, Uncommon> {
        self.skip_space();
        let empty = self.peek()? == end;
        if empty {
            self.at += 1;
        }
        Ok(empty)
    }

    fn string(&mut self) -> Result<Bound<'py, PyString>, Uncommon> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(PyString::new(self.py, text));
                }
                b'\\' => return self.escaped(start),
                0..0x20 => return Err(Uncommon),
                _ => self.at += 1,
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Result<Bound<'py, PyString>, Uncommon> {
        self.scratch.clear();
        self.scratch.push_str(&self.text[start..self.at]);
        let mut run = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    self.scratch.push_str(&self.text[run..self.at]);
                    self.at += 1;
                    return Ok(PyString::new(self.py, &self.scratch));
                }
                b'\\' => {
                    self.scratch.push_str(&self.text[run..self.at]);
                    self.at += 1;
                    let escape = self.peek()?;
                    self.at += 1;
                    let character = match escape {
                        b'"' => '"',
                        b'\\' => '\\',
                        b'/' => '/',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'u' => self.unicode()?,
                        _ => return Err(Uncommon),
                    };
                    self.scratch.push(character);
                    run = self.at;
                }
                0..0x20 => return Err(Uncommon),
                _ => self.at += 1,
            }
        }
    }

    fn unicode(&mut self) -> Result<char, Uncommon> {
        let first = self.hex4()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(Uncommon);
        }
        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
            return Err(Uncommon);
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Uncommon);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(Uncommon)
    }

    fn hex4(&mut self) -> Result<u32, Uncommon> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Uncommon)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Uncommon);
        }
        let code = u32::from_str_radix(&self.text[self.at..self.at + 4], 16).map_err(|_| Uncommon)?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<Bound<'py, PyAny>, Uncommon> {
        let start = self.at;
        self.at += usize::from(self.bytes[self.at] == b'-');
        let digits = self.digits();
        let leading_zero = digits > 1 && self.bytes[self.at - digits] == b'0';
        if digits == 0 || leading_zero {
            return Err(Uncommon);
        }
        let mut float = false;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            float = true;
            if self.digits() == 0 {
                return Err(Uncommon);
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            float = true;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(Uncommon);
            }
        }
        let text = &self.text[start..self.at];
        if float {
            // Both Rust and Python round to the nearest float.
            return text.parse().map(|value| PyFloat::new(self.py, value).into_any()).map_err(|_| Uncommon);
        }
        match text.parse::<i64>() {
            Ok(value) => Ok(PyInt::new(self.py, value).into_any()),
            // Longer than a machine word: Python's ints have no bound.
            Err(_) => self.py.get_type::<PyInt>().call1((text,)).map_err(|_| Uncommon),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self, word: &str) -> Result<(), Uncommon> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(Uncommon)
    }

    fn peek(&self) -> Result<u8, Uncommon> {
        self.bytes.get(self.at).copied().ok_or(Uncommon)
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }
}
