//! What is said when the sandbox is up, and when it has stopped.

use sandbox::{Sandbox, Seed, SeedTenant, SeedUser};
use serde_json::{Value, json};

use super::local;
use crate::args::{Profile, SandboxArgs};
use crate::world::folder::Folder;

const WARNING: &str = "  ************************************************************************************
  *  This is not Azure. USE NO REAL ACCOUNT, SECRET OR KEY IN IT: whoever can reach  *
  *  127.0.0.1 on this machine can read and change everything in it.                 *
  ************************************************************************************";

/// The sandbox is up.
pub(super) fn up(sandbox: &Sandbox, folder: &Folder, args: &SandboxArgs) {
    if args.json {
        println!("{}", document(sandbox, folder));
        eprintln!("{WARNING}");
    } else {
        println!("{}", text(sandbox, folder));
        if args.profile == Profile::Local {
            println!("{}", local::text(sandbox.local_names()));
        }
    }
}

/// The sandbox is about to stop: what has come of the faults.
pub(super) fn over(sandbox: &Sandbox, json: bool) {
    let summary = sandbox.fault_summary();
    let calls = sandbox.azure_calls();
    if json {
        println!("{}", json!({ "event": "stopped", "azureCalls": calls, "faults": summary }));
        return;
    }
    println!("\nStopped after {} calls.", calls.values().sum::<u64>());
    if !summary.faults.is_empty() {
        println!("Faults, seed {}:", summary.seed);
    }
    for fault in &summary.faults {
        let (name, kind, call) = (&fault.name, fault.kind, &fault.call);
        println!("  {name}: {kind} in {} of {} calls to {call}", fault.fired, fault.matched);
    }
}

fn document(sandbox: &Sandbox, folder: &Folder) -> Value {
    let Seed { vendor, customer } = sandbox.seed();
    let tenant = |tenant: SeedTenant| {
        let user = |user: SeedUser| {
            json!({
                "objectId": user.object_id,
                "userPrincipalName": user.user_principal_name,
                "administrator": user.administrator,
            })
        };
        json!({
            "tenantId": tenant.tenant_id,
            "domain": tenant.domain,
            "subscriptionId": tenant.subscription_id,
            "administratorClientId": tenant.administrator.client_id,
            "users": sandbox.users(tenant.tenant_id).into_iter().map(user).collect::<Vec<_>>(),
        })
    };
    json!({
        "event": "started",
        "url": sandbox.own_url(),
        "control": format!("{}/control", sandbox.own_url()),
        "proxy": sandbox.proxy_url(),
        "local": local::document(sandbox.local_names()),
        "authority": sandbox.ca_file(),
        "loginPages": sandbox.login_pages_url(),
        "env": folder.path("env"),
        "vendorSecret": folder.path("vendor-secret"),
        "customerSecret": folder.path("customer-secret"),
        "vendor": tenant(vendor),
        "customer": tenant(customer),
    })
}

fn text(sandbox: &Sandbox, folder: &Folder) -> String {
    let Seed { vendor, customer } = sandbox.seed();
    let dir = folder.root().display();
    let people = |tenant: &SeedTenant| {
        let line = |user: SeedUser| {
            let what = if user.administrator { "administrator, may consent" } else { "ordinary user" };
            format!("              {} ({what})\n", user.user_principal_name)
        };
        sandbox.users(tenant.tenant_id).into_iter().map(line).collect::<String>()
    };
    format!(
        "
{WARNING}

The simulated Azure is running.

  its page       {own}/
  control API    {own}/control
  proxy          {proxy}
  certificate    {authority} (for this run, seven days at most; do not install it)
  Entra's pages  {login}

  vendor      tenant {vendor_tenant} ({vendor_domain})
              subscription {vendor_subscription}
{vendor_people}
  customer    tenant {customer_tenant} ({customer_domain})
              subscription {customer_subscription}
{customer_people}
  People sign in without a password: Entra's pages ask who they are.

Use it from another shell:

  cargo latchkey sandbox exec --dir {dir} -- az login --service-principal --tenant {customer_tenant} \\
    --username {customer_administrator} --password \"$(cat {dir}/customer-secret)\"

or, for the whole shell:

  . {dir}/env

Press Ctrl-C to stop; the state in {dir} is kept.
",
        own = sandbox.own_url(),
        proxy = sandbox.proxy_url(),
        authority = sandbox.ca_file().display(),
        login = sandbox.login_pages_url(),
        vendor_tenant = vendor.tenant_id,
        vendor_domain = vendor.domain,
        vendor_subscription = vendor.subscription_id,
        vendor_people = people(&vendor),
        customer_tenant = customer.tenant_id,
        customer_domain = customer.domain,
        customer_subscription = customer.subscription_id,
        customer_people = people(&customer),
        customer_administrator = customer.administrator.client_id,
    )
}
