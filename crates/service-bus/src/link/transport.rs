//! Opens the connection: plain TCP to an emulator, TLS to everything else.

use std::sync::Arc;

use fe2o3_amqp::{
    Connection as AmqpConnection,
    connection::{ConnectionHandle, OpenError},
    sasl_profile::SaslProfile,
};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{guarded::Guarded, severable::Severable};
use crate::{error::ServiceBusError, options::ClientOptions, wire};

/// Where the service is and how to talk to it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// None for plain TCP.
    pub(crate) tls: Option<Tls>,
}

/// Whom to trust.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    /// Authorities instead of the public ones, as DER.
    pub(crate) trusted_authorities: Option<Vec<Vec<u8>>>,
}

/// We promise to the other side that silence for this long means that it has died, and Service Bus then sends empty
/// frames in good time.
const IDLE_MILLISECONDS: u32 = 60_000;
/// Channels, and thereby links, on one connection. Service Bus allows 4,999.
const MOST_CHANNELS: u16 = 4_000;

impl Endpoint {
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Connects, negotiates TLS where it applies, and opens an AMQP connection. The claims come later, through the
    /// claims-based security node, so SASL is anonymous. Cancelling `ended` cuts the connection off, and the end of the connection cancels it.
    pub(crate) async fn open(
        &self,
        ended: CancellationToken,
    ) -> Result<ConnectionHandle<()>, ServiceBusError> {
        let address = self.address();
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| ServiceBusError::Unreachable {
            address: address.clone(),
            source,
        };
        let stream = TcpStream::connect(&address).await.map_err(|error| unreachable(error.into()))?;
        // Small frames that wait for each other's acknowledgement cost 40 milliseconds a message.
        stream.set_nodelay(true).map_err(|error| unreachable(error.into()))?;
        let stream = Severable::new(stream, ended);
        let opened = match &self.tls {
            None => open_amqp(&self.host, stream).await,
            Some(tls) => {
                let connector = tls.connector().map_err(&unreachable)?;
                let name = ServerName::try_from(self.bare_host().to_owned())
                    .map_err(|error| unreachable(error.into()))?;
                let stream =
                    connector.connect(name, stream).await.map_err(|error| unreachable(error.into()))?;
                open_amqp(&self.host, stream).await
            }
        };
        opened.map_err(|error| wire::from_open(&address, error))
    }

    /// The host without the brackets of an IPv6 address.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

async fn open_amqp<S>(host: &str, stream: S) -> Result<ConnectionHandle<()>, OpenError>
where
    S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
{
    // The scheme says only whether the library should add TLS itself; the stream has it already where it applies.
    AmqpConnection::builder()
        .container_id(format!("latchkey-{}", Uuid::new_v4().simple()))
        .hostname(host)
        .sasl_hostname(host)
        .scheme("amqp")
        .max_frame_size(65_536_u32)
        .channel_max(MOST_CHANNELS)
        .idle_time_out(IDLE_MILLISECONDS)
        .sasl_profile(SaslProfile::Anonymous)
        .open_with_stream(Guarded::new(stream))
        .await
}

impl Tls {
    /// Trusts whom the options say.
    pub(crate) fn trusting(options: &ClientOptions) -> Self {
        Self { trusted_authorities: options.trusted_authorities.clone() }
    }

    fn connector(&self) -> Result<TlsConnector, Box<dyn std::error::Error + Send + Sync>> {
        let mut roots = RootCertStore::empty();
        match &self.trusted_authorities {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(authorities) => {
                for authority in authorities {
                    roots.add(CertificateDer::from(authority.clone()))?;
                }
            }
        }
        // Named here because a process in which two providers are compiled in has no default one.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
