//! Writes the headers.

use super::TaskHeaders;
use crate::json::{ObjectWriter, RawJson, write_names};

impl TaskHeaders {
    /// The headers as JSON text, in Celery's order (`celery/app/amqp.py: AMQP.as_task_v2`).
    ///
    /// Every header that Celery always writes is written; then the custom ones, `compression` and `redelivered`,
    /// where there are any.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(640);
        let mut object = ObjectWriter::new(&mut out);
        object.opt_str("lang", self.lang.as_deref());
        object.str("task", &self.task);
        object.str("id", &self.id);
        object.opt_str("shadow", self.shadow.as_deref());
        object.opt_str("eta", self.eta.as_deref());
        match &self.expires {
            Some(expires) => expires.write(object.key("expires")),
            None => object.raw("expires", "null"),
        }
        object.opt_str("group", self.group.as_deref());
        match self.group_index {
            Some(index) => object.int("group_index", index),
            None => object.raw("group_index", "null"),
        }
        object.int("retries", self.retries);
        self.timelimit.write(object.key("timelimit"));
        object.opt_str("root_id", self.root_id.as_deref());
        object.opt_str("parent_id", self.parent_id.as_deref());
        object.opt_str("argsrepr", self.argsrepr.as_deref());
        object.opt_str("kwargsrepr", self.kwargsrepr.as_deref());
        object.opt_str("origin", self.origin.as_deref());
        match self.ignore_result {
            Some(ignore) => object.bool("ignore_result", ignore),
            None => object.raw("ignore_result", "null"),
        }
        object.int("replaced_task_nesting", self.replaced_task_nesting);
        match &self.stamped_headers {
            Some(names) => write_names(object.key("stamped_headers"), names),
            None => object.raw("stamped_headers", "null"),
        }
        let mut stamps = ObjectWriter::new(object.key("stamps"));
        write_entries(&mut stamps, &self.stamps);
        stamps.end();
        write_entries(&mut object, &self.rest);
        if let Some(compression) = &self.compression {
            object.str("compression", compression);
        }
        if self.redelivered {
            object.bool("redelivered", true);
        }
        object.end();
        out
    }
}

fn write_entries(object: &mut ObjectWriter<'_>, entries: &[(String, RawJson)]) {
    for (name, value) in entries {
        object.raw(name, value.get());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Expires, Message, TimeLimits};

    #[test]
    fn captured_headers_come_back_byte_for_byte() {
        let captured: [&[u8]; 7] = [
            include_bytes!("../../../fixtures/envelope/task.json"),
            include_bytes!("../../../fixtures/envelope/task_options.json"),
            include_bytes!("../../../fixtures/envelope/task_compressed.json"),
            include_bytes!("../../../fixtures/envelope/chain.json"),
            include_bytes!("../../../fixtures/envelope/chord_part.json"),
            include_bytes!("../../../fixtures/envelope/retried.json"),
            include_bytes!("../../../fixtures/envelope/restored.json"),
        ];
        for raw in captured {
            let message = Message::from_envelope(raw).unwrap();
            let headers = TaskHeaders::decode(message.headers.get()).unwrap();
            assert_eq!(String::from_utf8(headers.encode()).unwrap(), message.headers.get());
        }
    }

    prop_compose! {
        fn all_headers()(
            (task, id, shadow, eta) in any::<(String, String, Option<String>, Option<String>)>(),
            expires in prop_oneof![
                Just(None),
                any::<String>().prop_map(|text| Some(Expires::Iso(text))),
                (-1e12..1e12).prop_map(|seconds| Some(Expires::Seconds(seconds))),
            ],
            (group, group_index, retries) in any::<(Option<String>, Option<i64>, u32)>(),
            hard in proptest::option::of(0.0..1e9), soft in proptest::option::of(0_u32..5000),
            (root_id, parent_id, origin) in any::<(Option<String>, Option<String>, Option<String>)>(),
            (argsrepr, kwargsrepr, ignore_result) in any::<(Option<String>, Option<String>, Option<bool>)>(),
            (replaced_task_nesting, compression, redelivered) in any::<(u32, Option<String>, bool)>(),
            stamped_headers: Option<Vec<String>>,
            stamps in proptest::collection::btree_map(any::<String>(), any::<i64>(), 0..3),
            rest in proptest::collection::btree_map("x.*", any::<bool>(), 0..3),
        ) -> TaskHeaders {
            TaskHeaders {
                lang: None, task, id, shadow, eta, expires, group, group_index, retries,
                timelimit: TimeLimits { hard, soft: soft.map(f64::from) },
                root_id, parent_id, argsrepr, kwargsrepr, origin, ignore_result, replaced_task_nesting,
                stamped_headers, compression, redelivered,
                stamps: stamps.into_iter().map(|(k, v)| (k, RawJson::new(v.to_string()).unwrap())).collect(),
                rest: rest.into_iter().map(|(k, v)| (k, RawJson::new(v.to_string()).unwrap())).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(headers in all_headers()) {
            let text = String::from_utf8(headers.encode()).unwrap();
            prop_assert_eq!(TaskHeaders::decode(&text).unwrap(), headers);
        }
    }
}
