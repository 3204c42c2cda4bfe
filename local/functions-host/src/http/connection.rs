//! Clients' connections, which remember how the names of headers were written: hyper tells them in lower case only.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any head that hyper takes.
const KEPT: usize = 512 * 1024;

/// What a connection brought since its last request, as far as it can be a head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Vec<u8>>>);

/// The names of a request's headers as its client wrote them.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenNames(Vec<String>);

impl WrittenNames {
    pub(super) fn of(&self, name: &str) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|written| written.eq_ignore_ascii_case(name))
    }
}

impl Wire {
    /// The names in the head of this request, which is being answered now; what came before it is forgotten.
    pub(super) fn names_of<B>(&self, request: &Request<B>) -> WrittenNames {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let first = format!("{} {} HTTP/1.", request.method(), request.uri());
        let start = bytes.windows(first.len()).rposition(|window| window == first.as_bytes());
        let head = String::from_utf8_lossy(&bytes[start.unwrap_or(bytes.len())..]).into_owned();
        let lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
        WrittenNames(lines.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect())
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + bytes.len() > KEPT {
            kept.clear();
        }
        // A head that begins in these bytes is whole when it is looked for: the server reads no further.
        kept.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
    }
}

/// Takes connections that remember.
pub(crate) struct Remembering(pub(crate) TcpListener);

impl Listener for Remembering {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Connection { stream, wire: Wire::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Remembering>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Remembering>) -> Self {
        stream.io().wire.clone()
    }
}

/// One client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    wire: Wire,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.wire.add(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_request_that_is_answered() {
        let wire = Wire::default();
        wire.add(b"\r\nX-Body: no\r\nPOST /a?b HTTP/1.1\r\nHOST: x\r\nx-b: 1\r\n\r\nX-Late: 2\r\n");
        let request = Request::post("/a?b").body(()).unwrap();
        let names = wire.names_of(&request);
        assert_eq!(
            (names.of("host"), names.of("X-B"), names.of("x-body")),
            (Some("HOST"), Some("x-b"), None)
        );
        assert_eq!((names.of("x-late"), wire.names_of(&request).of("host")), (None, None));
    }
}
