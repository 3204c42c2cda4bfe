#!/usr/bin/env python3
"""Keys by the Python SDK, after vaults.sh: rotation policies, import, and cryptography on both sides of the wire.

CryptographyClient encrypts, wraps and verifies on this side, with a library that is not the vault's, and lets the vault
do what needs the private key. Needs WORK, VENDOR_TENANT, VENDOR_CLIENT, VENDOR_SECRET, HTTPS_PROXY, REQUESTS_CA_BUNDLE.
"""

import hashlib
import os
import pathlib

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import ApiVersion, KeyClient, KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction
from azure.keyvault.keys.crypto import (
    CryptographyClient,
    EncryptionAlgorithm,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)

WORK = pathlib.Path(os.environ["WORK"])
VAULT = (WORK / "vault-name").read_text().strip().removeprefix("vault=")
CREDENTIAL = ClientSecretCredential(
    os.environ["VENDOR_TENANT"], os.environ["VENDOR_CLIENT"], os.environ["VENDOR_SECRET"]
)


def expect(found, wanted, what):
    assert found == wanted, f"{what}: expected {wanted!r}, found {found!r}"


def policies(keys):
    keys.create_rsa_key("by-sdk")
    default = keys.get_key_rotation_policy("by-sdk")
    expect([action.time_before_expiry for action in default.lifetime_actions], ["P30D"], "the default policy")
    rotate = KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P2M")
    set_one = keys.update_key_rotation_policy("by-sdk", KeyRotationPolicy(), lifetime_actions=[rotate], expires_in="P90D")
    expect((set_one.expires_in, len(set_one.lifetime_actions)), ("P90D", 1), "the policy")
    assert set_one.created_on and set_one.updated_on and set_one.id.endswith("/keys/by-sdk/rotationpolicy")
    rotated = keys.rotate_key("by-sdk")
    expect((rotated.properties.expires_on - rotated.properties.created_on).days, 90, "days until a rotated version expires")
    try:
        keys.update_key_rotation_policy("by-sdk", KeyRotationPolicy(), expires_in="P27D")
        raise AssertionError("an expiry of less than 28 days")
    except HttpResponseError as error:
        expect((error.status_code, error.error.code), (400, "BadParameter"), "a policy that is refused")
    print("passed  rotation policies by the SDK")


def cryptography(keys):
    for size in (2048, 3072, 4096):
        key = keys.create_rsa_key(f"crypto-{size}", size=size)
        client = CryptographyClient(key, CREDENTIAL)
        far = CryptographyClient(key.id, CREDENTIAL)
        for algorithm in (KeyWrapAlgorithm.rsa1_5, KeyWrapAlgorithm.rsa_oaep, KeyWrapAlgorithm.rsa_oaep_256):
            secret = os.urandom(32)
            for wrapper in (client, far):
                wrapped = wrapper.wrap_key(algorithm, secret).encrypted_key
                expect(client.unwrap_key(algorithm, wrapped).key, secret, f"{algorithm} {size}")
        encrypted = client.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"text").ciphertext
        expect(client.decrypt(EncryptionAlgorithm.rsa_oaep_256, encrypted).plaintext, b"text", f"decryption {size}")
        signing = (("RS256", hashlib.sha256), ("RS512", hashlib.sha512), ("PS256", hashlib.sha256), ("PS384", hashlib.sha384))
        for name, hashing in signing:
            algorithm, digest = SignatureAlgorithm(name), hashing(b"text").digest()
            signature = client.sign(algorithm, digest).signature
            assert client.verify(algorithm, digest, signature).is_valid, f"{name} {size}"
            other = hashing(b"other").digest()
            assert not client.verify(algorithm, other, signature).is_valid, f"{name} {size} over another text"
    elliptic = keys.create_ec_key("crypto-p256", curve="P-256")
    client, far = CryptographyClient(elliptic, CREDENTIAL), CryptographyClient(elliptic.id, CREDENTIAL)
    digest = hashlib.sha256(b"text").digest()
    signature = far.sign(SignatureAlgorithm.es256, digest).signature
    for verifier in (client, far):
        assert verifier.verify(SignatureAlgorithm.es256, digest, signature).is_valid, "ES256"
        other = hashlib.sha256(b"other").digest()
        assert not verifier.verify(SignatureAlgorithm.es256, other, signature).is_valid, "ES256 over another text"
    print("passed  wrapping, encrypting and signing by the SDK and the vault, with each size of key")


def pages(keys):
    names = {item.name for item in keys.list_properties_of_keys(max_page_size=2)}
    expect({"by-sdk", "crypto-2048", "crypto-3072", "crypto-4096", "crypto-p256"} - names, set(), "keys that no page had")
    try:
        keys.get_deleted_key("by-sdk")
        raise AssertionError("it is not deleted")
    except ResourceNotFoundError:
        pass
    keys.begin_delete_key("by-sdk").wait()
    expect([item.name for item in keys.list_deleted_keys()], ["by-sdk"], "the deleted keys")
    keys.begin_recover_deleted_key("by-sdk").wait()
    expect(len(list(keys.list_properties_of_key_versions("by-sdk", max_page_size=1))), 2, "the versions")
    print("passed  pages and deleted keys by the SDK")


def main():
    keys = KeyClient(f"https://{VAULT}.vault.azure.net", CREDENTIAL, api_version=ApiVersion.V7_4)
    policies(keys)
    cryptography(keys)
    pages(keys)


if __name__ == "__main__":
    main()
