//! What goes over the wire about a set, both ways.

use super::*;

const GROUP: &str = "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/rg1/providers";
const KEY: &str = "https://contoso.vault.azure.net/keys/disks/d3781afa0b4848ab9aee9edf0848f28c";
const APP: &str = "0a1b2c3d-aaaa-2222-3333-444455556666";

fn identity() -> String {
    format!("{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/i1")
}

#[test]
fn a_new_set_is_written_for_a_key_of_another_tenant() {
    let set = NewDiskEncryptionSet::new(
        "West Europe".parse().unwrap(),
        identity().parse().unwrap(),
        APP.parse().unwrap(),
        KEY.parse().unwrap(),
    )
    .unwrap()
    .with_tags(BTreeMap::from([("a".into(), "b".into())]));
    let expected = json!({
        "location": "westeurope",
        "tags": {"a": "b"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity(): {}}},
        "properties": {
            "activeKey": {"keyUrl": KEY},
            "encryptionType": "EncryptionAtRestWithCustomerKey",
            "federatedClientId": APP,
            "rotationToLatestKeyVersionEnabled": true,
        },
    });
    assert_eq!(serde_json::to_value(set).unwrap(), expected, "above all: no sourceVault");
}

#[test]
fn a_key_without_a_version_makes_no_set_and_no_change() {
    let key: KeyUrl = KEY.parse::<KeyUrl>().unwrap().without_version();
    let set = NewDiskEncryptionSet::new(
        "westeurope".parse().unwrap(),
        identity().parse().unwrap(),
        APP.parse().unwrap(),
        key.clone(),
    );
    assert_eq!(set, Err(KeyHasNoVersion));
    assert_eq!(DiskEncryptionSetChange::default().to_key(key), Err(KeyHasNoVersion));
}

#[test]
fn a_change_names_only_what_changes() {
    let change = DiskEncryptionSetChange::default().with_rotation(true);
    assert_eq!(
        serde_json::to_value(change).unwrap(),
        json!({"properties": {"rotationToLatestKeyVersionEnabled": true}})
    );
    let change = DiskEncryptionSetChange::default()
        .to_key(KEY.parse().unwrap())
        .unwrap()
        .with_federated_client_id(APP.parse().unwrap());
    assert_eq!(
        serde_json::to_value(change).unwrap(),
        json!({"properties": {"activeKey": {"keyUrl": KEY}, "federatedClientId": APP}})
    );
}

#[test]
fn a_set_under_rotation_with_an_error_is_read() {
    let set: DiskEncryptionSet = serde_json::from_value(json!({
        "id": format!("{GROUP}/Microsoft.Compute/diskEncryptionSets/s1"), "name": "s1", "location": "West US",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {
            identity().to_lowercase(): {"principalId": APP, "clientId": APP}}},
        "properties": {
            "activeKey": {"keyUrl": KEY.replace(".net/", ".net:443/")},
            "previousKeys": [{"keyUrl": "https://contoso.vault-int.azure-int.net/keys/k/v1"}],
            "encryptionType": "EncryptionAtRestWithCustomerKey", "rotationToLatestKeyVersionEnabled": true,
            "federatedClientId": APP, "provisioningState": "Updating",
            "lastKeyRotationTimestamp": "2021-04-01T04:41:35.079872+00:00",
            "autoKeyRotationError": {"code": "ManagedServiceIdentityNotFound", "message": "Auto-key rotation was disabled"},
            "fieldOfTomorrow": [1],
        },
    }))
    .unwrap();
    assert_eq!(set.user_assigned_identities, [identity().parse::<ArmId>().unwrap()]);
    assert!(set.active_key.unwrap().is_same_key(&KEY.parse().unwrap()));
    assert!(set.previous_keys[0].url().is_err());
    assert!(set.rotation_to_latest_key_version_enabled);
    assert_eq!(set.federated_client_id, Some(APP.parse().unwrap()));
    assert_eq!(set.provisioning_state, ProvisioningState::Updating);
    assert_eq!(set.auto_key_rotation_error.unwrap().code, "ManagedServiceIdentityNotFound");
}

#[test]
fn the_echo_of_a_change_is_read_though_it_has_no_id() {
    let set: DiskEncryptionSet = serde_json::from_value(json!({
        "location": "eastus2euap",
        "properties": {"federatedClientId": "None", "provisioningState": "Updating"},
    }))
    .unwrap();
    assert_eq!((set.id, set.federated_client_id, set.active_key), (None, None, None));
}

#[test]
fn an_application_that_is_no_guid_is_not_taken_for_none() {
    let set = serde_json::from_value::<DiskEncryptionSet>(json!({
        "location": "eastus", "properties": {"federatedClientId": "ours"},
    }));
    assert!(set.is_err());
}
