"""Whether what is deployed is what Microsoft's deployment engine predicted: the same ids, the same bodies, nothing else.

    TOKEN=… python3 deployed.py SNAPSHOT DEPLOYMENT FILE-TO-WRITE [FOLDER-OF-BICEP-TYPES]

Reads every predicted resource from Resource Manager. What the engine cannot work out offline stays an expression in a
snapshot; there any value will do that is none. DEPLOYMENT is the deployment as Azure CLI shows it: its outputs are
compared too. FILE-TO-WRITE gets what is there without its times, to be compared with another look. The standard library
is all it needs; HTTPS_PROXY and REQUESTS_CA_BUNDLE say how Azure is reached.
"""
import json
import os
import pathlib
import re
import ssl
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bicep_types import Types

ARM = "https://management.azure.com"
TIMES = {"createdAt", "updatedAt", "createdOn", "updatedOn", "lastModifiedTime", "creationTime"}
# What is no part of a body, or is how a template names what it describes.
NOT_COMPARED = {"apiVersion", "dependsOn", "name", "scope", "id", "type"}

BLOB_ZONE = "format('privatelink.blob.{0}', environment().suffixes.storage)"

snapshot, deployment, target = (pathlib.Path(argument) for argument in sys.argv[1:4])
types = Types(pathlib.Path(sys.argv[4])) if len(sys.argv) > 4 and sys.argv[4] else None
context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
opener = urllib.request.build_opener(urllib.request.ProxyHandler(), urllib.request.HTTPSHandler(context=context))


def call(method, path, version):
    address = f"{ARM}{path}?api-version={version}"
    request = urllib.request.Request(address, method=method, data=b"" if method == "POST" else None)
    request.add_header("Authorization", f"Bearer {os.environ['TOKEN']}")
    for _ in range(20):
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            if refusal.code != 429:
                sys.exit(f"{method} {path}: {refusal.code} {refusal.read().decode()}")
            time.sleep(int(refusal.headers["Retry-After"]))
    sys.exit(f"{method} {path}: Azure takes no more calls")


def read(resource):
    # Settings are only told to whoever asks for them.
    if resource["type"] == "Microsoft.Web/sites/config":
        return call("POST", f"{resource['id']}/list", resource["apiVersion"])
    return call("GET", resource["id"], resource["apiVersion"])


def is_expression(value):
    return isinstance(value, str) and value.startswith("[") and value.endswith("]")


def differences(predicted, found, path):
    if is_expression(predicted):
        if found in (None, "") or is_expression(found):
            yield f"{path}: {found!r}, where Azure works out {predicted}"
    elif isinstance(predicted, dict):
        if not isinstance(found, dict):
            yield f"{path}: {found!r} is no object"
            return
        for name, value in predicted.items():
            if value is not None or name in found:
                yield from differences(value, found.get(name), f"{path}.{name}")
    elif isinstance(predicted, list):
        if not isinstance(found, list) or len(found) != len(predicted):
            yield f"{path}: {found!r}, not {predicted!r}"
            return
        for number, value in enumerate(predicted):
            yield from differences(value, found[number], f"{path}[{number}]")
    elif is_id(predicted) and isinstance(found, str):
        if predicted.lower() != found.lower() and role(predicted) != role(found):
            yield f"{path}: {found!r}, not {predicted!r}"
    elif predicted != found:
        yield f"{path}: {found!r}, not {predicted!r}"


def is_id(value):
    return isinstance(value, str) and value.lower().startswith("/subscriptions/")


def role(value):
    """Azure shows the id of a role that was defined at a group as one of the subscription."""
    kind = "/providers/microsoft.authorization/roledefinitions/"
    return value.lower().rpartition(kind)[2] if kind in value.lower() else value


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name not in TIMES}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def with_id(resource, group):
    """The engine does not know which cloud it is, so that names that end in its suffix stay expressions, and so do ids."""
    if not is_expression(resource["id"]):
        return resource
    name = resource["name"].replace(BLOB_ZONE, "'privatelink.blob.core.windows.net'")
    parts = [text for text in re.findall(r"'([^']*)'", name) if "{" not in text]
    provider, *kinds = resource["type"].split("/")
    assert len(parts) == len(kinds), f"{resource['name']} is not known here"
    below = "".join(f"/{kind}/{part}" for kind, part in zip(kinds, parts))
    return dict(resource, id=f"{group}/providers/{provider}{below}")


predicted = json.loads(snapshot.read_text())
resources = predicted["predictedResources"]
groups = [resource["id"] for resource in resources if resource["type"] == "Microsoft.Resources/resourceGroups"]
resources = [with_id(resource, groups[0]) for resource in resources]
wrong, there = [], {}
for resource in resources:
    found = read(resource)
    if found["id"].lower() != resource["id"].lower() and role(found["id"]) != role(resource["id"]):
        wrong.append(f"{resource['id']}: its id is {found['id']}")
    body = {name: value for name, value in resource.items() if name not in NOT_COMPARED}
    wrong += differences(body, found, resource["id"])
    there[resource["id"]] = without_times(found)
    if types:
        # How a template writes it, and how it is shown.
        wrong += types.differences(resource["type"], resource["apiVersion"], body, resource["id"], written=True)
        wrong += types.differences(resource["type"], resource["apiVersion"], found, resource["id"])

outputs = json.loads(deployment.read_text())["properties"]["outputs"]
shown = {name.lower(): output["value"] for name, output in outputs.items()}
wrong += differences({name.lower(): value for name, value in predicted["outputs"].items()}, shown, "outputs")

# Nothing but what was predicted.
known = {resource["id"].lower() for resource in resources}
for group in groups:
    listed = [one["id"] for one in call("GET", f"{group}/resources", "2024-03-01")["value"]]
    wrong += [f"{one} was not predicted" for one in listed if one.lower() not in known]
    assignments = f"{group}/providers/Microsoft.Authorization/roleAssignments"
    for one in call("GET", assignments, "2022-04-01")["value"]:
        is_below = one["properties"]["scope"].lower().startswith(group.lower())
        if is_below and one["id"].lower() not in known:
            wrong.append(f"{one['id']} was not predicted")

target.write_text(json.dumps(there, indent=1, sort_keys=True))
if wrong:
    sys.exit("\n".join(wrong[:40]) + f"\n{len(wrong)} differences")
and_types = ", and fit Bicep's types" if types else ""
print(f"passed  {snapshot.name}: {len(resources)} resources and {len(shown)} outputs are as predicted{and_types}")
