"""Bicep's own types of resources, as judges of bodies.

A folder of them holds one JSON file for each provider and version; a file is a list of types that refer to each other by
their number (https://github.com/Azure/bicep-types).
"""
import json

REQUIRED, READ_ONLY = 1, 2


class Types:
    def __init__(self, folder):
        self.bodies = {}
        files = sorted(folder.glob("*.json"))
        assert files, f"no types in {folder}"
        for file in files:
            types = json.loads(file.read_text())
            for one in types:
                if one["$type"] == "ResourceType":
                    self.bodies[one["name"].lower()] = (types, one["body"])

    def differences(self, kind, version, body, path, written=False):
        """What in a body does not fit its type. What a template writes has no read-only fields, and all that are required."""
        found = self.bodies.get(f"{kind}@{version}".lower())
        if found is None:
            yield f"{path}: no type {kind}@{version} is at hand"
            return
        types, reference = found
        own = {"id", "name", "type", "apiVersion"}
        if written:
            body = dict(body, name=path.rpartition("/")[2])
        yield from self._check(types, reference, body, path, written, own)

    def _check(self, types, reference, value, path, written, exempt=frozenset()):
        one = types[int(reference["$ref"].removeprefix("#/"))]
        kind = one["$type"]
        if written and isinstance(value, str) and value.startswith("[") and value.endswith("]"):
            return
        if value is None or kind == "AnyType":
            return
        if kind == "ObjectType":
            yield from self._object(types, one, value, path, written, exempt)
        elif kind == "DiscriminatedObjectType":
            yield from self._discriminated(types, one, value, path, written, exempt)
        elif kind == "ArrayType":
            if not isinstance(value, list):
                yield f"{path}: {value!r} is no array"
                return
            for number, item in enumerate(value):
                yield from self._check(types, one["itemType"], item, f"{path}[{number}]", written)
        elif kind == "UnionType":
            elements = [list(self._check(types, element, value, path, written)) for element in one["elements"]]
            if all(elements):
                yield f"{path}: {value!r} is none of its values"
        elif kind == "StringLiteralType":
            if value != one["value"]:
                yield f"{path}: {value!r}, not {one['value']!r}"
        else:
            fits = {"StringType": str, "IntegerType": int, "BooleanType": bool}.get(kind)
            assert fits, f"a type of the kind {kind} is not known here"
            if not isinstance(value, fits) or (fits is int and isinstance(value, bool)):
                yield f"{path}: {value!r} does not fit {kind}"

    def _object(self, types, one, value, path, written, exempt, more=frozenset()):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
            return
        properties = one.get("properties") or one.get("baseProperties") or {}
        for name, item in value.items():
            declared = properties.get(name)
            if name in exempt or name in more:
                continue
            if declared:
                if written and declared["flags"] & READ_ONLY:
                    yield f"{path}.{name} can only be read"
                yield from self._check(types, declared["type"], item, f"{path}.{name}", written)
            elif one.get("additionalProperties"):
                yield from self._check(types, one["additionalProperties"], item, f"{path}.{name}", written)
            else:
                yield f"{path}.{name} is not in the type"
        if written:
            missing = [name for name, declared in properties.items() if declared["flags"] & REQUIRED and name not in value]
            yield from (f"{path}.{name} is missing" for name in missing if name not in exempt)

    def _discriminated(self, types, one, value, path, written, exempt):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
            return
        chosen = one["elements"].get(value.get(one["discriminator"]))
        if chosen is None:
            yield f"{path}.{one['discriminator']}: {value.get(one['discriminator'])!r} is none of {sorted(one['elements'])}"
            return
        element = types[int(chosen["$ref"].removeprefix("#/"))]
        own, base = element.get("properties") or {}, one["baseProperties"]
        yield from self._object(types, one, {name: item for name, item in value.items() if name not in own}, path, written, exempt)
        yield from self._object(
            types, element, {name: item for name, item in value.items() if name not in base or name in own}, path, written, exempt)
