//! How a client wrote the names of its headers, which an HTTP server in Rust does not keep.
//!
//! Kestrel shows the names that it knows in one order and in their canonical form, and all others behind them, in the
//! client's order and spelling (dotnet/aspnetcore, `HttpHeaders.Generated.cs`).

use http::Request;

use super::connection::WrittenNames;

/// The names that Kestrel knows, in the order in which it lists them.
const KNOWN: [&str; 43] = [
    "Accept",
    "Connection",
    "Host",
    "User-Agent",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Authorization",
    "Baggage",
    "Cache-Control",
    "Content-Type",
    "Cookie",
    "Correlation-Context",
    "Date",
    "Expect",
    "From",
    "Grpc-Accept-Encoding",
    "Grpc-Encoding",
    "Grpc-Timeout",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "Request-Id",
    "TE",
    "traceparent",
    "tracestate",
    "Transfer-Encoding",
    "Translate",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "Via",
    "Content-Length",
];

/// All names and values of a request, each name once.
pub(super) fn listed<B>(request: &Request<B>) -> Vec<(String, Vec<String>)> {
    let headers = request.headers();
    let written = request.extensions().get::<WrittenNames>();
    let place = |name: &str| KNOWN.iter().position(|known| known.eq_ignore_ascii_case(name));
    let mut names: Vec<_> = headers.keys().collect();
    // Stable: unknown ones stay in their order.
    names.sort_by_key(|name| place(name.as_str()).unwrap_or(KNOWN.len()));
    let shown = |name: &str| match place(name) {
        Some(index) => KNOWN[index].to_owned(),
        None => written.and_then(|written| written.of(name)).unwrap_or(name).to_owned(),
    };
    let values = |name| {
        headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    };
    names.into_iter().map(|name| (shown(name.as_str()), values(name))).collect()
}
