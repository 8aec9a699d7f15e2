//! Answering requests.

use std::collections::HashSet;
use std::sync::Arc;

use celery_protocol::control::reply::{Answer, ScheduledTask, Stats};
use celery_protocol::control::{Command, ControlReply, ControlRequest, ReplyTo};
use celery_protocol::json::RawJson;
use celery_protocol::{TaskHeaders, iso8601};
use celery_transport::{Acknowledger, Parked, Publication, Publisher};
use tokio::sync::{mpsc, oneshot};

use crate::engine::{Ask, MOST_SCHEDULED};
use crate::host::Host;
use crate::report::log_command_error;
use crate::{LamportClock, in_flight, python_repr};

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Panel(Arc<Parts>);

struct Parts {
    node: String,
    engine: mpsc::Sender<Ask>,
    publisher: Arc<dyn Publisher>,
    acknowledger: Arc<dyn Acknowledger>,
    host: Option<Arc<dyn Host>>,
    /// What the host answers even though the engine could.
    hosts: HashSet<String>,
    lamport: LamportClock,
}

impl Panel {
    pub(crate) fn new(
        node: String,
        engine: mpsc::Sender<Ask>,
        publisher: Arc<dyn Publisher>,
        acknowledger: Arc<dyn Acknowledger>,
        host: Option<Arc<dyn Host>>,
        lamport: LamportClock,
    ) -> Self {
        let hosts = host.iter().flat_map(|host| host.commands()).collect();
        Self(Arc::new(Parts { node, engine, publisher, acknowledger, host, hosts, lamport }))
    }

    pub(super) fn node(&self) -> &str {
        &self.0.node
    }

    pub(super) fn lamport(&self) -> &LamportClock {
        &self.0.lamport
    }

    /// Tells the engine that commands may have come that were not heard.
    pub(super) async fn missed(&self) {
        // The engine may have ended.
        let _ = self.0.engine.send(Ask::Missed).await;
    }

    /// Takes a request: the engine has it when this returns, the answer follows, to the broker that it came from.
    pub(super) async fn take(&self, request: ControlRequest, broker: usize) {
        tracing::debug!("pidbox received method {}", request.method);
        let asked = match request.command() {
            Ok(command) if !self.0.hosts.contains(&request.method) => {
                let (answer, answered) = oneshot::channel();
                let asked = self.0.engine.send(Ask::Command(command.clone(), answer)).await;
                Ok(asked.ok().map(|()| (command, answered)))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(format!("TypeError({})", python_repr::string(&error.to_string()))),
        };
        let panel = self.clone();
        tokio::spawn(async move {
            let value = match asked {
                Err(error) => raised(error),
                Ok(asked) => panel.value(&request, asked).await,
            };
            panel.reply(request, value, broker).await;
        });
    }

    async fn value(
        &self,
        request: &ControlRequest,
        asked: Option<(Command, oneshot::Receiver<Option<String>>)>,
    ) -> String {
        if let Some((command, answered)) = asked
            && let Ok(Some(value)) = answered.await
        {
            return match command {
                Command::Scheduled => self.with_parked(value).await,
                Command::Stats => self.with_host(value).await,
                Command::Registered(_) | Command::RateLimit(_) | Command::TimeLimit(_) => {
                    self.as_the_host_says(request, value).await
                }
                _ => value,
            };
        }
        match self.ask_host(&request.method, request.arguments.get()).await {
            Some(Ok(value)) => value,
            Some(Err(error)) => raised(error),
            // As a dict that has no such key.
            None => raised(format!("KeyError({})", python_repr::string(&request.method))),
        }
    }

    async fn ask_host(&self, method: &str, arguments: &str) -> Option<Result<String, String>> {
        self.0.host.as_ref()?.command(method, arguments).await
    }

    /// The host has attributes of its tasks to show, or to change with the engine's.
    async fn as_the_host_says(&self, request: &ControlRequest, value: String) -> String {
        if matches!(Answer::decode(&value), Answer::Error(_)) {
            return value;
        }
        match self.ask_host(&request.method, request.arguments.get()).await {
            Some(Ok(value)) => value,
            Some(Err(error)) => raised(error),
            None => value,
        }
    }

    /// What the host adds to `stats`, and what the transport counts. Not as `consumer`: there Flower looks for the broker,
    /// since Celery 3 had it there.
    async fn with_host(&self, value: String) -> String {
        let Ok(mut stats) = Stats::decode(&value) else { return value };
        if let Some(Ok(text)) = self.ask_host("stats", "{}").await
            && let Ok(own) = Stats::decode(&text)
        {
            stats.broker = own.broker;
            stats.rusage = own.rusage;
            stats.rest.extend(own.rest);
        }
        let counted = self.0.acknowledger.statistics();
        let counters = serde_json::json!({
            "fetches": counted.fetches,
            "fetched": counted.fetched,
            "settlements": counted.settlements,
            "settled": counted.settled,
            "parked": counted.parked,
            "reconnects": counted.reconnects,
            "held": counted.held,
            "lease_timeout": counted.lease_timeout.map(|timeout| timeout.as_secs_f64()),
        });
        stats.rest.extend(RawJson::new(counters.to_string()).ok().map(|json| ("transport".to_owned(), json)));
        stats.encode()
    }

    /// What waits in the broker besides what waits here: the first that are due of both.
    async fn with_parked(&self, value: String) -> String {
        let Ok(mut scheduled) = ScheduledTask::decode_list(&value) else { return value };
        match self.0.acknowledger.parked(MOST_SCHEDULED).await {
            Ok(parked) => scheduled.extend(parked.iter().filter_map(|parked| self.parked(parked))),
            Err(error) => tracing::warn!("Cannot look at what is parked: {error}"),
        }
        scheduled.sort_by(|left, right| left.eta.cmp(&right.eta));
        scheduled.truncate(MOST_SCHEDULED);
        ScheduledTask::encode_list(&scheduled)
    }

    fn parked(&self, parked: &Parked) -> Option<ScheduledTask> {
        let headers = TaskHeaders::decode(parked.message.headers.get()).ok()?;
        let mut request = in_flight::info(&headers, &parked.message, false);
        request.hostname = Some(self.0.node.clone());
        Some(ScheduledTask { eta: Some(iso8601(parked.due)), priority: 6, request, rest: Vec::new() })
    }

    async fn reply(&self, request: ControlRequest, value: String, broker: usize) {
        let Some(reply_to) = request.reply_to else { return };
        let reply = ControlReply {
            node: self.0.node.clone(),
            value,
            ticket: request.ticket,
            clock: self.0.lamport.forward(),
        };
        if let Err(error) = self.send(&reply, &reply_to, broker).await {
            tracing::error!("Cannot answer {}: {error}", request.method);
        }
    }

    async fn send(&self, reply: &ControlReply, reply_to: &ReplyTo, broker: usize) -> Result<(), String> {
        let message = reply.to_message(reply_to).map_err(|error| error.to_string())?;
        let publication =
            Publication::new(&*reply_to.exchange, &*reply_to.routing_key, message).to_broker(broker);
        self.0.publisher.publish_all(&[publication]).await.map_err(|error| error.to_string())
    }
}

/// What is answered where upstream's handler raises.
fn raised(error: String) -> String {
    log_command_error(&error);
    Answer::Error(error).encode()
}
