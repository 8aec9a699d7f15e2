//! Remote control: commands that change something (`celery/worker/control.py`). Those that look are in `inspect.rs`.

use celery_executor::{Kind, Limits};
use celery_protocol::control::reply::{Answer, HelloReply, encode_names};
use celery_protocol::control::{
    AddConsumer, Command, Hello, RateLimit, RateLimitValue, Revoke, RevokedIds, TimeLimit,
};
use celery_protocol::event::Number;
use celery_scheduler::RateLimit as Rate;

use super::Engine;
use crate::report::log_command_error;

/// What a command came to: the text of `{"ok": …}` or of `{"error": …}`.
type Done = Result<String, String>;

impl Engine {
    /// Carries a command out and gives the answer: JSON. `None` for what is not the engine's.
    pub(super) fn command(&mut self, command: &Command) -> Option<String> {
        let done = match command {
            Command::Revoke(revoke) => self.revoke(revoke),
            Command::Terminate(terminate) => self.revoke(&Revoke {
                task_id: terminate.task_id.clone(),
                terminate: true,
                signal: terminate.signal.clone(),
            }),
            Command::RevokeByStampedHeaders(revoke) => self.revoke_stamps(revoke),
            Command::RateLimit(limit) => self.rate_limit(limit),
            Command::TimeLimit(limit) => self.time_limit(limit),
            Command::EnableEvents => self.enable_events(),
            Command::DisableEvents => self.disable_events(),
            Command::PoolGrow { n } => {
                self.resize(isize::try_from(*n).unwrap_or(isize::MAX), "pool will grow")
            }
            Command::PoolShrink { n } => {
                self.resize(-isize::try_from(*n).unwrap_or(isize::MAX), "pool will shrink")
            }
            Command::AddConsumer(wanted) => self.add_consumer(wanted),
            Command::CancelConsumer { queue } => self.cancel_consumer(queue),
            Command::Ping => return Some(Answer::pong().encode()),
            Command::Hello(hello) => return Some(self.hello(hello)),
            Command::Heartbeat => {
                self.heartbeat.asked();
                return Some(String::from("null"));
            }
            // Nobody is elected here: an election is for the workers that take part.
            Command::Election(_) => return Some(String::from("null")),
            Command::Autoscale(_) => {
                let error = String::from("ValueError('Autoscale not enabled')");
                log_command_error(&error);
                Err(error)
            }
            Command::Shutdown => {
                tracing::warn!("Got shutdown from remote");
                self.shutdown.warm();
                return Some(String::from("null"));
            }
            _ => return self.inspect(command),
        };
        Some(match done {
            Ok(text) => Answer::Ok(text).encode(),
            Err(text) => Answer::Error(text).encode(),
        })
    }

    fn rate_limit(&mut self, limit: &RateLimit) -> Done {
        let text = match &limit.rate_limit {
            None => String::from("0"),
            Some(RateLimitValue::PerSecond(number)) => number.as_f64().to_string(),
            Some(RateLimitValue::Text(text)) if text.is_empty() => String::from("0"),
            Some(RateLimitValue::Text(text)) => text.clone(),
        };
        let rate = Rate::parse(&text).map_err(|error| format!("Invalid rate limit string: {error}"))?;
        let name = &limit.task_name;
        let task = self.intake.number(name).ok_or_else(|| {
            tracing::error!("Rate limit attempt for unknown task {name}");
            String::from("unknown task")
        })?;
        for admitted in self.rates.set(task, rate, self.clock.now()) {
            self.execute(admitted);
        }
        self.executor.flush();
        Ok(match rate {
            None => {
                tracing::info!("Rate limits disabled for tasks of type {name}");
                String::from("rate limit disabled successfully")
            }
            Some(_) => {
                tracing::info!("New rate limit for tasks of type {name}: {text}.");
                String::from("new rate limit set successfully")
            }
        })
    }

    fn time_limit(&mut self, limit: &TimeLimit) -> Done {
        let seconds = |limit: Option<Number>| {
            let seconds = limit?.as_f64();
            (seconds > 0.0).then(|| std::time::Duration::try_from_secs_f64(seconds).ok()).flatten()
        };
        let limits = Limits { soft: seconds(limit.soft), hard: seconds(limit.hard) };
        let name = &limit.task_name;
        if !self.intake.limit(name, limits) {
            tracing::error!("Change time limit attempt for unknown task {name}");
            return Err(String::from("unknown task"));
        }
        let shown = |limit: Option<Number>| {
            limit.map_or_else(|| "None".to_owned(), |limit| limit.as_f64().to_string())
        };
        tracing::info!(
            "New time limits for tasks of type {name}: soft={} hard={}",
            shown(limit.soft),
            shown(limit.hard)
        );
        Ok(String::from("time limits set successfully"))
    }

    fn enable_events(&self) -> Done {
        if !self.events.is_enabled() {
            return Err(String::from("event dispatcher unavailable"));
        }
        if !self.events.send_tasks(true) {
            return Ok(String::from("task events already enabled"));
        }
        tracing::info!("Events of group {{task}} enabled by remote.");
        Ok(String::from("task events enabled"))
    }

    fn disable_events(&self) -> Done {
        if !self.events.is_enabled() {
            return Err(String::from("event dispatcher unavailable"));
        }
        if !self.events.send_tasks(false) {
            return Ok(String::from("task events already disabled"));
        }
        tracing::info!("Events of group {{task}} disabled by remote.");
        Ok(String::from("task events disabled"))
    }

    /// Both pools: who grows a worker does not care which kind its tasks are.
    fn resize(&mut self, by: isize, done: &str) -> Done {
        for kind in [Kind::Async, Kind::Sync] {
            self.executor.resize(kind, by);
        }
        let slots = [Kind::Async, Kind::Sync].map(|kind| self.executor.load(kind).slots);
        self.credit.resize(slots);
        Ok(done.to_owned())
    }

    fn add_consumer(&mut self, wanted: &AddConsumer) -> Done {
        if self.consumed.add(wanted) {
            self.fetcher.consume_from(self.consumed.queues().to_vec());
            tracing::info!("Started consuming from {}", wanted.queue);
        }
        Ok(format!("add consumer {}", wanted.queue))
    }

    fn cancel_consumer(&mut self, queue: &str) -> Done {
        if self.consumed.cancel(queue) {
            self.fetcher.consume_from(self.consumed.queues().to_vec());
            tracing::info!("Canceled queue {queue}");
        }
        Ok(format!("no longer consuming from {queue}"))
    }

    fn hello(&mut self, hello: &Hello) -> String {
        if hello.from_node == self.config.hostname {
            return String::from("null");
        }
        tracing::info!("sync with {}", hello.from_node);
        self.learn_revoked(hello.revoked.iter().flat_map(RevokedIds::ids));
        let revoked = Some(RevokedIds::List(self.revoked.ids()));
        HelloReply { revoked, clock: self.lamport.forward(), rest: Vec::new() }.encode()
    }

    /// Remembers ids that other workers know to be revoked.
    pub(super) fn learn_revoked<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        let now = self.clock.now();
        for id in ids {
            self.revoked.add(id, now);
        }
        self.revoked.purge(now);
        self.end_waiting();
    }

    /// What `revoked` answers.
    pub(super) fn revoked_ids(&mut self) -> String {
        self.revoked.purge(self.clock.now());
        encode_names(&self.revoked.ids())
    }
}
