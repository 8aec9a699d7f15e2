//! From what follows to the messages that are to be sent.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use celery_protocol::canvas::{Call, OptionValue, Options, Signature, Step};
use celery_protocol::result::{ResultTree, SavedGroup};
use celery_protocol::{Body, Value};
use celery_scheduler::{Zone, parse_timestamp};
use celery_transport::{Publication, Queue};
use uuid::Uuid;

use super::{Following, Parent, Target, signatures};
use crate::in_flight::InFlight;
use crate::report::local;

/// Why something is left to the host.
#[derive(Debug)]
pub(crate) struct Odd(pub(crate) String);

impl From<celery_protocol::Error> for Odd {
    fn from(error: celery_protocol::Error) -> Self {
        Self(error.to_string())
    }
}

/// What is to be sent, in this order.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// Chords, whose sizes the result store must know before their last parts are sent.
    pub(crate) sizes: Vec<(String, u64)>,
    /// Groups that the result store is to keep.
    pub(crate) groups: Vec<(String, Bytes)>,
    /// Queues that are used.
    pub(crate) queues: Vec<Queue>,
    pub(crate) publications: Vec<Publication>,
    /// What the task lists as its children for it.
    pub(crate) children: Vec<ResultTree>,
    /// The result of what was sent last.
    pub(crate) result: Option<ResultTree>,
}

/// Makes the messages of what follows tasks.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(super) known: Arc<Following>,
    zone: Zone,
    declared: HashSet<String>,
}

/// The options of a call that are honoured here. A call with another one is left to the host, if there is one.
const HONOURED: [&str; 28] = [
    "task_id",
    "root_id",
    "parent_id",
    "group_id",
    "group_index",
    "chord",
    "chain",
    "link",
    "link_error",
    "retries",
    "reply_to",
    "ignore_result",
    "shadow",
    "headers",
    "stamped_headers",
    "time_limit",
    "soft_time_limit",
    "priority",
    "queue",
    "countdown",
    "eta",
    "expires",
    "argsrepr",
    "kwargsrepr",
    "origin",
    "replaced_task_nesting",
    "delivery_mode",
    "add_to_parent",
];

impl Follower {
    /// `consumed` are the queues that are declared already.
    pub(crate) fn new(known: Arc<Following>, zone: Zone, consumed: &[Queue]) -> Self {
        let declared = consumed.iter().map(|queue| queue.name.clone()).collect();
        Self { known, zone, declared }
    }

    /// A moment as results say it.
    pub(super) fn local(&self, moment: SystemTime) -> String {
        local(&self.zone, moment)
    }

    /// How long the size of a chord is kept; `None` for ever.
    pub(crate) fn chord_expires(&self) -> Option<Duration> {
        self.known.chord_expires()
    }

    /// Of the queues that are used, those that are to be declared before: each once.
    pub(crate) fn not_declared(&mut self, mut queues: Vec<Queue>) -> Vec<Queue> {
        queues.retain(|queue| self.declared.insert(queue.name.clone()));
        queues
    }

    /// The links and the next step of a task that gave `value`, JSON.
    pub(crate) fn after(&self, in_flight: &InFlight, value: &str, now: SystemTime) -> Result<Sending, Odd> {
        let body = in_flight.body().ok_or_else(|| Odd("the body is not plain JSON".to_owned()))?;
        self.after_body(&body, in_flight.into(), value, now)
    }

    /// The same of a task with this body.
    pub(super) fn after_body(
        &self,
        body: &Body<'_>,
        sender: Parent<'_>,
        value: &str,
        now: SystemTime,
    ) -> Result<Sending, Odd> {
        let mut options = Options::default();
        options.set("parent_id", &*sender.headers.id);
        options.set("root_id", sender.root());
        // Without a priority to inherit upstream says None, which takes away what a chain or a group says.
        options.set("priority", self.inherited_priority(sender));
        let mut sending = Sending::default();
        let following = signatures::following(&self.known, &body.embed, &options)?;
        if !following.is_empty() {
            let args = [Value::from_json(value)?];
            for (signature, options) in following {
                self.apply(&signature, &args, options, Some(sender), now, &mut sending)?;
            }
        }
        Ok(sending)
    }

