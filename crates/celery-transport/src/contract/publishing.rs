//! What is sent and where it goes.

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::support::{acks, fetch, message, names, nothing_comes, publication, publish, queue, sorted};
use crate::{Publication, Queue, Transport};

/// Headers, properties and body arrive as they were sent.
pub async fn a_message_arrives_as_it_was_sent(transport: &dyn Transport) {
    let queue = queue();
    let (mut consumer, _acknowledger) = transport.consume(std::slice::from_ref(&queue)).await.unwrap();
    let mut sent = publication(&queue, "a");
    sent.message.body = Bytes::from_static(&[0, 255, 10]);
    sent.message.content_type = "application/x-python-serialize".to_owned();
    sent.message.content_encoding = "binary".to_owned();
    sent.message.properties.reply_to = Some("r".to_owned());
    sent.message.properties.rest.insert("message_id".to_owned(), Value::from("m"));
    transport.publisher().await.unwrap().publish_all(std::slice::from_ref(&sent)).await.unwrap();
    let came = fetch(&mut *consumer, 1).await.remove(0).message.unwrap();
    let sent = sent.message;
    let headers = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(headers(came.headers.get()), headers(sent.headers.get()));
    assert_eq!((came.body, came.content_type), (sent.body, sent.content_type));
    assert_eq!(came.content_encoding, sent.content_encoding);
    let (came, sent) = (came.properties, sent.properties);
    assert_eq!((came.correlation_id, came.reply_to), (sent.correlation_id, sent.reply_to));
    assert_eq!(
        (came.priority, came.delivery_mode, came.rest),
        (sent.priority, sent.delivery_mode, sent.rest)
    );
    assert_eq!((&*came.delivery_info.exchange, &*came.delivery_info.routing_key), ("", &*queue.name));
}

/// Bindings decide where a message goes: by its key, or by a pattern. What no queue wants is dropped, not refused.
pub async fn bindings_route(transport: &dyn Transport) {
    let name = Uuid::new_v4();
    let (direct, topic) = (format!("direct-{name}"), format!("topic-{name}"));
    let one = Queue::named(format!("one-{name}")).bound_to(&*direct, "direct", "red");
    let two = Queue::named(format!("two-{name}")).bound_to(&*topic, "topic", "video.#");
    let (mut consumer, acknowledger) = transport.consume(&[one, two]).await.unwrap();
    let to = |exchange: &str, kind: &str, key: &str| {
        Publication::new(exchange, key, message(&format!("{kind} {key}"))).of_type(kind)
    };
    let batch = [
        to(&direct, "direct", "red"),
        to(&direct, "direct", "blue"),
        to(&topic, "topic", "video.cut.short"),
        to(&topic, "topic", "audio"),
    ];
    transport.publisher().await.unwrap().publish_all(&batch).await.unwrap();
    let came = fetch(&mut *consumer, 2).await;
    assert_eq!(sorted(&came), ["direct red", "topic video.cut.short"]);
    acknowledger.settle(&acks(&came)).await.unwrap();
    assert!(nothing_comes(&mut *consumer).await);
}

/// To purge a queue says how many messages were in it; none is an answer too.
pub async fn purging_counts(transport: &dyn Transport) {
    let queue = queue();
    let publisher = transport.publisher().await.unwrap();
    assert_eq!(transport.purge(&queue).await.unwrap(), 0);
    publisher.declare(std::slice::from_ref(&queue)).await.unwrap();
    publish(&*publisher, &queue, &["a", "b", "c"]).await;
    assert_eq!(transport.purge(&queue).await.unwrap(), 3);
    assert_eq!(transport.purge(&queue).await.unwrap(), 0);
}

/// A queue that is deleted is gone with what was in it; one that is not there is no error.
pub async fn queues_can_be_deleted(transport: &dyn Transport) {
    let queue = queue();
    let queues = std::slice::from_ref(&queue);
    let publisher = transport.publisher().await.unwrap();
    publisher.declare(queues).await.unwrap();
    publish(&*publisher, &queue, &["a"]).await;
    publisher.delete(queues).await.unwrap();
    publisher.delete(queues).await.unwrap();
    let (mut consumer, _acknowledger) = transport.consume(queues).await.unwrap();
    publish(&*publisher, &queue, &["b"]).await;
    assert_eq!(names(&fetch(&mut *consumer, 1).await), ["b"]);
}
