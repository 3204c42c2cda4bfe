//! The consent callback is only a hint.

use latchkey_functions::{
    Settings,
    signing::{Link, Signer},
};
use local_world::{
    cast::OnboardingPage,
    step::{StepOutcome, StepReport},
    world::LocalWorld,
};
use reqwest::{Response, StatusCode, header};
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::support::{PATIENCE, a_world, a_world_with, plain_client, sign_up, until, until_blocked};

/// A consent that a browser has begun: the state for Entra, and the cookie.
struct Begun {
    state: String,
    cookie: String,
    tenant: String,
}

async fn begin(page: &OnboardingPage) -> Begun {
    let response = plain_client().get(page.below("consent")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let text = |name| response.headers()[name].to_str().unwrap().to_owned();
    let entra = Url::parse(&text(header::LOCATION)).unwrap();
    assert_eq!(entra.host_str(), Some("login.microsoftonline.com"));
    let state = entra.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let tenant = entra.path_segments().unwrap().next().unwrap().to_owned();
    let cookie = text(header::SET_COOKIE);
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    Begun { state, cookie: cookie.split(';').next().unwrap().to_owned(), tenant }
}

/// The state that the same page would have given the same browser then.
fn state_of(world: &LocalWorld, page: &OnboardingPage, begun: &Begun, then: OffsetDateTime) -> String {
    let settings = Settings::read(|name| world.settings().get(name).cloned()).unwrap();
    let (_, cookie) = begun.cookie.split_once('=').unwrap();
    Signer::new(&settings.signing_key, &settings.signing_keys_accepted).consent_state(
        Link::issued(page.onboarding().parse().unwrap(), 0, then),
        begun.tenant.parse().unwrap(),
        cookie,
        then,
    )
}

async fn call_back(callback: &Url, query: &[(&str, &str)], cookie: Option<&str>) -> Response {
    let mut url = callback.clone();
    url.query_pairs_mut().extend_pairs(query);
    let mut request = plain_client().get(url);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_callback_that_is_not_ours_is_refused_and_changes_nothing() {
    let world = a_world().await;
    let signed_up = sign_up(&world).await;
    let callback = world.url().join("/api/consent/callback").unwrap();
    let begun = begin(&signed_up.page).await;
    let two_hours_ago = OffsetDateTime::now_utc() - Duration::hours(2);
    let expired = state_of(&world, &signed_up.page, &begun, two_hours_ago);
    let Begun { state, cookie, tenant } = begun;
    let other_tenant = world.sandbox().seed().vendor.tenant_id.to_string();
    let (payload, signature) = state.split_once('.').unwrap();
    let forged = format!("{payload}.{}", signature.chars().rev().collect::<String>());
    assert_ne!(forged, state);

    /// What it is, its query, and the cookie that comes with it.
    type Callback<'a> = (&'a str, Vec<(&'a str, &'a str)>, Option<&'a str>);
    let refused: [Callback<'_>; 9] = [
        ("nothing at all", vec![], Some(&cookie)),
        ("without state", vec![("admin_consent", "True"), ("tenant", &tenant)], Some(&cookie)),
        (
            "a state that nobody signed",
            vec![("admin_consent", "True"), ("tenant", &tenant), ("state", "e30.AAAA")],
            Some(&cookie),
        ),
        (
            "a changed state",
            vec![("admin_consent", "True"), ("tenant", &tenant), ("state", &forged)],
            Some(&cookie),
        ),
        (
            "an expired state",
            vec![("admin_consent", "True"), ("tenant", &tenant), ("state", &expired)],
            Some(&cookie),
        ),
        (
            "another tenant",
            vec![("admin_consent", "True"), ("tenant", &other_tenant), ("state", &state)],
            Some(&cookie),
        ),
        ("no browser", vec![("admin_consent", "True"), ("tenant", &tenant), ("state", &state)], None),
        (
            "another browser",
            vec![("admin_consent", "True"), ("tenant", &tenant), ("state", &state)],
            Some(&format!("latchkey_consent_{}=other", signed_up.page.onboarding())),
        ),
        (
            "the cookie of another onboarding",
            vec![("admin_consent", "True"), ("tenant", &tenant), ("state", &state)],
            Some(&cookie.replace(signed_up.page.onboarding(), "7d0e7f5e-6d27-4b4c-8b53-0b7a34f1d001")),
        ),
    ];
    for (name, query, cookie) in refused {
        let response = call_back(&callback, &query, cookie).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
    }
    let view = until(&world, &signed_up.page, "awaiting-consent").await;
    assert_eq!(view.tenant.unwrap(), tenant, "the binding is as it was");
    assert!(!world.steps().iter().any(|step| step.function == "customer_consented"));
    world.stop().await;
}

#[tokio::test]
async fn a_perfect_callback_without_a_consent_behind_it_proves_nothing() {
    let world = a_world_with(&[("LATCHKEY_SPREADING_SECONDS", "1")]).await;
    let signed_up = sign_up(&world).await;
    let callback = world.url().join("/api/consent/callback").unwrap();
    let begun = begin(&signed_up.page).await;
    // Made in the same way as the expired one of the test above: what is refused there is its age.
    let state = state_of(&world, &signed_up.page, &begun, OffsetDateTime::now_utc());
    let Begun { cookie, tenant, .. } = begun;
    let query = [("admin_consent", "True"), ("tenant", tenant.as_str()), ("state", state.as_str())];

    let taken = call_back(&callback, &query, Some(&cookie)).await;
    assert_eq!(taken.status(), StatusCode::SEE_OTHER, "as a hint it is taken");
    let replayed = call_back(&callback, &query, Some(&cookie)).await;
    assert_eq!(replayed.status(), StatusCode::BAD_REQUEST, "the same state a second time is not");

    // How often it is tried within the second in which that counts as spreading depends on the machine.
    let given_up =
        |step: &StepReport| step.function == "customer_consented" && step.outcome != StepOutcome::Retry;
    let tried = async || Ok(world.steps().iter().any(given_up));
    world
        .wait_until("the proof to be given up", tokio::time::Instant::now() + PATIENCE, tried)
        .await
        .unwrap();
    let view = until_blocked(&world, &signed_up.page, "consent-missing").await;
    assert_eq!((view.state.as_str(), view.service_principal), ("awaiting-consent", None));
    world.stop().await;
}

#[tokio::test]
async fn a_declined_consent_leads_back_to_the_page_and_may_be_given_later() {
    let world = a_world().await;
    let signed_up = sign_up(&world).await;
    let callback = world.url().join("/api/consent/callback").unwrap();
    let Begun { state, cookie, tenant } = begin(&signed_up.page).await;
    let declined = [
        ("admin_consent", "True"),
        ("error", "consent_required"),
        ("error_description", "AADSTS65004: declined"),
        ("tenant", tenant.as_str()),
        ("state", state.as_str()),
    ];
    let response = call_back(&callback, &declined, Some(&cookie)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    world.customer().consent(&signed_up.page).await.unwrap();
    until(&world, &signed_up.page, "awaiting-key").await;
    world.stop().await;
}

#[tokio::test]
async fn a_page_opens_only_with_its_own_link() {
    let world = a_world().await;
    let signed_up = sign_up(&world).await;
    let address = signed_up.page.url();
    let mut without = address.clone();
    without.set_query(None);
    let mut other = address.clone();
    other.set_path("/api/onboarding/7d0e7f5e-6d27-4b4c-8b53-0b7a34f1d001");
    for url in [without, other] {
        assert_eq!(
            plain_client().get(url.clone()).send().await.unwrap().status(),
            StatusCode::FORBIDDEN,
            "{url}"
        );
    }
    let landing = world.url().join("/api/signup?token=nonsense").unwrap();
    assert_eq!(plain_client().get(landing).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    world.stop().await;
}
