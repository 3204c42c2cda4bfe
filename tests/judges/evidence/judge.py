#!/usr/bin/env python3
"""An evidence pack, judged by others' libraries: jwcrypto for the signature, jsonschema for the shape.

Written from docs/evidence.md alone; shares nothing with the product. judge.py PACK KEY, where KEY is a JSON Web Key, or
what `az keyvault key show` prints. Attacks the pack as well: whatever is changed must be found here too.
"""

import copy
import hashlib
import json
import pathlib
import sys

import jsonschema
from jwcrypto import jwk, jws

SCHEMA = pathlib.Path(__file__).parents[3] / "docs" / "evidence.schema.json"


class Faulty(Exception):
    pass


def demand(holds, what):
    if not holds:
        raise Faulty(what)


def canonical(value):
    """RFC 8785, for values whose numbers are whole and whose names are ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(value):
    return hashlib.sha256(canonical(value)).hexdigest()


def no_fraction(text):
    raise Faulty(f"a number that is not whole: {text}")


def verify(file, key):
    try:
        pack = json.loads(file, parse_float=no_fraction, parse_constant=no_fraction)
        demand(canonical(pack) + b"\n" == file, "the file is not in the one form of a pack")
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(pack)
    except (ValueError, jsonschema.ValidationError) as error:
        raise Faulty(f"no pack: {error}") from error
    evidence = pack["evidence"]

    previous = None
    for number, entry in enumerate(evidence["entries"], start=1):
        demand(entry["number"] == number, f"entry {number} is not where it belongs")
        demand(entry["pack"] == evidence["pack"], f"entry {number} is of another pack")
        demand(entry["previous"] == previous, f"entry {number} does not follow the one before")
        previous = sha256(entry)
    demand(evidence["head"] == previous, "the last entry is another")
    for anchor in evidence["anchors"]:
        named = [entry for entry in evidence["entries"] if entry["number"] == anchor["entry"]]
        demand(named and named[0]["journal"] == anchor["journal"], f"anchor {anchor['number']} does not fit")

    token = jws.JWS()
    try:
        token.deserialize(pack["signature"])
        token.allowed_algs = ["ES256"]
        token.verify(key)
    except (jws.InvalidJWSObject, jws.InvalidJWSSignature) as error:
        raise Faulty(f"the signature: {error}") from error
    header, statement = token.jose_header, json.loads(token.payload)
    demand(header["typ"] == "latchkey-evidence+json" and "crit" not in header, "the signature is of another kind")
    demand(jwk.JWK(**header["jwk"]).thumbprint() == key.thumbprint(), "the signature names another key")
    expected = {
        "entries": len(evidence["entries"]),
        "evidence": sha256(evidence),
        "head": evidence["head"],
        "madeAt": evidence["madeAt"],
        "onboarding": evidence["onboarding"],
        "pack": evidence["pack"],
    }
    demand(statement == expected, "the signature is over something else")
    return evidence


def attacks(pack):
    """Files that are no longer what was signed, each in the one form, so that the form does not give it away."""
    entries = pack["evidence"]["entries"]
    for place in range(len(entries)):
        changed = copy.deepcopy(pack)
        changed["evidence"]["entries"][place]["says"] += " Or not."
        yield f"entry {place + 1} changed", changed
        without = copy.deepcopy(pack)
        del without["evidence"]["entries"][place]
        yield f"entry {place + 1} removed", without
        twice = copy.deepcopy(pack)
        twice["evidence"]["entries"].insert(place, copy.deepcopy(entries[place]))
        yield f"entry {place + 1} twice", twice
    reordered = copy.deepcopy(pack)
    reordered["evidence"]["entries"].reverse()
    yield "the entries in another order", reordered
    # Everything that can be made to fit without the key is made to fit.
    cut = copy.deepcopy(pack)
    cut["evidence"]["entries"].pop()
    left = cut["evidence"]["entries"]
    cut["evidence"]["head"] = sha256(left[-1]) if left else None
    cut["evidence"]["anchors"] = [a for a in cut["evidence"]["anchors"] if a["entry"] <= len(left)]
    yield "the tail cut, and the head with it", cut
    header, statement, signature = pack["signature"].split(".")
    other = copy.deepcopy(pack)
    other["signature"] = ".".join((header, statement, signature[::-1]))
    yield "another signature", other


def main():
    file = pathlib.Path(sys.argv[1]).read_bytes()
    given = json.loads(pathlib.Path(sys.argv[2]).read_text())
    given = given.get("key", given)
    key = jwk.JWK(**{name: given[name] for name in ("kty", "crv", "x", "y")})
    evidence = verify(file, key)
    print(f"passed  {len(evidence['entries'])} entries, {len(evidence['anchors'])} anchors, {len(file)} bytes")

    pack, found = json.loads(file), 0
    for what, attacked in attacks(pack):
        try:
            verify(canonical(attacked) + b"\n", key)
        except Faulty:
            found += 1
            continue
        raise SystemExit(f"not found: {what}")
    step = max(1, len(file) // 400)
    for place in range(0, len(file), step):
        flipped = bytearray(file)
        flipped[place] ^= 1
        try:
            verify(bytes(flipped), key)
        except (Faulty, UnicodeDecodeError):
            found += 1
            continue
        raise SystemExit(f"not found: byte {place} flipped")
    try:
        verify(file, jwk.JWK.generate(kty="EC", crv="P-256"))
    except Faulty:
        print(f"passed  {found} attacks, and another key")
        return
    raise SystemExit("another key was taken")


if __name__ == "__main__":
    main()
