//! What every answer to a browser has to carry.

use axum::{Router, body::Body, http::Request};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::*;

async fn ask(app: &App, method: &str, address: &str, accept: &str) -> Response {
    let routes = Router::new()
        .merge(crate::functions::onboarding_page::routes())
        .merge(crate::functions::operations::routes())
        .merge(crate::functions::share_key::routes())
        .merge(crate::functions::consent_callback::routes())
        .merge(crate::functions::signup::routes());
    let request = Request::builder().method(method).uri(address).header(header::ACCEPT, accept);
    let response = routes.with_state(app.clone()).oneshot(request.body(Body::empty()).unwrap()).await;
    response.unwrap()
}

fn a_link(app: &App, id: OnboardingId) -> Link {
    Link::issued(id, 0, app.clock.now())
}

fn path_of(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

#[tokio::test]
async fn every_answer_about_an_onboarding_stays_out_of_caches_and_frames() {
    let app = crate::tests::app();
    let open = crate::test_support::provisioning(&app.journal).await;
    let unknown = OnboardingId::of_subscription(Uuid::from_u128(8));
    let linked = |id, path: &str| path_of(&linked(&app, &a_link(&app, id), path));
    let requests = [
        ("GET", linked(open, &format!("/api/onboarding/{open}")), 200),
        ("GET", linked(unknown, &format!("/api/onboarding/{unknown}")), 200),
        ("GET", linked(open, &format!("/api/onboarding/{unknown}")), 403),
        ("GET", format!("/api/onboarding/{open}"), 403),
        ("GET", linked(open, &format!("/api/onboarding/{open}/consent")), 303),
        ("GET", linked(unknown, &format!("/api/onboarding/{unknown}/consent")), 409),
        ("POST", linked(open, &format!("/api/onboarding/{unknown}/check")), 403),
        ("POST", linked(unknown, &format!("/api/share-key/{open}")), 403),
        ("GET", "/api/operations/onboardings".to_owned(), 200),
        ("GET", format!("/api/operations/onboardings/{open}"), 200),
        ("GET", format!("/api/operations/onboardings/{unknown}"), 404),
        ("GET", "/api/consent/callback?state=a.b".to_owned(), 400),
        ("GET", "/api/signup?token=".to_owned(), 400),
    ];
    for accept in ["text/html", "application/json"] {
        for (method, address, status) in &requests {
            let response = ask(&app, method, address, accept).await;
            let what = format!("{method} {address} as {accept}");
            assert_eq!(response.status().as_u16(), *status, "{what}");
            let is = |name: header::HeaderName, value: &str| {
                assert!(response.headers().get(&name).is_some_and(|found| found == value), "{what}: {name}");
            };
            is(header::CACHE_CONTROL, "no-store");
            is(header::REFERRER_POLICY, "no-referrer");
            is(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
            is(header::X_FRAME_OPTIONS, "DENY");
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
                "{what}"
            );
        }
        // Nothing is waited for: there is nothing to look at again.
        let check = linked(open, &format!("/api/onboarding/{open}/check"));
        let response = ask(&app, "POST", &check, accept).await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}

/// Three times an hour by default: the landing page's own message, and two more.
#[tokio::test]
async fn a_sign_up_that_is_not_tried_any_more_says_so_and_what_can_be_done() {
    let mut app = crate::tests::app();
    app.clock = std::sync::Arc::new(Now);
    let id = ::onboarding::OnboardingId::of_subscription(uuid::Uuid::from_u128(7));
    for (hours, is_overdue) in [(0, false), (2, false), (4, true)] {
        let issued = crate::test_support::NOW - time::Duration::hours(hours);
        let address = path_of(&address_of(&app, &Link::issued(id, 0, issued)));
        let shown = async |accept: &str| {
            let body = ask(&app, "GET", &address, accept).await.into_body();
            String::from_utf8(axum::body::to_bytes(body, 100_000).await.unwrap().to_vec()).unwrap()
        };
        let page = shown("text/html").await;
        assert_eq!(page.contains("The vendor has been notified."), is_overdue, "{hours}: {page}");
        assert_eq!(page.contains("Configure account"), is_overdue, "{hours}: {page}");
        assert_eq!(page.contains("is being processed"), !is_overdue, "{hours}: {page}");
        let json: serde_json::Value = serde_json::from_str(&shown("application/json").await).unwrap();
        assert_eq!((&json["state"], &json["overdue"]), (&"opening".into(), &is_overdue.into()));
    }
}

#[tokio::test]
async fn an_onboarding_that_has_ended_takes_no_key() {
    let app = crate::tests::app();
    let id = crate::test_support::provisioning(&app.journal).await;
    let ended = ::onboarding::Fact::Subscription { status: ::onboarding::SubscriptionStatus::Unsubscribed };
    crate::test_support::append(&app.journal, id, "left", ended).await;
    let body = r#"{"keyUrl": "https://contoso.vault.azure.net/keys/disks"}"#;
    let address = path_of(&linked(&app, &a_link(&app, id), &format!("/api/share-key/{id}")));
    let request = Request::post(address).header(header::CONTENT_TYPE, "application/json");
    let routes = crate::functions::share_key::routes().with_state(app.clone());
    let response = routes.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT);
}

/// Whoever asks hears what will be done, and nothing is sent where nothing will be: here there is no bus.
#[tokio::test]
async fn whoever_asks_to_look_again_hears_when_nothing_will_be_done() {
    let mut app = crate::tests::app();
    app.clock = std::sync::Arc::new(Now);
    let open = crate::test_support::provisioning(&app.journal).await;
    let address = path_of(&linked(&app, &a_link(&app, open), &format!("/api/onboarding/{open}/check")));
    let heard = async |accept: &str| {
        let response = ask(&app, "POST", &address, accept).await;
        assert_eq!(response.status(), 200);
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&heard("application/json").await).unwrap();
    assert_eq!(json["answer"], "under-way", "{json}");
    assert!(heard("text/html").await.contains("is in progress and is not waiting for anybody"));
    let status = onboarding::SubscriptionStatus::Unsubscribed;
    let left = onboarding::Fact::Subscription { status };
    crate::test_support::append(&app.journal, open, "left", left).await;
    let json: serde_json::Value = serde_json::from_str(&heard("application/json").await).unwrap();
    // It leaves, and is held: nobody has anything to do.
    assert_eq!(json["answer"], "nothing-to-do", "{json}");
    assert!(heard("text/html").await.contains("is not waiting for anybody"));
}

/// The time of the onboardings in these tests.
struct Now;

impl crate::clock::Clock for Now {
    fn now(&self) -> time::OffsetDateTime {
        crate::test_support::NOW
    }
}

/// Cancelled before the landing page was opened: the page says so, and nothing else is offered.
#[tokio::test]
async fn what_has_ended_asks_for_no_consent() {
    let app = crate::tests::app();
    let open = crate::test_support::opened(&app.journal).await;
    let ended = ::onboarding::Fact::Subscription { status: ::onboarding::SubscriptionStatus::Unsubscribed };
    crate::test_support::append(&app.journal, open, "ended", ended).await;
    for (method, below, status) in [("GET", "/consent", 410), ("POST", "/check", 200), ("GET", "", 200)] {
        let address = path_of(&linked(&app, &a_link(&app, open), &format!("/api/onboarding/{open}{below}")));
        let response = ask(&app, method, &address, "text/html").await;
        assert_eq!(response.status().as_u16(), status, "{method} {below}");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(" has ended") && !body.contains("Service principal"), "{body}");
    }
}

