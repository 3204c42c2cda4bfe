//! The session of Service Bus that a receiver asks for when it attaches its link, and is given in the answer.
//!
//! Not documented by Microsoft beyond the names; read out of azure-sdk-for-python (`_transport/_pyamqp_transport.py`)
//! and azure-sdk-for-js (`session/messageSession.ts`).

use std::time::Duration;

use serde_amqp::Value;
use serde_amqp::described::Described;
use serde_amqp::primitives::OrderedMap;

use crate::clock::Timestamp;
use crate::codec::{as_integer, as_text, lookup, symbol};
use crate::message::text_keys;
use crate::store::SessionId;

use super::performative::Attach;

const SESSION_FILTER: &str = "com.microsoft:session-filter";
/// How the .NET SDK asks for a session that several receivers share (azure-sdk-for-net,
/// `AmqpNonExclusiveSessionFilterCodec`).
const SHARED_SESSION_FILTER: &str = "com.microsoft:non-exclusive-session-filter";
const LOCKED_UNTIL: &str = "com.microsoft:locked-until-utc";
const TIME_OUT: &str = "com.microsoft:timeout";
/// Where a source has its filters (AMQP 1.0, part 3 section 3.5.3).
const FILTERS: usize = 7;
/// .NET counts time in units of 100 nanoseconds since the year 1.
const TICKS_PER_MILLISECOND: i64 = 10_000;
const TICKS_BEFORE_UNIX: i64 = 621_355_968_000_000_000;
/// Our guess: how long a receiver that names no time waits for a session.
const USUAL_TIME_OUT: Duration = Duration::from_secs(60);

/// Which session a receiver asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The next one that has messages and that nobody holds.
    Next,
    Named(String),
}

impl Wanted {
    /// What the source of a link asks for. None when it is not about sessions.
    pub(crate) fn read(source: &Value) -> Option<Self> {
        let (_, value) = filters(source)?.iter().find(|(key, _)| as_text(key) == Some(SESSION_FILTER))?;
        let value = match value {
            Value::Described(described) => &described.value,
            plain => plain,
        };
        Some(as_text(value).map_or(Self::Next, |id| Self::Named(id.to_owned())))
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Next => None,
            Self::Named(id) => Some(id),
        }
    }
}

/// Whether a receiver asks for a session that it would share with others.
pub(crate) fn wants_shared(source: &Value) -> bool {
    let shared = |key: &Value| as_text(key).is_some_and(|key| key.starts_with(SHARED_SESSION_FILTER));
    filters(source).is_some_and(|filters| filters.iter().any(|(key, _)| shared(key)))
}

/// How long a receiver waits for a session: the time it names in the properties of its link, in milliseconds.
pub(crate) fn time_out(attach: &Attach) -> Duration {
    let named = lookup(&text_keys(&attach.properties), TIME_OUT).and_then(as_integer);
    named
        .and_then(|milliseconds| u64::try_from(milliseconds).ok())
        .map_or(USUAL_TIME_OUT, Duration::from_millis)
}

/// Writes into the peer's own attach which session it was given, and until when: its answer repeats both.
pub(crate) fn grant(attach: &mut Attach, session: &SessionId, until: Timestamp) {
    set_filter(attach, &Value::from(&**session));
    let mut properties = match std::mem::take(&mut attach.properties) {
        Value::Map(properties) => properties,
        _ => OrderedMap::new(),
    };
    let ticks = until.milliseconds().saturating_mul(TICKS_PER_MILLISECOND).saturating_add(TICKS_BEFORE_UNIX);
    properties.insert(symbol(LOCKED_UNTIL), Value::Long(ticks));
    attach.properties = Value::Map(properties);
}

fn set_filter(attach: &mut Attach, session: &Value) {
    let Some(filters) = filters_mut(&mut attach.source) else { return };
    let keys: Vec<Value> = filters.iter().map(|(key, _)| key.clone()).collect();
    for key in keys.into_iter().filter(|key| as_text(key) == Some(SESSION_FILTER)) {
        let answer = match filters.get(&key) {
            Some(Value::Described(asked)) => Value::Described(Box::new(Described {
                descriptor: asked.descriptor.clone(),
                value: session.clone(),
            })),
            _ => session.clone(),
        };
        filters.insert(key, answer);
    }
}

fn filters(source: &Value) -> Option<&OrderedMap<Value, Value>> {
    let Value::Described(source) = source else { return None };
    let Value::List(fields) = &source.value else { return None };
    match fields.get(FILTERS) {
        Some(Value::Map(filters)) => Some(filters),
        _ => None,
    }
}

fn filters_mut(source: &mut Value) -> Option<&mut OrderedMap<Value, Value>> {
    let Value::Described(source) = source else { return None };
    let Value::List(fields) = &mut source.value else { return None };
    match fields.get_mut(FILTERS) {
        Some(Value::Map(filters)) => Some(filters),
        _ => None,
    }
}
