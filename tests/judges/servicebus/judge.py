#!/usr/bin/env python3
"""Microsoft's own Service Bus SDK as the judge of a Service Bus.

Usage: judge.py [CONNECTION_STRING]      (or LATCHKEY_SERVICE_BUS_CONNECTION_STRING in the environment)

Needs the entities of Config.json, beside this file, and nothing in them.

One line is printed for each scenario. The exit status is 0 when every expectation of every scenario was met, 1 when
one was not, and 3 when the SDK is not installed.

LATCHKEY_JUDGE_ONLY=TEXT tries only the scenarios whose name contains the text.

With LATCHKEY_JUDGE_ORDERS=1 whoever reads the output breaks connections off: at the line "order  drop connections" it
does so and then writes a line to standard input. Without it, the scenarios that need this say that they were passed
over.
"""

import datetime
import os
import sys
import time
import traceback
import uuid

try:
    from azure.servicebus import (
        NEXT_AVAILABLE_SESSION,
        ServiceBusClient,
        ServiceBusMessage,
        ServiceBusReceiveMode,
        ServiceBusSubQueue,
    )
    from azure.servicebus.exceptions import (
        MessageLockLostError,
        OperationTimeoutError,
        MessagingEntityNotFoundError,
        ServiceBusAuthenticationError,
        ServiceBusError,
        SessionCannotBeLockedError,
        SessionLockLostError,
    )
except ImportError as missing:
    print(f"the package azure-servicebus is not installed: {missing}")
    sys.exit(3)

QUEUE = "judge"
UNIQUE_QUEUE = "judge-unique"
BRIEF_QUEUE = "judge-brief"
SESSION_QUEUE = "judge-sessions"
BRIEF_SESSION_QUEUE = "judge-brief-sessions"
BURYING_QUEUE = "judge-burying"
BURIED_QUEUE = "judge-buried"
TOPIC = "judge-topic"
BRIEF_LOCK_SECONDS = 5
WAIT_SECONDS = 60
SCENARIOS = []


class Unmet(Exception):
    """An expectation that was not met."""


class PassedOver(Exception):
    """A scenario that cannot be tried here."""


def drop_connections():
    if os.environ.get("LATCHKEY_JUDGE_ORDERS") != "1":
        raise PassedOver("nobody is there to break connections off")
    print("order  drop connections", flush=True)
    sys.stdin.readline()


def expect(what, actual, expected):
    if actual != expected:
        raise Unmet(f"{what}: expected {expected!r}, got {actual!r}")


def expect_true(what, condition):
    if not condition:
        raise Unmet(what)


def expect_error(what, kind, call):
    try:
        call()
    except kind:
        return
    except Exception as other:  # anything else is the wrong answer
        raise Unmet(f"{what}: expected {kind.__name__}, got {type(other).__name__}: {other}") from other
    raise Unmet(f"{what}: expected {kind.__name__}, but nothing was raised")


def scenario(function):
    SCENARIOS.append(function)
    return function


def body_of(message):
    return b"".join(message.body).decode()


def receive(receiver, count, wait=WAIT_SECONDS):
    """Exactly `count` messages, however many calls they take."""
    messages = []
    deadline = time.monotonic() + wait
    while len(messages) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Unmet(f"only {len(messages)} of {count} messages arrived within {wait} seconds")
        messages += receiver.receive_messages(max_message_count=count - len(messages), max_wait_time=left)
    return messages


def expect_empty(receiver, what):
    left = receiver.peek_messages(max_message_count=10)
    expect(f"messages left in {what}", [body_of(message) for message in left], [])


