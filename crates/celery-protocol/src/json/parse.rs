//! A parser of JSON as Python reads it, which builds whatever the caller wants.

use std::borrow::Cow;

use crate::{Error, MAX_DEPTH};

/// Makes values out of what the parser finds. The parser is monomorphic in it: a builder of Python objects pays for
/// nothing in between.
///
/// `Error` is what a builder may fail with; the parser's own findings are made into it.
pub trait Build<'a> {
    /// One value.
    type Value;
    /// An array under construction.
    type Array;
    /// An object under construction.
    type Object;
    /// What building fails with.
    type Error: From<Error>;

    /// `null`.
    fn null(&mut self) -> Result<Self::Value, Self::Error>;
    /// `true` or `false`.
    fn bool(&mut self, value: bool) -> Result<Self::Value, Self::Error>;
    /// An integer of any length, as its digits.
    fn integer(&mut self, digits: &'a str) -> Result<Self::Value, Self::Error>;
    /// A number with a fraction or an exponent, or `NaN`, `Infinity`, `-Infinity`.
    fn float(&mut self, value: f64) -> Result<Self::Value, Self::Error>;
    /// A string.
    fn string(&mut self, text: Cow<'a, str>) -> Result<Self::Value, Self::Error>;
    /// A string with lone surrogates, as it is written between its quotes.
    fn surrogates(&mut self, escaped: &'a str) -> Result<Self::Value, Self::Error>;
    /// `[`
    fn array(&mut self) -> Result<Self::Array, Self::Error>;
    /// One element.
    fn element(&mut self, array: &mut Self::Array, value: Self::Value) -> Result<(), Self::Error>;
    /// `]`
    fn end_array(&mut self, array: Self::Array) -> Result<Self::Value, Self::Error>;
    /// `{`
    fn object(&mut self) -> Result<Self::Object, Self::Error>;
    /// One key, already made by [`string`](Build::string) or [`surrogates`](Build::surrogates), and its value.
    fn entry(
        &mut self,
        object: &mut Self::Object,
        key: Self::Value,
        value: Self::Value,
    ) -> Result<(), Self::Error>;
    /// `}`
    fn end_object(&mut self, object: Self::Object) -> Result<Self::Value, Self::Error>;
}

/// Parses one JSON value, with nothing but white space around it.
///
/// Like Python's `json.loads` it takes `NaN`, `Infinity`, integers of any length and lone surrogates; unlike it, it
/// stops at [`MAX_DEPTH`] levels instead of the interpreter's recursion limit.
///
/// # Errors
///
/// [`Error::Syntax`] with the place in the text, [`Error::TooDeep`], and what the builder reports.
pub fn parse<'a, B: Build<'a>>(
    object: &'static str,
    text: &'a str,
    build: &mut B,
) -> Result<B::Value, B::Error> {
    let mut parser = Parser { object, text, at: 0, build };
    parser.skip_space();
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.expected("the end").into());
    }
    Ok(value)
}

struct Parser<'a, 'b, B> {
    object: &'static str,
    text: &'a str,
    at: usize,
    build: &'b mut B,
}

