//! The commercial marketplace's fulfilment API: not built yet, answers 404 to everything.

use axum::Router;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::world::SharedWorld;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MarketplaceState {}

pub(crate) fn router(world: SharedWorld) -> Router {
    Router::new()
        .fallback(|| async {
            let body =
                serde_json::json!({"error": {"code": "NotFound", "message": "The resource was not found."}});
            (StatusCode::NOT_FOUND, axum::Json(body))
        })
        .with_state(world)
}
