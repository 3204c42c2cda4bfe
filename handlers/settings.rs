//! The app's settings, read from the environment and checked once at start, each by itself and
//! some against each other; all problems are reported together.

use std::{fmt::Display, path::PathBuf, str::FromStr, time::Duration};

use azure_ids::{ApplicationId, ArmId, KeyUrl, Region, SubscriptionId, TenantId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use onboarding::{
    grace::{GracePolicy, GraceRules},
    preflight::SETS_IN_A_REGION,
};
use url::Url;

/// The longest that a duration may be set to: thirty days. Times that are added up must stay times.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const RETRY_FIRST: &str = "LATCHKEY_RETRY_FIRST_MILLISECONDS";
const RETRY_LONGEST: &str = "LATCHKEY_RETRY_LONGEST_MILLISECONDS";
const RETRY_DEADLINE: &str = "LATCHKEY_RETRY_DEADLINE_SECONDS";
const STANDSTILL: &str = "LATCHKEY_STANDSTILL_SECONDS";
const WATCH: &str = "LATCHKEY_WATCH_SECONDS";
const SUSPEND_AFTER: &str = "LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS";
const DEALLOCATE_AFTER: &str = "LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS";
const OFFBOARD_AFTER: &str = "LATCHKEY_GRACE_OFFBOARD_AFTER_SECONDS";
const NOTICE: &str = "LATCHKEY_GRACE_NOTICE_SECONDS";
const SPREADING: &str = "LATCHKEY_SPREADING_SECONDS";

/// Every setting. Secrets have types that do not print.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the Service Bus is.
    pub service_bus: ServiceBusSetting,
    /// `LATCHKEY_JOURNAL_URL`: the object store of journal, claims and reminders, such as `az://container` with
    /// `AZURE_STORAGE_ACCOUNT_NAME`.
    pub journal: Url,
    /// `LATCHKEY_ANCHORS_URL`: where the anchors of the journal are kept, best in a container with an immutability
    /// policy; beside the journal when it is not set.
    pub anchors: Option<Url>,
    /// `LATCHKEY_PUBLIC_URL`: the address under which customers' browsers reach the app, without a trailing slash.
    pub public_url: Url,
    /// `LATCHKEY_VENDOR_TENANT_ID`.
    pub vendor_tenant: TenantId,
    /// `LATCHKEY_VENDOR_SUBSCRIPTION_ID`.
    pub vendor_subscription: SubscriptionId,
    /// `LATCHKEY_APPLICATION_ID`: the multi-tenant application that customers consent to.
    pub application_id: ApplicationId,
    /// `LATCHKEY_MANAGED_IDENTITY_CLIENT_ID`: the user-assigned identity that the app runs as.
    pub managed_identity_client_id: ApplicationId,
    /// `LATCHKEY_MANAGED_IDENTITY_ID`: the same identity's ARM id, which goes into every disk encryption set.
    pub managed_identity: ArmId,
    /// `LATCHKEY_RESOURCE_GROUP`: the group of the disk encryption sets and of the disks.
    pub resource_group: String,
    /// `LATCHKEY_REGION`: the region of the disks.
    pub region: Region,
    /// `LATCHKEY_SIGNING_KEY`: signs links and the state of a consent; base64 of 32 bytes or more.
    pub signing_key: SigningKey,
    /// `LATCHKEY_SIGNING_KEYS_ACCEPTED`: keys that signed before, or are to sign next, separated by commas; what they
    /// signed is accepted.
    pub signing_keys_accepted: SigningKeys,
    /// `LATCHKEY_EVIDENCE_KEY`: the URL of the key that signs evidence packs, EC on P-256, in a vault of the vendor's
    /// tenant. Without a version the newest one signs. When it is not set, no packs are made.
    pub evidence_key: Option<KeyUrl>,
    /// `LATCHKEY_RETRY_FIRST_MILLISECONDS` (2000), `LATCHKEY_RETRY_LONGEST_MILLISECONDS` (300000),
    /// `LATCHKEY_RETRY_DEADLINE_SECONDS` (86400).
    pub retry: onboarding::retry::RetryPolicy,
    /// `LATCHKEY_SPREADING_SECONDS` (1800): how long a refusal after a consent or a grant counts as still spreading.
    pub spreading: Duration,
    /// `LATCHKEY_CHECK_FIRST_SECONDS` (60): the wait before the first check of a blocker.
    pub first_check: Duration,
    /// `LATCHKEY_LOOK_AGAIN_SECONDS` (60): how often a customer may have an onboarding looked at, once in each such time.
    pub look_again: Duration,
    /// `LATCHKEY_STANDSTILL_SECONDS` (3600): how long an onboarding may stand without anybody's turn before it is started
    /// again where it stands; after three times as long the vendor is named.
    pub standstill: Duration,
    /// `LATCHKEY_WATCH_SECONDS` (900): how often the key of an active onboarding is looked at; whole minutes, when it is
    /// more than one. The timer `watch` has to run each minute, or as often as this if that is more often.
    pub watch: Duration,
    /// `LATCHKEY_GRACE_POLICY` (`alerts-only`), `LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS` (86400: long enough for an
    /// administrator in any time zone to have had a working day), `LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS` (259200: long
    /// enough for a weekend), `LATCHKEY_GRACE_OFFBOARD_AFTER_SECONDS` (1209600: two weeks, in which somebody comes back from
    /// a holiday), `LATCHKEY_GRACE_NOTICE_SECONDS` (43200: half a day, so that no notice fits into a night).
    pub grace: GraceRules,
    /// `LATCHKEY_LEAVING_HOLD_SECONDS` (604800), `LATCHKEY_LEAVING_APPROVAL` (`person`), `LATCHKEY_LEAVING_PROOF_SECONDS`
    /// (604800).
    pub leaving: LeavingRules,
    /// `LATCHKEY_OWNERSHIP_PROOF` (`off`): `tag` has the customer show with a tag whose a key is, before it is put in use.
    pub ownership: OwnershipProof,
    /// `LATCHKEY_SET_QUOTA` (5000): how many disk encryption sets Azure allows in the region of the subscription.
    pub set_quota: u32,
    /// `LATCHKEY_WINDOW_MACHINE_SECONDS` (300), `LATCHKEY_WINDOW_DISK_SECONDS` (60): how long a machine is expected to be
    /// down in a window: the first for stopping and starting it, and the second for each of its disks.
    pub pace: Pace,
}

