//! A world to test in, and the customer's part of the story.

use std::{collections::BTreeMap, path::Path, time::Duration};

use local_world::{
    cast::{CustomerKey, OnboardingPage, OnboardingView},
    step::{StepOutcome, StepReport},
    world::{HandlerCommand, LocalWorld, LocalWorldOptions, Purchase},
};
use reqwest::{Client, redirect};
use sandbox::Lags;
use serde_json::Value;
use tokio::time::Instant;

/// How long anything may take before a test fails: generous, because the machine may be busy with other worlds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than any test takes, and shorter than tokens live.
const SPREADING: Duration = Duration::from_secs(600);

/// Options for a world that is quick, in which consent and grant take a moment to spread.
pub(crate) fn options() -> LocalWorldOptions {
    let quick = [
        ("LATCHKEY_RETRY_FIRST_MILLISECONDS", "200"),
        ("LATCHKEY_RETRY_LONGEST_MILLISECONDS", "1000"),
        ("LATCHKEY_SWEEP_SCHEDULE", "* * * * * *"),
        ("LATCHKEY_LOOK_AGAIN_SECONDS", "1"),
    ];
    LocalWorldOptions {
        lags: Lags {
            service_principal: Duration::from_millis(600),
            role_assignment: Duration::from_millis(900),
            operation_polls: 1,
            retry_after_seconds: Some(1),
            ..Lags::default()
        },
        handler: Some(HandlerCommand {
            executable: env!("CARGO_BIN_EXE_latchkey-local").into(),
            arguments: vec!["functions".to_owned()],
        }),
        settings: quick.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        har: true,
        ..LocalWorldOptions::default()
    }
}

/// A world whose handler process kills itself when it is ordered to, and in which nothing takes time to spread.
pub(crate) async fn a_world_that_takes_kill_orders() -> LocalWorld {
    // A machine runs on for a while when its key is lost, so that there is something to stop.
    let lags = Lags { key_loss: Duration::from_secs(30 * 86_400), ..Lags::default() };
    let mut options = LocalWorldOptions { takes_kill_orders: true, lags, ..options() };
    options.settings.insert("LATCHKEY_SPREADING_SECONDS".to_owned(), "0".to_owned());
    options.settings.insert("LATCHKEY_CHECK_FIRST_SECONDS".to_owned(), "1".to_owned());
    let ladder = [
        // The clock goes from one run to the next.
        ("LATCHKEY_SWEEP_SCHEDULE", "0 * * * * *"),
        ("LATCHKEY_GRACE_POLICY", "deallocate"),
        ("LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS", "1"),
        ("LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS", "2"),
        ("LATCHKEY_GRACE_NOTICE_SECONDS", "1"),
        ("LATCHKEY_LEAVING_HOLD_SECONDS", "1"),
        ("LATCHKEY_LEAVING_APPROVAL", "policy"),
    ];
    options.settings.extend(ladder.map(|(name, value)| (name.to_owned(), value.to_owned())));
    LocalWorld::start(options).await.unwrap()
}

pub(crate) async fn a_world() -> LocalWorld {
    LocalWorld::start(options()).await.unwrap()
}

pub(crate) async fn a_world_of(options: LocalWorldOptions) -> LocalWorld {
    LocalWorld::start(options).await.unwrap()
}

/// A world with these settings besides.
pub(crate) async fn a_world_with(settings: &[(&str, &str)]) -> LocalWorld {
    let mut options = options();
    let more: BTreeMap<_, _> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    options.settings.extend(more);
    LocalWorld::start(options).await.unwrap()
}

/// A world in which consents and grants spread only when [`let_spread`] says so. It comes back to the folder of an
/// earlier one, where the vendor's own set-up spread by itself.
pub(crate) async fn a_world_where_nothing_spreads_by_itself(
    folder: &Path,
    settings: &[(&str, &str)],
) -> LocalWorld {
    let lasting = || LocalWorldOptions { dir: Some(folder.to_owned()), ..options() };
    LocalWorld::start(lasting()).await.unwrap().stop().await;
    let mut options = lasting();
    (options.lags.service_principal, options.lags.role_assignment) = (SPREADING, SPREADING);
    options.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    LocalWorld::start(options).await.unwrap()
}

