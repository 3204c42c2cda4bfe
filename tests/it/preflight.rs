//! What is looked at before anything is changed: whether Azure takes another set, and whose a key is.

use local_world::{
    cast::{OnboardingPage, OnboardingView, az},
    world::LocalWorld,
};

use crate::support::{
    a_world_with, consent_and_share, exchanges, history, page_of, plain_client, play, sign_up, until,
    until_blocked, until_page,
};

/// Every refusal is a blocker at once, and checks come a second later.
const IMPATIENT: [(&str, &str); 2] =
    [("LATCHKEY_SPREADING_SECONDS", "0"), ("LATCHKEY_CHECK_FIRST_SECONDS", "1")];

async fn an_impatient_world_with(name: &str, value: &str) -> LocalWorld {
    a_world_with(&[IMPATIENT[0], IMPATIENT[1], (name, value)]).await
}

#[tokio::test]
async fn too_many_sets_are_told_before_another_is_asked_for() {
    let world = an_impatient_world_with("LATCHKEY_SET_QUOTA", "1").await;
    play(&world).await;
    let asked = || exchanges(&world, "PUT", "/diskEncryptionSets/").len();
    let before = asked();
    let second = sign_up(&world).await;
    world.vendor().make_disk_for("disk-second", second.purchase.subscription_id).await.unwrap();
    consent_and_share(&world, &second.page, "contoso-second").await;
    let view = until_blocked(&world, &second.page, "set-quota").await;
    let blocker = view.blocker.unwrap();
    assert_eq!(blocker.owner, "vendor");
    assert!(blocker.summary.contains("1 disk encryption sets in"), "{}", blocker.summary);
    assert_eq!(asked(), before, "Azure was not asked for one that it would refuse");
    world.stop().await;
}

/// The plan can be read before there is a set, with what cannot be encrypted and what stays outside.
#[tokio::test]
async fn the_plan_shows_the_preflight_before_there_is_a_set() {
    let world = an_impatient_world_with("LATCHKEY_SET_QUOTA", "0").await;
    let signed_up = sign_up(&world).await;
    let (vendor, subscription) = (world.vendor(), signed_up.purchase.subscription_id);
    let good = vendor.make_disk_for("disk-good", subscription).await.unwrap();
    vendor.make_snapshot("of-good", &good, false).await.unwrap();
    vendor.make_disk_of("disk-elsewhere", subscription, "northeurope", "Premium_LRS").await.unwrap();
    consent_and_share(&world, &signed_up.page, "contoso-keys").await;
    let both = |view: &OnboardingView| {
        let codes: Vec<&str> = view.blockers.iter().map(|blocker| blocker.code.as_str()).collect();
        codes == ["set-quota", "disk-in-other-region"]
    };
    until_page(&world, &signed_up.page, "both findings", both).await;

    let path = format!("/api/operations/onboardings/{}/disks", signed_up.page.onboarding());
    let ask = plain_client().get(world.url().join(&path).unwrap());
    let plan: serde_json::Value = ask.send().await.unwrap().json().await.unwrap();
    assert_eq!(plan["outside"][0]["kind"], "snapshot", "{plan}");
    let of = |name: &str| {
        let all = plan["disks"].as_array().unwrap();
        all.iter().find(|disk| disk["disk"].as_str().unwrap().ends_with(name)).unwrap().clone()
    };
    assert_eq!(of("disk-good")["becomes"], "without-window");
    let why = of("disk-elsewhere")["why"].as_str().unwrap().to_owned();
    assert!(why.starts_with("disk-in-other-region: ") && why.contains("northeurope"), "{why}");
    world.stop().await;
}

/// The command on the page that tags the key.
fn command(view: &OnboardingView) -> String {
    let blocker = view.blockers.iter().find(|blocker| blocker.code == "ownership-not-proven").unwrap();
    blocker.mend.iter().find(|step| step.contains("--tags")).unwrap().clone()
}

fn nonce(command: &str) -> &str {
    command.rsplit_once('=').unwrap().1
}

async fn run(world: &LocalWorld, command: &str) {
    az(world.customer().azure(), "rg-keys", command).await.unwrap();
}

async fn waits_for_its_tag(world: &LocalWorld, page: &OnboardingPage) -> OnboardingView {
    until_blocked(world, page, "ownership-not-proven").await
}

#[tokio::test]
async fn a_key_is_used_when_it_has_the_tag_of_its_own_onboarding_and_no_other() {
    let world = an_impatient_world_with("LATCHKEY_OWNERSHIP_PROOF", "tag").await;
    let first = sign_up(&world).await;
    consent_and_share(&world, &first.page, "contoso-keys").await;
    let of_first = command(&waits_for_its_tag(&world, &first.page).await);
    let second = sign_up(&world).await;
    world.vendor().make_disk_for("disk-second", second.purchase.subscription_id).await.unwrap();
    consent_and_share(&world, &second.page, "contoso-second").await;
    let of_second = command(&waits_for_its_tag(&world, &second.page).await);
    assert_ne!(nonce(&of_first), nonce(&of_second));
    assert!(exchanges(&world, "PUT", "/diskEncryptionSets/").is_empty(), "nothing was changed");

    // What the other onboarding's page shows proves nothing here.
    run(&world, &of_second.replace(nonce(&of_second), nonce(&of_first))).await;
    let looks = || world.steps().iter().filter(|step| step.function == "key_shared").count();
    let before = looks();
    let again = async || Ok(looks() > before + 1);
    let patience = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("two more looks", patience, again).await.unwrap();
    waits_for_its_tag(&world, &second.page).await;

    // Only the customer's page shows it, and neither the journal nor the operator's view does.
    let told = serde_json::to_string(&history(&world, &second.page).await).unwrap();
    assert!(told.contains("latchkey-ownership=NONCE") && !told.contains(nonce(&of_second)));
    assert!(page_of(&world, &second.page).await.contains(nonce(&of_second)));

    run(&world, &of_second).await;
    until(&world, &second.page, "active").await;
    waits_for_its_tag(&world, &first.page).await;
    world.stop().await;
}
