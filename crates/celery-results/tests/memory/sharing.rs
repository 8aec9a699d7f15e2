//! Who shares results, and how long they are kept.

use std::time::Duration;

use bytes::Bytes;
use celery_protocol::result::{ChordExpiry, ChordProgress};
use celery_results::{
    ChordPart, ChordStore, ConnectOptions, Error, ResultReader, ResultStore, StoreResult, connect_backend,
    memory::Memory,
};

const META: Bytes = Bytes::from_static(br#"{"status": "SUCCESS", "result": 1}"#);

#[tokio::test]
async fn one_name_is_one_backend() {
    let options = ConnectOptions::default();
    let one = connect_backend("memory://sharing", &options).await.unwrap();
    let same = connect_backend("memory://sharing/", &options).await.unwrap();
    let other = connect_backend("memory://another", &options).await.unwrap();
    assert_eq!(one.as_uri(), "memory://sharing");
    let mut watch = same.watch("a").await.unwrap();
    one.store(&[StoreResult::new("a", META, None)]).await.unwrap();
    drop(one);
    assert_eq!(watch.next().await.unwrap(), META);
    assert_eq!(other.get(&["a"]).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_url_with_more_than_a_name_is_refused() {
    for url in ["memory://me:secret@here", "memory://a/b"] {
        let error = connect_backend(url, &ConnectOptions::default()).await.unwrap_err();
        assert!(matches!(&error, Error::Url { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_expires_is_gone() {
    let backend = Memory::new();
    let hour = Some(Duration::from_secs(3600));
    backend.store(&[StoreResult::new("a", META, hour), StoreResult::new("b", META, None)]).await.unwrap();
    backend.save_group("g", META, hour).await.unwrap();
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(backend.get(&["a", "b"]).await.unwrap(), [None, Some(META)]);
    assert_eq!(backend.get_group("g").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_runs_out_is_taken_by_another() {
    let backend = Memory::new();
    let part = |token: &str| {
        ChordPart::new("c", "part", META, Some(0), token).kept(ChordExpiry::new(3600, None), 10)
    };
    backend.set_chord_size("c", 1, Some(Duration::from_secs(60))).await.unwrap();
    let count = async |token: &str| backend.count_parts(&[part(token)]).await.pop().unwrap().unwrap();
    assert_eq!(count("a").await, ChordProgress::Complete { total: 1 });
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(count("b").await, ChordProgress::Claimed { total: 1 });
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(count("b").await, ChordProgress::Complete { total: 1 });
    assert!(!backend.keep_claim("c", "a", 10).await.unwrap());
    // A part that came has kept the chord for longer than its sender did.
    tokio::time::advance(Duration::from_secs(100)).await;
    assert!(backend.keep_claim("c", "a", 10).await.unwrap());
    assert!(backend.end_chord("c", "a", 300).await.unwrap());
    assert_eq!(count("a").await, ChordProgress::Done);
    tokio::time::advance(Duration::from_secs(300)).await;
    assert_eq!(count("a").await, ChordProgress::Unsized);
}
