//! What happened to the store, in the form in which it is written down.
//!
//! A record is one AMQP list. Records that belong together (a message leaves its queue and appears among the dead
//! letters) are collected here and reach the log in one piece.

use bytes::Bytes;
use serde_amqp::Value;
use serde_bytes::ByteBuf;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::codec::{Malformed, as_integer, as_text, decode, encode, value_length};
use crate::filters::{decode_filter, encode_filter};
use crate::message::Message;
use crate::options::Filter;

use super::name::EntityName;
use super::stored::{Standing, Stored};

const STORED: i64 = 1;
const CHANGED: i64 = 2;
const REMOVED: i64 = 3;
const REMEMBERED: i64 = 4;
const NEXT_SEQUENCE: i64 = 5;
const SESSION_STATE: i64 = 6;
const RULE: i64 = 7;

/// One change, read back.
#[derive(Debug)]
pub(crate) enum Record {
    Stored { entity: EntityName, stored: Box<Stored> },
    Changed { entity: EntityName, sequence: i64, standing: Standing, delivery_count: u32 },
    Removed { entity: EntityName, sequence: i64 },
    Remembered { entity: EntityName, id: String, at: Timestamp },
    NextSequence { entity: EntityName, next: i64 },
    SessionState { entity: EntityName, session: String, state: Option<Bytes>, at: Timestamp },
    Rule { entity: EntityName, name: String, filter: Option<Filter> },
}

/// Collects records until they are taken and written. Collects nothing when nobody will write them.
#[derive(Debug)]
pub(crate) struct Changes {
    kept: bool,
    records: Vec<u8>,
}

impl Changes {
    pub(crate) fn kept(kept: bool) -> Self {
        Self { kept, records: Vec::new() }
    }

    /// What was collected since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.records)
    }

    pub(crate) fn stored(&mut self, entity: &EntityName, stored: &Stored) {
        if self.kept {
            let (standing, scheduled_for) = standing_fields(stored.standing);
            self.write(vec![
                Value::Long(STORED),
                Value::from(entity.as_str()),
                Value::Long(stored.sequence),
                Value::Long(stored.enqueued_sequence),
                time_field(Some(stored.enqueued_at)),
                time_field(stored.expires_at),
                Value::Uint(stored.delivery_count),
                standing,
                scheduled_for,
                Value::Binary(ByteBuf::from(stored.message.encode_as_sent())),
            ]);
        }
    }

    pub(crate) fn changed(&mut self, entity: &EntityName, stored: &Stored) {
        if self.kept {
            let (standing, scheduled_for) = standing_fields(stored.standing);
            let count = Value::Uint(stored.delivery_count);
            self.write(vec![
                Value::Long(CHANGED),
                Value::from(entity.as_str()),
                Value::Long(stored.sequence),
                count,
                standing,
                scheduled_for,
            ]);
        }
    }

    pub(crate) fn removed(&mut self, entity: &EntityName, sequence: i64) {
        if self.kept {
            self.write(vec![Value::Long(REMOVED), Value::from(entity.as_str()), Value::Long(sequence)]);
        }
    }

    pub(crate) fn remembered(&mut self, entity: &EntityName, id: &str, at: Timestamp) {
        if self.kept {
            let at = time_field(Some(at));
            self.write(vec![Value::Long(REMEMBERED), Value::from(entity.as_str()), Value::from(id), at]);
        }
    }

    pub(crate) fn next_sequence(&mut self, entity: &EntityName, next: i64) {
        if self.kept {
            self.write(vec![Value::Long(NEXT_SEQUENCE), Value::from(entity.as_str()), Value::Long(next)]);
        }
    }

    pub(crate) fn session_state(
        &mut self,
        entity: &EntityName,
        session: &str,
        state: Option<&Bytes>,
        at: Timestamp,
    ) {
        if self.kept {
            let state = state.map_or(Value::Null, |state| Value::Binary(ByteBuf::from(state.to_vec())));
            self.write(vec![
                Value::Long(SESSION_STATE),
                Value::from(entity.as_str()),
                Value::from(session),
                state,
                time_field(Some(at)),
            ]);
        }
    }

    pub(crate) fn rule(&mut self, entity: &EntityName, name: &str, filter: Option<&Filter>) {
        if self.kept {
            let filter = filter.map_or(Value::Null, encode_filter);
            self.write(vec![Value::Long(RULE), Value::from(entity.as_str()), Value::from(name), filter]);
        }
    }

    fn write(&mut self, fields: Vec<Value>) {
        self.records.extend(encode(&Value::List(fields)));
    }
}

