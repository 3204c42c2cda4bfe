//! What the set-up tells: the plan, and what to do with what was made.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    credential::MOST,
    piece::{Difference, Found},
    plan::{Done, Line, Plan},
    wanted::Wanted,
    words,
};
use crate::output::{harmless, table};

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    tenant: Uuid,
    dry_run: bool,
    changed: bool,
    plan: Vec<Entry>,
    notes: Vec<String>,
    application: Option<ApplicationIds>,
    sign_in_application: Option<ApplicationIds>,
    managed_identity: Option<IdentityIds>,
    federated_credentials: Used,
    publisher: Publisher,
    settings: BTreeMap<&'static str, String>,
    partner_center: Option<PartnerCenter>,
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kind: &'static str,
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    done: Done,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationIds {
    application_id: Uuid,
    object_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityIds {
    id: String,
    client_id: Uuid,
    principal_id: Uuid,
}

#[derive(Debug, Serialize)]
struct Used {
    used: usize,
    most: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Publisher {
    verified: bool,
    name: Option<String>,
    how: &'static str,
}

/// The page "Technical configuration" of the offer, field by field.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PartnerCenter {
    landing_page_url: String,
    connection_webhook: String,
    tenant_id: Uuid,
    application_id: Uuid,
}

const VERIFICATION: &str = "\
Publisher verification cannot be automated: it needs a person, signed in with multifactor
authentication, who has a role in both Partner Center and this tenant. The publisher domain of the
application must be a verified domain of the tenant. Then, in Microsoft Entra: App registrations,
the application, Branding & properties, \"Add MPN ID to verify publisher\". Until then,
administrators see \"unverified\" when they approve the application.";

impl Report {
    pub(super) fn of(wanted: &Wanted, plan: &Plan, dry_run: bool) -> Self {
        let seen = &plan.seen;
        let ids = |one: &super::piece::Application| ApplicationIds {
            application_id: one.app_id,
            object_id: one.object_id.clone(),
        };
        let publisher = seen.application.as_ref().map(|one| &one.shown["verifiedPublisher"]);
        let publisher = publisher.and_then(|publisher| publisher["displayName"].as_str()).map(harmless);
        let identity = seen.identity.as_ref().map(|one| IdentityIds {
            id: one.id.clone(),
            client_id: one.client_id,
            principal_id: one.principal_id,
        });
        Self {
            tenant: wanted.tenant,
            dry_run,
            changed: plan.lines.iter().any(|line| line.done != Done::Nothing),
            plan: plan.lines.iter().map(Entry::of).collect(),
            notes: seen.notes.clone(),
            application: seen.application.as_ref().map(ids),
            sign_in_application: seen.sign_in.as_ref().map(ids),
            managed_identity: identity,
            federated_credentials: Used { used: seen.credentials, most: MOST },
            publisher: Publisher { verified: publisher.is_some(), name: publisher, how: VERIFICATION },
            settings: settings(wanted, plan),
            partner_center: partner_center(wanted, plan),
            next: next(wanted, plan),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        let mut text = shown_plan(&self.plan);
        let mut section = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                text.push_str(&format!("\n\n{title}\n  {}", lines.join("\n  ")));
            }
        };
        section("Worth knowing, and left as it is", self.notes.iter().map(|note| harmless(note)).collect());
        let used = &self.federated_credentials;
        if self.application.is_some() {
            section(
                "Federated credentials of the application",
                vec![format!("{} of {} used", used.used, used.most)],
            );
        }
        let verified = self.publisher.name.as_ref().map(|name| format!("verified: {name}"));
        section(
            "Publisher",
            match verified {
                Some(verified) => vec![verified],
                None => self.publisher.how.lines().map(str::to_owned).collect(),
            },
        );
        section(
            "Settings of the function app (infra/ sets them)",
            self.settings.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        );
        if let Some(fields) = &self.partner_center {
            let rows = [
                ("Landing page URL", fields.landing_page_url.clone()),
                ("Connection webhook", fields.connection_webhook.clone()),
                ("Microsoft Entra tenant ID", fields.tenant_id.to_string()),
                ("Microsoft Entra application ID", fields.application_id.to_string()),
            ];
            let rows = rows.map(|(field, value)| format!("{field:<32}{value}"));
            section("Partner Center, page \"Technical configuration\" of the offer", rows.to_vec());
        }
        section("Next", self.next.clone());
        text
    }
}

/// The plan for people, with what is wrong below it.
pub(super) fn plan_for_people(lines: &[Line]) -> String {
    shown_plan(&lines.iter().map(Entry::of).collect::<Vec<_>>())
}

