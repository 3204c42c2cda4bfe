//! What the page shows, read from the state in one go.

use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::page::overview::{self, DiskLine, GrantLine, SetLine};
use crate::state::State;
use crate::state::directory::{Directory, Policy};

/// More lines than this help nobody; the search finds the others.
const MOST_LINES: usize = 100;

/// Some lines, and how many there are.
pub(super) struct Lines<T> {
    pub(super) shown: Vec<T>,
    pub(super) all: usize,
    /// How many of all are not as they should be.
    pub(super) amiss: usize,
}

impl<T> Lines<T> {
    fn of(lines: impl Iterator<Item = T>, wanted: impl Fn(&T) -> bool) -> Self {
        Self::judged(lines, wanted, |_| false)
    }

    fn judged(
        lines: impl Iterator<Item = T>,
        wanted: impl Fn(&T) -> bool,
        is_amiss: impl Fn(&T) -> bool,
    ) -> Self {
        let mut found = Self { shown: Vec::new(), all: 0, amiss: 0 };
        for line in lines.filter(wanted) {
            found.all += 1;
            found.amiss += usize::from(is_amiss(&line));
            if found.shown.len() < MOST_LINES {
                found.shown.push(line);
            }
        }
        found
    }

    pub(super) fn left_out(&self) -> usize {
        self.all - self.shown.len()
    }
}

pub(super) struct TenantLine {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) id: Uuid,
    pub(super) region: String,
    pub(super) users: Vec<(String, bool)>,
    pub(super) subscriptions: Vec<(Uuid, String)>,
    pub(super) policies: Vec<Policy>,
}

pub(super) struct ApplicationLine {
    pub(super) name: String,
    pub(super) app_id: Uuid,
    pub(super) tenant: String,
    pub(super) multi_tenant: bool,
    pub(super) credentials: Vec<String>,
}

pub(super) struct PrincipalLine {
    pub(super) name: String,
    pub(super) object_id: Uuid,
    pub(super) app_id: Uuid,
    pub(super) tenant: String,
    pub(super) home: String,
    pub(super) enabled: bool,
    pub(super) managed: bool,
}

pub(super) struct KeyLine {
    pub(super) vault: String,
    pub(super) key: String,
    pub(super) kind: String,
    pub(super) versions: usize,
    pub(super) newest: String,
    pub(super) enabled: bool,
    pub(super) state: &'static str,
    pub(super) expires: Option<String>,
    pub(super) deleted: bool,
}

pub(super) struct EventLine {
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) endpoint: String,
    pub(super) standing: String,
    pub(super) sent: usize,
    pub(super) pending: usize,
    pub(super) dropped: u64,
}

/// Everything that the page shows of the state.
pub(super) struct View {
    pub(super) now: String,
    pub(super) tenants: Lines<TenantLine>,
    pub(super) applications: Lines<ApplicationLine>,
    pub(super) principals: Lines<PrincipalLine>,
    pub(super) keys: Lines<KeyLine>,
    pub(super) grants: Lines<(GrantLine, String)>,
    pub(super) sets: Lines<SetLine>,
    pub(super) disks: Lines<DiskLine>,
    pub(super) events: Lines<EventLine>,
}

impl View {
    pub(super) fn of(state: &State, now: OffsetDateTime, find: &str) -> Self {
        let find = find.trim().to_lowercase();
        let has =
            |texts: &[&str]| find.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&find));
        let directory = &state.directory;
        Self {
            now: moment(now),
            tenants: Lines::of(tenants(directory), |line| {
                has(&[&line.name, &line.domain, &line.id.to_string()])
            }),
            applications: Lines::of(applications(directory), |line| {
                has(&[&line.name, &line.tenant, &line.app_id.to_string()])
            }),
            principals: Lines::judged(
                principals(directory),
                |line| {
                    has(&[&line.name, &line.tenant, &line.app_id.to_string(), &line.object_id.to_string()])
                },
                |line| !line.enabled,
            ),
            keys: Lines::judged(
                keys(state, now),
                |line| has(&[&line.vault, &line.key, &line.newest]),
                |line| line.state != "enabled",
            ),
            grants: Lines::of(grants(state, now).into_iter(), |(line, who)| {
                has(&[&line.scope, &line.role, who, &line.principal.to_string()])
            }),
            sets: Lines::judged(
                overview::sets(state).into_iter(),
                |line| has(&[&line.id, &line.key_url]),
                |line| line.error.is_some() || line.provisioning_state == "Failed",
            ),
            disks: Lines::judged(
                overview::disks(state).into_iter(),
                |line| has(&[&line.id, line.set.as_deref().unwrap_or_default()]),
                |line| line.encryption == "EncryptionAtRestWithPlatformKey",
            ),
            events: Lines::judged(
                events(state),
                |line| has(&[&line.name, &line.topic, &line.endpoint]),
                |line| line.pending > 0 || line.dropped > 0,
            ),
        }
    }

    /// Id, title and number of lines of each section, in the order of the page.
    pub(super) fn sections(&self) -> [(&'static str, &'static str, Option<usize>); 10] {
        [
            ("tenants", "Tenants", Some(self.tenants.all)),
            ("applications", "Applications", Some(self.applications.all)),
            ("consents", "Consents", Some(self.principals.all)),
            ("keys", "Keys", Some(self.keys.all)),
            ("grants", "Grants", Some(self.grants.all)),
            ("sets", "Sets", Some(self.sets.all)),
            ("disks", "Disks", Some(self.disks.all)),
            ("events", "Events", Some(self.events.all)),
            ("faults", "Faults", None),
            ("traffic", "Traffic", None),
        ]
    }
}

