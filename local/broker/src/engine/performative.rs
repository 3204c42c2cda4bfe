//! Performatives as peers send them, read by position.
//!
//! What the broker sends is written by the typed structures of `fe2o3-amqp-types`. What it reads is not decoded into
//! them: they insist on symbols as the keys of error information, and the JavaScript SDK writes strings there.

use bytes::Bytes;
use serde_amqp::Value;

use crate::codec::{Malformed, Positional, decode, value_length};

#[derive(Debug)]
pub(crate) enum Performative {
    Open { hostname: Option<String>, max_frame_size: u32, idle_time_out_milliseconds: Option<u32> },
    Begin { next_outgoing_id: u32, incoming_window: u32 },
    Attach(Box<Attach>),
    Flow(Flow),
    Transfer(Transfer),
    Disposition(Disposition),
    Detach { handle: u32, closed: bool },
    End,
    Close,
}

#[derive(Debug)]
pub(crate) struct Attach {
    pub(crate) name: String,
    pub(crate) handle: u32,
    /// The peer wants to receive.
    pub(crate) receives: bool,
    pub(crate) sender_settle_mode: Value,
    pub(crate) receiver_settle_mode: Value,
    pub(crate) source: Value,
    pub(crate) target: Value,
    pub(crate) properties: Value,
}

#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) next_incoming_id: Option<u32>,
    pub(crate) incoming_window: u32,
    pub(crate) handle: Option<u32>,
    pub(crate) delivery_count: Option<u32>,
    pub(crate) link_credit: Option<u32>,
    pub(crate) drain: bool,
    pub(crate) echo: bool,
}

#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) handle: u32,
    pub(crate) delivery_id: Option<u32>,
    pub(crate) message_format: Option<u32>,
    pub(crate) settled: bool,
    pub(crate) more: bool,
    pub(crate) aborted: bool,
    pub(crate) payload: Bytes,
}

#[derive(Debug)]
pub(crate) struct Disposition {
    /// The peer speaks as the receiver of deliveries.
    pub(crate) from_receiver: bool,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) settled: bool,
    pub(crate) state: Value,
}

impl Performative {
    /// Reads the body of a frame.
    ///
    /// # Errors
    /// When it does not begin with a performative of AMQP 1.0.
    pub(crate) fn read(body: &Bytes) -> Result<Self, Malformed> {
        let length = value_length(body)?;
        let mut fields = Positional::from_value(decode(&body[..length])?)?;
        Ok(match fields.code {
            0x10 => Self::Open {
                hostname: fields.text(1).map(str::to_owned),
                max_frame_size: fields.number(2).unwrap_or(u32::MAX),
                idle_time_out_milliseconds: fields.number(4),
            },
            0x11 => Self::Begin {
                next_outgoing_id: fields.mandatory_number(1)?,
                incoming_window: fields.mandatory_number(2)?,
            },
            0x12 => Self::Attach(Box::new(read_attach(&mut fields)?)),
            0x13 => Self::Flow(read_flow(&fields)?),
            0x14 => Self::Transfer(read_transfer(&fields, body.slice(length..))?),
            0x15 => Self::Disposition(read_disposition(&mut fields)?),
            0x16 => Self::Detach { handle: fields.mandatory_number(0)?, closed: fields.is_true(1) },
            0x17 => Self::End,
            0x18 => Self::Close,
            code => return Err(Malformed(format!("no performative has the descriptor {code:#04x}"))),
        })
    }
}

fn read_attach(fields: &mut Positional) -> Result<Attach, Malformed> {
    Ok(Attach {
        name: fields.text(0).ok_or_else(|| Malformed::because("an attach has no link name"))?.to_owned(),
        handle: fields.mandatory_number(1)?,
        receives: fields.is_true(2),
        sender_settle_mode: fields.take(3),
        receiver_settle_mode: fields.take(4),
        source: fields.take(5),
        target: fields.take(6),
        properties: fields.take(13),
    })
}

fn read_flow(fields: &Positional) -> Result<Flow, Malformed> {
    Ok(Flow {
        next_incoming_id: fields.number(0),
        incoming_window: fields.mandatory_number(1)?,
        handle: fields.number(4),
        delivery_count: fields.number(5),
        link_credit: fields.number(6),
        drain: fields.is_true(8),
        echo: fields.is_true(9),
    })
}

fn read_transfer(fields: &Positional, payload: Bytes) -> Result<Transfer, Malformed> {
    Ok(Transfer {
        handle: fields.mandatory_number(0)?,
        delivery_id: fields.number(1),
        message_format: fields.number(3),
        settled: fields.is_true(4),
        more: fields.is_true(5),
        aborted: fields.is_true(9),
        payload,
    })
}

fn read_disposition(fields: &mut Positional) -> Result<Disposition, Malformed> {
    let first = fields.mandatory_number(1)?;
    Ok(Disposition {
        from_receiver: fields.is_true(0),
        first,
        last: fields.number(2).unwrap_or(first),
        settled: fields.is_true(3),
        state: fields.take(4),
    })
}
