//! Fanout exchanges and answers.

use std::time::Duration;

use celery_protocol::control::{Command, ControlRequest, reply_exchange};
use uuid::Uuid;

use super::support::{PATIENCE, message};
use crate::{Mailbox, Publication, Transport};

/// Who listens hears what is published from then on, if its routing key fits.
pub async fn broadcasts_are_heard_by_pattern(transport: &dyn Transport) {
    let exchange = format!("events-{}", Uuid::new_v4());
    let mut workers = transport.subscribe(&exchange, &["worker.*"]).await.unwrap();
    let mut all = transport.subscribe(&exchange, &["#"]).await.unwrap();
    let to = |key: &str| Publication::new(&*exchange, key, message(key)).of_type("fanout");
    let batch = [to("task.sent"), to("worker.online"), to("worker.heartbeat")];
    transport.publisher().await.unwrap().publish_all(&batch).await.unwrap();
    for (subscription, expected) in [
        (&mut workers, &["worker.online", "worker.heartbeat"][..]),
        (&mut all, &["task.sent", "worker.online"]),
    ] {
        for key in expected {
            let heard = tokio::time::timeout(PATIENCE, subscription.next()).await.unwrap().unwrap();
            assert_eq!(heard.routing_key, *key);
            assert_eq!(heard.message.unwrap().properties.correlation_id.as_deref(), Some(*key));
        }
    }
}

/// A command reaches whoever listens, and the reply whoever asked.
pub async fn a_command_is_answered(transport: &dyn Transport) {
    let namespace = format!("contract-{}", Uuid::new_v4());
    let mut commands = transport.subscribe(&format!("{namespace}.pidbox"), &[]).await.unwrap();
    let publisher = transport.publisher().await.unwrap();
    let mut mailbox = Mailbox::open(transport, &namespace).await.unwrap();
    let answering = async {
        let heard = tokio::time::timeout(PATIENCE, commands.next()).await.unwrap().unwrap();
        let request = ControlRequest::from_message(&heard.message.unwrap()).unwrap();
        let to = request.reply_to.unwrap();
        assert_eq!(to.exchange, reply_exchange(&namespace));
        let mut reply = message("reply");
        reply.body = br#"{"w1@h": {"ok": "pong"}}"#.as_slice().into();
        let ticket = serde_json::json!({ "ticket": request.ticket.unwrap(), "clock": 1 }).to_string();
        reply.headers = serde_json::value::RawValue::from_string(ticket).unwrap();
        publisher.publish_all(&[Publication::new(to.exchange, to.routing_key, reply)]).await.unwrap();
    };
    let request = ControlRequest::new(&Command::Ping).unwrap();
    let (answers, ()) = tokio::join!(mailbox.ask(request, Duration::from_secs(10), Some(1)), answering);
    let answers = answers.unwrap();
    assert_eq!(answers.replies.len(), 1, "{answers:?}");
    mailbox.close().await.unwrap();
}