fn tenants(directory: &Directory) -> impl Iterator<Item = TenantLine> + '_ {
    directory.tenants.values().map(|tenant| TenantLine {
        name: tenant.display_name.clone(),
        domain: tenant.domain.clone(),
        id: tenant.tenant_id,
        region: tenant.region.clone(),
        users: tenant
            .users
            .values()
            .map(|user| {
                (user.user_principal_name.clone(), tenant.directory_administrators.contains(&user.object_id))
            })
            .collect(),
        subscriptions: tenant.subscriptions().collect(),
        policies: tenant.policies.iter().copied().collect(),
    })
}

fn applications(directory: &Directory) -> impl Iterator<Item = ApplicationLine> + '_ {
    directory.applications.values().map(|application| ApplicationLine {
        name: application.display_name().to_owned(),
        app_id: application.app_id,
        tenant: tenant_name(directory, application.tenant),
        multi_tenant: application.is_multi_tenant(),
        credentials: application
            .federated_credentials
            .iter()
            .map(|credential| format!("federated: {}", credential.name))
            .chain(application.secrets.iter().map(|secret| format!("secret {}…", secret.hint)))
            .collect(),
    })
}

fn principals(directory: &Directory) -> impl Iterator<Item = PrincipalLine> + '_ {
    directory.service_principals.values().map(|principal| {
        let home = directory.application_by_app_id(principal.app_id).map(|application| application.tenant);
        PrincipalLine {
            name: principal.display_name.clone(),
            object_id: principal.object_id,
            app_id: principal.app_id,
            tenant: tenant_name(directory, principal.tenant),
            home: home.map_or_else(|| "—".to_owned(), |home| tenant_name(directory, home)),
            enabled: principal.enabled,
            managed: principal.managed_identity.is_some(),
        }
    })
}

fn keys(state: &State, now: OffsetDateTime) -> impl Iterator<Item = KeyLine> + '_ {
    let seconds = now.unix_timestamp();
    state.key_vault.every_key().filter_map(move |(vault, key)| {
        let newest = key.versions.last()?;
        let deleted = key.deleted_at.is_some();
        let state = match () {
            () if deleted => "deleted",
            () if !newest.enabled => "disabled",
            () if newest.expires.is_some_and(|end| end <= seconds) => "expired",
            () if !newest.in_its_time(seconds) => "not yet valid",
            () => "enabled",
        };
        Some(KeyLine {
            vault: vault.to_owned(),
            key: key.name.clone(),
            kind: format!("{} {}", newest.key_type, newest.size()),
            versions: key.versions.len(),
            newest: newest.version.clone(),
            enabled: newest.enabled,
            state,
            expires: newest.expires.and_then(|end| OffsetDateTime::from_unix_timestamp(end).ok()).map(moment),
            deleted,
        })
    })
}

fn grants(state: &State, now: OffsetDateTime) -> Vec<(GrantLine, String)> {
    let directory = &state.directory;
    let user = |id: Uuid| directory.tenants.values().find_map(|tenant| tenant.users.get(&id));
    overview::grants(state, now)
        .into_iter()
        .map(|line| {
            let who = match directory.service_principals.get(&line.principal) {
                Some(principal) => principal.display_name.clone(),
                None => user(line.principal)
                    .map_or_else(|| "nobody any more".to_owned(), |user| user.user_principal_name.clone()),
            };
            (line, who)
        })
        .collect()
}

fn events(state: &State) -> impl Iterator<Item = EventLine> + '_ {
    let grid = &state.event_grid;
    grid.subscriptions.values().map(move |held| EventLine {
        name: held.name.clone(),
        topic: held.topic.clone(),
        endpoint: held.endpoint.clone(),
        standing: format!("{:?}", held.standing),
        sent: grid.sent.get(&held.id).map_or(0, std::collections::VecDeque::len),
        pending: grid.pending.iter().filter(|delivery| delivery.subscription == held.id).count(),
        dropped: grid.dropped.get(&held.id).copied().unwrap_or_default(),
    })
}

fn tenant_name(directory: &Directory, tenant: Uuid) -> String {
    directory.tenants.get(&tenant).map_or_else(|| tenant.to_string(), |tenant| tenant.display_name.clone())
}

pub(super) fn moment(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    at.format(format).unwrap_or_default()
}
