//! Runs one invocation: waits for the handler, asks it, passes the outputs on, and tells what happened.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use super::answer::{Answer, Decoded, decode};
use super::error::InvocationError;
use super::traps::traps;
use super::value::{BindingData, WireValue, envelope};
use crate::clock::Clock;
use crate::configuration::function_json::{Function, Output, OutputTarget, RETURN};
use crate::configuration::retry::RetryPolicy;
use crate::event::{HostEvent, Observer, OutputLevel};
use crate::handler::{Client, Handler, HandlerUnavailable, RequestBody, Running, TransportError, body};
use crate::service_bus::{Destination, output::message_bodies};

/// The version that this host tells handlers: the one whose behaviour it follows.
pub(crate) const HOST_VERSION: &str = "4.1037.0.0";
pub(crate) const INVOCATION_ID_HEADER: &str = "x-azure-functions-invocationid";
pub(crate) const HOST_VERSION_HEADER: &str = "x-azure-functions-hostversion";
/// After a time-out the real host waits this long before it kills the handler process.
const TIMEOUT_GRACE_PERIOD: Duration = Duration::from_secs(2);
const MAX_REDIRECTS: u32 = 50;
const RESENT: &str = "The handler closed the connection four times without an answer: the Functions host sends a request \
    without a body again, up to three times. What it does must bear to be done more than once.";

/// A function with the places its outputs go to, by the names of the bindings.
pub(crate) struct LoadedFunction {
    pub(crate) function: Function,
    pub(crate) destinations: BTreeMap<String, Arc<dyn Destination>>,
}

/// One run of one function.
pub(crate) struct Invocation {
    pub(crate) id: Uuid,
    pub(crate) function: Arc<LoadedFunction>,
    pub(crate) message_id: Option<String>,
    pub(crate) delivery_count: Option<u32>,
    /// The handler process that it was sent to; 0 for none yet.
    generation: AtomicU64,
}

/// What all invocations share.
pub(crate) struct Executor {
    pub(crate) handler: Handler,
    pub(crate) observer: Observer,
    pub(crate) clock: Clock,
    pub(crate) function_timeout: Option<Duration>,
    /// The policy of host.json, for functions without one of their own.
    pub(crate) retry: Option<RetryPolicy>,
    /// Azure sends invocations in chunks; Core Tools log them first and then know their length.
    pub(crate) sends_content_length: bool,
    /// The host's client follows redirects of JSON invocations, unless requests are forwarded
    /// (azure-functions-host, `DefaultHttpWorkerService.cs`).
    pub(crate) follows_redirects: bool,
    pub(crate) fatal: mpsc::UnboundedSender<String>,
    /// The host takes nothing new: what succeeds now goes back all the same.
    pub(crate) stopping: CancellationToken,
    /// The host has waited long enough: what still runs is left alone, and settled by nobody.
    pub(crate) over: CancellationToken,
    /// How many invocations have begun.
    pub(crate) started: AtomicU64,
}

impl Invocation {
    pub(crate) fn new(function: Arc<LoadedFunction>) -> Self {
        Self {
            id: Uuid::new_v4(),
            function,
            message_id: None,
            delivery_count: None,
            generation: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.function.function.name
    }
}

impl Executor {
    /// Runs `work` as this invocation: under the function time-out, with an event before and after it.
    pub(crate) async fn run<T>(
        &self,
        invocation: &Invocation,
        work: impl Future<Output = Result<T, InvocationError>>,
    ) -> Result<T, InvocationError> {
        let started = Instant::now();
        self.started.fetch_add(1, Ordering::SeqCst);
        self.observer.tell(HostEvent::InvocationStarted {
            function: invocation.name().to_owned(),
            invocation_id: invocation.id.to_string(),
            trigger: invocation.function.function.trigger.kind(),
            message_id: invocation.message_id.clone(),
            delivery_count: invocation.delivery_count,
        });
        let result = tokio::select! {
            result = self.within_time_limit(invocation, work) => result,
            () = self.over.cancelled() => Err(HandlerUnavailable::Stopped.into()),
        };
        self.observer.tell(HostEvent::InvocationFinished {
            function: invocation.name().to_owned(),
            invocation_id: invocation.id.to_string(),
            message_id: invocation.message_id.clone(),
            duration: started.elapsed(),
            result: result.as_ref().map(|_| ()).map_err(ToString::to_string),
        });
        result
    }

