//! What a transport has that writes no more than it has to.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use celery_transport::{
    Acknowledger, Consumer, Error, Mailbox, Publisher, Queue, Result, Transport, memory::Memory,
};

#[derive(Debug)]
struct Plain(Memory);

#[async_trait]
impl Transport for Plain {
    fn as_uri(&self) -> String {
        "plain://".to_owned()
    }

    async fn consume(&self, queues: &[Queue]) -> Result<(Box<dyn Consumer>, Arc<dyn Acknowledger>)> {
        self.0.consume(queues).await
    }

    async fn publisher(&self) -> Result<Arc<dyn Publisher>> {
        self.0.publisher().await
    }
}

async fn until_nothing_is_bound(memory: &Memory) {
    let end = Instant::now() + Duration::from_secs(20);
    while !memory.bindings().await.unwrap().is_empty() {
        assert!(Instant::now() < end, "{:?}", memory.bindings().await.unwrap());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn the_queues_of_listeners_and_askers_end_with_them() {
    let memory = Memory::new();
    let plain = Plain(memory.clone());
    let listener = plain.subscribe("celeryev", &["#"]).await.unwrap();
    let mailbox = Mailbox::open(&plain, "celery").await.unwrap();
    assert_eq!(memory.bindings().await.unwrap().len(), 2);
    drop(listener);
    drop(mailbox);
    until_nothing_is_bound(&memory).await;
    let mailbox = Mailbox::open(&plain, "celery").await.unwrap();
    mailbox.close().await.unwrap();
    until_nothing_is_bound(&memory).await;
}

#[tokio::test]
async fn bindings_that_are_not_told_are_refused() {
    let error = Plain(Memory::new()).bindings().await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(error.to_string(), "plain:// refused: it does not tell its bindings");
}