    fn inherited_priority(&self, sender: Parent<'_>) -> Value {
        match sender.priority {
            Some(priority) if self.known.inherits_priority => Value::Int(i64::from(priority)),
            _ => Value::Null,
        }
    }

    /// Adds what sending `signature` comes to, from within the task `sender` if there is one.
    pub(super) fn apply(
        &self,
        signature: &Signature,
        args: &[Value],
        options: Options,
        sender: Option<Parent<'_>>,
        now: SystemTime,
        sending: &mut Sending,
    ) -> Result<(), Odd> {
        let mut ids = || Uuid::new_v4().to_string();
        let reply_to = self.known.encoding.reply_to.clone();
        let plan = signature.plan_with(args, &[], options, &mut ids, &reply_to)?;
        sending.children.extend(plan.trail());
        sending.result = plan.result();
        for step in plan.steps {
            match step {
                Step::Send(call) => {
                    let publication = self.publication(call, sender, now, &mut sending.queues)?;
                    sending.publications.push(publication);
                }
                Step::ChordSize { group_id, size } => sending.sizes.push((group_id, size as u64)),
                Step::SaveGroup { group } => {
                    let saved = SavedGroup { result: group };
                    sending.groups.push((saved.result.id.clone(), saved.encode().into()));
                }
                other => return Err(Odd(format!("nobody here knows how to do {other:?}"))),
            }
        }
        Ok(())
    }

    /// The message of a call and where it goes (`celery/app/task.py: Task.apply_async`, `celery/app/base.py:
    /// Celery.send_task`, `celery/app/amqp.py: send_task_message`).
    fn publication(
        &self,
        mut call: Call,
        sender: Option<Parent<'_>>,
        now: SystemTime,
        queues: &mut Vec<Queue>,
    ) -> Result<Publication, Odd> {
        let known = &*self.known;
        let target = target(known, &call)?;
        let queue = queue(known, target, &call)?;
        check(target, &call)?;
        for (name, value) in &target.options {
            call.options.set_default(name, value.clone());
        }
        let stamps: Vec<String> = call.options.stamped_headers().map(str::to_owned).collect();
        if let Some((odd, _)) = call.options.iter().find(|(name, value)| {
            !known.alone
                && !HONOURED.contains(name)
                && !stamps.iter().any(|stamp| stamp == name)
                && !value.is_null()
        }) {
            return Err(Odd(format!("{} has the option {odd}", call.task)));
        }
        if let Some(sender) = sender {
            self.inherit(&mut call, sender);
        }
        self.settle_times(&mut call, now)?;
        let message = call.message(&known.encoding)?;
        if let Some((exchange, routing_key)) = elsewhere(known, &call) {
            return Ok(Publication::new(exchange, routing_key, message));
        }
        if !self.declared.contains(&queue.name) && !queues.contains(&queue) {
            queues.push(queue.clone().into_owned());
        }
        // kombu's default exchange, whose routing keys are queues.
        Ok(match &*queue.exchange_type {
            "direct" => Publication::new("", &*queue.name, message),
            kind => Publication::new(&*queue.exchange, &*queue.routing_key, message).of_type(kind),
        })
    }

    /// What a task that is sent from within another has from it.
    fn inherit(&self, call: &mut Call, sender: Parent<'_>) {
        let unset = |key: &str| call.options.text(key).is_none_or(str::is_empty);
        let (no_root, no_parent) = (unset("root_id"), unset("parent_id"));
        if no_root {
            call.options.set("root_id", sender.root());
        }
        if no_parent {
            call.options.set("parent_id", &*sender.headers.id);
        }
        if (no_root || no_parent) && self.known.inherits_priority {
            call.options.set_default("priority", self.inherited_priority(sender));
        }
    }

