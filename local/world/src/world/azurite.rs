//! The blob store of the shape that is deployed: Microsoft's Azurite, by TLS, with tokens of Entra and no key that
//! anybody knows.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use latchkey_cli::write_private;
use sandbox::IssuedCertificate;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use url::Url;
use uuid::Uuid;

use super::{handler, ports};

/// The storage account.
const ACCOUNT: &str = "latchkeystore";
/// Node.js may take its time on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);
/// Where the package's program is, below the folder of packages.
const PROGRAM: &str = "azurite/dist/src/blob/main.js";

/// Where Azurite is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzuriteProgram {
    /// Node.js.
    pub node: PathBuf,
    /// The `node_modules` folder that the package `azurite` is installed in.
    pub modules: PathBuf,
}

/// A running Azurite. It ends when it is dropped.
pub(super) struct Azurite {
    process: Child,
    pub(super) port: u16,
}

impl AzuriteProgram {
    /// Starts it in a folder, which holds what is stored.
    ///
    /// # Errors
    ///
    /// The package is not there, it cannot be started, or it does not listen in time.
    pub(super) async fn start(
        &self,
        folder: &Path,
        remembered: Option<u16>,
        certificate: &IssuedCertificate,
    ) -> anyhow::Result<Azurite> {
        let program = self.modules.join(PROGRAM);
        ensure!(
            program.is_file(),
            "there is no Azurite at {}: `npm install azurite@3.35` makes node_modules, whose path --azurite takes",
            program.display()
        );
        std::fs::create_dir_all(folder).context("could not make the blob store's folder")?;
        let (chain, key) = (folder.join("certificate.pem"), folder.join("certificate-key.pem"));
        write_private(&chain, certificate.chain.as_bytes()).context("could not write the certificate")?;
        write_private(&key, certificate.key.as_bytes()).context("could not write the certificate's key")?;
        let log =
            std::fs::File::create(folder.join("azurite.log")).context("could not make Azurite's log")?;
        let port = ports::hold(remembered)?.local_addr().context("a listener has an address")?.port();
        let process = Command::new(&self.node)
            .arg(&program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--oauth", "basic"])
            .args(["--disableTelemetry", "--disableProductStyleUrl", "--location"])
            .arg(folder)
            .arg("--cert")
            .arg(&chain)
            .arg("--key")
            .arg(&key)
            // An account of our own: everybody knows the key of the usual one.
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", a_key()))
            // Ctrl-C is for the world, which ends it when nobody writes to it any more.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("could not make Azurite's log")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", self.node.display()))?;
        let mut azurite = Azurite { process, port };
        azurite.listens(folder).await?;
        Ok(azurite)
    }
}

impl Azurite {
    /// The account's address.
    ///
    /// # Errors
    ///
    /// Never, in truth: an address with a port is a URL.
    pub(super) fn endpoint(&self) -> anyhow::Result<Url> {
        Url::parse(&format!("https://127.0.0.1:{}/{ACCOUNT}", self.port)).context("an address is a URL")
    }

    /// Lets it end by itself: it writes down every few seconds what it holds, and once more at its end. Killed, it
    /// loses the last of it.
    pub(super) async fn stop(mut self) {
        if let Some(process) = self.process.id()
            && let Err(error) = handler::terminate(process)
        {
            tracing::debug!(%error, "Azurite had ended");
        }
        match timeout(STOP_LIMIT, self.process.wait()).await {
            Ok(Ok(status)) => tracing::debug!(%status, "Azurite ended"),
            Ok(Err(error)) => tracing::warn!(%error, "it is not known whether Azurite ended"),
            Err(_) => tracing::warn!("Azurite does not end, and is killed: it may lose what was stored last"),
        }
    }

    async fn listens(&mut self, folder: &Path) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        let log = folder.join("azurite.log");
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if let Some(status) = self.process.try_wait().context("could not look after Azurite")? {
                bail!("Azurite ended ({status}); {} says why", log.display());
            }
            ensure!(Instant::now() < deadline, "Azurite does not listen; {} may say why", log.display());
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// A key that nobody is told.
fn a_key() -> String {
    let bytes: Vec<u8> = (0..4).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    STANDARD.encode(bytes)
}
