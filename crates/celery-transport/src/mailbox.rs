//! Control commands with replies, over any transport.
//!
//! Source: `kombu/pidbox.py: Mailbox._broadcast`, `Mailbox._collect`.
//!
//! kombu collects until nobody has answered for the whole timeout, so that a command takes a second longer than its last
//! reply. Here a broker that says how many heard the request spares that: once so many have answered, only those are
//! waited for, for [`GRACE`], whom it did not count. If there is one, the count means nothing and the whole timeout holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use celery_protocol::{
    Message,
    control::{ControlReply, ControlRequest, ReplyTo, pidbox_exchange, reply_exchange, reply_queue},
};
use uuid::Uuid;

use crate::{Asker, Error, Publication, Queue, Result, Transport, Undecodable};

/// After how long without it the broker may forget the queue of replies (`control_queue_expires`).
const EXPIRES: Duration = Duration::from_secs(10);
/// How long those are waited for whom the broker did not count.
const GRACE: Duration = Duration::from_millis(100);

/// Asks workers, and collects what they answer. One task owns it; it may ask again and again.
///
/// Costs: two connections, opened at the same time; one round trip to declare its queue, one to ask, two for each burst of
/// replies, one to close.
pub struct Mailbox {
    asker: Box<dyn Asker>,
    namespace: String,
    oid: String,
    url: String,
}

/// What came of a request.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Answers {
    /// The replies, in the order in which they came. Two with one name are of two workers that were given it.
    pub replies: Vec<ControlReply>,
    /// Replies that could not be read. Who sent them is not known.
    pub unreadable: Vec<celery_protocol::Error>,
    /// How many listened when the request was sent, where the broker said so.
    pub heard: Option<u64>,
}

impl Mailbox {
    /// Declares a queue for replies. `namespace` is `celery`, unless the setting `control_exchange` names another
    /// ([`CONTROL_NAMESPACE`](celery_protocol::control::CONTROL_NAMESPACE)).
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] at once when the broker is not there, and [`Error::Refused`].
    pub async fn open(transport: &dyn Transport, namespace: &str) -> Result<Self> {
        let oid = Uuid::new_v4().to_string();
        let queue = Queue::named(reply_queue(&oid, namespace))
            .bound_to(reply_exchange(namespace), "direct", &*oid)
            .expiring(EXPIRES);
        let asker = transport.asker(&queue).await?;
        Ok(Self { asker, namespace: namespace.to_owned(), oid, url: transport.as_uri() })
    }

    /// Sends `request`, to whomever it names, and collects replies until nobody has answered for `timeout`, there are
    /// `limit`, or everybody who heard it has answered. Without a `limit`, it is the number of nodes that the request
    /// names, as in kombu.
    ///
    /// The request is given a ticket, an address for replies and the moment at which nobody waits any more.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when the connection breaks, which may be after some have answered, and [`Error::Refused`].
    pub async fn ask(
        &mut self,
        mut request: ControlRequest,
        timeout: Duration,
        limit: Option<usize>,
    ) -> Result<Answers> {
        let ticket = Uuid::new_v4().to_string();
        let named = request.destination.as_ref().map(Vec::len).filter(|named| *named > 0);
        let limit = limit.or(named).unwrap_or(usize::MAX);
        request.ticket = Some(ticket.clone());
        request.reply_to =
            Some(ReplyTo { exchange: reply_exchange(&self.namespace), routing_key: self.oid.clone() });
        let end = SystemTime::now().checked_add(timeout).and_then(|end| end.duration_since(UNIX_EPOCH).ok());
        request.expires = end.map(|end| end.as_secs_f64());

        let mut answers =
            Answers { heard: self.asker.ask(&self.publication(&request)?).await?, ..Answers::default() };
        let mut seen = 0;
        while seen < limit {
            // Those whom the broker counted have all answered, or more than it counted have.
            let complete = answers.heard.is_some_and(|heard| heard == seen as u64);
            let wait = if complete { GRACE.min(timeout) } else { timeout };
            let replies = self.asker.replies(wait).await?;
            if replies.is_empty() {
                break;
            }
            for reply in replies {
                if seen == limit {
                    break;
                }
                match read(reply) {
                    // Whoever answers an earlier request comes too late.
                    Ok(reply) if reply.ticket.as_ref().is_some_and(|of| *of != ticket) => continue,
                    Ok(reply) => answers.replies.push(reply),
                    Err(error) => answers.unreadable.push(error),
                }
                seen += 1;
            }
        }
        Ok(answers)
    }

    /// Removes the queue. A mailbox that is dropped does so too, as long as the runtime lives.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] and [`Error::Refused`].
    pub async fn close(self) -> Result<()> {
        self.asker.close().await
    }

    fn publication(&self, request: &ControlRequest) -> Result<Publication> {
        let message = request
            .to_message(&self.namespace)
            .map_err(|error| Error::Refused { url: self.url.clone(), reason: error.to_string() })?;
        Ok(Publication::new(pidbox_exchange(&self.namespace), "", message).of_type("fanout"))
    }
}

fn read(reply: Result<Message, Undecodable>) -> Result<ControlReply, celery_protocol::Error> {
    ControlReply::from_message(&reply.map_err(|undecodable| undecodable.error)?)
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("url", &self.url).field("oid", &self.oid).finish_non_exhaustive()
    }
}
