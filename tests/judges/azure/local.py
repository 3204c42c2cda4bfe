#!/usr/bin/env python3
"""Microsoft's Python SDKs in a cloud that they were told of, after local.sh. Runs in the environment that
`latchkey sandbox --profile local` writes; SECRET names the file with the customer's administrator's secret.
"""

import os
import pathlib

from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm
from azure.mgmt.compute import ComputeManagementClient

# The authority is found in AZURE_AUTHORITY_HOST.
credential = ClientSecretCredential(
    os.environ["SANDBOX_CUSTOMER_TENANT_ID"],
    os.environ["SANDBOX_CUSTOMER_CLIENT_ID"],
    pathlib.Path(os.environ["SECRET"]).read_text(),
    disable_instance_discovery=True,
)
# The vault's challenge names a local resource, which the SDK holds against the vault's own name.
key = KeyClient(f"https://local-judge{os.environ['SANDBOX_VAULT_SUFFIX']}", credential).get_key("disks")
secret = os.urandom(32)
cryptography = CryptographyClient(key, credential)
wrapped = cryptography.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, secret)
assert cryptography.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == secret
management = os.environ["SANDBOX_MANAGEMENT_URL"]
compute = ComputeManagementClient(
    credential,
    os.environ["SANDBOX_CUSTOMER_SUBSCRIPTION_ID"],
    base_url=management,
    credential_scopes=[f"{management}/.default"],
)
sets = [found.active_key.key_url for found in compute.disk_encryption_sets.list()]
assert sets == [key.id], sets
print("passed  identity, keys and disks with the SDKs under local names")
