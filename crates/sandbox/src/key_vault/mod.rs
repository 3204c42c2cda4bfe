//! Key Vault's data plane: not built yet, answers 404 to everything.

use axum::Router;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::state::State;
use crate::world::SharedWorld;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeyVaultState {}

/// Whether the name `{vault}.vault.azure.net` resolves: the proxy asks before it opens a tunnel.
pub(crate) fn vault_resolves(_state: &State, _vault: &str) -> bool {
    false
}

pub(crate) fn router(world: SharedWorld) -> Router {
    Router::new()
        .fallback(|| async {
            let body =
                serde_json::json!({"error": {"code": "NotFound", "message": "The resource was not found."}});
            (StatusCode::NOT_FOUND, axum::Json(body))
        })
        .with_state(world)
}
