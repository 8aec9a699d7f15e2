//! Messages that are delivered no more.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{json, value::RawValue};

use super::{
    deliveries::DELIVERY_COUNT,
    edit::{Edits, parse},
};
use crate::Error;

/// Why a message goes to a dead-letter queue, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Death<'a> {
    /// As RabbitMQ says it: `delivery_limit`.
    pub reason: &'a str,
    /// The queue that it was in.
    pub queue: &'a str,
    /// How often it was delivered from there.
    pub deliveries: u32,
    /// When.
    pub time: SystemTime,
}

/// The array of all deaths of a message, the last one first.
const DEATHS: &str = "x-death";

/// Says in the headers of an envelope that it is dead: `x-death`, `x-first-death-reason` and the others of RabbitMQ. The
/// count of its deliveries begins anew. Every other byte stays.
///
/// Times are seconds since the epoch. `deliveries` in `x-death` is ours.
///
/// Source: RabbitMQ, "Dead Letter Exchanges", section "Dead-Lettered Message Headers".
///
/// Memory: at most 48 bytes allocated for each byte read.
///
/// # Errors
///
/// [`Error::Utf8`] and [`Error::Json`] when `raw` is no envelope.
pub fn dead_letter(raw: &[u8], death: &Death<'_>) -> Result<Vec<u8>, Error> {
    let mut edits = Edits::of(raw)?;
    let Some(headers) = edits.headers() else { return Ok(edits.apply()) };
    let there = parse(headers)?;
    let route = match edits.delivery_info()? {
        Some(info) => {
            let info = parse(info)?;
            let text = |name| info.get(name).and_then(|value| serde_json::from_str::<String>(value).ok());
            (text("exchange").unwrap_or_default(), text("routing_key").unwrap_or_default())
        }
        None => Default::default(),
    };
    let earlier: Vec<&RawValue> =
        there.get(DEATHS).and_then(|deaths| serde_json::from_str(deaths).ok()).unwrap_or_default();
    let deaths = with(&earlier, death, &route);
    let [reason, queue, exchange] = [death.reason, death.queue, &route.0].map(|text| json!(text).to_string());
    let mut fields = vec![
        (DEATHS, deaths.as_str()),
        ("x-last-death-reason", &reason),
        ("x-last-death-queue", &queue),
        ("x-last-death-exchange", &exchange),
    ];
    if there.get_some("x-first-death-queue").is_none() {
        fields.extend([
            ("x-first-death-reason", reason.as_str()),
            ("x-first-death-queue", &queue),
            ("x-first-death-exchange", &exchange),
        ]);
    }
    if there.get(DELIVERY_COUNT).is_some() {
        fields.push((DELIVERY_COUNT, "0"));
    }
    edits.set(headers, &fields)?;
    Ok(edits.apply())
}

/// The array with one death more. Deaths of one queue and reason are one entry with a count; others stay as they are.
fn with(earlier: &[&RawValue], death: &Death<'_>, route: &(String, String)) -> String {
    let mut before = 0_u64;
    let mut others = String::new();
    for entry in earlier {
        let fields = parse(entry.get()).ok();
        let field = |name| fields.as_ref().and_then(|fields| fields.get(name));
        let is = |name, wanted: &str| {
            field(name).and_then(|text| serde_json::from_str::<String>(text).ok()).as_deref() == Some(wanted)
        };
        if is("queue", death.queue) && is("reason", death.reason) {
            before = field("count").and_then(|count| count.parse().ok()).unwrap_or_default();
        } else {
            others.extend([", ", entry.get()]);
        }
    }
    let time = death.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let entry = json!({
        "count": before.saturating_add(1),
        "reason": death.reason,
        "queue": death.queue,
        "time": time,
        "exchange": route.0,
        "routing-keys": [route.1],
        "deliveries": death.deliveries,
    });
    format!("[{entry}{others}]")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{Message, message::deliveries};

    fn death(queue: &str) -> Death<'_> {
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Death { reason: "delivery_limit", queue, deliveries: 20, time }
    }

    fn headers(raw: &[u8]) -> Value {
        serde_json::from_str(Message::from_envelope(raw).unwrap().headers.get()).unwrap()
    }

    #[test]
    fn says_why_and_from_where_and_keeps_the_rest() {
        let before =
            super::super::mark_deliveries(include_bytes!("../../fixtures/envelope/before_restore.json"), 19)
                .unwrap();
        let dead = dead_letter(&before, &death("celery")).unwrap();
        let said = headers(&dead);
        let first = json!([{
            "count": 1, "reason": "delivery_limit", "queue": "celery", "time": 1_700_000_000, "exchange": "",
            "routing-keys": ["plain"], "deliveries": 20,
        }]);
        assert_eq!(said["x-death"], first);
        for name in ["x-first-death-reason", "x-last-death-reason"] {
            assert_eq!(said[name], "delivery_limit");
        }
        assert_eq!(said["x-first-death-queue"], "celery");
        assert_eq!(deliveries(&dead), 0);
        let (was, is) = (Message::from_envelope(&before).unwrap(), Message::from_envelope(&dead).unwrap());
        assert_eq!((was.body, was.properties), (is.body, is.properties));

        // Sent again, and dead again; then in another queue.
        let again = dead_letter(&dead, &death("celery")).unwrap();
        assert_eq!(headers(&again)["x-death"][0]["count"], 2);
        let other = headers(&dead_letter(&again, &death("celery.dead")).unwrap());
        assert_eq!(other["x-death"][0]["queue"], "celery.dead");
        assert_eq!(other["x-death"][1]["count"], 2);
        assert_eq!(
            (&other["x-first-death-queue"], &other["x-last-death-queue"]),
            (&json!("celery"), &json!("celery.dead"))
        );
    }

    #[test]
    fn without_headers_there_is_nothing_to_say_it_in() {
        assert_eq!(dead_letter(br#"{"headers": null}"#, &death("q")).unwrap(), br#"{"headers": null}"#);
        assert!(dead_letter(b"[]", &death("q")).is_err());
        let odd = dead_letter(br#"{"headers": {"x-death": 1}}"#, &death("q")).unwrap();
        assert!(String::from_utf8(odd).unwrap().contains(r#""x-death": [{"#));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(raw: Vec<u8>) {
            let _ = dead_letter(&raw, &death("q"));
        }
    }
}
