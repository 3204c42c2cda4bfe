//! Stands between a client of the blob store and the store, and makes trouble: a store that is slow, busy or broken, and
//! answers that do not arrive.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use reqwest::{Client, Url};
use tokio::{net::TcpListener, time::sleep};

use crate::support::PATIENCE;

type Body = UnsyncBoxBody<Bytes, Broken>;

/// What ends a connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is broken on purpose")]
pub(crate) struct Broken;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is answered, but late.
    Slow(Duration),
    /// The store refuses it, and does nothing.
    Refused(u16, &'static str),
    /// The store does it, and says that it has not.
    RefusedAfterEffect(u16, &'static str),
    /// The connection ends in the middle of the answer.
    CutShort,
    /// The store does it, and the connection ends before the answer.
    AnswerLost,
    /// Nobody ever answers.
    Silent,
}

/// The next so many requests with this method and this in their address have this trouble.
#[derive(Debug)]
struct Order {
    method: &'static str,
    within: String,
    left: usize,
    trouble: Trouble,
}

#[derive(Debug, Default)]
struct Orders {
    single: Vec<Order>,
    /// Every so-manieth request has the next of these troubles.
    rounds: Option<(usize, Vec<Trouble>)>,
    seen: usize,
    struck: Vec<(String, Trouble)>,
}

impl Orders {
    fn next(&mut self, method: &str, address: &str) -> Option<Trouble> {
        self.seen += 1;
        let fits =
            |order: &&mut Order| order.left > 0 && order.method == method && address.contains(&order.within);
        let single = self.single.iter_mut().find(fits).map(|order| {
            order.left -= 1;
            order.trouble
        });
        let in_rounds = || {
            let (every, troubles) = self.rounds.as_ref()?;
            self.seen.is_multiple_of(*every).then(|| troubles[self.seen / every % troubles.len()])
        };
        let trouble = single.or_else(in_rounds)?;
        self.struck.push((format!("{method} {address}"), trouble));
        Some(trouble)
    }
}

/// How a connection ends that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// As by a server that stops.
    Closed,
    /// As by a machine that knows nothing of it any more.
    Reset,
}

/// Where the store is, and a client that trusts it; nothing as long as it is not up.
pub(crate) type Behind = dyn Fn() -> Option<(Url, Client)> + Send + Sync;

/// Listens on 127.0.0.1 by plain HTTP, until it is dropped with its runtime.
#[derive(Clone)]
pub(crate) struct Between {
    port: u16,
    orders: Arc<Mutex<Orders>>,
}

impl Between {
    pub(crate) async fn start(behind: Arc<Behind>, ends: Ends) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let between = Self { port: listener.local_addr().unwrap().port(), orders: Arc::default() };
        let serving = between.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                if ends == Ends::Reset {
                    connection.set_zero_linger().unwrap();
                }
                let (serving, behind) = (serving.clone(), behind.clone());
                let service = service_fn(move |request| {
                    let (serving, behind) = (serving.clone(), behind.clone());
                    async move { serving.answer(request, &*behind).await }
                });
                // It ends with an error whenever we break it.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
            }
        });
        between
    }

    /// The account's address, for whoever is to be troubled.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/latchkeystore", self.port)
    }

    pub(crate) fn strike(&self, method: &'static str, within: &str, times: usize, trouble: Trouble) {
        let order = Order { method, within: within.to_owned(), left: times, trouble };
        self.orders.lock().unwrap().single.push(order);
    }

    pub(crate) fn strike_every(&self, nth: usize, troubles: &[Trouble]) {
        self.orders.lock().unwrap().rounds = Some((nth, troubles.to_vec()));
    }

    /// Lets everything through from now on. Gives what was struck so far.
    pub(crate) fn rest(&self) -> Vec<(String, Trouble)> {
        let mut orders = self.orders.lock().unwrap();
        orders.single.clear();
        orders.rounds = None;
        std::mem::take(&mut orders.struck)
    }

    async fn answer(&self, request: Request<Incoming>, behind: &Behind) -> Result<Response<Body>, Broken> {
        let trouble = {
            let (method, address) = (request.method().as_str(), request.uri().to_string());
            self.orders.lock().unwrap().next(method, &address)
        };
        match trouble {
            None => forwarded(request, behind).await.map(|(head, body)| head.map(|()| whole(body))),
            Some(Trouble::Slow(by)) => {
                sleep(by).await;
                forwarded(request, behind).await.map(|(head, body)| head.map(|()| whole(body)))
            }
            Some(Trouble::Refused(status, code)) => Ok(refusal(status, code)),
            Some(Trouble::RefusedAfterEffect(status, code)) => {
                forwarded(request, behind).await?;
                Ok(refusal(status, code))
            }
            Some(Trouble::CutShort) => {
                let (head, body) = forwarded(request, behind).await?;
                let half = body.slice(..body.len() / 2);
                let parts = stream::iter([Ok(Frame::data(half)), Err(Broken)]);
                Ok(head.map(|()| StreamBody::new(parts).boxed_unsync()))
            }
            Some(Trouble::AnswerLost) => {
                forwarded(request, behind).await?;
                Err(Broken)
            }
            Some(Trouble::Silent) => std::future::pending().await,
        }
    }
}

/// Has the store do it. Gives its answer.
async fn forwarded(request: Request<Incoming>, behind: &Behind) -> Result<(Response<()>, Bytes), Broken> {
    let deadline = Instant::now() + PATIENCE;
    let (store, client) = loop {
        if let Some(found) = behind() {
            break found;
        }
        if Instant::now() > deadline {
            return Err(Broken);
        }
        sleep(Duration::from_millis(50)).await;
    };
    let (mut parts, body) = request.into_parts();
    let url = store.join(parts.uri.path_and_query().unwrap().as_str()).unwrap();
    parts.headers.remove(HOST);
    parts.headers.remove(CONNECTION);
    parts.headers.remove(TRANSFER_ENCODING);
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().await;
    let answer = sent.map_err(|_| Broken)?;
    let mut head = Response::new(());
    *head.status_mut() = answer.status();
    *head.headers_mut() = answer.headers().clone();
    head.headers_mut().remove(TRANSFER_ENCODING);
    head.headers_mut().remove(CONNECTION);
    let body = answer.bytes().await.map_err(|_| Broken)?;
    // Of HEAD it is the length of what GET would answer.
    if !body.is_empty() {
        head.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    }
    Ok((head, body))
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// In the words of Azure Storage.
fn refusal(status: u16, code: &str) -> Response<Body> {
    let text = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code></Error>");
    let mut response = Response::new(whole(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("x-ms-error-code", code.parse().unwrap());
    response
}
