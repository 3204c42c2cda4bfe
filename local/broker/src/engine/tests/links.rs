use std::time::Duration;

use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;
use serde_bytes::ByteBuf;

use super::peer::*;
use crate::amqp_error::AmqpError;
use crate::codec::{Positional, SectionKind, decode, described, encode, split_sections, symbol};
use crate::faults::{Failure, Operation, Trouble};
use crate::message::tests::encoded_message;
use crate::store::{Counts, EntityName};

fn text_of(payload: &[u8]) -> String {
    let sections = split_sections(payload.to_vec().into()).unwrap();
    let data = sections.iter().find(|section| section.kind == SectionKind::Data).unwrap();
    let Value::Binary(bytes) = decode(&data.value).unwrap() else { panic!("no bytes") };
    String::from_utf8(bytes.into_vec()).unwrap()
}

fn delivered(heard: &[Heard]) -> Vec<String> {
    heard.iter().filter(|heard| heard.fields.code == TRANSFER).map(|heard| text_of(&heard.payload)).collect()
}

/// A peer with a sender on handle 0 and a receiver on handle 1, and messages in the queue.
fn with_messages(bodies: &[&str]) -> Peer {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    for (id, body) in bodies.iter().enumerate() {
        peer.send(0, u32::try_from(id).unwrap(), body);
    }
    peer.attach_receiver(1, "orders");
    peer.hear();
    peer
}

#[test]
fn a_sender_is_granted_credit_and_each_message_is_accepted() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "Orders");
    let heard = peer.hear();
    assert_eq!(heard.iter().map(|heard| heard.fields.code).collect::<Vec<_>>(), [ATTACH, FLOW]);
    assert_eq!(heard[0].fields.number(10), Some(u32::try_from(LARGEST_MESSAGE).unwrap()));
    assert_eq!(heard[1].fields.number(6), Some(1000));
    peer.send(0, 0, "a");
    let disposition = peer.hear_only(DISPOSITION);
    assert_eq!((disposition.fields.number(1), disposition.fields.is_true(3)), (Some(0), true));
    assert_eq!(disposition.fields.get(4), &state(0x24));
    assert_eq!(peer.counts().active, 1);
}

#[test]
fn credit_is_granted_again_before_it_runs_out() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.hear();
    for id in 0..500 {
        peer.send(0, id, "x");
    }
    let flows: Vec<Heard> = peer.hear().into_iter().filter(|heard| heard.fields.code == FLOW).collect();
    assert_eq!(flows.len(), 1);
    assert_eq!((flows[0].fields.number(5), flows[0].fields.number(6)), (Some(500), Some(1000)));
}

#[test]
fn the_session_window_is_opened_again_before_it_closes() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    for id in 0..2500 {
        peer.send(0, id, "x");
    }
    let opened = peer
        .hear()
        .into_iter()
        .filter(|heard| heard.fields.code == FLOW && heard.fields.get(4) == &Value::Null);
    let windows: Vec<(Option<u32>, Option<u32>)> =
        opened.map(|flow| (flow.fields.number(0), flow.fields.number(1))).collect();
    assert_eq!(windows, [(Some(2500), Some(5000))]);
}

#[test]
fn no_message_is_locked_without_credit_for_it() {
    let mut peer = with_messages(&["a", "b", "c"]);
    assert_eq!(peer.counts(), Counts { active: 3, ..Counts::default() });
    peer.credit(1, 0, 2, false);
    assert_eq!(delivered(&peer.hear()), ["a", "b"]);
    assert_eq!(peer.counts(), Counts { active: 1, locked: 2, ..Counts::default() });
}

#[test]
fn a_message_sent_later_uses_the_credit_that_waits() {
    let mut peer = with_messages(&[]);
    peer.credit(1, 0, 5, false);
    assert!(peer.hear().is_empty());
    peer.send(0, 0, "later");
    assert_eq!(delivered(&peer.hear()), ["later"]);
}

#[test]
fn the_delivery_tag_is_the_lock_token_as_dotnet_writes_it() {
    let mut peer = with_messages(&["a"]);
    peer.credit(1, 0, 1, false);
    let transfer = peer.hear_only(TRANSFER);
    let Value::Binary(tag) = transfer.fields.get(2) else { panic!("{transfer:?}") };
    assert_eq!(tag.len(), 16);
    let sections = split_sections(transfer.payload.into()).unwrap();
    let annotations =
        sections.iter().find(|section| section.kind == SectionKind::DeliveryAnnotations).unwrap();
    let Value::Map(map) = decode(&annotations.value).unwrap() else { panic!("no map") };
    let Some(Value::Uuid(token)) = map.get(&symbol("x-opt-lock-token")) else { panic!("no token") };
    let token = uuid::Uuid::from_bytes(*token.as_inner());
    assert_eq!(tag.as_slice(), token.to_bytes_le());
}

