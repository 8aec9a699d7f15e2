//! The commands.

use super::{
    AddConsumer, Autoscale, Election, Hello, Objgraph, OneOrMany, PoolRestart, RateLimit, Registered, Revoke,
    RevokeByStampedHeaders, Terminate, TimeLimit,
};
use crate::{
    Error,
    event::{Reader, read_object},
    json::{ObjectWriter, RawJson},
};

/// A command (`celery/worker/control.py`), as a client builds it and a worker reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `revoke`
    Revoke(Revoke),
    /// `revoke_by_stamped_headers`
    RevokeByStampedHeaders(RevokeByStampedHeaders),
    /// `terminate`
    Terminate(Terminate),
    /// `rate_limit`
    RateLimit(RateLimit),
    /// `time_limit`
    TimeLimit(TimeLimit),
    /// `election`
    Election(Election),
    /// `enable_events`: send events of tasks.
    EnableEvents,
    /// `disable_events`: send no events of tasks.
    DisableEvents,
    /// `heartbeat`: send a heartbeat now.
    Heartbeat,
    /// `pool_grow`
    PoolGrow {
        /// By how many slots.
        n: u32,
    },
    /// `pool_shrink`
    PoolShrink {
        /// By how many slots.
        n: u32,
    },
    /// `pool_restart`
    PoolRestart(PoolRestart),
    /// `autoscale`
    Autoscale(Autoscale),
    /// `shutdown`: end warmly.
    Shutdown,
    /// `add_consumer`
    AddConsumer(AddConsumer),
    /// `cancel_consumer`
    CancelConsumer {
        /// The name of the queue.
        queue: String,
    },
    /// `report`: a text for bug reports.
    Report,
    /// `conf`, once `dump_conf`: the settings.
    Conf {
        /// Whether those that have their default are shown too.
        with_defaults: bool,
    },
    /// `query_task`: what is known of tasks.
    QueryTask {
        /// The ids of the tasks.
        ids: OneOrMany,
    },
    /// `clock`: the logical clock.
    Clock,
    /// `hello`
    Hello(Hello),
    /// `ping`
    Ping,
    /// `stats`: figures of the worker.
    Stats,
    /// `scheduled`, once `dump_schedule`: the tasks that wait for their ETA.
    Scheduled,
    /// `reserved`, once `dump_reserved`: the tasks that wait for a slot.
    Reserved,
    /// `active`, once `dump_active`: the tasks that run.
    Active {
        /// Whether the arguments are shown as `repr` only.
        safe: Option<bool>,
    },
    /// `revoked`, once `dump_revoked`: the ids of revoked tasks.
    Revoked,
    /// `registered`, once `dump_tasks`
    Registered(Registered),
    /// `objgraph`
    Objgraph(Objgraph),
    /// `memsample`: takes a sample of the memory in use.
    Memsample,
    /// `memdump`: the samples.
    Memdump {
        /// How many.
        samples: u32,
    },
    /// `active_queues`: the queues that tasks are taken from.
    ActiveQueues,
    /// A command of an app's own, or one that this crate does not know.
    Custom {
        /// Its name.
        method: String,
        /// Its arguments: a JSON object.
        arguments: RawJson,
    },
}

const NO_OTHERS: &str = "those of the command and no others";

impl Command {
    /// The name on the wire.
    pub fn method(&self) -> &str {
        match self {
            Self::Revoke(_) => "revoke",
            Self::RevokeByStampedHeaders(_) => "revoke_by_stamped_headers",
            Self::Terminate(_) => "terminate",
            Self::RateLimit(_) => "rate_limit",
            Self::TimeLimit(_) => "time_limit",
            Self::Election(_) => "election",
            Self::EnableEvents => "enable_events",
            Self::DisableEvents => "disable_events",
            Self::Heartbeat => "heartbeat",
            Self::PoolGrow { .. } => "pool_grow",
            Self::PoolShrink { .. } => "pool_shrink",
            Self::PoolRestart(_) => "pool_restart",
            Self::Autoscale(_) => "autoscale",
            Self::Shutdown => "shutdown",
            Self::AddConsumer(_) => "add_consumer",
            Self::CancelConsumer { .. } => "cancel_consumer",
            Self::Report => "report",
            Self::Conf { .. } => "conf",
            Self::QueryTask { .. } => "query_task",
            Self::Clock => "clock",
            Self::Hello(_) => "hello",
            Self::Ping => "ping",
            Self::Stats => "stats",
            Self::Scheduled => "scheduled",
            Self::Reserved => "reserved",
            Self::Active { .. } => "active",
            Self::Revoked => "revoked",
            Self::Registered(_) => "registered",
            Self::Objgraph(_) => "objgraph",
            Self::Memsample => "memsample",
            Self::Memdump { .. } => "memdump",
            Self::ActiveQueues => "active_queues",
            Self::Custom { method, .. } => method,
        }
    }

