"""Sends and receives with Microsoft's SDK; prints one line a piece of work: its name, messages, seconds.

Exit status 3: the SDK is missing.
"""

import os
import sys
import time

try:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage
except ImportError:
    sys.exit(3)


def timed(name: str, count: int, work) -> None:
    begun = time.monotonic()
    work()
    print(f"{name} {count} {time.monotonic() - begun:.4f}", flush=True)


def main(queue: str, count: int) -> None:
    body = b"x" * 200

    def one_at_a_time() -> None:
        for number in range(count):
            sender.send_messages(ServiceBusMessage(body, message_id=f"single-{number}"))

    def batches() -> None:
        for start in range(0, count, 100):
            batch = sender.create_message_batch()
            for number in range(start, min(start + 100, count)):
                batch.add_message(ServiceBusMessage(body, message_id=f"batch-{number}"))
            sender.send_messages(batch)

    def receive_and_complete() -> None:
        left = 2 * count
        while left:
            for message in receiver.receive_messages(max_message_count=min(100, left), max_wait_time=30):
                receiver.complete_message(message)
                left -= 1

    connection = os.environ["LATCHKEY_SERVICE_BUS_CONNECTION_STRING"]
    with ServiceBusClient.from_connection_string(connection) as client:
        with client.get_queue_sender(queue) as sender, client.get_queue_receiver(queue) as receiver:
            timed("send-one-at-a-time", count, one_at_a_time)
            timed("send-batches-of-100", count, batches)
            timed("receive-and-complete", 2 * count, receive_and_complete)


main(sys.argv[1], int(sys.argv[2]))
