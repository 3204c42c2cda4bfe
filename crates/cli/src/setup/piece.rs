//! One thing that the set-up makes: how it is found, and how it is put right.

use anyhow::Context as _;
use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::azure::Azure;

/// What was found of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As it should be.
    Right,
    /// Not there: it will be made.
    Missing,
    /// There, and not as it should be.
    Wrong(Vec<Difference>),
    /// Not looked at: what it needs is not known yet.
    Later(&'static str),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Which property.
    pub property: String,
    /// What it is.
    pub is: String,
    /// What it should be.
    pub should: String,
    /// What to do about it where the set-up does not do it itself, not even with consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
}

/// An application as Graph shows it.
#[derive(Debug, Clone)]
pub struct Application {
    /// By which Graph addresses it.
    pub object_id: String,
    /// By which everybody else knows it: the client ID.
    pub app_id: Uuid,
    /// All that Graph shows.
    pub shown: Json,
}

/// A user-assigned managed identity, with its three ids that are not to be confused.
#[derive(Debug, Clone)]
pub struct Identity {
    /// ARM id: goes into a disk encryption set.
    pub id: String,
    /// Selects it at the identity endpoint.
    pub client_id: Uuid,
    /// Its object in the directory: the subject of the federated credential, and whom roles are assigned to.
    pub principal_id: Uuid,
}

/// What was seen so far in one pass over all pieces.
#[derive(Debug, Default)]
pub struct Seen {
    /// The multi-tenant application.
    pub application: Option<Application>,
    /// The sign-in application.
    pub sign_in: Option<Application>,
    /// The managed identity.
    pub identity: Option<Identity>,
    /// How many federated credentials the application has.
    pub credentials: usize,
    /// What is worth knowing, and left as it is.
    pub notes: Vec<String>,
}

/// One thing that the set-up makes.
#[async_trait]
pub trait Piece: Send + Sync {
    /// What it is, for people and for programs.
    fn kind(&self) -> &'static str;

    /// What it is called.
    fn name(&self) -> String;

    /// Looks at it, and notes what others need of it.
    async fn read(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found>;

    /// Makes it. Called when it is missing.
    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()>;

    /// Puts right what is wrong and not to be mended by hand. Called with consent only.
    async fn mend(&self, azure: &Azure<'_>, seen: &mut Seen, wrong: &[Difference]) -> anyhow::Result<()>;
}

impl Difference {
    pub(super) fn new(property: &str, is: impl Into<String>, should: impl Into<String>) -> Self {
        Self { property: property.to_owned(), is: is.into(), should: should.into(), by_hand: None }
    }

    pub(super) fn by_hand(self, cure: String) -> Self {
        Self { by_hand: Some(cure), ..self }
    }

    /// Whether the set-up can put it right.
    #[must_use]
    pub const fn can_be_mended(&self) -> bool {
        self.by_hand.is_none()
    }
}

impl Found {
    /// Right, or what is wrong.
    pub(super) fn of(wrong: Vec<Difference>) -> Self {
        if wrong.is_empty() { Self::Right } else { Self::Wrong(wrong) }
    }
}

impl Application {
    pub(super) fn read(shown: Json) -> anyhow::Result<Self> {
        let object_id = shown["id"].as_str().context("the application has no id")?.to_owned();
        Ok(Self { object_id, app_id: guid(&shown, "/appId")?, shown })
    }
}

/// A GUID in an answer of Azure.
pub(super) fn guid(shown: &Json, pointer: &str) -> anyhow::Result<Uuid> {
    let text = shown.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    Uuid::parse_str(text).with_context(|| format!("Azure's answer has no {pointer}"))
}