/// Lets what spreads arrive everywhere, once this function has seen that it has not.
async fn let_spread(world: &LocalWorld, function: &str) {
    let put_off = |step: &StepReport| {
        step.function == function
            && step.outcome == StepOutcome::Retry
            && step.detail.as_deref().unwrap_or_default().contains("spreading")
    };
    let seen = async || Ok(world.steps().iter().any(put_off));
    let what = format!("{function} to be put off");
    world.wait_until(&what, Instant::now() + PATIENCE, seen).await.unwrap();
    world.sandbox().advance_clock(SPREADING);
}

/// The whole story, each change being seen before it has spread.
pub(crate) async fn play_while_it_spreads(world: &LocalWorld) -> SignedUp {
    let signed_up = sign_up(world).await;
    world.customer().consent(&signed_up.page).await.unwrap();
    let_spread(world, "customer_consented").await;
    until(world, &signed_up.page, "awaiting-key").await;
    grant_and_share(world, &signed_up.page, "contoso-keys").await;
    let_spread(world, "key_shared").await;
    until(world, &signed_up.page, "active").await;
    signed_up
}

/// A customer who bought and opened the landing page.
pub(crate) struct SignedUp {
    pub(crate) purchase: Purchase,
    pub(crate) page: OnboardingPage,
}

pub(crate) async fn sign_up(world: &LocalWorld) -> SignedUp {
    let purchase = world.purchase().await.unwrap();
    let page = world.customer().sign_up(&purchase.landing).await.unwrap();
    until(world, &page, "awaiting-consent").await;
    SignedUp { purchase, page }
}

/// Signs up while the handler process is being killed: a page that was on its way then is answered with 500, as by
/// Microsoft's host, and the customer loads it again.
pub(crate) async fn sign_up_through_kills(world: &LocalWorld) -> SignedUp {
    let purchase = world.purchase().await.unwrap();
    let load = async || Ok(world.customer().sign_up(&purchase.landing).await.ok());
    let page = world.wait_for("the landing page", Instant::now() + PATIENCE, load).await.unwrap();
    until(world, &page, "awaiting-consent").await;
    SignedUp { purchase, page }
}

/// Does it again until it is taken: a request that was on its way during a kill is answered with 500, as by Microsoft's
/// host, and the customer tries again.
pub(crate) async fn insist(world: &LocalWorld, what: &str, request: impl AsyncFn() -> anyhow::Result<()>) {
    let taken = async || Ok(request().await.is_ok());
    world.wait_until(what, Instant::now() + PATIENCE, taken).await.unwrap();
}

/// Presses "check again" until it is taken: not right after another time.
pub(crate) async fn check_again(world: &LocalWorld, page: &OnboardingPage) {
    insist(world, "the check", async || world.customer().check_again(page).await).await;
}

