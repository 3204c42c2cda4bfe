//! Under which address customers' firewalls see the app.

use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{Check, DEPLOYER};

const CHECK: &str = "outbound-address";

pub(super) async fn check(estate: &Estate<'_>) -> Check {
    let app = estate.one(&format!("Microsoft.Web/sites/{}", estate.names.app()), "2024-11-01").await;
    let address = format!("Microsoft.Network/publicIPAddresses/{}", estate.names.address());
    let address = estate.one(&address, "2024-05-01").await;
    judge(&app, &address).unwrap_or_else(|check| check)
}

fn judge(app: &Seen, address: &Seen) -> Result<Check, Check> {
    let app = app.known(CHECK, "function app", READER)?;
    let subnet = app["properties"]["virtualNetworkSubnetId"].as_str().filter(|subnet| !subnet.is_empty());
    if subnet.is_none() {
        let saw = "what goes out has no fixed address: a customer whose vault has a firewall cannot let it in \
                   (LATCHKEY_NETWORK=fixed-address gives it one)";
        return Ok(Check::good(CHECK, saw));
    }
    let address = address.known(CHECK, "public IP address of the app's network", READER)?;
    match address["properties"]["ipAddress"].as_str() {
        Some(address) => Ok(Check::good(
            CHECK,
            format!("everything goes out from {address}: customers let it in at their vaults"),
        )),
        None => Ok(Check::wrong(
            CHECK,
            "the public IP address of the app's network has no address",
            DEPLOYER,
            DEPLOY,
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{super::predicted, *};
    use crate::doctor::Verdict;

    fn app(subnet: Json) -> Seen {
        let mut app = predicted::of_type("Microsoft.Web/sites").remove(0);
        app["properties"]["virtualNetworkSubnetId"] = subnet;
        Seen::There(app)
    }

    #[test]
    fn the_fixed_address_is_told_and_that_there_is_none() {
        let there = Seen::There(json!({ "properties": { "ipAddress": "203.0.113.7" } }));
        let told = judge(&app(json!("/subscriptions/s/…/subnets/functions")), &there).unwrap();
        assert!(told.is == Verdict::Good && told.saw.contains("from 203.0.113.7"), "{told:?}");
        for none in [Json::Null, json!("")] {
            let told = judge(&app(none), &Seen::Missing).unwrap();
            assert!(told.is == Verdict::Good && told.saw.contains("no fixed address"), "{told:?}");
        }
    }

    #[test]
    fn a_network_without_its_address_is_wrong() {
        let within = app(json!("/subscriptions/s/…/subnets/functions"));
        assert_eq!(judge(&within, &Seen::Missing).unwrap_err().is, Verdict::Wrong);
        assert_eq!(judge(&within, &Seen::There(json!({ "properties": {} }))).unwrap().is, Verdict::Wrong);
        assert_eq!(judge(&within, &Seen::NotAllowed("no".to_owned())).unwrap_err().is, Verdict::NotChecked);
    }
}
