use std::time::Duration;

use serde_amqp::Value;
use serde_amqp::primitives::{Array, OrderedMap};
use serde_bytes::ByteBuf;

use super::peer::*;
use crate::codec::{
    Positional, SectionKind, as_integer, decode, described, encode, lookup, split_sections, symbol,
};
use crate::message::Properties;
use crate::message::tests::encoded_message;
use crate::store::Counts;

/// A request whose answer is awaited on the same session, as the Python SDK makes it, or at an address.
fn request(reply_to: Option<&str>, properties: &[(&str, Value)], body: Value) -> Vec<u8> {
    let reply_to = reply_to.map_or(Value::Null, Value::from);
    let fields = vec![Value::from("request-1"), Value::Null, Value::Null, Value::Null, reply_to];
    let mut message = encode(&described(0x73, Value::List(fields)));
    message.extend(encode(&described(0x74, Value::Map(map(properties)))));
    message.extend(encode(&described(0x77, body)));
    message
}

fn map(entries: &[(&str, Value)]) -> Properties {
    let mut map = OrderedMap::new();
    for (name, value) in entries {
        map.insert(Value::from(*name), value.clone());
    }
    map
}

struct Answer {
    properties: Properties,
    body: Value,
    correlation_id: Value,
}

impl Answer {
    fn read(payload: &[u8]) -> Self {
        let mut answer =
            Self { properties: OrderedMap::new(), body: Value::Null, correlation_id: Value::Null };
        for section in split_sections(payload.to_vec().into()).unwrap() {
            match (section.kind, decode(&section.value).unwrap()) {
                (SectionKind::Properties, Value::List(fields)) => answer.correlation_id = fields[5].clone(),
                (SectionKind::ApplicationProperties, Value::Map(map)) => answer.properties = map,
                (SectionKind::AmqpValue, body) => answer.body = body,
                other => panic!("{other:?}"),
            }
        }
        answer
    }

    fn code(&self) -> i64 {
        let code = lookup(&self.properties, "statusCode").or_else(|| lookup(&self.properties, "status-code"));
        as_integer(code.unwrap()).unwrap()
    }

    fn condition(&self) -> Option<&Value> {
        lookup(&self.properties, "errorCondition")
    }

    fn get(&self, name: &str) -> Value {
        let Value::Map(map) = &self.body else { panic!("{:?}", self.body) };
        lookup(map, name).unwrap().clone()
    }
}

/// A peer that asks a node: requests on handle 8, answers on handle 9.
struct Asking {
    peer: Peer,
    asked: u32,
}

impl Asking {
    fn node(mut peer: Peer, node: &str) -> Self {
        peer.attach_sender(8, node);
        peer.attach_receiver(9, node);
        peer.credit(9, 0, 100, false);
        peer.hear_after_headers();
        Self { peer, asked: 0 }
    }

    fn management() -> Self {
        Self::node(Peer::in_session(), "orders/$management")
    }

    fn ask_for(&mut self, properties: &[(&str, Value)], body: Value) -> Answer {
        let message = request(None, properties, body);
        self.peer.say_with(0, TRANSFER, transfer_fields(8, self.asked, 0, false), &message);
        self.asked += 1;
        let heard = self.peer.hear();
        let answers: Vec<&Heard> = heard.iter().filter(|heard| heard.fields.code == TRANSFER).collect();
        assert_eq!(answers.len(), 1, "{heard:?}");
        Answer::read(&answers[0].payload)
    }

    fn ask(&mut self, operation: &str, arguments: &[(&str, Value)]) -> Answer {
        let operation = Value::String(format!("com.microsoft:{operation}"));
        self.ask_for(&[("operation", operation)], Value::Map(map(arguments)))
    }

    fn put_token(&mut self, kind: &str, audience: &str, token: &str) -> Answer {
        let properties = [
            ("operation", Value::from("put-token")),
            ("type", Value::from(kind)),
            ("name", Value::from(audience)),
        ];
        self.ask_for(&properties, Value::from(token))
    }
}

