//! Microsoft Graph: the part of the directory that set-up and consent need.

use axum::Router;

use crate::world::SharedWorld;

pub(crate) fn router(world: SharedWorld) -> Router {
    Router::new().with_state(world)
}