@scenario
def send_receive_and_complete(client):
    sent_at = datetime.datetime.now(datetime.timezone.utc)
    message = ServiceBusMessage(
        '{"hello": "world"}',
        message_id="m-1",
        content_type="application/json",
        subject="greeting",
        correlation_id="c-1",
        reply_to="answers",
        to="somebody",
        time_to_live=datetime.timedelta(hours=1),
        application_properties={"text": "blue", "number": 7, "truth": True, "ratio": 0.5},
    )
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(message)
    with client.get_queue_receiver(QUEUE) as receiver:
        [received] = receive(receiver, 1)
        expect("body", body_of(received), '{"hello": "world"}')
        expect("message id", received.message_id, "m-1")
        expect("content type", received.content_type, "application/json")
        expect("subject", received.subject, "greeting")
        expect("correlation id", received.correlation_id, "c-1")
        expect("reply to", received.reply_to, "answers")
        expect("to", received.to, "somebody")
        expect("time to live", received.time_to_live, datetime.timedelta(hours=1))
        properties = {key.decode(): value for key, value in received.application_properties.items()}
        expect("text property", properties["text"], b"blue")
        expect("number property", properties["number"], 7)
        expect("truth property", properties["truth"], True)
        expect("ratio property", properties["ratio"], 0.5)
        expect("delivery count", received.delivery_count, 0)
        expect_true("the sequence number is positive", received.sequence_number > 0)
        expect_true("the lock token is a uuid", isinstance(received.lock_token, uuid.UUID))
        off = abs((received.enqueued_time_utc - sent_at).total_seconds())
        expect_true(f"enqueued about now (off by {off} s)", off < 60)
        expect_true("locked until later", received.locked_until_utc > received.enqueued_time_utc)
        receiver.complete_message(received)
        expect_empty(receiver, "the queue")


@scenario
def a_message_without_an_id_gets_one(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("no id"))
    with client.get_queue_receiver(QUEUE) as receiver:
        [received] = receive(receiver, 1)
        expect_true("the message has an id", bool(received.message_id))
        receiver.complete_message(received)


@scenario
def a_batch_arrives_as_single_messages_in_order(client):
    with client.get_queue_sender(QUEUE) as sender:
        batch = sender.create_message_batch()
        for number in range(50):
            batch.add_message(ServiceBusMessage(f"batch {number}", message_id=f"b-{number}"))
        sender.send_messages(batch)
        sender.send_messages([ServiceBusMessage(f"list {number}") for number in range(10)])
    with client.get_queue_receiver(QUEUE, prefetch_count=20) as receiver:
        received = receive(receiver, 60)
        expected = [f"batch {number}" for number in range(50)] + [f"list {number}" for number in range(10)]
        expect("bodies", [body_of(message) for message in received], expected)
        expect("message id of the third", received[2].message_id, "b-2")
        for message in received:
            receiver.complete_message(message)
        expect_empty(receiver, "the queue")


@scenario
def a_large_message_travels_in_many_frames(client):
    text = "0123456789" * 90_000
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage(text))
    with client.get_queue_receiver(QUEUE) as receiver:
        [received] = receive(receiver, 1)
        expect("length", len(body_of(received)), len(text))
        expect_true("the body is unchanged", body_of(received) == text)
        receiver.complete_message(received)


@scenario
def a_scheduled_message_waits_and_a_cancelled_one_never_comes(client):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    later = soon + datetime.timedelta(hours=1)
    with client.get_queue_sender(QUEUE) as sender, client.get_queue_receiver(QUEUE) as receiver:
        numbers = sender.schedule_messages(
            [ServiceBusMessage("comes", message_id="s-1"), ServiceBusMessage("comes too")], soon
        )
        [never] = sender.schedule_messages(ServiceBusMessage("never"), later)
        expect("numbers of two schedules", len(numbers), 2)
        peeked = {body_of(message): message for message in receiver.peek_messages(10)}
        expect("peeked", sorted(peeked), ["comes", "comes too", "never"])
        expect("sequence number of a schedule", peeked["never"].sequence_number, never)
        expect("state of a schedule", peeked["never"].state.name, "SCHEDULED")
        off = abs((peeked["never"].scheduled_enqueue_time_utc - later).total_seconds())
        expect_true(f"the scheduled time is kept (off by {off} s)", off < 0.01)
        sender.cancel_scheduled_messages(never)
        expect_error("cancel twice", ServiceBusError, lambda: sender.cancel_scheduled_messages(never))
        received = receive(receiver, 2)
        expect("bodies", sorted(body_of(message) for message in received), ["comes", "comes too"])
        for message in received:
            early = (soon - message.enqueued_time_utc).total_seconds()
            expect_true(f"not enqueued before its time ({early} s early)", early <= 0.01)
            receiver.complete_message(message)
        expect_empty(receiver, "the queue")


