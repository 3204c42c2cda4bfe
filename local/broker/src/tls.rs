//! The socket of a connection, with TLS or without.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::options::Certificate;
use crate::start_error::StartError;

/// How long a peer may take over a handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The way that a connection begins.
#[derive(Clone)]
pub(crate) enum Door {
    Plain,
    Tls(TlsAcceptor),
}

impl Door {
    /// # Errors
    /// When the certificate cannot be used.
    pub(crate) fn with(certificate: Option<&Certificate>) -> Result<Self, StartError> {
        let Some(certificate) = certificate else { return Ok(Self::Plain) };
        let unusable = |why: &dyn std::fmt::Display| StartError::Certificate(why.to_string());
        let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unusable(&error))?;
        let key =
            PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).map_err(|error| unusable(&error))?;
        // Named here because a process in which two providers are compiled in has no default one.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| unusable(&error))?;
        Ok(Self::Tls(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Lets a peer in.
    pub(crate) async fn enter(&self, socket: TcpStream) -> io::Result<Socket> {
        // Small answers must not wait for each other.
        socket.set_nodelay(true)?;
        match self {
            Self::Plain => {
                let (reader, writer) = socket.into_split();
                Ok(Socket { reader: Reader::Plain(reader), writer: Writer::Plain(writer) })
            }
            Self::Tls(acceptor) => {
                let stream = timeout(HANDSHAKE_LIMIT, acceptor.accept(socket))
                    .await
                    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
                let (reader, writer) = split(stream);
                Ok(Socket { reader: Reader::Tls(reader), writer: Writer::Tls(writer) })
            }
        }
    }
}

/// Both directions of a connection.
pub(crate) struct Socket {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
}

/// What comes from the peer, whatever it comes over.
pub(crate) enum Reader {
    Plain(OwnedReadHalf),
    Tls(ReadHalf<TlsStream<TcpStream>>),
}

/// What goes to the peer.
pub(crate) enum Writer {
    Plain(OwnedWriteHalf),
    Tls(WriteHalf<TlsStream<TcpStream>>),
}

impl Reader {
    /// Peers that write a frame in two pieces without TCP_NODELAY (rhea, under the JavaScript SDK) wait for the first
    /// piece's acknowledgement, which the system delays by 40 milliseconds unless told not to, after every read. By TLS
    /// there is no way to the socket; who measures should connect without.
    pub(crate) fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Self::Plain(reader) = self
            && let Err(error) = reader.as_ref().set_quickack(true)
        {
            tracing::debug!(%error, "acknowledgements are delayed");
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(reader) => Pin::new(reader).poll_read(context, into),
            Self::Tls(reader) => Pin::new(reader).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(writer) => Pin::new(writer).poll_write(context, bytes),
            Self::Tls(writer) => Pin::new(writer).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(writer) => Pin::new(writer).poll_flush(context),
            Self::Tls(writer) => Pin::new(writer).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(writer) => Pin::new(writer).poll_shutdown(context),
            Self::Tls(writer) => Pin::new(writer).poll_shutdown(context),
        }
    }
}