fn longs(numbers: &[i64]) -> Value {
    Value::Array(Array::from(numbers.iter().map(|number| Value::Long(*number)).collect::<Vec<_>>()))
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.into_inner(),
        Value::List(items) => items,
        other => panic!("{other:?}"),
    }
}

fn scheduled_message(at_milliseconds: i64) -> Value {
    let time = serde_amqp::primitives::Timestamp::from_milliseconds(at_milliseconds);
    let mut annotations = OrderedMap::new();
    annotations.insert(symbol("x-opt-scheduled-enqueue-time"), Value::Timestamp(time));
    let mut message = encode(&described(0x72, Value::Map(annotations)));
    message.extend_from_slice(&encoded_message("s", "scheduled"));
    Value::Map(map(&[("message-id", Value::from("s")), ("message", Value::Binary(ByteBuf::from(message)))]))
}

/// An unauthorized peer in a session.
fn anonymous() -> Peer {
    let mut peer = Peer::new();
    peer.raw(BARE_HEADER);
    peer.say(OPEN, open_fields());
    peer.say(BEGIN, begin_fields(5000));
    peer.hear_after_headers();
    peer
}

#[test]
fn without_a_token_nothing_can_be_attached_but_cbs() {
    let mut peer = anonymous();
    for address in ["orders", "orders/$management", "nowhere"] {
        peer.attach_receiver(0, address);
        assert_eq!(condition(&peer.hear()[1].fields, 2), "amqp:unauthorized-access", "{address}");
    }
}

#[test]
fn a_signature_opens_its_queue_until_it_ends() {
    let mut asking = Asking::node(anonymous(), "$cbs");
    let ends_at_second = asking.peer.now.milliseconds() / 1000 + 60;
    let token = asking.peer.authority.sign("sb://127.0.0.1:5672/orders", ends_at_second);
    let answer = asking.put_token("servicebus.windows.net:sastoken", "sb://127.0.0.1:5672/orders", &token);
    assert_eq!((answer.code(), answer.correlation_id), (202, Value::from("request-1")));
    asking.peer.attach_sender(0, "orders");
    asking.peer.attach_sender(1, "other");
    let codes: Vec<u64> = asking.peer.hear().iter().map(|heard| heard.fields.code).collect();
    assert_eq!(codes, [ATTACH, FLOW, ATTACH, DETACH]);

    let end = asking.peer.connection.next_deadline(asking.peer.now).unwrap();
    assert_eq!(end.milliseconds(), ends_at_second * 1000);
    asking.peer.now = end;
    asking.peer.acting(|connection, context| connection.deliver(context));
    assert_eq!(condition(&asking.peer.hear_only(DETACH).fields, 2), "amqp:unauthorized-access");
}

#[test]
fn a_renewed_token_keeps_the_links() {
    let mut asking = Asking::node(anonymous(), "$cbs");
    let second = asking.peer.now.milliseconds() / 1000;
    let first = asking.peer.authority.sign("sb://h/orders", second + 60);
    let renewed = asking.peer.authority.sign("sb://h/orders", second + 6000);
    assert_eq!(asking.put_token("jwt", "sb://h/orders", &first).code(), 202);
    asking.peer.attach_sender(0, "orders");
    assert_eq!(asking.put_token("jwt", "sb://h/orders", &renewed).code(), 202);
    asking.peer.now = asking.peer.now.after(Duration::from_secs(120));
    asking.peer.acting(|connection, context| connection.deliver(context));
    assert!(asking.peer.hear().is_empty());
}