/// Reads the records that one entry of the log holds.
pub(crate) fn read_records(mut entry: &[u8]) -> Result<Vec<Record>, Malformed> {
    let mut records = Vec::new();
    while !entry.is_empty() {
        let (one, rest) = entry.split_at(value_length(entry)?);
        records.push(read_record(one)?);
        entry = rest;
    }
    Ok(records)
}

fn read_record(encoded: &[u8]) -> Result<Record, Malformed> {
    let Value::List(fields) = decode(encoded)? else {
        return Err(Malformed::because("a record of the log is not a list"));
    };
    let fields = Fields(fields);
    let entity = EntityName::new(fields.text(1)?);
    match fields.number(0)? {
        STORED => Ok(Record::Stored { entity, stored: Box::new(fields.stored()?) }),
        CHANGED => Ok(Record::Changed {
            entity,
            sequence: fields.number(2)?,
            delivery_count: fields.count(3)?,
            standing: fields.standing(4)?,
        }),
        REMOVED => Ok(Record::Removed { entity, sequence: fields.number(2)? }),
        REMEMBERED => Ok(Record::Remembered { entity, id: fields.text(2)?.to_owned(), at: fields.time(3)? }),
        NEXT_SEQUENCE => Ok(Record::NextSequence { entity, next: fields.number(2)? }),
        SESSION_STATE => Ok(Record::SessionState {
            entity,
            session: fields.text(2)?.to_owned(),
            state: fields.bytes(3)?,
            at: fields.time(4)?,
        }),
        RULE => {
            let filter = match fields.get(3) {
                Value::Null => None,
                filter => Some(decode_filter(filter)?),
            };
            Ok(Record::Rule { entity, name: fields.text(2)?.to_owned(), filter })
        }
        kind => Err(Malformed(format!("a record of the log has the unknown kind {kind}"))),
    }
}

struct Fields(Vec<Value>);

impl Fields {
    fn get(&self, index: usize) -> &Value {
        self.0.get(index).unwrap_or(&Value::Null)
    }

    fn number(&self, index: usize) -> Result<i64, Malformed> {
        as_integer(self.get(index)).ok_or_else(|| wrong(index))
    }

    fn count(&self, index: usize) -> Result<u32, Malformed> {
        u32::try_from(self.number(index)?).map_err(|_| wrong(index))
    }

    fn text(&self, index: usize) -> Result<&str, Malformed> {
        as_text(self.get(index)).ok_or_else(|| wrong(index))
    }

    fn bytes(&self, index: usize) -> Result<Option<Bytes>, Malformed> {
        match self.get(index) {
            Value::Null => Ok(None),
            Value::Binary(bytes) => Ok(Some(Bytes::copy_from_slice(bytes))),
            _ => Err(wrong(index)),
        }
    }

    fn time(&self, index: usize) -> Result<Timestamp, Malformed> {
        self.number(index).map(Timestamp::from_milliseconds)
    }

    fn standing(&self, index: usize) -> Result<Standing, Malformed> {
        match self.number(index)? {
            0 => Ok(Standing::Active),
            1 => Ok(Standing::Deferred),
            2 => Ok(Standing::Scheduled(self.time(index + 1)?)),
            _ => Err(wrong(index)),
        }
    }

    fn stored(&self) -> Result<Stored, Malformed> {
        let Value::Binary(message) = self.get(9) else {
            return Err(wrong(9));
        };
        Ok(Stored {
            message: Message::parse(Bytes::copy_from_slice(message), Uuid::nil())?,
            sequence: self.number(2)?,
            enqueued_sequence: self.number(3)?,
            enqueued_at: self.time(4)?,
            expires_at: as_integer(self.get(5)).map(Timestamp::from_milliseconds),
            delivery_count: self.count(6)?,
            standing: self.standing(7)?,
            lock: None,
        })
    }
}

fn wrong(index: usize) -> Malformed {
    Malformed(format!("field {index} of a record of the log is not what it must be"))
}

fn time_field(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| Value::Long(time.milliseconds()))
}

fn standing_fields(standing: Standing) -> (Value, Value) {
    match standing {
        Standing::Active => (Value::Long(0), Value::Null),
        Standing::Deferred => (Value::Long(1), Value::Null),
        Standing::Scheduled(at) => (Value::Long(2), time_field(Some(at))),
    }
}
