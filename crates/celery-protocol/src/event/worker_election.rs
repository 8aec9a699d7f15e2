//! `worker-elect` and `worker-elect-ack`: workers choose one of them.

use std::borrow::Cow;

use super::Reader;
use crate::{
    Error,
    json::{ObjectWriter, RawJson},
};

/// `worker-elect`: a worker stands for election (`celery/worker/consumer/gossip.py: Gossip.election`).
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerElect<'a> {
    /// The id of the election.
    pub id: Cow<'a, str>,
    /// What is voted on. Celery itself knows `task`.
    pub topic: Cow<'a, str>,
    /// What the winner does; of `task`, the signature to send.
    pub action: Option<RawJson>,
    /// The version of the protocol: 1.
    pub cver: i64,
}

/// `worker-elect-ack`: a worker has seen an election (`Gossip.on_elect`).
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerElectAck<'a> {
    /// The id of the election.
    pub id: Cow<'a, str>,
}

impl<'a> WorkerElect<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("id", &self.id);
        object.str("topic", &self.topic);
        object.raw("action", self.action.as_ref().map_or("null", RawJson::get));
        object.int("cver", self.cver);
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self {
            id: fields.text("id")?,
            topic: fields.text("topic")?,
            action: fields.nullable("action", "JSON without NaN")?,
            cver: fields.nullable("cver", "a whole number")?.unwrap_or(1),
        })
    }
}

impl<'a> WorkerElectAck<'a> {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        object.str("id", &self.id);
    }

    pub(super) fn read(fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(Self { id: fields.text("id")? })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventKind};

    #[test]
    fn captured_election() {
        let event = Event::decode(include_bytes!("../../fixtures/event/worker-elect.json")).unwrap();
        let EventKind::WorkerElect(elect) = event.kind else { panic!("{event:?}") };
        assert_eq!((&*elect.id, &*elect.topic, elect.cver), ("the-election", "task", 1));
        assert!(elect.action.unwrap().get().starts_with(r#"{"task": "capture.add""#));
        let event = Event::decode(include_bytes!("../../fixtures/event/worker-elect-ack.json")).unwrap();
        let EventKind::WorkerElectAck(ack) = event.kind else { panic!("{event:?}") };
        assert_eq!(ack.id, "the-election");
    }
}
