//! Tasks that are not to run.
//!
//! What is revoked is taken at once out of everything in which a task can wait: for its ETA, for its rate limit, for a
//! slot. So a task that is looked at when it is received, as [`Engine::unless_revoked`] does, cannot start after its
//! revocation came.

use celery_executor::JobId;
use celery_protocol::control::{Revoke, RevokeByStampedHeaders, Signal, Stamps};
use tokio::signal::unix::SignalKind;

use super::Engine;
use crate::complete::Item;
use crate::in_flight::{Admitted, InFlight};
use crate::intake::{Reason, Refused};
use crate::python_repr;
use crate::report::log_command_error;
use crate::revocation::{Revocation, revocation, stamp_values};

impl Engine {
    /// Gives a message back that is to run; ends the others.
    pub(super) fn unless_revoked(&mut self, admitted: Admitted) -> Option<Admitted> {
        match revocation(&self.revoked, &admitted.in_flight.headers) {
            None => Some(admitted),
            Some(why) => {
                self.refuse(Refused::admitted(*admitted.in_flight, Reason::Revoked(why)));
                None
            }
        }
    }

    /// `revoke` and `terminate` (`celery/worker/control.py: revoke, _revoke`).
    pub(super) fn revoke(&mut self, revoke: &Revoke) -> Result<String, String> {
        let signal = revoke.terminate.then(|| signal_number(revoke.signal.as_ref())).transpose()?;
        let mut ids: Vec<&str> = Vec::new();
        for id in revoke.task_id.as_slice() {
            if !ids.contains(&id.as_str()) {
                ids.push(id);
            }
        }
        let now = self.clock.now();
        for id in &ids {
            self.revoked.add(id, now);
        }
        let mut known = self.end_waiting();
        self.store_revoked(&ids, &known);
        let Some(signal) = signal else {
            tracing::info!("Tasks flagged as revoked: {}", ids.join(", "));
            return Ok(format!("tasks {} flagged as revoked", python_repr::set(&ids)));
        };
        known.extend(self.terminate(signal, |in_flight| ids.contains(&in_flight.headers.id.as_str())));
        known.retain(|id| ids.contains(&id.as_str()));
        if known.is_empty() {
            return Ok(String::from("terminate: tasks unknown"));
        }
        Ok(format!("terminate: {}", known.join(", ")))
    }

    /// Revoked tasks are REVOKED from now on, wherever their messages are, unless they run or have run.
    fn store_revoked(&self, ids: &[&str], ended: &[String]) {
        let running: Vec<&str> =
            self.executor.running().map(|(_, in_flight)| in_flight.headers.id.as_str()).collect();
        for id in ids {
            if !running.contains(id) && !ended.iter().any(|ended| ended == id) {
                let result = self.reporter.revoked(id, self.clock.now());
                self.complete(Item::Store { job: None, result });
            }
        }
    }

    /// `revoke_by_stamped_headers` (`celery/worker/control.py: revoke_by_stamped_headers`).
    pub(super) fn revoke_stamps(&mut self, revoke: &RevokeByStampedHeaders) -> Result<String, String> {
        let signal = signal_number(revoke.signal.as_ref())?;
        for (header, values) in &revoke.headers {
            for value in values.as_slice() {
                self.revoked.add_stamp(header, value.as_str());
            }
        }
        self.end_waiting();
        let shown = |stamps: &Stamps| match stamps {
            Stamps::One(stamp) => python_repr::stamp(stamp),
            Stamps::Many(stamps) => python_repr::stamps(stamps),
        };
        let headers =
            python_repr::dict(revoke.headers.iter().map(|(name, value)| (name.as_str(), shown(value))));
        if !revoke.terminate {
            return Ok(format!("headers {headers} flagged as revoked, but not terminated"));
        }
        let meant = |in_flight: &InFlight| {
            revoke.headers.iter().any(|(header, revoked)| {
                let values = stamp_values(&in_flight.headers, header);
                revoked.as_slice().iter().any(|stamp| values.iter().any(|value| value == stamp.as_str()))
            })
        };
        if self.terminate(signal, meant).is_empty() {
            return Ok(format!("headers {headers} were not terminated"));
        }
        Ok(format!("headers {headers} revoked"))
    }

    /// Ends what waits and is revoked. Returns the ids.
    pub(super) fn end_waiting(&mut self) -> Vec<String> {
        let revoked = &self.revoked;
        let meant = |in_flight: &InFlight| revocation(revoked, &in_flight.headers).is_some();
        let waiting = self.executor.take_waiting_if(|in_flight| meant(in_flight));
        let limited = self.rates.take_if(|admitted| meant(&admitted.in_flight));
        let later = self.later.take_if(|admitted| meant(&admitted.in_flight));
        let mut ended: Vec<Box<InFlight>> = waiting.into_iter().map(|(_, in_flight)| in_flight).collect();
        ended.extend(limited.into_iter().map(|admitted| admitted.in_flight));
        for in_flight in &ended {
            self.credit.give_back(in_flight.spec.kind);
        }
        ended.extend(later.into_iter().map(|admitted| admitted.in_flight));
        let ids = ended.iter().map(|in_flight| in_flight.headers.id.clone()).collect();
        for in_flight in ended {
            let why = revocation(&self.revoked, &in_flight.headers).unwrap_or(Revocation::Id);
            self.refuse(Refused::admitted(*in_flight, Reason::Revoked(why)));
        }
        ids
    }

    /// Ends what runs and is meant. Returns the ids.
    fn terminate(&mut self, signal: i32, meant: impl Fn(&InFlight) -> bool) -> Vec<String> {
        let jobs: Vec<(JobId, String)> = self
            .executor
            .running()
            .filter(|(_, in_flight)| meant(in_flight))
            .map(|(job, in_flight)| (job, in_flight.headers.id.clone()))
            .collect();
        let mut ended = Vec::new();
        for (job, id) in jobs {
            tracing::info!("Terminating {id} ({signal})");
            if self.executor.terminate(job, signal) {
                ended.push(id);
            }
        }
        ended
    }
}

/// The number of a signal, SIGTERM without one. Nothing is sent to a process: it says how urgent the end is to
/// upstream's tools.
fn signal_number(signal: Option<&Signal>) -> Result<i32, String> {
    let Some(signal) = signal else { return Ok(SignalKind::terminate().as_raw_value()) };
    let name = match signal {
        Signal::Number(number) => return Ok(*number),
        Signal::Name(name) => name,
    };
    let short = signal.short_name().unwrap_or_default();
    Ok(match short.as_str() {
        "TERM" => SignalKind::terminate().as_raw_value(),
        "INT" => SignalKind::interrupt().as_raw_value(),
        "QUIT" => SignalKind::quit().as_raw_value(),
        "HUP" => SignalKind::hangup().as_raw_value(),
        "ALRM" => SignalKind::alarm().as_raw_value(),
        "USR1" => SignalKind::user_defined1().as_raw_value(),
        "USR2" => SignalKind::user_defined2().as_raw_value(),
        "PIPE" => SignalKind::pipe().as_raw_value(),
        "KILL" => 9,
        "ABRT" => 6,
        _ => {
            let error = format!("KeyError({})", python_repr::string(name));
            log_command_error(&error);
            return Err(error);
        }
    })
}
