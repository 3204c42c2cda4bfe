//! Requests about an entity, on its `$management` node.
//!
//! Operations, names and status codes: Microsoft Learn, "AMQP 1.0 in Azure Service Bus: request-response-based
//! operations".

mod arguments;
mod rules;
mod sessions;

use bytes::Bytes;
use serde_amqp::Value;
use serde_amqp::primitives::{Array, OrderedMap, Timestamp as AmqpTimestamp};
use serde_bytes::ByteBuf;
use uuid::Uuid;

use crate::amqp_error::AmqpError;
use crate::clock::Timestamp;
use crate::codec::{lookup, symbol};
use crate::context::Context;
use crate::entra::Right;
use crate::message::{Message, Properties};
use crate::request::{Request, Response};
use crate::store::EntityName;

use arguments::Arguments;

const OPERATION_PREFIX: &str = "com.microsoft:";
const ARGUMENT_ERROR: &str = "com.microsoft:argument-error";

/// What it takes to make a request. Microsoft Learn, "Service Bus access control with Shared Access Signatures": rights
/// required for each operation.
pub(crate) fn right_for(request: &Request) -> Right {
    let operation = request.property("operation").unwrap_or_default();
    match operation.strip_prefix(OPERATION_PREFIX).unwrap_or_default() {
        "schedule-message" | "cancel-scheduled-message" => Right::Send,
        "add-rule" | "remove-rule" | "enumerate-rules" => Right::Manage,
        _ => Right::Listen,
    }
}

/// Carries out a request and says how it went.
pub(crate) fn answer(request: &Request, entity: &EntityName, context: &mut Context<'_>) -> Response {
    match carry_out(request, entity, context) {
        Ok(Some(body)) => reply(200, "OK", None, Value::Map(body)),
        Ok(None) => {
            let condition = Some("com.microsoft:message-not-found");
            reply(204, "Nothing was found.", condition, Value::Map(OrderedMap::new()))
        }
        Err(fault) => refuse(&fault),
    }
}

/// The reply to a request that is not carried out.
pub(crate) fn refuse(fault: &AmqpError) -> Response {
    let code = status_code(fault.condition);
    reply(code, &fault.description, Some(fault.condition), Value::Map(OrderedMap::new()))
}

