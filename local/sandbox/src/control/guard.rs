//! Who may call: programs on this machine, and pages of this very address.

use std::net::SocketAddr;

use axum::extract::{Request, State as RouterState};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::ControlError;

/// The sandbox's own address.
#[derive(Clone, Copy)]
pub(crate) struct Own(pub(crate) SocketAddr);

/// Refuses what a page of another site could make a browser send. (A foreign `Host` never comes as far as this.)
pub(crate) async fn refuse_strangers(
    RouterState(Own(own)): RouterState<Own>,
    request: Request,
    next: Next,
) -> Response {
    if is_foreign(own, request.headers()) {
        let text = "a page of another origin may not call this address";
        return ControlError::new(StatusCode::FORBIDDEN, text).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

fn is_foreign(own: SocketAddr, headers: &HeaderMap) -> bool {
    let origins = [format!("http://{own}"), format!("http://localhost:{}", own.port())];
    let foreign_origin = headers.get_all(header::ORIGIN).iter().any(|origin| {
        !origin.to_str().is_ok_and(|origin| origins.iter().any(|own| own.eq_ignore_ascii_case(origin)))
    });
    // A browser says so even where it names no origin. A person who follows a link is no danger: that is a GET, and
    // no GET changes anything.
    let foreign_site =
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
            && headers.get("sec-fetch-mode").is_none_or(|mode| mode != "navigate");
    foreign_origin || foreign_site
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_and_the_own_page_are_at_home() {
        let own: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let foreign = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_foreign(own, &headers)
        };
        assert!(!foreign(&[]));
        assert!(!foreign(&[("origin", "http://127.0.0.1:8080")]));
        assert!(!foreign(&[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[("origin", "http://127.0.0.1:8081")]));
        assert!(foreign(&[("origin", "https://127.0.0.1:8080")]));
        assert!(foreign(&[("origin", "https://evil.example")]));
        assert!(foreign(&[("origin", "null")]));
        assert!(foreign(&[("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")]));
        assert!(!foreign(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
    }
}
