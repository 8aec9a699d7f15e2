//! The task in whose name something is sent.

use celery_protocol::TaskHeaders;

use crate::in_flight::InFlight;

/// What has to be known of a task that sends others: they name it as their parent, and may inherit its priority.
#[derive(Debug, Clone, Copy)]
pub struct Parent<'a> {
    pub(crate) headers: &'a TaskHeaders,
    pub(crate) priority: Option<u8>,
}

impl<'a> Parent<'a> {
    /// The task with these headers, whose message has this priority.
    pub fn new(headers: &'a TaskHeaders, priority: Option<u8>) -> Self {
        Self { headers, priority }
    }

    /// The first task of all.
    pub fn root(&self) -> &'a str {
        let root = self.headers.root_id.as_deref();
        root.filter(|root| !root.is_empty()).unwrap_or(&self.headers.id)
    }
}

impl<'a> From<&'a InFlight> for Parent<'a> {
    fn from(in_flight: &'a InFlight) -> Self {
        Self::new(&in_flight.headers, in_flight.message.properties.priority)
    }
}
