//! A virtual machine, as far as its power and its disks go.

use azure_ids::ArmId;
use serde::Deserialize;

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The machine's id.
    pub id: ArmId,
    /// Its managed disks: the one with the operating system, and those with data.
    pub disks: Vec<ArmId>,
    /// Whether it runs, by its instance view.
    pub power: PowerState,
}

/// Whether a virtual machine runs (Microsoft Learn, "States and billing status of Azure Virtual Machines").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PowerState {
    /// It runs.
    Running,
    /// It is being started.
    Starting,
    /// It is shut down and holds on to what it runs on.
    Stopped,
    /// It is being shut down.
    Stopping,
    /// It is shut down, and what it ran on is free.
    Deallocated,
    /// It is being deallocated.
    Deallocating,
    /// A state that we do not know, as Azure spells it; empty when Azure says none.
    Other(String),
}

impl From<&str> for PowerState {
    fn from(text: &str) -> Self {
        match text {
            "running" => Self::Running,
            "starting" => Self::Starting,
            "stopped" => Self::Stopped,
            "stopping" => Self::Stopping,
            "deallocated" => Self::Deallocated,
            "deallocating" => Self::Deallocating,
            _ => Self::Other(text.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Machine {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { id, properties } = Wire::deserialize(deserializer)?;
        let WireStorage { os_disk, data_disks } = properties.storage_profile;
        let disks = os_disk.into_iter().chain(data_disks.unwrap_or_default());
        let disks = disks.filter_map(|disk| disk.managed_disk?.id).collect();
        let statuses = properties.instance_view.map(|view| view.statuses).unwrap_or_default();
        let power = statuses.iter().find_map(|status| status.code.strip_prefix("PowerState/"));
        Ok(Self { id, disks, power: power.unwrap_or_default().into() })
    }
}

#[derive(Deserialize)]
struct Wire {
    id: ArmId,
    properties: WireProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProperties {
    #[serde(default)]
    storage_profile: WireStorage,
    instance_view: Option<WireView>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireStorage {
    os_disk: Option<WireDisk>,
    data_disks: Option<Vec<WireDisk>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDisk {
    managed_disk: Option<WireManagedDisk>,
}

#[derive(Deserialize)]
struct WireManagedDisk {
    id: Option<ArmId>,
}

#[derive(Deserialize)]
struct WireView {
    #[serde(default)]
    statuses: Vec<WireStatus>,
}

#[derive(Deserialize)]
struct WireStatus {
    #[serde(default)]
    code: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SUB: &str =
        "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/rg1/providers/Microsoft.Compute";

    fn machine(statuses: &serde_json::Value) -> Machine {
        let disk = |name: &str| json!({"id": format!("{SUB}/disks/{name}")});
        let body = json!({
            "id": format!("{SUB}/virtualMachines/m1"), "location": "eastus", "properties": {
                "storageProfile": {
                    "osDisk": {"createOption": "Attach", "managedDisk": disk("os")},
                    "dataDisks": [{"lun": 0, "managedDisk": disk("d1")}, {"lun": 1, "vhd": {"uri": "x"}}]},
                "instanceView": {"statuses": statuses}},
        });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_machine_has_its_disks_and_its_power() {
        let read = machine(&json!([{"code": "ProvisioningState/succeeded"}, {"code": "PowerState/running"}]));
        let disks: Vec<&str> = read.disks.iter().map(ArmId::name).collect();
        assert_eq!((disks, read.power), (vec!["os", "d1"], PowerState::Running));
    }

    #[test]
    fn a_power_that_is_unknown_or_not_said_is_no_power() {
        let power = |code: &str| machine(&json!([{ "code": code }])).power;
        assert_eq!(power("PowerState/deallocated"), PowerState::Deallocated);
        assert_eq!(power("PowerState/hibernated"), PowerState::Other("hibernated".to_owned()));
        assert_eq!(power("ProvisioningState/updating"), PowerState::Other(String::new()));
    }
}