impl<'a, B: Build<'a>> Parser<'a, '_, B> {
    fn value(&mut self, depth: usize) -> Result<B::Value, B::Error> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') if self.word("null") => self.build.null(),
            Some(b't') if self.word("true") => self.build.bool(true),
            Some(b'f') if self.word("false") => self.build.bool(false),
            Some(b'N') if self.word("NaN") => self.build.float(f64::NAN),
            Some(b'I') if self.word("Infinity") => self.build.float(f64::INFINITY),
            _ => Err(self.expected("a value").into()),
        }
    }

    fn array(&mut self, depth: usize) -> Result<B::Value, B::Error> {
        self.enter(depth)?;
        let mut array = self.build.array()?;
        if self.takes(b']') {
            return self.build.end_array(array);
        }
        loop {
            let value = self.value(depth + 1)?;
            self.build.element(&mut array, value)?;
            if self.last(b']', "`,` or `]`")? {
                return self.build.end_array(array);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<B::Value, B::Error> {
        self.enter(depth)?;
        let mut object = self.build.object()?;
        if self.takes(b'}') {
            return self.build.end_object(object);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key").into());
            }
            let key = self.string()?;
            self.skip_space();
            if !self.takes(b':') {
                return Err(self.expected("`:`").into());
            }
            let value = self.value(depth + 1)?;
            self.build.entry(&mut object, key, value)?;
            if self.last(b'}', "`,` or `}`")? {
                return self.build.end_object(object);
            }
        }
    }

    /// Steps over an opening bracket.
    fn enter(&mut self, depth: usize) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            return Err(Error::TooDeep { object: self.object, limit: MAX_DEPTH });
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// After an element: whether the container ends here, or else another one follows.
    fn last(&mut self, end: u8, expected: &'static str) -> Result<bool, Error> {
        self.skip_space();
        if self.takes(end) {
            return Ok(true);
        }
        if self.takes(b',') {
            return Ok(false);
        }
        Err(self.expected(expected))
    }

    fn string(&mut self) -> Result<B::Value, B::Error> {
        self.at += 1;
        let rest = self.rest();
        let plain =
            rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        if rest.as_bytes().get(plain) == Some(&b'"') {
            self.at += plain + 1;
            return self.build.string(Cow::Borrowed(&rest[..plain]));
        }
        self.escaped(plain)
    }

    /// A string with escapes, the first `plain` bytes of which have none.
    fn escaped(&mut self, plain: usize) -> Result<B::Value, B::Error> {
        let from = self.at;
        self.at += plain;
        let mut text = self.text[from..self.at].to_owned();
        let mut lone = false;
        loop {
            let rest = self.rest();
            let run =
                rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
            text.push_str(&rest[..run]);
            self.at += run;
            match self.peek() {
                Some(b'"') => {
                    let raw = &self.text[from..self.at];
                    self.at += 1;
                    return if lone {
                        self.build.surrogates(raw)
                    } else {
                        self.build.string(Cow::Owned(text))
                    };
                }
                Some(b'\\') => match self.escape()? {
                    Some(character) => text.push(character),
                    None => lone = true,
                },
                _ => return Err(self.expected("the end of the string").into()),
            }
        }
    }

    /// One escape; `None` for a lone surrogate.
    fn escape(&mut self) -> Result<Option<char>, Error> {
        let escape = self.text.as_bytes().get(self.at + 1).copied();
        let character = match escape {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(first) = self.unit(self.at) else {
                    return Err(self.expected("four hexadecimal digits"));
                };
                let pair = if (0xD800..0xDC00).contains(&first) { self.unit(self.at + 6) } else { None };
                self.at += 6;
                if let Some(Ok(character)) =
                    pair.and_then(|second| char::decode_utf16([first, second]).next())
                {
                    self.at += 6;
                    return Ok(Some(character));
                }
                return Ok(char::from_u32(u32::from(first)));
            }
            _ => return Err(self.expected("an escape")),
        };
        self.at += 2;
        Ok(Some(character))
    }

    /// The code unit of a `\uXXXX` at a place.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u16::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Result<B::Value, B::Error> {
        let from = self.at;
        let negative = self.takes_byte(b'-');
        if negative && self.word("Infinity") {
            return self.build.float(f64::NEG_INFINITY);
        }
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(self.expected("a number").into());
        }
        let mut float = false;
        if self.takes_byte(b'.') {
            float = true;
            if self.digits() == 0 {
                return Err(self.expected("a digit").into());
            }
        }
        if self.takes_byte(b'e') || self.takes_byte(b'E') {
            float = true;
            let _ = self.takes_byte(b'+') || self.takes_byte(b'-');
            if self.digits() == 0 {
                return Err(self.expected("a digit").into());
            }
        }
        let text = &self.text[from..self.at];
        if !float {
            return self.build.integer(text);
        }
        match text.parse() {
            Ok(value) => self.build.float(value),
            Err(_) => Err(self.expected("a number").into()),
        }
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    /// Steps over a byte and the white space after it.
    fn takes(&mut self, byte: u8) -> bool {
        let there = self.takes_byte(byte);
        if there {
            self.skip_space();
        }
        there
    }

    fn takes_byte(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at +=
            self.text.as_bytes().get(self.at..).unwrap_or_default().iter().take_while(|b| space(b)).count();
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Syntax { object: self.object, expected, at: self.at }
    }
}