/// The whole story while requests may fail: each is made again until it is taken.
pub(crate) async fn play_through_failures(world: &LocalWorld) -> SignedUp {
    let signed_up = sign_up_through_kills(world).await;
    let page = &signed_up.page;
    insist(world, "the consent", async || world.customer().consent(page).await.map(drop)).await;
    until(world, page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    grant(world, &key).await;
    insist(world, "the key", async || world.customer().share_key(page, &key.url).await).await;
    until(world, page, "active").await;
    signed_up
}

/// The customer consents, makes a key, grants its use and shares it.
pub(crate) async fn consent_and_share(world: &LocalWorld, page: &OnboardingPage, vault: &str) {
    world.customer().consent(page).await.unwrap();
    until(world, page, "awaiting-key").await;
    grant_and_share(world, page, vault).await;
}

async fn grant_and_share(world: &LocalWorld, page: &OnboardingPage, vault: &str) {
    let key = world.customer().make_key(vault).await.unwrap();
    grant(world, &key).await;
    world.customer().share_key(page, &key.url).await.unwrap();
}

/// Lets the application use the key.
pub(crate) async fn grant(world: &LocalWorld, key: &CustomerKey) {
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(key, principal).await.unwrap();
}

/// The whole story, to its end.
pub(crate) async fn play(world: &LocalWorld) -> SignedUp {
    let signed_up = sign_up(world).await;
    consent_and_share(world, &signed_up.page, "contoso-keys").await;
    until(world, &signed_up.page, "active").await;
    signed_up
}

/// Waits until the onboarding's page names this state.
pub(crate) async fn until(world: &LocalWorld, page: &OnboardingPage, state: &str) -> OnboardingView {
    until_page(world, page, state, |view| view.state == state).await
}

/// Waits until the onboarding's page names this blocker.
pub(crate) async fn until_blocked(world: &LocalWorld, page: &OnboardingPage, code: &str) -> OnboardingView {
    until_page(world, page, code, |view| view.blocker.as_ref().is_some_and(|blocker| blocker.code == code))
        .await
}

pub(crate) async fn until_page(
    world: &LocalWorld,
    page: &OnboardingPage,
    what: &str,
    holds: impl Fn(&OnboardingView) -> bool,
) -> OnboardingView {
    let look = async || Ok(world.customer().look(page).await.ok().filter(|view| holds(view)));
    match world.wait_for(what, Instant::now() + PATIENCE, look).await {
        Ok(view) => view,
        Err(error) => {
            panic!("{error:#}\nsteps: {:#?}\n{:#?}", world.steps(), world.watched(|w| w.problems.clone()))
        }
    }
}

/// Waits until every queue is empty and no message is scheduled, locked or dead.
pub(crate) async fn until_nothing_is_left(world: &LocalWorld) {
    let empty = async || Ok(world.queues().iter().all(|queue| left_in(world, queue) == 0));
    if let Err(error) = world.wait_until("empty queues", Instant::now() + PATIENCE, empty).await {
        let left: Vec<_> = world.queues().iter().map(|queue| (queue, world.broker().counts(queue))).collect();
        panic!("{error:#}: {left:?}");
    }
}

fn left_in(world: &LocalWorld, queue: &str) -> u64 {
    let counts = world.broker().counts(queue).unwrap();
    [counts.active, counts.scheduled, counts.deferred, counts.locked, counts.dead_letter]
        .into_iter()
        .map(|count| u64::try_from(count).unwrap())
        .sum()
}

/// The exchanges with the simulated Azure whose method and address match, as HAR entries, in order.
pub(crate) fn exchanges(world: &LocalWorld, method: &str, in_url: &str) -> Vec<Value> {
    let har = world.sandbox().har();
    let entries = har["log"]["entries"].as_array().unwrap();
    let matches = |entry: &&Value| {
        entry["request"]["method"] == method
            && entry["request"]["url"].as_str().unwrap().to_lowercase().contains(&in_url.to_lowercase())
    };
    entries.iter().filter(matches).cloned().collect()
}

/// Which of these exchanges succeeded.
pub(crate) fn succeeded(exchanges: &[Value]) -> usize {
    exchanges.iter().filter(|entry| entry["response"]["status"].as_u64().unwrap() < 300).count()
}

/// A client for the function app's own address, which follows no redirects and keeps no cookies.
pub(crate) fn plain_client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
}

/// Has the host run a timer's function now.
pub(crate) async fn run_timer(world: &LocalWorld, function: &str) -> anyhow::Result<()> {
    let url = world.url().join(&format!("/admin/functions/{function}"))?;
    let response = plain_client().post(url).json(&serde_json::json!({})).send().await?;
    anyhow::ensure!(response.status().is_success(), "{function}: {}", response.status());
    Ok(())
}

/// The page as its customer sees it.
pub(crate) async fn page_of(world: &LocalWorld, page: &OnboardingPage) -> String {
    let response = plain_client().get(page.url().clone()).send().await.unwrap();
    assert!(response.status().is_success(), "{}: {:?}", response.status(), world.steps());
    response.text().await.unwrap()
}

/// The page's facts as they come, with what [`OnboardingView`] leaves out.
pub(crate) async fn facts_of(page: &OnboardingPage) -> Value {
    let request = plain_client().get(page.url().clone()).header("accept", "application/json");
    request.send().await.unwrap().json().await.unwrap()
}

/// The vendor's view of an onboarding: its whole history.
pub(crate) async fn history(world: &LocalWorld, page: &OnboardingPage) -> Vec<Value> {
    let url = world.url().join(&format!("/api/operations/onboardings/{}", page.onboarding())).unwrap();
    let history: Value = plain_client().get(url).send().await.unwrap().json().await.unwrap();
    history["entries"].as_array().unwrap().clone()
}

/// How the vendor mends what is waited for first. The customer's page does not say it.
pub(crate) async fn told_to_the_operator(world: &LocalWorld, page: &OnboardingPage) -> String {
    let entries = history(world, page).await;
    entries.last().unwrap()["blockers"][0]["mend"].to_string()
}