    /// The arguments as Celery's client writes them: a JSON object.
    pub fn arguments(&self) -> String {
        if let Self::Custom { arguments, .. } = self {
            return arguments.get().to_owned();
        }
        let mut out = Vec::with_capacity(96);
        let mut object = ObjectWriter::new(&mut out);
        self.write(&mut object);
        object.end();
        // What is written is ASCII, but for what the caller gave as JSON, which is text.
        String::from_utf8_lossy(&out).into_owned()
    }

    fn write(&self, object: &mut ObjectWriter<'_>) {
        match self {
            Self::Revoke(arguments) => arguments.write(object),
            Self::RevokeByStampedHeaders(arguments) => arguments.write(object),
            Self::Terminate(arguments) => arguments.write(object),
            Self::RateLimit(arguments) => arguments.write(object),
            Self::TimeLimit(arguments) => arguments.write(object),
            Self::Election(arguments) => arguments.write(object),
            Self::PoolGrow { n } | Self::PoolShrink { n } => object.int("n", *n),
            Self::PoolRestart(arguments) => arguments.write(object),
            Self::Autoscale(arguments) => arguments.write(object),
            Self::AddConsumer(arguments) => arguments.write(object),
            Self::CancelConsumer { queue } => object.str("queue", queue),
            Self::Conf { with_defaults } => object.bool("with_defaults", *with_defaults),
            Self::QueryTask { ids } => ids.write(object.key("ids")),
            Self::Hello(arguments) => arguments.write(object),
            Self::Active { safe: Some(safe) } => object.bool("safe", *safe),
            Self::Active { safe: None } => object.raw("safe", "null"),
            Self::Registered(arguments) => arguments.write(object),
            Self::Objgraph(arguments) => arguments.write(object),
            Self::Memdump { samples } => object.int("samples", *samples),
            Self::EnableEvents
            | Self::DisableEvents
            | Self::Heartbeat
            | Self::Shutdown
            | Self::Report
            | Self::Clock
            | Self::Ping
            | Self::Stats
            | Self::Scheduled
            | Self::Reserved
            | Self::Revoked
            | Self::Memsample
            | Self::ActiveQueues
            | Self::Custom { .. } => {}
        }
    }

