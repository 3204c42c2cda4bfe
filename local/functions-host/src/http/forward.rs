//! `enableForwardingHttpRequest`: the client's own request goes to the handler, the handler's own answer comes back.
//!
//! azure-functions-host, `HttpRequestExtensions.ToHttpRequestMessage`, `DefaultHttpWorkerService.cs`. Every answer,
//! whatever its status, is a successful invocation; redirects and cookies are the client's business.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::configuration::custom_handler::Forwarding;
use crate::handler::{RequestBody, TransportError, body};
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

/// These belong to one connection. Our guess: the real host copies them too, where they mean nothing good.
const OF_ONE_CONNECTION: [HeaderName; 4] =
    [header::CONNECTION, header::UPGRADE, header::EXPECT, HeaderName::from_static("keep-alive")];

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
        Forwarding::Raw | Forwarding::Off | Forwarding::Proxy => request.uri().path().to_owned(),
    };
    let outgoing = outgoing_request(&running.client.authority(), &path, invocation, request)?;
    let mut response = executor.send(&running, outgoing).await?;
    for name in [header::TRANSFER_ENCODING, header::CONNECTION, HeaderName::from_static("keep-alive")] {
        response.headers_mut().remove(name);
    }
    Ok(response)
}

fn outgoing_request(
    authority: &str,
    path: &str,
    invocation: &Invocation,
    request: &Request<Bytes>,
) -> Result<Request<RequestBody>, InvocationError> {
    let has_length = request.headers().contains_key(header::CONTENT_LENGTH);
    // The real host copies `Transfer-Encoding` but sends a body only if its length is known; .NET refuses that.
    if request.headers().contains_key(header::TRANSFER_ENCODING) && !has_length {
        return Err(InvocationError::ChunkedWithoutContent);
    }
    let content = if request.body().is_empty() { body::empty() } else { body::sized(request.body().clone()) };
    let mut outgoing = Request::new(content);
    *outgoing.method_mut() = request.method().clone();
    let url = format!("http://{authority}{path}{}", query(request.uri().query().unwrap_or_default()));
    *outgoing.uri_mut() =
        url.parse().map_err(|_| TransportError::Broken(format!("cannot send to '{url}'")))?;
    *outgoing.headers_mut() = headers(request.headers());
    add_host_headers(outgoing.headers_mut(), invocation.id);
    Ok(outgoing)
}

fn headers(client: &HeaderMap) -> HeaderMap {
    let mut headers = client.clone();
    for name in OF_ONE_CONNECTION {
        headers.remove(name);
    }
    headers
}

/// The query as .NET writes it again: values of one name, compared without regard to case, joined by commas.
fn query(text: &str) -> String {
    let parameters = parameters(text);
    let encode = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Names and values of a query string in their order, repeated names collapsed.
pub(super) fn parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match parameters.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => parameters.push((name.into_owned(), value.into_owned())),
        }
    }
    parameters
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
        check("a=1&b=x&A=2", "?a=1,2&b=x");
        check("u=https://x/y?z&flag", "?u=https%3A%2F%2Fx%2Fy%3Fz&flag=");
        check("%C3%A9=%26", "?%C3%A9=%26");
    }
}
