//! Commands to all workers.

use celery_protocol::control::{
    CONTROL_NAMESPACE, Command, ControlRequest, OneOrMany, Revoke, pidbox_exchange,
};
use celery_transport::Publication;

use crate::{Client, Result};

impl Client {
    /// Tells all workers not to run these tasks, if they have not started (`app.control.revoke`).
    ///
    /// # Errors
    ///
    /// [`Error::Broker`](crate::Error::Broker).
    pub async fn revoke<I: Into<String>>(&self, ids: impl IntoIterator<Item = I>) -> Result<()> {
        let mut ids: Vec<String> = ids.into_iter().map(Into::into).collect();
        let ids = match (ids.pop(), ids.is_empty()) {
            (None, _) => return Ok(()),
            (Some(only), true) => OneOrMany::One(only),
            (Some(last), false) => {
                ids.push(last);
                OneOrMany::Many(ids)
            }
        };
        self.broadcast(&Command::Revoke(Revoke::new(ids))).await
    }

    /// Sends a command to all workers, without waiting for replies (`app.control.broadcast`). To wait for them, or to ask
    /// some only, see [`workers`](Self::workers).
    ///
    /// # Errors
    ///
    /// [`Error::Broker`](crate::Error::Broker), and [`Error::Protocol`](crate::Error::Protocol) when an argument has no
    /// form in JSON.
    pub async fn broadcast(&self, command: &Command) -> Result<()> {
        let message = ControlRequest::new(command)?.to_message(CONTROL_NAMESPACE)?;
        let exchange = pidbox_exchange(CONTROL_NAMESPACE);
        self.inner().pump.publish(vec![Publication::new(exchange, "", message).of_type("fanout")]).await
    }
}
