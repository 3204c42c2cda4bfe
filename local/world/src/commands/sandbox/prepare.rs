//! `latchkey sandbox prepare`: makes in a running sandbox what Latchkey stands on, for one that is run part by part.

use std::path::Path;

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use latchkey_cli::{End, write_private};
use latchkey_functions::package::{queue_names, topic_names};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::deployed;
use super::ready::{Ready, attach};
use crate::args::PrepareArgs;
use crate::cast::Vendor;
use crate::story::Story;
use crate::world::as_deployed::{CONTAINERS, settings};
use crate::world::{
    RunningSandbox, Sources, app_settings, broker_configuration, listing, read_exports, write_exports,
};

const SIGNING_KEY: &str = "LATCHKEY_SIGNING_KEY";

pub(super) async fn run(args: &PrepareArgs) -> anyhow::Result<End> {
    let sandbox = RunningSandbox::at(&args.dir)?;
    let ready = match &args.deployed {
        None => made(args, &sandbox).await?,
        Some(group) => deployed::found(args, &sandbox, group).await?,
    };
    let vendor = &ready.vendor;
    let listed = listing(vendor.azure().tenant_id, vendor.estate(), &args.url)?;
    let listed = json!({
        "publisherTenant": listed.publisher_tenant,
        "publisherApplication": listed.publisher_application,
        "publisher": listed.publisher,
        "landingPageUrl": listed.landing_page_url,
        "webhookUrl": listed.webhook_url,
        "plans": listed.plans,
    });
    sandbox.control(Method::PUT, "marketplace/listing", Some(&listed)).await?;
    for container in CONTAINERS {
        vendor.azure().make_container(&args.blobs, container).await.with_context(|| {
            format!(
                "the blob store has to run at {}, with the certificate in {}",
                args.blobs,
                args.dir.display()
            )
        })?;
    }
    write_files(args, &sandbox, &ready)?;
    if args.json {
        println!("{}", document(args, &ready));
    } else {
        println!("{}", instructions(args, &ready));
    }
    Ok(End::Well)
}

/// Makes what `infra/` and `latchkey setup` make.
async fn made(args: &PrepareArgs, sandbox: &RunningSandbox) -> anyhow::Result<Ready> {
    let vendor =
        Vendor::set_up(sandbox.vendor()?, args.url.as_str(), Story::silent()).await.context("the set-up")?;
    attach(sandbox, &vendor.estate().identity.id).await?;
    vendor.make_bus(&queue_names(), &topic_names()).await?;
    let signing_key = signing_key(&args.dir.join("app.env"))?;
    let settings = app_settings(&Sources {
        around: sandbox.around()?,
        estate: vendor.estate(),
        reached_by: settings(&args.service_bus.to_string(), &args.blobs, vendor.estate())?,
        public_url: &args.url,
        signing_key: &signing_key,
    });
    Ok(Ready { bus: vendor.bus_id(), vendor, settings })
}

fn write_files(args: &PrepareArgs, sandbox: &RunningSandbox, ready: &Ready) -> anyhow::Result<()> {
    let app = args.dir.join("app.env");
    let settings: Vec<_> =
        ready.settings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    write_exports(&app, &settings).with_context(|| format!("could not write {}", app.display()))?;

    let azure = ready.vendor.azure();
    let broker = args.dir.join("broker.env");
    let around = sandbox.around()?;
    let secret = args.dir.join("vendor-secret");
    let secret =
        std::fs::read_to_string(&secret).with_context(|| format!("could not read {}", secret.display()))?;
    let exports = [
        ("HTTPS_PROXY", around.proxy),
        ("SSL_CERT_FILE", around.authority),
        ("AZURE_TENANT_ID", azure.tenant_id.to_string()),
        ("AZURE_CLIENT_ID", azure.client_id().to_string()),
        ("AZURE_CLIENT_SECRET", secret),
    ];
    write_exports(&broker, &exports).with_context(|| format!("could not write {}", broker.display()))?;

    let config = args.dir.join("Config.json");
    let text = format!("{:#}\n", broker_configuration());
    write_private(&config, text.as_bytes()).with_context(|| format!("could not write {}", config.display()))
}

/// The one of the last time, so that open links go on working. Three random UUIDs have more than the 256 bits that are
/// asked for.
fn signing_key(app: &Path) -> anyhow::Result<String> {
    if app.exists() {
        let exports = read_exports(app).with_context(|| format!("could not read {}", app.display()))?;
        if let Some((_, key)) = exports.into_iter().find(|(name, _)| name == SIGNING_KEY) {
            return Ok(key);
        }
    }
    let bytes: Vec<u8> = (0..3).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    Ok(STANDARD.encode(bytes))
}

fn document(args: &PrepareArgs, ready: &Ready) -> serde_json::Value {
    json!({
        "event": "prepared",
        "appEnv": args.dir.join("app.env"),
        "brokerEnv": args.dir.join("broker.env"),
        "config": args.dir.join("Config.json"),
        "serviceBusNamespace": ready.bus,
        "applicationId": ready.vendor.estate().application_id,
    })
}

fn instructions(args: &PrepareArgs, ready: &Ready) -> String {
    let (dir, bus) = (args.dir.display(), &ready.bus);
    let (bus_port, app_port) =
        (args.service_bus.port(), args.url.port_or_known_default().unwrap_or_default());
    format!(
        "
The sandbox is prepared. Start in two more shells, from the root of this checkout:

  ( . {dir}/broker.env; cargo latchkey broker --config {dir}/Config.json --port {bus_port} \\
      --state {dir}/broker --tls-certificate {dir}/certificate.pem --tls-key {dir}/certificate-key.pem \\
      --entra-namespace {bus} )

  ( . {dir}/app.env; cargo latchkey host --port {app_port} --script-root PACKAGE )

PACKAGE is the folder that target/azure/functions.zip is unpacked in.
"
    )
}
