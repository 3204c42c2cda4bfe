//! The entry function of a fuzz target: bytes in, and nothing but a panic out.

use bytes::BytesMut;
use serde_amqp::Value;

use crate::cbs::Authority;
use crate::clock::Timestamp;
use crate::codec::{described, encode};
use crate::context::{Context, Limits};
use crate::engine::Connection;
use crate::engine::frames::{FrameKind, put_frame};
use crate::faults::Faults;
use crate::options::{EntraTokens, Options, QueueOptions};
use crate::store::Store;

const OPEN: u64 = 0x10;
const BEGIN: u64 = 0x11;
const KEY: &str = "key";

/// What a client may send, however broken. The first byte says how far the connection has come before: nowhere, or
/// to a session. The second says where the rest is cut into two pieces.
///
/// # Panics
///
/// When the broker would.
pub fn frames(data: &[u8]) {
    let (head, rest) = data.split_at(data.len().min(2));
    let [begins, cut] = [0, 1].map(|place| head.get(place).copied().unwrap_or_default());
    let declared = Options { queues: vec![QueueOptions::new("orders")], ..Options::default() };
    let mut store = Store::new(&declared, false);
    let authority = Authority::with_key(KEY.to_owned(), EntraTokens::Refuse);
    let mut faults = Faults::default();
    let mut connection = Connection::new("broker".to_owned());
    let now = Timestamp::from_milliseconds(1_000_000);
    let mut receive = |bytes: &[u8]| {
        let mut context = Context {
            store: &mut store,
            authority: &authority,
            faults: &mut faults,
            limits: Limits { max_message_size: 4096, idle_time_out_milliseconds: 240_000 },
            now,
            on_the_wire: now,
        };
        connection.receive(bytes, &mut context);
    };
    if begins % 2 == 1 {
        receive(&a_session());
    }
    let (first, second) = rest.split_at(usize::from(cut).min(rest.len()));
    receive(first);
    receive(second);
}

/// The bytes that open a connection and begin a session on it.
fn a_session() -> BytesMut {
    let mut wire = BytesMut::from(&b"AMQP\x03\x01\x00\x00"[..]);
    let plain = format!("\0RootManageSharedAccessKey\0{KEY}").into_bytes();
    let sasl = vec![crate::codec::symbol("PLAIN"), Value::Binary(plain.into())];
    put_frame(&mut wire, FrameKind::Sasl, 0, &encode(&described(0x41, Value::List(sasl))), &[]);
    wire.extend_from_slice(b"AMQP\x00\x01\x00\x00");
    let open = vec![Value::from("peer"), Value::Null, Value::Uint(65536)];
    let begin = vec![Value::Null, Value::Uint(0), Value::Uint(5000), Value::Uint(5000)];
    for (code, fields) in [(OPEN, open), (BEGIN, begin)] {
        put_frame(&mut wire, FrameKind::Amqp, 0, &encode(&described(code, Value::List(fields))), &[]);
    }
    wire
}
