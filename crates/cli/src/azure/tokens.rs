//! Who is signed in: where tokens come from.

use async_trait::async_trait;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Microsoft Graph: applications.
    Graph,
    /// Azure Resource Manager: identities and roles.
    ResourceManager,
}

impl Resource {
    /// The address of the service, which is also what its tokens are for.
    #[must_use]
    pub const fn url(self) -> &'static str {
        match self {
            Self::Graph => "https://graph.microsoft.com",
            Self::ResourceManager => "https://management.azure.com",
        }
    }
}

/// Gives access tokens of whoever runs the command. They are never printed and never kept in a file.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// An access token for the resource.
    ///
    /// # Errors
    ///
    /// Nobody is signed in, or Microsoft Entra refuses.
    async fn token(&self, resource: Resource) -> anyhow::Result<String>;
}
