//! Reads the headers.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde::{Deserialize, Deserializer, de};

use super::TaskHeaders;
use crate::{
    Error,
    json::{Key, LossyString, RawJson},
};

const OBJECT: &str = "task headers";

impl TaskHeaders {
    /// Reads the headers' JSON text: [`Message::headers`](crate::Message::headers).
    ///
    /// All but `task` and `id` may be absent or null. Without `task` a message is of protocol 1
    /// (`celery/worker/consumer/consumer.py: create_task_handler`): see [`V1Task`](crate::V1Task).
    ///
    /// Memory: at most 48 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// [`Error::MissingField`] for `task` and `id`, [`Error::Json`] for a header of the wrong type.
    pub fn decode(text: &str) -> Result<Self, Error> {
        let partial: Partial = serde_json::from_str(text).map_err(Error::json(OBJECT))?;
        let task = partial.task.ok_or(Error::MissingField { object: OBJECT, field: "task" })?;
        let id = partial.id.ok_or(Error::MissingField { object: OBJECT, field: "id" })?;
        Ok(Self { task, id, ..partial.headers })
    }
}

/// Headers of which the two that are needed may be missing.
#[derive(Default)]
struct Partial {
    task: Option<String>,
    id: Option<String>,
    headers: TaskHeaders,
}

impl<'de> Deserialize<'de> for Partial {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> de::Visitor<'de> for HeadersVisitor {
    type Value = Partial;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of task headers")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Partial, A::Error> {
        let mut partial = Partial::default();
        let headers = &mut partial.headers;
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "lang" => headers.lang = map.next_value()?,
                "task" => partial.task = map.next_value()?,
                "id" => partial.id = map.next_value()?,
                "shadow" => headers.shadow = lossy(&mut map)?,
                "eta" => headers.eta = map.next_value()?,
                "expires" => headers.expires = map.next_value()?,
                "group" => headers.group = map.next_value()?,
                "group_index" => headers.group_index = map.next_value()?,
                "retries" => headers.retries = or_default(&mut map)?,
                "timelimit" => headers.timelimit = or_default(&mut map)?,
                "root_id" => headers.root_id = map.next_value()?,
                "parent_id" => headers.parent_id = map.next_value()?,
                "argsrepr" => headers.argsrepr = lossy(&mut map)?,
                "kwargsrepr" => headers.kwargsrepr = lossy(&mut map)?,
                "origin" => headers.origin = map.next_value()?,
                "ignore_result" => headers.ignore_result = map.next_value()?,
                "replaced_task_nesting" => headers.replaced_task_nesting = or_default(&mut map)?,
                "stamped_headers" => headers.stamped_headers = map.next_value()?,
                "stamps" => headers.stamps = or_default::<_, Entries>(&mut map)?.0,
                "compression" => headers.compression = map.next_value()?,
                "redelivered" => headers.redelivered = or_default(&mut map)?,
                _ => headers.rest.push((key.into_owned(), map.next_value()?)),
            }
        }
        headers.rest = last_wins(std::mem::take(&mut headers.rest));
        Ok(partial)
    }
}

/// The next value; null is the default.
fn or_default<'de, A: de::MapAccess<'de>, T: Deserialize<'de> + Default>(map: &mut A) -> Result<T, A::Error> {
    map.next_value::<Option<T>>().map(Option::unwrap_or_default)
}

/// A string to be shown, or null.
fn lossy<'de, A: de::MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
    Ok(map.next_value::<Option<LossyString>>()?.map(|text| text.0))
}

/// Of a repeated key the first place and the last value count, as in Python.
fn last_wins(entries: Vec<(String, RawJson)>) -> Vec<(String, RawJson)> {
    if entries.len() < 2 {
        return entries;
    }
    // Comparing each with each would take seconds for as many as a message can hold.
    let mut seen: BTreeMap<String, (usize, RawJson)> = BTreeMap::new();
    for (place, (key, value)) in entries.into_iter().enumerate() {
        match seen.entry(key) {
            Entry::Occupied(mut seen) => seen.get_mut().1 = value,
            Entry::Vacant(free) => {
                free.insert((place, value));
            }
        }
    }
    let mut kept: Vec<_> = seen.into_iter().collect();
    kept.sort_unstable_by_key(|(_, (place, _))| *place);
    kept.into_iter().map(|(key, (_, value))| (key, value)).collect()
}

