//! One connection: its links are attached when they are first needed, and shared.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fe2o3_amqp::{
    Receiver, Sender, Session, connection::ConnectionHandle, link::receiver::CreditMode,
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::{ReceiverSettleMode, SenderSettleMode},
    messaging::{Source, Target},
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    OwnedTask, authorization::Authorization, request::RequestLink, send::SendLink, transport::Endpoint,
};
use crate::{authentication::Authentication, clock::Clock, entity::Entity, error::ServiceBusError, wire};

/// Answers that may be on their way to us at a time.
const REPLY_CREDIT: u32 = 200;

/// An open connection.
pub(crate) struct Connection {
    handle: Arc<Handle>,
    /// The namespace, as tokens name it.
    host: String,
    authorization: Arc<Authorization>,
    senders: Mutex<HashMap<String, Arc<SendLink>>>,
    managements: Mutex<HashMap<String, Arc<RequestLink>>>,
    _renewal: OwnedTask,
}

/// What keeps the connection open.
struct Handle {
    connection: Mutex<Option<ConnectionHandle<()>>>,
    given_up: AtomicBool,
}

impl Connection {
    /// Opens a connection. No token is presented before a link needs one.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        authentication: Authentication,
        clock: Arc<dyn Clock>,
        renewal_time_limit: Duration,
    ) -> Result<Self, ServiceBusError> {
        let connection = endpoint.open().await?;
        let handle =
            Arc::new(Handle { connection: Mutex::new(Some(connection)), given_up: AtomicBool::new(false) });
        let node = handle.request_link("$cbs").await?;
        let authorization = Arc::new(Authorization::new(node, authentication, clock));
        let renewal = OwnedTask::spawn({
            let (handle, authorization) = (handle.clone(), authorization.clone());
            async move {
                let error = authorization.keep_renewed(renewal_time_limit).await;
                tracing::warn!(%error, "a token could not be renewed; the connection will be opened again");
                handle.give_up();
            }
        });
        Ok(Self {
            handle,
            host: endpoint.host.clone(),
            authorization,
            senders: Mutex::default(),
            managements: Mutex::default(),
            _renewal: renewal,
        })
    }

    /// Whether operations may still be tried on this connection.
    pub(crate) fn is_usable(&self) -> bool {
        self.handle.is_usable()
    }

    /// Ends the connection, and with it whatever is under way on it.
    pub(crate) fn give_up(&self) {
        self.handle.give_up();
    }

    /// Closes the connection and waits for the other side to agree.
    pub(crate) async fn close(&self) {
        self.handle.given_up.store(true, Ordering::Relaxed);
        if let Some(mut connection) = self.handle.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the connection did not close cleanly");
        }
    }

    /// The link that sends to an entity.
    pub(crate) async fn sender(&self, entity: &Entity) -> Result<Arc<SendLink>, ServiceBusError> {
        let mut senders = self.senders.lock().await;
        if let Some(link) = senders.get(entity.path()).filter(|link| link.is_alive()) {
            return Ok(link.clone());
        }
        self.authorize(entity.path()).await?;
        let mut session = self.handle.session().await?;
        let sender = attach_sender(&mut session, entity.path(), Source::builder().build()).await?;
        let link = Arc::new(SendLink::new(sender, session));
        senders.insert(entity.path().to_owned(), link.clone());
        Ok(link)
    }

    /// The links to an entity's management node.
    pub(crate) async fn management(&self, entity: &Entity) -> Result<Arc<RequestLink>, ServiceBusError> {
        let mut managements = self.managements.lock().await;
        if let Some(link) = managements.get(entity.path()).filter(|link| link.is_alive()) {
            return Ok(link.clone());
        }
        let address = entity.management_address();
        // The service checks claims on the entity for its management node too.
        self.authorize(entity.path()).await?;
        self.authorize(&address).await?;
        let link = Arc::new(self.handle.request_link(&address).await?);
        managements.insert(entity.path().to_owned(), link.clone());
        Ok(link)
    }

    /// A new link that receives from an entity in peek-lock mode, without credit.
    pub(crate) async fn receiver(
        &self,
        entity: &Entity,
    ) -> Result<(Receiver, SessionHandle<()>), ServiceBusError> {
        self.authorize(entity.path()).await?;
        let mut session = self.handle.session().await?;
        let receiver = Receiver::builder()
            .name(link_name(entity.path()))
            .source(entity.path())
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .receiver_settle_mode(ReceiverSettleMode::Second)
            .credit_mode(CreditMode::Manual)
            .attach(&mut session)
            .await
            .map_err(wire::from_attach_receiver)?;
        Ok((receiver, session))
    }

    async fn authorize(&self, address: &str) -> Result<(), ServiceBusError> {
        self.authorization.authorize(&format!("sb://{}/{address}", self.host)).await
    }
}

impl Handle {
    fn is_usable(&self) -> bool {
        // A connection that is being worked on is there.
        let is_open = self
            .connection
            .try_lock()
            .map_or(true, |connection| connection.as_ref().is_some_and(|connection| !connection.is_closed()));
        is_open && !self.given_up.load(Ordering::Relaxed)
    }

    fn give_up(self: &Arc<Self>) {
        if !self.given_up.swap(true, Ordering::Relaxed) {
            let handle = self.clone();
            // Dropping the library's handle stops its engine, and thereby everything that waits on it.
            tokio::spawn(async move { drop(handle.connection.lock().await.take()) });
        }
    }

    async fn session(&self) -> Result<SessionHandle<()>, ServiceBusError> {
        let mut connection = self.connection.lock().await;
        let connection = connection
            .as_mut()
            .ok_or_else(|| ServiceBusError::ConnectionLost { description: "given up".to_owned() })?;
        Session::begin(connection).await.map_err(wire::from_begin)
    }

    async fn request_link(&self, address: &str) -> Result<RequestLink, ServiceBusError> {
        let mut session = self.session().await?;
        let reply_to = link_name("reply");
        let receiver = Receiver::builder()
            .name(link_name(address))
            .source(address)
            .target(Target::from(reply_to.clone()))
            .receiver_settle_mode(ReceiverSettleMode::First)
            .credit_mode(CreditMode::Auto(REPLY_CREDIT))
            .attach(&mut session)
            .await
            .map_err(wire::from_attach_receiver)?;
        let source = Source::builder().address(reply_to.clone()).build();
        let sender = attach_sender(&mut session, address, source).await?;
        Ok(RequestLink::new(sender, receiver, reply_to, session))
    }
}

async fn attach_sender(
    session: &mut SessionHandle<()>,
    address: &str,
    source: Source,
) -> Result<Sender, ServiceBusError> {
    Sender::builder()
        .name(link_name(address))
        .source(source)
        .target(address)
        .sender_settle_mode(SenderSettleMode::Unsettled)
        .attach(session)
        .await
        .map_err(wire::from_attach_sender)
}

fn link_name(of: &str) -> String {
    format!("{of}-{}", Uuid::new_v4().simple())
}
