//! One signature: a task, or a composition of signatures.

use serde::Serialize;

use super::{OptionValue, Options};
use crate::{Error, Value, to_value};

/// A call that can be sent: a task with its arguments and options, or a chain, group or chord of such calls
/// (`celery/canvas.py: Signature`).
///
/// ```
/// use celery_protocol::canvas::{Signature, chord};
///
/// let add = |x: i64, y: i64| Signature::new("proj.add").args((x, y));
/// let total = chord([add(1, 2), add(3, 4)], Signature::new("proj.total"));
/// let canvas = total | Signature::new("proj.add").args((10,)).option("queue", "slow");
/// assert_eq!(canvas.task(), "celery.chord");
/// # canvas.check()?;
/// # Ok::<(), celery_protocol::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    pub(super) task: String,
    pub(super) args: Vec<Value>,
    /// Those that are not part of the composition.
    pub(super) kwargs: Vec<(Value, Value)>,
    pub(super) options: Options,
    pub(super) subtask_type: Option<String>,
    pub(super) immutable: bool,
    pub(super) kind: Kind,
    /// `chord_size`, and whatever else was there.
    pub(super) rest: Vec<(Value, Value)>,
    /// What could not be made a value while it was built.
    pub(super) invalid: Option<String>,
}

/// What a signature is composed of.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Kind {
    /// Nothing: a task.
    #[default]
    Task,
    /// Steps.
    Chain(Vec<Signature>),
    /// Members.
    Group(Vec<Signature>),
    /// A header and a body.
    Chord(Header, Option<Box<Signature>>),
}

/// The header of a chord: a group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) group: Box<Signature>,
    /// Whether Celery has the list of its tasks there still; freezing makes a group of it.
    pub(super) listed: bool,
}

impl Header {
    pub(super) fn of(tasks: Vec<Signature>) -> Self {
        Self { group: Box::new(Signature::of("celery.group", Kind::Group(tasks))), listed: true }
    }
}

impl Signature {
    /// The task of this name, without arguments.
    pub fn new(task: impl Into<String>) -> Self {
        Self::of(task, Kind::Task)
    }

    pub(super) fn of(task: impl Into<String>, kind: Kind) -> Self {
        let subtask_type = match kind {
            Kind::Task => None,
            Kind::Chain(_) => Some("chain".to_owned()),
            Kind::Group(_) => Some("group".to_owned()),
            Kind::Chord(..) => Some("chord".to_owned()),
        };
        Self {
            task: task.into(),
            args: Vec::new(),
            kwargs: Vec::new(),
            options: Options::default(),
            subtask_type,
            immutable: false,
            kind,
            rest: Vec::new(),
            invalid: None,
        }
    }

    /// Sets the positional arguments: a tuple, an array or a list of whatever serde serialises.
    #[must_use]
    pub fn args(mut self, args: impl Serialize) -> Self {
        match to_value(&args) {
            Ok(Value::List(args)) => self.args = args,
            Ok(Value::Null) => self.args.clear(),
            Ok(other) => self
                .refuse(&format!("the positional arguments must be a tuple or a list, not {}", other.kind())),
            Err(error) => self.refuse(&error.to_string()),
        }
        self
    }

    /// Sets the keyword arguments: a struct or a map with string keys.
    #[must_use]
    pub fn kwargs(mut self, kwargs: impl Serialize) -> Self {
        match to_value(&kwargs) {
            Ok(Value::Map(kwargs)) => self.kwargs = kwargs,
            Ok(Value::Null) => self.kwargs.clear(),
            Ok(other) => {
                self.refuse(&format!("the keyword arguments must be a struct or a map, not {}", other.kind()))
            }
            Err(error) => self.refuse(&error.to_string()),
        }
        self
    }

