//! How often a message was delivered before.

use super::{
    edit::{Edits, parse},
    redelivered,
};
use crate::Error;

/// The header that says how often a message was delivered before and not acknowledged.
///
/// Source: RabbitMQ's quorum queues; celery-asyncio 6.0.0a6, `kombu/transport/valkey_redis.py:
/// Channel._deliver_to_consumer`.
pub const DELIVERY_COUNT: &str = "x-delivery-count";

/// What [`DELIVERY_COUNT`] says in the headers of an envelope; 0 where nothing that can be read does.
///
/// Memory: at most 48 bytes allocated for each byte read.
pub fn deliveries(raw: &[u8]) -> u32 {
    let count = || {
        let count = parse(Edits::of(raw).ok()?.headers()?).ok()?.get(DELIVERY_COUNT)?.parse::<u64>().ok()?;
        Some(u32::try_from(count).unwrap_or(u32::MAX))
    };
    count().unwrap_or_default()
}

/// Marks an envelope as redelivered, as [`mark_redelivered`](super::mark_redelivered) does, and sets [`DELIVERY_COUNT`].
/// Every other byte stays. Stock workers keep both when they put the message back.
///
/// Memory: at most 48 bytes allocated for each byte read.
///
/// # Errors
///
/// [`Error::Utf8`] and [`Error::Json`] when `raw` is no envelope.
pub fn mark_deliveries(raw: &[u8], count: u32) -> Result<Vec<u8>, Error> {
    let mut edits = Edits::of(raw)?;
    redelivered::set(&mut edits, &[(DELIVERY_COUNT, &count.to_string())])?;
    Ok(edits.apply())
}

/// Begins to count anew: what a message says of its deliveries is not true of one that is made from it, as a retry copies
/// the headers of its task. Every other byte stays.
///
/// Memory: at most 48 bytes allocated for each byte read.
///
/// # Errors
///
/// [`Error::Utf8`] and [`Error::Json`] when `raw` is no envelope.
pub fn forget_deliveries(raw: &[u8]) -> Result<Vec<u8>, Error> {
    let mut edits = Edits::of(raw)?;
    if let Some(headers) = edits.headers()
        && parse(headers)?.get(DELIVERY_COUNT).is_some()
    {
        edits.set(headers, &[(DELIVERY_COUNT, "0")])?;
    }
    Ok(edits.apply())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_beside_kombus_marks() {
        let before = include_bytes!("../../fixtures/envelope/before_restore.json");
        assert_eq!(deliveries(before), 0);
        let once = mark_deliveries(before, 1).unwrap();
        let marked = include_str!("../../fixtures/envelope/restored.json");
        let counted =
            marked.replacen(r#""redelivered": true"#, r#""redelivered": true, "x-delivery-count": 1"#, 1);
        assert_eq!(String::from_utf8(once.clone()).unwrap(), counted);
        assert_eq!(deliveries(&once), 1);
        let again = mark_deliveries(&once, 12).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), counted.replace("count\": 1", "count\": 12"));
        let forgotten = forget_deliveries(&once).unwrap();
        assert_eq!(String::from_utf8(forgotten).unwrap(), counted.replace("count\": 1", "count\": 0"));
        assert_eq!(forget_deliveries(before).unwrap(), before);
    }

    #[test]
    fn what_cannot_be_read_is_no_count() {
        for raw in [
            "",
            "[]",
            r#"{"headers": null}"#,
            r#"{"headers": {"x-delivery-count": "3"}}"#,
            r#"{"headers": {"x-delivery-count": -3}}"#,
        ] {
            assert_eq!(deliveries(raw.as_bytes()), 0, "{raw}");
        }
        assert_eq!(deliveries(br#"{"headers": {"x-delivery-count": 99999999999}}"#), u32::MAX);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>) {
            let _ = deliveries(&raw);
            let _ = mark_deliveries(&raw, 3);
            let _ = forget_deliveries(&raw);
        }
    }
}