/// What becomes of an onboarding that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeavingRules {
    /// How long nothing is undone.
    pub hold: Duration,
    /// Who approves what is undone.
    pub approval: ApprovedBy,
    /// How long the customer is asked to take our access away, before it has left all the same.
    pub proof: Duration,
}

/// Who approves what is undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApprovedBy {
    /// A person, who saw it.
    #[default]
    Person,
    /// The setting itself: whatever it is.
    Policy,
}

impl FromStr for ApprovedBy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "person" => Ok(Self::Person),
            "policy" => Ok(Self::Policy),
            _ => Err("expected person or policy"),
        }
    }
}

/// How a customer shows whose a key is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnershipProof {
    /// Not at all: whoever grants access to a key is taken to be its owner.
    #[default]
    Off,
    /// The key has a tag with a value that only the customer's page shows.
    Tag,
}

impl FromStr for OwnershipProof {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "tag" => Ok(Self::Tag),
            _ => Err("expected off or tag"),
        }
    }
}

/// How long a machine is expected to be down in a window.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For stopping and starting it.
    pub machine: Duration,
    /// For each of its disks.
    pub disk: Duration,
}

/// Where the Service Bus is, in the two forms that the Functions host accepts under the name `ServiceBus`.
#[derive(Clone)]
pub enum ServiceBusSetting {
    /// `ServiceBus`: a connection string, which holds a key.
    ConnectionString(String),
    /// `ServiceBus__fullyQualifiedNamespace`: reached with the managed identity.
    Namespace(String),
}

impl std::fmt::Debug for ServiceBusSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ConnectionString(_) => f.write_str("ConnectionString(..)"),
            Self::Namespace(namespace) => write!(f, "Namespace({namespace})"),
        }
    }
}

/// The key that signs what browsers carry back to us.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// A key from its bytes.
    ///
    /// # Errors
    /// When it is shorter than 32 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, &'static str> {
        if bytes.len() < 32 { Err("must be at least 32 bytes, written in base64") } else { Ok(Self(bytes)) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl FromStr for SigningKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(STANDARD.decode(text).map_err(|_| "must be base64")?)
    }
}

/// Several signing keys, separated by commas.
#[derive(Debug, Clone, Default)]
pub struct SigningKeys(pub Vec<SigningKey>);