    /// Reads a command. Defaults are those of `celery/worker/control.py`; arguments that a command does not
    /// know are passed over or refused as it does there.
    ///
    /// Memory: at most 64 bytes allocated for each byte read, which numbers for stamps take; 48 for all else.
    ///
    /// # Errors
    ///
    /// [`Error::MissingField`] and [`Error::InvalidField`] name the command and the argument.
    pub fn decode(method: &str, arguments: &str) -> Result<Self, Error> {
        type Read = fn(&mut Reader<'_, '_>) -> Result<Command, Error>;
        let (name, read): (&'static str, Read) = match method {
            "revoke" => ("revoke", |a| Revoke::read(a).map(Self::Revoke)),
            "revoke_by_stamped_headers" => ("revoke_by_stamped_headers", |a| {
                RevokeByStampedHeaders::read(a).map(Self::RevokeByStampedHeaders)
            }),
            "terminate" => ("terminate", |a| Terminate::read(a).map(Self::Terminate)),
            "rate_limit" => ("rate_limit", |a| RateLimit::read(a).map(Self::RateLimit)),
            "time_limit" => ("time_limit", |a| TimeLimit::read(a).map(Self::TimeLimit)),
            "election" => ("election", |a| Election::read(a).map(Self::Election)),
            "enable_events" => ("enable_events", |a| no_others(a, Self::EnableEvents)),
            "disable_events" => ("disable_events", |a| no_others(a, Self::DisableEvents)),
            "heartbeat" => ("heartbeat", |a| no_others(a, Self::Heartbeat)),
            "pool_grow" => ("pool_grow", |a| Ok(Self::PoolGrow { n: read_slots(a)? })),
            "pool_shrink" => ("pool_shrink", |a| Ok(Self::PoolShrink { n: read_slots(a)? })),
            "pool_restart" => ("pool_restart", |a| PoolRestart::read(a).map(Self::PoolRestart)),
            "autoscale" => ("autoscale", |a| {
                let autoscale = Autoscale::read(a)?;
                no_others(a, Self::Autoscale(autoscale))
            }),
            "shutdown" => ("shutdown", |_| Ok(Self::Shutdown)),
            "add_consumer" => ("add_consumer", |a| AddConsumer::read(a).map(Self::AddConsumer)),
            "cancel_consumer" => ("cancel_consumer", |a| {
                Ok(Self::CancelConsumer { queue: a.required("queue", "the name of a queue")? })
            }),
            "report" => ("report", |a| no_others(a, Self::Report)),
            "conf" | "dump_conf" => ("conf", |a| {
                let with_defaults = a.truth("with_defaults").unwrap_or_default();
                Ok(Self::Conf { with_defaults })
            }),
            "query_task" => {
                ("query_task", |a| Ok(Self::QueryTask { ids: a.required("ids", "an id or a list of ids")? }))
            }
            "clock" => ("clock", |_| Ok(Self::Clock)),
            "hello" => ("hello", |a| Hello::read(a).map(Self::Hello)),
            "ping" => ("ping", |_| Ok(Self::Ping)),
            "stats" => ("stats", |_| Ok(Self::Stats)),
            "scheduled" | "dump_schedule" => ("scheduled", |_| Ok(Self::Scheduled)),
            "reserved" | "dump_reserved" => ("reserved", |_| Ok(Self::Reserved)),
            "active" | "dump_active" => ("active", |a| Ok(Self::Active { safe: a.truth("safe") })),
            "revoked" | "dump_revoked" => ("revoked", |_| Ok(Self::Revoked)),
            "registered" | "dump_tasks" => ("registered", |a| Registered::read(a).map(Self::Registered)),
            "objgraph" => ("objgraph", |a| {
                let objgraph = Objgraph::read(a)?;
                no_others(a, Self::Objgraph(objgraph))
            }),
            "memsample" => ("memsample", |_| Ok(Self::Memsample)),
            "memdump" => ("memdump", |a| {
                Ok(Self::Memdump { samples: a.nullable("samples", "a count")?.unwrap_or(10) })
            }),
            "active_queues" => ("active_queues", |a| no_others(a, Self::ActiveQueues)),
            _ => {
                let arguments = RawJson::new(arguments).map_err(Error::json("control arguments"))?;
                return Ok(Self::Custom { method: method.to_owned(), arguments });
            }
        };
        read_object(name, arguments, read)
    }
}

/// Python refuses arguments that a handler without `**kwargs` does not name.
fn no_others(arguments: &Reader<'_, '_>, command: Command) -> Result<Command, Error> {
    if arguments.has_rest() {
        return Err(arguments.invalid("arguments", NO_OTHERS));
    }
    Ok(command)
}