/// The fields of an object, in order.
#[derive(Default)]
struct Entries(Vec<(String, RawJson)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> de::Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of stamps")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::default();
        while let Some(key) = map.next_key()? {
            entries.0.push((key, map.next_value()?));
        }
        Ok(Entries(last_wins(entries.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Message;

    fn captured(raw: &[u8]) -> TaskHeaders {
        TaskHeaders::decode(Message::from_envelope(raw).unwrap().headers.get()).unwrap()
    }

    #[test]
    fn the_last_of_a_repeated_key_counts_and_many_are_no_trouble() {
        let many: Vec<String> =
            (0..100_000).map(|number| format!(r#""k{}": {number}"#, number % 50_000)).collect();
        let many = many.join(", ");
        let text = format!(r#"{{"task": "t", "id": "i", {many}, "stamps": {{{many}}}}}"#);
        let headers = TaskHeaders::decode(&text).unwrap();
        for entries in [headers.rest, headers.stamps] {
            assert_eq!(entries.len(), 50_000);
            assert_eq!((&*entries[7].0, entries[7].1.get()), ("k7", "50007"));
        }
    }

    #[test]
    fn captured_options_are_read() {
        let headers = captured(include_bytes!("../../../fixtures/envelope/task_options.json"));
        assert_eq!((&*headers.task, &*headers.id), ("capture.echo", "id-options"));
        assert_eq!(headers.lang.as_deref(), Some("py"));
        assert_eq!(headers.shadow.as_deref(), Some("shadowed"));
        assert_eq!(headers.eta.as_deref(), Some("2030-01-02T03:04:05.000678+00:00"));
        assert_eq!(headers.root_id.as_deref(), Some("id-options"));
        assert_eq!((headers.group, headers.group_index, headers.retries), (None, None, 0));
        assert_eq!(headers.ignore_result, Some(true));
        assert_eq!(headers.argsrepr.as_deref(), Some("(1,)"));
        assert_eq!(headers.stamped_headers.unwrap(), ["tenant", "monitor"]);
        let stamps: Vec<_> =
            headers.stamps.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(stamps, [("tenant", r#"["a", "b"]"#), ("monitor", r#""m1""#)]);
        let rest: Vec<_> = headers.rest.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(rest, [("trace", r#"{"id": "ab", "sampled": true}"#), ("ü", r#""\u007f\u001f/""#)]);
    }

    #[test]
    fn captured_retries_chord_parts_and_restored_ones() {
        let retried = captured(include_bytes!("../../../fixtures/envelope/retried.json"));
        assert_eq!((retried.retries, retried.timelimit.hard), (1, Some(9.0)));
        assert_eq!(retried.parent_id.as_deref(), Some("id-retried"));
        let part = captured(include_bytes!("../../../fixtures/envelope/chord_part.json"));
        assert!(part.group.is_some());
        assert_eq!(part.group_index, Some(0));
        assert!(captured(include_bytes!("../../../fixtures/envelope/restored.json")).redelivered);
    }

    #[test]
    fn only_the_name_and_the_id_are_needed() {
        let headers = TaskHeaders::decode(r#"{"task": "t", "id": "i"}"#).unwrap();
        assert_eq!(
            headers,
            TaskHeaders { task: "t".to_owned(), id: "i".to_owned(), ..TaskHeaders::default() }
        );
        let nulls = r#"{"task": "t", "id": "i", "retries": null, "timelimit": null, "ignore_result": null,
            "stamps": null, "replaced_task_nesting": null, "expires": null, "redelivered": null}"#;
        assert_eq!(TaskHeaders::decode(nulls).unwrap(), headers);
        let missing = |text| TaskHeaders::decode(text).unwrap_err().to_string();
        assert_eq!(missing("{}"), "task headers has no `task`");
        assert_eq!(missing(r#"{"task": "t", "id": null}"#), "task headers has no `id`");
    }

    #[test]
    fn a_header_of_the_wrong_type_is_refused() {
        let error = TaskHeaders::decode(r#"{"task": "t", "id": "i", "eta": 5}"#).unwrap_err();
        assert!(error.to_string().starts_with("task headers cannot be decoded: invalid type: integer `5`"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, value in r#"[\[\]{}",:0-9na]{0,20}"#) {
            let _ = TaskHeaders::decode(&text);
            let _ = TaskHeaders::decode(&format!(r#"{{"task": "t", "timelimit": {value}, "stamps": {value}}}"#));
        }
    }
}