#[test]
fn a_drain_delivers_what_there_is_and_gives_the_rest_of_the_credit_back() {
    let mut peer = with_messages(&["a"]);
    peer.credit(1, 0, 10, true);
    let heard = peer.hear();
    assert_eq!(delivered(&heard), ["a"]);
    let flow = &heard.last().unwrap().fields;
    assert_eq!((flow.code, flow.number(5), flow.number(6), flow.is_true(8)), (FLOW, Some(10), Some(0), true));
    peer.send(0, 1, "b");
    assert!(delivered(&peer.hear()).is_empty(), "no credit is left");
}

#[test]
fn an_echo_is_answered() {
    let mut peer = with_messages(&[]);
    let mut fields = flow_fields(1, 0, 7, false, 0, 5000);
    fields.push(Value::Bool(true));
    peer.say(FLOW, fields);
    assert_eq!(peer.hear_only(FLOW).fields.number(6), Some(7));
}

#[test]
fn settling_is_carried_out_and_echoed() {
    let mut peer = with_messages(&["done", "given back", "set aside", "dead", "untouched"]);
    peer.credit(1, 0, 5, false);
    peer.hear();
    peer.settle(0, 0, state(0x24));
    assert_eq!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));
    peer.settle(1, 1, state(0x27));
    peer.settle(2, 2, described(0x27, Value::List(vec![Value::Null, Value::Bool(true)])));
    peer.settle(3, 3, described(0x25, Value::List(vec![rejection()])));
    peer.settle(4, 4, state(0x26));
    let answers: Vec<Value> = peer.hear().iter().map(|heard| heard.fields.get(4).clone()).collect();
    assert_eq!(answers[2], state(0x25), "a rejection comes back without its error");
    assert_eq!(peer.counts(), Counts { active: 2, deferred: 1, dead_letter: 1, ..Counts::default() });
}

/// As rhea (JavaScript) writes it: the keys are strings, which strict decoders take for an error.
fn rejection() -> Value {
    let mut info = OrderedMap::new();
    info.insert(Value::from("DeadLetterReason"), Value::from("Bad"));
    described(0x1d, Value::List(vec![symbol("com.microsoft:dead-letter"), Value::Null, Value::Map(info)]))
}

#[test]
fn several_deliveries_are_settled_by_one_range() {
    let mut peer = with_messages(&["a", "b", "c"]);
    peer.credit(1, 0, 3, false);
    peer.hear();
    peer.settle(0, 2, state(0x24));
    let answer = peer.hear_only(DISPOSITION).fields;
    assert_eq!((answer.number(1), answer.number(2)), (Some(0), Some(2)), "and answered by one");
    assert_eq!(peer.counts(), Counts::default());
}

#[test]
fn a_lost_lock_is_answered_with_a_rejection() {
    let mut peer = with_messages(&["a"]);
    peer.credit(1, 0, 1, false);
    peer.hear();
    peer.now = peer.now.after(Duration::from_secs(61));
    peer.settle(0, 0, state(0x24));
    let answer = peer.hear_only(DISPOSITION);
    let rejected = Positional::from_value(answer.fields.get(4).clone()).unwrap();
    assert_eq!((rejected.code, condition(&rejected, 0).as_str()), (0x25, "com.microsoft:message-lock-lost"));
    assert_eq!(peer.counts().active, 1, "and the message is there again");
}

#[test]
fn locks_outlive_their_link_and_connection() {
    let mut peer = with_messages(&["a"]);
    peer.credit(1, 0, 1, false);
    peer.say(DETACH, vec![Value::Uint(1), Value::Bool(true)]);
    assert_eq!(peer.counts().locked, 1);
    peer.say(CLOSE, vec![]);
    assert_eq!(peer.counts().locked, 1);
}

#[test]
fn receive_and_delete_is_settled_when_sent() {
    let mut peer = with_messages(&["a"]);
    let mut fields = attach_fields("d", 2, true, "orders");
    fields[3] = Value::Ubyte(1);
    peer.say(ATTACH, fields);
    peer.hear();
    peer.credit(2, 0, 5, false);
    assert!(peer.hear_only(TRANSFER).fields.is_true(4));
    assert_eq!(peer.counts(), Counts::default());
}

