"""Replays all dead letters of a queue the way Microsoft's documentation shows: receive, send, complete.

Prints how many were replayed and how many seconds that took, connections included. Exit status 3: the SDK is missing.
"""

import os
import sys
import time

try:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue
except ImportError:
    sys.exit(3)


def main(queue: str, expected: int) -> None:
    begun = time.monotonic()
    replayed = 0
    connection = os.environ["LATCHKEY_SERVICE_BUS_CONNECTION_STRING"]
    with ServiceBusClient.from_connection_string(connection) as client:
        receiver = client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        with receiver, client.get_queue_sender(queue) as sender:
            while replayed < expected:
                for dead in receiver.receive_messages(max_message_count=100, max_wait_time=5):
                    properties = {
                        name: value
                        for name, value in (dead.application_properties or {}).items()
                        if name not in (b"DeadLetterReason", b"DeadLetterErrorDescription")
                    }
                    sender.send_messages(
                        ServiceBusMessage(
                            b"".join(dead.body),
                            application_properties=properties,
                            message_id=f"{dead.message_id}-again",
                            content_type=dead.content_type,
                            subject=dead.subject,
                            correlation_id=dead.correlation_id,
                        )
                    )
                    receiver.complete_message(dead)
                    replayed += 1
    print(f"{replayed} {time.monotonic() - begun:.3f}")


main(sys.argv[1], int(sys.argv[2]))