    async fn within_time_limit<T>(
        &self,
        invocation: &Invocation,
        work: impl Future<Output = Result<T, InvocationError>>,
    ) -> Result<T, InvocationError> {
        let Some(limit) = self.function_timeout else { return work.await };
        match timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => {
                let error = InvocationError::Timeout { function: invocation.name().to_owned(), limit };
                self.observer.line(OutputLevel::Error, error.to_string());
                self.replace_handler(invocation).await;
                Err(error)
            }
        }
    }

    /// The invocation's result comes when this is done: whoever hears of the time-out meets the next process. One that was
    /// waiting for a process costs the one that it waited for.
    async fn replace_handler(&self, invocation: &Invocation) {
        let asked = match invocation.generation.load(Ordering::Relaxed) {
            0 => self.handler.generation(),
            asked => asked,
        };
        sleep(TIMEOUT_GRACE_PERIOD).await;
        self.handler.replace(asked).await;
    }

    /// The process to send an invocation to; waits for one that is being started.
    pub(crate) async fn running(&self, invocation: &Invocation) -> Result<Running, InvocationError> {
        match self.handler.ready().await {
            Ok(running) => {
                invocation.generation.store(running.generation, Ordering::Relaxed);
                Ok(running)
            }
            Err(error) => {
                if let HandlerUnavailable::NeverReady = error {
                    // Nobody receives only when the host is stopping already.
                    let _ = self.fatal.send(error.to_string());
                }
                Err(error.into())
            }
        }
    }

    /// Sends a request to the handler as it is.
    pub(crate) async fn send(
        &self,
        running: &Running,
        request: Request<RequestBody>,
    ) -> Result<Response<Bytes>, InvocationError> {
        match running.client.send(request).await {
            Ok(response) => Ok(response),
            Err(error) => {
                self.handler.after_broken_connection(running).await;
                Err(error.into())
            }
        }
    }

    /// Sends a request without a body, which the host's client sends again where the handler closes without an answer.
    pub(crate) async fn send_without_body(
        &self,
        running: &Running,
        request: &Request<()>,
    ) -> Result<Response<Bytes>, InvocationError> {
        match running.client.send_without_body(request).await {
            Ok(response) => Ok(response),
            Err(error) => {
                if let TransportError::Closed = error {
                    self.observer.line(OutputLevel::Warning, RESENT);
                }
                self.handler.after_broken_connection(running).await;
                Err(error.into())
            }
        }
    }

    /// Sends a JSON invocation, reports its logs and sends its Service Bus outputs.
    pub(crate) async fn ask(
        &self,
        invocation: &Invocation,
        data: Vec<(String, WireValue)>,
        metadata: BindingData,
    ) -> Result<Answer, InvocationError> {
        let running = self.running(invocation).await?;
        let body = Bytes::from(envelope(data, metadata).to_compact_text());
        let response = self.send_following_redirects(&running, invocation, body).await?;
        let answer = match decode(&response)? {
            Decoded::Answer(answer) => answer,
            Decoded::NeverCompletes => {
                self.observer.line(OutputLevel::Warning, format!(
                    "The handler answered invocation {} of '{}' with {} and an empty result. The Functions host never \
                     completes such an invocation; it ends with the function timeout. Answer a JSON object, {{}} at least.",
                    invocation.id,
                    invocation.name(),
                    response.status().as_u16(),
                ));
                std::future::pending().await
            }
        };
        for line in traps(&invocation.function.function, &answer) {
            self.observer.line(OutputLevel::Warning, line);
        }
        let category = format!("Function.{}.User", invocation.name());
        for log in &answer.logs {
            self.observer.line_of(&category, OutputLevel::Information, log);
        }
        self.send_outputs(invocation, &answer).await?;
        Ok(answer)
    }