    /// Adds one positional argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Serialize) -> Self {
        match to_value(&arg) {
            Ok(value) => self.args.push(value),
            Err(error) => self.refuse(&error.to_string()),
        }
        self
    }

    /// Adds one keyword argument.
    #[must_use]
    pub fn kwarg(mut self, name: &str, arg: impl Serialize) -> Self {
        match to_value(&arg) {
            Ok(value) => self.kwargs.push((name.into(), value)),
            Err(error) => self.refuse(&error.to_string()),
        }
        self
    }

    /// Sets an execution option, named as `apply_async` names it: `queue`, `priority`, `time_limit`, `expires` …
    #[must_use]
    pub fn option(mut self, key: &str, value: impl Into<OptionValue>) -> Self {
        self.options.set(key, value);
        self
    }

    /// Makes it take no more arguments: what it follows is not passed on to it (`.si()` in Python).
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.set_immutable(true);
        self
    }

    /// The name of the task; of a composition, `celery.chain` and the like.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The positional arguments.
    pub fn positional(&self) -> &[Value] {
        &self.args
    }

    /// The keyword arguments.
    pub fn keywords(&self) -> &[(Value, Value)] {
        &self.kwargs
    }

    /// The execution options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The execution options, to be changed.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Whether it takes no more arguments.
    pub fn is_immutable(&self) -> bool {
        self.immutable
    }

    /// The id it has, once it was frozen or given one: of the task, of the last step of a chain, of the group.
    pub fn id(&self) -> Option<&str> {
        self.options.text("task_id")
    }

    /// What a group, a chain or the header of a chord is made of; nothing for a task.
    pub fn tasks(&self) -> &[Self] {
        match &self.kind {
            Kind::Task => &[],
            Kind::Chain(tasks) | Kind::Group(tasks) => tasks,
            Kind::Chord(header, _) => header.group.tasks(),
        }
    }

    /// The body of a chord.
    pub fn body(&self) -> Option<&Self> {
        match &self.kind {
            Kind::Chord(_, body) => body.as_deref(),
            _ => None,
        }
    }

    /// Whether everything that it was built of could be made a Python value. What sends it asks.
    ///
    /// # Errors
    ///
    /// [`Error::Convert`] names the task and what was wrong with its arguments.
    pub fn check(&self) -> Result<(), Error> {
        match &self.invalid {
            Some(reason) => Err(Error::Convert(format!("{}: {reason}", self.task))),
            None => {
                let linked = self.options.iter().flat_map(|(key, _)| self.options.signatures(key));
                self.tasks().iter().chain(self.body()).chain(linked).try_for_each(Self::check)
            }
        }
    }

    /// The first thing that went wrong is said.
    pub(super) fn refuse(&mut self, reason: &str) {
        self.invalid.get_or_insert_with(|| reason.to_owned());
    }

    pub(super) fn is_group(&self) -> bool {
        matches!(self.kind, Kind::Group(_))
    }

    pub(super) fn is_chain(&self) -> bool {
        matches!(self.kind, Kind::Chain(_))
    }

    pub(super) fn is_chord(&self) -> bool {
        matches!(self.kind, Kind::Chord(..))
    }

    pub(super) fn is_empty_group(&self) -> bool {
        matches!(&self.kind, Kind::Group(tasks) if tasks.is_empty())
    }

    pub(super) fn is_empty_chain(&self) -> bool {
        matches!(&self.kind, Kind::Chain(tasks) if tasks.is_empty())
    }

    /// A copy (`Signature.clone`).
    pub(super) fn copied(&self) -> Self {
        self.clone_with(&[], &[], Options::default())
    }

    /// A copy with arguments before its own and options over its own (`Signature.clone`, `Signature._merge`).
    ///
    /// A copy of a chain or group has neither arguments nor immutability: their `from_dict` drops both.
    pub(super) fn clone_with(&self, args: &[Value], kwargs: &[(Value, Value)], options: Options) -> Self {
        let mut copy = Self { kind: self.kind.copied(), ..self.clone() };
        if !options.is_empty() {
            copy.options = self.options.merged(options);
        }
        if self.is_chain() || self.is_group() {
            copy.args.clear();
            copy.immutable = false;
            return copy;
        }
        if !self.immutable {
            copy.args.splice(0..0, args.iter().cloned());
            merge_kwargs(&mut copy.kwargs, kwargs);
        }
        copy
    }
}

impl Kind {
    /// As Celery's `clone` copies: the header of a frozen chord is a list of tasks again, whose group will get another
    /// id when it is frozen once more (`_chain.clone`, `_chord.clone`, `_chord.from_dict`, `_maybe_group`).
    fn copied(&self) -> Self {
        match self {
            Self::Task | Self::Group(_) => self.clone(),
            Self::Chain(tasks) => Self::Chain(tasks.iter().map(Signature::copied).collect()),
            Self::Chord(header, body) => {
                let tasks = header.group.tasks();
                let tasks = if header.listed {
                    tasks.iter().map(Signature::copied).collect()
                } else {
                    tasks.to_vec()
                };
                Self::Chord(Header::of(tasks), body.as_ref().map(|body| Box::new(body.copied())))
            }
        }
    }
}

/// `dict(kwargs, **more)`.
pub(super) fn merge_kwargs(kwargs: &mut Vec<(Value, Value)>, more: &[(Value, Value)]) {
    for (key, value) in more {
        match kwargs.iter_mut().find(|(name, _)| name == key) {
            Some((_, slot)) => slot.clone_from(value),
            None => kwargs.push((key.clone(), value.clone())),
        }
    }
}
