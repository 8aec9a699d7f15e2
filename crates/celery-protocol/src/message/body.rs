//! The body of a protocol 2 message: `[args, kwargs, embed]`.

use serde_json::value::RawValue;

use super::Embed;
use crate::{
    Error,
    json::{Finite, read_lenient},
};

const OBJECT: &str = "task body";

/// The three parts of a body as JSON text, cut out but not decoded.
///
/// The text may hold `NaN` and `Infinity`, which Python writes and reads and other JSON parsers refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// The positional arguments: a JSON array.
    pub args: &'a str,
    /// The keyword arguments: a JSON object.
    pub kwargs: &'a str,
    /// What follows the task.
    pub embed: Embed<'a>,
}

impl<'a> Body<'a> {
    /// Cuts a body into its parts (`celery/app/amqp.py: AMQP.as_task_v2`).
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when it is no array of exactly the three, [`Error::InvalidField`] when the arguments are no
    /// array or the keyword arguments no object, [`Error::TooDeep`] past [`MAX_DEPTH`](crate::MAX_DEPTH).
    pub fn split(text: &'a str) -> Result<Self, Error> {
        read_lenient(OBJECT, text, Self::read)
    }

    /// Appends the body as Celery writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.args.len() + self.kwargs.len() + 80);
        out.push(b'[');
        out.extend_from_slice(self.args.as_bytes());
        out.extend_from_slice(b", ");
        out.extend_from_slice(self.kwargs.as_bytes());
        out.extend_from_slice(b", ");
        self.embed.write(out);
        out.push(b']');
    }

    fn read(text: &Finite<'a>) -> Result<Self, Error> {
        let (args, kwargs, embed): (&RawValue, &RawValue, Embed<'_>) =
            serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
        let place = |slice| text.original_of(slice);
        Self::checked(place(args.get()), place(kwargs.get()), embed.map(place))
    }

    /// Checks the kinds of the arguments.
    pub(super) fn checked(args: &'a str, kwargs: &'a str, embed: Embed<'a>) -> Result<Self, Error> {
        if !args.starts_with('[') {
            return Err(Error::InvalidField { object: OBJECT, field: "args", expected: "an array" });
        }
        if !kwargs.starts_with('{') {
            return Err(Error::InvalidField { object: OBJECT, field: "kwargs", expected: "an object" });
        }
        Ok(Self { args, kwargs, embed })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{MAX_DEPTH, Message};

    fn body_of(raw: &[u8]) -> String {
        String::from_utf8(Message::from_envelope(raw).unwrap().body.to_vec()).unwrap()
    }

    #[test]
    fn a_captured_body_is_cut_and_written_again() {
        let text = body_of(include_bytes!("../../fixtures/envelope/task_options.json"));
        let body = Body::split(&text).unwrap();
        assert_eq!((body.args, body.kwargs), ("[1]", "{}"));
        assert!(body.embed.callbacks.unwrap().contains("capture.add"));
        assert!(body.embed.errbacks.unwrap().contains("capture.echo"));
        let mut out = Vec::new();
        body.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn floats_that_are_no_json_pass_through() {
        let text = body_of(include_bytes!("../../fixtures/envelope/task_nan.json"));
        let body = Body::split(&text).unwrap();
        assert_eq!(body.args, r#"[[NaN, Infinity, -Infinity, "NaN"]]"#);
        assert!(body.embed.is_empty());
        assert!(matches!(Body::split("[[NaN], {}, {}"), Err(Error::Json { .. })));
    }

    #[test]
    fn lone_surrogates_pass_through() {
        let text = body_of(include_bytes!("../../fixtures/envelope/task_surrogate.json"));
        assert_eq!(Body::split(&text).unwrap().args, r#"["\udcff.txt"]"#);
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in ["[]", "[[], {}]", "[[], {}, {}, 1]", "{}", "", "[[], {}, []]", "[[1,], {}, {}]"] {
            assert!(matches!(Body::split(text), Err(Error::Json { object: "task body", .. })), "{text}");
        }
        let said = |text| Body::split(text).unwrap_err().to_string();
        assert_eq!(said("[1, {}, {}]"), "task body: `args` must be an array");
        assert_eq!(said("[[], null, {}]"), "task body: `kwargs` must be an object");
        let deep = format!("[[{}{}], {{}}, {{}}]", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(matches!(Body::split(&deep), Err(Error::TooDeep { .. })));
    }

    proptest! {
        #[test]
        fn what_is_written_splits(numbers: Vec<i64>, text: String, chain: bool) {
            let args = serde_json::to_string(&numbers).unwrap();
            let kwargs = serde_json::json!({ "k": text }).to_string();
            let embed = Embed { chain: chain.then_some(&*args), ..Embed::default() };
            let body = Body { args: &args, kwargs: &kwargs, embed };
            let mut out = Vec::new();
            body.write(&mut out);
            prop_assert_eq!(Body::split(std::str::from_utf8(&out).unwrap()).unwrap(), body);
        }

        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = Body::split(&text);
            let _ = Body::split(&json);
        }
    }
}
