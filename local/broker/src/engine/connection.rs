//! One peer: from its first bytes to its last.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use fe2o3_amqp_types::performatives::{ChannelMax, MaxFrameSize, Open};

use crate::cbs::Access;
use crate::clock::Timestamp;
use crate::faults::{Operation, Trouble};
use crate::store::EntityName;

use super::frames::{Frame, FrameKind, take_frame};
use super::output::Output;
use super::performative::Performative;
use super::session::Session;
use super::{MAX_FRAME_SIZE, sasl};
use crate::address::Node;
use crate::amqp_error::AmqpError;
use crate::context::Context;

const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
/// The largest frame while it is not agreed what frames may be (AMQP 1.0, part 5 section 5.3.1).
const MAX_SASL_FRAME_SIZE: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Which protocol the peer speaks is to be seen.
    Header,
    Sasl,
    /// SASL is done; the header of AMQP itself must follow.
    HeaderAfterSasl,
    Amqp,
    Closed,
}

/// The state of one connection, without its socket.
#[derive(Debug)]
pub(crate) struct Connection {
    container_id: String,
    phase: Phase,
    opened: bool,
    /// What the peer calls this side.
    pub(super) hostname: String,
    input: BytesMut,
    pub(super) output: Output,
    pub(super) access: Access,
    pub(super) sessions: BTreeMap<u16, Session>,
    peer_idle_time_out: Option<Duration>,
    /// There may be more to deliver, but the peer has to read first.
    pub(super) held_back: bool,
    /// How long the output is to be kept from the peer, by a test's order.
    delay: Option<Duration>,
}

impl Connection {
    pub(crate) fn new(container_id: String) -> Self {
        Self {
            container_id,
            phase: Phase::Header,
            opened: false,
            hostname: String::new(),
            input: BytesMut::new(),
            output: Output::new(),
            access: Access::none_yet(),
            sessions: BTreeMap::new(),
            peer_idle_time_out: None,
            held_back: false,
            delay: None,
        }
    }

    /// Takes bytes from the peer and does what they ask for.
    pub(crate) fn receive(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        self.input.extend_from_slice(bytes);
        while self.phase != Phase::Closed {
            match self.step(context) {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => self.close(Some(&fault), context),
            }
        }
        for session in self.sessions.values_mut() {
            session.flush_acknowledgements(&mut self.output);
        }
        self.deliver(context);
    }

    /// What is to be written to the peer.
    pub(crate) fn output(&mut self) -> &mut BytesMut {
        &mut self.output.bytes
    }

    /// Nothing more is to come, once the output is written.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether to call [`Connection::deliver`] again, now that the peer has read what there was.
    pub(crate) fn may_go_on(&self) -> bool {
        self.held_back && self.output.bytes.is_empty()
    }

    /// How long what is written from now on is to be kept from the peer.
    pub(crate) fn take_delay(&mut self) -> Option<Duration> {
        self.delay.take()
    }

    /// Lets ordered trouble strike. Returns the fault that the operation fails with.
    pub(super) fn strike(&mut self, operation: Operation, context: &mut Context<'_>) -> Option<AmqpError> {
        match context.faults.strike(operation)? {
            Trouble::Fail(failure) => Some(failure.fault()),
            Trouble::Delay(delay) => {
                self.delay = Some(self.delay.unwrap_or_default() + delay);
                None
            }
        }
    }

    /// How long the peer bears silence, once it has said so.
    pub(crate) fn peer_idle_time_out(&self) -> Option<Duration> {
        self.peer_idle_time_out
    }

    /// Breaks a silence. Not before the connection is open: an empty frame ahead of Open is an error to some peers.
    pub(crate) fn heartbeat(&mut self) {
        if self.opened && self.phase == Phase::Amqp {
            self.output.heartbeat();
        }
    }

    /// Closes the connection from this side.
    pub(crate) fn close(&mut self, fault: Option<&AmqpError>, context: &mut Context<'_>) {
        if self.phase == Phase::Amqp {
            if let Some(fault) = fault {
                tracing::debug!(condition = fault.condition, description = %fault.description, "connection closed");
            }
            self.open(context);
            self.output.close(fault);
        }
        self.phase = Phase::Closed;
        for session in self.sessions.values_mut() {
            session.forget_links();
        }
        self.give_up_sessions(context);
        self.sessions.clear();
    }

    /// Ends every link to an entity, or to all of them, from this side.
    pub(crate) fn detach_links(
        &mut self,
        entity: Option<&EntityName>,
        fault: &AmqpError,
        context: &mut Context<'_>,
    ) {
        for session in self.sessions.values_mut() {
            let concerned =
                |node: &Node| node.entity().is_some_and(|name| entity.is_none_or(|wanted| wanted == name));
            let handles: Vec<u32> = session
                .links
                .iter()
                .filter(|(_, link)| concerned(&link.node))
                .map(|(handle, _)| *handle)
                .collect();
            for handle in handles {
                session.close_link(handle, fault, &mut self.output);
            }
        }
        self.give_up_sessions(context);
    }