impl FromStr for SigningKeys {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|key| key.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

/// What is wrong with the settings, all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the app cannot start with these settings:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    /// Every setting that is missing, cannot be read, or does not go with another.
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings by a look-up, so that tests need no environment.
    ///
    /// # Errors
    /// Every setting that is missing, cannot be read, or does not go with another.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader =
            Reader { lookup: |name: &str| lookup(name).filter(|value| !value.is_empty()), problems: vec![] };
        let service_bus = reader.service_bus();
        let journal = reader.required("LATCHKEY_JOURNAL_URL");
        let anchors = reader.optional("LATCHKEY_ANCHORS_URL");
        let public_url: Option<Url> = reader.required("LATCHKEY_PUBLIC_URL");
        let vendor_tenant = reader.required("LATCHKEY_VENDOR_TENANT_ID");
        let vendor_subscription = reader.required("LATCHKEY_VENDOR_SUBSCRIPTION_ID");
        let application_id = reader.required("LATCHKEY_APPLICATION_ID");
        let managed_identity_client_id = reader.required("LATCHKEY_MANAGED_IDENTITY_CLIENT_ID");
        let managed_identity = reader.required("LATCHKEY_MANAGED_IDENTITY_ID");
        let resource_group = reader.required("LATCHKEY_RESOURCE_GROUP");
        let region = reader.required("LATCHKEY_REGION");
        let signing_key = reader.required("LATCHKEY_SIGNING_KEY");
        let accepted: Option<SigningKeys> = reader.optional_or_default("LATCHKEY_SIGNING_KEYS_ACCEPTED");
        let evidence_key = reader.optional("LATCHKEY_EVIDENCE_KEY");
        let first = reader.duration(RETRY_FIRST, Duration::from_millis, 2_000);
        let longest = reader.duration(RETRY_LONGEST, Duration::from_millis, 300_000);
        let deadline = reader.duration(RETRY_DEADLINE, Duration::from_secs, 86_400);
        let spreading = reader.duration(SPREADING, Duration::from_secs, 1_800);
        let first_check = reader.duration("LATCHKEY_CHECK_FIRST_SECONDS", Duration::from_secs, 60);
        let look_again = reader.duration("LATCHKEY_LOOK_AGAIN_SECONDS", Duration::from_secs, 60);
        let standstill = reader.duration(STANDSTILL, Duration::from_secs, 3_600);
        let watch = reader.duration(WATCH, Duration::from_secs, 900);
        let policy = reader.optional("LATCHKEY_GRACE_POLICY");
        let suspend_after = reader.duration(SUSPEND_AFTER, Duration::from_secs, 24 * 3_600);
        let deallocate_after = reader.duration(DEALLOCATE_AFTER, Duration::from_secs, 72 * 3_600);
        let offboard_after = reader.duration(OFFBOARD_AFTER, Duration::from_secs, 14 * 86_400);
        let notice = reader.duration(NOTICE, Duration::from_secs, 12 * 3_600);
        let hold = reader.duration("LATCHKEY_LEAVING_HOLD_SECONDS", Duration::from_secs, 7 * 86_400);
        let approval = reader.optional_or_default("LATCHKEY_LEAVING_APPROVAL");
        let proof = reader.duration("LATCHKEY_LEAVING_PROOF_SECONDS", Duration::from_secs, 7 * 86_400);
        let ownership = reader.optional_or_default("LATCHKEY_OWNERSHIP_PROOF");
        let set_quota = reader.optional("LATCHKEY_SET_QUOTA");
        let pace_machine = reader.duration("LATCHKEY_WINDOW_MACHINE_SECONDS", Duration::from_secs, 300);
        let pace_disk = reader.duration("LATCHKEY_WINDOW_DISK_SECONDS", Duration::from_secs, 60);
        reader.no_longer((NOTICE, notice), (SUSPEND_AFTER, suspend_after));
        reader.shorter((SUSPEND_AFTER, suspend_after), (DEALLOCATE_AFTER, deallocate_after));
        reader.shorter((DEALLOCATE_AFTER, deallocate_after), (OFFBOARD_AFTER, offboard_after));
        reader.no_longer((RETRY_FIRST, first), (RETRY_LONGEST, longest));
        reader.shorter((RETRY_LONGEST, longest), (RETRY_DEADLINE, deadline));
        // Otherwise the message is given up before anybody is asked to act.
        reader.shorter((SPREADING, spreading), (RETRY_DEADLINE, deadline));
        let all = || {
            Some(Self {
                service_bus: service_bus?,
                journal: journal?,
                anchors,
                public_url: public_url?,
                vendor_tenant: vendor_tenant?,
                vendor_subscription: vendor_subscription?,
                application_id: application_id?,
                managed_identity_client_id: managed_identity_client_id?,
                managed_identity: managed_identity?,
                resource_group: resource_group?,
                region: region?,
                signing_key: signing_key?,
                signing_keys_accepted: accepted?,
                evidence_key,
                retry: onboarding::retry::RetryPolicy {
                    first: first?,
                    longest: longest?,
                    deadline: deadline?,
                },
                spreading: spreading?,
                first_check: first_check?,
                look_again: look_again?,
                standstill: standstill?,
                watch: watch?,
                grace: GraceRules {
                    policy: policy.unwrap_or(GracePolicy::AlertsOnly),
                    suspend_after: suspend_after?,
                    deallocate_after: deallocate_after?,
                    offboard_after: offboard_after?,
                    notice: notice?,
                },
                leaving: LeavingRules { hold: hold?, approval: approval?, proof: proof? },
                ownership: ownership?,
                set_quota: set_quota.unwrap_or(SETS_IN_A_REGION),
                pace: Pace { machine: pace_machine?, disk: pace_disk? },
            })
        };
        match all() {
            Some(settings) if reader.problems.is_empty() => Ok(settings),
            _ => Err(SettingsError(reader.problems)),
        }
    }

    /// An address of the app, as customers' browsers see it.
    #[must_use]
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// A setting's name and its value, if that can be used.
type Named<'a> = (&'a str, Option<Duration>);