fn read_slots(arguments: &mut Reader<'_, '_>) -> Result<u32, Error> {
    Ok(arguments.nullable("n", "a count")?.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::ControlRequest;

    macro_rules! captured {
        ($($name:literal),* $(,)?) => {
            [$((
                $name,
                include_bytes!(concat!("../../../fixtures/control/request/", $name, ".json")).as_slice(),
            )),*]
        };
    }

    fn all() -> Vec<(&'static str, &'static [u8])> {
        captured![
            "revoke",
            "revoke_many",
            "revoke_by_stamped_headers",
            "terminate",
            "rate_limit",
            "rate_limit_number",
            "time_limit",
            "time_limit_unknown",
            "election",
            "enable_events",
            "disable_events",
            "heartbeat",
            "pool_grow",
            "pool_shrink",
            "pool_restart",
            "autoscale",
            "shutdown",
            "add_consumer",
            "cancel_consumer",
            "report",
            "conf",
            "query_task",
            "clock",
            "hello",
            "hello_dict",
            "hello_self",
            "ping",
            "stats",
            "scheduled",
            "reserved",
            "active",
            "active_safe",
            "revoked",
            "registered",
            "registered_items",
            "objgraph",
            "memsample",
            "memdump",
            "active_queues",
            "custom",
        ]
        .to_vec()
    }

    #[test]
    fn captured_commands_come_back_byte_for_byte() {
        for (name, raw) in all() {
            let request = ControlRequest::decode_body(raw).unwrap();
            let command = request.command().unwrap();
            assert_eq!(matches!(command, Command::Custom { .. }), name == "custom", "{name}");
            assert_eq!(command.arguments(), request.arguments.get(), "{name}");
            let again =
                ControlRequest { arguments: RawJson::new(command.arguments()).unwrap(), ..request.clone() };
            assert_eq!(again.method, command.method());
            assert_eq!(String::from_utf8(again.encode_body()).unwrap().as_bytes(), raw, "{name}");
        }
    }

    #[test]
    fn old_names_lead_to_the_new() {
        for (old, new) in [
            ("dump_conf", "conf"),
            ("dump_schedule", "scheduled"),
            ("dump_reserved", "reserved"),
            ("dump_active", "active"),
            ("dump_revoked", "revoked"),
            ("dump_tasks", "registered"),
        ] {
            assert_eq!(Command::decode(old, "{}").unwrap().method(), new);
        }
    }

    #[test]
    fn defaults_are_those_of_the_worker() {
        let read = |method| Command::decode(method, "{}").unwrap();
        assert_eq!(read("pool_grow"), Command::PoolGrow { n: 1 });
        assert_eq!(read("conf"), Command::Conf { with_defaults: false });
        assert_eq!(read("memdump"), Command::Memdump { samples: 10 });
    }

    #[test]
    fn arguments_that_are_not_known_are_treated_as_by_celery() {
        let arguments = r#"{"more": 1}"#;
        for method in ["ping", "stats", "shutdown", "clock", "active"] {
            assert!(Command::decode(method, arguments).is_ok(), "{method}");
        }
        for method in ["enable_events", "disable_events", "heartbeat", "report", "active_queues", "objgraph"]
        {
            let error = Command::decode(method, arguments).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{method}: `arguments` must be those of the command and no others")
            );
        }
        assert!(Command::decode("pool_grow", r#"{"n": "2"}"#).is_err());
        assert!(Command::decode("ping", "[]").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_arguments_never_panic(
            which in 0..all().len(), json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#,
        ) {
            let request = ControlRequest::decode_body(all()[which].1).unwrap();
            let _ = Command::decode(&request.method, &json);
            let fields: crate::json::Fields<'_> = serde_json::from_str(request.arguments.get()).unwrap();
            if let Some((key, _)) = fields.iter().next() {
                let _ = Command::decode(&request.method, &format!(r#"{{"{key}": {json}}}"#));
            }
        }

        #[test]
        fn what_is_encoded_decodes(method in "x.*", text: String, ids: Vec<String>, terminate: bool, n: u32) {
            let commands = [
                Command::Custom { method, arguments: RawJson::new("{}").unwrap() },
                Command::Revoke(Revoke { terminate, ..Revoke::new(OneOrMany::Many(ids.clone())) }),
                Command::QueryTask { ids: OneOrMany::Many(ids) },
                Command::CancelConsumer { queue: text },
                Command::PoolShrink { n },
            ];
            for command in commands {
                prop_assert_eq!(Command::decode(command.method(), &command.arguments()).unwrap(), command);
            }
        }
    }
}
