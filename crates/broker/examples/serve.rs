//! Runs a broker with the queues named on the command line until Ctrl-C: `cargo run -p broker --example serve -- orders`.
//! `RUST_LOG=broker=debug` says what goes wrong.

use broker::{Broker, Options, QueueOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let queues = std::env::args().skip(1).map(QueueOptions::new).collect();
    let broker = Broker::start(Options { queues, ..Options::default() }).await?;
    println!("{}", broker.connection_string());
    tokio::signal::ctrl_c().await?;
    broker.stop().await;
    Ok(())
}
