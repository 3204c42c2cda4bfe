//! A service that is not there, says nothing, or speaks something else.

use std::time::Duration;

use service_bus::{ClientOptions, ConnectionString, Message, ServiceBusClient, ServiceBusError};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpSocket},
};

use crate::support::soon;

fn client_of(port: u16, options: ClientOptions) -> ServiceBusClient {
    let key = uuid::Uuid::new_v4();
    let string = format!(
        "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=Root;SharedAccessKey={key};UseDevelopmentEmulator=true"
    );
    ServiceBusClient::from_parsed_connection_string(string.parse::<ConnectionString>().unwrap(), options)
}

fn hasty() -> ClientOptions {
    ClientOptions {
        connect_time_limit: Duration::from_millis(300),
        attempt_time_limit: Duration::from_millis(300),
        operation_time_limit: Duration::from_secs(2),
        attempts: 2,
        ..ClientOptions::default()
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    // Taken, so that nobody else listens there, and not listened on.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = taken.local_addr().unwrap().port();

    let options = ClientOptions { attempts: 2, ..ClientOptions::default() };
    let error = soon(client_of(port, options).sender("q").send(Message::new("x"))).await.unwrap_err();
    let ServiceBusError::Unreachable { address, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*address, format!("127.0.0.1:{port}"));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.to_lowercase().contains("refused"), "{cause}");
}

#[tokio::test]
async fn a_service_that_says_nothing_is_unreachable_within_its_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = client_of(port, hasty());

    let error = soon(client.receiver("q").receive(1, Duration::from_millis(100))).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::Unreachable { .. }), "{error:?}");
    let error = soon(client.receiver("q").complete(uuid::Uuid::new_v4())).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_service_that_speaks_something_else_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = soon(client_of(port, hasty()).sender("q").send(Message::new("x"))).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::Unreachable { .. }), "{error:?}");
    server.abort();
}

#[tokio::test]
async fn a_closed_client_says_so() {
    let client = client_of(1, hasty());
    client.close().await;
    let error = soon(client.sender("q").send(Message::new("x"))).await.unwrap_err();
    assert!(matches!(error, ServiceBusError::Closed), "{error:?}");
}