@scenario
def a_plain_send_may_carry_its_schedule(client):
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("annotated", scheduled_enqueue_time_utc=due))
    with client.get_queue_receiver(QUEUE) as receiver:
        [peeked] = receiver.peek_messages(10)
        expect("state", peeked.state.name, "SCHEDULED")
        [received] = receive(receiver, 1)
        expect("body", body_of(received), "annotated")
        expect_true("received after its time", datetime.datetime.now(datetime.timezone.utc) >= due)
        receiver.complete_message(received)


@scenario
def abandoned_too_often_is_a_dead_letter(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("fails", message_id="f-1", application_properties={"keep": "me"}))
    with client.get_queue_receiver(QUEUE) as receiver:
        for attempt in range(3):
            [received] = receive(receiver, 1)
            expect("delivery count", received.delivery_count, attempt)
            receiver.abandon_message(received)
        expect_empty(receiver, "the queue")
    with client.get_queue_receiver(QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead_letters:
        [dead] = receive(dead_letters, 1)
        expect("body", body_of(dead), "fails")
        expect("message id", dead.message_id, "f-1")
        expect("reason", dead.dead_letter_reason, "MaxDeliveryCountExceeded")
        expect_true("a description is given", "3 delivery attempts" in dead.dead_letter_error_description)
        expect("own property", dead.application_properties[b"keep"], b"me")
        dead_letters.complete_message(dead)
        expect_empty(dead_letters, "the dead letters")


@scenario
def dead_lettered_with_a_reason_and_read_back(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("refused", message_id="r-1", subject="s"))
    with client.get_queue_receiver(QUEUE) as receiver:
        [received] = receive(receiver, 1)
        receiver.dead_letter_message(received, reason="Undecodable", error_description="field 'x' is missing")
        expect_empty(receiver, "the queue")
    with client.get_queue_receiver(QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead_letters:
        [peeked] = dead_letters.peek_messages(10)
        expect("peeked reason", peeked.dead_letter_reason, "Undecodable")
        [dead] = receive(dead_letters, 1)
        expect("body", body_of(dead), "refused")
        expect("subject", dead.subject, "s")
        expect("reason", dead.dead_letter_reason, "Undecodable")
        expect("description", dead.dead_letter_error_description, "field 'x' is missing")
        dead_letters.complete_message(dead)
        expect_empty(dead_letters, "the dead letters")


@scenario
def peeking_shows_messages_and_locks_none(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages([ServiceBusMessage(f"peek {number}") for number in range(5)])
    with client.get_queue_receiver(QUEUE) as receiver:
        first = receiver.peek_messages(max_message_count=2)
        expect("first two", [body_of(message) for message in first], ["peek 0", "peek 1"])
        following = receiver.peek_messages(max_message_count=10)
        expect("a peek goes on where the last one ended", len(following), 3)
        number = first[1].sequence_number
        again = receiver.peek_messages(max_message_count=1, sequence_number=number)
        expect("peek from a sequence number", [body_of(message) for message in again], ["peek 1"])
        received = receive(receiver, 5)
        expect("all five can be received", len(received), 5)
        expect("no attempt was counted", {message.delivery_count for message in received}, {0})
        for message in received:
            receiver.complete_message(message)


@scenario
def a_renewed_lock_lasts_longer(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("renew"))
    with client.get_queue_receiver(QUEUE) as receiver:
        [received] = receive(receiver, 1)
        before = received.locked_until_utc
        time.sleep(1.1)
        renewed = receiver.renew_message_lock(received)
        expect_true("the lock ends later", renewed > before)
        expect("the message knows", received.locked_until_utc, renewed)
        receiver.complete_message(received)
        expect_error(
            "renewing what is settled", Exception, lambda: receiver.renew_message_lock(received)
        )


@scenario
def a_deferred_message_is_fetched_by_number(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages([ServiceBusMessage("deferred"), ServiceBusMessage("follows")])
    with client.get_queue_receiver(QUEUE) as receiver:
        [received] = receive(receiver, 1)
        number = received.sequence_number
        receiver.defer_message(received)
        [following] = receive(receiver, 1)
        expect("the deferred one is passed over", body_of(following), "follows")
        receiver.complete_message(following)
        [peeked] = receiver.peek_messages(10, sequence_number=number)
        expect("state", peeked.state.name, "DEFERRED")
        [fetched] = receiver.receive_deferred_messages([number])
        expect("body", body_of(fetched), "deferred")
        receiver.complete_message(fetched)
        expect_error("fetching it again", ServiceBusError, lambda: receiver.receive_deferred_messages([number]))
        expect_empty(receiver, "the queue")


@scenario
def receive_and_delete_settles_at_once(client):
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages([ServiceBusMessage(f"gone {number}") for number in range(3)])
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with client.get_queue_receiver(QUEUE, receive_mode=mode) as receiver:
        received = receive(receiver, 3)
        expect("bodies", [body_of(message) for message in received], ["gone 0", "gone 1", "gone 2"])
    with client.get_queue_receiver(QUEUE) as receiver:
        expect_empty(receiver, "the queue")


@scenario
def a_copy_is_dropped_by_duplicate_detection(client):
    with client.get_queue_sender(UNIQUE_QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("original", message_id="same"))
        sender.send_messages(ServiceBusMessage("copy", message_id="same"))
        sender.send_messages(ServiceBusMessage("other", message_id="another"))
    with client.get_queue_receiver(UNIQUE_QUEUE) as receiver:
        received = receive(receiver, 2)
        expect("bodies", [body_of(message) for message in received], ["original", "other"])
        for message in received:
            receiver.complete_message(message)
    with client.get_queue_sender(UNIQUE_QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("late copy", message_id="same"))
    with client.get_queue_receiver(UNIQUE_QUEUE) as receiver:
        expect_empty(receiver, "the queue")


@scenario
def a_message_is_settled_from_another_connection(client):
    """What a receiver that lost its connection does: settle by lock token, on the management node."""
    with client.get_queue_sender(QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("settled elsewhere"))
    receiver = client.get_queue_receiver(QUEUE)
    [received] = receive(receiver, 1)
    token = received.lock_token
    receiver.close()
    with client.get_queue_receiver(QUEUE) as other:
        other._open()  # pylint: disable=protected-access
        other._settle_message_via_mgmt_link("completed", [token])  # pylint: disable=protected-access
        expect_error(
            "settling it twice",
            MessageLockLostError,
            lambda: other._settle_message_via_mgmt_link("completed", [token]),  # pylint: disable=protected-access
        )
        expect_empty(other, "the queue")


@scenario
def an_unknown_queue_is_not_found(client):
    def send():
        with client.get_queue_sender("no-such-queue") as sender:
            sender.send_messages(ServiceBusMessage("nobody"))

    expect_error("sending to it", MessagingEntityNotFoundError, send)


@scenario
def a_wrong_key_is_refused(_client):
    parts = dict(part.split("=", 1) for part in CONNECTION_STRING.rstrip(";").split(";"))
    parts["SharedAccessKey"] = "bm90IHRoZSBrZXk="
    wrong = ";".join(f"{name}={value}" for name, value in parts.items()) + ";"

    def send():
        with ServiceBusClient.from_connection_string(wrong, retry_total=0) as client:
            with client.get_queue_sender(QUEUE) as sender:
                sender.send_messages(ServiceBusMessage("forged"))

    expect_error("sending with it", ServiceBusAuthenticationError, send)


@scenario
def a_lost_lock_is_noticed(client):
    with client.get_queue_sender(BRIEF_QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("kept too long"))
    with client.get_queue_receiver(BRIEF_QUEUE) as receiver:
        [received] = receive(receiver, 1)
        time.sleep(BRIEF_LOCK_SECONDS + 0.5)
        expect_error("completing it", MessageLockLostError, lambda: receiver.complete_message(received))
        expect_error("renewing it", MessageLockLostError, lambda: receiver.renew_message_lock(received))
        [again] = receive(receiver, 1)
        expect("delivery count", again.delivery_count, 1)
        receiver.complete_message(again)
        expect_empty(receiver, "the queue")


@scenario
def a_broken_connection_is_made_again(client):
    # A send whose answer is lost with the connection is sent again: duplicate detection drops the second.
    queue = UNIQUE_QUEUE
    with client.get_queue_sender(queue) as sender, client.get_queue_receiver(queue) as receiver:
        sender.send_messages(ServiceBusMessage("before", message_id="py-before"))
        [before] = receive(receiver, 1)
        drop_connections()
        sender.send_messages(ServiceBusMessage("after", message_id="py-after"))
        receiver.complete_message(before)
        [after] = receive(receiver, 1)
        expect("body", body_of(after), "after")
        receiver.complete_message(after)
        expect_empty(receiver, "the queue")


@scenario
def a_subscription_gets_what_its_filter_wants(client):
    def message(body, colour, subject):
        return ServiceBusMessage(body, subject=subject, application_properties={"colour": colour})

    with client.get_topic_sender(TOPIC) as sender:
        sender.send_messages(
            [message("1", "red", "order"), message("2", "blue", "order"), message("3", "red", "offer")]
        )
        sender.send_messages(message("4", "red", "order"))
    for name, expected in [("all", ["1", "2", "3", "4"]), ("red-orders", ["1", "4"])]:
        with client.get_subscription_receiver(TOPIC, name) as receiver:
            received = receive(receiver, len(expected))
            expect(f"bodies in {name}", [body_of(message) for message in received], expected)
            for message in received:
                receiver.complete_message(message)
            expect_empty(receiver, name)


@scenario
def a_subscription_has_dead_letters_of_its_own(client):
    with client.get_topic_sender(TOPIC) as sender:
        sender.send_messages(
            ServiceBusMessage("bad", subject="order", application_properties={"colour": "red"})
        )
    with client.get_subscription_receiver(TOPIC, "red-orders") as receiver:
        [received] = receive(receiver, 1)
        receiver.dead_letter_message(received, reason="Bad")
    dead_letter = ServiceBusSubQueue.DEAD_LETTER
    with client.get_subscription_receiver(TOPIC, "red-orders", sub_queue=dead_letter) as dead_letters:
        [dead] = receive(dead_letters, 1)
        expect("reason", dead.dead_letter_reason, "Bad")
        dead_letters.complete_message(dead)
    with client.get_subscription_receiver(TOPIC, "all") as receiver:
        [received] = receive(receiver, 1)
        expect("the other copy", body_of(received), "bad")
        receiver.complete_message(received)


@scenario
def a_forwarded_dead_letter_says_where_it_comes_from(client):
    with client.get_queue_sender(BURYING_QUEUE) as sender:
        sender.send_messages(ServiceBusMessage("refused"))
    with client.get_queue_receiver(BURYING_QUEUE) as receiver:
        [received] = receive(receiver, 1)
        receiver.dead_letter_message(received, reason="Bad")
    with client.get_queue_receiver(BURIED_QUEUE) as receiver:
        [buried] = receive(receiver, 1)
        expect("source", buried.dead_letter_source, BURYING_QUEUE)
        expect("reason", buried.dead_letter_reason, "Bad")
        receiver.complete_message(buried)


def session_message(session, body):
    return ServiceBusMessage(body, session_id=session)


@scenario
def a_session_is_received_in_order_by_one_receiver(client):
    with client.get_queue_sender(SESSION_QUEUE) as sender:
        sender.send_messages([session_message(id, f"{id}{n}") for n in range(3) for id in ["a", "b"]])
        expect_error("a message without", ServiceBusError, lambda: sender.send_messages(ServiceBusMessage("x")))
    with client.get_queue_receiver(SESSION_QUEUE, session_id="b") as receiver:
        expect("session", receiver.session.session_id, "b")
        expect_true("it is locked for a while", receiver.session.locked_until_utc is not None)
        received = receive(receiver, 3)
        expect("bodies", [body_of(message) for message in received], ["b0", "b1", "b2"])
        expect("session of a message", received[0].session_id, "b")

        def accept_again():
            # Without retries, which would outlast the lock.
            with ServiceBusClient.from_connection_string(CONNECTION_STRING, retry_total=0) as impatient:
                with impatient.get_queue_receiver(SESSION_QUEUE, session_id="b") as other:
                    other.receive_messages(max_wait_time=WAIT_SECONDS)

        expect_error("accepting it again", SessionCannotBeLockedError, accept_again)
        for message in received:
            receiver.complete_message(message)
    with client.get_queue_receiver(SESSION_QUEUE, session_id=NEXT_AVAILABLE_SESSION) as receiver:
        expect("the next", receiver.session.session_id, "a")
        for message in receive(receiver, 3):
            receiver.complete_message(message)

    def accept_next():
        with client.get_queue_receiver(
            SESSION_QUEUE, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1
        ) as receiver:
            receiver.receive_messages(max_wait_time=1)

    expect_error("no session is left", OperationTimeoutError, accept_next)


@scenario
def a_session_keeps_a_state_and_a_renewed_lock(client):
    with client.get_queue_sender(SESSION_QUEUE) as sender:
        sender.send_messages(session_message("s", "1"))
    with client.get_queue_receiver(SESSION_QUEUE, session_id="s") as receiver:
        session = receiver.session
        expect("no state yet", session.get_state(), None)
        session.set_state("half way")
        before = session.locked_until_utc
        time.sleep(1.1)
        expect_true("the lock ends later", session.renew_lock() > before)
        [received] = receive(receiver, 1)
        receiver.defer_message(received)
        [deferred] = receiver.receive_deferred_messages(received.sequence_number)
        receiver.complete_message(deferred)
    with client.get_queue_receiver(SESSION_QUEUE, session_id="s") as receiver:
        expect("state", receiver.session.get_state(), b"half way")
        receiver.session.set_state(None)
        expect("state taken away", receiver.session.get_state(), None)


@scenario
def a_lost_session_is_noticed_and_can_be_had_again(client):
    with client.get_queue_sender(BRIEF_SESSION_QUEUE) as sender:
        sender.send_messages(session_message("l", "1"))
    with client.get_queue_receiver(BRIEF_SESSION_QUEUE, session_id="l") as receiver:
        [received] = receive(receiver, 1)
        time.sleep(BRIEF_LOCK_SECONDS + 0.5)
        expect_error("completing", SessionLockLostError, lambda: receiver.complete_message(received))
    with client.get_queue_receiver(BRIEF_SESSION_QUEUE, session_id="l") as receiver:
        [again] = receive(receiver, 1)
        expect("delivery count", again.delivery_count, 1)
        receiver.complete_message(again)


def main():
    failed = 0
    with ServiceBusClient.from_connection_string(CONNECTION_STRING) as client:
        wanted = os.environ.get("LATCHKEY_JUDGE_ONLY", "")
        for check in SCENARIOS:
            if wanted not in check.__name__:
                continue
            name = check.__name__.replace("_", " ")
            started = time.monotonic()
            try:
                check(client)
            except PassedOver as reason:
                print(f"SKIPPED {name}: {reason}", flush=True)
            except Unmet as unmet:
                failed += 1
                print(f"FAILED  {name}: {unmet}", flush=True)
            except Exception:  # a scenario that breaks is a scenario that failed
                failed += 1
                print(f"FAILED  {name}:\n{traceback.format_exc()}", flush=True)
            else:
                print(f"passed  {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{failed} of {len(SCENARIOS)} scenarios failed")
    return 1 if failed else 0


if __name__ == "__main__":
    CONNECTION_STRING = (
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", "")
    )
    if not CONNECTION_STRING:
        print(__doc__)
        sys.exit(2)
    sys.exit(main())