    /// When a claim of this connection ends and links with it, or a link has waited long enough for a session.
    pub(crate) fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let waiting =
            self.sessions.values().flat_map(|session| &session.waiting).map(|waiting| waiting.until);
        waiting.chain(self.access.next_end(now)).min()
    }

    /// One step through the input. False when it holds nothing whole.
    fn step(&mut self, context: &mut Context<'_>) -> Result<bool, AmqpError> {
        match self.phase {
            Phase::Header | Phase::HeaderAfterSasl => Ok(self.read_header()),
            Phase::Sasl => match take_frame(&mut self.input, MAX_SASL_FRAME_SIZE)? {
                Some(frame) => self.on_sasl(&frame, context).map(|()| true),
                None => Ok(false),
            },
            Phase::Amqp => match take_frame(&mut self.input, MAX_FRAME_SIZE)? {
                Some(frame) => self.on_frame(&frame, context).map(|()| true),
                None => Ok(false),
            },
            Phase::Closed => Ok(false),
        }
    }

    fn read_header(&mut self) -> bool {
        if self.input.len() < AMQP_HEADER.len() {
            return false;
        }
        let header = self.input.split_to(AMQP_HEADER.len());
        if header[..] == AMQP_HEADER {
            self.output.bytes.extend_from_slice(&AMQP_HEADER);
            self.phase = Phase::Amqp;
        } else if header[..] == SASL_HEADER && self.phase == Phase::Header {
            self.output.bytes.extend_from_slice(&SASL_HEADER);
            self.output.sasl(&sasl::mechanisms());
            self.phase = Phase::Sasl;
        } else {
            // A peer of another protocol is told which one is spoken here (AMQP 1.0, part 2 section 2.2).
            self.output.bytes.extend_from_slice(&SASL_HEADER);
            self.phase = Phase::Closed;
        }
        true
    }

    fn on_sasl(&mut self, frame: &Frame, context: &Context<'_>) -> Result<(), AmqpError> {
        let (outcome, access) = sasl::answer(&frame.body, context.authority)?;
        self.output.sasl(&outcome);
        match access {
            Some(access) => {
                self.access = access;
                self.phase = Phase::HeaderAfterSasl;
            }
            None => self.phase = Phase::Closed,
        }
        Ok(())
    }

    fn on_frame(&mut self, frame: &Frame, context: &mut Context<'_>) -> Result<(), AmqpError> {
        if frame.body.is_empty() || frame.kind != FrameKind::Amqp {
            return Ok(());
        }
        let performative = Performative::read(&frame.body)?;
        if !self.opened && !matches!(performative, Performative::Open { .. } | Performative::Close) {
            return Err(AmqpError::new("amqp:illegal-state", "A connection begins with Open."));
        }
        self.on_performative(frame.channel, performative, context)
    }

    /// A session of Service Bus ends with the link that holds it.
    pub(super) fn give_up_sessions(&mut self, context: &mut Context<'_>) {
        for held in self.sessions.values_mut().flat_map(|session| session.given_up.drain(..)) {
            context.store.release_session(&held.entity, &held.id, held.holder, context.now);
        }
    }

    fn on_performative(
        &mut self,
        channel: u16,
        performative: Performative,
        context: &mut Context<'_>,
    ) -> Result<(), AmqpError> {
        match performative {
            Performative::Open { hostname, max_frame_size, idle_time_out_milliseconds } => {
                self.hostname = hostname.unwrap_or_default();
                self.output.set_peer_max_frame_size(max_frame_size);
                let idle = idle_time_out_milliseconds.filter(|milliseconds| *milliseconds > 0);
                self.peer_idle_time_out = idle.map(|milliseconds| Duration::from_millis(milliseconds.into()));
                self.open(context);
            }
            Performative::Begin { next_outgoing_id, incoming_window } => {
                let session = Session::new(channel, next_outgoing_id, incoming_window);
                self.output.amqp(channel, &session.begin());
                self.sessions.insert(channel, session);
            }
            Performative::End => {
                // A session that is not there was ended already: peers do send frames after End.
                if let Some(session) = self.sessions.get_mut(&channel) {
                    session.forget_links();
                    self.give_up_sessions(context);
                    self.sessions.remove(&channel);
                    self.output.end(channel);
                }
            }
            Performative::Close => {
                self.close(None, context);
            }
            other => self.on_session_performative(channel, other, context)?,
        }
        Ok(())
    }

    fn on_session_performative(
        &mut self,
        channel: u16,
        performative: Performative,
        context: &mut Context<'_>,
    ) -> Result<(), AmqpError> {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return Ok(());
        };
        match performative {
            Performative::Attach(attach) => self.attach(channel, attach, context),
            Performative::Flow(flow) => session.on_flow(&flow, &mut self.output),
            Performative::Transfer(transfer) => {
                let arrival =
                    session.on_transfer(transfer, context.limits.max_message_size, &mut self.output)?;
                if let Some(arrival) = arrival {
                    self.on_arrival(channel, arrival, context);
                }
            }
            Performative::Disposition(disposition) => self.on_disposition(channel, &disposition, context),
            Performative::Detach { handle, closed } => {
                if session.forget_link(handle) {
                    session.flush_acknowledgements(&mut self.output);
                    self.output.detach(channel, handle, closed, None);
                    self.give_up_sessions(context);
                } else if session.stop_waiting(handle) {
                    self.output.detach(channel, handle, closed, None);
                } else {
                    session.leaving.remove(&handle);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, context: &Context<'_>) {
        if self.opened {
            return;
        }
        self.opened = true;
        self.output.amqp(
            0,
            &Open {
                container_id: self.container_id.clone(),
                hostname: None,
                max_frame_size: MaxFrameSize(MAX_FRAME_SIZE as u32),
                channel_max: ChannelMax(4999),
                idle_time_out: Some(context.limits.idle_time_out_milliseconds),
                outgoing_locales: None,
                incoming_locales: None,
                offered_capabilities: None,
                desired_capabilities: None,
                properties: None,
            },
        );
    }
}