struct Reader<F> {
    lookup: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match (self.lookup)(name) {
            Some(value) => self.parsed(name, &value),
            None => {
                self.problems.push(format!("{name} is not set"));
                None
            }
        }
    }

    fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let value = (self.lookup)(name)?;
        self.parsed(name, &value)
    }

    /// The default when it is not set; `None` when it is set and cannot be read.
    fn optional_or_default<T: FromStr<Err: Display> + Default>(&mut self, name: &str) -> Option<T> {
        match (self.lookup)(name) {
            Some(value) => self.parsed(name, &value),
            None => Some(T::default()),
        }
    }

    fn duration(&mut self, name: &str, unit: fn(u64) -> Duration, default: u64) -> Option<Duration> {
        let duration = match (self.lookup)(name) {
            Some(value) => unit(self.parsed(name, &value)?),
            None => unit(default),
        };
        if duration > LONGEST {
            self.problems.push(format!("{name}: at most 30 days"));
            return None;
        }
        Some(duration)
    }

    /// Two durations of which the first may be as long as the second. What is wrong by itself is not compared.
    fn no_longer(&mut self, one: Named<'_>, other: Named<'_>) {
        self.compared(one, other, |one, other| one <= other, "must not be longer than");
    }

    /// Two durations of which the first must be shorter than the second.
    fn shorter(&mut self, one: Named<'_>, other: Named<'_>) {
        self.compared(one, other, |one, other| one < other, "must be shorter than");
    }

    fn compared(
        &mut self,
        (name, one): Named<'_>,
        (other_name, other): Named<'_>,
        holds: fn(Duration, Duration) -> bool,
        must: &str,
    ) {
        if let (Some(one), Some(other)) = (one, other)
            && !holds(one, other)
        {
            self.problems.push(format!("{name} ({one:?}) {must} {other_name} ({other:?})"));
        }
    }

    /// The value itself is not repeated: some settings are secrets, and a mistyped name may hold one.
    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, value: &str) -> Option<T> {
        value.parse().map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }

    fn service_bus(&mut self) -> Option<ServiceBusSetting> {
        let connection = (self.lookup)("ServiceBus").map(ServiceBusSetting::ConnectionString);
        let namespace =
            (self.lookup)("ServiceBus__fullyQualifiedNamespace").map(ServiceBusSetting::Namespace);
        let setting = connection.or(namespace);
        if setting.is_none() {
            self.problems.push("ServiceBus or ServiceBus__fullyQualifiedNamespace is not set".to_owned());
        }
        setting
    }
}

/// The folder of a `file:` URL.
pub(crate) fn folder_of(url: &Url) -> Option<PathBuf> {
    (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
