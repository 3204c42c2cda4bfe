//! Requests about the sessions of an entity.

use serde_amqp::Value;
use serde_amqp::primitives::{Array, OrderedMap, Timestamp as AmqpTimestamp};
use serde_bytes::ByteBuf;

use crate::amqp_error::AmqpError;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::message::Properties;
use crate::store::EntityName;

use super::arguments::Arguments;
use super::{argument, one};

pub(super) fn renew(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let session = arguments.mandatory_text("session-id")?;
    let until = context.store.renew_session(entity, session, context.now)?;
    Ok(one("expiration", Value::Timestamp(AmqpTimestamp::from_milliseconds(until.milliseconds()))))
}

pub(super) fn get_state(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let session = arguments.mandatory_text("session-id")?;
    let state = context.store.session_state(entity, session, context.now)?;
    Ok(one("session-state", state.map_or(Value::Null, |state| Value::Binary(ByteBuf::from(state.to_vec())))))
}

/// No state, or null, takes the state away.
pub(super) fn set_state(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let session = arguments.mandatory_text("session-id")?;
    let state = arguments.bytes("session-state")?;
    if state.as_ref().is_some_and(|state| state.len() > context.limits.max_message_size) {
        return Err(argument("'session-state' is larger than a message may be"));
    }
    context.store.set_session_state(entity, session, state, context.now)?;
    Ok(OrderedMap::new())
}

pub(super) fn list(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Option<Properties>, AmqpError> {
    let updated_after = Timestamp::from_milliseconds(arguments.integer("last-updated-time")?);
    let (skip, top) = (arguments.count("skip")?, arguments.count("top")?);
    let ids = context.store.session_ids(entity, updated_after)?;
    let page: Vec<Value> = ids.into_iter().skip(skip).take(top).map(Value::String).collect();
    if page.is_empty() {
        return Ok(None);
    }
    let mut found = one("skip", Value::Int(i32::try_from(skip).unwrap_or(i32::MAX)));
    found.insert(Value::from("sessions-ids"), Value::Array(Array::from(page)));
    Ok(Some(found))
}
