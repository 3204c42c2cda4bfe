#!/usr/bin/env python3
"""Judges the Microsoft Graph bodies of recorded traffic by Graph's published CSDL: names, types, enumerations, nesting.

Usage: graph.py CSDL TRAFFIC.har

Exit status: 0 nothing found, 1 something found, 2 there was nothing to judge.
"""

import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

# Which type a path answers with, and takes.
TYPES = [
    (r"/federatedIdentityCredentials(/[^/]+)?$", "microsoft.graph.federatedIdentityCredential"),
    (r"/applications(/[^/]+|\([^)]*\))?$", "microsoft.graph.application"),
    (r"/servicePrincipals(/[^/]+|\([^)]*\))?$", "microsoft.graph.servicePrincipal"),
    (r"/directoryObjects/getByIds$", None),  # each object says its own type
    (r"/directory/deletedItems/[^/]+(/restore)?$", None),
    (r"/applications/[^/]+/addPassword$", "microsoft.graph.passwordCredential"),
    (r"/me$", "microsoft.graph.user"),
]
PRIMITIVES = {
    "Edm.Boolean": bool,
    "Edm.Int32": int,
    "Edm.String": str,
    "Edm.Guid": str,
    "Edm.DateTimeOffset": str,
    "Edm.Binary": str,
    "Edm.Stream": str,
}


# What Graph's documentation calls an error response; the CSDL has no type for it.
REFUSAL = "refusal"


def judge_refusal(body):
    """Every departure of a refusal from the shape that is documented."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or set(body) != {"error"}:
        return ["is no error response"]
    found = [f"error.{name}: is no text" for name in ("code", "message") if not isinstance(error.get(name), str)]
    found += [f"error.{name}: no such property" for name in set(error) - {"code", "message", "innerError", "details"}]
    inner = error.get("innerError", {})
    missing = {"date", "request-id", "client-request-id"} - set(inner)
    return found + [f"error.innerError.{name}: is missing" for name in missing]


class Model:
    """The types of a CSDL document. Open types are taken as closed: an unknown name is what we are looking for."""

    def __init__(self, file):
        self.properties, self.bases, self.enumerations = {}, {}, {}
        for schema in ElementTree.parse(file).getroot().iter():
            if schema.tag.endswith("}Schema"):
                namespaces = {schema.get("Namespace"), schema.get("Alias")} - {None}
                for declared in schema:
                    self.declare(namespaces, declared)

    def declare(self, namespaces, declared):
        kind = declared.tag.split("}")[1]
        for namespace in namespaces:
            name = f"{namespace}.{declared.get('Name')}"
            if kind == "EnumType":
                self.enumerations[name] = {member.get("Name") for member in declared}
            if kind in ("EntityType", "ComplexType"):
                self.bases[name] = declared.get("BaseType")
                self.properties[name] = {
                    inner.get("Name"): (inner.get("Type"), inner.get("Nullable") != "false")
                    for inner in declared
                    if inner.tag.split("}")[1] in ("Property", "NavigationProperty")
                }

    def of(self, name):
        found = {}
        while name in self.properties:
            found = {**self.properties[name], **found}
            name = self.bases[name]
        return found

    def judge(self, kind, value, where, nullable=True):
        """Every departure of a value from its type, as text."""
        if value is None:
            return [] if nullable else [f"{where}: must not be null"]
        collection = re.fullmatch(r"Collection\((.*)\)", kind)
        if collection:
            if not isinstance(value, list):
                return [f"{where}: is not a list"]
            return [found for item in value for found in self.judge(collection[1], item, f"{where}[]")]
        if kind in PRIMITIVES:
            right = isinstance(value, PRIMITIVES[kind])
            return [] if right else [f"{where}: {type(value).__name__} is not {kind}"]
        if kind in self.enumerations:
            return [] if value in self.enumerations[kind] else [f"{where}: {value!r} is not one of {kind}"]
        if kind not in self.properties:
            return []
        if not isinstance(value, dict):
            return [f"{where}: is not an object"]
        known, found = self.of(kind), []
        for name, inner in value.items():
            if "@odata." in name:
                continue
            if name not in known:
                found.append(f"{where}.{name}: there is no such property in {kind}")
            else:
                found += self.judge(known[name][0], inner, f"{where}.{name}", known[name][1])
        return found


def bodies(har):
    """What was sent to Graph and what came back, with the type it should have."""
    for entry in har["log"]["entries"]:
        url = urllib.parse.urlsplit(entry["request"]["url"])
        if url.netloc != "graph.microsoft.com":
            continue
        if entry["response"]["status"] >= 400:
            refusal = json.loads(entry["response"].get("content", {}).get("text") or "null")
            yield f"{entry['request']['method']} {url.path} refusal", REFUSAL, refusal
            continue
        kind = next((kind for path, kind in TYPES if re.search(path, url.path)), "unknown")
        by_ids = url.path.endswith("/getByIds")
        sides = [("response", entry["response"].get("content", {}).get("text"))]
        if not by_ids:
            sides.append(("request", entry["request"].get("postData", {}).get("text")))
        for side, text in sides:
            body = json.loads(text) if text else None
            if body is not None and side == "request" and url.path.endswith("/addPassword"):
                body = body.get("passwordCredential")  # the action's one parameter
            if body is not None:
                yield f"{entry['request']['method']} {url.path} {side}", kind, body


def main():
    model = Model(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        har = json.load(file)
    judged, found = 0, []
    for name, kind, body in bodies(har):
        if kind == "unknown":
            found.append(f"{name}: no type is known for this path")
            continue
        if kind == REFUSAL:
            judged += 1
            found += [f"{name}: {text}" for text in judge_refusal(body)]
            continue
        for item in body["value"] if isinstance(body.get("value"), list) else [body]:
            judged += 1
            own = item.get("@odata.type", "").lstrip("#") or kind
            found += [f"{name}: {text}" for text in model.judge(own, item, own.split(".")[-1])]
    for text in sorted(set(found)):
        print(f"FOUND  {text}")
    print(f"{judged} objects judged by Graph's CSDL, {len(set(found))} findings")
    sys.exit(1 if found else 0 if judged else 2)


if __name__ == "__main__":
    main()