    /// Turns what counts from now into moments (`celery/app/amqp.py: as_task_v2`).
    fn settle_times(&self, call: &mut Call, now: SystemTime) -> Result<(), Odd> {
        let later = |seconds: f64| {
            let length = Duration::try_from_secs_f64(seconds).ok();
            let moment = length.and_then(|length| now.checked_add(length));
            moment.map(|moment| local(&self.zone, moment)).ok_or_else(|| Odd(format!("{seconds} s from now")))
        };
        match call.options.remove("countdown").as_ref().and_then(number) {
            Some(countdown) if countdown != 0.0 => call.options.set("eta", later(countdown)?),
            _ => {}
        }
        match call.options.get("expires").and_then(number) {
            Some(expires) => {
                call.options.set("expires", later(expires)?);
                call.options.set("expiration", expires);
            }
            // A moment has to be compared with the clock of the sender: seldom, and Python's to do.
            None => match call.options.text("expires") {
                Some(moment) if self.known.alone => {
                    let moment = parse_timestamp(moment).map_err(|error| Odd(error.to_string()))?;
                    let left = moment.duration_since(now).unwrap_or_default();
                    call.options.set("expiration", left.as_secs_f64());
                }
                Some(_) => return Err(Odd("it expires at a moment".to_owned())),
                None => {}
            },
        }
        Ok(())
    }
}

fn number(value: &OptionValue) -> Option<f64> {
    match value {
        OptionValue::Value(Value::Float(seconds)) => Some(*seconds),
        #[expect(clippy::cast_precision_loss, reason = "seconds are small")]
        OptionValue::Value(Value::Int(seconds)) => Some(*seconds as f64),
        _ => None,
    }
}

/// How the task is sent.
fn target<'a>(known: &'a Following, call: &Call) -> Result<&'a Target, Odd> {
    let task = call.task.as_str();
    let target = known.targets.get(task);
    let target = target.or_else(|| known.routed(task).filter(|_| !known.left_to_host.contains(task)));
    target.ok_or_else(|| Odd(format!("{task} is sent by the app")))
}

/// The queue that a call goes to.
fn queue<'a>(known: &'a Following, target: &'a Target, call: &Call) -> Result<Cow<'a, Queue>, Odd> {
    match call.options.text("queue") {
        None => Ok(Cow::Borrowed(&target.queue)),
        Some(_) if !target.may_be_elsewhere => Err(Odd(format!("{}: its queue is routed", call.task))),
        Some(name) => match known.queues.get(name) {
            Some(queue) => Ok(Cow::Borrowed(queue)),
            None if known.alone => Ok(Cow::Owned(Queue::named(name))),
            None => Err(Odd(format!("{}: the queue {name} is not known", call.task))),
        },
    }
}

/// The exchange and the routing key that a call names instead of a queue.
fn elsewhere<'a>(known: &Following, call: &'a Call) -> Option<(&'a str, &'a str)> {
    let text = |key| call.options.text(key).filter(|text| !text.is_empty());
    let named = text("exchange").is_some() && text("queue").is_none();
    (known.alone && named)
        .then(|| (text("exchange").unwrap_or_default(), text("routing_key").unwrap_or_default()))
}

/// Whether the task takes what it is called with.
fn check(target: &Target, call: &Call) -> Result<(), Odd> {
    let Some(takes) = &target.takes else { return Ok(()) };
    let mut names = Vec::with_capacity(call.kwargs.len());
    for (name, _) in &call.kwargs {
        names.push(name.as_str().ok_or_else(|| Odd("a keyword that is no string".to_owned()))?);
    }
    match takes.accepts(call.args.len(), names) {
        true => Ok(()),
        false => Err(Odd(format!("{} does not take these arguments", call.task))),
    }
}
