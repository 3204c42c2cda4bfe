//! TLS and Entra: what a client of a real namespace does, against the broker behind a TLS front.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use service_bus::{ClientOptions, ConnectionString, Message, ServiceBusClient, ServiceBusError};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Fixture, PATIENCE, bodies, receive_all, soon, until};

/// A TLS front for the broker; returns its port and the authority to trust.
async fn front(broker: SocketAddr) -> (u16, Vec<u8>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let mut far = TcpStream::connect(broker).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (port, authority_certificate.der().to_vec())
}

/// The broker's connection string as a real namespace's would be: TLS, no emulator.
fn encrypted(fixture: &Fixture, port: u16) -> ConnectionString {
    let string = fixture.broker.connection_string();
    let parts: Vec<String> = string
        .split(';')
        .filter(|part| !part.starts_with("UseDevelopmentEmulator"))
        .map(|part| match part.split_once('=') {
            Some(("Endpoint", _)) => format!("Endpoint=sb://localhost:{port}"),
            _ => part.to_owned(),
        })
        .collect();
    parts.join(";").parse().unwrap()
}

#[tokio::test]
async fn a_namespace_is_reached_over_tls() {
    let fixture = Fixture::start().await;
    let (port, authority) = front(fixture.broker.address()).await;
    let options = ClientOptions { trusted_authorities: Some(vec![authority]), ..ClientOptions::default() };
    let client = ServiceBusClient::from_parsed_connection_string(encrypted(&fixture, port), options);
    soon(client.sender("q").send(Message::new("x"))).await.unwrap();
    let received = soon(client.receiver("q").receive(1, PATIENCE)).await.unwrap();
    assert_eq!(bodies(&received), ["x"]);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let fixture = Fixture::start().await;
    let (port, _) = front(fixture.broker.address()).await;
    let options = ClientOptions { attempts: 2, ..ClientOptions::default() };
    let client = ServiceBusClient::from_parsed_connection_string(encrypted(&fixture, port), options);
    let error = soon(client.sender("q").send(Message::new("x"))).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::Unreachable { .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.to_lowercase().contains("certificate"), "{cause}");
}

/// Gives short-lived tokens and counts them.
#[derive(Debug)]
struct ShortLived {
    given: AtomicUsize,
}

#[async_trait::async_trait]
impl TokenCredential for ShortLived {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://servicebus.azure.net/.default"]);
        self.given.fetch_add(1, Ordering::Relaxed);
        // Tokens count whole seconds.
        let expires_on = (time::OffsetDateTime::now_utc() + Duration::from_secs(5)).truncate_to_second();
        Ok(AccessToken::new(shaped_like_a_token(expires_on), expires_on))
    }
}

/// The broker looks at the claims and not at the signature.
fn shaped_like_a_token(expires_on: time::OffsetDateTime) -> String {
    let part = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(serde_json::json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = serde_json::json!({
        "aud": "https://servicebus.azure.net",
        "exp": expires_on.unix_timestamp(),
        "jti": uuid::Uuid::new_v4(),
    });
    format!("{header}.{}.{}", part(claims), BASE64_URL_SAFE_NO_PAD.encode("unsigned"))
}

#[tokio::test]
async fn tokens_from_entra_are_presented_and_renewed_in_good_time() {
    let fixture = Fixture::start().await;
    let (port, authority) = front(fixture.broker.address()).await;
    let credential = Arc::new(ShortLived { given: AtomicUsize::new(0) });
    let options = ClientOptions {
        trusted_authorities: Some(vec![authority]),
        tls_port: port,
        ..ClientOptions::default()
    };
    let client = ServiceBusClient::with_options("localhost", credential.clone(), options);
    soon(client.sender("q").send(Message::new("x"))).await.unwrap();
    let before = credential.given.load(Ordering::Relaxed);
    assert!(before > 0);
    until("two renewals", async || credential.given.load(Ordering::Relaxed) >= before + 2).await;
    soon(client.sender("q").send(Message::new("y"))).await.unwrap();
    let received = receive_all(&client.receiver("q"), 2).await;
    assert_eq!(bodies(&received), ["x", "y"]);
}
