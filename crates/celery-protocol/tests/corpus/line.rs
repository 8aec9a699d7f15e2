//! One object of the corpus.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use celery_protocol::serializer::Serializer;
use serde::Deserialize;

/// One line: see `fixtures/corpus.py`.
#[derive(Deserialize)]
pub(crate) struct Line {
    #[serde(skip)]
    pub(crate) version: &'static str,
    pub(crate) object: String,
    pub(crate) case: String,
    #[serde(rename = "serializer")]
    serializer_name: String,
    compression: String,
    #[serde(rename = "payload")]
    base64: String,
    #[serde(skip)]
    pub(crate) payload: Vec<u8>,
    /// Whether Celery writes the same bytes again. Of what is compressed: what is inside.
    pub(crate) stable: bool,
    /// The same of an envelope's body.
    pub(crate) body_stable: Option<bool>,
    /// Whether Celery can read it.
    #[serde(default = "yes")]
    pub(crate) readable: bool,
    /// Of a chord member, the score it is kept under.
    pub(crate) score: Option<String>,
    /// Of a script's call, what it answered.
    pub(crate) reply: Option<Vec<Option<i64>>>,
}

fn yes() -> bool {
    true
}

impl Line {
    pub(crate) fn read(version: &'static str, text: &str) -> Self {
        let line: Self = serde_json::from_str(text).unwrap();
        let payload = STANDARD.decode(&line.base64).unwrap();
        Self { version, payload, ..line }
    }

    pub(crate) fn serializer(&self) -> Serializer {
        match &*self.serializer_name {
            "text" => Serializer::Text,
            name => Serializer::from_name(name).unwrap(),
        }
    }

    /// Pickled objects are never looked into.
    pub(crate) fn is_opaque(&self) -> bool {
        self.serializer() == Serializer::Pickle
    }

    pub(crate) fn compression(&self) -> Option<&str> {
        Some(&*self.compression).filter(|name| *name != "none")
    }

    /// What has to be there of every object: the object, the serialiser, the compression.
    pub(crate) fn combination(&self) -> (&str, &str, &str) {
        (&self.object, &self.serializer_name, &self.compression)
    }
}

/// The place in the corpus, for what a failed check says.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, object, case, serializer_name, compression, .. } = self;
        write!(f, "{version} {object} {case} {serializer_name} {compression}")
    }
}