/// Withdrawn by the operator: no page opens and nothing is taken, until whoever may issue a link issues a new one.
#[tokio::test]
async fn links_that_were_withdrawn_open_nothing_and_new_ones_do() {
    let app = crate::tests::app();
    let open = crate::test_support::provisioning(&app.journal).await;
    let old = a_link(&app, open);
    let operations = format!("/api/operations/onboardings/{open}");
    let status =
        async |method: &str, address: &str| ask(&app, method, address, "text/html").await.status().as_u16();
    let page = path_of(&address_of(&app, &old));
    assert_eq!(status("GET", &page).await, 200);
    let consent =
        app.signer.consent_state(old, crate::test_support::ID.parse().unwrap(), "c", app.clock.now());
    assert_eq!(status("POST", &format!("{operations}/withdraw-links")).await, 200);
    for (method, below) in [("GET", ""), ("GET", "/consent"), ("POST", "/check")] {
        let address = path_of(&linked(&app, &old, &format!("/api/onboarding/{open}{below}")));
        assert_eq!(status(method, &address).await, 403, "{address}");
    }
    assert_eq!(status("POST", &path_of(&linked(&app, &old, &format!("/api/share-key/{open}")))).await, 403);
    let callback = format!(
        "/api/consent/callback?admin_consent=True&tenant={}&state={consent}",
        crate::test_support::ID
    );
    let routes = crate::functions::consent_callback::routes().with_state(app.clone());
    let request = Request::get(callback).header(header::COOKIE, format!("latchkey_consent_{open}=c"));
    let response = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 403, "what began with the link ends with it");

    let issued = ask(&app, "POST", &format!("{operations}/link"), "application/json").await;
    let body = axum::body::to_bytes(issued.into_body(), 10_000).await.unwrap();
    let issued: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status("GET", &path_of(issued["address"].as_str().unwrap())).await, 200, "{issued}");
    assert_eq!(status("GET", &page).await, 403);
}

