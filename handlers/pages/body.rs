//! Reading a body: only once its sender was let in, only so much, and only for so long.
//!
//! A stranger's body is never read: the link or the token is checked on the headers alone, and a refusal closes the
//! connection over whatever is still being sent.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody as _, to_bytes},
    http::StatusCode,
};

use super::Problem;

/// The longest webhook: the marketplace's are of two kilobytes.
pub(crate) const WEBHOOK: usize = 64 * 1024;
/// The longest handshake of an event subscription: it holds one event.
pub(crate) const HANDSHAKE: usize = 8 * 1024;
/// The longest form: it holds one URL.
pub(crate) const FORM: usize = 8 * 1024;
/// The longest question about dead letters: a thousand, each with the names that it has (`operations`).
pub(crate) const LETTERS: usize = 1024 * 1024;
/// How long a body may take to arrive.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Reads a body of at most so many bytes. One that says that it is longer is not begun.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    read_within(body, limit, TIME_LIMIT).await
}

async fn read_within(body: Body, limit: usize, time_limit: Duration) -> Result<Bytes, Problem> {
    let too_long =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is longer than {limit} bytes."));
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_long());
    }
    match tokio::time::timeout(time_limit, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(too_long()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "The body did not arrive.")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::{
        Router,
        http::{Request, header},
    };
    use futures::stream;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{App, pages::linked};

    async fn post(app: &App, address: &str, length: Option<usize>, body: Body) -> u16 {
        let routes = Router::new()
            .merge(crate::functions::marketplace_webhook::routes())
            .merge(crate::functions::operations::routes())
            .merge(crate::functions::share_key::routes());
        let mut request = Request::post(address).header(header::CONTENT_TYPE, "application/json");
        if let Some(length) = length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        let response = routes.with_state(app.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
        response.status().as_u16()
    }

    /// A body without end, and how much of it was read.
    fn endless() -> (Body, Arc<AtomicUsize>) {
        let read = Arc::<AtomicUsize>::default();
        let count = read.clone();
        let chunks = stream::repeat_with(move || {
            count.fetch_add(1024, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]))
        });
        (Body::from_stream(chunks), read)
    }

    #[tokio::test]
    async fn the_body_of_a_stranger_is_not_read_at_all() {
        let app = crate::tests::app();
        let open = crate::test_support::provisioning(&app.journal).await;
        let share = format!("/api/share-key/{open}?link=1.AAAA");
        for (address, status) in [("/api/marketplace/webhook", 401), (share.as_str(), 403)] {
            let (body, read) = endless();
            assert_eq!(post(&app, address, None, body).await, status, "{address}");
            assert_eq!(read.load(Ordering::SeqCst), 0, "{address}");
        }
    }

    #[tokio::test]
    async fn the_body_of_a_page_is_not_read_at_all() {
        let app = crate::tests::app();
        let routes = Router::new()
            .merge(crate::functions::signup::routes())
            .merge(crate::functions::onboarding_page::routes())
            .merge(crate::functions::consent_callback::routes())
            .with_state(app.clone());
        let open = crate::test_support::provisioning(&app.journal).await;
        let link = crate::pages::signing::Link::issued(open, 0, app.clock.now());
        let below = |below: &str| {
            let url =
                url::Url::parse(&linked(&app, &link, &format!("/api/onboarding/{open}{below}"))).unwrap();
            format!("{}?{}", url.path(), url.query().unwrap())
        };
        for (method, address) in [
            ("GET", "/api/signup?token=%3C".to_owned()),
            ("GET", "/api/consent/callback?state=a.b".to_owned()),
            ("GET", below("")),
            ("GET", below("/consent")),
            ("POST", below("/check")),
        ] {
            let (body, read) = endless();
            let request = Request::builder().method(method).uri(&address).body(body).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            drop(response);
            assert_eq!(read.load(Ordering::SeqCst), 0, "{address}");
        }
    }

    #[tokio::test]
    async fn a_form_is_read_up_to_8_kib_and_no_further() {
        let app = crate::tests::app();
        let open = crate::test_support::provisioning(&app.journal).await;
        let link = crate::pages::signing::Link::issued(open, 0, app.clock.now());
        let address = linked(&app, &link, &format!("/api/share-key/{open}"));
        let url = url::Url::parse(&address).unwrap();
        let address = format!("{}?{}", url.path(), url.query().unwrap());
        let (body, read) = endless();
        assert_eq!(post(&app, &address, None, body).await, 413);
        assert!(read.load(Ordering::SeqCst) <= FORM + 2048, "{read:?}");
        assert_eq!(post(&app, &address, None, Body::from(vec![b' '; FORM + 1])).await, 413);
        assert_eq!(post(&app, &address, None, Body::from(vec![b' '; FORM])).await, 400, "read, and no form");
    }

    #[tokio::test]
    async fn an_operators_question_is_read_up_to_1_mib_and_a_check_up_to_8_kib() {
        let app = crate::tests::app();
        let open = crate::test_support::provisioning(&app.journal).await;
        let check = format!("/api/operations/onboardings/{open}/check");
        for (address, limit) in [("/api/operations/dead-letters/assess", LETTERS), (&check, FORM)] {
            let (body, read) = endless();
            assert_eq!(post(&app, address, None, body).await, 413, "{address}");
            assert!(read.load(Ordering::SeqCst) <= limit + 2048, "{address}: {read:?}");
            let (body, read) = endless();
            assert_eq!(post(&app, address, Some(limit + 1), body).await, 413, "{address}");
            assert!(read.load(Ordering::SeqCst) <= limit + 2048, "{address}: {read:?}");
            assert_eq!(
                post(&app, address, None, Body::from(vec![b' '; limit])).await,
                400,
                "{address}: read"
            );
        }
    }

    #[tokio::test]
    async fn a_webhook_is_read_up_to_64_kib_and_no_further() {
        let status = |problem: Problem| problem.respond_to(&axum::http::HeaderMap::new()).status().as_u16();
        assert_eq!(read(Body::from(vec![b' '; WEBHOOK]), WEBHOOK).await.unwrap().len(), WEBHOOK);
        let (body, count) = endless();
        assert_eq!(status(read(body, WEBHOOK).await.unwrap_err()), 413);
        assert!(count.load(Ordering::SeqCst) <= WEBHOOK + 2048);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_cut_off() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let status = |problem: Problem| problem.respond_to(&axum::http::HeaderMap::new()).status().as_u16();
        assert_eq!(status(read_within(never, FORM, Duration::from_millis(20)).await.unwrap_err()), 408);
    }
}