#[test]
fn bad_tokens_are_refused_with_the_reason() {
    let mut asking = Asking::node(anonymous(), "$cbs");
    let token = asking.peer.authority.sign("sb://h/orders", 1);
    let refusals = [
        ("servicebus.windows.net:sastoken", token.as_str(), "ExpiredToken"),
        ("jwt", "aaaa.bbbb.cccc", "InvalidToken"),
        ("unheard:of", token.as_str(), "InvalidToken"),
    ];
    for (kind, token, expected) in refusals {
        let answer = asking.put_token(kind, "sb://h/orders", token);
        assert_eq!(answer.code(), 401, "{kind}");
        let description = lookup(&answer.properties, "status-description").unwrap();
        assert!(format!("{description:?}").contains(expected), "{description:?}");
    }
    asking.peer.attach_receiver(0, "orders");
    assert_eq!(condition(&asking.peer.hear()[1].fields, 2), "amqp:unauthorized-access");
}

#[test]
fn a_reply_finds_its_link_by_address_on_another_session() {
    let mut peer = Peer::in_session();
    peer.attach_sender(8, "orders/$management");
    peer.say_with(1, BEGIN, begin_fields(5000), &[]);
    let mut fields = attach_fields("r", 9, true, "orders/$management");
    fields[6] = described(0x29, Value::List(vec![Value::from("my-replies")]));
    peer.say_with(1, ATTACH, fields, &[]);
    peer.hear();
    let message = request(
        Some("my-replies"),
        &[("operation", Value::from("com.microsoft:peek-message"))],
        Value::Map(map(&[("from-sequence-number", Value::Long(0)), ("message-count", Value::Int(1))])),
    );
    peer.say_with(0, TRANSFER, transfer_fields(8, 0, 0, false), &message);
    peer.hear_only(DISPOSITION);
    peer.say_with(1, FLOW, flow_fields(9, 0, 1, false, 0, 5000), &[]);
    let reply = peer.hear_only(TRANSFER);
    assert_eq!(reply.channel, 1, "the reply waited for credit on the other session");
    assert_eq!(Answer::read(&reply.payload).code(), 204);
}

#[test]
fn a_reply_to_that_no_link_has_means_the_same_session() {
    let mut asking = Asking::management();
    let properties = [("operation", Value::from("com.microsoft:peek-message"))];
    let message = request(Some("cbs-1234"), &properties, Value::Map(OrderedMap::new()));
    asking.peer.say_with(0, TRANSFER, transfer_fields(8, 0, 0, false), &message);
    assert!(asking.peer.hear().iter().any(|heard| heard.fields.code == TRANSFER));
}

#[test]
fn schedule_peek_and_cancel() {
    let mut asking = Asking::management();
    let due = asking.peer.now.milliseconds() + 5000;
    let answer = asking.ask("schedule-message", &[("messages", Value::List(vec![scheduled_message(due)]))]);
    assert_eq!(answer.code(), 200);
    let numbers = array(answer.get("sequence-numbers"));
    assert_eq!(asking.peer.counts(), Counts { scheduled: 1, ..Counts::default() });
    let peeked = asking
        .ask("peek-message", &[("from-sequence-number", Value::Long(0)), ("message-count", Value::Int(5))]);
    assert_eq!((peeked.code(), array(peeked.get("messages")).len()), (200, 1));
    let number = as_integer(&numbers[0]).unwrap();
    assert_eq!(asking.ask("cancel-scheduled-message", &[("sequence-numbers", longs(&[number]))]).code(), 200);
    let again = asking.ask("cancel-scheduled-message", &[("sequence-numbers", longs(&[number]))]);
    assert_eq!(again.code(), 404);
    assert_eq!(again.condition(), Some(&symbol("com.microsoft:message-not-found")));
    assert_eq!(asking.peer.counts(), Counts::default());
}