    /// The real host's HTTP client follows redirects of JSON invocations, where it does.
    async fn send_following_redirects(
        &self,
        running: &Running,
        invocation: &Invocation,
        body: Bytes,
    ) -> Result<Response<Bytes>, InvocationError> {
        let mut url = invocation_url(&running.client, invocation.name());
        let mut method = Method::POST;
        for _ in 0..MAX_REDIRECTS {
            let request = self.invocation_request(&url, &method, invocation, &body)?;
            let response = self.send(running, request).await?;
            let Some(target) = redirect_target(&url, &response).filter(|_| self.follows_redirects) else {
                return Ok(response);
            };
            let status = response.status().as_u16();
            let line = format!(
                "The handler answered {status}: the Functions host follows it to '{target}' by itself."
            );
            self.observer.line(OutputLevel::Warning, line);
            if !matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                method = Method::GET;
            }
            url = target;
        }
        Err(TransportError::Broken("too many redirects".to_owned()).into())
    }

    fn invocation_request(
        &self,
        url: &Url,
        method: &Method,
        invocation: &Invocation,
        bytes: &Bytes,
    ) -> Result<Request<RequestBody>, InvocationError> {
        let body = match *method {
            Method::POST if self.sends_content_length => body::sized(bytes.clone()),
            Method::POST => body::chunked(bytes.clone()),
            _ => body::empty(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() =
            url.as_str().parse().map_err(|_| TransportError::Broken(format!("cannot send to '{url}'")))?;
        add_host_headers(request.headers_mut(), invocation.id);
        if *method == Method::POST {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        Ok(request)
    }

    /// One message after the other; a failure leaves the ones before it sent, as in the real host.
    async fn send_outputs(&self, invocation: &Invocation, answer: &Answer) -> Result<(), InvocationError> {
        let outputs = &invocation.function.function.outputs;
        let has_return_binding = outputs.iter().any(|output| output.name == RETURN);
        for Output { name, binary, target } in outputs {
            let OutputTarget::ServiceBus { .. } = target else { continue };
            let Some(destination) = invocation.function.destinations.get(name) else { continue };
            let Some(value) = answer.output(name, has_return_binding) else { continue };
            for body in message_bodies(value, *binary) {
                let fail = |source| InvocationError::Output { binding: name.clone(), source };
                destination.send(body, invocation.id).await.map_err(fail)?;
            }
        }
        Ok(())
    }
}

/// `POST http://127.0.0.1:{port}/{function}`
fn invocation_url(client: &Client, function: &str) -> Url {
    let text = format!("http://{}/{function}", client.authority());
    Url::parse(&text).expect("an address and a function's name make a URL")
}

fn redirect_target(base: &Url, response: &Response<Bytes>) -> Option<Url> {
    if !matches!(response.status().as_u16(), 300 | 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    // .NET does not follow anything but HTTP, and this client has no TLS.
    base.join(location).ok().filter(|target| target.scheme() == "http")
}

/// The three headers by which a handler knows the host, added to a client's own of these names.
pub(crate) fn add_host_headers(headers: &mut http::HeaderMap, invocation_id: Uuid) {
    let added = |name: &http::HeaderName, own: String, between: &str| {
        let value = match headers.get(name).and_then(|value| value.to_str().ok()) {
            Some(client) => format!("{client}{between}{own}"),
            None => own,
        };
        HeaderValue::from_str(&value).expect("both parts are header texts")
    };
    let id = added(&http::HeaderName::from_static(INVOCATION_ID_HEADER), invocation_id.to_string(), ", ");
    let version = added(&http::HeaderName::from_static(HOST_VERSION_HEADER), HOST_VERSION.to_owned(), ", ");
    let agent = added(&header::USER_AGENT, format!("Azure-Functions-Host/{HOST_VERSION}"), " ");
    headers.insert(INVOCATION_ID_HEADER, id);
    headers.insert(HOST_VERSION_HEADER, version);
    headers.insert(header::USER_AGENT, agent);
}
