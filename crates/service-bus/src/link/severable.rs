//! A stream that can be closed from outside, and that reports its end.
//!
//! Closing an AMQP connection is a conversation, and the other side of a connection in doubt may never say its part.
//! Cutting the stream ends the AMQP library's engine at once, and with it what waits on it.
//!
//! Almost all that waits on it: when a message is handed over in the very moment in which the connection ends, the
//! library (0.18.4) registers the delivery after it has failed the others, and nobody ever answers it. So whoever
//! waits watches the stream's end too.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream that fails once its token is cancelled, and cancels the token when it ends in any other way.
pub(super) struct Severable<S> {
    stream: S,
    token: CancellationToken,
    severed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Severable<S> {
    pub(super) fn new(stream: S, token: CancellationToken) -> Self {
        let severed = Box::pin(token.clone().cancelled_owned());
        Self { stream, token, severed }
    }

    fn check(&self) -> io::Result<()> {
        if self.token.is_cancelled() { Err(severed()) } else { Ok(()) }
    }
}

fn severed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "given up here")
}

impl<S> Drop for Severable<S> {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

impl<S> fmt::Debug for Severable<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Severable")
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Severable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The engine reads at all times, so it is the reading half that is woken; a token that is cancelled is not
        // polled again.
        if self.token.is_cancelled() || self.severed.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(severed()));
        }
        let (room, filled) = (buffer.remaining(), buffer.filled().len());
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let has_ended = match &read {
            Poll::Ready(Ok(())) => room > 0 && buffer.filled().len() == filled,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if has_ended {
            self.token.cancel();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Severable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, time::timeout};

    use super::*;

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_when_the_stream_is_cut() {
        let (near, mut far) = tokio::io::duplex(64);
        let token = CancellationToken::new();
        let mut stream = Severable::new(near, token.clone());
        far.write_all(b"a").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'a');

        let reading = tokio::spawn(async move { (stream.read_u8().await, stream) });
        tokio::task::yield_now().await;
        token.cancel();
        let (read, mut stream) = timeout(Duration::from_secs(5), reading).await.unwrap().unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(stream.write_all(b"b").await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn the_end_of_the_stream_is_told() {
        let (near, mut far) = tokio::io::duplex(64);
        let token = CancellationToken::new();
        let mut stream = Severable::new(near, token.clone());
        far.write_all(b"a").await.unwrap();
        drop(far);
        assert_eq!(stream.read_u8().await.unwrap(), b'a');
        assert!(!token.is_cancelled());
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(token.is_cancelled());

        let dropped = CancellationToken::new();
        drop(Severable::new(tokio::io::duplex(64).0, dropped.clone()));
        assert!(dropped.is_cancelled());
    }
}
