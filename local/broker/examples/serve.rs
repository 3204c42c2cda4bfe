//! Runs a broker with the entities of a file in the shape of Microsoft's emulator's Config.json until Ctrl-C:
//! `cargo run -p broker --example serve -- Config.json`. `RUST_LOG=broker=debug` says what goes wrong.

use broker::{Broker, Configuration, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let file = std::env::args().nth(1).ok_or("which file declares the entities?")?;
    let Configuration { queues, topics, .. } = Configuration::from_json(&std::fs::read_to_string(file)?)?;
    let broker = Broker::start(Options { queues, topics, ..Options::default() }).await?;
    println!("{}", broker.connection_string());
    tokio::signal::ctrl_c().await?;
    broker.stop().await;
    Ok(())
}