#[test]
fn locks_are_renewed_and_settled_by_token() {
    let mut asking = Asking::management();
    asking.peer.attach_sender(0, "orders");
    for (id, body) in ["completed", "abandoned", "dead", "deferred"].iter().enumerate() {
        asking.peer.send(0, 100 + u32::try_from(id).unwrap(), body);
    }
    asking.peer.attach_receiver(1, "orders");
    asking.peer.hear();
    asking.peer.credit(1, 0, 4, false);
    let tokens: Vec<Value> = asking.peer.hear().iter().map(|transfer| token(&transfer.fields)).collect();

    let all = Value::Array(Array::from(tokens.clone()));
    let renewed = asking.ask("renew-lock", &[("lock-tokens", all)]);
    let expected = asking.peer.now.after(Duration::from_secs(60)).milliseconds();
    let ends: Vec<Option<i64>> = array(renewed.get("expirations")).iter().map(as_integer).collect();
    assert_eq!(ends, vec![Some(expected); 4]);

    for (token, status) in tokens.iter().zip(["completed", "abandoned", "suspended", "defered"]) {
        let arguments = [
            ("disposition-status", Value::from(status)),
            ("lock-tokens", Value::Array(Array::from(vec![token.clone()]))),
            ("deadletter-reason", Value::from("Bad")),
        ];
        assert_eq!(asking.ask("update-disposition", &arguments).code(), 200, "{status}");
        let again = asking.ask("update-disposition", &arguments);
        assert_eq!(
            (again.code(), again.condition()),
            (410, Some(&symbol("com.microsoft:message-lock-lost")))
        );
    }
    let expected = Counts { active: 1, deferred: 1, dead_letter: 1, ..Counts::default() };
    assert_eq!(asking.peer.counts(), expected);
    let deferred = asking.ask(
        "receive-by-sequence-number",
        &[("sequence-numbers", longs(&[4])), ("receiver-settle-mode", Value::Uint(1))],
    );
    let Value::Map(entry) = &array(deferred.get("messages"))[0] else { panic!("no map") };
    let lock = lookup(entry, "lock-token").unwrap().clone();
    let arguments = [
        ("disposition-status", Value::from("completed")),
        ("lock-tokens", Value::Array(Array::from(vec![lock]))),
    ];
    assert_eq!(asking.ask("update-disposition", &arguments).code(), 200);
    assert_eq!(asking.peer.counts().deferred, 0);
}

fn token(transfer: &Positional) -> Value {
    let Value::Binary(tag) = transfer.get(2) else { panic!("no tag") };
    Value::Uuid(uuid::Uuid::from_slice_le(tag).unwrap().into_bytes().into())
}

#[test]
fn requests_that_make_no_sense_are_refused_and_change_nothing() {
    let mut asking = Asking::management();
    let unscheduled =
        Value::Map(map(&[("message", Value::Binary(ByteBuf::from(encoded_message("a", "a").to_vec())))]));
    let broken = Value::Map(map(&[("message", Value::Binary(ByteBuf::from(*b"nonsense")))]));
    let due = scheduled_message(asking.peer.now.milliseconds() + 5000);
    let cases = [
        ("schedule-message", vec![], 400),
        ("schedule-message", vec![("messages", Value::List(vec![due.clone(), unscheduled]))], 400),
        ("schedule-message", vec![("messages", Value::List(vec![due, broken]))], 400),
        ("cancel-scheduled-message", vec![("sequence-numbers", Value::from("seven"))], 400),
        ("peek-message", vec![("message-count", Value::Int(1))], 400),
        ("renew-lock", vec![("lock-tokens", longs(&[1]))], 400),
        ("update-disposition", vec![("disposition-status", Value::from("forgotten"))], 400),
        ("receive-by-sequence-number", vec![("sequence-numbers", longs(&[99]))], 404),
        ("make-coffee", vec![], 501),
    ];
    for (operation, arguments, code) in cases {
        assert_eq!(asking.ask(operation, &arguments).code(), code, "{operation} {arguments:?}");
    }
    let operation = ("operation", Value::from("com.microsoft:peek-message"));
    assert_eq!(asking.ask_for(&[operation], Value::from("not a map")).code(), 400);
    assert_eq!(asking.peer.counts(), Counts::default());
}

#[test]
fn peeking_nothing_is_no_content() {
    let answer = Asking::management()
        .ask("peek-message", &[("from-sequence-number", Value::Long(0)), ("message-count", Value::Int(1))]);
    assert_eq!(answer.code(), 204);
}
