//! One connection: its links are attached when they are first needed, and shared.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fe2o3_amqp::{
    Receiver, Sender, Session, connection::ConnectionHandle, link::receiver::CreditMode,
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::{Fields, ReceiverSettleMode, SenderSettleMode},
    messaging::{Body, Source, Target},
};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    OwnedTask, authorization::Authorization, ending::has_ended, receive::ReceiveLink, request::RequestLink,
    send::SendLink, transport::Endpoint,
};
use crate::{
    authentication::Authentication,
    clock::Clock,
    entity::Entity,
    error::ServiceBusError,
    wire::{self, AmqpValue},
};

/// Answers that may be on their way to us at a time.
const REPLY_CREDIT: u32 = 200;

/// The filter by which a link asks for a session.
const SESSION_FILTER: &str = "com.microsoft:session-filter";
/// The property of the answer that says when the session's lock ends.
const LOCKED_UNTIL: &str = "com.microsoft:locked-until-utc";
/// The property of the attach that says how long the service may wait for a session, in milliseconds.
const TIME_OUT: &str = "com.microsoft:timeout";

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
    connection: Mutex<ConnectionHandle<()>>,
    ended: CancellationToken,
}

impl Connection {
    /// Opens a connection. No token is presented before a link needs one.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        authentication: Authentication,
        clock: Arc<dyn Clock>,
        renewal_time_limit: Duration,
    ) -> Result<Self, ServiceBusError> {
        let ended = CancellationToken::new();
        let connection = Mutex::new(endpoint.open(ended.clone()).await?);
        let handle = Arc::new(Handle { connection, ended });
        let node = handle.request_link("$cbs").await?;
        let authorization = Arc::new(Authorization::new(node, authentication, clock));
        let renewal = OwnedTask::spawn({
            let (handle, authorization) = (handle.clone(), authorization.clone());
            async move {
                let error = authorization.keep_renewed(renewal_time_limit).await;
                tracing::warn!(%error, "a token could not be renewed; the connection will be opened again");
                handle.ended.cancel();
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
        self.handle.is_usable() && !self.authorization.has_run_out()
    }

    /// Whether the link is one of this connection's.
    pub(crate) fn owns(&self, link: &ReceiveLink) -> bool {
        self.handle.ended == *link.ended()
    }

    /// Cuts the connection off, and with it whatever is under way on it.
    pub(crate) fn give_up(&self) {
        self.handle.ended.cancel();
    }

    /// Returns when the connection has ended, with that as an error.
    pub(crate) async fn has_ended(&self) -> ServiceBusError {
        has_ended(&self.handle.ended).await
    }

    /// Closes the connection and waits for the other side to agree.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.handle.connection.lock().await.close().await {
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
    pub(crate) async fn receiver(&self, entity: &Entity) -> Result<ReceiveLink, ServiceBusError> {
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
        Ok(ReceiveLink::new(receiver, entity, session, self.handle.ended.clone()))
    }

    /// A new link that receives from one session: the one named, or the next that is free. Answers with its id and the
    /// end of its lock.
    pub(crate) async fn session_receiver(
        &self,
        entity: &Entity,
        session_id: Option<String>,
        wait: Duration,
    ) -> Result<(ReceiveLink, String, Option<OffsetDateTime>), ServiceBusError> {
        self.authorize(entity.path()).await?;
        let mut session = self.handle.session().await?;
        let wanted = session_id.map_or(AmqpValue::Null, AmqpValue::String);
        let source = Source::builder()
            .address(entity.path())
            .add_to_filter_using_legacy_format(SESSION_FILTER, wanted)
            .build();
        let mut properties = Fields::new();
        let milliseconds = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        properties.insert(TIME_OUT.into(), AmqpValue::Uint(milliseconds));
        let mut receiver = Receiver::builder()
            .name(link_name(entity.path()))
            .source(source)
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .receiver_settle_mode(ReceiverSettleMode::Second)
            .credit_mode(CreditMode::Manual)
            .properties(properties)
            // A session that cannot be had is answered with a source without the filter, and the reason after it.
            .verify_incoming_source(false)
            .attach(&mut session)
            .await
            .map_err(wire::from_attach_receiver)?;
        let filter = receiver.source().as_ref().and_then(|source| source.filter.as_ref());
        let Some(AmqpValue::String(id)) = filter.and_then(|filter| filter.get(SESSION_FILTER)).cloned()
        else {
            return Err(match receiver.recv::<Body<AmqpValue>>().await {
                Err(error) => wire::from_receive(error),
                Ok(_) => ServiceBusError::Protocol {
                    description: "the answer to a session's attach names the session".to_owned(),
                },
            });
        };
        let until = receiver.properties(|properties| match properties.as_ref()?.get(LOCKED_UNTIL)? {
            AmqpValue::Long(ticks) => wire::instant_from_ticks(*ticks),
            _ => None,
        });
        Ok((ReceiveLink::new(receiver, entity, session, self.handle.ended.clone()), id, until))
    }

    async fn authorize(&self, address: &str) -> Result<(), ServiceBusError> {
        self.authorization.authorize(&format!("sb://{}/{address}", self.host)).await
    }
}

impl Handle {
    fn is_usable(&self) -> bool {
        // A connection that somebody is beginning a session on is there.
        let is_open = self.connection.try_lock().map_or(true, |connection| !connection.is_closed());
        is_open && !self.ended.is_cancelled()
    }

    async fn session(self: &Arc<Self>) -> Result<SessionHandle<()>, ServiceBusError> {
        let handle = self.clone();
        // In a task of its own because the library closes the connection when nobody takes the session it began.
        let begun = tokio::spawn(async move { Session::begin(&mut *handle.connection.lock().await).await });
        let ended =
            |_| ServiceBusError::ConnectionLost { description: "the session did not begin".to_owned() };
        begun.await.map_err(ended)?.map_err(wire::from_begin)
    }

    async fn request_link(self: &Arc<Self>, address: &str) -> Result<RequestLink, ServiceBusError> {
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
