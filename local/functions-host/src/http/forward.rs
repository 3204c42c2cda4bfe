//! `enableForwardingHttpRequest`: the client's own request goes to the handler, the handler's own answer comes back.
//!
//! azure-functions-host, `HttpRequestExtensions.ToHttpRequestMessage`, `DefaultHttpWorkerService.cs`. Every answer,
//! whatever its status, is a successful invocation; redirects and cookies are the client's business.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::query::parameters;
use super::target;
use crate::configuration::custom_handler::Forwarding;
use crate::handler::{TransportError, body};
use crate::invocation::executor::add_host_headers;
use crate::invocation::{Executor, Invocation, InvocationError};

/// What .NET's `UrlEncoder.Default` leaves as it is, besides letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'@');

/// What .NET takes for headers of a request's content, all but length and type: they are lost.
const OF_THE_CONTENT: [HeaderName; 9] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_DISPOSITION,
    HeaderName::from_static("content-md5"),
    header::CONTENT_RANGE,
    header::CONTENT_LOCATION,
    header::ALLOW,
    header::EXPIRES,
    header::LAST_MODIFIED,
];

/// Sends a client's request to the handler and returns what it answers.
pub(crate) async fn forward(
    executor: &Executor,
    invocation: &Invocation,
    forwarding: Forwarding,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, InvocationError> {
    let running = executor.running(invocation).await?;
    let path = match forwarding {
        Forwarding::RawToFunctionName => format!("/{}", invocation.name()),
        Forwarding::Raw | Forwarding::Off | Forwarding::Proxy => target::forwarded(request.uri().path()),
    };
    let outgoing = outgoing_request(&running.client.authority(), &path, invocation, request)?;
    let is_bodiless = request.body().is_empty() && outgoing.headers().get(header::CONTENT_LENGTH).is_none();
    let mut response = if is_bodiless {
        executor.send_without_body(&running, &outgoing).await?
    } else {
        executor.send(&running, outgoing.map(|()| body::sized(request.body().clone()))).await?
    };
    check_answer(&response)?;
    *response.version_mut() = http::Version::HTTP_11;
    // The answer was read to its end, and is sent in one piece.
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    if let Some(value) = response.headers().get(header::CONNECTION).and_then(|value| value.to_str().ok()) {
        let known = connection_options(&[value]);
        let value = HeaderValue::from_str(&known).expect("a part of a header text");
        response.headers_mut().insert(header::CONNECTION, value);
    }
    Ok(response)
}

/// What .NET, or Kestrel behind it, does not pass on.
fn check_answer(response: &Response<Bytes>) -> Result<(), InvocationError> {
    let is_text = response.headers().values().all(|value| value.to_str().is_ok());
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announces_nothing = length.is_none_or(|length| length == "0");
    if is_text && (response.status() != StatusCode::NO_CONTENT || announces_nothing) {
        return Ok(());
    }
    Err(TransportError::Broken("the answer has headers that cannot be passed on".to_owned()).into())
}

fn outgoing_request(
    authority: &str,
    path: &str,
    invocation: &Invocation,
    request: &Request<Bytes>,
) -> Result<Request<()>, InvocationError> {
    let has_length = request.headers().contains_key(header::CONTENT_LENGTH);
    // The real host copies `Transfer-Encoding` but sends a body only if its length is known; .NET refuses that.
    if request.headers().contains_key(header::TRANSFER_ENCODING) && !has_length {
        return Err(InvocationError::ChunkedWithoutContent);
    }
    let mut outgoing = Request::new(());
    *outgoing.method_mut() = request.method().clone();
    let url = format!("http://{authority}{path}{}", query(request.uri().query().unwrap_or_default()));
    *outgoing.uri_mut() =
        url.parse().map_err(|_| TransportError::Broken(format!("cannot send to '{url}'")))?;
    *outgoing.headers_mut() = headers(request)?;
    add_host_headers(outgoing.headers_mut(), invocation.id);
    Ok(outgoing)
}

/// The client's headers as .NET writes them again: each name once, its values joined. Those that are about the connection
/// are passed on as well.
fn headers(request: &Request<Bytes>) -> Result<HeaderMap, InvocationError> {
    let mut headers = HeaderMap::new();
    for name in request.headers().keys().filter(|name| !OF_THE_CONTENT.contains(name)) {
        let values: Option<Vec<&str>> =
            request.headers().get_all(name).iter().map(|value| value.to_str().ok()).collect();
        let Some(values) = values else { return Err(unusable(name)) };
        let value = match *name {
            header::COOKIE => values.join("; "),
            header::CONNECTION => connection_options(&values),
            _ => values.join(", "),
        };
        headers.insert(name, HeaderValue::from_str(&value).map_err(|_| unusable(name))?);
    }
    if request.body().is_empty() {
        headers.remove(header::CONTENT_TYPE);
        // Methods that .NET expects content of say that there is none.
        let is_usual =
            matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE);
        if is_usual {
            headers.remove(header::CONTENT_LENGTH);
        } else {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    } else if headers.get(header::CONTENT_TYPE).is_some_and(|value| !is_media_type(value)) {
        return Err(unusable(&header::CONTENT_TYPE));
    }
    Ok(headers)
}

/// Kestrel keeps of a client's `Connection` what it knows.
fn connection_options(values: &[&str]) -> String {
    let known =
        |option: &&str| ["keep-alive", "close", "upgrade"].contains(&option.to_ascii_lowercase().as_str());
    let options = values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(known);
    options.collect::<Vec<_>>().join(", ")
}

fn is_media_type(value: &HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    let is_token =
        |part: &str| !part.is_empty() && !part.contains(|next: char| next.is_whitespace() || next == '/');
    media_type.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

fn unusable(name: &HeaderName) -> InvocationError {
    TransportError::Broken(format!("the client's header '{name}' cannot be passed on")).into()
}

/// The query as .NET writes it again: values of one name, compared without regard to case, joined by commas.
fn query(text: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let pairs: Vec<String> = parameters(text)
        .iter()
        .map(|known| format!("{}={}", encode(&known.name), encode(&known.joined())))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_written_again_as_dotnet_writes_them() {
        let check = |text: &str, expected: &str| assert_eq!(query(text), expected, "{text}");
        check("", "");
        check("id=149656222&name=Ink%20And%20Toner", "?id=149656222&name=Ink%20And%20Toner");
        check("name=Ink+And+Toner", "?name=Ink%20And%20Toner");
        check("a=1&b=x&A=2", "?A=1,2&b=x");
        check("u=https://x/y?z&flag", "?u=https%3A%2F%2Fx%2Fy%3Fz&flag=");
        check("%C3%A9=%26", "?%C3%A9=%26");
    }
}
