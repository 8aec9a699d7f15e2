//! Groups and chords: what stock Celery finds and leaves.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use celery_results::{
    ConnectOptions, ResultBackend, ResultReader, ResultStore, StoreResult, connect_backend, valkey::Valkey,
};
use celery_valkey::test_server::Server;
use fred::prelude::{Client, ClientLike, EventInterface, KeysInterface, PubsubInterface};
use serde_json::{Value, json};

/// What `set_chord_size('g', 3)` and `GroupResult.save()` of Celery 5.7.0 left for several settings.
const CAPTURED: &str = include_str!("captured/groups.json");

/// Whether the keys are `expected`: `[key, value, seconds to live]` of each, of which some may have passed.
async fn assert_left(client: &Client, expected: &Value) {
    let mut keys: Vec<String> = client.custom(fred::cmd!("KEYS"), vec!["*"]).await.unwrap();
    keys.sort();
    let expected: Vec<(String, String, i64)> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(keys, expected.iter().map(|(key, ..)| key.as_str()).collect::<Vec<_>>());
    for (key, value, seconds) in expected {
        let now: (String, i64) = (client.get(&key).await.unwrap(), client.ttl(&key).await.unwrap());
        assert_eq!(now.0, value, "{key}");
        assert!(now.1 == seconds || (seconds - 5..seconds).contains(&now.1) && seconds > 0, "{key}: {now:?}");
    }
}

/// `result_chord_expires`, or `result_expires` where it is not given.
fn expires(settings: &Value, name: &str) -> Option<Duration> {
    let seconds = |name: &str| settings[name].as_u64();
    let default = if settings["result_expires"].is_null() { Some(86400) } else { seconds("result_expires") };
    let seconds = seconds(name).or(default).unwrap();
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[tokio::test]
async fn groups_and_chords_are_left_as_celery_leaves_them() {
    let server = Server::start().await;
    let client = server.client().await;
    let cases: Value = serde_json::from_str(CAPTURED).unwrap();
    for case in cases.as_array().unwrap() {
        let settings = &case["settings"];
        let options = settings["result_backend_transport_options"].as_object().cloned().unwrap_or_default();
        let backend = Valkey::connect(&server.url(), &ConnectOptions::new(options, "")).await.unwrap();
        for [key, value] in serde_json::from_value::<Vec<[String; 2]>>(case["before"].clone()).unwrap() {
            let () = client.set(key, value, None, None, false).await.unwrap();
        }
        backend.set_chord_size("g", 3, expires(settings, "result_chord_expires")).await.unwrap();
        assert_left(&client, &case["chord"]).await;
        let () = client.custom(fred::cmd!("FLUSHDB"), Vec::<String>::new()).await.unwrap();

        let group = Bytes::from(case["group"][0][1].as_str().unwrap().to_owned());
        let listener = server.client().await;
        let mut messages = listener.message_rx();
        let channel = case["group"][0][0].as_str().unwrap();
        listener.subscribe(channel).await.unwrap();
        let _: fred::types::Value = listener.ping(None).await.unwrap();
        backend.save_group("g", group.clone(), expires(settings, "result_expires")).await.unwrap();
        assert_left(&client, &case["group"]).await;
        let message = messages.recv().await.unwrap();
        assert_eq!((&*message.channel, message.value.into_bytes().unwrap()), (channel, group.clone()));

        assert_eq!(backend.get_group("g").await.unwrap(), Some(group));
        backend.forget_group("g").await.unwrap();
        assert_eq!(backend.get_group("g").await.unwrap(), None);
        assert_left(&client, &json!([])).await;
    }
    assert!(cases.as_array().unwrap().len() >= 5);
}

#[tokio::test]
async fn one_backend_stores_and_reads() {
    let server = Server::start().await;
    let backend = connect_backend(&server.url(), &ConnectOptions::default()).await.unwrap();
    let store: Arc<dyn ResultStore> = Arc::<dyn ResultBackend>::clone(&backend);
    let reader: Arc<dyn ResultReader> = backend;
    let odd = Bytes::from_static(b"\x80\x04\x95 compressed \xff\x00");
    let mut watch = reader.watch("a").await.unwrap();
    store.store(&[StoreResult::new("a", odd.clone(), None)]).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), odd);
    assert_eq!(reader.get(&["a"]).await.unwrap(), [Some(odd)]);
}
