//! Every method against bytes that kombu compressed.

use proptest::prelude::*;

use super::*;
use crate::{Error, MAX_MESSAGE_SIZE, Message, TaskHeaders, base64_text};

/// A row of `fixtures/compression/captured.jsonl`.
#[derive(serde::Deserialize)]
struct Row {
    method: String,
    content_type: String,
    plain: String,
    compressed: String,
}

fn built_in() -> impl Iterator<Item = Method> {
    Method::ALL.into_iter().filter(|method| method.is_built_in())
}

#[test]
fn a_captured_compressed_task_decompresses() {
    let message =
        Message::from_envelope(include_bytes!("../../fixtures/envelope/task_compressed.json")).unwrap();
    let headers = TaskHeaders::decode(message.headers.get()).unwrap();
    let compression = headers.compression.unwrap();
    assert_eq!(compression, ZLIB);
    let body = decompress(&compression, &message.body, MAX_MESSAGE_SIZE).unwrap();
    let expected = format!(
        r#"[["{}"], {{}}, {{"callbacks": null, "errbacks": null, "chain": null, "chord": null}}]"#,
        "z".repeat(200)
    );
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn captured_bytes_decompress() {
    let rows = include_str!("../../fixtures/compression/captured.jsonl");
    let mut seen = [0; Method::ALL.len()];
    for line in rows.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        let method = Method::from_name(&row.method).unwrap();
        assert_eq!(method.content_type(), row.content_type);
        seen[Method::ALL.iter().position(|other| *other == method).unwrap()] += 1;
        let plain = base64_text::decode("plain", &row.plain).unwrap();
        let plain = decompress(ZLIB, &plain, MAX_MESSAGE_SIZE).unwrap();
        let compressed = base64_text::decode("compressed", &row.compressed).unwrap();
        let ours = decompress(&row.content_type, &compressed, plain.len());
        if method.is_built_in() {
            assert!(ours.unwrap() == plain, "{line}");
        } else {
            assert!(matches!(ours, Err(Error::UnsupportedCompression { .. })));
        }
    }
    assert!(seen.iter().all(|count| *count >= 6), "{seen:?}");
}

#[test]
fn names_are_those_of_kombu() {
    for method in Method::ALL {
        for name in method.aliases().iter().copied().chain([method.content_type()]) {
            assert_eq!(Method::from_name(name), Some(method));
            assert_eq!(content_type(name).is_ok(), method.is_built_in());
        }
    }
    let said = decompress("rot13", b"", 1).unwrap_err().to_string();
    assert_eq!(said, "compression `rot13` is not supported");
}

#[test]
fn a_missing_feature_is_named() {
    for method in Method::ALL.into_iter().filter(|method| !method.is_built_in()) {
        let said = compress(method.content_type(), b"").unwrap_err().to_string();
        let feature = method.aliases()[0];
        let expected = format!(
            "compression `{}` is not supported: enable the feature `{feature}` of celery-protocol",
            method.content_type()
        );
        assert_eq!(said, expected);
        assert_eq!(decompress(feature, b"", 1).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    for method in built_in() {
        let bomb = compress(method.content_type(), &vec![0; 1 << 20]).unwrap();
        assert!(bomb.len() < 4096, "{method:?}");
        let error = decompress(method.content_type(), &bomb, 1000).unwrap_err();
        assert!(matches!(error, Error::TooLarge { size: 1001, limit: 1000, .. }), "{method:?}");
    }
}

#[test]
fn truncated_and_empty_bytes_are_refused() {
    for method in built_in() {
        let name = method.content_type();
        let whole = compress(name, b"what is compressed is compressed").unwrap();
        for end in 0..whole.len() - 1 {
            let ours = decompress(name, &whole[..end], 100);
            assert!(matches!(ours, Err(Error::Compression { .. })), "{name} {end} {ours:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_compressed_comes_back(data: Vec<u8>, times in 1..40_usize) {
        let data = data.repeat(times);
        for method in built_in() {
            let compressed = compress(method.content_type(), &data).unwrap();
            prop_assert_eq!(&decompress(method.content_type(), &compressed, data.len()).unwrap(), &data);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>) {
        for method in built_in() {
            let _ = decompress(method.content_type(), &data, 1 << 16);
        }
    }

    #[test]
    fn damaged_bytes_never_panic(data: Vec<u8>, at: prop::sample::Index, byte: u8) {
        for method in built_in() {
            let mut compressed = compress(method.content_type(), &data).unwrap();
            let at = at.index(compressed.len());
            compressed[at] = byte;
            let _ = decompress(method.content_type(), &compressed, 1 << 16);
        }
    }
}