#[test]
fn a_large_message_comes_and_goes_in_pieces() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    let body = "0123456789".repeat(15_000);
    let message = encoded_message("large", &body);
    let (first, rest) = message.split_at(60_000);
    let (second, third) = rest.split_at(60_000);
    peer.say_with(0, TRANSFER, transfer_fields(0, 0, 0, true), first);
    peer.say_with(0, TRANSFER, continuing(0, true), second);
    assert_eq!(peer.counts().active, 0, "it is not whole yet");
    peer.say_with(0, TRANSFER, continuing(0, false), third);
    assert_eq!(peer.counts().active, 1);
    peer.attach_receiver(1, "orders");
    peer.hear();
    peer.credit(1, 0, 1, false);
    let pieces = peer.hear();
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.fields.code == TRANSFER));
    let more: Vec<bool> = pieces.iter().map(|piece| piece.fields.is_true(5)).collect();
    assert!(more[..more.len() - 1].iter().all(|more| *more) && !more[more.len() - 1]);
    let whole: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.payload).collect();
    assert_eq!(text_of(&whole), body);
}

fn continuing(handle: u32, more: bool) -> Vec<Value> {
    vec![Value::Uint(handle), Value::Null, Value::Null, Value::Null, Value::Null, Value::Bool(more)]
}

#[test]
fn pieces_wait_for_the_peers_session_window() {
    let mut peer = Peer::new();
    let plain = [&b"\0RootManageSharedAccessKey\0"[..], peer.authority.key().as_bytes()].concat();
    peer.sasl("PLAIN", &plain);
    peer.raw(BARE_HEADER);
    peer.say(OPEN, vec![Value::from("peer"), Value::Null, Value::Uint(512)]);
    peer.say(BEGIN, begin_fields(2));
    peer.attach_sender(0, "orders");
    peer.send(0, 0, &"x".repeat(1000));
    peer.attach_receiver(1, "orders");
    peer.hear_after_headers();
    peer.say(FLOW, flow_fields(1, 0, 1, false, 0, 2));
    let first = peer.hear();
    assert_eq!(first.len(), 2, "the window is two transfers");
    peer.say(FLOW, flow_fields(1, 0, 1, false, 2, 100));
    let rest = peer.hear();
    let whole: Vec<u8> = first.into_iter().chain(rest).flat_map(|piece| piece.payload).collect();
    assert_eq!(text_of(&whole), "x".repeat(1000));
}

#[test]
fn an_aborted_delivery_leaves_nothing_behind() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.say_with(0, TRANSFER, transfer_fields(0, 0, 0, true), b"\x00\x53");
    let mut aborted = continuing(0, false);
    aborted.extend([Value::Null, Value::Null, Value::Null, Value::Bool(true)]);
    peer.say(TRANSFER, aborted);
    peer.send(0, 1, "whole");
    assert_eq!(peer.counts().active, 1);
}

#[test]
fn a_message_that_is_too_large_costs_the_sender_its_link() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.hear();
    let piece = vec![0; 60_000];
    peer.say_with(0, TRANSFER, transfer_fields(0, 0, 0, true), &piece);
    for _ in 0..3 {
        peer.say_with(0, TRANSFER, continuing(0, true), &piece);
    }
    let detach = peer.hear_only(DETACH);
    assert_eq!(condition(&detach.fields, 2), "amqp:link:message-size-exceeded");
    peer.say_with(0, TRANSFER, continuing(0, false), &piece);
    assert!(peer.hear().is_empty(), "what was under way is dropped");
    peer.say(DETACH, vec![Value::Uint(0), Value::Bool(true)]);
    assert!(peer.hear().is_empty());
    peer.attach_sender(0, "orders");
    peer.send(0, 1, "small");
    assert_eq!(peer.counts().active, 1, "the handle can be used again");
}

#[test]
fn what_is_not_a_message_is_rejected_and_the_link_lives_on() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.hear();
    peer.say_with(0, TRANSFER, transfer_fields(0, 0, 0, false), b"nonsense");
    let answer = peer.hear_only(DISPOSITION);
    let rejected = Positional::from_value(answer.fields.get(4).clone()).unwrap();
    assert_eq!((rejected.code, condition(&rejected, 0).as_str()), (0x25, "amqp:decode-error"));
    peer.send(0, 1, "fine");
    assert_eq!(peer.counts().active, 1);
}

