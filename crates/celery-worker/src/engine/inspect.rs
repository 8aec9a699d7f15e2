//! Remote control: commands that look (`celery/worker/control.py`).

use std::time::UNIX_EPOCH;

use celery_executor::{Kind, LaneLoad};
use celery_protocol::control::Command;
use celery_protocol::control::reply::{
    ClockReply, PoolStats, QueriedTask, ScheduledTask, Stats, TaskInfo, encode_names,
};
use celery_protocol::event::Number;
use celery_protocol::iso8601;
use celery_protocol::json::RawJson;

use super::Engine;
use crate::in_flight::{self, InFlight};

/// How many waiting tasks `scheduled` shows: the first that are due.
pub(crate) const MOST_SCHEDULED: usize = 1000;

impl Engine {
    /// The answer to a command that looks: JSON. `None` for what is not the engine's.
    pub(super) fn inspect(&mut self, command: &Command) -> Option<String> {
        Some(match command {
            Command::Clock => ClockReply { clock: self.lamport.value() }.encode(),
            Command::Active { safe } => TaskInfo::encode_list(&self.active(safe.unwrap_or_default())),
            Command::Reserved => TaskInfo::encode_list(&self.reserved()),
            Command::Scheduled => ScheduledTask::encode_list(&self.scheduled()),
            Command::QueryTask { ids } => QueriedTask::encode_all(&self.query(ids.as_slice())),
            Command::Revoked => self.revoked_ids(),
            Command::ActiveQueues => self.consumed.shown(),
            Command::Stats => self.stats().encode(),
            Command::Registered(registered) => {
                let names = self.config.tasks.iter().map(|task| task.name.as_ref());
                let shown = names.filter(|name| registered.builtins || !name.starts_with("celery."));
                encode_names(&shown.map(str::to_owned).collect::<Vec<_>>())
            }
            _ => return None,
        })
    }

    fn active(&self, safe: bool) -> Vec<TaskInfo> {
        self.executor.running().map(|(_, in_flight)| self.info(in_flight, safe)).collect()
    }

    fn reserved(&self) -> Vec<TaskInfo> {
        let limited = self.rates.waiting().map(|admitted| &admitted.in_flight);
        self.executor.waiting().chain(limited).map(|in_flight| self.info(in_flight, false)).collect()
    }

    fn scheduled(&self) -> Vec<ScheduledTask> {
        let mut waiting: Vec<_> = self.later.iter().collect();
        waiting.sort_by_key(|(due, _)| *due);
        waiting
            .into_iter()
            .take(MOST_SCHEDULED)
            .map(|(due, admitted)| ScheduledTask {
                eta: Some(iso8601(due)),
                priority: 6,
                request: self.info(&admitted.in_flight, false),
                rest: Vec::new(),
            })
            .collect()
    }

    fn query(&self, ids: &[String]) -> Vec<QueriedTask> {
        let active = self.executor.running().map(|(_, in_flight)| ("active", in_flight));
        let reserved = self.executor.waiting().map(|in_flight| ("reserved", in_flight));
        let limited = self.rates.waiting().map(|admitted| ("reserved", &admitted.in_flight));
        let scheduled = self.later.iter().map(|(_, admitted)| ("scheduled", &admitted.in_flight));
        active
            .chain(reserved)
            .chain(limited)
            .chain(scheduled)
            .filter(|(_, in_flight)| ids.contains(&in_flight.headers.id))
            .map(|(state, in_flight)| QueriedTask {
                state: state.to_owned(),
                info: self.info(in_flight, false),
            })
            .collect()
    }

    /// A task as `Request.info` shows it (`celery/worker/request.py`).
    fn info(&self, in_flight: &InFlight, safe: bool) -> TaskInfo {
        let started = in_flight.started.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        TaskInfo {
            hostname: Some(self.config.hostname.clone()),
            time_start: started.map(|at| at.as_secs_f64()),
            acknowledged: in_flight.acked,
            worker_pid: started.map(|_| i64::from(std::process::id())),
            ..in_flight::info(&in_flight.headers, &in_flight.message, safe)
        }
    }

    /// `broker` and `rusage` are the host's to add.
    fn stats(&self) -> Stats {
        let total = self.config.tasks.iter().zip(&self.totals).filter(|(_, count)| **count > 0);
        let uptime = i64::try_from(self.since.elapsed().as_secs()).unwrap_or(i64::MAX);
        Stats {
            total: total.map(|(task, count)| (task.name.to_string(), *count)).collect(),
            pid: Some(i64::from(std::process::id())),
            clock: Some(self.lamport.value().to_string()),
            uptime: Some(Number::Int(uptime)),
            pool: Some(self.pool_stats()),
            prefetch_count: i64::try_from(self.credit.allowed()).ok(),
            ..Stats::default()
        }
    }

    fn pool_stats(&self) -> PoolStats {
        let loads = [Kind::Async, Kind::Sync].map(|kind| self.executor.load(kind));
        let slots: usize = loads.iter().map(|load| load.slots).sum();
        let loops: Vec<_> = self.executor.lanes(Kind::Async).iter().map(lane).collect();
        let threads: Vec<_> = self.executor.lanes(Kind::Sync).iter().map(lane).collect();
        let held = self.executor.waiting().count() + self.rates.waiting().count();
        let own = serde_json::json!({
            "loops": loops,
            "threads": threads,
            "stuck": self.executor.stuck(),
            "waiting": held,
            "scheduled": self.later.len(),
        });
        let rest = own
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), RawJson::new(value.to_string()).ok()?)));
        PoolStats {
            implementation: Some(String::from("celery_oxide:WorkerPools")),
            max_concurrency: Some(slots as u64),
            processes: Some(vec![i64::from(std::process::id())]),
            max_tasks_per_child: RawJson::new("\"N/A\"").ok(),
            put_guarded_by_semaphore: Some(true),
            timeouts: Some([Number::Int(0), Number::Int(0)]),
            writes: None,
            rest: rest.collect(),
        }
    }
}

/// A lane as `stats` shows it: times in seconds.
fn lane(lane: &LaneLoad) -> serde_json::Value {
    let mut shown = serde_json::json!({ "slots": lane.slots, "used": lane.running });
    if let Some(lag) = lane.health.lag {
        shown["lag"] = lag.as_secs_f64().into();
    }
    if let Some(threads) = lane.health.threads {
        shown["alive"] = threads.into();
    }
    shown
}