fn carry_out(
    request: &Request,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Option<Properties>, AmqpError> {
    let operation = request.property("operation").unwrap_or_default();
    let arguments = Arguments::of(&request.body)?;
    match operation.strip_prefix(OPERATION_PREFIX).unwrap_or_default() {
        "schedule-message" => schedule(&arguments, entity, context).map(Some),
        "cancel-scheduled-message" => {
            context.store.cancel_scheduled(entity, &arguments.sequence_numbers()?)?;
            Ok(Some(OrderedMap::new()))
        }
        "peek-message" => peek(&arguments, entity, context),
        "renew-lock" => renew(&arguments, entity, context).map(Some),
        "update-disposition" => update_disposition(&arguments, entity, context).map(Some),
        "receive-by-sequence-number" => receive_deferred(&arguments, entity, context).map(Some),
        "renew-session-lock" => sessions::renew(&arguments, entity, context).map(Some),
        "get-session-state" => sessions::get_state(&arguments, entity, context).map(Some),
        "set-session-state" => sessions::set_state(&arguments, entity, context).map(Some),
        "get-message-sessions" => sessions::list(&arguments, entity, context),
        "add-rule" => rules::add(&arguments, entity, context).map(Some),
        "remove-rule" => rules::remove(&arguments, entity, context).map(Some),
        "enumerate-rules" => rules::list(&arguments, entity, context),
        _ => Err(AmqpError::new(
            "amqp:not-implemented",
            format!("The operation '{operation}' is not supported."),
        )),
    }
}

fn schedule(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let mut parsed = Vec::new();
    for entry in arguments.list("messages")? {
        let Value::Map(entry) = entry else {
            return Err(argument("messages holds something else than maps"));
        };
        let Some(Value::Binary(encoded)) = lookup(entry, "message") else {
            return Err(argument("a message to schedule has no 'message'"));
        };
        if encoded.len() > context.limits.max_message_size {
            return Err(AmqpError::new("amqp:link:message-size-exceeded", "The message is too large."));
        }
        let message = Message::parse(Bytes::copy_from_slice(encoded), Uuid::new_v4())?;
        if message.scheduled_enqueue_time().is_none() {
            return Err(argument("a message to schedule has no x-opt-scheduled-enqueue-time"));
        }
        context.store.check_sendable(entity, &message)?;
        parsed.push(message);
    }
    let mut numbers = Vec::with_capacity(parsed.len());
    for message in parsed {
        numbers.push(Value::Long(context.store.send(entity, message, context.now)?));
    }
    Ok(one("sequence-numbers", Value::Array(Array::from(numbers))))
}

/// Our guess: that a reply holds no more than one message may, so that a long peek comes in pieces.
fn peek(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Option<Properties>, AmqpError> {
    let from = arguments.integer("from-sequence-number")?;
    let most = usize::try_from(arguments.integer("message-count")?).unwrap_or(0);
    let session = arguments.text("session-id");
    let peeked = context.store.peek(entity, session, from, most, context.limits.max_message_size)?;
    let entry = |encoded| Value::Map(one("message", Value::Binary(ByteBuf::from(encoded))));
    let found: Vec<Value> = peeked.into_iter().map(entry).collect();
    Ok(if found.is_empty() { None } else { Some(one("messages", Value::List(found))) })
}

fn renew(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let tokens = arguments.lock_tokens()?;
    hold_all(&tokens, entity, context)?;
    let mut ends = Vec::with_capacity(tokens.len());
    for token in tokens {
        let until: Timestamp = context.store.renew(entity, token, context.now)?;
        ends.push(Value::Timestamp(AmqpTimestamp::from_milliseconds(until.milliseconds())));
    }
    Ok(one("expirations", Value::Array(Array::from(ends))))
}

fn update_disposition(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let settlement = arguments.settlement()?;
    let tokens = arguments.lock_tokens()?;
    hold_all(&tokens, entity, context)?;
    for token in tokens {
        context.store.settle(entity, token, settlement.clone(), context.now)?;
    }
    Ok(OrderedMap::new())
}

/// Our guess: that a request naming several locks is carried out entirely or not at all.
fn hold_all(tokens: &[Uuid], entity: &EntityName, context: &mut Context<'_>) -> Result<(), AmqpError> {
    for token in tokens {
        context.store.holds(entity, *token, context.now)?;
    }
    Ok(())
}

fn receive_deferred(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    // AMQP's receiver settle mode: 0 settles at once (receive-and-delete), 1 later (peek-lock).
    let locking = arguments.integer("receiver-settle-mode").unwrap_or(1) == 1;
    let numbers = arguments.sequence_numbers()?;
    let session = arguments.text("session-id");
    let deliveries = context.store.receive_deferred(entity, session, &numbers, locking, context.now)?;
    let entries = deliveries.into_iter().map(|delivery| {
        let mut entry = one("message", Value::Binary(ByteBuf::from(delivery.encoded)));
        if locking {
            entry.insert(Value::from("lock-token"), Value::Uuid(delivery.token.into_bytes().into()));
        }
        Value::Map(entry)
    });
    Ok(one("messages", Value::List(entries.collect())))
}

fn argument(reason: &str) -> AmqpError {
    AmqpError::new(ARGUMENT_ERROR, reason)
}

fn status_code(condition: &str) -> i32 {
    match condition {
        "com.microsoft:message-lock-lost" | "com.microsoft:session-lock-lost" => 410,
        "com.microsoft:entity-already-exists" => 409,
        "com.microsoft:message-not-found" | "amqp:not-found" => 404,
        "amqp:unauthorized-access" => 401,
        "amqp:not-implemented" => 501,
        "com.microsoft:server-busy" => 503,
        "com.microsoft:timeout" => 408,
        "amqp:internal-error" => 500,
        "amqp:resource-limit-exceeded" => 403,
        _ => 400,
    }
}

fn one(name: &str, value: Value) -> Properties {
    let mut map = OrderedMap::new();
    map.insert(Value::from(name), value);
    map
}

fn reply(code: i32, description: &str, condition: Option<&str>, body: Value) -> Response {
    let mut application_properties =
        vec![("statusCode", Value::Int(code)), ("statusDescription", Value::from(description))];
    if let Some(condition) = condition {
        application_properties.push(("errorCondition", symbol(condition)));
    }
    Response { application_properties, body }
}
