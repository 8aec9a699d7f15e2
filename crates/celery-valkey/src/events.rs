//! What the server says unasked, also after the connection went on to another server.

use tokio::sync::{
    broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    watch,
};

use fred::prelude::Client;

/// A stream of events. One that lags behind has lost some and is told so.
///
/// What the earlier server said comes before what the next one says, and before it is told that there is a next one.
#[derive(Debug)]
pub struct Events<T: Clone + 'static> {
    clients: watch::Receiver<Client>,
    receiver: Receiver<T>,
    of: fn(&Client) -> Receiver<T>,
}

impl<T: Clone + 'static> Events<T> {
    pub(crate) fn new(mut clients: watch::Receiver<Client>, of: fn(&Client) -> Receiver<T>) -> Self {
        let receiver = of(&clients.borrow_and_update());
        Self { clients, receiver, of }
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`], and [`RecvError::Closed`] when the connection has ended.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        loop {
            tokio::select! {
                biased;
                event = self.receiver.recv() => match event {
                    Err(RecvError::Closed) => {
                        if self.clients.changed().await.is_err() {
                            return Err(RecvError::Closed);
                        }
                    }
                    event => return event,
                },
                changed = self.clients.changed() => {
                    if changed.is_err() {
                        return Err(RecvError::Closed);
                    }
                }
            }
            self.switch();
        }
    }

    /// An event that is there.
    ///
    /// # Errors
    ///
    /// As of [`Receiver::try_recv`].
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.receiver.try_recv() {
            Err(error @ (TryRecvError::Empty | TryRecvError::Closed)) => {
                if !self.clients.has_changed().unwrap_or(false) {
                    return Err(error);
                }
                self.switch();
                self.receiver.try_recv()
            }
            event => event,
        }
    }

    fn switch(&mut self) {
        self.receiver = (self.of)(&self.clients.borrow_and_update());
    }
}
