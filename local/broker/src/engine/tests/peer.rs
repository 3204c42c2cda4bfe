//! A peer made of plain values: it says exactly what a test tells it to.

use bytes::BytesMut;
use serde_amqp::Value;
use serde_bytes::ByteBuf;

use crate::cbs::Authority;
use crate::clock::Timestamp;
use crate::codec::{Positional, decode, described, encode, value_length};
use crate::context::{Context, Limits};
use crate::engine::Connection;
use crate::engine::frames::{FrameKind, put_frame, take_frame};
use crate::faults::Faults;
use crate::message::tests::encoded_message;
use crate::options::{EntraTokens, Options, QueueOptions, SubscriptionOptions, TopicOptions};
use crate::store::{Counts, EntityName, Store};

pub(super) const OPEN: u64 = 0x10;
pub(super) const BEGIN: u64 = 0x11;
pub(super) const ATTACH: u64 = 0x12;
pub(super) const FLOW: u64 = 0x13;
pub(super) const TRANSFER: u64 = 0x14;
pub(super) const DISPOSITION: u64 = 0x15;
pub(super) const DETACH: u64 = 0x16;
pub(super) const END: u64 = 0x17;
pub(super) const CLOSE: u64 = 0x18;

pub(super) const BARE_HEADER: &[u8] = b"AMQP\x00\x01\x00\x00";
pub(super) const SASL_HEADER: &[u8] = b"AMQP\x03\x01\x00\x00";
/// When every test begins.
const START: i64 = 1_000_000;
pub(super) const LARGEST_MESSAGE: usize = 200_000;

/// A connection, the store behind it, and the far end of its wire.
pub(super) struct Peer {
    pub(super) connection: Connection,
    pub(super) store: Store,
    pub(super) authority: Authority,
    pub(super) faults: Faults,
    pub(super) now: Timestamp,
}

/// A frame from the broker: its performative and what follows.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) channel: u16,
    pub(super) fields: Positional,
    pub(super) payload: Vec<u8>,
}

impl Peer {
    /// Connected to nothing yet; there are the queues `orders`, `other` and
    /// `sessions` (which has them), and the topic `events` with the subscription `all`.
    pub(super) fn new() -> Self {
        Self {
            connection: Connection::new("broker".to_owned()),
            store: Store::new(&declared(), false),
            authority: Authority::generate(EntraTokens::Refuse).unwrap(),
            faults: Faults::default(),
            now: Timestamp::from_milliseconds(START),
        }
    }

    /// Opened, with access to everything, and a session on channel 0.
    pub(super) fn in_session() -> Self {
        let mut peer = Self::new();
        let plain = [&b"\0RootManageSharedAccessKey\0"[..], peer.authority.key().as_bytes()].concat();
        peer.sasl("PLAIN", &plain);
        peer.raw(BARE_HEADER);
        peer.say(OPEN, open_fields());
        peer.say(BEGIN, begin_fields(5000));
        peer.hear_after_headers();
        peer
    }

    pub(super) fn sasl(&mut self, mechanism: &str, response: &[u8]) {
        self.raw(SASL_HEADER);
        let init = vec![crate::codec::symbol(mechanism), Value::Binary(ByteBuf::from(response))];
        let mut wire = BytesMut::new();
        put_frame(&mut wire, FrameKind::Sasl, 0, &encode(&described(0x41, Value::List(init))), &[]);
        self.raw(&wire);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.acting(|connection, context| connection.receive(bytes, context));
    }

