#!/usr/bin/env python3
"""What Key Vault tells a webhook, read with Microsoft's own libraries, after article.sh has made the vault.

A webhook subscribes to the customer's vault twice, once for each form of events; a new key must arrive in both.

Needs WORK (article.sh's folder), OWN_URL (the sandbox's own address), CUSTOMER_TENANT, CUSTOMER_CLIENT, CUSTOMER_SECRET,
HTTPS_PROXY, REQUESTS_CA_BUNDLE.
"""

import datetime
import http.server
import json
import os
import pathlib
import queue
import shlex
import threading
import urllib.request

from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, SystemEventNames
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient

NAMES = dict(
    line.split("=", 1)
    for line in shlex.split((pathlib.Path(os.environ["WORK"]) / "names").read_text())
)
WAIT_SECONDS = 60
ARRIVED = queue.Queue()


def expect(found, wanted, what):
    assert found == wanted, f"{what}: expected {wanted!r}, found {found!r}"


class Webhook(http.server.BaseHTTPRequestHandler):
    """Does both handshakes, as Event Grid's documentation says, and keeps everything else."""

    def answer(self, body=b"", **headers):
        self.send_response(200)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_OPTIONS(self):
        origin = self.headers["WebHook-Request-Origin"]
        self.answer(WebHook_Allowed_Origin=origin, WebHook_Allowed_Rate="120")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers.get("aeg-event-type") != "SubscriptionValidation":
            ARRIVED.put((self.headers["Content-Type"], body))
            return self.answer()
        [event] = json.loads(body)
        event = EventGridEvent.from_json(json.dumps(event))
        expect(event.event_type, SystemEventNames.EventGridSubscriptionValidationEventName, "a handshake's type")
        reply = {"validationResponse": event.data["validationCode"]}
        self.answer(json.dumps(reply).encode(), Content_Type="application/json")

    def log_message(self, *_):
        pass


def subscribe(port, schema):
    body = {"vault": NAMES["kvName"], "endpoint": f"http://127.0.0.1:{port}/{schema}", "name": schema, "schema": schema}
    request = urllib.request.Request(
        os.environ["OWN_URL"].rstrip("/") + "/control/event-subscriptions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=WAIT_SECONDS) as answer:
        expect(json.load(answer)["standing"], "Active", "the subscription")


def check_data(data, key):
    expect(data["VaultName"], NAMES["kvName"], "the vault")
    expect(data["ObjectType"], "Key", "the kind of object")
    expect(data["ObjectName"], key.name, "the key")
    expect(data["Version"], key.properties.version, "its version")
    expect(data["Id"], key.id, "its id")


def check(content_type, body, key):
    """Reads one delivery with Microsoft's types, and says which form it had."""
    created = SystemEventNames.KeyVaultKeyNewVersionCreatedEventName
    if content_type.startswith("application/cloudevents"):
        event = CloudEvent.from_json(body)
        kind, source, when = event.type, event.source, event.time
        expect(event.specversion, "1.0", "the version of CloudEvents")
    else:
        [item] = json.loads(body)
        event = EventGridEvent.from_json(json.dumps(item))
        kind, source, when = event.event_type, event.topic, event.event_time
        expect(event.data_version, "1", "the version of the data")
    expect(kind, created, "the event's type")
    expect(source.lower(), NAMES["kvResourceId"].lower(), "where it comes from")
    expect(event.subject, key.name, "its subject")
    if isinstance(when, str):  # EventGridEvent leaves it as it came
        when = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
    assert when.tzinfo is not None, when
    check_data(event.data, key)
    return type(event).__name__


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for schema in ("EventGridSchema", "CloudEventSchemaV1_0"):
        subscribe(server.server_port, schema)
    customer = ClientSecretCredential(
        os.environ["CUSTOMER_TENANT"], os.environ["CUSTOMER_CLIENT"], os.environ["CUSTOMER_SECRET"]
    )
    key = KeyClient(f"https://{NAMES['kvName']}.vault.azure.net", customer).create_rsa_key("told")
    forms = {check(*ARRIVED.get(timeout=WAIT_SECONDS), key) for _ in range(2)}
    expect(forms, {"EventGridEvent", "CloudEvent"}, "the forms that arrived")
    print("passed  a new key is told in both forms, and Microsoft's libraries read them")


if __name__ == "__main__":
    main()
