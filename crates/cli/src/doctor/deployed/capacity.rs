//! How much room is left: each onboarding has a disk encryption set, and a subscription may have so many in a region.

use serde_json::Value as Json;

use super::{
    estate::{Estate, READER, Seen},
    settings::Settled,
};
use crate::doctor::{Check, DEPLOYER};

const CHECK: &str = "capacity";
/// What Azure gives each subscription in a region, unless somebody asked for more.
const USUAL: usize = 5000;
/// From then on it is worth asking for more.
const ALMOST: f64 = 0.8;

pub(super) async fn check(estate: &Estate<'_>, settings: &Settled) -> Check {
    let Some(region) = settings.value("LATCHKEY_REGION") else {
        return Check::not_checked(
            CHECK,
            "the region of the disks is in the settings, which could not be read",
        );
    };
    let most = settings.value("LATCHKEY_SET_QUOTA").and_then(|most| most.parse().ok()).unwrap_or(USUAL);
    let sets = format!("{}/providers/Microsoft.Compute/diskEncryptionSets", estate.subscription);
    judge(&estate.all_at(&sets, "api-version=2024-03-02").await, region, most).unwrap_or_else(|check| check)
}

fn judge(sets: &Seen, region: &str, most: usize) -> Result<Check, Check> {
    let sets = sets.known(CHECK, "list of disk encryption sets", &format!("{READER} on the subscription"))?;
    let is_there = |one: &&Json| one["location"].as_str().is_some_and(|place| same(place, region));
    let used = sets.as_array().into_iter().flatten().filter(is_there).count();
    let saw = format!("{used} of {most} disk encryption sets of the subscription in {region} are used");
    let mend = format!(
        "Ask Azure for more (portal: Quotas, Compute, disk encryption sets in {region}), then set LATCHKEY_SET_QUOTA."
    );
    #[expect(clippy::cast_precision_loss, reason = "no subscription has so many")]
    let share = used as f64 / most as f64;
    Ok(match share {
        full if full >= 1.0 => Check::wrong(CHECK, saw, DEPLOYER, mend),
        full if full >= ALMOST => Check::noted(CHECK, saw, DEPLOYER, mend),
        _ => Check::good(CHECK, saw),
    })
}

/// Azure says `West Europe` where it was told `westeurope`.
fn same(left: &str, right: &str) -> bool {
    let plain = |name: &str| name.replace(' ', "").to_ascii_lowercase();
    plain(left) == plain(right)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn sets_of_the_region_count_towards_what_the_subscription_may_have() {
        let one = |place: &str| json!({ "location": place });
        let sets = Seen::There(json!([one("westeurope"), one("West Europe"), one("northeurope"), {}]));
        for (most, is) in [(10, Verdict::Good), (3, Verdict::Good), (2, Verdict::Wrong), (1, Verdict::Wrong)]
        {
            let check = judge(&sets, "westeurope", most).unwrap();
            assert_eq!(check.is, is, "{most}");
            assert_eq!(
                check.saw,
                format!("2 of {most} disk encryption sets of the subscription in westeurope are used")
            );
        }
        let many: Vec<_> = (0..8).map(|_| one("westeurope")).collect();
        assert_eq!(judge(&Seen::There(json!(many)), "westeurope", 10).unwrap().is, Verdict::Noted);
        let refused = Seen::NotAllowed("no".to_owned());
        assert_eq!(judge(&refused, "westeurope", 1).unwrap_err().is, Verdict::NotChecked);
    }
}
