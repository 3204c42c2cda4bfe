//! The task behind a receiver: it owns the receiving link and reads it at all times.
//!
//! AMQP delivers against credit, and credit once granted cannot simply be taken back: messages may be on their way.
//! So a call that ends with credit left over leaves it for the next call for [`LINGER`]; a Functions host asks again
//! within microseconds. When nobody asks, the link is drained, what arrived is released (which, unlike abandoning,
//! does not raise the delivery count), and the link is closed. A message is thus never kept from other receivers for
//! longer than that by a receiver that nobody listens to.

use std::{fmt, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    connector::Connector,
    entity::Entity,
    error::ServiceBusError,
    link::{Fetched, ReceiveLink},
    received::ReceivedMessage,
};

/// How long unused credit, and what it brings, waits for the next call.
const LINGER: Duration = Duration::from_millis(100);
/// The AMQP library remembers every delivery of a link that was not settled on the link, and we settle elsewhere; so
/// a link is replaced after this many.
const MOST_DELIVERIES: u64 = 10_000;
/// The most credit that is ever granted at once.
const MOST_CREDIT: usize = 2_000;

/// The handle of the task. The task ends when it is dropped.
pub(crate) struct Fetcher {
    requests: mpsc::Sender<Request>,
}

enum Request {
    Fetch { max: usize, wait: Duration, answer: Answer },
    Close { done: oneshot::Sender<()> },
}

type Answer = oneshot::Sender<Result<Vec<ReceivedMessage>, ServiceBusError>>;

impl Fetcher {
    pub(crate) fn start(connector: Connector, entity: Entity) -> Self {
        let (requests, incoming) = mpsc::channel(16);
        tokio::spawn(Task { connector, entity, link: None }.run(incoming));
        Self { requests }
    }

    pub(crate) async fn fetch(
        &self,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, ServiceBusError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let request = Request::Fetch { max: max.min(MOST_CREDIT), wait, answer };
        let gone = |_| ServiceBusError::ConnectionLost { description: "the receiving task ended".to_owned() };
        self.requests.send(request).await.map_err(|_| gone(()))?;
        answered.await.map_err(|_| gone(()))?
    }

    pub(crate) async fn close_link(&self) {
        let (done, is_done) = oneshot::channel();
        // A task that has ended has no link.
        if self.requests.send(Request::Close { done }).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fetcher")
    }
}

struct Task {
    connector: Connector,
    entity: Entity,
    link: Option<ReceiveLink>,
}

impl Task {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = self.next_request(&mut requests).await {
            match request {
                Request::Fetch { max, wait, answer } => self.serve(max, wait, answer).await,
                Request::Close { done } => {
                    if let Some(link) = self.link.take() {
                        link.retire().await;
                    }
                    let _ = done.send(());
                }
            }
        }
        if let Some(link) = self.link.take() {
            link.retire().await;
        }
    }

    /// Waits for a request; reads what leftover credit brings meanwhile, and gives it up when nobody asks.
    async fn next_request(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<Request> {
        let until = Instant::now() + LINGER;
        loop {
            let Some(link) = self.link.as_mut().filter(|link| link.has_surplus()) else {
                return requests.recv().await;
            };
            tokio::select! {
                biased;
                request = requests.recv() => return request,
                fetched = link.next() => match fetched {
                    Ok(fetched) => link.hold(fetched),
                    Err(error) => {
                        tracing::debug!(entity = %self.entity, %error, "idle receiving link ended");
                        self.link = None;
                    }
                },
                () = sleep_until(until) => self.retire_link(),
            }
        }
    }

    fn retire_link(&mut self) {
        if let Some(link) = self.link.take() {
            tokio::spawn(link.retire());
        }
    }

    async fn serve(&mut self, max: usize, wait: Duration, mut answer: Answer) {
        if self.link.as_ref().is_some_and(|link| link.deliveries >= MOST_DELIVERIES) {
            self.retire_link();
        }
        match self.fetch(max, wait, &mut answer).await {
            Err(error) => {
                // Nobody there to hear it: the next call meets it again.
                let _ = answer.send(Err(error));
            }
            Ok(fetched) => {
                let (messages, deliveries): (Vec<_>, Vec<_>) =
                    fetched.into_iter().map(|fetched| (fetched.message, fetched.delivery)).unzip();
                // The caller left in the last moment: back to what waits for the next call.
                if let (Err(Ok(messages)), Some(link)) = (answer.send(Ok(messages)), &mut self.link) {
                    let unheard = messages.into_iter().zip(deliveries);
                    link.put_back(unheard.map(|(message, delivery)| Fetched { message, delivery }).collect());
                }
            }
        }
    }

    async fn fetch(
        &mut self,
        max: usize,
        wait: Duration,
        answer: &mut Answer,
    ) -> Result<Vec<Fetched>, ServiceBusError> {
        let mut deadline = None;
        let mut failures = 0;
        loop {
            let error = match self.attach().await {
                Ok(link) => {
                    // The wait starts when the link is there for the first time.
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + wait);
                    match link.fetch(max, deadline, answer).await {
                        Ok(fetched) => return Ok(fetched),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // A link that failed is of no use; whether its connection is, the next operation on it finds out.
            self.link = None;
            failures += 1;
            let options = self.connector.options();
            if !error.is_transient() || failures >= options.attempts {
                return Err(error);
            }
            tracing::debug!(entity = %self.entity, failures, %error, "receiving again");
            tokio::select! {
                () = sleep(options.pause_after(failures)) => {}
                () = answer.closed() => return Ok(Vec::new()),
            }
        }
    }

    async fn attach(&mut self) -> Result<&mut ReceiveLink, ServiceBusError> {
        let connection = self.connector.connection().await?;
        // A link of an earlier connection has ended, or is about to.
        let link = match self.link.take().filter(|link| connection.owns(link)) {
            Some(link) => link,
            None => self.connector.attach_receiver(&self.entity, &connection).await?,
        };
        Ok(self.link.insert(link))
    }
}
