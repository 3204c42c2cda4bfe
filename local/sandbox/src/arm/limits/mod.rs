//! How many calls are taken, and how many sets there may be.
//!
//! Two services count. Resource Manager has a bucket for each caller and subscription that fills up again by the second
//! (Microsoft Learn, "Understand how Azure Resource Manager throttles requests"). Compute counts groups of operations by
//! subscription and region, within three and within thirty minutes; the maxima are those seen in recordings.
//!
//! Our guess: that the two windows begin with their first call and are then fixed; and that a restart of the sandbox
//! begins with nothing counted, as the counters are no state of any resource.

mod compute;
mod gateway;
pub(super) mod groups;
mod pages;

pub(super) use compute::spend;
pub(super) use gateway::take;
pub(super) use pages::page;
