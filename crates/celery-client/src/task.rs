//! Tasks by name, with the types of their arguments and results.

use std::{
    fmt,
    marker::PhantomData,
    ops::BitOr,
    time::{Duration, SystemTime},
};

use celery_protocol::{
    Value,
    canvas::{OptionValue, Signature},
    to_value,
};
use serde::Serialize;

/// A remote task: its name, the type of its arguments and that of its result, said once.
///
/// A tuple gives positional arguments, a struct keyword arguments, `()` none.
///
/// ```
/// use celery_client::Task;
///
/// const ADD: Task<(i64, i64), i64> = Task::new("proj.add");
///
/// let call = ADD.call((2, 3)).queue("slow");
/// assert_eq!(call.signature().task(), "proj.add");
/// ```
pub struct Task<A, R> {
    name: &'static str,
    types: PhantomData<fn(A) -> R>,
}

impl<A, R> Task<A, R> {
    /// The task that Python registers under `name`.
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<A: Serialize, R> Task<A, R> {
    /// A call with these arguments, to be sent.
    pub fn call(&self, args: A) -> TaskCall<R> {
        let signature = Signature::new(self.name);
        let signature = match to_value(&args) {
            Ok(named @ Value::Map(_)) => signature.kwargs(named),
            Ok(Value::Null) => signature,
            // What is no value is said when it is sent.
            _ => signature.args(args),
        };
        TaskCall { signature, result: PhantomData }
    }
}

/// A call of a [`Task`], to be sent or to be put into a chain, a group or a chord.
pub struct TaskCall<R> {
    signature: Signature,
    result: PhantomData<fn() -> R>,
}

/// What a [`Client`](crate::Client) sends: a [`Signature`], or a [`TaskCall`] that knows the type of its result.
pub trait Sendable {
    /// What the result is read as.
    type Output;

    /// The signature.
    fn into_signature(self) -> Signature;
}

impl Sendable for Signature {
    type Output = Value;

    fn into_signature(self) -> Signature {
        self
    }
}

impl<R> Sendable for TaskCall<R> {
    type Output = R;

    fn into_signature(self) -> Signature {
        self.signature
    }
}

impl<R> From<TaskCall<R>> for Signature {
    fn from(call: TaskCall<R>) -> Self {
        call.signature
    }
}

impl<A, R> Clone for Task<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for Task<A, R> {}

impl<A, R> fmt::Debug for Task<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}

impl<R> Clone for TaskCall<R> {
    fn clone(&self) -> Self {
        Self::of(self.signature.clone())
    }
}

impl<R> fmt::Debug for TaskCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signature.fmt(f)
    }
}

/// `left | right`: `right` runs with the result of `left`, and its result is that of both.
impl<R, S: Sendable> BitOr<S> for TaskCall<R> {
    type Output = TaskCall<S::Output>;

    fn bitor(self, next: S) -> TaskCall<S::Output> {
        TaskCall::of(self.signature | next.into_signature())
    }
}

impl<R> TaskCall<R> {
    /// Reads the result of a composition as `R`.
    pub fn of(signature: Signature) -> Self {
        Self { signature, result: PhantomData }
    }

    /// The signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with(self, change: impl FnOnce(Signature) -> Signature) -> Self {
        Self { signature: change(self.signature), ..self }
    }
}

macro_rules! options {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        /// The options of [`Signature`].
        impl<R> TaskCall<R> {$(
            #[doc = concat!("See [`Signature::", stringify!($method), "`].")]
            #[must_use]
            pub fn $method(self, $($argument: $type),*) -> Self {
                self.with(|signature| signature.$method($($argument),*))
            }
        )*}
    };
}

options! {
    with_id(id: impl Into<String>);
    queue(queue: impl Into<String>);
    route(exchange: impl Into<String>, routing_key: impl Into<String>);
    priority(priority: u8);
    countdown(countdown: Duration);
    eta(eta: SystemTime);
    expires_in(expires: Duration);
    expires_at(expires: SystemTime);
    time_limit(limit: Duration);
    soft_time_limit(limit: Duration);
    retries(retries: u32);
    ignore_result();
    shadow(name: impl Into<String>);
    serializer(name: &str);
    compression(name: &str);
    header(name: &str, value: impl Serialize);
    option(key: &str, value: impl Into<OptionValue>);
    linked(callback: impl Into<Signature>);
    on_error(errback: impl Into<Signature>);
    immutable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Resize {
        width: u32,
    }

    #[test]
    fn tuples_are_positional_and_structs_are_named() {
        let tuple = Task::<(i64, &str), ()>::new("t").call((1, "two"));
        assert_eq!(tuple.signature().positional(), [Value::Int(1), "two".into()]);
        let named = Task::<Resize, ()>::new("t").call(Resize { width: 64 });
        assert_eq!(named.signature().keywords(), [("width".into(), Value::Int(64))]);
        let none = Task::<(), ()>::new("t").call(());
        assert!(none.signature().positional().is_empty() && none.signature().keywords().is_empty());
        assert!(Task::<u8, ()>::new("t").call(1).signature().check().is_err());
    }
}
