//! Asking workers.

use std::{collections::BTreeMap, time::Duration};

use celery_protocol::control::{CONTROL_NAMESPACE, Command, ControlReply, ControlRequest, reply::Answer};
use celery_transport::Mailbox;

use crate::{Client, Error, Result};

/// What each worker answered, by its node name.
pub type ByNode<T> = BTreeMap<String, Result<T>>;

/// Workers to be asked: all, or those that are named. From [`Client::workers`].
///
/// ```no_run
/// # async fn example(client: celery_client::Client) -> celery_client::Result<()> {
/// for (node, tasks) in client.workers().active().await? {
///     println!("{node} runs {} tasks", tasks?.len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// A worker is waited for until nobody has answered for the timeout, and no longer than until all have answered whom the
/// broker has delivered the request to. Workers that do not answer in time are not in the map.
#[derive(Debug, Clone)]
#[must_use = "nobody is asked yet"]
pub struct Workers<'a> {
    client: &'a Client,
    destination: Option<Vec<String>>,
    pattern: Option<String>,
    timeout: Duration,
    limit: Option<usize>,
}

impl Client {
    /// The workers, to be asked (`app.control.inspect`, `app.control.broadcast(…, reply=True)`).
    pub fn workers(&self) -> Workers<'_> {
        let (destination, pattern) = (None, None);
        Workers { client: self, destination, pattern, timeout: Duration::from_secs(1), limit: None }
    }
}

impl Workers<'_> {
    /// Only the workers with these node names: `celery@host`.
    pub fn named<I: Into<String>>(mut self, nodes: impl IntoIterator<Item = I>) -> Self {
        self.destination = Some(nodes.into_iter().map(Into::into).collect());
        self
    }

    /// Only the workers whose node names match a shell pattern: `celery@*`. Names go before it.
    pub fn matching(mut self, glob: impl Into<String>) -> Self {
        self.pattern = Some(glob.into());
        self
    }

    /// How long nobody may have answered: one second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Stops at this many replies. Where workers are named, at their number.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sends a command, and gives the replies as they are.
    ///
    /// # Errors
    ///
    /// [`Error::Broker`], and [`Error::Protocol`] when an argument has no form in JSON or a reply cannot be read.
    pub async fn ask(&self, command: &Command) -> Result<Vec<ControlReply>> {
        let mut mailbox = Mailbox::open(&*self.client.inner().transport, CONTROL_NAMESPACE).await?;
        let answers = mailbox.ask(self.request(command)?, self.timeout, self.limit).await;
        mailbox.close().await?;
        let answers = answers?;
        match answers.unreadable.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(answers.replies),
        }
    }

    /// Sends a command that changes something, and gives what the workers say to it.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask). What a worker refuses is an [`Answer::Error`].
    pub async fn control(&self, command: &Command) -> Result<ByNode<Answer>> {
        let replies = self.ask(command).await?;
        Ok(replies.into_iter().map(|reply| (reply.node, Ok(Answer::decode(&reply.value)))).collect())
    }

    /// Sends a command that asks for something, and reads the replies. One that is an error is its node's.
    pub(crate) async fn inspect<T>(
        &self,
        command: Command,
        read: impl Fn(&str) -> Result<T, celery_protocol::Error>,
    ) -> Result<ByNode<T>> {
        let value_of = |reply: ControlReply| {
            let value = match Answer::decode(&reply.value) {
                Answer::Error(reason) => Err(Error::Node { node: reply.node.clone(), reason }),
                _ => read(&reply.value).map_err(Error::from),
            };
            (reply.node, value)
        };
        Ok(self.ask(&command).await?.into_iter().map(value_of).collect())
    }

    fn request(&self, command: &Command) -> Result<ControlRequest> {
        let mut request = ControlRequest::new(command)?;
        request.clock = 1;
        request.destination.clone_from(&self.destination);
        if let Some(pattern) = &self.pattern {
            request.pattern = Some(pattern.clone());
            request.matcher = Some("glob".to_owned());
        }
        Ok(request)
    }
}
