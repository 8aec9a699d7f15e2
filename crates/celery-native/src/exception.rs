//! A failure as Python will see it.

use std::error::Error as StdError;
use std::fmt;

use celery_executor::Failure;
use celery_protocol::{Value, to_value};
use serde::Serialize;

/// An exception that a task fails with: Python re-raises it by its module and name.
///
/// Python looks for `module.name` among the modules it has imported; where there is none it makes a class of that name
/// (`celery/backends/base.py: Backend.exception_to_python`).
///
/// ```
/// use celery_native::Exception;
///
/// let error = Exception::new("builtins", "ValueError", "the width must be positive");
/// assert_eq!(error.to_string(), "ValueError('the width must be positive')");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    module: String,
    name: String,
    args: Vec<Value>,
    detail: String,
    expected: bool,
}

impl Exception {
    /// The exception `module.name` with one argument.
    pub fn new(module: impl Into<String>, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            args: vec![Value::Str(message.into())],
            detail: String::new(),
            expected: false,
        }
    }

    /// Another list of arguments: a tuple, an array or a list. What is no list becomes the only argument.
    #[must_use]
    pub fn with_args(mut self, args: impl Serialize) -> Self {
        self.args = match to_value(&args) {
            Ok(Value::List(args)) => args,
            Ok(Value::Null) => Vec::new(),
            Ok(other) => vec![other],
            Err(error) => vec![Value::Str(error.to_string())],
        };
        self
    }

    /// Says that the task is expected to fail so at times: it is logged without its causes (`throws` of a Python task).
    #[must_use]
    pub fn expected(mut self) -> Self {
        self.expected = true;
        self
    }

    /// The exception that stands for an error of Rust: named as its type, with its text as the argument. What caused it
    /// is kept where Python keeps the traceback.
    pub fn from_error<E: StdError>(error: &E) -> Self {
        // Generics have paths of their own in theirs.
        let path = std::any::type_name::<E>();
        let plain = path.split('<').next().unwrap_or(path);
        let (module, name) = plain.rsplit_once("::").unwrap_or(("builtins", plain));
        let mut exception = Self::new(module.replace("::", "."), name, error.to_string());
        exception.detail = causes(error);
        exception
    }

    /// A plain `Exception` for an error of which nobody knows the type.
    pub(crate) fn boxed(error: &(dyn StdError + Send + Sync)) -> Self {
        let mut exception = Self::new("builtins", "Exception", error.to_string());
        exception.detail = causes(error);
        exception
    }

    /// `billiard.exceptions.SoftTimeLimitExceeded`, which is what a Python task fails with that does not catch it.
    pub fn soft_time_limit_exceeded() -> Self {
        Self::new("billiard.exceptions", "SoftTimeLimitExceeded", "").with_args(())
    }

    pub(crate) fn type_error(message: String) -> Self {
        Self::new("builtins", "TypeError", message)
    }

    /// The module of the class.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The name of the class.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments.
    pub fn args(&self) -> &[Value] {
        &self.args
    }

    /// As it is stored; `task` is named where Python has the traceback.
    pub(crate) fn failure(&self, task: &str) -> Failure {
        let args = Value::List(self.args.clone()).to_json();
        let mut traceback = format!("In the Rust task {task}:\n{}: ", self.name);
        match &*self.args {
            [Value::Str(message)] => traceback.push_str(message),
            args => traceback.push_str(&Value::List(args.to_vec()).repr(1024)),
        }
        traceback.push('\n');
        traceback.push_str(&self.detail);
        Failure {
            exc_type: self.name.clone(),
            exc_module: self.module.clone(),
            exc_message: args.unwrap_or_else(|_| String::from("[]")),
            traceback,
            repr: self.to_string(),
            expected: self.expected,
            ..Failure::default()
        }
    }
}

/// As Python's `repr`.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<String> = self.args.iter().map(|arg| arg.repr(1024)).collect();
        write!(f, "{}({})", self.name, args.join(", "))
    }
}

fn causes<E: StdError + ?Sized>(error: &E) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  caused by: {error}\n"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_rust_are_named_as_their_types() {
        let error = "x".parse::<i64>().unwrap_err();
        let exception = Exception::from_error(&error);
        assert_eq!((exception.module(), exception.name()), ("core.num.error", "ParseIntError"));
        assert_eq!(exception.to_string(), "ParseIntError('invalid digit found in string')");
        let failure = exception.failure("proj.add");
        assert_eq!(failure.exc_message, r#"["invalid digit found in string"]"#);
        assert_eq!(
            failure.traceback,
            "In the Rust task proj.add:\nParseIntError: invalid digit found in string\n"
        );
    }

    #[test]
    fn causes_are_kept() {
        let error = std::io::Error::other("a".parse::<u8>().unwrap_err());
        let failure = Exception::from_error(&error).failure("t");
        assert_eq!((&*failure.exc_module, &*failure.exc_type), ("std.io.error", "Error"));
        let wrapped = Wrapped(error);
        assert!(
            Exception::from_error(&wrapped).failure("t").traceback.contains("  caused by: invalid digit")
        );
    }

    #[derive(Debug)]
    struct Wrapped(std::io::Error);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl StdError for Wrapped {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
}