fn shown_plan(entries: &[Entry]) -> String {
    let row = |entry: &Entry| {
        let state = match (entry.state, entry.done) {
            (_, Done::Made) => "made",
            (_, Done::Mended) => "put right",
            ("later", Done::Nothing) => "not looked at",
            (state, Done::Nothing) => state,
        };
        let needs = entry.needs.map(|needs| format!("needs {needs}")).unwrap_or_default();
        let name = if entry.name.is_empty() { needs } else { harmless(&entry.name) };
        vec![state.to_owned(), words::of(entry.kind).to_owned(), name]
    };
    let mut text = table(&["STATE", "WHAT", "NAME"], &entries.iter().map(row).collect::<Vec<_>>());
    for entry in entries {
        for wrong in &entry.differences {
            text.push_str(&format!("\n\nwrong: {}, {}\n", words::of(entry.kind), wrong.property));
            text.push_str(&format!(
                "  is         {}\n  should be  {}",
                harmless(&wrong.is),
                harmless(&wrong.should)
            ));
            let cure = wrong.by_hand.as_deref().map(harmless);
            let cure =
                cure.map_or_else(|| "--mend puts it right".to_owned(), |cure| format!("by hand: {cure}"));
            text.push_str(&format!("\n  {cure}"));
        }
    }
    text
}

impl Entry {
    fn of(line: &Line) -> Self {
        let (state, needs, differences) = match &line.found {
            Found::Right => ("right", None, Vec::new()),
            Found::Missing => ("missing", None, Vec::new()),
            Found::Wrong(wrong) => ("wrong", None, wrong.clone()),
            Found::Later(needs) => ("later", Some(*needs), Vec::new()),
        };
        Self { kind: line.kind, name: line.name.clone(), state, needs, differences, done: line.done }
    }
}

fn settings(wanted: &Wanted, plan: &Plan) -> BTreeMap<&'static str, String> {
    let seen = &plan.seen;
    let identity = seen.identity.as_ref();
    let group = wanted.disks_group.as_ref().filter(|_| identity.is_some());
    let known = [
        ("LATCHKEY_VENDOR_TENANT_ID", Some(wanted.tenant.to_string())),
        ("LATCHKEY_VENDOR_SUBSCRIPTION_ID", wanted.subscription.map(|id| id.to_string())),
        ("LATCHKEY_APPLICATION_ID", seen.application.as_ref().map(|one| one.app_id.to_string())),
        ("LATCHKEY_MANAGED_IDENTITY_CLIENT_ID", identity.map(|one| one.client_id.to_string())),
        ("LATCHKEY_MANAGED_IDENTITY_ID", identity.map(|one| one.id.clone())),
        ("LATCHKEY_RESOURCE_GROUP", group.map(|group| group.name().to_owned())),
        ("LATCHKEY_REGION", wanted.region.clone()),
        ("LATCHKEY_PUBLIC_URL", wanted.public_url.clone()),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn partner_center(wanted: &Wanted, plan: &Plan) -> Option<PartnerCenter> {
    Some(PartnerCenter {
        landing_page_url: wanted.at("/api/signup")?,
        connection_webhook: wanted.at("/api/marketplace/webhook")?,
        tenant_id: wanted.tenant,
        application_id: plan.seen.application.as_ref()?.app_id,
    })
}

fn next(wanted: &Wanted, plan: &Plan) -> Vec<String> {
    let has = |state: fn(&Found) -> bool| plan.lines.iter().any(|line| state(&line.found));
    if has(|found| *found == Found::Missing) {
        return vec!["run it without --dry-run: what is missing is made".to_owned()];
    }
    let mut next = Vec::new();
    if plan.lines.iter().any(Line::can_be_mended) {
        next.push("run it with --mend: what is wrong is put right".to_owned());
    }
    if let Some(application) = plan.seen.application.as_ref().filter(|_| wanted.identity.is_none()) {
        next.push(format!("azd env set LATCHKEY_APPLICATION_ID {}", application.app_id));
        next.push("azd up    (it runs this command again, for what only exists then)".to_owned());
    } else if plan.seen.identity.is_some() && wanted.public_url.is_some() {
        next.push("docs/operate/deploy.md: the signing key, then the fields in Partner Center".to_owned());
    }
    next
}

/// What the audit keeps of a run.
pub(super) fn outcome(plan: &Plan) -> Json {
    let changed = plan.lines.iter().filter(|line| line.done != Done::Nothing);
    changed
        .map(|line| serde_json::json!({ "kind": line.kind, "name": line.name, "done": line.done }))
        .collect()
}