/// Whatever a page shows works for as long as the link that it was opened with.
#[tokio::test]
async fn no_page_renews_the_link_that_opened_it() {
    let mut app = crate::tests::app();
    app.clock = std::sync::Arc::new(Now);
    let open = crate::test_support::opened(&app.journal).await;
    let begun = Link::issued(open, 0, crate::test_support::NOW - time::Duration::days(59));
    let page = path_of(&address_of(&app, &begun));
    let shown = ask(&app, "GET", &page, "application/json").await;
    let body = axum::body::to_bytes(shown.into_body(), 100_000).await.unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&body).unwrap();
    for name in ["consentUrl", "checkUrl"] {
        let url = url::Url::parse(shown[name].as_str().unwrap()).unwrap();
        let (_, link) = url.query_pairs().find(|(name, _)| name == "link").unwrap();
        let checked = app.signer.check_link(open, &link, crate::test_support::NOW).unwrap();
        assert_eq!(checked, begun, "{name}");
    }
    app.clock = std::sync::Arc::new(crate::clock::SystemClock);
    assert_eq!(ask(&app, "GET", &page, "text/html").await.status(), 403, "it is long past");
}

/// This app reaches nobody: a page that called somebody could not be shown.
#[tokio::test]
async fn a_page_reads_the_store_a_few_times_and_calls_nobody() {
    let store =
        crate::test_support::CountingStore::new(std::sync::Arc::new(object_store::memory::InMemory::new()));
    let mut app = crate::tests::app();
    app.journal = onboarding::journal::Journal::new(std::sync::Arc::new(store.clone()));
    app.withdrawals = onboarding::withdrawal::Withdrawals::new(std::sync::Arc::new(store.clone()));
    let open = crate::test_support::provisioning(&app.journal).await;
    let page = path_of(&address_of(&app, &a_link(&app, open)));
    store.take();
    assert_eq!(ask(&app, "GET", &page, "text/html").await.status(), 200);
    let counts = store.take();
    let reads = counts.gets + counts.heads + counts.lists;
    assert!(counts.puts == 0 && (1..=5).contains(&reads), "{counts:?}");
    assert_eq!(ask(&app, "GET", &page.replace("link=", "link=9"), "text/html").await.status(), 403);
    assert_eq!(store.take(), crate::test_support::Counts::default(), "a stranger is not even looked up");
}

/// The whole chain, and everything that may stand on the page with it: the vendor's subscription is not the customer's
/// business.
#[tokio::test]
async fn no_page_tells_the_vendors_subscription() {
    let app = crate::tests::app();
    let open = crate::test_support::provisioning(&app.journal).await;
    let address = path_of(&address_of(&app, &a_link(&app, open)));
    let disk: azure_ids::ArmId = crate::test_support::disk();
    let about = onboarding::About::Disk(disk.clone());
    let attached = onboarding::finding::Finding::DiskAttached { disk, error: None };
    let mut facts: Vec<_> = crate::test_support::chain().into_iter().filter_map(|(fact, _)| fact).collect();
    facts.insert(2, onboarding::Fact::Found { about, finding: attached, token_of: None });
    for fact in facts {
        crate::test_support::append(&app.journal, open, &format!("{fact:?}"), fact).await;
        for accept in ["text/html", "application/json"] {
            let shown = ask(&app, "GET", &address, accept).await;
            let body = axum::body::to_bytes(shown.into_body(), 100_000).await.unwrap();
            let body = String::from_utf8_lossy(&body).to_lowercase();
            assert!(!body.contains("/subscriptions/"), "{body}");
        }
    }
}
