//! What `query_task` answers.

use serde_json::value::RawValue;

use super::TaskInfo;
use crate::{
    Error,
    json::{Fields, Finite, ObjectWriter, read_lenient, write_string},
};

const OBJECT: &str = "query_task reply";

/// A task that was asked for (`celery/worker/control.py: query_task`). Ids that the worker does not know are
/// left out of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QueriedTask {
    /// `active`, `reserved`, `scheduled`, `ready`.
    pub state: String,
    /// The task. In the answer its id is the key too.
    pub info: TaskInfo,
}

impl QueriedTask {
    /// Reads the value: an object of `[state, info]` by id.
    ///
    /// Memory: at most 96 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// Those of [`TaskInfo::decode`].
    pub fn decode_all(value: &str) -> Result<Vec<Self>, Error> {
        read_lenient(OBJECT, value, |text: &Finite<'_>| {
            let fields: Fields<'_> = serde_json::from_str(text.masked()).map_err(Error::json(OBJECT))?;
            let read = |(_, pair): (&str, &str)| {
                let (state, info): (String, &RawValue) =
                    serde_json::from_str(pair).map_err(Error::json(OBJECT))?;
                // The pair lies in the masked text, and so does what is cut out of it.
                Ok(Self { state, info: TaskInfo::decode(text.original_of(info.get()))? })
            };
            fields.iter().map(read).collect()
        })
    }

    /// The JSON text for [`ControlReply::value`](super::ControlReply::value).
    pub fn encode_all(tasks: &[Self]) -> String {
        let mut out = Vec::with_capacity(tasks.len() * 400 + 2);
        let mut object = ObjectWriter::new(&mut out);
        for task in tasks {
            let pair = object.key(&task.info.id);
            pair.push(b'[');
            write_string(pair, &task.state);
            pair.extend_from_slice(b", ");
            task.info.write(pair);
            pair.push(b']');
        }
        object.end();
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::value_of, *};

    #[test]
    fn captured_tasks_come_back_byte_for_byte() {
        let value = value_of(include_bytes!("../../../fixtures/control/reply/query_task.json"));
        let tasks = QueriedTask::decode_all(&value).unwrap();
        assert_eq!((tasks.len(), &*tasks[0].state, &*tasks[0].info.id), (1, "scheduled", "id-scheduled"));
        assert_eq!(QueriedTask::encode_all(&tasks), value);
        let odd = value.replace(r#"["later"]"#, "[NaN]");
        assert_eq!(QueriedTask::encode_all(&QueriedTask::decode_all(&odd).unwrap()), odd);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]{}",:NaInfity0-9 ]{0,40}"#) {
            let _ = QueriedTask::decode_all(&text);
            let _ = QueriedTask::decode_all(&format!(r#"{{"id": {json}}}"#));
        }
    }
}
