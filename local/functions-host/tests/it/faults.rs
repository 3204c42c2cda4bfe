//! A handler that misbehaves, and one message: each fault ends as the contract says, and the message is neither lost
//! nor doubled.

use broker::{Broker, Counts, QueueOptions};
use functions_host::HostEvent;
use serde_json::Value;
use service_bus::{Message, ServiceBusClient};
use tokio::time::timeout;

use crate::support::{App, PATIENCE, Running, json, response, until};

const QUEUE: &str =
    r#"{"type":"serviceBusTrigger","name":"message","queueName":"orders","connection":"Bus"}"#;

/// Where the message is in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Processed once, and gone.
    Completed,
    /// All its deliveries failed: kept among the dead letters.
    DeadLettered,
    /// The host stopped and gave it back.
    GivenBack,
}

struct Fault {
    name: &'static str,
    /// What the raw handler is told: key and order.
    order: (&'static str, String),
    /// What the events say of the first failure; nothing where there is none.
    failure: &'static str,
    /// The delivery counts that the handler saw.
    deliveries: &'static [&'static str],
    /// How many handler processes there were, at most.
    processes: usize,
    end: End,
}

fn faults() -> Vec<Fault> {
    let fault = |name, order: &str, failure, processes| Fault {
        name,
        order: ("queue.1", order.to_owned()),
        failure,
        deliveries: &["1", "2"],
        processes,
        end: End::Completed,
    };
    let half = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"Outputs\"";
    let no_content = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    vec![
        fault(
            "answers 500",
            &response("500 Internal Server Error", "", "{}"),
            "does not indicate success: 500",
            1,
        ),
        fault("answers HTML", &response("200 OK", "text/html", "<p>"), "media type 'text/html'", 1),
        fault("answers what is no JSON", &json("{"), "Invalid HttpResponseMessage", 1),
        fault("answers half and hangs up", half, "An error occurred while sending the request", 1),
        fault("answers 204", no_content, "Timeout value of 00:00:03", 2),
        fault("answers null", &json("null"), "Timeout value of 00:00:03", 2),
        fault("never answers", "!hang", "Timeout value of 00:00:03", 2),
        fault("exits 1", "!exit 1", "An error occurred while sending the request", 2),
        fault("exits 200", "!exit 200", "An error occurred while sending the request", 2),
        fault("aborts", "!die", "An error occurred while sending the request", 2),
        Fault {
            deliveries: &["1"],
            failure: "",
            ..fault("writes a megabyte to stderr", "!noise 1000000", "", 1)
        },
        // Not started again: the second and the third delivery find nobody.
        Fault {
            deliveries: &["1"],
            end: End::DeadLettered,
            ..fault("exits 0", "!exit 0", "An error occurred while sending the request", 1)
        },
        Fault {
            order: ("start", "!hang".to_owned()),
            deliveries: &[],
            end: End::GivenBack,
            // Three times the time of one start, or four times while the message waits: a busy machine decides which.
            ..fault("never listens", "", "is shutting down", 3)
        },
        Fault {
            order: ("ping", "!hang".to_owned()),
            deliveries: &[],
            end: End::GivenBack,
            ..fault("takes the connection and never answers", "", "Initialization timed out", 1)
        },
    ]
}

struct Fixture {
    broker: Broker,
    client: ServiceBusClient,
    running: Running,
}

impl Fixture {
    async fn start(fault: &Fault) -> Self {
        let mut orders = QueueOptions::new("orders");
        orders.max_delivery_count = 3;
        let options = broker::Options { queues: vec![orders], ..broker::Options::default() };
        let broker = Broker::start(options).await.unwrap();
        let connection = broker.connection_string();
        // What is waited for is short, and what is not is in nobody's way on a busy machine.
        let initialization = if fault.end == End::GivenBack { "00:00:02" } else { "00:01:00" };
        let function = if fault.failure.starts_with("Timeout") { "00:00:03" } else { "00:01:00" };
        let app = App::new()
            .function("queue", QUEUE)
            .setting("Bus", &connection)
            .setting("AzureFunctionsJobHost__functionTimeout", function)
            .setting("AzureFunctionsJobHost__customHandler__initializationTimeout", initialization)
            .order(fault.order.0, &fault.order.1);
        let client = ServiceBusClient::from_connection_string(&connection).unwrap();
        // Before the host starts: some faults end it soon.
        client.sender("orders").send(Message::new("work").with_message_id("w")).await.unwrap();
        Self { broker, client, running: app.start().await }
    }

    fn counts(&self) -> Counts {
        self.broker.counts("orders").unwrap()
    }

    async fn first_failure(&mut self) -> String {
        let failure = self.running.event("a failure", |event| match event {
            HostEvent::InvocationFinished { result: Err(error), .. } => Some(error.clone()),
            _ => None,
        });
        failure.await
    }

    async fn reach(&self, end: End) {
        match end {
            End::Completed => {
                until("completion", async || {
                    let counts = self.counts();
                    counts.active + counts.locked == 0
                })
                .await;
            }
            End::DeadLettered => until("the dead letter", async || self.counts().dead_letter == 1).await,
            End::GivenBack => {
                timeout(PATIENCE, self.running.host.stopped()).await.unwrap();
            }
        }
    }
}

async fn check(fault: Fault) {
    let name = fault.name;
    let mut fixture = Fixture::start(&fault).await;
    if !fault.failure.is_empty() {
        let failure = fixture.first_failure().await;
        assert!(failure.contains(fault.failure), "{name}: {failure}");
    }
    fixture.reach(fault.end).await;
    let deliveries: Vec<String> = fixture
        .running
        .requests()
        .iter()
        .map(|request| serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap())
        .map(|body| body["Metadata"]["DeliveryCount"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(deliveries, fault.deliveries, "{name}");
    // After a time-out the message comes again at once, and the process is replaced after the grace period.
    if fault.end != End::GivenBack {
        until(&format!("{name}: processes"), async || fixture.running.starts() >= fault.processes).await;
        assert_eq!(fixture.running.starts(), fault.processes, "{name}");
    }
    let Fixture { broker, client, running } = fixture;
    running.host.stop().await;
    let counts = broker.counts("orders").unwrap();
    let expected = match fault.end {
        End::Completed => (0, 0, 0),
        End::DeadLettered => (0, 0, 1),
        End::GivenBack => (1, 0, 0),
    };
    assert_eq!((counts.active, counts.locked, counts.dead_letter), expected, "{name}");
    client.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn every_fault_ends_as_the_contract_says_and_the_message_is_neither_lost_nor_doubled() {
    // Side by side: most of them wait for a time-out.
    futures::future::join_all(faults().into_iter().map(check)).await;
}