fn batch(messages: &[&[u8]]) -> Vec<u8> {
    let section = |bytes: &&[u8]| encode(&described(0x75, Value::Binary(ByteBuf::from(*bytes))));
    messages.iter().flat_map(section).collect()
}

#[test]
fn a_batch_is_taken_apart_and_accepted_once_or_rejected_whole() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.hear();
    let (a, b) = (encoded_message("a", "a"), encoded_message("b", "b"));
    peer.say_with(0, TRANSFER, transfer_fields(0, 0, 0x8001_3700, false), &batch(&[&a[..], &b[..]]));
    assert_eq!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));
    assert_eq!(peer.counts().active, 2);
    peer.say_with(0, TRANSFER, transfer_fields(0, 1, 0x8001_3700, false), &batch(&[&a[..], b"nonsense"]));
    assert_ne!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));
    assert_eq!(peer.counts().active, 2, "none of a bad batch");
}

#[test]
fn an_unknown_queue_is_attached_to_nothing_and_detached() {
    let mut peer = Peer::in_session();
    peer.attach_receiver(3, "nowhere");
    let heard = peer.hear();
    assert_eq!(heard.iter().map(|heard| heard.fields.code).collect::<Vec<_>>(), [ATTACH, DETACH]);
    assert_eq!(heard[0].fields.get(5), &Value::Null);
    assert_eq!(condition(&heard[1].fields, 2), "amqp:not-found");
    assert!(heard[1].fields.is_true(1));
}

#[test]
fn every_queue_and_subscription_has_dead_letters_of_its_transfers() {
    for entity in ["orders", "events/Subscriptions/all"] {
        let mut peer = Peer::in_session();
        peer.attach_receiver(1, &format!("{entity}/$Transfer/$DeadLetterQueue"));
        assert_ne!(peer.hear_only(ATTACH).fields.get(5), &Value::Null, "{entity}");
    }
}

#[test]
fn nobody_sends_to_the_dead_letters() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders/$DeadLetterQueue");
    assert_eq!(condition(&peer.hear()[1].fields, 2), "amqp:not-allowed");
}

#[test]
fn links_are_detached_by_order_and_only_those_of_the_entity() {
    let mut peer = Peer::in_session();
    peer.attach_sender(0, "orders");
    peer.attach_sender(1, "other");
    peer.hear();
    let fault = AmqpError::new("amqp:link:detach-forced", "test");
    peer.acting(|connection, context| {
        connection.detach_links(Some(&EntityName::new("orders")), &fault, context);
    });
    let detach = peer.hear_only(DETACH);
    assert_eq!(detach.channel, 0);
    assert_eq!(
        (detach.fields.number(0), condition(&detach.fields, 2).as_str()),
        (Some(0), "amqp:link:detach-forced")
    );
}

#[test]
fn ordered_failures_strike_once_each_and_nothing_is_done() {
    let mut peer = with_messages(&["a", "b"]);
    peer.credit(1, 0, 2, false);
    peer.hear();
    peer.faults.order(Operation::Settle, 1, Trouble::Fail(Failure::ServerBusy));
    peer.settle(0, 1, state(0x24));
    let heard = peer.hear();
    assert_eq!(heard.len(), 2, "one failed, one did not");
    let rejected = Positional::from_value(heard[0].fields.get(4).clone()).unwrap();
    assert_eq!(condition(&rejected, 0), "com.microsoft:server-busy");
    assert_eq!(peer.counts(), Counts { locked: 1, ..Counts::default() });

    peer.faults.order(Operation::Send, 1, Trouble::Fail(Failure::QuotaExceeded));
    peer.send(0, 2, "c");
    assert_ne!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));
    peer.send(0, 3, "c");
    assert_eq!(peer.hear_only(DISPOSITION).fields.get(4), &state(0x24));

    peer.faults.order(Operation::Attach, 1, Trouble::Fail(Failure::EntityDisabled));
    peer.attach_receiver(5, "orders");
    assert_eq!(condition(&peer.hear()[1].fields, 2), "com.microsoft:entity-disabled");

    peer.faults.order(Operation::Send, 2, Trouble::Delay(Duration::from_millis(7)));
    peer.send(0, 4, "late");
    assert_eq!(peer.connection.take_delay(), Some(Duration::from_millis(7)));
    assert_eq!(peer.connection.take_delay(), None);
    peer.faults.clear();
    peer.send(0, 5, "in time");
    assert_eq!(peer.connection.take_delay(), None);
}
