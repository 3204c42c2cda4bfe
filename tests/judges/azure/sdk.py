#!/usr/bin/env python3
"""The SDK chain: what the vendor's service does with Microsoft's own libraries, after article.sh has set everything up.

Managed identity -> assertion -> token of the multi-tenant application in the customer's tenant -> the customer's key; the
same by workload identity; and disks of the vendor by the management library.

Needs WORK (article.sh's folder), CUSTOMER_TENANT, IDENTITY_ENDPOINT, IDENTITY_HEADER, HTTPS_PROXY, REQUESTS_CA_BUNDLE, and for
the management library VENDOR_TENANT, VENDOR_CLIENT and VENDOR_SECRET. Exit status 3: the libraries are not installed.
"""

import os
import pathlib
import shlex
import sys

try:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
    from azure.identity import (
        ClientAssertionCredential,
        ClientSecretCredential,
        ManagedIdentityCredential,
        WorkloadIdentityCredential,
    )
    from azure.keyvault.keys import KeyClient
    from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.msi import ManagedServiceIdentityClient
except ImportError as missing:
    print(f"not installed: {missing}")
    sys.exit(3)

WORK = pathlib.Path(os.environ["WORK"])
NAMES = dict(line.split("=", 1) for line in shlex.split((WORK / "names").read_text()))
CUSTOMER = os.environ["CUSTOMER_TENANT"]
EXCHANGE = "api://AzureADTokenExchange/.default"
VAULT = f"https://{NAMES['kvName']}.vault.azure.net"
ALGORITHM = KeyWrapAlgorithm.rsa_oaep_256


def expect(found, wanted, what):
    assert found == wanted, f"{what}: expected {wanted!r}, found {found!r}"


def vendor():
    return ClientSecretCredential(
        os.environ["VENDOR_TENANT"], os.environ["VENDOR_CLIENT"], os.environ["VENDOR_SECRET"]
    )


def identity_client_id():
    identities = ManagedServiceIdentityClient(vendor(), NAMES["isvSubscriptionId"]).user_assigned_identities
    identity = identities.get(NAMES["isvRgName"], NAMES["userIdentityName"])
    expect(identity.principal_id, NAMES["principalId"], "the identity's principal")
    return identity.client_id


def use_key(credential):
    key = KeyClient(VAULT, credential).get_key(NAMES["keyName"])
    expect((key.key_type, len(key.key.n) * 8), ("RSA", 2048), "the kind of key")
    secret = os.urandom(32)
    cryptography = CryptographyClient(key, credential)
    wrapped = cryptography.wrap_key(ALGORITHM, secret)
    expect(cryptography.unwrap_key(ALGORITHM, wrapped.encrypted_key).key, secret, "what was wrapped")
    return key


def managed_identity_and_assertion(client_id):
    managed = ManagedIdentityCredential(client_id=client_id)
    assertion = lambda: managed.get_token(EXCHANGE).token
    credential = ClientAssertionCredential(CUSTOMER, NAMES["multiTenantAppId"], assertion)
    use_key(credential)
    print("passed  managed identity, client assertion, the customer's key")
    return assertion


def workload_identity(assertion):
    file = WORK / "federated-token"
    file.write_text(assertion())
    use_key(
        WorkloadIdentityCredential(
            tenant_id=CUSTOMER, client_id=NAMES["multiTenantAppId"], token_file_path=str(file)
        )
    )
    print("passed  workload identity")


def refusals(client_id, assertion):
    stranger = ClientAssertionCredential(CUSTOMER, client_id, assertion)
    try:
        stranger.get_token("https://vault.azure.net/.default")
        raise AssertionError("an identity is no application")
    except ClientAuthenticationError as error:
        assert "AADSTS700016" in str(error), error
    credential = ClientAssertionCredential(CUSTOMER, NAMES["multiTenantAppId"], assertion)
    try:
        KeyClient(VAULT, credential).create_rsa_key("not-allowed")
        raise AssertionError("the application may not make keys")
    except HttpResponseError as error:
        expect((error.status_code, error.error.code), (403, "Forbidden"), "making a key")
    print("passed  refusals of the token endpoint and of the vault")


def disks(key_url):
    compute = ComputeManagementClient(vendor(), NAMES["isvSubscriptionId"])
    group, location = NAMES["isvRgName"], NAMES["isvLocation"]
    body = {
        "location": location,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {NAMES["myAssignedId"]: {}}},
        "properties": {
            "activeKey": {"keyUrl": key_url},
            "encryptionType": "EncryptionAtRestWithCustomerKey",
            "federatedClientId": NAMES["multiTenantAppId"],
        },
    }
    made = compute.disk_encryption_sets.begin_create_or_update(group, "by-sdk", body).result()
    expect(made.provisioning_state, "Succeeded", "the set's state")
    patch = {"properties": {"rotationToLatestKeyVersionEnabled": True}}
    patched = compute.disk_encryption_sets.begin_update(group, "by-sdk", patch).result()
    expect(patched.rotation_to_latest_key_version_enabled, True, "its rotation")
    disk = {
        "location": location,
        "properties": {
            "creationData": {"createOption": "Empty"},
            "diskSizeGB": 4,
            "encryption": {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": made.id},
        },
    }
    made = compute.disks.begin_create_or_update(group, "by-sdk", disk).result()
    expect(made.encryption.type, "EncryptionAtRestWithCustomerKey", "the disk's encryption")
    users = list(compute.disk_encryption_sets.list_associated_resources(group, "by-sdk"))
    expect(len(users), 1, "the number of the set's users")
    compute.disks.begin_delete(group, "by-sdk").result()
    compute.disk_encryption_sets.begin_delete(group, "by-sdk").result()
    print("passed  disk encryption set and disk by the management library")


def main():
    client_id = identity_client_id()
    assertion = managed_identity_and_assertion(client_id)
    workload_identity(assertion)
    refusals(client_id, assertion)
    disks(NAMES["MyKey"])


if __name__ == "__main__":
    main()