    pub(super) fn acting<T>(&mut self, act: impl FnOnce(&mut Connection, &mut Context<'_>) -> T) -> T {
        let limits = Limits { max_message_size: LARGEST_MESSAGE, idle_time_out_milliseconds: 240_000 };
        let mut context = Context {
            store: &mut self.store,
            authority: &self.authority,
            faults: &mut self.faults,
            limits,
            now: self.now,
            on_the_wire: self.now,
        };
        context.store.advance(context.now);
        act(&mut self.connection, &mut context)
    }

    pub(super) fn say(&mut self, code: u64, fields: Vec<Value>) {
        self.say_with(0, code, fields, &[]);
    }

    pub(super) fn say_with(&mut self, channel: u16, code: u64, fields: Vec<Value>, payload: &[u8]) {
        let mut wire = BytesMut::new();
        put_frame(
            &mut wire,
            FrameKind::Amqp,
            channel,
            &encode(&described(code, Value::List(fields))),
            payload,
        );
        self.raw(&wire);
    }

    /// The frames that came since the last call.
    pub(super) fn hear(&mut self) -> Vec<Heard> {
        let mut wire = self.connection.output().split();
        let mut heard = Vec::new();
        while let Some(frame) = take_frame(&mut wire, 1 << 20).unwrap() {
            if frame.body.is_empty() {
                continue;
            }
            let length = value_length(&frame.body).unwrap();
            let fields = Positional::from_value(decode(&frame.body[..length]).unwrap()).unwrap();
            heard.push(Heard { channel: frame.channel, fields, payload: frame.body[length..].to_vec() });
        }
        assert!(wire.is_empty(), "the broker wrote half a frame");
        heard
    }

    /// Like [`Peer::hear`], where protocol headers came too.
    pub(super) fn hear_after_headers(&mut self) -> Vec<Heard> {
        let output = self.connection.output();
        let mut frames = BytesMut::new();
        while !output.is_empty() {
            let size = if output.starts_with(b"AMQP") {
                8
            } else {
                u32::from_be_bytes([output[0], output[1], output[2], output[3]]) as usize
            };
            let piece = output.split_to(size);
            if !piece.starts_with(b"AMQP") {
                frames.extend_from_slice(&piece);
            }
        }
        *output = frames;
        self.hear()
    }

    /// The only frame that came, which must be this performative.
    pub(super) fn hear_only(&mut self, code: u64) -> Heard {
        let mut heard = self.hear();
        assert_eq!(heard.len(), 1, "{heard:?}");
        let only = heard.remove(0);
        assert_eq!(only.fields.code, code, "{only:?}");
        only
    }

    pub(super) fn attach_sender(&mut self, handle: u32, address: &str) {
        self.say(ATTACH, attach_fields("s", handle, false, address));
    }

    pub(super) fn attach_receiver(&mut self, handle: u32, address: &str) {
        self.say(ATTACH, attach_fields("r", handle, true, address));
    }

    /// Sends a whole message in one transfer.
    pub(super) fn send(&mut self, handle: u32, delivery_id: u32, body: &str) {
        let fields = transfer_fields(handle, delivery_id, 0, false);
        self.say_with(0, TRANSFER, fields, &encoded_message(body, body));
    }

    pub(super) fn credit(&mut self, handle: u32, seen: u32, credit: u32, drain: bool) {
        self.say(FLOW, flow_fields(handle, seen, credit, drain, 0, 5000));
    }

    pub(super) fn settle(&mut self, first: u32, last: u32, state: Value) {
        let fields =
            vec![Value::Bool(true), Value::Uint(first), Value::Uint(last), Value::Bool(false), state];
        self.say(DISPOSITION, fields);
    }

    pub(super) fn counts(&self) -> Counts {
        self.store.counts(&EntityName::new("orders")).unwrap()
    }
}

fn declared() -> Options {
    let queue = QueueOptions::new;
    let sessions = QueueOptions { requires_session: true, ..queue("sessions") };
    let topic =
        TopicOptions { subscriptions: vec![SubscriptionOptions::new("all")], ..TopicOptions::new("events") };
    Options {
        queues: vec![queue("orders"), queue("other"), sessions],
        topics: vec![topic],
        ..Options::default()
    }
}

pub(super) fn open_fields() -> Vec<Value> {
    vec![Value::from("peer"), Value::Null, Value::Uint(65536)]
}

pub(super) fn begin_fields(incoming_window: u32) -> Vec<Value> {
    vec![Value::Null, Value::Uint(0), Value::Uint(incoming_window), Value::Uint(5000)]
}

pub(super) fn attach_fields(name: &str, handle: u32, receives: bool, address: &str) -> Vec<Value> {
    let terminus = |code| described(code, Value::List(vec![Value::from(address)]));
    vec![
        Value::from(name),
        Value::Uint(handle),
        Value::Bool(receives),
        Value::Null,
        Value::Null,
        terminus(0x28),
        terminus(0x29),
    ]
}

pub(super) fn transfer_fields(handle: u32, delivery_id: u32, format: u32, more: bool) -> Vec<Value> {
    let tag = Value::Binary(ByteBuf::from(delivery_id.to_be_bytes()));
    let settled = Value::Bool(false);
    vec![Value::Uint(handle), Value::Uint(delivery_id), tag, Value::Uint(format), settled, Value::Bool(more)]
}

pub(super) fn flow_fields(
    handle: u32,
    seen: u32,
    credit: u32,
    drain: bool,
    next_incoming_id: u32,
    incoming_window: u32,
) -> Vec<Value> {
    vec![
        Value::Uint(next_incoming_id),
        Value::Uint(incoming_window),
        Value::Uint(0),
        Value::Uint(5000),
        Value::Uint(handle),
        Value::Uint(seen),
        Value::Uint(credit),
        Value::Null,
        Value::Bool(drain),
    ]
}

pub(super) fn state(code: u64) -> Value {
    described(code, Value::List(Vec::new()))
}

/// The condition of the error at a position.
pub(super) fn condition(fields: &Positional, index: usize) -> String {
    let error = Positional::from_value(fields.get(index).clone()).unwrap();
    error.text(0).unwrap().to_owned()
}
