#!/usr/bin/env python3
"""Microsoft's own Service Bus SDK at a namespace by TLS, with a managed identity.

Usage: identity.py HOST:PORT

The identity may send to the queue "orders" and nothing else. IDENTITY_ENDPOINT, IDENTITY_HEADER and IDENTITY_CLIENT_ID
say who it is, SSL_CERT_FILE whom to trust. The exit status is 0 when everything was as it should be, and 3 when the SDK
is not installed.
"""

import json
import os
import sys
import urllib.parse
import urllib.request

try:
    from azure.core.credentials import AccessToken
    from azure.servicebus import ServiceBusClient, ServiceBusMessage
    from azure.servicebus._pyamqp import _connection
    from azure.servicebus.exceptions import ServiceBusAuthorizationError
except ImportError as missing:
    print(f"the package azure-servicebus is not installed: {missing}")
    sys.exit(3)


class Identity:
    """What azure-identity does inside a function app."""

    def get_token(self, *scopes, **_):
        query = {
            "api-version": "2019-08-01",
            "resource": scopes[0].removesuffix("/.default"),
            "client_id": os.environ["IDENTITY_CLIENT_ID"],
        }
        url = f"{os.environ['IDENTITY_ENDPOINT']}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, headers={"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        return AccessToken(answer["access_token"], int(answer["expires_on"]))


def refused(attempt, claim, entity):
    try:
        attempt()
    except ServiceBusAuthorizationError as error:
        text = f"'{claim}' claim(s) are required to perform this operation. Resource: 'sb://{host}/{entity}'"
        if text not in str(error):
            sys.exit(f"refused in other words: {error}")
        return
    sys.exit(f"'{claim}' on {entity} was not refused")


host, port = sys.argv[1].split(":")
# The SDK has one port for TLS and no setting for it. Nobody could say that it is free on this machine.
_connection.SECURE_PORT = int(port)
client = ServiceBusClient(
    host,
    Identity(),
    connection_verify=os.environ["SSL_CERT_FILE"],
    retry_total=0,
)
with client:
    with client.get_queue_sender("orders") as sender:
        sender.send_messages([ServiceBusMessage("one"), ServiceBusMessage("two")])

    def receive():
        with client.get_queue_receiver("orders") as receiver:
            receiver.receive_messages(max_wait_time=5)

    def send_elsewhere():
        with client.get_queue_sender("other") as sender:
            sender.send_messages(ServiceBusMessage("three"))

    refused(receive, "Listen", "orders")
    refused(send_elsewhere, "Send", "other")
print("all is well")
