//! A task that has ended, and what is stored of it.

use celery_executor::{Failure, JobId};
use celery_protocol::canvas::Signature;
use celery_protocol::{ExceptionInfo, Extended, Message, State, TaskHeaders, Value};
use celery_results::ReplyAddress;

/// A task that did not succeed, or another that shares its fate.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Its id.
    pub(super) id: String,
    /// The group that it is in: of a part of a chord, the chord.
    pub(super) group: Option<String>,
    /// Its place in the group.
    pub(super) index: Option<i64>,
    /// The task that sent it.
    pub(super) parent: Option<String>,
    /// The body of the chord that it is a part of.
    pub(super) chord: Option<Signature>,
    /// Who waits for its result by messages.
    pub(super) reply: Option<ReplyAddress>,
}

impl Member {
    pub(super) fn of(headers: &TaskHeaders, message: &Message, chord: Option<Signature>) -> Self {
        let (to, with) = (&message.properties.reply_to, &message.properties.correlation_id);
        Self {
            reply: ReplyAddress::of(&headers.id, to.as_deref(), with.as_deref()),
            id: headers.id.clone(),
            group: headers.group.clone().filter(|group| !group.is_empty()),
            index: headers.group_index,
            parent: headers.parent_id.clone(),
            chord,
        }
    }

    /// A step that has not been sent, as its signature says.
    pub(super) fn of_signature(signature: &Signature) -> Option<Self> {
        let options = signature.options();
        let index = match options.value("group_index") {
            Some(Value::Int(index)) => Some(*index),
            _ => None,
        };
        let id = signature.id()?;
        Some(Self {
            id: id.to_owned(),
            reply: ReplyAddress::of(id, options.text("reply_to"), None),
            group: options.text("group_id").map(str::to_owned),
            index,
            parent: options.text("parent_id").map(str::to_owned),
            chord: options.signatures("chord").first().cloned(),
        })
    }
}

/// How something failed.
#[derive(Debug, Clone)]
pub(super) struct Fate {
    pub(super) state: State,
    pub(super) exception: ExceptionInfo,
    pub(super) traceback: Option<String>,
    pub(super) children: Option<String>,
}

impl Fate {
    pub(super) fn new(state: State, exception: ExceptionInfo) -> Self {
        Self { state, exception, traceback: None, children: None }
    }

    pub(super) fn failed(exception: ExceptionInfo) -> Self {
        Self::new(State::Failure, exception)
    }

    pub(super) fn of(failure: &Failure) -> Self {
        let exception = ExceptionInfo {
            exc_type: failure.exc_type.clone(),
            exc_message: failure.exc_message.clone(),
            exc_module: Some(failure.exc_module.clone()),
        };
        Self {
            traceback: Some(failure.traceback.clone()),
            children: failure.children.clone(),
            ..Self::failed(exception)
        }
    }

    /// `celery.exceptions.ChordError`
    pub(super) fn chord_error(text: &str) -> Self {
        let mut fate = Self::failed(ExceptionInfo::with_message("celery.exceptions", "ChordError", text));
        fate.traceback = Some(format!("celery.exceptions.ChordError: {text}\n"));
        fate
    }
}

/// As Python's `repr` of the exception.
pub(super) fn repr(exception: &ExceptionInfo) -> String {
    let args = exception.args().unwrap_or_default();
    let args: Vec<String> = args.iter().map(|arg| arg.repr(1024)).collect();
    format!("{}({})", exception.exc_type, args.join(", "))
}

/// The task in whose name the rest is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause<'a> {
    pub(super) job: Option<JobId>,
    pub(super) headers: &'a TaskHeaders,
    pub(super) priority: Option<u8>,
}

/// What `result_extended` adds.
pub(super) fn extended<'a>(
    headers: &'a TaskHeaders,
    message: &'a Message,
    args: &'a str,
    kwargs: &'a str,
    hostname: &'a str,
) -> Extended<'a> {
    Extended {
        name: Some(&headers.task),
        args: Some(args),
        kwargs: Some(kwargs),
        worker: Some(hostname),
        retries: Some(headers.retries),
        queue: Some(&message.properties.delivery_info.routing_key),
        stamped_headers: headers.stamped_headers.as_deref(),
        stamps: &headers.stamps,
    }
}
